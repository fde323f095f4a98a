"""Workers of the pool as Ray actors, on whatever machines a cluster has. They need the checkout at the same path, and
a Python with bpy in which Ray runs.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
from pathlib import Path
from typing import Any

import ray
import ray.exceptions

from headless import cli
from metaspatial_addon.worker.memory import resident_mb

from .base import StepResult
from .pool import WorkerBug, WorkerLost
from .pool_worker import EpisodeRequest, PoolWorker, WorkerConfig

ROOT = Path(__file__).resolve().parents[3]

_CONNECT_SECONDS = 10.0


class _Actor:
    """Lives in a Ray worker process."""

    def __init__(self, config: WorkerConfig):
        self._config = config
        self._worker = PoolWorker.from_config(config)

    def ready(self) -> None:
        """Return when the actor is there."""
        self._end_if_grown()

    def play(self, request: EpisodeRequest) -> StepResult:
        """See `PoolWorker.play`."""
        result = self._worker.play(request)
        self._end_if_grown()
        return result

    def _end_if_grown(self) -> None:
        """End the process if it holds more than it may. Growth within a turn is left to Ray's own memory monitor."""
        if resident_mb() > self._config.memory_mb:
            os._exit(1)


def connect(address: str) -> None:
    """Join the cluster at HOST:PORT, ray://HOST:PORT, or at `auto` the one on this machine. Raises CommandError."""
    try:
        if address != "auto":  # Ray itself would try for minutes
            host, _, port = address.removeprefix("ray://").rpartition(":")
            socket.create_connection((host, int(port)), _CONNECT_SECONDS).close()
        handler = signal.getsignal(signal.SIGTERM)
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        signal.signal(signal.SIGTERM, handler)  # Ray puts its own in the place
    except (OSError, RuntimeError, ValueError) as error:
        raise cli.CommandError(f"--ray {address}: no cluster can be reached there ({error})") from error


class RayWorker:
    """A worker that takes one core of the cluster. Requests and results travel by Ray's own serialisation."""

    def __init__(self, config: WorkerConfig):
        variables = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        actor: Any = ray.remote(_Actor)  # Ray adds `remote` to the class and its methods
        self._actor = actor.options(num_cpus=1, runtime_env={"env_vars": variables}).remote(config)

    def open(self, seconds: float) -> None:
        """See `pool.EpisodeWorker`."""
        self._result(self._actor.ready.remote(), seconds)

    def play(self, request: EpisodeRequest, seconds: float) -> StepResult:
        """See `pool.EpisodeWorker`."""
        return self._result(self._actor.play.remote(request), seconds)

    def stop(self) -> None:
        """See `pool.EpisodeWorker`."""
        ray.kill(self._actor)

    def _result(self, reference: ray.ObjectRef, seconds: float) -> Any:
        try:
            return ray.get(reference, timeout=seconds)
        except ray.exceptions.GetTimeoutError:
            raise WorkerLost(f"it did not answer in {seconds:g} s") from None
        except ray.exceptions.RayTaskError as error:
            raise WorkerBug(str(error)) from error
        except ray.exceptions.RayError as error:
            raise WorkerLost(" ".join(str(error).split())) from error
