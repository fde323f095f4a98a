"""Bootstrap intervals over tasks: what measures would have been on other draws of as many tasks.

Percentile intervals of 95 %. Tasks and not layouts are drawn, since the seeds of one task are not independent. One
draw serves all rows, which makes differences between them paired.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A value with the ends of its interval; None where nothing was measured. The ends alone are None where more than
    one draw in twenty has no value, as the change of a fault that hardly ever happens."""

    value: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, value: float, drawn: np.ndarray) -> Interval:
        """The interval of a value from what it was in each draw (RESAMPLES,)."""
        if not np.isfinite(value):
            return cls(None, None, None)
        known = drawn[np.isfinite(drawn)]
        if len(known) < LEVEL * len(drawn):
            return cls(round(float(value), 5), None, None)
        low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return cls(round(float(value), 5), round(float(low), 5), round(float(high), 5))

    def apart(self, other: Interval) -> bool:
        """Whether the two intervals have no number in common."""
        if self.low is None or other.low is None or self.high is None or other.high is None:
            return False
        return self.high < other.low or other.high < self.low

    def to_json(self) -> dict[str, float | None]:
        return {"value": self.value, "low": self.low, "high": self.high}


def draws(tasks: int, seed: int = 0) -> np.ndarray:
    """How often each task is in each resample of as many tasks: (RESAMPLES, tasks)."""
    return np.random.default_rng(seed).multinomial(tasks, np.full(tasks, 1 / tasks), size=RESAMPLES).astype(float)
