"""What a place costs in use: floor that furniture needs free before it, and ways to walk that are kept open.

The needs are those of `core/detectors/needs.py`, the walkable floor that of `core/access.py`, both of boxes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from ...core.access import (
    AGENT_RADIUS_M,
    ALL_SIDES_SIZE_M,
    HEADROOM_M,
    REACH_M,
    SIDE_REACH_M,
    FloorRaster,
    connected_areas,
    floor_raster,
)
from ...core.detectors.needs import SPARE, TOLERANCE_M, belong
from ...core.footprints import overlaps, rows_of
from ...core.furniture import FURNITURE, UNKNOWN, Category
from ...core.geometry import OrientedBox
from ...core.place_grid import PlaceGrid
from ...prompts import vocabulary as v
from .prompt_room import PromptItem, PromptRoom, Rectangle, Standing

Index = int | np.ndarray
Range = tuple[int, int]
EVERY = 2
"""Steps of the grid between two places whose ways are looked at: a cell of the raster."""


@cache
def _rows() -> dict[str, Category]:
    """The rows of the table by the token of their name."""
    return {v.category_token(name): row for name, row in FURNITURE.categories.items()}


def row_of(kind: str) -> Category:
    return _rows().get(kind, FURNITURE.categories[UNKNOWN])


def as_box(rectangle: Rectangle) -> OrientedBox:
    """A rectangle of the floor as a box without height."""
    x0, x1, y0, y1 = rectangle
    return OrientedBox((x0 + x1) / 2, (y0 + y1) / 2, 0.0, 0.0, x1 - x0, y1 - y0, 0.0)


def need_strips(kind: str, box: OrientedBox) -> list[list[OrientedBox]]:
    """The strips of floor that an item needs free, each need as the alternatives of which one is enough."""
    return [
        [_strip(box, one, wanted - TOLERANCE_M) for one in (("left", "right") if side == "beside" else (side,))]
        for side, wanted, _ in row_of(kind).needs
    ]


def _strip(box: OrientedBox, side: str, reach: float) -> OrientedBox:
    """The floor before the middle part of a side."""
    (rx, ry), (fx, fy) = box.right, box.front
    ox, oy = {"front": (fx, fy), "back": (-fx, -fy), "right": (rx, ry), "left": (-rx, -ry)}[side]
    at_end = side in ("front", "back")
    off = ((box.depth if at_end else box.width) + reach) / 2
    kept = (box.width if at_end else box.depth) * (1.0 - SPARE) - 2 * TOLERANCE_M
    width, depth = (kept, reach) if at_end else (reach, kept)
    return OrientedBox(box.x + off * ox, box.y + off * oy, 0.0, box.yaw, width, depth, 0.0)


class Needs:
    """The floor that one item needs, and that the others need, for any place of it."""

    def __init__(self, room: PromptRoom, walls: Sequence[OrientedBox], item: PromptItem, others: Sequence[Standing]):
        self.room, self.item = room, item
        hard = [*map(as_box, room.notches), *walls]
        row = row_of(item.kind)
        in_the_way = [other for other in others if not other.covering and other.box.z < HEADROOM_M]
        strangers = [other for other in in_the_way if not belong(row, row_of(other.kind))]
        self._obstacles = rows_of([*hard, *(other.box for other in strangers)])
        open_ = _open_strips(room, hard, strangers, in_the_way)
        self._strips = rows_of([strips[0] for strips in open_ if len(strips) == 1])
        self._choices = [rows_of(strips) for strips in open_ if len(strips) > 1]

    def broken(self, yaw: float, grid: PlaceGrid) -> np.ndarray:
        """The number of needs that are not met with the item at each place: (nx, ny) int."""
        count = np.zeros((len(grid.xs), len(grid.ys)), np.int8)
        item = self.item
        shape = OrientedBox(0.0, 0.0, 0.0, yaw, *item.size)
        for alternatives in need_strips(item.kind, shape) if item.mount == "floor" else ():
            met = self._clear(alternatives[0], grid)
            for strip in alternatives[1:]:
                met |= self._clear(strip, grid)
            count += ~met
        for strips in self._choices:
            spared = np.zeros_like(count, bool)
            for row in strips:
                clear = np.ones_like(spared)
                grid.take(clear, item.size[0], item.size[1], yaw, row[None])
                spared |= clear
            count += ~spared
        for columns, rows, overlap in grid.windows(item.size[0], item.size[1], yaw, self._strips):
            count[columns, rows] += 1 if overlap is None else overlap
        return count

    def _clear(self, strip: OrientedBox, grid: PlaceGrid) -> np.ndarray:
        """Where a strip that moves with an item at the origin is inside the room and clear."""
        w, d = self.room.width, self.room.depth
        mask = grid.within(-strip.x, w - strip.x, -strip.y, d - strip.y, strip.width, strip.depth, strip.yaw)
        moved = self._obstacles - (strip.x, strip.y, 0.0, 0.0, 0.0)
        grid.take(mask, strip.width, strip.depth, strip.yaw, moved)
        return mask


def _open_strips(
    room: PromptRoom, hard: list[OrientedBox], owners: list[Standing], others: list[Standing]
) -> list[list[OrientedBox]]:
    """The strips that some pieces need and have, each need as the alternatives that are left."""
    needs = [(owner, strips) for owner in owners for strips in need_strips(owner.kind, owner.turned_box)]
    strips = [strip for _, alternatives in needs for strip in alternatives]
    if not strips:
        return []
    hits = overlaps(rows_of(strips), rows_of([*hard, *(other.box for other in others)]))
    corners = np.array([strip.points for strip in strips])  # (S, 4, 2)
    closed = (corners.min(axis=(1, 2)) < 0) | (corners.max(axis=1) > (room.width, room.depth)).any(axis=1)
    closed |= hits[:, : len(hard)].any(axis=1)
    found, k = [], 0
    for owner, alternatives in needs:
        left = []
        for strip in alternatives:
            met = (others[n] for n in np.flatnonzero(hits[k, len(hard) :]))
            row = row_of(owner.kind)
            if not closed[k] and all(o.name == owner.name or belong(row, row_of(o.kind)) for o in met):
                left.append(strip)
            k += 1
        if left:
            found.append(left)
    return found


@dataclass(frozen=True)
class _UsedFloor:
    """The floor about a piece from which it is used: the rectangle that encloses it, and its parts, one a side, each as
    a range of columns, one of rows, and how many of their cells are reached."""

    area: Rectangle
    parts: list[tuple[Range, Range, int]]


class Ways:
    """The floor on which one can walk up to what stands."""

    def __init__(self, room: PromptRoom, standing: Sequence[Standing]):
        w, d = room.width, room.depth
        self.raster = floor_raster(room.corners or ((0.0, 0.0), (w, 0.0), (w, d), (0.0, d)))
        free = self.raster.free.copy()
        for notch in room.notches:
            self.raster.clear_around(free, as_box(notch))
        for other in standing:
            if not other.covering and other.box.z < HEADROOM_M:
                self.raster.clear_around(free, other.box)
        self._cells = _reached(self.raster, free, room).T  # (C, R)
        self._sums = np.zeros((self._cells.shape[0] + 1, self._cells.shape[1] + 1), np.int32)
        self._sums[1:, 1:] = self._cells.cumsum(axis=0).cumsum(axis=1)
        walked_to = [o for o in standing if o.name in room.items and room.items[o.name].mount == "floor"]
        self._used = self._used_floor(walked_to)
        self._by_extents: dict[tuple[float, float, float], np.ndarray] = {}

    def _used_floor(self, walked_to: list[Standing]) -> list[_UsedFloor]:
        found = []
        for other in walked_to:
            box = other.turned_box
            areas: list[Rectangle] = []
            parts: list[tuple[Range, Range, int]] = []
            for side in _sides(box):
                x0, x1, y0, y1 = _reach(box, side, 0.0)
                area = box.x + x0, box.x + x1, box.y + y0, box.y + y1
                (i0, i1), (j0, j1) = self._number(np.array(area[:2]), 0), self._number(np.array(area[2:]), 1)
                cells = int(self._cells_in(i0, i1, j0, j1))
                if cells:
                    areas.append(area)
                    parts.append(((i0, i1), (j0, j1), cells))
            if parts:
                (x0, y0), (x1, y1) = np.min(areas, axis=0)[[0, 2]], np.max(areas, axis=0)[[1, 3]]
                found.append(_UsedFloor((x0, x1, y0, y1), parts))
        return found

    def lost(self, item: PromptItem, yaw: float, grid: PlaceGrid) -> np.ndarray:
        """How many things one could no longer walk up to with an item at each place, itself counted: (nx, ny).

        Where it stands across a way, a half is added: the floor round it, reached before, falls into pieces there.
        """
        xs, ys = grid.xs[::EVERY], grid.ys[::EVERY]
        further = (EVERY - 1) * grid.step  # the last of the places for which one stands
        shape = OrientedBox(0.0, 0.0, 0.0, yaw, *item.size)
        own = np.zeros((len(xs), len(ys)), bool)
        for side in _sides(shape):
            x0, x1, y0, y1 = _reach(shape, side, AGENT_RADIUS_M)
            i0, i1 = self._number(xs + further + x0, 0), self._number(xs + x1, 0)
            j0, j1 = self._number(ys + further + y0, 1), self._number(ys + y1, 1)
            own |= self._cells_in(i0, i1, j0, j1) > 0
        ex, ey = (shape.corners.max(axis=0) + AGENT_RADIUS_M).tolist()
        key = (round(ex, 6), round(ey, 6), grid.step)
        if key not in self._by_extents:
            self._by_extents[key] = self._lost_to_others(ex, ey, xs, ys, further)
        lost = self._by_extents[key] + ~own
        return lost.repeat(EVERY, axis=0).repeat(EVERY, axis=1)[: len(grid.xs), : len(grid.ys)]

    def _lost_to_others(self, ex: float, ey: float, xs: np.ndarray, ys: np.ndarray, further: float) -> np.ndarray:
        """The same without the item itself, for an area of half extents `ex`, `ey` that is taken about each place."""
        i0, i1 = self._number(xs - ex, 0), self._number(xs + further + ex, 0)
        j0, j1 = self._number(ys - ey, 1), self._number(ys + further + ey, 1)
        lost = 0.5 * self._across(i0, i1 + 1, j0, j1 + 1)
        for used in self._used:
            x0, x1, y0, y1 = used.area
            a, b = np.searchsorted(xs, (x0 - ex - further, x1 + ex))
            c, d = np.searchsorted(ys, (y0 - ey - further, y1 + ey))
            spared = np.zeros((b - a, d - c), bool)
            for columns, rows, cells in used.parts:
                k0, k1 = _clipped(i0[a:b], columns), _clipped(i1[a:b], columns)
                l0, l1 = _clipped(j0[c:d], rows), _clipped(j1[c:d], rows)
                spared |= self._cells_in(k0, k1, l0, l1) < cells
            lost[a:b, c:d] += ~spared
        return lost

    def _cells_in(self, i0: Index, i1: Index, j0: Index, j1: Index) -> np.ndarray:
        """How many cells are reached of the columns from i0 to i1 and the rows from j0 to j1, the ends left out: for
        arrays (n,) of columns and (m,) of rows (n, m)."""
        columns = self._sums[i1] - self._sums[i0]
        return columns.take(j1, axis=-1) - columns.take(j0, axis=-1)

    def _number(self, values: np.ndarray, axis: int) -> np.ndarray:
        """The number of cells whose centres lie below coordinates."""
        start = self.raster.y if axis else self.raster.x
        cells = np.ceil((values - start) / self.raster.cell - 0.5 - 1e-6).astype(np.int32)
        return np.minimum(np.maximum(cells, 0), self._cells.shape[axis])

    @cached_property
    def _changes(self) -> tuple[np.ndarray, np.ndarray]:
        """Changes between reached and not along each column of cells, and along each row, summed up: (C + 2, R + 2)."""
        cells = np.pad(self._cells, 1).astype(np.int8)
        along_x, along_y = (np.zeros(cells.shape, np.int32) for _ in range(2))
        along_x[1:] = np.abs(np.diff(cells, axis=0)).cumsum(axis=0)
        along_y[:, 1:] = np.abs(np.diff(cells, axis=1)).cumsum(axis=1)
        return along_x, along_y

    def _across(self, i0: np.ndarray, i1: np.ndarray, j0: np.ndarray, j1: np.ndarray) -> np.ndarray:
        """Where the ring of cells through those columns and rows is reached in more than one piece."""
        along_x, along_y = self._changes
        sides = along_x[i1] - along_x[i0]
        ends = along_y.take(j1, axis=1) - along_y.take(j0, axis=1)
        changes = sides.take(j0, axis=1) + sides.take(j1, axis=1) + ends[i0] + ends[i1]
        return changes > 2


def _clipped(numbers: np.ndarray, limits: Range) -> np.ndarray:
    return np.minimum(np.maximum(numbers, limits[0]), limits[1])  # np.clip costs several times as much


def _reached(raster: FloorRaster, free: np.ndarray, room: PromptRoom) -> np.ndarray:
    """The free cells (R, C) that are connected with a door's swing; without one, the largest area."""
    areas = connected_areas(free)
    sizes = np.bincount(areas.ravel())
    sizes[0] = 0
    kept = np.zeros(len(sizes), bool)
    for swing in room.swings:
        rows, columns, _, _ = raster.window(as_box(swing).points, 0.0)
        kept[areas[rows, columns]] = True
    if not kept[1:].any():
        kept[int(np.argmax(sizes))] = True
    kept[0] = False
    return kept[areas]


def _sides(box: OrientedBox) -> tuple[str, ...]:
    """The sides from which something is used, as `core/access.py` has it."""
    return ("front", "back", "left", "right") if max(box.width, box.depth) <= ALL_SIDES_SIZE_M else ("front",)


def _reach(box: OrientedBox, side: str, off: float) -> Rectangle:
    """Where one stands who uses a box from a side, `off` metres from it and more; relative to its centre."""
    (rx, ry), (fx, fy) = box.right, box.front
    ox, oy = {"front": (fx, fy), "back": (-fx, -fy), "right": (rx, ry), "left": (-rx, -ry)}[side]
    ex, ey = (abs(rx) * box.width + abs(fx) * box.depth) / 2, (abs(ry) * box.width + abs(fy) * box.depth) / 2
    if abs(ox) > abs(oy):
        near, far = sorted(math.copysign(ex + distance, ox) for distance in (off, REACH_M))
        return near, far, -ey - SIDE_REACH_M, ey + SIDE_REACH_M
    near, far = sorted(math.copysign(ey + distance, oy) for distance in (off, REACH_M))
    return -ex - SIDE_REACH_M, ex + SIDE_REACH_M, near, far
