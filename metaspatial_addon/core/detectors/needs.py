"""What each piece of furniture needs to be used: free floor before its sides, by the table of furniture.

A need is a strip before a side of an item. What belongs to the item, such as the chair at a desk or the nightstands of
a bed, may stand in it. The numbers and where they come from are in `core/furniture.toml`.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..access import stands_in_the_way
from ..faults import Cramped
from ..footprint_index import FootprintIndex
from ..furniture import FURNITURE, UNKNOWN, Category
from ..geometry import OrientedBox, clip_convex
from ..pose import Point
from ..task import Layout, Task

TOLERANCE_M = 0.02
"""Metres that a need may lack."""
SPARE = 0.25
"""Share of a side's length that others may take at its ends."""
USES = {"storage": "open", "appliance": "open", "bed": "get in", "seat": "sit down", "table": "work", "bath": "use"}
"""What the floor before an item is needed for, by its class."""


def measure_needs(task: Task, layout: Layout) -> tuple[tuple[Cramped, ...], float]:
    """The needs of movable items that are not met, and the weighted share in [0, 1] of all needs that is met.

    Of left and right as `beside` the better one counts. Items that the table does not know need nothing.
    """
    poses = layout.everywhere(task)
    standing = [
        (item, OrientedBox.of(item, poses[item.id]))
        for item in task.items
        if item.id in poses and stands_in_the_way(item, OrientedBox.of(item, poses[item.id]))
    ]
    index = FootprintIndex([box for _, box in standing])
    found: list[Cramped] = []
    weight_met = weight_of_all = 0.0
    for item, box in standing:
        row = FURNITURE.kind_of(item.category, item.size)
        if item.locked or item.mount != "floor" or row.name == UNKNOWN or not row.needs:
            continue
        reach = max(need[1] for need in row.needs)
        near = (standing[k] for k in index.near(box, reach))
        others = [
            other_box
            for other, other_box in near
            if other is not item and not belong(row, FURNITURE.kind_of(other.category, other.size))
        ]
        for side, wanted, weight in row.needs:
            sides = ("left", "right") if side == "beside" else (side,)
            has = max(free_depth(box, one, wanted, others, task.room.floor) for one in sides)
            weight_met += weight * has / wanted
            weight_of_all += weight
            if has < wanted - TOLERANCE_M:
                found.append(Cramped(item.id, USES.get(row.class_name, "use"), wanted, round(has, 3)))
    return tuple(found), weight_met / weight_of_all if weight_of_all else 1.0


def belong(one: Category, other: Category) -> bool:
    """Whether a piece of one category is at home with a piece of the other, which may then stand in its needs.

    Pieces of a run stand side by side: none may be opened against another.
    """
    if one.way == other.way == "run":
        return False
    return one.name in other.hosts or other.name in one.hosts


def free_depth(
    box: OrientedBox, side: str, reach: float, others: Iterable[OrientedBox], floor: tuple[Point, ...]
) -> float:
    """Metres of free floor before the middle part of a side, at most `reach`.

    Walls end it, and the boxes of others; a quarter of the side's length in all may be taken at its ends.
    """
    right, front = box.right, box.front
    vx, vy = {"front": front, "back": (-front[0], -front[1]), "right": right, "left": (-right[0], -right[1])}[side]
    length, across = (box.width, box.depth) if side in ("front", "back") else (box.depth, box.width)
    half = length / 2 * (1.0 - SPARE)

    def local(point: Point) -> Point:
        """In the side's frame: along it from its middle, and outwards."""
        dx, dy = point[0] - box.x, point[1] - box.y
        return dx * vy - dy * vx, dx * vx + dy * vy - across / 2

    has = reach
    strip = [(-half, 0.0), (half, 0.0), (half, reach), (-half, reach)]
    for other in others:
        part = clip_convex([local(point) for point in other.points], strip)
        if part and max(u for u, _ in part) - min(u for u, _ in part) > TOLERANCE_M:
            has = min(has, max(min(w for _, w in part), 0.0))
    corners = [local(point) for point in floor]
    for (u0, w0), (u1, w1) in zip(corners, corners[1:] + corners[:1], strict=True):
        low, high = max(min(u0, u1), -half + TOLERANCE_M), min(max(u0, u1), half - TOLERANCE_M)
        if low < high:
            ends = [w0 + (w1 - w0) * (u - u0) / (u1 - u0) for u in (low, high)]
            if max(ends) > -0.05:
                has = min(has, max(min(ends), 0.0))
    return has
