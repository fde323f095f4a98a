"""What holds each item: the floor, a top face, a wall or the ceiling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..layout.evidence import Unsupported
from ..layout.polygon import wall
from ..layout.task import Room
from .body import Body

TOLERANCE = 0.01
"""Metres between an item and what carries it that still count as contact."""

WALL_REACH = 0.05
"""Metres between a wall item's back and the wall that still count as hanging on it."""


@dataclass(frozen=True)
class Support:
    """How a body is held: `gap` metres to what should carry it, and the bodies that its underside rests on."""

    body: Body
    gap: float
    carriers: tuple[Body, ...] = ()

    @property
    def holds(self) -> bool:
        return self.gap <= (WALL_REACH if self.body.item.mount == "wall" else TOLERANCE)


def measure_support(bodies: Sequence[Body], room: Room) -> tuple[Support, ...]:
    """The support of every placed, unlocked body, in the order of `bodies`."""
    return tuple(_support(body, bodies, room) for body in bodies if not body.item.locked)


def find_unsupported(supports: Sequence[Support]) -> tuple[Unsupported, ...]:
    """The items that nothing holds."""
    return tuple(Unsupported(s.body.item.id, round(s.gap, 4)) for s in supports if not s.holds)


def _support(body: Body, bodies: Sequence[Body], room: Room) -> Support:
    if body.item.mount == "wall":
        return Support(body, _gap_to_wall(body, room))
    if body.item.mount == "ceiling":
        return Support(body, max(room.height - body.box.top, 0.0))
    return _rest(body, bodies)


def _gap_to_wall(body: Body, room: Room) -> float:
    """Metres from the further end of a body's back edge to the nearest wall."""
    right, left = body.box.points[2], body.box.points[3]
    edges = [wall(room.floor, k) for k in range(len(room.floor))]
    return min(max(_to_segment(p, e.start, e.end) for p in (right, left)) for e in edges)


def _to_segment(p: tuple[float, float], a: tuple[float, float], b: tuple[float, float]) -> float:
    dx, dy = b[0] - a[0], b[1] - a[1]
    t = min(max(((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / (dx * dx + dy * dy), 0.0), 1.0)
    return math.hypot(p[0] - a[0] - t * dx, p[1] - a[1] - t * dy)


def _rest(body: Body, bodies: Sequence[Body]) -> Support:
    """The gap under a body: rays go down from half its height over each point that it rests on.

    A face above the underside means that the body is sunk into something: that is an overlap, not a gap.
    """
    underside = body.box.z
    gap = max(underside, 0.0)
    if underside <= TOLERANCE:
        return Support(body, gap)
    points = body.to_room(body.shape.contacts)
    points[:, 2] = underside + 0.5 * body.box.height
    carriers = []
    for other in bodies:
        if other is body or other.box.z > points[0, 2]:
            continue
        best = min((_drop(p, other) for p in _over(points, other)), default=math.inf) - 0.5 * body.box.height
        gap = min(gap, max(best, 0.0))
        if best <= TOLERANCE:
            carriers.append(other)
    return Support(body, gap, tuple(carriers))


def _over(points: np.ndarray, body: Body) -> np.ndarray:
    """Those of the points (P, 3) that lie over a body's bounding box, in its frame."""
    local = body.to_item(points)
    low, high = body.shape.low[:2], body.shape.high[:2]
    return local[((local[:, :2] >= low) & (local[:, :2] <= high)).all(axis=1)]


def _drop(point: np.ndarray, body: Body) -> float:
    """Metres straight down from a point (3,) in a body's frame to its mesh; 0 inside it, inf where there is none."""
    _, normal, _, distance = body.shape.tree.ray_cast(point, (0.0, 0.0, -1.0))
    if distance is None:
        return math.inf
    return 0.0 if normal.z < 0 and body.shape.holds(point) else distance
