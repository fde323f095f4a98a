"""The places that the embedded model is offered: where an item is inside the room, clear, and carried by something.

Of these it is offered the ones with the fewest faults (`place_faults`). Places are those of the model's grid, 2.5 cm
apart. What a prompt gives as boxes counts as boxes; a chair is not offered places under a table, since whether meshes
allow that is not told. A yaw that is no quarter is offered where a coarse look finds a place for it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from ...core.footprints import SLACK_M, half_extents, overlaps, rows_of
from ...core.furniture import FURNITURE
from ...core.geometry import OrientedBox
from ...core.place_grid import PlaceGrid
from ...core.polygon import WallSegment, contains, wall_segments
from ...prompts import vocabulary as v
from .place_faults import WISHED, PlaceFaults
from .place_habits import Habits
from .place_uses import as_box
from .prompt_room import PromptItem, PromptRoom, Standing, written_extents

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


@dataclass(frozen=True)
class Offer:
    """What an item is offered: yaws, and by yaw the mask (nx, ny) of its places, as far as they are known. `free` is
    False where there is no free place: an item of the floor is then offered those at which it is least in the way."""

    yaws: list[int]
    masks: dict[int, np.ndarray]
    faults: PlaceFaults
    free: bool


class _Best:
    """The masks (nx, ny) of the places that cost least, by yaw."""

    def __init__(self) -> None:
        self.least = math.inf
        self.masks: dict[int, np.ndarray] = {}

    def add(self, yaw: int, mask: np.ndarray, cost: np.ndarray) -> None:
        least = float(cost.min(where=mask, initial=math.inf))
        if least < self.least:
            self.least = least
            self.masks.clear()
        if least == self.least < math.inf:
            self.masks[yaw] = mask & (cost == least)


class FreePlaces:
    """The free places of the items of one prompt, for any number of answers."""

    def __init__(self, room: PromptRoom):
        self.room = room
        self.grid, self._floor = self._grid(v.POSE_STEP)
        self._coarse, self._coarse_floor = self._grid(COARSE * v.POSE_STEP)
        self._walls = [_wall_obstacle(wall) for wall in (wall_segments(room.corners) if room.corners else ())]
        self._habits = Habits(room)
        self._inside: dict[tuple[bool, float, float, float], np.ndarray] = {}

    def _grid(self, step: float) -> tuple[PlaceGrid, np.ndarray | None]:
        xs, ys = (np.arange(math.floor(span / step + 1e-6) + 1) * step for span in (self.room.width, self.room.depth))
        if not self.room.corners:
            return PlaceGrid(xs, ys, step), None
        points = np.stack(np.meshgrid(xs, ys, indexing="ij"), axis=-1).reshape(-1, 2)
        return PlaceGrid(xs, ys, step), contains(points, self.room.corners).reshape(len(xs), len(ys))

    # Offers -----------------------------------------------------------------------------------------------------

    def offer(self, item: PromptItem, standing: Mapping[str, Standing]) -> Offer:
        """The free places of an item that have the fewest faults, at the yaws that have such a place."""
        others = [other for other in (*self.room.fixed, *standing.values()) if other.name != item.name]
        faults = PlaceFaults(self._habits, self._walls, item, others)
        best = _Best()
        shapes: dict[tuple[float, float, float], np.ndarray] = {}
        for yaw in range(0, 360, 90):
            shape = self._shape(item, yaw)
            free = None if item.mount == "wall" else shapes.get(shape)
            if free is None:
                free = shapes[shape] = self._free(item, yaw, shape, others)
            if free.any():
                best.add(yaw, free, faults.count(yaw, self.grid))
        if WISHED <= best.least < math.inf:  # a wish that is missed so may be met at a slant
            for yaw in self._other_yaws(item, others, faults, best.least - WISHED):
                best.add(yaw, self.free(item, yaw, others), faults.count(yaw, self.grid))
        yaws = [*best.masks, *self._other_yaws(item, others, faults, best.least)]
        if not yaws and item.mount == "floor":
            best = self._squeezed(item, others)
            return Offer(sorted(best.masks), best.masks, faults, False)
        return Offer(sorted(set(yaws)), best.masks, faults, bool(yaws))

    def _squeezed(self, item: PromptItem, others: Sequence[Standing]) -> _Best:
        """Where an item without a free place is inside the room and least deep in others."""
        best = _Best()
        solid = [other.box for other in others if other.covering == item.covering and other.box.z < item.size[2]]
        boxes = rows_of([*solid, *map(as_box, self.room.swings)])
        for yaw in range(0, 360, 90):
            width, depth, angle = self._shape(item, yaw)
            inside = self._inside_mask(width, depth, angle, coarse=False)
            total = np.zeros(inside.shape)
            for (x, y), (hx, hy) in zip(boxes[:, :2], half_extents(boxes) + (width / 2, depth / 2), strict=True):
                across, along = hx - np.abs(self.grid.xs - x), hy - np.abs(self.grid.ys - y)
                total += np.minimum(np.maximum(across, 0.0)[:, None], np.maximum(along, 0.0)[None, :])
            if inside.any():
                best.add(yaw, inside, total.round(2))
        return best

    def _other_yaws(
        self, item: PromptItem, others: Sequence[Standing], faults: PlaceFaults, fewest: float
    ) -> list[int]:
        """The yaws that are no quarters at which a coarse look finds a free place with no more wishes missed."""
        found = []
        shapes: dict[tuple[float, float, float], np.ndarray] = {}
        for yaw in (yaw for yaw in range(0, 360, v.YAW_STEP) if yaw % 90):
            slanted = any(abs((yaw - wall.yaw + 45.0) % 90.0 - 45.0) < WALL_YAW for wall in self._walls)
            shape = self._shape(item, yaw) if slanted else (*item.extents(yaw), 0.0)
            free = None if item.mount == "wall" else shapes.get(shape)
            if free is None:
                free = shapes[shape] = self._free(item, yaw, shape, others, coarse=True)
            if free.any() and faults.missed(yaw, self._coarse)[free].min() <= fewest:
                found.append(yaw)
        return found

    def mask(self, offer: Offer, yaw: int) -> np.ndarray:
        """Where the item's centre may be at an offered yaw: (nx, ny) bool over the grid."""
        if yaw not in offer.masks:
            faults, best = offer.faults, _Best()
            best.add(yaw, self.free(faults.item, yaw, faults.others), faults.count(yaw, self.grid))
            offer.masks.update(best.masks)
        return offer.masks.get(yaw, np.zeros((len(self.grid.xs), len(self.grid.ys)), bool))

    def free(self, item: PromptItem, yaw: float, others: Sequence[Standing]) -> np.ndarray:
        """Where the item's centre may be at a yaw, whatever faults it has there: (nx, ny) bool over the grid."""
        return self._free(item, yaw, self._shape(item, yaw), others)

    def _free(
        self,
        item: PromptItem,
        yaw: float,
        shape: tuple[float, float, float],
        others: Sequence[Standing],
        coarse: bool = False,
    ) -> np.ndarray:
        """Where a footprint of that width, depth and yaw may be, for an item at a yaw."""
        grid = self._coarse if coarse else self.grid
        width, depth, angle = shape
        if item.mount == "wall":
            return self._at_walls(item, yaw, shape, others, coarse)
        mask = self._inside_mask(width, depth, angle, coarse).copy()
        if item.covering:
            grid.take(mask, width, depth, angle, rows_of([other.box for other in others if other.covering]))
            return mask
        solid = [other for other in others if not other.covering]
        if item.mount == "surface" or self._carriers(item, solid):
            return mask & self._on_tops(item, shape, solid, coarse)
        low = (item.told_z or 0.0) if item.mount == "ceiling" else 0.0
        obstacles = _between(solid, low, low + item.size[2])
        if item.mount == "floor":
            hidden = [window for window, sill in self.room.windows if item.size[2] > sill + SILL_TOLERANCE_M]
            obstacles += map(as_box, (*self.room.swings, *hidden))
        grid.take(mask, width, depth, angle, rows_of(obstacles))
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
            # An answer writes the edges of what encloses it, rounded up.
            ex, ey = written_extents((width, depth), yaw)
            mask = grid.within(0.0, self.room.width, 0.0, self.room.depth, ex, ey, 0.0)
            if floor is not None:
                mask &= floor
            grid.take(mask, width, depth, yaw, rows_of([*map(as_box, self.room.notches), *self._walls]))
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
        by_height = defaultdict(list)
        for top in self._tops(item, solid):
            by_height[top.box.top].append(top.box)
        for height, boxes in by_height.items():
            on = np.zeros_like(mask)
            for box in boxes:
                columns, rows = grid.around(box, 0.0)
                there = grid.part(columns, rows)
                if box.yaw % 90 == 0:
                    (x0, y0), (x1, y1) = box.corners.min(axis=0), box.corners.max(axis=0)
                    on[columns, rows] |= there.within(float(x0), float(x1), float(y0), float(y1), width, depth, angle)
                else:  # its middle over the top
                    off = np.ones((len(there.xs), len(there.ys)), bool)
                    there.take(off, 0.0, 0.0, 0.0, rows_of([box]))
                    on[columns, rows] |= ~off
            grid.take(on, width, depth, angle, rows_of(_between(solid, height, height + item.size[2])))
            mask |= on
        return mask

    # On walls ---------------------------------------------------------------------------------------------------

    def _at_walls(
        self, item: PromptItem, yaw: float, shape: tuple[float, float, float], others: Sequence[Standing], coarse: bool
    ) -> np.ndarray:
        grid = self._coarse if coarse else self.grid
        width, depth, angle = shape
        inside = self._inside_mask(width, depth, angle, coarse)
        front = OrientedBox(0.0, 0.0, 0.0, yaw, 1.0, 1.0, 0.0).front
        mask = np.zeros_like(inside)
        for wall in self.room.walls:
            start, along, inward, length = wall.start, wall.direction, wall.inward, wall.length
            if front[0] * inward[0] + front[1] * inward[1] < math.cos(math.radians(WALL_YAW)):
                continue
            dx, dy = grid.xs[:, None] - start[0], grid.ys[None, :] - start[1]
            u, off = dx * along[0] + dy * along[1], dx * inward[0] + dy * inward[1]
            back = item.extents(yaw)[0 if abs(inward[0]) > abs(inward[1]) else 1] if yaw % 90 == 0 else item.size[1]
            reach = AT_WALL_M + grid.step / 2 + (0.1 * item.size[0] if yaw % 90 else 0.0)
            half = (
                item.extents(yaw)[1 if abs(inward[0]) > abs(inward[1]) else 0] if yaw % 90 == 0 else item.size[0]
            ) / 2
            mask |= (np.abs(off - back / 2) <= reach) & (u >= half - SLACK_M) & (u <= length - half + SLACK_M)
        mask &= inside
        grid.take(mask, width, depth, angle, rows_of([*map(as_box, self.room.swings)]))
        found = np.zeros_like(mask)
        if not mask.any():
            return found
        highest = self.room.height - item.size[2]
        for low in np.arange(LOWEST_HANGING_M, highest + SLACK_M, HANGING_STEP_M).tolist():
            clear, top = mask.copy(), low + item.size[2]
            hidden = [as_box(window) for window, sill in self.room.windows if top > sill + SLACK_M]
            hidden += _between((other for other in others if not other.covering), low, top)
            grid.take(clear, width, depth, angle, rows_of(hidden))
            found |= clear
        return found

    def _hanging_heights(self, item: PromptItem, box: OrientedBox, solid: list[Standing]) -> list[str]:
        """Heights on a wall that are clear of what stands or hangs there, and below the sill of a window."""
        height = item.size[2]
        low, high = LOWEST_HANGING_M, self.room.height - height
        shape = OrientedBox(box.x, box.y, 0.0, box.yaw, box.width, box.depth, 1.0)
        for window, sill in self.room.windows:
            if _overlap(shape, as_box(window)):
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
