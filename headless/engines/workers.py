"""Worker processes of this machine that play for an engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from headless.rl.envs.pool import Pool
from headless.rl.envs.pool_worker import WorkerConfig
from headless.rl.envs.process import ProcessWorker
from headless.rl.envs.sessions import Sessions
from metaspatial_addon.core.temporary import TemporaryFolder


@contextmanager
def worker_sessions(
    workers: int, pixels: int, on_failure: Callable[[Exception], None] = lambda error: None
) -> Iterator[Sessions]:
    """Yield sessions on `workers` processes, in the conversation of pretrained models with pictures of `pixels`, 0 for
    none. See `Sessions` for `on_failure`."""
    config = WorkerConfig("full", pixels)
    with (
        TemporaryFolder() as logs,
        Pool(lambda number: ProcessWorker(config, logs / f"worker_{number}.log"), workers) as pool,
        Sessions(pool, on_failure) as sessions,
    ):
        yield sessions
