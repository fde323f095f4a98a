"""Environments in several workers: each has a thread here that hands it turns, waits, and replaces it when it fails.

Nothing is lost with a worker. What it was asked is asked again, and the next turn of an episode that it played goes to
another one with the whole episode, which is replayed there: environments are deterministic, so rewards are the same.
`process` and `ray_worker` have the workers.
"""

from __future__ import annotations

import collections
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
_LAST_WORDS = 5.0  # seconds that the threads have to end


class WorkerLost(RuntimeError):
    """A worker did not start, did not answer in time, or is gone; the message says which."""


class WorkerBug(RuntimeError):
    """A worker raised what no fault of the machine raises; the message is its traceback."""


class EpisodeWorker(Protocol):
    """What the pool asks of a worker. `open` and `play` raise WorkerLost and WorkerBug."""

    def open(self, seconds: float) -> None:
        """Wait until it is ready, or find that it still is."""
        ...

    def play(self, request: EpisodeRequest, seconds: float) -> StepResult: ...

    def stop(self) -> None:
        """End it, whatever it does. A call that is waited for then raises WorkerLost."""
        ...


@dataclass(frozen=True)
class Timeouts:
    """Seconds that a worker may take: to be ready, and for a turn (with the replay of those before)."""

    start: float = 120.0
    turn: float = 60.0


@dataclass(eq=False)
class _WorkerSlot:
    """The place of a worker and of those that replace it. `failures` to start it since one was ready."""

    number: int
    worker: EpisodeWorker | None = None
    ready: bool = False
    failures: int = 0
    task: Task | None = None


@dataclass(eq=False)
class _Turn:
    """A turn that is due, or played now. `home` is the seat whose worker knows the episode."""

    number: int
    key: int
    task: Task
    settings: EpisodeSettings
    home: _WorkerSlot | None
    said: tuple[str, ...] = ()
    tries: int = 0
    since: float = field(default_factory=time.monotonic)


class Pool:
    """`Environments` that play in `count` workers at once. Use it as a context manager.

    `start(number)` makes the worker of a seat, without waiting until it is ready. `replaced` counts workers that were
    lost, `faults` episodes that were.
    """

    asynchronous = True

    def __init__(self, start: Callable[[int], EpisodeWorker], count: int, patience: Timeouts = Timeouts()):
        self._start, self._patience = start, patience
        self._seats = [_WorkerSlot(number) for number in range(count)]
        self._changed = threading.Condition()  # guards all that follows
        self._episodes: dict[int, _Turn] = {}  # the last turn of each, by the caller's numbers
        self._due: list[_Turn] = []
        self._told: list[tuple[int, StepResult]] = []
        self._awaited = 0
        self._next_key = self._oldest = 0
        self._failure: Exception | None = None
        self._closing = False
        self.replaced = self.faults = 0

    def __enter__(self) -> Pool:
        self._threads = [
            threading.Thread(target=self._serve, args=(seat,), name=f"worker {seat.number}", daemon=True)
            for seat in self._seats
        ]
        for thread in self._threads:
            thread.start()
        with self._changed:  # so that the first episodes are dealt out evenly
            while not all(seat.ready or seat.failures for seat in self._seats) and self._failure is None:
                self._changed.wait(1.0)
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._closing = True
            workers = [seat.worker for seat in self._seats if seat.worker is not None]
            self._changed.notify_all()
        for worker in workers:
            worker.stop()
        deadline = time.monotonic() + _LAST_WORDS
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0.0))

    def begin(self, episode: int, task: Task, settings: EpisodeSettings) -> None:
        with self._changed:
            ready = [seat for seat in self._seats if seat.ready]
            home = min(ready, key=lambda seat: self._living_at(seat), default=None)
            self._ask(_Turn(episode, self._next_key, task, settings, home))
            self._next_key += 1

    def answer(self, episode: int, text: str) -> None:
        with self._changed:
            last = self._episodes[episode]
            said = (*last.said, text)
            self._ask(_Turn(episode, last.key, last.task, last.settings, last.home, said))

    def collect(self) -> list[tuple[int, StepResult]]:
        """Waits for one, where any is due. Raises RuntimeError when no worker can be had, or for a bug in one."""
        with self._changed:
            while not self._told and self._awaited:
                if self._failure is not None:
                    raise self._failure
                self._changed.wait(1.0)
            told, self._told = self._told, []
            self._awaited -= len(told)
        return told

    def forget(self) -> None:
        with self._changed:
            self._episodes, self._due, self._told, self._awaited = {}, [], [], 0
            self._oldest = self._next_key

    def _ask(self, turn: _Turn) -> None:
        self._episodes[turn.number] = turn
        self._due.append(turn)
        self._awaited += 1
        self._changed.notify_all()

    def _living_at(self, seat: _WorkerSlot) -> int:
        return sum(turn.home is seat for turn in self._episodes.values())

    # What follows runs in the threads of the seats.

    def _serve(self, seat: _WorkerSlot) -> None:
        """Thread: keep a worker in the seat and turns going to it, until the pool is closed."""
        while not self._closing:
            turn = None
            try:
                worker = self._open(seat)
                while (turn := self._next_turn(seat)) is not None:
                    if turn.tries:
                        worker.open(self._patience.start)  # it may have died idle: that is no try
                    turn.tries += 1
                    self._take(turn, self._played(worker, turn))
                    turn = None
            except WorkerLost as error:
                self._lose(seat, turn, str(error))
            except Exception as error:
                with self._changed:
                    self._failure = error
                    self._changed.notify_all()
            if seat.worker is not None:
                seat.worker.stop()
            if self._failure is not None:
                return
            with self._changed:
                pause = min(2.0**seat.failures, _LONGEST_PAUSE) if seat.failures else 0.0
                self._changed.wait_for(lambda: self._closing, pause)

    def _open(self, seat: _WorkerSlot) -> EpisodeWorker:
        """A worker that is ready."""
        seat.worker = None
        worker = self._start(seat.number)
        with self._changed:
            seat.worker = worker
            if self._closing:
                raise WorkerLost("the pool is closed")
        worker.open(self._patience.start)
        with self._changed:
            seat.ready, seat.failures, seat.task = True, 0, None
            self._changed.notify_all()
        return worker

    def _next_turn(self, seat: _WorkerSlot) -> _Turn | None:
        """Wait for a turn that the seat's worker is to play; None when the pool is closed.

        First come those of episodes that it knows; of these, the task whose room stands on its stage. With none left
        it takes over what would wait for longer elsewhere.
        """
        with self._changed:
            while not self._closing:
                late = time.monotonic() - _TAKE_OVER
                mine = [turn for turn in self._due if turn.home in (None, seat) or turn.since < late]
                if turns := mine or self._left_waiting():
                    turn = min(turns, key=lambda turn: (turn.home is not seat, turn.task is not seat.task))
                    self._due.remove(turn)
                    turn.home, seat.task = seat, turn.task
                    return turn
                self._changed.wait(_TAKE_OVER / 5)
        return None

    def _left_waiting(self) -> list[_Turn]:
        """Turns that others will come to later than an idle worker is done with them, which plays again what the
        episode said before: those in front of them, and the one that is played now, are more. Beginnings stay where
        they were dealt."""
        ahead = collections.Counter[int]()
        found = []
        for turn in self._due:
            if turn.home is not None and turn.home.ready:
                if ahead[turn.home.number] >= len(turn.said) > 0:
                    found.append(turn)
                ahead[turn.home.number] += 1
        return found

    def _played(self, worker: EpisodeWorker, turn: _Turn) -> StepResult:
        request = EpisodeRequest(turn.key, self._oldest, turn.task, turn.settings, turn.said)
        told = worker.play(request, self._patience.turn)
        if told.fault:  # a new process may do better
            raise WorkerLost(told.fault)
        return told

    def _take(self, turn: _Turn, told: StepResult) -> None:
        """Hand on what was told, unless its episode is over."""
        with self._changed:
            if turn.key >= self._oldest:
                self._told.append((turn.number, told))
                self._changed.notify_all()

    def _lose(self, seat: _WorkerSlot, turn: _Turn | None, reason: str) -> None:
        """The seat has no worker now: its episodes are free for others, and its turn is played again or given up."""
        with self._changed:
            if self._closing:
                return
            if seat.ready:
                self.replaced += 1
            else:
                seat.failures += 1
            seat.ready = False
            for last in self._episodes.values():
                if last.home is seat:
                    last.home = None
            if all(one.failures >= TRIES for one in self._seats):
                self._failure = RuntimeError(f"no worker can be started: {reason}")
            self._changed.notify_all()
        cli.progress(f"worker {seat.number} is replaced: {reason}")
        if turn is None:
            return
        if turn.tries < TRIES:
            with self._changed:
                if turn.key >= self._oldest:
                    turn.home = None
                    self._due.insert(0, turn)
                    self._changed.notify_all()
            return
        self.faults += 1
        what = f"turn {len(turn.said)}" if turn.said else "the beginning"
        fault = f"{what} of an episode of {turn.task.id} was tried {TRIES} times, the last time: {reason}"
        cli.progress(fault)
        self._take(turn, StepResult(done=True, fault=fault))
