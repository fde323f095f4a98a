"""Small models, pictures and a server that we did not write, each made once."""

from __future__ import annotations

import ctypes
import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.policy.servers import ScriptedServer, Step


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


@dataclass(frozen=True)
class ModelServer:
    """A running server and the model that it knows."""

    url: str
    model: str


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: even if pytest itself is killed


@pytest.fixture(scope="session")
def transformers_server(small_model, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    """`transformers serve` with a small Idefics3."""
    command = shutil.which("transformers", path=str(Path(sys.executable).parent))
    pytest.importorskip("fastapi", reason="the server needs transformers[serving]")
    assert command, "transformers is installed without its command"
    model = small_model("idefics3")
    home = tmp_path_factory.mktemp("hub")
    (home / "hub").mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = (home / "server.log").open("w+")
    environment = {**os.environ, "HF_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    process = subprocess.Popen(
        [command, "serve", "--port", str(port), "--host", "127.0.0.1"],
        stdout=log,
        stderr=subprocess.STDOUT,
        env=environment,
        preexec_fn=_die_with_parent,
    )
    try:
        until = time.monotonic() + 90
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2).close()
                break
            except (urllib.error.URLError, OSError):
                log.seek(0)
                assert process.poll() is None, log.read()[-2000:]
                assert time.monotonic() < until, log.read()[-2000:]
                time.sleep(0.2)
        yield ModelServer(f"http://127.0.0.1:{port}/v1", str(model))
    finally:
        process.kill()
        process.wait()
        log.close()
