"""What was measured in parts of the tasks: by the number of their items, and by the shape of their rooms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from metaspatial_addon.core.task import Room, Task

from .results import Results, Row

NUMBERS = {1: "1 to 3", 4: "4 to 7", 8: "8 to 12", 13: "13 to 20", 21: "21 to 40", 41: "41 and more"}
"""Parts by the least number of items to place."""
SHAPES = ("rectangle", "L", "T, U, Z", "slanted")
SKEW = 1e-6
"""Least component of a wall's direction that is no rounding error."""


@dataclass(frozen=True)
class Part:
    """The number of tasks of a part, and the intervals of every row."""

    tasks: int
    rows: dict[str, Row]


Strata = dict[str, dict[str, Part]]
"""Parts by sorting and name."""


def number_part(task: Task) -> str:
    """The part of `NUMBERS` that a task belongs to."""
    return NUMBERS[max(low for low in NUMBERS if low <= max(len(task.movable), 1))]


def room_shape(room: Room) -> str:
    """One of `SHAPES`: slanted where a wall is parallel to neither axis, else by the corners that point inwards."""
    walls = room.walls
    if any(min(map(abs, wall.direction)) > SKEW for wall in walls):
        return "slanted"
    turns = zip(walls, (*walls[1:], walls[0]), strict=True)
    inward = sum(a.direction[0] * b.direction[1] - a.direction[1] * b.direction[0] < -SKEW for a, b in turns)
    return SHAPES[min(inward, 2)]


SORTINGS: dict[str, tuple[Sequence[str], Callable[[Task], str]]] = {
    "number of items": (tuple(NUMBERS.values()), number_part),
    "shape of the room": (SHAPES, lambda task: room_shape(task.room)),
}


def stratify(results: Results, tasks: Sequence[Task]) -> Strata:
    """The intervals of every row in every part that has a task that was measured."""
    strata: Strata = {}
    for sorting, (parts, part_of) in SORTINGS.items():
        ids = {part: [t.id for t in tasks if t.id in results.tasks and part_of(t) == part] for part in parts}
        strata[sorting] = {part: Part(len(ids[part]), results.intervals(ids[part])) for part in parts if ids[part]}
    return strata
