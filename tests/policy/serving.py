"""A model server that we did not write: `transformers serve`."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ModelServer:
    """A running server and the model that it knows."""

    url: str
    model: str


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: even if the parent itself is killed


@contextmanager
def serve(model: Path, home: Path) -> Iterator[ModelServer]:
    """The server with the model of a folder, while it lasts. Its cache and log are kept in `home`."""
    command = shutil.which("transformers", path=str(Path(sys.executable).parent))
    assert command, "transformers is installed without its command"
    (home / "hub").mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "HF_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    with (home / "server.log").open("w+") as log:
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
