"""Seconds by phase of a training step."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

PHASES = ("prefill", "decode", "physics", "render", "update", "waiting", "record")


class PhaseTimer:
    """Adds up the seconds of what runs inside `with timer(phase)`, by phase."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PHASES, 0.0)
        self._began = time.perf_counter()

    @contextmanager
    def __call__(self, phase: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add(phase, time.perf_counter() - start)

    def add(self, phase: str, seconds: float) -> None:
        self.seconds[phase] += seconds

    @property
    def total(self) -> float:
        """Seconds since the timer was made."""
        return time.perf_counter() - self._began
