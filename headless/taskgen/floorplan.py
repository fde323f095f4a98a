"""The furnisher's grid: axis-aligned rectangles in units of 2.5 cm, and the test whether one is free.

Centres lie on every second unit (5 cm), so that sizes in steps of 5 cm have their edges on the grid.
Rooms are a bounding rectangle minus notches, which makes L-, T- and U-shapes tests of rectangles only.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np

from metaspatial_addon.core.task import Opening, Room

UNIT = 0.025
DOOR_MARGIN = 2
WINDOW_STRIP = 12  # 0.3 m
FRONT = {0: (0, -1), 90: (1, 0), 180: (0, 1), 270: (-1, 0)}


def units(metres: float) -> int:
    """Whole units, rounded up to an even number, so that half of it keeps edges on the grid."""
    return 2 * int(np.ceil(metres / (2 * UNIT) - 1e-6))


@dataclass(frozen=True)
class Wall:
    """One edge of the floor: runs from `start` to `end` along axis 0 (x) or 1 (y) at `at`, in units."""

    index: int
    axis: int
    at: int
    low: int
    high: int
    yaw: int  # of an item that stands with its back to this wall

    @property
    def normal(self) -> tuple[int, int]:
        """Into the room."""
        return FRONT[self.yaw]

    @property
    def length(self) -> int:
        return self.high - self.low


def walls_of(room: Room) -> list[Wall]:
    """The walls of a room whose corners are axis-aligned and on the grid, numbered as in the task."""
    corners = [(round(x / UNIT), round(y / UNIT)) for x, y in room.floor]
    walls = []
    for k, (a, b) in enumerate(zip(corners, corners[1:] + corners[:1], strict=True)):
        if a[1] == b[1]:
            yaw = 180 if b[0] > a[0] else 0  # the interior lies to the left
            walls.append(Wall(k, 0, a[1], min(a[0], b[0]), max(a[0], b[0]), yaw))
        else:
            yaw = 270 if b[1] > a[1] else 90
            walls.append(Wall(k, 1, a[0], min(a[1], b[1]), max(a[1], b[1]), yaw))
    return walls


def opening_span(wall: Wall, opening: Opening) -> tuple[int, int]:
    """Where the opening begins and ends along the wall's axis, in units."""
    offset, width = round(opening.offset / UNIT), round(opening.width / UNIT)
    forward = wall.yaw in (180, 270)
    low = wall.low + offset if forward else wall.high - offset - width
    return low, low + width


def strip(wall: Wall, low: int, high: int, depth: int) -> tuple[int, int, int, int]:
    """The rectangle x0, x1, y0, y1 that lies before part of a wall, `depth` units into the room."""
    near, far = sorted((wall.at, wall.at + depth * (wall.normal[wall.axis ^ 1])))
    return (low, high, near, far) if wall.axis == 0 else (near, far, low, high)


def strips_before(rects: np.ndarray, yaw: int, depth: int) -> np.ndarray:
    """The rectangles (K, 4) of that depth before the fronts of items that stand on `rects` (K, 4), turned by `yaw`."""
    x0, x1, y0, y1 = rects.T
    fx, fy = FRONT[yaw]
    if fx:
        edge = x1 if fx > 0 else x0
        return np.stack([np.minimum(edge, edge + fx * depth), np.maximum(edge, edge + fx * depth), y0, y1], axis=1)
    edge = y1 if fy > 0 else y0
    return np.stack([x0, x1, np.minimum(edge, edge + fy * depth), np.maximum(edge, edge + fy * depth)], axis=1)


@dataclass
class Solid:
    """Something placed: its rectangle and heights, and the strip before its front that stays free."""

    name: str
    rect: tuple[int, int, int, int]
    bottom: float
    top: float
    front: tuple[int, int, int, int] | None = None


@dataclass
class Floorplan:
    """What is taken and what must stay free. Rectangles are (x0, x1, y0, y1) in units."""

    room: Room
    walls: list[Wall]
    width: int
    depth: int
    notches: np.ndarray
    swings: np.ndarray
    windows: list[tuple[tuple[int, int, int, int], float]]
    wall_openings: dict[int, list[tuple[int, int, float, float]]]
    solids: list[Solid] = field(default_factory=list)

    @classmethod
    def of(cls, room: Room, notches: list[tuple[int, int, int, int]]) -> Floorplan:
        walls = walls_of(room)
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
        """Centre of the largest of the rectangles that the notches leave of the bounding rectangle."""
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
        """Which of the rectangles (K, 4) are free, (K,) bool.

        An item from `bottom` to `top` metres keeps `gap` units from others at its height; `fronts` (K, 4)
        are the strips that it needs free itself; neither counts against the items named in `exempt`. The strips
        that others keep free bind it, but for those of the items in `exempt` and `entered`.
        """
        x0, x1, y0, y1 = rects.T
        good = (x0 >= 0) & (x1 <= self.width) & (y0 >= 0) & (y1 <= self.depth) & ~_hits(rects, self.notches)
        if covering:
            return good
        standing = bottom < 1.8
        if standing and bottom < 0.02:
            good &= ~_hits(rects, self.swings)
            for window, sill in self.windows:
                if top > sill:
                    good &= ~_hits(rects, np.array([window]))
        grown = rects + np.array([-gap, gap, -gap, gap])
        others = [s for s in self.solids if s.name not in exempt]
        same_height = [s.rect for s in others if s.bottom < top + 0.02 and bottom < s.top + 0.02]
        good &= ~_hits(grown, np.array(same_height, int).reshape(-1, 4))
        if bottom < 0.02:
            kept = [s.front for s in others if s.front is not None and s.name not in entered]
            good &= ~_hits(rects, np.array(kept, int).reshape(-1, 4))
        if fronts is not None:
            fx0, fx1, fy0, fy1 = fronts.T
            good &= (fx0 >= 0) & (fx1 <= self.width) & (fy0 >= 0) & (fy1 <= self.depth) & ~_hits(fronts, self.notches)
            low = [s.rect for s in others if s.bottom < 1.8]
            good &= ~_hits(fronts, np.array(low, int).reshape(-1, 4))
        return good


def _hits(rects: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which of the rectangles (K, 4) share area with any of the others (M, 4)."""
    if not len(others):
        return np.zeros(len(rects), bool)
    a, b = rects[:, None, :], others[None, :, :]
    apart = (a[..., 1] <= b[..., 0]) | (b[..., 1] <= a[..., 0]) | (a[..., 3] <= b[..., 2]) | (b[..., 3] <= a[..., 2])
    return ~apart.all(axis=1)
