"""Strips that close the gaps between boards and tiles, so that a floor made of them has one outline."""

from __future__ import annotations

import numpy as np

WIDEST = 0.02
"""Metres of a gap that belongs to the floor, at most. Between two rooms there is a wall, which is thicker."""

_NARROWEST = 1e-6
"""Metres: what is closer touches."""
_PARALLEL = 0.999
"""Cosine from which two edges face each other."""


def strips(starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Quadrilaterals (S, 4, 2), counter-clockwise, between edges that face each other across a gap.

    `starts`, `ends` (E, 2) are those of a floor's boundary edges, each with the floor on its left. A strip is as long
    as the two edges run side by side.
    """
    along = ends - starts
    lengths = np.hypot(*along.T)
    along = along / lengths[:, None]
    found, widest = [], WIDEST + _NARROWEST
    for edge, (start, direction, length) in enumerate(zip(starts, along, lengths, strict=True)):
        outward = np.array([direction[1], -direction[0]])
        facing = along @ direction < -_PARALLEL
        facing[: edge + 1] = False  # each pair once
        near = np.flatnonzero(facing & ((starts - start) @ outward < widest) & ((ends - start) @ outward < widest))
        for other in near.tolist():
            # The other edge runs the opposite way: its end is the nearer to this one's start.
            first, last = (ends[other] - start) @ direction, (starts[other] - start) @ direction
            low, high = max(first, 0.0), min(last, length)
            if high - low <= _NARROWEST or last - first <= _NARROWEST:
                continue
            on_this = start + np.outer((low, high), direction)
            on_other = ends[other] + np.outer((low - first, high - first), starts[other] - ends[other]) / (last - first)
            widths = (on_other - on_this) @ outward
            if widths.min() > _NARROWEST and widths.max() < widest:
                found.append((on_this[1], on_this[0], on_other[0], on_other[1]))
    return np.array(found).reshape(-1, 4, 2)
