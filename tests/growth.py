"""How the cost of a call grows with its input."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable


def growth(call: Callable[[int], object], size: int, factor: int = 2, rounds: int = 5) -> float:
    """The processor time of `call(factor * size)` over that of `call(size)`: the median of several rounds.

    Both are called once beforehand. Processor time does not count other processes, so a busy machine changes little;
    pick sizes of which the smaller takes a few milliseconds. As with `timeit`, no garbage is collected meanwhile: that
    takes time by all that the process holds.
    """

    def seconds(count: int) -> float:
        gc.disable()
        try:
            start = time.process_time()
            call(count)
            return time.process_time() - start
        finally:
            gc.enable()

    seconds(size), seconds(factor * size)
    return statistics.median(seconds(factor * size) / max(seconds(size), 1e-4) for _ in range(rounds))
