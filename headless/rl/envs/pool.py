"""Environments in several workers: each has a thread here that hands it turns, waits, and replaces it when it fails.

Nothing is lost with a worker. What it was asked is asked again, and the next turn of an episode that it played goes to
another one with the whole episode, which is replayed there: environments are deterministic, so rewards are the same.
`process` and `ray_worker` have the workers.
"""

from __future__ import annotations

import collections
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from headless import cli
from metaspatial_addon.core.task import Task

from .base import EpisodeSettings, StepResult
from .pool_worker import EpisodeRequest

TRIES = 3
"""Times that a turn is asked for, and that starting a worker may fail in a row, before it is given up."""

_TAKE_OVER = 5.0  # seconds that a turn waits for the worker that knows its episode, before an idle one takes it over
_LONGEST_PAUSE = 30.0  # seconds between two tries to start a worker
_TO_END = 5.0  # seconds that the threads have to end


class WorkerLost(RuntimeError):
    """A worker did not start, did not answer in time, or is gone; the message says which."""


class WorkerBug(RuntimeError):
    """A worker raised an exception that no failure of the machine causes; the message is its traceback."""


class EpisodeWorker(Protocol):
    """What the pool needs of a worker. `open` and `play` raise WorkerLost and WorkerBug."""

    def open(self, seconds: float) -> None:
        """Wait until it is ready, or find that it still is."""
        ...

    def play(self, request: EpisodeRequest, seconds: float) -> StepResult:
        """The result of a request. WorkerLost after so many seconds."""
        ...

    def stop(self) -> None:
        """End it, whatever it does. A pending `open` or `play` then raises WorkerLost."""
        ...


@dataclass(frozen=True)
class Timeouts:
    """Seconds that a worker may take: to be ready, and for a turn (with the replay of those before)."""

    start: float = 120.0
    turn: float = 60.0


@dataclass(eq=False)
class _WorkerSlot:
    """A worker and those that replace it, one after the other. `failures` to start one since one was ready; `task` is
    the one whose room it has built."""

    number: int
    worker: EpisodeWorker | None = None
    ready: bool = False
    failures: int = 0
    task: Task | None = None


@dataclass(eq=False)
class _PendingTurn:
    """A turn that waits for a worker or is played. `home` is the slot whose worker knows the episode."""

    number: int
    key: int
    task: Task
    settings: EpisodeSettings
    home: _WorkerSlot | None
    completions: tuple[str, ...] = ()
    tries: int = 0
    since: float = field(default_factory=time.monotonic)


class Pool:
    """`Environments` in `count` workers at once. Use it as a context manager.

    `start(number)` makes the worker of a slot, without waiting until it is ready. `replaced` counts workers that were
    lost, `faults` episodes that were given up; a line at the end reports both.
    """

    asynchronous = True

    def __init__(self, start: Callable[[int], EpisodeWorker], count: int, timeouts: Timeouts = Timeouts()):
        self._start, self._timeouts = start, timeouts
        self._slots = [_WorkerSlot(number) for number in range(count)]
        self._changed = threading.Condition()  # guards all that follows
        self._episodes: dict[int, _PendingTurn] = {}  # the last turn of each, by the caller's numbers
        self._due: list[_PendingTurn] = []
        self._results: list[tuple[int, StepResult]] = []
        self._awaited: dict[int, int] = {}  # keys of the episodes whose results are due, by the caller's numbers
        self._next_key = self._oldest = 0
        self._failure: Exception | None = None
        self._closing = False
        self.replaced = self.faults = 0

    def __enter__(self) -> Pool:
        self._threads = [
            threading.Thread(target=self._serve, args=(slot,), name=f"worker {slot.number}", daemon=True)
            for slot in self._slots
        ]
        for thread in self._threads:
            thread.start()
        with self._changed:  # so that the first episodes are dealt out evenly
            while not all(slot.ready or slot.failures for slot in self._slots) and self._failure is None:
                self._changed.wait(1.0)
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._closing = True
            workers = [slot.worker for slot in self._slots if slot.worker is not None]
            self._changed.notify_all()
        for worker in workers:
            worker.stop()
        deadline = time.monotonic() + _TO_END
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0.0))
        if self.replaced:
            cli.progress(f"workers that were replaced: {self.replaced}; episodes that were given up: {self.faults}")

    def begin(self, episode: int, task: Task, settings: EpisodeSettings) -> None:
        """See `Environments`. The episode goes to the worker that has fewest."""
        with self._changed:
            homes = collections.Counter(turn.home.number for turn in self._episodes.values() if turn.home is not None)
            ready = [slot for slot in self._slots if slot.ready]
            home = min(ready, key=lambda slot: homes[slot.number], default=None)
            self._ask(_PendingTurn(episode, self._next_key, task, settings, home))
            self._next_key += 1

    def answer(self, episode: int, text: str) -> None:
        """See `Environments`."""
        with self._changed:
            last = self._episodes[episode]
            completions = (*last.completions, text)
            self._ask(_PendingTurn(episode, last.key, last.task, last.settings, last.home, completions))

    def collect(self) -> list[tuple[int, StepResult]]:
        """See `Environments`. Raises RuntimeError when no worker can be started, and WorkerBug."""
        with self._changed:
            while not self._results and self._awaited:
                if self._failure is not None:
                    raise self._failure
                self._changed.wait(1.0)
            results, self._results = self._results, []
            for number, _ in results:
                del self._awaited[number]
        return results

    def forget(self, below: float = math.inf) -> None:
        """See `Environments`."""
        with self._changed:
            self._episodes = {number: turn for number, turn in self._episodes.items() if number >= below}
            self._due = [turn for turn in self._due if turn.number >= below]
            self._results = [(number, result) for number, result in self._results if number >= below]
            self._awaited = {number: key for number, key in self._awaited.items() if number >= below}
            self._oldest = min((turn.key for turn in self._episodes.values()), default=self._next_key)
            self._changed.notify_all()

    def _ask(self, turn: _PendingTurn) -> None:
        self._episodes[turn.number] = turn
        self._due.append(turn)
        self._awaited[turn.number] = turn.key
        self._changed.notify_all()

    # What follows runs in the threads of the slots.

    def _serve(self, slot: _WorkerSlot) -> None:
        """Thread: keep a worker in the slot and hand it turns, until the pool is closed."""
        while not self._closing:
            turn = None
            try:
                worker = self._open(slot)
                while (turn := self._next_turn(slot)) is not None:
                    if turn.tries:
                        worker.open(self._timeouts.start)  # it may have died idle: that is no try
                    turn.tries += 1
                    self._deliver(turn, self._play(worker, turn))
                    turn = None
            except WorkerLost as error:
                self._lose(slot, turn, str(error))
            except Exception as error:
                with self._changed:
                    self._failure = error
                    self._changed.notify_all()
            if slot.worker is not None:
                slot.worker.stop()
            if self._failure is not None:
                return
            with self._changed:
                pause = min(2.0**slot.failures, _LONGEST_PAUSE) if slot.failures else 0.0
                self._changed.wait_for(lambda: self._closing, pause)

    def _open(self, slot: _WorkerSlot) -> EpisodeWorker:
        """A worker that is ready."""
        slot.worker = None
        worker = self._start(slot.number)
        with self._changed:
            slot.worker = worker
            if self._closing:
                raise WorkerLost("the pool is closed")
        worker.open(self._timeouts.start)
        with self._changed:
            slot.ready, slot.failures, slot.task = True, 0, None
            self._changed.notify_all()
        return worker

    def _next_turn(self, slot: _WorkerSlot) -> _PendingTurn | None:
        """Wait for a turn that the slot's worker is to play; None when the pool is closed.

        First come those of episodes that it knows; of these, the task whose room stands on its stage. With none left
        it takes over turns that would wait for longer elsewhere.
        """
        with self._changed:
            while not self._closing:
                late = time.monotonic() - _TAKE_OVER
                own = [turn for turn in self._due if turn.home in (None, slot) or turn.since < late]
                if turns := own or self._to_take_over():
                    turn = min(turns, key=lambda turn: (turn.home is not slot, turn.task is not slot.task))
                    self._due.remove(turn)
                    turn.home, slot.task = slot, turn.task
                    return turn
                self._changed.wait(_TAKE_OVER / 5)
        return None

    def _to_take_over(self) -> list[_PendingTurn]:
        """Turns that an idle worker would finish before their own workers come to them.

        An idle worker has to replay the earlier completions of the episode: that pays where at least as many turns
        wait in front of it. Beginnings stay where they were dealt.
        """
        ahead = collections.Counter[int]()
        waiting = []
        for turn in self._due:
            if turn.home is not None and turn.home.ready:
                if ahead[turn.home.number] >= len(turn.completions) > 0:
                    waiting.append(turn)
                ahead[turn.home.number] += 1
        return waiting

    def _play(self, worker: EpisodeWorker, turn: _PendingTurn) -> StepResult:
        request = EpisodeRequest(turn.key, self._oldest, turn.task, turn.settings, turn.completions)
        result = worker.play(request, self._timeouts.turn)
        if result.fault:  # a new process may do better
            raise WorkerLost(result.fault)
        return result

    def _deliver(self, turn: _PendingTurn, result: StepResult) -> None:
        """Hand on a result, unless its episode was forgotten."""
        with self._changed:
            if self._awaited.get(turn.number) == turn.key:
                self._results.append((turn.number, result))
                self._changed.notify_all()

    def _lose(self, slot: _WorkerSlot, turn: _PendingTurn | None, reason: str) -> None:
        """The slot has no worker now: its episodes are free for others, and its turn is played again or given up."""
        with self._changed:
            if self._closing:
                return
            if slot.ready:
                self.replaced += 1
            else:
                slot.failures += 1
            slot.ready = False
            for last in self._episodes.values():
                if last.home is slot:
                    last.home = None
            if all(one.failures >= TRIES for one in self._slots):
                self._failure = RuntimeError(f"no worker can be started: {reason}")
            self._changed.notify_all()
        cli.progress(f"worker {slot.number} is replaced: {reason}")
        if turn is None:
            return
        if turn.tries < TRIES:
            with self._changed:
                if self._awaited.get(turn.number) == turn.key:
                    turn.home = None
                    self._due.insert(0, turn)
                    self._changed.notify_all()
            return
        self.faults += 1
        what = f"turn {len(turn.completions)}" if turn.completions else "the beginning"
        fault = f"{what} of an episode of {turn.task.id} was tried {TRIES} times, the last time: {reason}"
        cli.progress(fault)
        self._deliver(turn, StepResult(done=True, fault=fault))
