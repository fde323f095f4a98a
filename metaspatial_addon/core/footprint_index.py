"""An index over boxes that finds those near a given one without a test of every pair."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from .geometry import OrientedBox


class FootprintIndex:
    """Boxes sorted along x by the near side of their footprint's bounding circle.

    A query looks at the boxes whose circles overlap in x only: for n boxes spread over a room it costs far less than
    n tests, and never more. Building it costs one sort.
    """

    def __init__(self, boxes: Sequence[OrientedBox]):
        self._circles = sorted((box.x - box.radius, box.x, box.y, box.radius, k) for k, box in enumerate(boxes))
        self._lows = [circle[0] for circle in self._circles]
        self._widest = max((2 * box.radius for box in boxes), default=0.0)

    def near(self, box: OrientedBox, margin: float = 0.0) -> list[int]:
        """Positions, ascending, of the boxes whose bounding circles come within `margin` metres of the given box's.

        Seen from above; heights are not compared. A box of the index finds itself.
        """
        x, y, reach = box.x, box.y, box.radius + margin
        first = bisect_left(self._lows, x - reach - self._widest)
        last = bisect_right(self._lows, x + reach)
        return sorted(
            k
            for _, other_x, other_y, radius, k in self._circles[first:last]
            if (x - other_x) ** 2 + (y - other_y) ** 2 <= (reach + radius) ** 2
        )
