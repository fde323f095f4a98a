"""The pool's end of a worker that is a process on this machine, on top of the add-on's own process handling.

It is started by subprocess and not by multiprocessing, since inside Blender `sys.executable` is not Blender.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from metaspatial_addon.worker import client
from metaspatial_addon.worker.memory import resident_mb

from . import wire
from .base import StepResult
from .pool import WorkerBug, WorkerLost
from .pool_worker import EpisodeRequest, WorkerConfig

SERVICE = "headless.rl.envs.pool_worker"

_CHECK_EVERY = 0.1  # seconds between checks of the process
_MEASURE_EVERY = 2.0 if sys.platform == "darwin" else 0.0  # seconds between two looks at memory: macOS starts `ps`


def worker_command() -> list[str]:
    """The command that starts a worker: this Blender, headless, or this Python where bpy is a module of it."""
    bpy = sys.modules.get("bpy")
    blender, *options, main = client.worker_command(bpy.app.binary_path if bpy else "")
    return [blender, *(["--threads", "1", *options] if options else []), main]


class ProcessWorker(client.Worker):
    """A worker process; what it prints goes to the end of the file `log`. Its memory is watched from here."""

    def __init__(self, config: WorkerConfig, log: Path, command: Sequence[str] = ()):
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        try:
            super().__init__(command or worker_command(), log, threads, SERVICE)
        except OSError as error:
            raise WorkerLost(f"it cannot be started ({error})") from error
        self._config, self._log = config, log
        self._measured = -_MEASURE_EVERY

    def open(self, seconds: float) -> None:
        """See `pool.EpisodeWorker`."""
        self._ask({"type": "open", "config": wire.to_json(self._config)}, seconds)

    def play(self, request: EpisodeRequest, seconds: float) -> StepResult:
        """See `pool.EpisodeWorker`."""
        answer = self._ask({"type": "play", "request": wire.to_json(request)}, seconds)
        return wire.from_json(StepResult, answer["result"])

    def _ask(self, message: dict[str, Any], seconds: float) -> dict[str, Any]:
        """The answer to a message. Raises WorkerLost and WorkerBug."""
        self.send(message)
        deadline = time.monotonic() + seconds
        while True:
            answer = self.receive(_CHECK_EVERY)
            now = time.monotonic()
            if now - self._measured >= _MEASURE_EVERY:
                self._measured = now
                if resident_mb(self.pid) > self._config.memory_mb:
                    raise WorkerLost(f"it grew past {self._config.memory_mb} MB")
            if answer is None:
                if not self.alive:
                    raise WorkerLost(f"it ended with code {self.returncode}, see {self._log}")
                if now > deadline:
                    raise WorkerLost(f"it did not answer in {seconds:g} s")
                continue
            if answer["type"] == "bug":
                raise WorkerBug(answer["traceback"])
            if answer["type"] != "hello":
                return answer
