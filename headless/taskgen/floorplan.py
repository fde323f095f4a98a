"""The floor plan on which items are placed: axis-aligned rectangles on a grid, and the test whether one is free.

A unit is 2.5 cm. Centres lie on every second unit (5 cm), so that items whose sizes are multiples of 5 cm have their
edges on the grid. A room is a bounding rectangle minus notches, so that L-, T- and U-shaped rooms need tests of
rectangles only.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np

from metaspatial_addon.core.access import HEADROOM_M
from metaspatial_addon.core.task import Opening, Room

UNIT = 0.025
"""Metres of one grid unit."""
DOOR_MARGIN = 2
"""Units kept free around a door's swing."""
WINDOW_STRIP = 12
"""Units before a window (0.3 m) in which nothing may rise above its sill."""
ON_FLOOR = 0.02
"""Metres: an item whose underside is lower stands on the floor."""
FRONT = {0: (0, -1), 90: (1, 0), 180: (0, 1), 270: (-1, 0)}
"""The direction (x, y) of an item's front by its yaw in degrees."""

Rect = tuple[int, int, int, int]
"""x0, x1, y0, y1 in units."""


def units(metres: float) -> int:
    """A length in whole units, rounded up to an even number, so that half of it is whole as well."""
    return 2 * int(np.ceil(metres / (2 * UNIT) - 1e-6))


@dataclass(frozen=True)
class GridWall:
    """One edge of the floor in units: along axis 0 (x) or 1 (y) from `low` to `high`, at `at` on the other axis.

    `index` is the wall's number in the task, `yaw` that of an item with its back to this wall.
    """

    index: int
    axis: int
    at: int
    low: int
    high: int
    yaw: int

    @property
    def normal(self) -> tuple[int, int]:
        """The direction (x, y) into the room."""
        return FRONT[self.yaw]

    @property
    def length(self) -> int:
        return self.high - self.low


def grid_walls(room: Room) -> list[GridWall]:
    """The walls of a room with axis-parallel walls and corners on the grid, numbered as in the task."""
    corners = [(round(x / UNIT), round(y / UNIT)) for x, y in room.floor]
    walls = []
    for k, (a, b) in enumerate(zip(corners, corners[1:] + corners[:1], strict=True)):
        if a[1] == b[1]:
            yaw = 180 if b[0] > a[0] else 0  # the interior lies to the left
            walls.append(GridWall(k, 0, a[1], min(a[0], b[0]), max(a[0], b[0]), yaw))
        else:
            yaw = 270 if b[1] > a[1] else 90
            walls.append(GridWall(k, 1, a[0], min(a[1], b[1]), max(a[1], b[1]), yaw))
    return walls


def opening_span(wall: GridWall, opening: Opening) -> tuple[int, int]:
    """Where an opening begins and ends along its wall's axis, in units."""
    offset, width = round(opening.offset / UNIT), round(opening.width / UNIT)
    forward = wall.yaw in (180, 270)
    low = wall.low + offset if forward else wall.high - offset - width
    return low, low + width


def strip(wall: GridWall, low: int, high: int, depth: int) -> Rect:
    """The rectangle before a wall from `low` to `high`, `depth` units into the room."""
    near, far = sorted((wall.at, wall.at + depth * (wall.normal[wall.axis ^ 1])))
    return (low, high, near, far) if wall.axis == 0 else (near, far, low, high)


def strips_before(rects: np.ndarray, yaw: int, depth: int) -> np.ndarray:
    """The rectangles (K, 4) of `depth` units before the fronts of items with footprints `rects` (K, 4) at `yaw`."""
    x0, x1, y0, y1 = rects.T
    fx, fy = FRONT[yaw]
    if fx:
        edge = x1 if fx > 0 else x0
        return np.stack([np.minimum(edge, edge + fx * depth), np.maximum(edge, edge + fx * depth), y0, y1], axis=1)
    edge = y1 if fy > 0 else y0
    return np.stack([x0, x1, np.minimum(edge, edge + fy * depth), np.maximum(edge, edge + fy * depth)], axis=1)


@dataclass
class Obstacle:
    """A placed item: its footprint, underside and top in metres, and the rectangle before its front that stays free."""

    item_id: str
    rect: Rect
    bottom: float
    top: float
    front: Rect | None = None


@dataclass
class Floorplan:
    """A room on the grid: what is occupied and what must stay free.

    `width` and `depth` are those of the bounding rectangle in units, `notches` (N, 4) the parts of it outside the room,
    `swings` (N, 4) the swings of doors; `windows` are the rectangles before windows, each with its sill in metres, and
    `wall_openings` by wall the spans (low, high, sill, top) of its doors and windows.
    """

    room: Room
    walls: list[GridWall]
    width: int
    depth: int
    notches: np.ndarray
    swings: np.ndarray
    windows: list[tuple[Rect, float]]
    wall_openings: dict[int, list[tuple[int, int, float, float]]]
    obstacles: list[Obstacle] = field(default_factory=list)

    @classmethod
    def of(cls, room: Room, notches: list[Rect]) -> Floorplan:
        walls = grid_walls(room)
        swings, windows = [], []
        wall_openings: dict[int, list[tuple[int, int, float, float]]] = {}
        for opening in room.openings:
            wall = walls[opening.wall]
            low, high = opening_span(wall, opening)
            wall_openings.setdefault(wall.index, []).append((low, high, opening.sill, opening.sill + opening.height))
            if opening.kind == "door":
                swings.append(strip(wall, low - DOOR_MARGIN, high + DOOR_MARGIN, high - low + DOOR_MARGIN))
            else:
                windows.append((strip(wall, low, high, WINDOW_STRIP), opening.sill))
        x, y = (np.array(room.floor) / UNIT).round().astype(int).T
        return cls(
            room,
            walls,
            int(x.max()),
            int(y.max()),
            np.array(notches, int).reshape(-1, 4),
            np.array(swings, int).reshape(-1, 4),
            windows,
            wall_openings,
        )

    def middle(self) -> tuple[int, int]:
        """Centre of the largest rectangle within the room, on an even grid point."""
        xs = sorted({0, self.width, *self.notches[:, :2].ravel().tolist()})
        ys = sorted({0, self.depth, *self.notches[:, 2:].ravel().tolist()})
        spans = itertools.product(itertools.combinations(xs, 2), itertools.combinations(ys, 2))
        rects = np.array([(*x, *y) for x, y in spans])
        rects = rects[~_hits(rects, self.notches)]
        x0, x1, y0, y1 = rects[np.argmax((rects[:, 1] - rects[:, 0]) * (rects[:, 3] - rects[:, 2]))].tolist()
        return (x0 + x1) // 4 * 2, (y0 + y1) // 4 * 2

    def free(
        self,
        rects: np.ndarray,
        bottom: float,
        top: float,
        *,
        gap: int = 2,
        fronts: np.ndarray | None = None,
        exempt: frozenset[str] = frozenset(),
        entered: frozenset[str] = frozenset(),
        covering: bool = False,
    ) -> np.ndarray:
        """Which of the footprints `rects` (K, 4) are free for an item from `bottom` to `top` metres: (K,) bool.

        It keeps `gap` units to other items at its height, and `fronts` (K, 4), the rectangles before its own front,
        must be free; both leave out the items whose ids are in `exempt`. It may not stand before the front of another
        item that is neither in `exempt` nor in `entered`. A covering has only to lie within the room.
        """
        x0, x1, y0, y1 = rects.T
        good = (x0 >= 0) & (x1 <= self.width) & (y0 >= 0) & (y1 <= self.depth) & ~_hits(rects, self.notches)
        if covering:
            return good
        if bottom < ON_FLOOR:
            good &= ~_hits(rects, self.swings)
            for window, sill in self.windows:
                if top > sill:
                    good &= ~_hits(rects, np.array([window]))
        grown = rects + np.array([-gap, gap, -gap, gap])
        others = [other for other in self.obstacles if other.item_id not in exempt]
        same_height = [o.rect for o in others if o.bottom < top + 0.02 and bottom < o.top + 0.02]
        good &= ~_hits(grown, np.array(same_height, int).reshape(-1, 4))
        if bottom < ON_FLOOR:
            kept = [o.front for o in others if o.front is not None and o.item_id not in entered]
            good &= ~_hits(rects, np.array(kept, int).reshape(-1, 4))
        if fronts is not None:
            fx0, fx1, fy0, fy1 = fronts.T
            good &= (fx0 >= 0) & (fx1 <= self.width) & (fy0 >= 0) & (fy1 <= self.depth) & ~_hits(fronts, self.notches)
            low = [o.rect for o in others if o.bottom < HEADROOM_M]
            good &= ~_hits(fronts, np.array(low, int).reshape(-1, 4))
        return good


def _hits(rects: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which of the rectangles (K, 4) share area with any of the others (M, 4): (K,) bool."""
    if not len(others):
        return np.zeros(len(rects), bool)
    a, b = rects[:, None, :], others[None, :, :]
    apart = (a[..., 1] <= b[..., 0]) | (b[..., 1] <= a[..., 0]) | (a[..., 3] <= b[..., 2]) | (b[..., 3] <= a[..., 2])
    return ~apart.all(axis=1)
