"""Episodes that many threads play at once in one pool, each thread waiting for its own results alone.

For servers and engines whose environments are called one by one: the pool itself has a single caller.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

from metaspatial_addon.core.task import Task

from .base import Environments, EpisodeSettings, StepResult


class Sessions:
    """Any number of episodes on `environments`, which nobody else uses meanwhile. Use it as a context manager.

    Where the environments fail altogether, as when no worker can be started, every episode has a fault from then on,
    and `on_failure` is called once with the exception, in a thread of this object's.
    """

    def __init__(self, environments: Environments, on_failure: Callable[[Exception], None] = lambda error: None):
        self._environments, self._on_failure = environments, on_failure
        self._changed = threading.Condition()  # guards all that follows
        self._next = 0
        self._live: set[int] = set()
        self._due: dict[int, Future[StepResult]] = {}
        self._failure: Exception | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._collect, name="sessions", daemon=True)

    def __enter__(self) -> Sessions:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._closing = True
            self._environments.forget()
            self._changed.notify_all()
        self._thread.join()

    def begin(self, task: Task, settings: EpisodeSettings) -> tuple[int, StepResult]:
        """Begin an episode; returns its number and its first messages, or a fault."""
        with self._changed:
            number, self._next = self._next, self._next + 1
            self._live.add(number)
            due = self._ask(number, lambda: self._environments.begin(number, task, settings))
        return number, due.result()

    def answer(self, number: int, text: str) -> StepResult:
        """The result of a completion."""
        with self._changed:
            due = self._ask(number, lambda: self._environments.answer(number, text))
        return due.result()

    def end(self, number: int) -> None:
        """Drop an episode, whether it is over or not."""
        with self._changed:
            self._live.discard(number)
            if due := self._due.pop(number, None):
                due.set_result(_failed(None))
            self._environments.forget(min(self._live, default=self._next))

    def _ask(self, number: int, ask: Callable[[], None]) -> Future[StepResult]:
        due: Future[StepResult] = Future()
        if self._failure is not None or self._closing:
            due.set_result(_failed(self._failure))
            return due
        ask()
        self._due[number] = due
        self._changed.notify_all()
        return due

    def _collect(self) -> None:
        """Thread: hand each result to whoever waits for it."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._due or self._closing)
                if self._closing:
                    break
            try:
                results = self._environments.collect()
            except Exception as error:
                with self._changed:
                    self._failure = error
                self._on_failure(error)
                break
            with self._changed:
                for number, result in results:
                    if due := self._due.pop(number, None):
                        due.set_result(result)
        with self._changed:
            for due in self._due.values():
                due.set_result(_failed(self._failure))
            self._due = {}


def _failed(error: Exception | None) -> StepResult:
    return StepResult(done=True, fault=str(error) if error is not None else "the episode was ended")
