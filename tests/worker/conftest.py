"""Real workers, by plain Python or the Blender that runs these tests, and servers that they may ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from metaspatial_addon.worker.client import Worker, worker_command
from tests.policy.servers import ScriptedServer, Step
from tests.worker.waiting import wait_gone

KEY = "sk-secret-0123456789"


@contextmanager
def running(log: Path) -> Iterator[Worker]:
    import bpy

    worker = Worker(worker_command(bpy.app.binary_path), log, {"METASPATIAL_API_KEY": KEY})
    yield worker
    worker.stop()
    wait_gone(worker.pid)


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    """A worker that has just been started; its log is `tmp_path / "log"`."""
    with running(tmp_path / "log") as worker:
        yield worker


@pytest.fixture(scope="module")
def busy_worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """A worker that has done other jobs before, as most have."""
    with running(tmp_path_factory.mktemp("busy") / "log") as worker:
        yield worker


@pytest.fixture
def serve() -> Iterator[Callable[..., ScriptedServer]]:
    """Starts chat servers that answer with these steps."""
    import threading

    servers = []

    def serve(*steps: Step) -> ScriptedServer:
        server = ScriptedServer()
        server.steps = list(steps)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        servers.append(server)
        return server

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()
