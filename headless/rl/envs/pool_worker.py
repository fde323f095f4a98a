"""What a worker of the pool does, wherever it lives: plays one turn after the other, each request complete in itself.

An episode that it does not know, since another worker played it, is played again from its task and answers. Used by
`process_main` in a process and by `ray_worker` in a Ray actor; imports bpy, and no torch.

No thread may run Python while it plays, not even to watch its memory: Blender's operators release the GIL and look up
their context without it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from metaspatial_addon.core.task import Task

from .base import Environments, EpisodeSettings, StepResult


@dataclass(frozen=True)
class WorkerConfig:
    """What a worker plays with: as `SyncEnvironments`, one thread. It is ended when it holds more than `memory_mb`."""

    rendering: Literal["compact", "full"]
    pixels: int = 0
    memory_mb: int = 4096


@dataclass(frozen=True)
class EpisodeRequest:
    """To begin an episode, or with answers in `said`, to judge the last of them.

    Keys grow with every episode of a pool. Those below `oldest` are over.
    """

    key: int
    oldest: int
    task: Task
    settings: EpisodeSettings
    said: tuple[str, ...] = ()


class PoolWorker:
    """Plays on environments of its own, which tell of one request at a time."""

    def __init__(self, environments: Environments):
        self._environments = environments
        self._tasks: list[Task] = []
        self._answered: dict[int, int] = {}  # answers taken, by key
        self._oldest = 0

    @classmethod
    def from_config(cls, place: WorkerConfig) -> PoolWorker:
        """With real physics and renders, in a process that nothing else works in."""
        from metaspatial_addon.prompts.compact import CompactFormat
        from metaspatial_addon.prompts.full import FullFormat

        with _one_core():
            from .sync import SyncEnvironments  # loads bpy

        prompt_format = CompactFormat() if place.rendering == "compact" else FullFormat()
        return cls(SyncEnvironments(prompt_format, place.pixels, threads=1).__enter__())

    def play(self, request: EpisodeRequest) -> StepResult:
        """What the environment says to the last answer, or to the beginning. A fault's episode is forgotten."""
        if request.oldest != self._oldest:  # the first of new episodes: all others are over
            self._environments.forget()
            self._tasks, self._answered, self._oldest = [], {}, request.oldest
        last = len(request.said) - 1
        if not request.said or self._answered.get(request.key) != last:
            told = self._begin(request)
            for text in request.said[:-1]:
                if told.fault:
                    break
                told = self._answer(request.key, text)
            if told.fault or not request.said:
                return told
        return self._answer(request.key, request.said[-1])

    def _begin(self, request: EpisodeRequest) -> StepResult:
        # The stage builds a room again for every new object: episodes of one task share it.
        task = next((known for known in self._tasks if known == request.task), request.task)
        if task is request.task:
            self._tasks.append(task)
        self._environments.begin(request.key, task, request.settings)
        return self._told(request.key, 0)

    def _answer(self, key: int, text: str) -> StepResult:
        self._environments.answer(key, text)
        return self._told(key, self._answered[key] + 1)

    def _told(self, key: int, answered: int) -> StepResult:
        [(_, told)] = self._environments.collect()
        self._answered[key] = answered
        return told


@contextmanager
def _one_core() -> Iterator[None]:
    """Blender, as it is loaded, counts the cores that it may use and later has as many task threads. In a process that
    shares the machine with others like it they only spin: a worker took 1.4 cores for what it does on one."""
    if not hasattr(os, "sched_setaffinity"):  # Linux has it
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
