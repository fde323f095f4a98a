"""What a worker of the pool does, wherever it runs: play one turn after the other, each request complete in itself.

An episode that it does not know, since another worker played it, is replayed from its task and completions. Run by
`metaspatial_addon.worker.process_main` in a process (see `serve`) and by `ray_worker` in a Ray actor; imports bpy, and
no torch.

No thread may run Python while it plays, not even to watch its memory: Blender's operators release the GIL and look up
their context without it.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from headless.judge import JudgeSettings
from headless.user_terms import TermSettings
from metaspatial_addon.core.task import Task

from . import wire
from .base import Environments, EpisodeSettings, StepResult


@dataclass(frozen=True)
class WorkerConfig:
    """Options of a worker: those of `SyncEnvironments`, and the resident memory in MB above which it is replaced."""

    prompt_format: Literal["compact", "full"]
    pixels: int = 0
    memory_mb: int = 4096
    judge: JudgeSettings | None = None
    user_terms: tuple[TermSettings, ...] = ()


@dataclass(frozen=True)
class EpisodeRequest:
    """To begin an episode, or with `completions`, to score the last of them.

    Keys grow with every episode of a pool. Those below `oldest` are over.
    """

    key: int
    oldest: int
    task: Task
    settings: EpisodeSettings
    completions: tuple[str, ...] = ()


class PoolWorker:
    """Plays on environments of its own, one request at a time."""

    def __init__(self, environments: Environments):
        self._environments = environments
        self._tasks: dict[int, Task] = {}  # by key
        self._answered: dict[int, int] = {}  # number of completions taken, by key

    @classmethod
    def from_config(cls, config: WorkerConfig) -> PoolWorker:
        """With real physics and renders on one thread, in a process that nothing else works in."""
        from metaspatial_addon.prompts.compact import CompactFormat
        from metaspatial_addon.prompts.full import FullFormat

        with _one_core():
            from .sync import SyncEnvironments  # loads bpy

        prompt_format = CompactFormat() if config.prompt_format == "compact" else FullFormat()
        return cls(SyncEnvironments(prompt_format, config.pixels, 1, config.judge, config.user_terms).__enter__())

    def play(self, request: EpisodeRequest) -> StepResult:
        """The result of the last completion, or of the beginning. An episode with a fault is forgotten."""
        self._environments.forget(request.oldest)
        self._tasks = {key: task for key, task in self._tasks.items() if key >= request.oldest}
        self._answered = {key: count for key, count in self._answered.items() if key >= request.oldest}
        last = len(request.completions) - 1
        if not request.completions or self._answered.get(request.key) != last:
            result = self._begin(request)
            for text in request.completions[:-1]:
                if result.fault:
                    break
                result = self._answer(request.key, text)
            if result.fault or not request.completions:
                return result
        return self._answer(request.key, request.completions[-1])

    def _begin(self, request: EpisodeRequest) -> StepResult:
        # The stage builds a room again for every new object: episodes of one task share it.
        task = next((known for known in self._tasks.values() if known == request.task), request.task)
        self._tasks[request.key] = task
        self._environments.begin(request.key, task, request.settings)
        return self._collect(request.key, 0)

    def _answer(self, key: int, text: str) -> StepResult:
        self._environments.answer(key, text)
        return self._collect(key, self._answered[key] + 1)

    def _collect(self, key: int, answered: int) -> StepResult:
        [(_, result)] = self._environments.collect()
        self._answered[key] = answered
        return result


def serve(send: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any] | None], None]:
    """Play for `process.ProcessWorker`. See `process_main`.

    `open` has a `config` and is answered with `opened`; `play` has a `request` and is answered with a `result`. An
    exception is answered with its traceback in `bug`. All of these are dataclasses by `wire`.
    """
    worker: PoolWorker | None = None

    def on_message(message: dict[str, Any] | None) -> None:
        nonlocal worker
        if message is None:
            raise ValueError("expected a JSON object with a type")
        try:
            if message["type"] == "open":
                worker = worker or PoolWorker.from_config(wire.from_json(WorkerConfig, message["config"]))
                answer = {"type": "opened"}
            else:
                assert worker is not None, "play before open"
                result = worker.play(wire.from_json(EpisodeRequest, message["request"]))
                answer = {"type": "result", "result": wire.to_json(result)}
        except MemoryError:
            raise
        except Exception:
            traceback.print_exc()
            answer = {"type": "bug", "traceback": traceback.format_exc()}
        send(answer)

    send({"type": "hello"})
    return on_message


@contextmanager
def _one_core() -> Iterator[None]:
    """Bind this thread to one core inside. Blender counts the cores that it may use when it is loaded, and later has as
    many task threads. In a process that shares the machine with others like it they only spin: a worker took 1.4 cores
    for what it does on one."""
    if not hasattr(os, "sched_setaffinity"):  # Linux has it
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
