"""Pairs of items that intersect. The depth is that of the boxes, unless the caller measures it on meshes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..faults import Overlap
from ..footprint_index import FootprintIndex
from ..geometry import penetration, surely_apart
from .solid import SolidT

CONTACT_DEPTH_M = 0.01
"""Metres up to which an overlap is contact, not collision."""


def find_overlaps(
    solids: Sequence[SolidT], measure_depth: Callable[[SolidT, SolidT, float], float] | None = None
) -> tuple[Overlap, ...]:
    """All pairs of solids that overlap deeper than `CONTACT_DEPTH_M`, in the order of `solids`.

    Pairs with a covering and pairs of two locked items are left out.

    `measure_depth` gives metres for two solids and the penetration of their boxes, which bounds it from above.
    """
    faults = []
    for a, b in _candidates(solids):
        depth = penetration(a.box, b.box)
        if depth > CONTACT_DEPTH_M and measure_depth is not None:
            depth = measure_depth(a, b, depth)
        if depth > CONTACT_DEPTH_M:
            faults.append(Overlap(a.item.id, b.item.id, round(depth, 4)))
    return tuple(faults)


def _candidates(solids: Sequence[SolidT]) -> list[tuple[SolidT, SolidT]]:
    """Pairs in the order of `solids` that may overlap: of each unlocked one with those around it. No coverings."""
    hard = [solid for solid in solids if not solid.item.covering]
    index = FootprintIndex([solid.box for solid in hard])
    pairs = []
    for k, solid in enumerate(hard):
        if solid.item.locked:
            continue
        for other in index.near(solid.box):
            # Two unlocked ones find each other: the first one keeps the pair.
            if (other > k or hard[other].item.locked) and not surely_apart(
                solid.box, hard[other].box, -CONTACT_DEPTH_M
            ):
                pairs.append((min(k, other), max(k, other)))
    return [(hard[a], hard[b]) for a, b in sorted(pairs)]
