"""What all benchmarks share: rooms, layouts, and how times are taken."""

from __future__ import annotations

import itertools
import random
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from headless.taskgen.make import make_task
from metaspatial_addon.core.task import Layout, Pose, Task

ROOT = Path(__file__).resolve().parents[1]
ITEMS = 12
Furnished = tuple[Task, Layout]
"""A task and a layout without faults."""


def furnished_rooms(count: int) -> list[Furnished]:
    """Generated rooms with 12 items of the furniture library, each with its layout."""
    tasks = (make_task("test", 9, index) for index in itertools.count())
    return list(itertools.islice((pair for pair in tasks if len(pair[0].items) == ITEMS), count))


def random_layout(task: Task, seed: int) -> Layout:
    """A layout with every item at random somewhere in the room, as an untrained model answers."""
    rng = random.Random(seed)
    xs, ys = zip(*task.room.floor, strict=True)
    heights = {"floor": (0.0, 0.0), "surface": (0.5, 0.9), "wall": (1.0, 1.5), "ceiling": (1.8, 2.2)}

    def pose(mount: str) -> Pose:
        x, y, z = rng.uniform(min(xs), max(xs)), rng.uniform(min(ys), max(ys)), rng.uniform(*heights[mount])
        return Pose(x, y, z, rng.choice((0.0, 90.0, 180.0, 270.0, rng.uniform(0, 360))))

    return Layout(task.id, {item.id: pose(item.mount) for item in task.movable})


def seconds(call: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def side_by_side(
    calls: Sequence[Callable[[], object]], rounds: int, before: Callable[[], object] = lambda: None
) -> list[float]:
    """The median time of each call in seconds. Calls alternate, so that a busy machine slows all of them alike.

    `before` runs before each call and is not timed.
    """
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for call, measured in zip(calls, times, strict=True):
            before()
            measured.append(seconds(call))
    return [statistics.median(measured) for measured in times]
