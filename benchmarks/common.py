"""What the benchmarks share: the layouts that they measure, and how a time is taken."""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from headless.taskgen.make import make_task
from metaspatial_addon.core.task import Layout, Pose, Task

ITEMS = 12
Placed = tuple[Task, Layout]


def clean_rooms(count: int) -> list[Placed]:
    """Rooms of 12 items of the furniture library, each with a layout free of faults."""
    found, index = [], 0
    while len(found) < count:
        task, layout = make_task("test", 9, index)
        if len(task.items) == ITEMS:
            found.append((task, layout))
        index += 1
    return found


def thrown_in(task: Task, seed: int) -> Layout:
    """A layout with every item somewhere in the room: what an untrained model answers."""
    rng = random.Random(seed)
    xs, ys = zip(*task.room.floor, strict=True)
    heights = {"floor": (0.0, 0.0), "surface": (0.5, 0.9), "wall": (1.0, 1.5), "ceiling": (1.8, 2.2)}
    return Layout(
        task.id,
        {
            item.id: Pose(
                rng.uniform(min(xs), max(xs)),
                rng.uniform(min(ys), max(ys)),
                rng.uniform(*heights[item.mount]),
                rng.choice((0.0, 90.0, 180.0, 270.0, rng.uniform(0, 360))),
            )
            for item in task.movable
        },
    )


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def side_by_side(
    calls: Sequence[Callable[[], object]], rounds: int, before: Callable[[], object] = lambda: None
) -> list[float]:
    """The median time of each call in seconds, taken in turns, so that a busy machine slows all of them alike.

    `before` runs ahead of each call and is not timed.
    """
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for call, taken in zip(calls, times, strict=True):
            before()
            taken.append(seconds(call))
    return [statistics.median(taken) for taken in times]


def resident() -> float:
    """Megabytes of memory that this process holds."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024
