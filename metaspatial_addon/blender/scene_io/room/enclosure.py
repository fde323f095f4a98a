"""The area that lines in the plane enclose, as cells of a raster: gaps are closed, and the way round is traced.

Used by `walls.py` on sections through walls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ....core.access import connected_areas

CLEARANCE = 0.3
"""Metres to the nearest wall that some place of a room has; the inside of a wall has none."""

SLANT = 1.45
"""How much wider the gaps are that close across the raster."""

ARM_AREA = 0.05
"""Square metres, beyond half a gap from all walls, from which a narrow place is part of a room, not of a doorway."""

_FINEST = 0.01
"""Metres of a raster's cell at least."""
_CELLS = 500
"""Cells along the longer side of a raster at most."""


@dataclass(frozen=True)
class Lines:
    """Line segments as points on them, half a cell apart: `points` (P, 2) metres, `owner` (P,) the segment of each.
    Rasters have `shape`, and their cell (0, 0) begins at `low`."""

    points: np.ndarray
    owner: np.ndarray
    shape: tuple[int, int]
    low: np.ndarray
    cell: float

    def cells(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns (P,) of points (P, 2)."""
        columns, rows = ((points - self.low) / self.cell).astype(int).T
        return rows, columns

    def raster(self, points: np.ndarray) -> np.ndarray:
        """The cells (R, C) bool in which points (P, 2) lie."""
        drawn = np.zeros(self.shape, dtype=bool)
        drawn[self.cells(points)] = True
        return drawn


def draw(segments: np.ndarray, margin: float) -> Lines:
    """Segments (S, 2, 2) on a raster that goes `margin` metres beyond them."""
    low, high = segments.min(axis=(0, 1)), segments.max(axis=(0, 1))
    cell = max(_FINEST, float((high - low).max()) / _CELLS)
    pad = int(np.ceil(margin / cell)) + 4
    low = low - pad * cell
    columns, rows = (np.ceil((high - low) / cell).astype(int) + pad).tolist()
    points, owner = sampled(segments, 0.5 * cell)
    return Lines(points, owner, (rows, columns), low, cell)


def sampled(segments: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Points (P, 2) on segments (S, 2, 2), ends included, at most `step` apart, and the segment (P,) of each."""
    along = segments[:, 1] - segments[:, 0]
    counts = np.ceil(np.hypot(*along.T) / step).astype(int) + 1
    owner = np.repeat(np.arange(len(segments)), counts)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    t = place / np.maximum(counts[owner] - 1, 1)
    return segments[owner, 0] + t[:, None] * along[owner], owner


def enclosed(lines: Lines, gaps: Sequence[float], bridges: np.ndarray) -> np.ndarray | None:
    """The cells (R, C) bool of the largest area that the lines enclose; gaps up to the widest of `gaps` are closed.

    `bridges` (B, 2, 2) are gaps of straight walls, where the area ends; elsewhere it ends somewhere in the gap. Arms
    narrower than the gap belong to the area where a smaller gap encloses them. Holes are filled. It ends about a cell
    before the lines. None where no area is as wide as a room.
    """
    drawn = lines.raster(lines.points)
    free = ~widened(drawn, 1)
    widths = np.hypot(*(bridges[:, 1] - bridges[:, 0]).T)
    levels = {max(1, round(0.5 * gap / lines.cell)): gap for gap in sorted(gaps)}
    reaches = sorted(levels, reverse=True)

    def regrown(mask: np.ndarray, reach: int, steps: int) -> np.ndarray:
        across, _ = sampled(bridges[widths <= SLANT * levels[reach] + lines.cell], 0.5 * lines.cell)
        open_cells = free & ~widened(lines.raster(across), 1) if reach > reaches[-1] else free
        for _ in range(steps):
            mask = widened(mask, 1) & open_cells
        return mask

    areas = connected_areas(~widened(drawn, reaches[0]))
    roomy = ~widened(drawn, max(reaches[0], round(CLEARANCE / lines.cell)))
    sizes = np.bincount(areas[roomy], minlength=int(areas.max()) + 1)
    sizes[areas[0, 0]] = 0  # the raster's margin: outside
    if not sizes.any():
        return None
    region = regrown(areas == sizes.argmax(), reaches[0], reaches[0] - 1)
    for reach in reaches[1:]:
        areas = connected_areas(~widened(drawn, reach) & ~widened(region, 1))
        sizes = np.bincount(areas.ravel())
        sizes[[0, areas[0, 0]]] = 0
        arms = regrown((sizes * lines.cell**2 >= ARM_AREA)[areas], reach, reach + 1)
        areas = connected_areas(region | arms)
        region = areas == areas[region][0]
    outside = connected_areas(~region)
    return outside != outside[0, 0]


def widened(mask: np.ndarray, reach: int) -> np.ndarray:
    """Cells (R, C) at most `reach` rows and columns from one of the mask."""
    for axis in (0, 1):
        done = 0
        while done < reach:  # each step may at most double the width, and one more
            step = min(reach - done, 2 * done + 1)
            wider, lines = mask.copy(), np.moveaxis(mask, axis, 0)
            out = np.moveaxis(wider, axis, 0)
            out[step:] |= lines[:-step]
            out[:-step] |= lines[step:]
            mask, done = wider, done + step
    return mask


def way_round(region: np.ndarray) -> np.ndarray:
    """Middles (E, 2) of the cell edges around a region without holes, counter-clockwise, x and y in cells."""
    padded = np.pad(region, 1)
    inside = padded[1:-1, 1:-1]
    # Edges run with the region on their left: below a cell to the right, and so on around it.
    sides = (
        (padded[:-2, 1:-1], (0, 0), (1, 0)),
        (padded[1:-1, 2:], (1, 0), (1, 1)),
        (padded[2:, 1:-1], (1, 1), (0, 1)),
        (padded[1:-1, :-2], (0, 1), (0, 0)),
    )
    onward: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for beside, (ax, ay), (bx, by) in sides:
        rows, columns = np.nonzero(inside & ~beside)
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            onward.setdefault((column + ax, row + ay), []).append((column + bx, row + by))
    start = min(onward, key=lambda corner: (corner[1], corner[0]))
    loop, here = [start], onward[start].pop()
    while here != start:
        ways = onward[here]
        if len(ways) > 1:  # two cells meet in a corner: stay with this one, which lies to the left
            dx, dy = here[0] - loop[-1][0], here[1] - loop[-1][1]
            bends = {(x, y): dx * (y - here[1]) - dy * (x - here[0]) for x, y in ways}
            ways.sort(key=bends.__getitem__)
        loop.append(here)
        here = ways.pop()
    corners = np.array(loop, dtype=float)
    return 0.5 * (corners + np.roll(corners, -1, axis=0))
