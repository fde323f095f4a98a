"""The pool's end of a worker that is a process on this machine, on top of the add-on's own process handling.

It is started by subprocess and not by multiprocessing, since inside Blender `sys.executable` is not Blender.
"""

from __future__ import annotations

import base64
import pickle
import queue
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from metaspatial_addon.worker import client

from .base import StepResult
from .pool import WorkerBug, WorkerLost
from .pool_worker import EpisodeRequest, WorkerConfig

MAIN = Path(__file__).resolve().with_name("process_main.py")

_LOOK_EVERY = 0.1  # seconds between looks whether the process still lives


def worker_command() -> list[str]:
    """The command that starts a worker: this Blender, headless, or this Python where bpy is a module of it."""
    bpy = sys.modules.get("bpy")
    blender, *options, _ = client.worker_command(bpy.app.binary_path if bpy else "")
    return [blender, *(["--threads", "1", *options] if options else []), str(MAIN)]


class ProcessWorker(client.Worker):
    """A worker process; what it prints goes to the end of the file `log`. Its memory is watched from here."""

    def __init__(self, place: WorkerConfig, log: Path, command: Sequence[str] = ()):
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        try:
            super().__init__(command or worker_command(), log, threads)
        except OSError as error:
            raise WorkerLost(f"it cannot be started ({error})") from error
        self._place, self._log = place, log

    def open(self, seconds: float) -> None:
        self._ask("open", self._place, seconds)

    def play(self, request: EpisodeRequest, seconds: float) -> StepResult:
        return pickle.loads(base64.b64decode(self._ask("play", request, seconds)["content"]))

    def _ask(self, kind: str, content: object, seconds: float) -> dict[str, Any]:
        """The answer to a message. Raises WorkerLost and WorkerBug."""
        self.send({"type": kind, "content": base64.b64encode(pickle.dumps(content)).decode()})
        deadline = time.monotonic() + seconds
        while True:
            try:
                message = self._said.get(timeout=_LOOK_EVERY)
            except queue.Empty:
                message = None
            if self._held_mb() > self._place.memory_mb:
                raise WorkerLost(f"it grew past {self._place.memory_mb} MB")
            if message is None:
                if not self.alive:
                    raise WorkerLost(f"it ended with code {self.returncode}, see {self._log}")
                if time.monotonic() > deadline:
                    raise WorkerLost(f"it did not answer in {seconds:g} s")
                continue
            if message["type"] == "bug":
                raise WorkerBug(message["content"])
            if message["type"] != "hello":
                return message

    def _held_mb(self) -> float:
        """Resident memory of the process; 0 when it is gone."""
        try:
            return psutil.Process(self.pid).memory_info().rss / 2**20
        except psutil.Error:
            return 0.0
