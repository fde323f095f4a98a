"""Items whose size is not that of their kind, as after an import in the wrong unit, and the factor that is missing.

Usual sizes are those of `core/furniture.toml`. The panel and the commands say it before a layout is made.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from .furniture import FURNITURE, UNKNOWN

FACTORS = (0.001, 0.01, 0.0254, 0.1, 0.3048, 1 / 2.54, 0.5, 2.0, 2.54, 1 / 0.3048, 10.0, 1 / 0.0254, 100.0, 1000.0)
"""Factors that imports go wrong by: powers of ten, inches, feet, half and double size."""

_BEYOND = math.log(1.5)
"""How far, as a logarithm, an item is beyond the usual range before it is doubted by itself."""
_TOGETHER = 0.4
"""Mean logarithm of size to middle of the usual range at which several items are doubted together."""
_ALIKE = 0.5
"""Standard deviation of the same up to which items are out of scale alike."""
_LEAST = 3
"""Items of known kinds from which they are doubted together by less than one would be."""
_NAMED = 3
"""Items that a sentence names."""


class Sized(NamedTuple):
    """An item's name, category, and width, depth and height in metres."""

    name: str
    category: str
    size: tuple[float, float, float]


class ScaleDoubt(NamedTuple):
    """An item of a doubtful size. `factor`: what its size is probably to be multiplied by; None where it is usual and
    too large for the room all the same. `fits`: whether it has room at its present size."""

    item: Sized
    factor: float | None
    fits: bool


def scale_doubts(items: Sequence[Sized], room: tuple[float, float]) -> list[ScaleDoubt]:
    """Items that are far too large or small for their kind, or larger than a room of that width and depth in metres.

    A factor that all items have in common counts before one that suits a single item.
    """
    common = common_factor(items)
    factor: float | None
    doubts = []
    for item in items:
        has_room, factor = fits(item.size, room), common
        if common == 1.0:
            doubtful = abs(_offset(item, to_middle=False)) > _BEYOND and (_is_known(item) or not has_room)
            factor = _nearest_factor(_offset(item)) if doubtful else None
        if factor is not None or not has_room:
            doubts.append(ScaleDoubt(item, factor, has_room))
    return doubts


def common_factor(items: Sequence[Sized]) -> float:
    """The factor of FACTORS by which most items of known kinds come to usual sizes; 1 where they are of them now."""
    offsets = [_offset(item) for item in items if _is_known(item)]
    if len(offsets) < _LEAST:
        return 1.0
    mean = statistics.fmean(offsets)
    if abs(mean) < _TOGETHER or statistics.pstdev(offsets) > _ALIKE:
        return 1.0
    return _nearest_factor(mean)


def describe(doubts: Sequence[ScaleDoubt]) -> str:
    """One sentence for all doubts of the same factor: names, sizes, how far from usual. The doubts are not empty."""
    named = [f"{item.name} ({' x '.join(f'{side:.3g}' for side in item.size)} m)" for item, *_ in doubts[:_NAMED]]
    if len(doubts) > _NAMED:
        named.append(f"{len(doubts) - _NAMED} more")
    names = f"{', '.join(named[:-1])} and {named[-1]}" if len(named) > 1 else named[0]
    one, factor = len(doubts) == 1, doubts[0].factor
    if factor is None:
        return f"{names} is larger than the room" if one else f"{names} are larger than the room"
    scale = f"scale by {factor:.4g}"
    if factor < 1:
        times = f"about {1 / factor:.3g} times as large as usual"
    else:
        times = f"about 1/{factor:.3g} of what is usual"
    return f"{names} is {times}: {scale}" if one else f"{names} are {times}: {scale}"


def fits(size: tuple[float, float, float], room: tuple[float, float]) -> bool:
    """Whether a footprint finds room in a rectangle in some direction."""
    return max(size[:2]) <= math.hypot(*room) and min(size[:2]) <= min(room)


def by_factor(doubts: Sequence[ScaleDoubt]) -> list[list[ScaleDoubt]]:
    """Doubts that one sentence and one button handle, in the order in which they come."""
    groups: dict[float | None, list[ScaleDoubt]] = {}
    for doubt in doubts:
        groups.setdefault(doubt.factor, []).append(doubt)
    return list(groups.values())


def _is_known(item: Sized) -> bool:
    return FURNITURE.kind_of(item.category, item.size).name != UNKNOWN


def _nearest_factor(offset: float) -> float:
    """The factor that undoes an offset (a logarithm) best."""
    return min(FACTORS, key=lambda factor: abs(math.log(factor) + offset))


def _offset(item: Sized, to_middle: bool = True) -> float:
    """The logarithm of an item's size over the usual of its kind: over the middle of the range, or beyond its end.

    The median of the three sides: one odd side, such as the height of a rug that is a plane, says nothing. For an
    unknown kind the usual size is that of furniture in general.
    """
    row = FURNITURE.kind_of(item.category, item.size)
    sides = (*sorted(item.size[:2]), item.size[2])
    ranges = (*sorted((row.width, row.depth)), row.height)
    offsets = []
    for side, (least, most) in zip(sides, ranges, strict=True):
        usual = math.sqrt(least * most) if to_middle else min(max(side, least), most)
        offsets.append(math.log(max(side, 1e-6) / usual))
    return statistics.median(offsets)
