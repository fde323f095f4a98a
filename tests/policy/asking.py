"""What asks a scripted server."""

from __future__ import annotations

import pytest

from metaspatial_addon.core.conversation import Message
from metaspatial_addon.policy.base import PolicyError, Reply
from metaspatial_addon.policy.endpoint.policy import EndpointPolicy
from tests.policy.servers import ScriptedServer

KEY = "sk-secret-0123456789"
HELLO = (Message("user", "hello"),)


def ask(server: ScriptedServer, *, model: str = "some-model", **options: object) -> Reply:
    options = {"timeout": 5.0, **options}
    return EndpointPolicy(server.url, model, **options).answer([HELLO], [1])[0]  # type: ignore[arg-type]


def failure(server: ScriptedServer, **options: object) -> str:
    """The text of the error, which must name the server, fit a panel and not hold the key."""
    with pytest.raises(PolicyError) as caught:
        ask(server, **options)
    text = str(caught.value)
    assert f"127.0.0.1:{server.server_port}" in text
    assert len(text) <= 200 and text.endswith("."), text
    assert KEY not in text and caught.value.__cause__ is None
    return text
