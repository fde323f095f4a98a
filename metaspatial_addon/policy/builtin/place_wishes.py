"""Where a wish is met: each predicate of `core/relations.py` for all places of a grid at once.

A place counts as good where every condition is within its band and half of its slack, so that rounding to the model's
grid does not cost the wish; for what is to be avoided, where one is outside the band by more than the slack.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from ...core.geometry import OrientedBox
from ...core.polygon import WallSegment
from ...core.relations import DISTANCES, SIDES
from .prompt_room import PromptRoom, Wish

WISHED, AVOIDED = 0.5, 1.5
"""Slacks outside its band at which a condition still counts as met, for what is wished and for what is avoided."""
SLACKS = {"distance": 0.1, "angle": 10.0, "wall": 0.05, "under": 0.05, "room": 0.2}
"""Slacks of `core/relations.py`, in metres and degrees."""
TOUCHING_M = 0.05
"""Metres between the ends of two walls that meet."""


def is_good(
    room: PromptRoom,
    wish: Wish,
    box: OrientedBox,
    other: OrientedBox | None,
    is_subject: bool,
    xs: np.ndarray,
    ys: np.ndarray,
) -> np.ndarray:
    """Where the wish is as it should be for a box that is moved over the grid: bool, broadcast to (nx, ny).

    The box is the wish's subject, or its object; `other` is what stands on its other side, None for the room.
    """
    slack = AVOIDED if wish.negated else WISHED
    x, y = xs[:, None], ys[None, :]
    if wish.predicate in ("on", "inside"):  # free places see to it
        return np.ones((1, 1), bool)
    if other is None:
        met = ABOUT_THE_ROOM[wish.predicate](room, wish.object, box, x, y, slack)
    elif is_subject:
        met = _between(wish.predicate, box, other, x - other.x, y - other.y, slack)
    else:
        met = _between(wish.predicate, other, box, other.x - x, other.y - y, slack)
    return ~met if wish.negated else met


# Between two items: `dx`, `dy` lead from the object's centre to the subject's -------------------------------------


def _between(
    predicate: str, subject: OrientedBox, other: OrientedBox, dx: np.ndarray, dy: np.ndarray, slack: float
) -> np.ndarray:
    if predicate in DISTANCES:
        low, high, _ = DISTANCES[predicate]
        apart = _gap(subject, other, dx, dy)
        spare = slack * SLACKS["distance"]
        return (apart >= low - spare) & (apart <= high + spare)
    if predicate in SIDES:
        side = SIDES[predicate]
        u, w = _local(other, dx, dy)
        along, across = u * side[0] + w * side[1], np.abs(w if side[0] else u)
        half_along, half_across = (other.width, other.depth) if side[0] else (other.depth, other.width)
        beyond = np.maximum(across - half_across / 2, 0.0) - (along - half_along / 2)
        return beyond <= slack * SLACKS["distance"]
    if predicate == "under":
        off = np.minimum(_distance(other, dx, dy), _distance(subject, -dx, -dy))
        return off <= slack * SLACKS["under"]
    facing = _facing_error(subject, other, dx, dy) - (30.0 if predicate == "facing" else 45.0)
    faces = facing <= slack * SLACKS["angle"]
    if predicate == "facing":
        return faces
    return faces & (_gap(subject, other, dx, dy) - 0.5 <= slack * SLACKS["distance"])  # around


def _local(box: OrientedBox, dx: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """To the right and to the back of a box whose centre is the origin."""
    c, s = box.right
    return dx * c + dy * s, dy * c - dx * s


def _distance(box: OrientedBox, dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """Metres from points to a footprint at the origin, 0 inside."""
    u, w = _local(box, dx, dy)
    return np.hypot(np.maximum(np.abs(u) - box.width / 2, 0.0), np.maximum(np.abs(w) - box.depth / 2, 0.0))


def _gap(subject: OrientedBox, other: OrientedBox, dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """Metres between two footprints that do not overlap: the nearest corner of either to the other."""
    turn = (subject.yaw - other.yaw) % 180.0
    if turn % 90.0 == 0.0:
        width, depth = (subject.depth, subject.width) if turn else (subject.width, subject.depth)
        u, w = _local(other, dx, dy)
        return np.hypot(
            np.maximum(np.abs(u) - (width + other.width) / 2, 0.0),
            np.maximum(np.abs(w) - (depth + other.depth) / 2, 0.0),
        )
    of_subject = [_distance(other, dx + px - subject.x, dy + py - subject.y) for px, py in subject.points]
    of_other = [_distance(subject, px - other.x - dx, py - other.y - dy) for px, py in other.points]
    return np.minimum.reduce([*of_subject, *of_other])


def _facing_error(subject: OrientedBox, other: OrientedBox, dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """Degrees from the subject's front to the other's centre, or to its spine where that is less."""
    u, w = _local(other, dx, dy)
    spare = abs(other.width - other.depth) / 2
    reach = (spare, 0.0) if other.width >= other.depth else (0.0, spare)
    front = math.radians(subject.yaw - other.yaw)
    fu, fw = math.sin(front), -math.cos(front)
    least = np.full(np.broadcast_shapes(u.shape, w.shape), 180.0)
    for pu, pw in ((np.clip(u, -reach[0], reach[0]), np.clip(w, -reach[1], reach[1])), (0.0, 0.0)):
        tu, tw = pu - u, pw - w
        least = np.minimum(least, np.degrees(np.abs(np.arctan2(fu * tw - fw * tu, fu * tu + fw * tw))))
    return least


# In the room -------------------------------------------------------------------------------------------------------


def _against(room: PromptRoom, words: str, box: OrientedBox, x: np.ndarray, y: np.ndarray, slack: float) -> np.ndarray:
    met = np.zeros((x.shape[0], y.shape[1]), bool)
    (fx, fy), spare = box.front, slack * SLACKS["wall"]
    for wall in room.walls_named(words):
        turn = math.degrees(math.acos(min(max(fx * wall.inward[0] + fy * wall.inward[1], -1.0), 1.0)))
        if turn > 10.0 + slack * SLACKS["angle"]:
            continue
        dx, dy = x - fx * box.depth / 2 - wall.start[0], y - fy * box.depth / 2 - wall.start[1]
        away = np.abs(dx * wall.inward[0] + dy * wall.inward[1])
        along = dx * wall.direction[0] + dy * wall.direction[1]
        beyond = np.maximum(-along, along - wall.length)
        met |= (away <= 0.05 + spare) & (beyond <= slack * SLACKS["distance"])
    return met


def _corner(room: PromptRoom, words: str, box: OrientedBox, x: np.ndarray, y: np.ndarray, slack: float) -> np.ndarray:
    met = np.zeros((x.shape[0], y.shape[1]), bool)
    most = 0.15 + slack * SLACKS["distance"]
    backs = [(px - box.x, py - box.y) for px, py in box.points[2:]]
    named = room.walls_named(words)
    for a, b in _meeting(room.walls):
        if a not in named and b not in named:
            continue
        near = [np.minimum.reduce([_to_wall(wall, x + px, y + py) for px, py in backs]) <= most for wall in (a, b)]
        met |= near[0] & near[1]
    return met


def _meeting(walls: tuple[WallSegment, ...]) -> Iterable[tuple[WallSegment, WallSegment]]:
    """Pairs of walls that make an inner corner of less than 150 degrees."""
    for k, a in enumerate(walls):
        for b in walls[k + 1 :]:
            if abs(a.direction[0] * b.direction[1] - a.direction[1] * b.direction[0]) < 0.5:
                continue
            for wall, other in ((a, b), (b, a)):
                for end, far in ((other.start, other.end), (other.end, other.start)):
                    out = (far[0] - end[0]) * wall.inward[0] + (far[1] - end[1]) * wall.inward[1]
                    if _to_wall(wall, *map(np.asarray, end)) < TOUCHING_M and out > 0:
                        yield a, b


def _to_wall(wall: WallSegment, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    dx, dy = x - wall.start[0], y - wall.start[1]
    along = np.clip(dx * wall.direction[0] + dy * wall.direction[1], 0.0, wall.length)
    return np.hypot(dx - along * wall.direction[0], dy - along * wall.direction[1])


def _centred(room: PromptRoom, words: str, box: OrientedBox, x: np.ndarray, y: np.ndarray, slack: float) -> np.ndarray:
    if words == "room":
        mx, my = room.middle
        return np.hypot(x - mx, y - my) <= 0.3 + slack * SLACKS["room"]
    met = np.zeros((x.shape[0], y.shape[1]), bool)
    for wall in room.walls_named(words):
        mx, my = wall.at(wall.length / 2)
        along = (x - mx) * wall.direction[0] + (y - my) * wall.direction[1]
        met = met | (np.abs(along) <= 0.15 + slack * SLACKS["distance"])
    return met


ABOUT_THE_ROOM = {"against": _against, "corner": _corner, "centred": _centred}
