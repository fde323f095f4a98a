"""A grid of places for the centre of a footprint, and which of them an obstacle takes.

A footprint overlaps an obstacle exactly where its centre lies in the Minkowski sum of both, which takes a window out of
a mask of places. A wall is an obstacle without depth.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .footprints import SLACK_M, axes
from .geometry import OrientedBox
from .pose import right_vector


class PlaceGrid:
    """Centres at `xs` (nx,) and `ys` (ny,), `step` metres between neighbours. Masks (nx, ny) are true where a footprint
    may stand."""

    def __init__(self, xs: np.ndarray, ys: np.ndarray, step: float):
        self.xs, self.ys, self.step = xs, ys, step

    def around(self, box: OrientedBox, reach: float) -> tuple[slice, slice]:
        """The columns and rows of the places at most `reach` metres from the rectangle that encloses a footprint."""
        (x0, y0), (x1, y1) = box.corners.min(axis=0) - reach, box.corners.max(axis=0) + reach
        i0, i1 = np.searchsorted(self.xs, (x0, x1))
        j0, j1 = np.searchsorted(self.ys, (y0, y1))
        return slice(int(i0), int(i1)), slice(int(j0), int(j1))

    def part(self, columns: slice, rows: slice) -> PlaceGrid:
        """The grid of some neighbouring columns and rows."""
        return PlaceGrid(self.xs[columns], self.ys[rows], self.step)

    def within(self, x0: float, x1: float, y0: float, y1: float, width: float, depth: float, yaw: float) -> np.ndarray:
        """Where a footprint lies inside a rectangle: (nx, ny) bool."""
        shape = OrientedBox(0.0, 0.0, 0.0, yaw, width, depth, 0.0)
        ex, ey = (shape.corners.max(axis=0) - SLACK_M).tolist()
        columns = (self.xs >= x0 + ex) & (self.xs <= x1 - ex)
        rows = (self.ys >= y0 + ey) & (self.ys <= y1 - ey)
        return columns[:, None] & rows[None, :]

    def take(self, mask: np.ndarray, width: float, depth: float, yaw: float, obstacles: np.ndarray) -> None:
        """Take from `mask` the places at which a footprint overlaps one of the obstacles' (N, 5)."""
        for columns, rows, overlap in self.windows(width, depth, yaw, obstacles):
            if overlap is None:
                mask[columns, rows] = False
            else:
                mask[columns, rows] &= ~overlap

    def windows(
        self, width: float, depth: float, yaw: float, obstacles: np.ndarray
    ) -> Iterator[tuple[slice, slice, np.ndarray | None]]:
        """For each of the obstacles (N, 5) that a footprint overlaps somewhere, the places at which it does: slices of
        the grid, and which places in them; None for all of them."""
        if not len(obstacles) or not len(self.xs) or not len(self.ys):
            return
        c, s = right_vector(yaw)
        other = axes(obstacles)
        oc, os = other[:, 0], other[:, 1]
        ow, od = obstacles[:, 2], obstacles[:, 3]
        ex = (width * abs(c) + depth * abs(s) + ow * np.abs(oc) + od * np.abs(os)) / 2 - SLACK_M
        ey = (width * abs(s) + depth * abs(c) + ow * np.abs(os) + od * np.abs(oc)) / 2 - SLACK_M
        low = (obstacles[:, :2] - np.column_stack([ex, ey]) - (self.xs[0], self.ys[0])) / self.step
        high = (obstacles[:, :2] + np.column_stack([ex, ey]) - (self.xs[0], self.ys[0])) / self.step
        # The grid lines strictly between two coordinates, as a half-open range.
        first = np.maximum(np.floor(low + 1e-9).astype(int) + 1, 0)
        last = np.minimum(np.ceil(high - 1e-9).astype(int), (len(self.xs), len(self.ys)))
        upright = min(abs(c), abs(s)) < 1e-9
        square = (upright & (np.minimum(np.abs(oc), np.abs(os)) < 1e-9)).tolist()
        hit = np.flatnonzero((first < last).all(axis=1))
        for k, (i0, j0), (i1, j1) in zip(hit.tolist(), first[hit].tolist(), last[hit].tolist(), strict=True):
            columns, rows = slice(i0, i1), slice(j0, j1)
            yield (
                columns,
                rows,
                None if square[k] else self._overlap(columns, rows, (width, depth, c, s), obstacles[k]),
            )

    def _overlap(
        self, columns: slice, rows: slice, shape: tuple[float, float, float, float], obstacle: np.ndarray
    ) -> np.ndarray:
        """Whether a footprint of that width, depth and right vector overlaps an obstacle at each place of a window."""
        width, depth, c, s = shape
        x, y, other_width, other_depth, yaw = obstacle.tolist()
        oc, os = right_vector(yaw)
        cos, sin = abs(c * oc + s * os), abs(c * os - s * oc)
        dx, dy = self.xs[columns, None] - x, self.ys[None, rows] - y
        return (
            (np.abs(dx * c + dy * s) < (width + other_width * cos + other_depth * sin) / 2 - SLACK_M)
            & (np.abs(dy * c - dx * s) < (depth + other_width * sin + other_depth * cos) / 2 - SLACK_M)
            & (np.abs(dx * oc + dy * os) < (other_width + width * cos + depth * sin) / 2 - SLACK_M)
            & (np.abs(dy * oc - dx * os) < (other_depth + width * sin + depth * cos) / 2 - SLACK_M)
        )
