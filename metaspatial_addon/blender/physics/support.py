"""What holds each item: the floor, a top face, a wall or the ceiling."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from ...core.faults import Unsupported
from ...core.polygon import distance_to_wall, wall
from ...core.task import Room, Task
from .body import Body

TOLERANCE = 0.01
"""Metres between an item and what carries it that still count as contact."""

WALL_REACH = 0.05
"""Metres between a wall item's back and the wall that still count as hanging on it."""

FACED = 0.9
"""Cosine of the angle between a wall item's front and the wall's inward normal above which its back faces the wall."""


@dataclass(frozen=True)
class Support:
    """How a body is held: `gap` metres to what should carry it, and the bodies that its underside rests on."""

    body: Body
    gap: float
    carriers: tuple[Body, ...] = ()

    @property
    def holds(self) -> bool:
        return self.gap <= (WALL_REACH if self.body.item.mount == "wall" else TOLERANCE)


def measure_support(bodies: Sequence[Body], task: Task) -> tuple[Support, ...]:
    """The support of every placed, unlocked body, in the order of `bodies`.

    An item of mount floor stands on the floor or on coverings that lie there, unless the task wants it on or inside
    something else.
    """
    coverings = {item.id for item in task.items if item.covering}
    raised = {r.subject for r in task.relations if r.predicate in ("on", "inside") and r.object not in coverings}
    return tuple(_support(body, bodies, task.room, raised) for body in bodies if not body.item.locked)


def find_unsupported(supports: Sequence[Support]) -> tuple[Unsupported, ...]:
    """The items that nothing holds."""
    return tuple(Unsupported(s.body.item.id, round(s.gap, 4)) for s in supports if not s.holds)


def _support(body: Body, bodies: Sequence[Body], room: Room, raised: Collection[str]) -> Support:
    if body.item.mount == "wall":
        return Support(body, _gap_to_wall(body, room))
    if body.item.mount == "ceiling":
        return Support(body, max(room.height - body.box.top, 0.0))
    if body.item.mount == "floor" and body.item.id not in raised:
        return _stand(body, bodies)
    return _rest(body, bodies)


def _gap_to_wall(body: Body, room: Room) -> float:
    """Metres from the further end of a body's back edge to the nearest wall; where its back does not face the wall,
    also its width, by which that edge's ends move when it turns, and more than `WALL_REACH` in any case."""
    ends, (fx, fy) = body.box.points[2:], body.box.front
    gaps = []
    for side in (wall(room.floor, k) for k in range(len(room.floor))):
        turn = 0.0 if fx * side.inward[0] + fy * side.inward[1] > FACED else max(body.box.width, 2 * WALL_REACH)
        gaps.append(max(distance_to_wall(end, side) for end in ends) + turn)
    return min(gaps)


def _stand(body: Body, bodies: Sequence[Body]) -> Support:
    """The gap under a body that belongs on the floor. What does not lie there itself carries nothing."""
    lower = [b for b in bodies if b.item.covering and b.item.mount == "floor" and b.box.z < body.box.z]
    return _rest(body, [b for b in lower if _stand(b, lower).gap <= TOLERANCE])


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
