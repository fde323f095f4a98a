"""A worker that sends what a test has it send, in place of the process."""

from __future__ import annotations

from collections import deque
from typing import Any


class RecordedWorker:
    """Stands in for `worker.client.Worker`; all that were started are in `started`, the newest last."""

    started: list[RecordedWorker] = []

    def __init__(self, command: list[str], log: object, environment: dict[str, str]):
        self.environment, self.pid = environment, 0
        self.sent: list[dict[str, Any]] = []
        self.outbox: deque[dict[str, Any]] = deque([{"type": "hello", "protocol": 1, "blender": "4.5"}])
        self.living, self.stopped = True, False
        self.started.append(self)

    def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    def receive(self) -> dict[str, Any] | None:
        return self.outbox.popleft() if self.outbox else None

    @property
    def alive(self) -> bool:
        return bool(self.living or self.outbox)

    def stop(self) -> None:
        self.living, self.stopped = False, True

    def says(self, kind: str, **fields: Any) -> None:
        """Send a message about the job that was requested last."""
        self.outbox.append({"type": kind, "job": self.sent[-1]["job"], **fields})

    def says_progress(self, phase: str = "model", turn: int = 1, turns: int = 3) -> None:
        self.says("progress", turn=turn, turns=turns, phase=phase, done=None)

    def says_done(self, best: int | None = 1, failure: str = "", note: str = "", memory: int = 100) -> None:
        self.says("done", best=best, failure=failure, note=note, memory=memory)
