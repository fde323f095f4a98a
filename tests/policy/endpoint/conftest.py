"""Raw servers, stopped at the end of a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from metaspatial_addon.policy.endpoint import policy as endpoint
from tests.policy.endpoint.raw_servers import RawServer, Talk


@pytest.fixture
def raw(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., RawServer]]:
    """raw(talk) -> a running server."""
    monkeypatch.delenv("METASPATIAL_API_KEY", raising=False)
    monkeypatch.setattr(endpoint, "BACK_OFF", 0.01)
    servers = []

    def run(talk: Talk, **options: bool) -> RawServer:
        servers.append(RawServer(talk, **options))
        return servers[-1]

    yield run
    for server in servers:
        server.close()
