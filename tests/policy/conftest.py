"""Small models, pictures and a server that we did not write, each made once."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from metaspatial_addon.policy.endpoint import policy as endpoint
from tests.policy.servers import ScriptedServer, Step
from tests.policy.serving import ModelServer, serve


def _png(seed: int, width: int = 56, height: int = 40) -> bytes:
    """A picture of coloured noise."""
    import numpy as np
    from PIL import Image

    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="session")
def png() -> Callable[..., bytes]:
    """png(seed, width, height) -> a PNG file."""
    return _png


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """small_model(kind) -> the folder of a small model with random weights."""
    from tests.policy.models import build

    built: dict[str, Path] = {}

    def folder(kind: str) -> Path:
        if kind not in built:
            built[kind] = build(kind, tmp_path_factory.mktemp(kind))
        return built[kind]

    return folder


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ScriptedServer]]:
    """start(*steps) -> a running scripted server."""
    monkeypatch.delenv("METASPATIAL_API_KEY", raising=False)
    monkeypatch.setattr(endpoint, "BACK_OFF", 0.01)
    servers = []

    def run(*steps: Step) -> ScriptedServer:
        server = ScriptedServer()
        server.steps = list(steps)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return server

    yield run
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="session")
def transformers_server(small_model, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    """`transformers serve` with a small Idefics3."""
    pytest.importorskip("fastapi", reason="the server needs transformers[serving]")
    with serve(small_model("idefics3"), tmp_path_factory.mktemp("hub")) as server:
        yield server
