"""A grid of places for the centre of a footprint, and which of them an obstacle takes.

A footprint overlaps an obstacle exactly where its centre lies in the Minkowski sum of both, which takes a window out of
a mask of places. A wall is an obstacle without depth.
"""

from __future__ import annotations

import math

import numpy as np

from .geometry import OrientedBox

SLACK_M = 1e-3
"""Metres by which footprints may overlap and still count as touching."""


class PlaceGrid:
    """Centres at `xs` (nx,) and `ys` (ny,), `step` metres between neighbours. Masks (nx, ny) are true where a footprint
    may stand."""

    def __init__(self, xs: np.ndarray, ys: np.ndarray, step: float):
        self.xs, self.ys, self.step = xs, ys, step

    def within(self, x0: float, x1: float, y0: float, y1: float, width: float, depth: float, yaw: float) -> np.ndarray:
        """Where a footprint lies inside a rectangle: (nx, ny) bool."""
        shape = OrientedBox(0.0, 0.0, 0.0, yaw, width, depth, 0.0)
        ex, ey = (shape.corners.max(axis=0) - SLACK_M).tolist()
        columns = (self.xs >= x0 + ex) & (self.xs <= x1 - ex)
        rows = (self.ys >= y0 + ey) & (self.ys <= y1 - ey)
        return columns[:, None] & rows[None, :]

    def take(self, mask: np.ndarray, width: float, depth: float, yaw: float, obstacle: OrientedBox) -> None:
        """Take from `mask` the places at which a footprint overlaps the obstacle's."""
        window = self.window(width, depth, yaw, obstacle)
        if window is not None:
            columns, rows, overlap = window
            if overlap is None:
                mask[columns, rows] = False
            else:
                mask[columns, rows] &= ~overlap

    def window(
        self, width: float, depth: float, yaw: float, obstacle: OrientedBox
    ) -> tuple[slice, slice, np.ndarray | None] | None:
        """The places at which a footprint overlaps the obstacle's: slices of the grid, and which places in them; None
        for all of them, and None altogether where there is no such place."""
        (c, s), (oc, os) = OrientedBox(0.0, 0.0, 0.0, yaw, width, depth, 0.0).right, obstacle.right
        cos, sin = abs(c * oc + s * os), abs(c * os - s * oc)
        ex = (width * abs(c) + depth * abs(s) + obstacle.width * abs(oc) + obstacle.depth * abs(os)) / 2 - SLACK_M
        ey = (width * abs(s) + depth * abs(c) + obstacle.width * abs(os) + obstacle.depth * abs(oc)) / 2 - SLACK_M
        i0, i1 = self._span(obstacle.x - ex - self.xs[0], obstacle.x + ex - self.xs[0], len(self.xs))
        j0, j1 = self._span(obstacle.y - ey - self.ys[0], obstacle.y + ey - self.ys[0], len(self.ys))
        if i0 >= i1 or j0 >= j1:
            return None
        if min(cos, sin) < 1e-9 and min(abs(c), abs(s)) < 1e-9:
            return slice(i0, i1), slice(j0, j1), None
        dx, dy = self.xs[i0:i1, None] - obstacle.x, self.ys[None, j0:j1] - obstacle.y
        overlap = (
            (np.abs(dx * c + dy * s) < (width + obstacle.width * cos + obstacle.depth * sin) / 2 - SLACK_M)
            & (np.abs(dy * c - dx * s) < (depth + obstacle.width * sin + obstacle.depth * cos) / 2 - SLACK_M)
            & (np.abs(dx * oc + dy * os) < (obstacle.width + width * cos + depth * sin) / 2 - SLACK_M)
            & (np.abs(dy * oc - dx * os) < (obstacle.depth + width * sin + depth * cos) / 2 - SLACK_M)
        )
        return slice(i0, i1), slice(j0, j1), overlap

    def _span(self, low: float, high: float, count: int) -> tuple[int, int]:
        """The numbers of the grid lines strictly between two coordinates, as a half-open range."""
        first = math.floor(low / self.step + 1e-9) + 1
        last = math.ceil(high / self.step - 1e-9)
        return max(first, 0), min(last, count)
