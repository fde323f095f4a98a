"""Many footprints at once: which of N candidate places overlap what stands, and which lie inside a floor.

A footprint is a row (x, y, width, depth, yaw): centre in metres, size at yaw 0, counter-clockwise yaw in degrees. Two
footprints overlap where their projections overlap on all four directions of their edges (separating axis theorem). A
wall is a footprint without depth, so the same test keeps furniture inside a floor of any shape.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .geometry import OrientedBox
from .polygon import Corners, contains

SLACK_M = 1e-3
"""Metres by which footprints may overlap and still count as touching."""


def rows_of(boxes: Sequence[OrientedBox]) -> np.ndarray:
    """The footprints (N, 5) of boxes."""
    return np.array([(b.x, b.y, b.width, b.depth, b.yaw) for b in boxes], float).reshape(-1, 5)


def axes(footprints: np.ndarray) -> np.ndarray:
    """Unit vectors (N, 2) along the widths of footprints (N, 5)."""
    angle = np.radians(footprints[:, 4])
    return np.column_stack([np.cos(angle), np.sin(angle)])


def half_extents(footprints: np.ndarray) -> np.ndarray:
    """Half the extents (N, 2) of footprints (N, 5) along x and y."""
    right = np.abs(axes(footprints))
    return (footprints[:, 2, None] * right + footprints[:, 3, None] * right[:, ::-1]) / 2


def overlaps(a: np.ndarray, b: np.ndarray, margin: float = 0.0) -> np.ndarray:
    """Whether each of the footprints (N, 5) overlaps each of (M, 5), or is nearer to it than `margin`: (N, M) bool.

    With a margin corners count as if they were not rounded.
    """
    if not len(a) or not len(b):
        return np.zeros((len(a), len(b)), bool)
    ax, bx = axes(a), axes(b)
    delta = b[None, :, :2] - a[:, None, :2]  # (N, M, 2)
    cos = np.abs(ax @ bx.T)  # (N, M)
    sin = np.abs(ax[:, 0, None] * bx[None, :, 1] - ax[:, 1, None] * bx[None, :, 0])
    aw, ad = a[:, 2, None] / 2, a[:, 3, None] / 2
    bw, bd = b[None, :, 2] / 2, b[None, :, 3] / 2
    spare = margin - SLACK_M
    along_a = np.abs(delta[..., 0] * ax[:, 0, None] + delta[..., 1] * ax[:, 1, None])
    across_a = np.abs(delta[..., 1] * ax[:, 0, None] - delta[..., 0] * ax[:, 1, None])
    along_b = np.abs(delta[..., 0] * bx[None, :, 0] + delta[..., 1] * bx[None, :, 1])
    across_b = np.abs(delta[..., 1] * bx[None, :, 0] - delta[..., 0] * bx[None, :, 1])
    return (
        (along_a < aw + bw * cos + bd * sin + spare)
        & (across_a < ad + bw * sin + bd * cos + spare)
        & (along_b < bw + aw * cos + ad * sin + spare)
        & (across_b < bd + aw * sin + ad * cos + spare)
    )


def wall_rows(floor: Corners) -> np.ndarray:
    """The walls of a floor as footprints (K, 5) without depth, wall k from corner k to corner k + 1."""
    start = np.asarray(floor, float)
    along = np.roll(start, -1, axis=0) - start
    middle = start + along / 2
    length = np.hypot(along[:, 0], along[:, 1])
    yaw = np.degrees(np.arctan2(along[:, 1], along[:, 0])) % 360.0
    return np.column_stack([middle, length, np.zeros(len(start)), yaw])


def inside(footprints: np.ndarray, floor: Corners, walls: np.ndarray | None = None) -> np.ndarray:
    """Whether each footprint (N, 5) lies inside a simple polygon: (N,) bool. `walls` are its `wall_rows`, if known."""
    walls = wall_rows(floor) if walls is None else walls
    within = ~overlaps(footprints, walls).any(axis=1)
    within[within] = contains(footprints[within, :2], floor)
    return within


def zones(footprints: np.ndarray, side: str, reach: float) -> np.ndarray:
    """The strips (N, 5) of `reach` metres before a side of footprints (N, 5).

    `side` is front, back, left or right, as the item itself counts them.
    """
    right = axes(footprints)
    back = np.stack([-right[:, 1], right[:, 0]], axis=1)
    out = footprints.copy()
    if side in ("front", "back"):
        sign = -1.0 if side == "front" else 1.0
        out[:, :2] += sign * back * ((footprints[:, 3] + reach) / 2)[:, None]
        out[:, 3] = reach
    else:
        sign = -1.0 if side == "left" else 1.0
        out[:, :2] += sign * right * ((footprints[:, 2] + reach) / 2)[:, None]
        out[:, 2] = reach
    return out
