"""Accessibility of a layout: door swings and window strips kept free, walkable floor, reachable items.

Called for every layout, by the scorer and the task generator. The floor is a raster of square cells: obstacles are
drawn into bool arrays, and connected areas joined run by run. Numbers come from the boxes of the items' sizes.
Obstacles are items of mount floor or wall whose underside is below 1.8 m, and those of mount surface that were put
on the floor (underside below 0.1 m); coverings are none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .faults import Blocked, Fault, Unreachable
from .geometry import OrientedBox, Point, shared_area
from .polygon import signed_area, wall_segments
from .task import Item, Layout, Opening, Room, Task

CELL_M = 0.05
"""Metres of side of a raster cell."""
MAX_CELLS = 1_000_000
"""Floors of more cells than this are measured on a coarser grid."""
AGENT_RADIUS_M = 0.2
"""Radius of the disc that stands for a walking person."""
HEADROOM_M = 1.8
"""Height of the underside from which an item is no obstacle."""
ON_FLOOR_M = 0.1
"""Height of the underside below which an item made for table tops counts as on the floor, and as an obstacle."""
REACH_M = 0.7
"""Distance from which an edge of an item is reached."""
SIDE_REACH_M = 0.2
"""Distance beyond the ends of an edge from which it is still reached."""
ALL_SIDES_SIZE_M = 0.8
"""Width and depth up to which an item may be reached from any side, not only from the front."""
WINDOW_STRIP_M = 0.3
"""Depth of the floor strip before a window that is kept free."""
BLOCKED_SHARE = 0.02
"""Share of a swing or strip that may be taken before it counts as blocked."""
SILL_TOLERANCE_M = 0.01
"""Height above a sill that an item may reach without blocking the window."""
SWING_STEPS = 12
"""Edges of the polygon that stands for the arc of a door's swing."""


@dataclass(frozen=True)
class Access:
    """Faults of access, and the share in [0, 1] of the free floor that is reached from the doors.

    Where a room has no door, the largest connected part of the free floor is what is reached; where no floor is free,
    the share is 0.
    """

    blocked: tuple[Blocked, ...]
    unreachable: tuple[Unreachable, ...]
    walkable: float

    @property
    def faults(self) -> tuple[Fault, ...]:
        return (*self.blocked, *self.unreachable)


def keep_free(room: Room, opening: Opening) -> np.ndarray:
    """The floor that an opening needs free: counter-clockwise corners (K, 2) of a convex polygon.

    A door's quarter disc, swung into the room about its hinge, which is the first corner; a window's strip of 0.3 m.
    """
    return np.array(_keep_free(room, opening))


def _keep_free(room: Room, opening: Opening) -> list[Point]:
    (nx, ny), width = room.walls[opening.wall].inward, opening.width
    (x, y), (dx, dy) = room.hinge(opening)
    ends: tuple[Point, ...]
    if opening.kind == "window":
        ends = (0.0, 0.0), (width, 0.0), (width, WINDOW_STRIP_M), (0.0, WINDOW_STRIP_M)
    else:
        turns = [math.pi / 2 * k / SWING_STEPS for k in range(SWING_STEPS + 1)]
        ends = (0.0, 0.0), *((width * math.cos(t), width * math.sin(t)) for t in turns)
    if opening.hinge == "end":  # counter-clockwise, the hinge first
        ends = ends[:1] + ends[:0:-1]
    return [(x + a * dx + b * nx, y + a * dy + b * ny) for a, b in ends]


def measure_access(task: Task, layout: Layout) -> Access:
    """Blocked openings, items that cannot be walked up to, and the walkable share of the floor."""
    poses = layout.everywhere(task)
    items = {item.id: item for item in task.items}
    boxes = {i: OrientedBox.of(items[i], pose) for i, pose in poses.items()}
    obstacles = {i: box for i, box in boxes.items() if stands_in_the_way(items[i], box)}
    grid = floor_raster(task.room.floor)
    locked = {item.id for item in task.locked}
    free = _free_around(task.room.floor, tuple(box for i, box in obstacles.items() if i in locked)).copy()
    for item_id, box in obstacles.items():
        if item_id not in locked:
            grid.clear_around(free, box)
    areas = connected_areas(free)
    reached = _reached(grid, areas, task.room)
    total = np.count_nonzero(free)
    unreachable = [
        Unreachable(item.id)
        for item in task.movable
        if item.mount == "floor"
        and not item.covering
        and item.id in boxes
        and not _reachable(grid, reached, boxes[item.id])
    ]
    return Access(
        blocked=tuple(_blocked(task, obstacles)),
        unreachable=tuple(unreachable),
        walkable=float(np.count_nonzero(reached) / total) if total else 0.0,
    )


def stands_in_the_way(item: Item, box: OrientedBox) -> bool:
    if item.covering or item.mount == "ceiling":
        return False
    return box.z < (ON_FLOOR_M if item.mount == "surface" else HEADROOM_M)


def _blocked(task: Task, obstacles: dict[str, OrientedBox]) -> list[Blocked]:
    """What is blocked by items that an answer can move; locked ones are not its fault."""
    movable = {item.id for item in task.movable}
    found = []
    for opening in task.room.openings:
        shape = _keep_free(task.room, opening)
        area = signed_area(shape)
        (hx, hy), reach = shape[0], opening.width + WINDOW_STRIP_M
        taken: dict[str, float] = {}
        for item_id, box in obstacles.items():
            if item_id not in movable or math.hypot(box.x - hx, box.y - hy) > box.radius + reach:
                continue
            sees_over = box.top <= opening.sill + SILL_TOLERANCE_M or box.z >= opening.sill + opening.height
            if opening.kind == "window" and sees_over:
                continue
            share = shared_area(box.points, shape) / area
            if share > 1e-6:
                taken[item_id] = share
        share = min(sum(taken.values()), 1.0)
        if share > BLOCKED_SHARE:
            found.append(Blocked(opening.id, tuple(sorted(taken, key=lambda i: -round(taken[i], 9))), share))
    return found


@dataclass(frozen=True)
class FloorRaster:
    """Square cells over a floor's bounding box; `free` (R, C) bool is where a person's centre may be in the empty
    room. Row r, column c has its centre at (x + (c + 0.5) * cell, y + (r + 0.5) * cell)."""

    x: float
    y: float
    cell: float
    free: np.ndarray

    def window(self, points: Sequence[Point], margin: float) -> tuple[slice, slice, np.ndarray, np.ndarray]:
        """Rows and columns around points, and the coordinates of their centres: x (1, C'), y (R', 1)."""
        rows, columns = self.free.shape
        xs, ys = [p[0] for p in points], [p[1] for p in points]
        c0, c1 = self._span(min(xs) - margin - self.x, max(xs) + margin - self.x, columns)
        r0, r1 = self._span(min(ys) - margin - self.y, max(ys) + margin - self.y, rows)
        x = self.x + (np.arange(c0, c1)[None, :] + 0.5) * self.cell
        y = self.y + (np.arange(r0, r1)[:, None] + 0.5) * self.cell
        return slice(r0, r1), slice(c0, c1), x, y

    def _span(self, low: float, high: float, count: int) -> tuple[int, int]:
        first = min(max(math.floor(low / self.cell), 0), count)
        return first, min(max(math.ceil(high / self.cell), first), count)

    def clear_around(self, free: np.ndarray, box: OrientedBox) -> None:
        """Take from `free` the cells that are nearer to a footprint than the agent's radius."""
        rows, columns, x, y = self.window(box.points, AGENT_RADIUS_M)
        u, v = box.to_local(x, y)
        u = np.maximum(np.abs(u) - box.width / 2, 0.0)
        v = np.maximum(np.abs(v) - box.depth / 2, 0.0)
        free[rows, columns] &= u * u + v * v >= (AGENT_RADIUS_M - 1e-6) ** 2


@lru_cache(maxsize=64)
def floor_raster(floor: tuple[Point, ...]) -> FloorRaster:
    """The raster of a floor: inside the polygon and no nearer to a wall than the agent's radius."""
    xs, ys = [p[0] for p in floor], [p[1] for p in floor]
    x, y, width, depth = min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)
    cell = max(CELL_M, math.sqrt(width * depth / MAX_CELLS), width / MAX_CELLS, depth / MAX_CELLS)
    rows, columns = max(math.ceil(depth / cell - 1e-6), 1), max(math.ceil(width / cell - 1e-6), 1)
    walls = wall_segments(floor)
    # Each edge toggles what lies to the right of it in every row that it crosses.
    toggles = np.zeros((rows, columns + 1), dtype=np.int32)
    centres = y + (np.arange(rows) + 0.5) * cell
    for side in walls:
        (ax, ay), (bx, by) = side.start, side.end
        crossed = np.flatnonzero((ay > centres) != (by > centres))
        if len(crossed):
            cut = ax + (centres[crossed] - ay) * ((bx - ax) / (by - ay))
            toggles[crossed, np.clip(np.ceil((cut - x) / cell - 0.5 - 1e-9), 0, columns).astype(int)] += 1
    grid = FloorRaster(x, y, cell, np.cumsum(toggles, axis=1)[:, :columns] % 2 == 1)
    for side in walls:
        r, c, px, py = grid.window((side.start, side.end), AGENT_RADIUS_M)
        dx, dy = px - side.start[0], py - side.start[1]
        along = dx * side.direction[0] + dy * side.direction[1]
        off = dx * side.inward[0] + dy * side.inward[1]
        past = along - np.clip(along, 0.0, side.length)
        grid.free[r, c] &= past * past + off * off >= (AGENT_RADIUS_M - 1e-6) ** 2
    grid.free.setflags(write=False)
    return grid


@lru_cache(maxsize=64)
def _free_around(floor: tuple[Point, ...], locked: tuple[OrientedBox, ...]) -> np.ndarray:
    """The free cells (R, C) bool of a room with its locked items: the same for all layouts of a task."""
    grid = floor_raster(floor)
    free = grid.free.copy()
    for box in locked:
        grid.clear_around(free, box)
    free.setflags(write=False)
    return free


def connected_areas(free: np.ndarray) -> np.ndarray:
    """Numbers of the connected areas of free cells, (R, C) int, 0 where not free. Cells join by their edges.

    Each unbroken run of a row gets a number; runs that touch a run of the next row are then joined.
    """
    starts = free.copy()
    starts[:, 1:] &= ~free[:, :-1]
    runs = np.cumsum(starts.ravel(), dtype=np.int64).reshape(free.shape) * free
    both = free[1:] & free[:-1]
    pairs = runs[:-1][both] * (runs.max(initial=0) + 1) + runs[1:][both]
    pairs = pairs[np.flatnonzero(np.diff(pairs, prepend=-1))]
    parent = list(range(int(runs.max(initial=0)) + 1))
    for pair in pairs.tolist():
        a, b = divmod(pair, len(parent))
        while parent[a] != a:
            parent[a] = a = parent[parent[a]]
        while parent[b] != b:
            parent[b] = b = parent[parent[b]]
        parent[max(a, b)] = min(a, b)
    for number in range(1, len(parent)):
        parent[number] = parent[parent[number]]
    return np.array(parent)[runs]


def _reached(grid: FloorRaster, areas: np.ndarray, room: Room) -> np.ndarray:
    """The free cells (R, C) bool that are connected with a door's swing; without a door, the largest area."""
    doors = [opening for opening in room.openings if opening.kind == "door"]
    if doors:
        entered = np.zeros(0, dtype=int)
        for door in doors:
            side, shape = room.walls[door.wall], _keep_free(room, door)
            (hx, hy), (dx, dy) = room.hinge(door)
            rows, columns, x, y = grid.window(shape, 0.0)
            near = (x - hx) ** 2 + (y - hy) ** 2 <= door.width**2
            ahead = (x - hx) * dx + (y - hy) * dy >= 0
            inward = (x - hx) * side.inward[0] + (y - hy) * side.inward[1] >= 0
            entered = np.union1d(entered, areas[rows, columns][near & ahead & inward])
        counted = entered[entered > 0]
    else:
        sizes = np.bincount(areas.ravel())
        sizes[0] = 0
        counted = np.array([np.argmax(sizes)])
    chosen = np.zeros(areas.max(initial=0) + 1, dtype=bool)
    chosen[counted] = True
    chosen[0] = False
    return chosen[areas]


def _reachable(grid: FloorRaster, reached: np.ndarray, box: OrientedBox) -> bool:
    """Whether a reached cell lies on the outer side of an edge from which the item is used, and near enough."""
    rows, columns, x, y = grid.window(box.points, REACH_M)
    u, v = box.to_local(x, y)
    half_width, half_depth = box.width / 2, box.depth / 2
    before = np.abs(u) <= half_width + SIDE_REACH_M
    if box.width <= ALL_SIDES_SIZE_M and box.depth <= ALL_SIDES_SIZE_M:
        beside = np.abs(v) <= half_depth + SIDE_REACH_M
        near = before & (np.abs(v) > half_depth) & (np.abs(v) <= half_depth + REACH_M)
        near |= beside & (np.abs(u) > half_width) & (np.abs(u) <= half_width + REACH_M)
    else:
        near = before & (v < -half_depth) & (v >= -half_depth - REACH_M)
    return bool((near & reached[rows, columns]).any())
