"""Scores of the relations that a task asks for, in [0, 1] each. Called by the scorer and the task generator.

A relation is made of one to three conditions, each on one quantity with a band. A condition is worth 1 inside its
band, 0.5 at `slack` outside it, and 0 from `reach` outside it on, straight between. A relation whose conditions are
all worth 0.5 and more is worth the least of them, and so satisfied. Below that it is worth the mean of them, each
capped at 0.5, so meeting one of two conditions earns something although the relation is not satisfied.

| predicate | conditions: band, slack, reach | taken from |
|---|---|---|
| next_to | 0 to 0.5 m, 0.1, 2 | gap between the footprints seen from above, 0 when they overlap |
| near | 0.5 to 1.5 m, 0.1, 2 | the same |
| across | 1.5 to 4 m, 0.1, 2 | the same |
| far | from 4 m, 0.1, 4 | the same |
| against | 0.05 m, 0.05, 2 | middle of the back edge to the wall's line |
| | 10 degrees, 10, 90 | back to the wall's outward normal |
| | 0 m, 0.1, 2 | how far that middle lies beyond the wall's ends |
| corner | 0.15 m, 0.1, 2, twice | nearer back corner to each of two walls that meet at less than 150 degrees |
| facing | 30 degrees, 10, 90 | front to the direction of the other |
| left_of, right_of, in_front_of, behind | 0 m, 0.1, 2 | subject's centre to the sector on that side, below |
| on | 0.01 m, 0.01, 1 | underside to the other's top (a covering: anywhere between its underside and top) |
| | 0 m, 0.05, 2 | subject's centre to the other's footprint |
| under | 0 m, 0.05, 2 | centre of one to the footprint of the other, the nearer of both ways |
| | 0.01 m, 0.01, 1 | underside over the other's underside, or top over the other's top |
| | 0.01 m, 0.01, 1 | top over the other's underside, where that hangs |
| inside | 0.01 m, 0.05, 1 | how far any side of the subject's box stands out of the other's |
| around | 0 to 0.5 m, 0.1, 2 | gap between the footprints |
| | 45 degrees, 10, 90 | front to the direction of the other |
| | 360 / n + 60 degrees, 15, 120 | widest angle, seen from the other's centre, without one of the n subjects |
| centred | 0.3 m, 0.2, 2 (room) | subject's centre to the middle of the floor |
| | 0.15 m, 0.1, 2 (wall) | subject's centre, along the wall, to the wall's middle |

The four sides are those of the other item: `in_front_of` lies before its front, `behind` at its back, and `left_of`
and `right_of` are the left and right of someone who stands before its front and looks at it (-x and +x at yaw 0).
A side is the strip as wide as the item that leaves through that side and widens by 45 degrees both ways.
The direction of an item for `facing` is the better of two: its centre, or the nearest point of its spine (the middle
line of its footprint, half the shorter side away from all edges), so a chair at the end of a long table faces it.
All subjects `around` the same item make one group. `against` with object `wall` takes the best wall, `corner` with
object `room` the best corner, and with object `wall_k` the better of the corners at which that wall ends.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from .faults import RelationScore
from .geometry import OrientedBox, Point, distance_to_footprint, gap
from .polygon import WallSegment, contains, distance_to_edges, distance_to_wall, signed_area
from .task import Layout, Relation, Room, Task

ROUNDING = 1e-6
DISTANCES = {
    "next_to": (0.0, 0.5, 2.0),
    "near": (0.5, 1.5, 2.0),
    "across": (1.5, 4.0, 2.0),
    "far": (4.0, math.inf, 4.0),
}
SIDES = {"left_of": (-1, 0), "right_of": (1, 0), "in_front_of": (0, -1), "behind": (0, 1)}
DIRECTION_FADE_M = 0.01
"""Distance below which a direction counts less and less, down to nothing at 0, where rounding would decide it."""
HANGING_M = 0.05
"""Metres above the floor from which an item counts as hanging over what is under it."""


def relation_scores(task: Task, layout: Layout) -> tuple[RelationScore, ...]:
    """One score for each relation of the task, in its order. An item that is not placed scores 0.

    Numbers come from the boxes of the items' sizes. Raises nothing for a task that was read by `core.task`.
    """
    poses = layout.everywhere(task)
    items = {item.id: item for item in task.items}
    boxes = {item_id: OrientedBox.of(items[item_id], pose) for item_id, pose in poses.items()}
    coverings = {item.id for item in task.items if item.covering}
    spread = _spread_around(task.relations, boxes)
    return tuple(
        RelationScore(
            r.subject, r.predicate, r.object, _signed(r, _score(task, r, boxes, coverings, spread)), r.negated
        )
        for r in task.relations
    )


def _signed(relation: Relation, score: float) -> float:
    """The score of a relation from that of its predicate. A negated one is met below 0.5, and in full from 0.4 down."""
    if not relation.negated:
        return score
    return 1.0 - score if score >= 0.5 else min(0.5 + 5.0 * (0.5 - score), 1.0)


def _score(
    task: Task, relation: Relation, boxes: dict[str, OrientedBox], coverings: set[str], spread: dict[str, float]
) -> float:
    subject, other = boxes.get(relation.subject), boxes.get(relation.object)
    if subject is None:
        return 0.0
    predicate = relation.predicate
    if predicate in ("against", "corner", "centred"):
        return _IN_ROOM[predicate](subject, task.room, relation.object)
    if other is None:
        return 0.0
    if predicate in DISTANCES:
        low, high, reach = DISTANCES[predicate]
        distance = gap(subject, other)
        return _condition_score(max(low - distance, distance - high), 0.1, reach)
    if predicate in SIDES:
        return _condition_score(_beyond_side(subject, other, SIDES[predicate]), 0.1, 2.0)
    if predicate == "facing":
        return _condition_score(_facing_error(subject, other) - 30, 10, 90)
    if predicate == "on":
        return _on(subject, other, covering=relation.object in coverings)
    if predicate == "under":
        return _under(subject, other)
    if predicate == "inside":
        return _condition_score(_excess_outside(subject, other) - 0.01, 0.05, 1.0)
    return _combined(
        _condition_score(gap(subject, other) - 0.5, 0.1, 2.0),
        _condition_score(_facing_error(subject, other) - 45, 10, 90),
        spread[relation.object],
    )


def _condition_score(excess: float, slack: float, reach: float) -> float:
    """What a condition is worth that misses its band by `excess`; see the module's text."""
    if excess <= ROUNDING:
        return 1.0
    if excess <= slack + ROUNDING:
        return max(1.0 - 0.5 * excess / slack, 0.5)
    return max(0.5 * (reach - excess) / (reach - slack), 0.0)


def _combined(*conditions: float) -> float:
    """What conditions are worth together; see the module's text."""
    least = min(conditions)
    return least if least >= 0.5 else sum(min(c, 0.5) for c in conditions) / len(conditions)


def _angle_between(a: Point, b: Point) -> float:
    """Degrees in [0, 180] between two directions of any length."""
    return math.degrees(abs(math.atan2(a[0] * b[1] - a[1] * b[0], a[0] * b[0] + a[1] * b[1])))


def _beyond_side(subject: OrientedBox, other: OrientedBox, side: tuple[int, int]) -> float:
    """Metres that the subject's centre would have to move out through a side of the other to lie in its sector."""
    x, y = other.to_local(subject.x, subject.y)
    along, across = x * side[0] + y * side[1], abs(y if side[0] else x)
    half_along, half_across = (other.width, other.depth) if side[0] else (other.depth, other.width)
    return max(across - half_across / 2, 0.0) - (along - half_along / 2)


def _facing_error(subject: OrientedBox, other: OrientedBox) -> float:
    """Degrees that the subject would have to rotate for its front to point at the other."""
    x, y = other.to_local(subject.x, subject.y)
    spare = abs(other.width - other.depth) / 2
    reach = (spare, 0.0) if other.width >= other.depth else (0.0, spare)
    spine = (min(max(x, -reach[0]), reach[0]), min(max(y, -reach[1]), reach[1]))
    front = other.to_local(other.x + subject.front[0], other.y + subject.front[1])
    return min(_angle_to(front, (px - x, py - y)) for px, py in (spine, (0.0, 0.0)))


def _angle_to(front: Point, way: Point) -> float:
    """Degrees between a front and the way to a point, 180 at that point itself."""
    there = min(math.hypot(*way) / DIRECTION_FADE_M, 1.0)
    return 180.0 - there * (180.0 - _angle_between(front, way))


def _on(subject: OrientedBox, other: OrientedBox, *, covering: bool) -> float:
    above = subject.z - other.top
    height = max(above, other.z - subject.z) if covering else abs(above)
    over = _condition_score(distance_to_footprint((subject.x, subject.y), other), 0.05, 2.0)
    return _combined(_condition_score(height - 0.01, 0.01, 1.0), over)


def _under(subject: OrientedBox, other: OrientedBox) -> float:
    ways = ((subject.x, subject.y), other), ((other.x, other.y), subject)
    off = min(distance_to_footprint(centre, box) for centre, box in ways)
    rises = max(subject.z - other.z, subject.top - other.top)
    conditions = [_condition_score(off, 0.05, 2.0), _condition_score(rises - 0.01, 0.01, 1.0)]
    if other.z > HANGING_M:
        conditions.append(_condition_score(subject.top - other.z - 0.01, 0.01, 1.0))
    return _combined(*conditions)


def _excess_outside(subject: OrientedBox, other: OrientedBox) -> float:
    corners = [other.to_local(*point) for point in subject.points]
    return max(
        max(abs(x) for x, _ in corners) - other.width / 2,
        max(abs(y) for _, y in corners) - other.depth / 2,
        other.z - subject.z,
        subject.top - other.top,
    )


def _spread_around(relations: Sequence[Relation], boxes: dict[str, OrientedBox]) -> dict[str, float]:
    """How evenly all subjects `around` an item are spread, by the item's id; see the module's text."""
    groups: dict[str, list[OrientedBox]] = {}
    for r in relations:
        if r.predicate == "around" and r.subject in boxes and r.object in boxes:
            groups.setdefault(r.object, []).append(boxes[r.subject])
    spread = {}
    for item_id, group in groups.items():
        other = boxes[item_id]
        bearings = sorted(math.degrees(math.atan2(b.y - other.y, b.x - other.x)) for b in group)
        following = [*bearings[1:], bearings[0] + 360]
        widest = max(after - before for before, after in zip(bearings, following, strict=True))
        spread[item_id] = _condition_score(widest - 360 / len(group) - 60, 15, 120)
    return spread


def _at_wall(box: OrientedBox, side: WallSegment) -> float:
    fx, fy = box.front
    dx, dy = box.x - fx * box.depth / 2 - side.start[0], box.y - fy * box.depth / 2 - side.start[1]
    away = abs(dx * side.inward[0] + dy * side.inward[1])
    along = dx * side.direction[0] + dy * side.direction[1]
    return _combined(
        _condition_score(away - 0.05, 0.05, 2.0),
        _condition_score(_angle_between(box.front, side.inward) - 10, 10, 90),
        _condition_score(max(-along, along - side.length), 0.1, 2.0),
    )


def _against(subject: OrientedBox, room: Room, name: str) -> float:
    chosen = room.walls if name == "wall" else [room.walls[int(name.removeprefix("wall_"))]]
    return max(_at_wall(subject, side) for side in chosen)


def _corner(subject: OrientedBox, room: Room, name: str) -> float:
    best = 0.0
    for k, before in enumerate(room.walls):
        other = (k + 1) % len(room.walls)
        if name not in ("room", f"wall_{k}", f"wall_{other}"):
            continue
        after = room.walls[other]
        turn = math.degrees(
            math.atan2(
                before.direction[0] * after.direction[1] - before.direction[1] * after.direction[0],
                before.direction[0] * after.direction[0] + before.direction[1] * after.direction[1],
            )
        )
        if turn > 30:
            distances = [min(distance_to_wall(point, side) for point in subject.points[2:]) for side in (before, after)]
            best = max(best, _combined(*(_condition_score(d - 0.15, 0.1, 2.0) for d in distances)))
    return best


def _centred(subject: OrientedBox, room: Room, name: str) -> float:
    if name == "room":
        x, y = floor_middle(room.floor)
        return _condition_score(math.hypot(subject.x - x, subject.y - y) - 0.3, 0.2, 2.0)
    side = room.walls[int(name.removeprefix("wall_"))]
    mx, my = side.at(side.length / 2)
    along = (subject.x - mx) * side.direction[0] + (subject.y - my) * side.direction[1]
    return _condition_score(abs(along) - 0.15, 0.1, 2.0)


_IN_ROOM: dict[str, Callable[[OrientedBox, Room, str], float]] = {
    "against": _against,
    "corner": _corner,
    "centred": _centred,
}


@lru_cache(maxsize=256)
def floor_middle(floor: tuple[Point, ...]) -> Point:
    """The centroid of a floor; where a bent floor does not hold it, the point deepest inside on a 10 cm grid."""
    p = np.asarray(floor, dtype=float)
    q = np.roll(p, -1, axis=0)
    cross = p[:, 0] * q[:, 1] - q[:, 0] * p[:, 1]
    centroid = ((p + q) * cross[:, None]).sum(axis=0) / (6 * signed_area(p))
    if contains(centroid[None], p)[0]:
        return float(centroid[0]), float(centroid[1])
    low, high = p.min(axis=0), p.max(axis=0)
    steps = np.clip(np.ceil((high - low) / 0.1), 2, 200).astype(int)
    x, y = np.meshgrid(*(np.linspace(a, b, n + 1) for a, b, n in zip(low, high, steps, strict=True)))
    grid = np.stack([x.ravel(), y.ravel()], axis=1)
    inside = grid[contains(grid, p)]
    deepest = inside[np.argmax(distance_to_edges(inside, p))]
    return float(deepest[0]), float(deepest[1])
