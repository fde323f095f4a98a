"""What holds each item: the floor, the top of another item, a wall or the ceiling."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic

from ..faults import Unsupported
from ..footprint_index import FootprintIndex
from ..geometry import OrientedBox
from ..polygon import distance_to_wall
from ..task import Room, Task
from .solid import SolidT

CONTACT_GAP_M = 0.01
"""Metres between an item and what carries it that still count as contact."""

WALL_GAP_M = 0.05
"""Metres between a wall item's back and the wall that still count as hanging on it."""

FACING_COSINE = 0.9
"""Cosine of the angle between a wall item's front and the wall's inward normal above which its back faces the wall."""

_ROUNDING = 1e-4
"""Metres by which a ray's length may differ from the distance to the top of a bounding box: trees hold float32."""

_CONTACT_ROUNDING = 1e-3
"""Metres by which contact points of a mesh, which are rounded, may lie outside the bounding box."""


@dataclass(frozen=True)
class Support(Generic[SolidT]):
    """How a body is held: `gap` metres to what should carry it, and the bodies that its underside rests on."""

    body: SolidT
    gap: float
    carriers: tuple[SolidT, ...] = ()

    @property
    def holds(self) -> bool:
        return self.gap <= (WALL_GAP_M if self.body.item.mount == "wall" else CONTACT_GAP_M)


def measure_support(bodies: Sequence[SolidT], task: Task) -> tuple[Support[SolidT], ...]:
    """The support of every placed, unlocked body, in the order of `bodies`.

    An item of mount floor stands on the floor or on coverings that lie there, unless the task wants it on or inside
    something else.
    """
    coverings = {item.id for item in task.items if item.covering}
    raised = {r.subject for r in task.relations if r.predicate in ("on", "inside") and r.object not in coverings}
    resting = _Resting(bodies)
    supports: list[Support[SolidT]] = []
    for body in bodies:
        if body.item.locked:
            continue
        if body.item.mount == "wall":
            supports.append(Support(body, _gap_to_wall(body.box, task.room)))
        elif body.item.mount == "ceiling":
            supports.append(Support(body, max(task.room.height - body.box.top, 0.0)))
        elif body.item.mount == "floor" and body.item.id not in raised:
            supports.append(resting.on_floor(body))
        else:
            supports.append(resting.on_anything(body))
    return tuple(supports)


def find_unsupported(supports: Iterable[Support[SolidT]]) -> tuple[Unsupported, ...]:
    """The items that nothing holds."""
    return tuple(Unsupported(s.body.item.id, round(s.gap, 4)) for s in supports if not s.holds)


def _gap_to_wall(box: OrientedBox, room: Room) -> float:
    """Metres from the further end of a box's back edge to the nearest wall; where its back does not face the wall,
    also its width, by which that edge's ends move when it rotates, and more than `WALL_GAP_M` in any case."""
    ends, (fx, fy) = box.points[2:], box.front
    gaps = []
    for side in room.walls:
        faced = fx * side.inward[0] + fy * side.inward[1] > FACING_COSINE
        turned_away = 0.0 if faced else max(box.width, 2 * WALL_GAP_M)
        gaps.append(max(distance_to_wall(end, side) for end in ends) + turned_away)
    return min(gaps)


class _Resting(Generic[SolidT]):
    """Measures what bodies rest on by rays down from their undersides, for all bodies of one layout."""

    def __init__(self, bodies: Sequence[SolidT]):
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
            if self._rest(covering, lying).gap <= CONTACT_GAP_M:
                lying.add(covering.item.id)
        return lying

    def on_floor(self, body: SolidT) -> Support[SolidT]:
        """The support of a body that belongs on the floor: nothing but the floor and coverings there carry it."""
        return self._rest(body, self._floor_coverings)

    def on_anything(self, body: SolidT) -> Support[SolidT]:
        """The support of a body that any other may carry."""
        return self._rest(body, None)

    def _rest(self, body: SolidT, coverings: Collection[str] | None) -> Support[SolidT]:
        """The gap under a body: rays go down from half its height over each point that it rests on.

        `coverings`: the ids of what alone may carry it, where it begins lower than the body; None for anything.
        A face above the underside means that the body is sunk into something: that is an overlap, not a gap.
        """
        underside = body.box.z
        gap = max(underside, 0.0)
        if underside <= CONTACT_GAP_M:
            return Support(body, gap)
        start = underside + 0.5 * body.box.height
        near = [k for k in self._index.near(body.box, _CONTACT_ROUNDING) if self.bodies[k] is not body]
        points = body.contacts.copy()
        points[:, 2] = start
        carriers = []
        # From the highest top down: what ends further below than the gap found so far can neither carry nor narrow it.
        for k in sorted(near, key=lambda k: -self.bodies[k].box.top):
            other = self.bodies[k]
            if underside - other.box.top > max(gap, CONTACT_GAP_M) + _ROUNDING:
                break
            if other.box.z > start:
                continue
            if coverings is not None and not (other.item.id in coverings and other.box.z < underside):
                continue
            drop = other.drop(points) - 0.5 * body.box.height
            gap = min(gap, max(drop, 0.0))
            if drop <= CONTACT_GAP_M:
                carriers.append(k)
        return Support(body, gap, tuple(self.bodies[k] for k in sorted(carriers)))
