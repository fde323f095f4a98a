"""The places that the embedded model is offered: where an item is inside the room, clear, and carried by something.

Places are those of the model's grid, 2.5 cm apart. What a prompt gives as boxes counts as boxes; a chair is not
offered places under a table, since whether meshes allow that is not told. A yaw that is no quarter is offered where a
coarse look finds a place for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import cache

import numpy as np

from ...core.footprints import overlaps, rows_of
from ...core.furniture import FURNITURE
from ...core.geometry import OrientedBox
from ...core.place_grid import SLACK_M, PlaceGrid
from ...core.polygon import WallSegment, contains, wall_segments
from ...prompts import vocabulary as v
from .prompt_room import PromptItem, PromptRoom, Rectangle, Standing

CORNER_ERROR_M = 0.018
"""Metres by which a corner that was rounded to the grid may be off."""
AT_WALL_M = 0.03
"""Metres between a wall and the back of what hangs on it."""
WALL_YAW = 8.0
"""Degrees between a wall's inward normal and the front of what hangs on it."""
LOWEST_HANGING_M = 0.3
"""Least height of the underside of what hangs on a wall."""
HANGING_STEP_M = 0.1
"""Metres between two heights at which a place on a wall is looked at."""
HIGHEST_TOP_M = 1.5
"""Height of the highest top that things are put on."""
COARSE = 4
"""Steps of the grid between two places of the coarse look."""
SILL_TOLERANCE_M = 0.005


@cache
def carrier_kinds() -> frozenset[str]:
    """The tokens of categories with a top that carries things."""
    return frozenset(
        v.category_token(name)
        for name, row in FURNITURE.categories.items()
        if row.mount == "floor" and not row.covering and row.class_name in ("table", "storage", "appliance", "other")
    )


def _obstacle(rectangle: Rectangle) -> OrientedBox:
    x0, x1, y0, y1 = rectangle
    return OrientedBox((x0 + x1) / 2, (y0 + y1) / 2, 0.0, 0.0, x1 - x0, y1 - y0, 0.0)


class FreePlaces:
    """The free places of the items of one prompt, for any number of answers."""

    def __init__(self, room: PromptRoom):
        self.room = room
        self.grid, self._floor = self._grid(v.POSE_STEP)
        self._coarse, self._coarse_floor = self._grid(COARSE * v.POSE_STEP)
        self._walls = [_wall_obstacle(wall) for wall in (wall_segments(room.corners) if room.corners else ())]
        self._inside: dict[tuple[bool, float, float, float], np.ndarray] = {}

    def _grid(self, step: float) -> tuple[PlaceGrid, np.ndarray | None]:
        xs, ys = (np.arange(math.floor(span / step + 1e-6) + 1) * step for span in (self.room.width, self.room.depth))
        if not self.room.corners:
            return PlaceGrid(xs, ys, step), None
        points = np.stack(np.meshgrid(xs, ys, indexing="ij"), axis=-1).reshape(-1, 2)
        return PlaceGrid(xs, ys, step), contains(points, self.room.corners).reshape(len(xs), len(ys))

    # Offers -----------------------------------------------------------------------------------------------------

    def yaws(self, item: PromptItem, standing: Mapping[str, Standing]) -> list[int]:
        """The yaws at which the item has a free place."""
        found = []
        known: dict[tuple[float, ...], bool] = {}
        for yaw in range(0, 360, v.YAW_STEP):
            square = yaw % 90 == 0
            slanted = any(abs((yaw - wall.yaw + 45.0) % 90.0 - 45.0) < WALL_YAW for wall in self._walls)
            shape = self._shape(item, yaw) if square or slanted else (*item.extents(yaw), 0.0)
            key = (*shape, yaw if item.mount == "wall" else 0.0)
            if key not in known:
                known[key] = bool(self._free(item, yaw, shape, standing, coarse=not square).any())
            if known[key]:
                found.append(yaw)
        return found

    def mask(self, item: PromptItem, yaw: float, standing: Mapping[str, Standing]) -> np.ndarray:
        """Where the item's centre may be: (nx, ny) bool over the grid."""
        return self._free(item, yaw, self._shape(item, yaw), standing)

    def _free(
        self,
        item: PromptItem,
        yaw: float,
        shape: tuple[float, float, float],
        standing: Mapping[str, Standing],
        coarse: bool = False,
    ) -> np.ndarray:
        """Where a footprint of that width, depth and yaw may be, for an item at a yaw."""
        grid = self._coarse if coarse else self.grid
        others = [other for other in (*self.room.fixed, *standing.values()) if other.name != item.name]
        width, depth, angle = shape
        if item.mount == "wall":
            return self._at_walls(item, yaw, shape, others, coarse)
        mask = self._inside_mask(width, depth, angle, coarse).copy()
        if item.covering:
            for other in others:
                if other.covering:
                    grid.take(mask, width, depth, angle, other.box)
            return mask
        solid = [other for other in others if not other.covering]
        if item.mount == "surface" or self._carriers(item, solid):
            return mask & self._on_tops(item, shape, solid, coarse)
        low = (item.told_z or 0.0) if item.mount == "ceiling" else 0.0
        for box in _between(solid, low, low + item.size[2]):
            grid.take(mask, width, depth, angle, box)
        if item.mount == "floor":
            for swing in self.room.swings:
                grid.take(mask, width, depth, angle, _obstacle(swing))
            for window, sill in self.room.windows:
                if item.size[2] > sill + SILL_TOLERANCE_M:
                    grid.take(mask, width, depth, angle, _obstacle(window))
        return mask

    def heights(self, item: PromptItem, yaw: float, x: float, y: float, standing: Mapping[str, Standing]) -> list[str]:
        """The heights at which the item may be at a place, as an answer writes them."""
        if item.mount == "ceiling" and item.told_z is not None:
            return [f"{item.told_z:.2f}"]
        others = [other for other in (*self.room.fixed, *standing.values()) if other.name != item.name]
        solid = [other for other in others if not other.covering]
        box = item.box(yaw, x, y, 0.0)
        if item.mount == "wall":
            return self._hanging_heights(item, box, solid)
        if item.covering or item.mount == "floor" and not self._carriers(item, solid):
            return ["0.00"]
        tops = {f"{top.box.top:.2f}" for top in self._tops(item, solid) if _rests(box, top.box)}
        return sorted(tops)

    # Inside -----------------------------------------------------------------------------------------------------

    def _shape(self, item: PromptItem, yaw: float) -> tuple[float, float, float]:
        box = item.box(yaw, 0.0, 0.0, 0.0)
        return box.width, box.depth, box.yaw

    def _inside_mask(self, width: float, depth: float, yaw: float, coarse: bool) -> np.ndarray:
        key = (coarse, width, depth, yaw)
        if key not in self._inside:
            grid, floor = (self._coarse, self._coarse_floor) if coarse else (self.grid, self._floor)
            mask = grid.within(0.0, self.room.width, 0.0, self.room.depth, width, depth, yaw)
            if floor is not None:
                mask &= floor
            for obstacle in (*map(_obstacle, self.room.notches), *self._walls):
                grid.take(mask, width, depth, yaw, obstacle)
            mask.setflags(write=False)
            self._inside[key] = mask
        return self._inside[key]

    # Carried by something ---------------------------------------------------------------------------------------

    @staticmethod
    def _carriers(item: PromptItem, solid: Iterable[Standing]) -> list[Standing]:
        return [other for other in solid if other.name in item.carriers]

    def _tops(self, item: PromptItem, solid: list[Standing]) -> list[Standing]:
        """What the item may be put on: what it is asked to stand on, else every top that is low and large enough."""
        asked = self._carriers(item, solid)
        if asked:
            return asked
        known = carrier_kinds()
        small = min(item.size[:2])
        return [
            other
            for other in solid
            if other.kind in known
            and 0.1 < other.box.top <= min(HIGHEST_TOP_M, self.room.height - item.size[2])
            and min(other.box.width, other.box.depth) >= small - SLACK_M
        ]

    def _on_tops(
        self, item: PromptItem, shape: tuple[float, float, float], solid: list[Standing], coarse: bool
    ) -> np.ndarray:
        grid = self._coarse if coarse else self.grid
        width, depth, angle = shape
        mask = np.zeros((len(grid.xs), len(grid.ys)), bool)
        for top in self._tops(item, solid):
            box = top.box
            if box.yaw % 90 == 0:
                (x0, y0), (x1, y1) = box.corners.min(axis=0), box.corners.max(axis=0)
                on = grid.within(float(x0), float(x1), float(y0), float(y1), width, depth, angle)
            else:  # its middle over the top
                window = grid.window(0.0, 0.0, 0.0, box)
                on = np.zeros_like(mask)
                if window is not None:
                    columns, rows, overlap = window
                    on[columns, rows] = True if overlap is None else overlap
            for other in _between((o for o in solid if o is not top), box.top, box.top + item.size[2]):
                grid.take(on, width, depth, angle, other)
            mask |= on
        return mask

    # On walls ---------------------------------------------------------------------------------------------------

    def _at_walls(
        self, item: PromptItem, yaw: float, shape: tuple[float, float, float], others: list[Standing], coarse: bool
    ) -> np.ndarray:
        grid = self._coarse if coarse else self.grid
        width, depth, angle = shape
        inside = self._inside_mask(width, depth, angle, coarse)
        front = OrientedBox(0.0, 0.0, 0.0, yaw, 1.0, 1.0, 0.0).front
        mask = np.zeros_like(inside)
        for start, end, inward in self._wall_lines():
            if front[0] * inward[0] + front[1] * inward[1] < math.cos(math.radians(WALL_YAW)):
                continue
            along = ((end[0] - start[0]), (end[1] - start[1]))
            length = math.hypot(*along)
            along = (along[0] / length, along[1] / length)
            dx, dy = grid.xs[:, None] - start[0], grid.ys[None, :] - start[1]
            u, off = dx * along[0] + dy * along[1], dx * inward[0] + dy * inward[1]
            back = item.extents(yaw)[0 if abs(inward[0]) > abs(inward[1]) else 1] if yaw % 90 == 0 else item.size[1]
            reach = AT_WALL_M + grid.step / 2 + (0.1 * item.size[0] if yaw % 90 else 0.0)
            half = (
                item.extents(yaw)[1 if abs(inward[0]) > abs(inward[1]) else 0] if yaw % 90 == 0 else item.size[0]
            ) / 2
            mask |= (np.abs(off - back / 2) <= reach) & (u >= half - SLACK_M) & (u <= length - half + SLACK_M)
        mask &= inside
        for swing in self.room.swings:
            grid.take(mask, width, depth, angle, _obstacle(swing))
        found = np.zeros_like(mask)
        highest = self.room.height - item.size[2]
        for low in np.arange(LOWEST_HANGING_M, highest + SLACK_M, HANGING_STEP_M).tolist():
            clear, top = mask.copy(), low + item.size[2]
            for window, sill in self.room.windows:
                if top > sill + SLACK_M:
                    grid.take(clear, width, depth, angle, _obstacle(window))
            for box in _between((other for other in others if not other.covering), low, top):
                grid.take(clear, width, depth, angle, box)
            found |= clear
        return found

    def _wall_lines(self) -> list[tuple[tuple[float, float], tuple[float, float], tuple[float, float]]]:
        """Start, end and inward direction of every wall."""
        room = self.room
        if room.corners:
            return [(w.start, w.at(w.length), w.inward) for w in wall_segments(room.corners)]
        w, d = room.width, room.depth
        lines = [((0.0, 0.0), (w, 0.0), (0.0, 1.0)), ((w, 0.0), (w, d), (-1.0, 0.0))]
        lines += [((w, d), (0.0, d), (0.0, -1.0)), ((0.0, d), (0.0, 0.0), (1.0, 0.0))]
        for x0, x1, y0, y1 in room.notches:
            lines += [((x0, y0), (x1, y0), (0.0, -1.0)), ((x1, y0), (x1, y1), (1.0, 0.0))]
            lines += [((x1, y1), (x0, y1), (0.0, 1.0)), ((x0, y1), (x0, y0), (-1.0, 0.0))]
        return lines

    def _hanging_heights(self, item: PromptItem, box: OrientedBox, solid: list[Standing]) -> list[str]:
        """Heights on a wall that are clear of what stands or hangs there, and below the sill of a window."""
        height = item.size[2]
        low, high = LOWEST_HANGING_M, self.room.height - height
        shape = OrientedBox(box.x, box.y, 0.0, box.yaw, box.width, box.depth, 1.0)
        for window, sill in self.room.windows:
            if _overlap(shape, _obstacle(window)):
                high = min(high, sill - height)
        taken = [(other.box.z - height, other.box.top) for other in solid if _overlap(shape, other.box)]
        values = np.arange(round(low / v.HEIGHT_STEP), math.floor(high / v.HEIGHT_STEP + 1e-6) + 1) * v.HEIGHT_STEP
        for bottom, top in taken:
            values = values[(values <= bottom + SLACK_M) | (values >= top - SLACK_M)]
        return [f"{value:.2f}" for value in values]


def _wall_obstacle(wall: WallSegment) -> OrientedBox:
    """A wall as a box without depth; a slanted one is as deep as the rounding of its corners may move it."""
    yaw = math.degrees(math.atan2(wall.direction[1], wall.direction[0])) % 360.0
    slanted = min(map(abs, wall.direction)) > 1e-6
    return OrientedBox(*wall.at(wall.length / 2), 0.0, yaw, wall.length, 2 * CORNER_ERROR_M * slanted, 0.0)


def _between(solid: Iterable[Standing], low: float, high: float) -> list[OrientedBox]:
    """The boxes that reach into a range of heights."""
    return [other.box for other in solid if other.box.z < high - SLACK_M and other.box.top > low + SLACK_M]


def _overlap(a: OrientedBox, b: OrientedBox) -> bool:
    return bool(overlaps(rows_of([a]), rows_of([b]))[0, 0])


def _rests(box: OrientedBox, top: OrientedBox) -> bool:
    """Whether a box's middle is over a top."""
    u, w = top.to_local(box.x, box.y)
    return abs(u) <= top.width / 2 + SLACK_M and abs(w) <= top.depth / 2 + SLACK_M
