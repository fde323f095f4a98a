"""What holds each item: the floor, the top of another item, a wall or the ceiling."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...core.faults import Unsupported
from ...core.footprint_index import FootprintIndex
from ...core.polygon import distance_to_wall, wall
from ...core.task import Room, Task
from .body import Body

TOLERANCE = 0.01
"""Metres between an item and what carries it that still count as contact."""

WALL_REACH = 0.05
"""Metres between a wall item's back and the wall that still count as hanging on it."""

FACED = 0.9
"""Cosine of the angle between a wall item's front and the wall's inward normal above which its back faces the wall."""

_ROUNDING = 1e-4
"""Metres by which a ray's length may differ from the distance to the top of a bounding box: trees hold float32."""

_CONTACT_ROUNDING = 1e-3
"""Metres by which points of `CollisionShape.contacts`, which are rounded, may lie outside the bounding box."""


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
    resting = _Resting(bodies)
    supports = []
    for body in bodies:
        if body.item.locked:
            continue
        if body.item.mount == "wall":
            supports.append(Support(body, _gap_to_wall(body, task.room)))
        elif body.item.mount == "ceiling":
            supports.append(Support(body, max(task.room.height - body.box.top, 0.0)))
        elif body.item.mount == "floor" and body.item.id not in raised:
            supports.append(resting.on_floor(body))
        else:
            supports.append(resting.on_anything(body))
    return tuple(supports)


def find_unsupported(supports: Sequence[Support]) -> tuple[Unsupported, ...]:
    """The items that nothing holds."""
    return tuple(Unsupported(s.body.item.id, round(s.gap, 4)) for s in supports if not s.holds)


def _gap_to_wall(body: Body, room: Room) -> float:
    """Metres from the further end of a body's back edge to the nearest wall; where its back does not face the wall,
    also its width, by which that edge's ends move when it turns, and more than `WALL_REACH` in any case."""
    ends, (fx, fy) = body.box.points[2:], body.box.front
    gaps = []
    for side in (wall(room.floor, k) for k in range(len(room.floor))):
        turn = 0.0 if fx * side.inward[0] + fy * side.inward[1] > FACED else max(body.box.width, 2 * WALL_REACH)
        gaps.append(max(distance_to_wall(end, side) for end in ends) + turn)
    return min(gaps)


class _Resting:
    """Measures what bodies rest on by rays down from their undersides, for all bodies of one layout."""

    def __init__(self, bodies: Sequence[Body]):
        self.bodies = bodies

    @cached_property
    def _index(self) -> FootprintIndex:
        return FootprintIndex([body.box for body in self.bodies])

    @cached_property
    def _floor_coverings(self) -> set[str]:
        """Ids of the coverings that lie on the floor, directly or on each other, found from the lowest upwards."""
        lying: set[str] = set()
        coverings = [body for body in self.bodies if body.item.covering and body.item.mount == "floor"]
        for covering in sorted(coverings, key=lambda body: body.box.z):
            if self._rest(covering, lying).gap <= TOLERANCE:
                lying.add(covering.item.id)
        return lying

    def on_floor(self, body: Body) -> Support:
        """The support of a body that belongs on the floor: nothing but the floor and coverings there carry it."""
        return self._rest(body, self._floor_coverings)

    def on_anything(self, body: Body) -> Support:
        """The support of a body that any other may carry."""
        return self._rest(body, None)

    def _rest(self, body: Body, coverings: Collection[str] | None) -> Support:
        """The gap under a body: rays go down from half its height over each point that it rests on.

        `coverings`: the ids of what alone may carry it, where it begins lower than the body; None for anything.
        A face above the underside means that the body is sunk into something: that is an overlap, not a gap.
        """
        underside = body.box.z
        gap = max(underside, 0.0)
        if underside <= TOLERANCE:
            return Support(body, gap)
        start = underside + 0.5 * body.box.height
        near = [k for k in self._index.near(body.box, _CONTACT_ROUNDING) if self.bodies[k] is not body]
        points = body.to_room(body.shape.contacts)
        points[:, 2] = start
        carriers = []
        # From the highest top down: what ends further below than the gap found so far can neither carry nor narrow it.
        for k in sorted(near, key=lambda k: -self.bodies[k].box.top):
            other = self.bodies[k]
            if underside - other.box.top > max(gap, TOLERANCE) + _ROUNDING:
                break
            if other.box.z > start:
                continue
            if coverings is not None and not (other.item.id in coverings and other.box.z < underside):
                continue
            drop = min((_drop(p, other) for p in _over(points, other)), default=math.inf) - 0.5 * body.box.height
            gap = min(gap, max(drop, 0.0))
            if drop <= TOLERANCE:
                carriers.append(k)
        return Support(body, gap, tuple(self.bodies[k] for k in sorted(carriers)))


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
