"""A baseline without learning: items from large to small along the walls, facing the room, then on a grid.

It uses sizes, mounts, doors, windows and which assets have a flat top. Of the task's relations it uses "on" alone, and
it does not read the prompt. Deterministic.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from headless.taskgen.lists import carriers
from metaspatial_addon.core.access import HEADROOM_M, keep_free
from metaspatial_addon.core.geometry import OrientedBox, Point, penetration, shared_area
from metaspatial_addon.core.polygon import contains, wall_segments
from metaspatial_addon.core.relations import floor_middle
from metaspatial_addon.core.task import Item, Layout, Pose, Task

WALL_STEP = 0.1
"""Metres between two positions along a wall or on a top."""
FLOOR_STEP = 0.25
"""Metres between two positions on the floor."""
GAP = 0.02
"""Metres kept free behind and around items."""
FRONT_DEPTH = 0.6
"""Metres kept free before items at walls where the room allows it."""
HANGING_HEIGHT = 1.4
"""Metres from the floor to the underside of a wall item in a room that is high enough."""
YAWS = (0.0, 90.0)
"""Degrees of the yaws on the floor grid."""


def packed_layout(task: Task) -> Layout:
    """A pose for every movable item; an item that fits nowhere is put at the middle of the floor."""
    packing = _Packing(task)
    order = sorted(task.movable, key=lambda item: (_rank(item), -item.size[0] * item.size[1], item.id))
    for item in order:
        packing.place(item)
    return Layout(task.id, {item.id: packing.poses[item.id] for item in task.movable})


def _rank(item: Item) -> int:
    """Order of placing: floor items before those that they carry; coverings, which lie under all others, last."""
    return ("floor", "surface", "wall", "ceiling").index(item.mount) if not item.covering else 4


@dataclass
class _Packing:
    """The poses found so far, their boxes, and the boxes before fronts that are kept free."""

    task: Task
    poses: dict[str, Pose] = field(default_factory=dict)
    boxes: dict[str, OrientedBox] = field(default_factory=dict)
    fronts: list[OrientedBox] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._items = {item.id: item for item in self.task.items}
        self._reflex = _reflex_corners(self.task.room.floor)
        self._free = [(opening, keep_free(self.task.room, opening)) for opening in self.task.room.openings]
        for item in sorted(self.task.locked, key=lambda item: item.id):
            if item.pose is not None:
                self._add(item, item.pose)

    def place(self, item: Item) -> None:
        """Place an item at the first candidate that fits."""
        for pose, front in self._candidates(item):
            if self._fits(item, pose, front):
                self._add(item, pose)
                if front:
                    self.fronts.append(_box_before(item, pose))
                return
        x, y = floor_middle(self.task.room.floor)
        self._add(item, Pose(x, y, self.task.room.height - item.size[2] if item.mount == "ceiling" else 0.0))

    def _candidates(self, item: Item) -> Iterator[tuple[Pose, bool]]:
        """Candidate poses, best first, each with whether the floor before its front must be free and is kept free."""
        height = self.task.room.height
        if item.covering:
            yield from ((pose, False) for pose in self._middle_out(item))
        elif item.mount == "ceiling":
            yield from ((pose, False) for pose in self._grid(height - item.size[2]))
        elif item.mount == "wall":
            yield from (
                (pose, False) for pose in self._along_walls(item, max(0.0, min(HANGING_HEIGHT, height - item.size[2])))
            )
        else:
            if item.mount == "surface":
                yield from ((pose, False) for pose in self._on_tops(item))
            walls = list(self._along_walls(item, 0.0))
            for front in (True, False):
                yield from ((pose, front) for pose in walls)
            yield from ((pose, False) for pose in self._grid(0.0))

    def _along_walls(self, item: Item, z: float) -> Iterator[Pose]:
        """Poses with the back at a wall, from the longest wall to the shortest, each from its start."""
        floor, (width, depth, _) = self.task.room.floor, item.size
        sides = wall_segments(floor)
        for side in sorted(sides, key=lambda side: -side.length):
            nx, ny = side.inward
            yaw = round(math.degrees(math.atan2(nx, -ny)), 6) % 360.0
            for along in _steps(width / 2 + GAP, side.length - width / 2 - GAP, WALL_STEP):
                x, y = side.at(along)
                yield Pose(x + nx * (depth / 2 + GAP), y + ny * (depth / 2 + GAP), z, yaw)

    def _grid(self, z: float) -> Iterator[Pose]:
        """Poses on a grid over the floor, row by row."""
        (left, right), (near, far) = ((min(side), max(side)) for side in zip(*self.task.room.floor, strict=True))
        for yaw, y, x in product(YAWS, _steps(near, far, FLOOR_STEP), _steps(left, right, FLOOR_STEP)):
            yield Pose(x, y, z, yaw)

    def _middle_out(self, item: Item) -> list[Pose]:
        """The poses of the grid from the middle of the floor outwards."""
        middle = floor_middle(self.task.room.floor)
        poses = [Pose(*middle), Pose(*middle, yaw=90.0), *self._grid(0.0)]
        return sorted(poses, key=lambda pose: math.dist((pose.x, pose.y), middle))

    def _on_tops(self, item: Item) -> Iterator[Pose]:
        """Poses on flat tops: first on the items that the task's relations name, then in the order of placing."""
        wanted = [r.object for r in self.task.relations if r.subject == item.id and r.predicate == "on"]
        for host_id in dict.fromkeys((*wanted, *self.boxes)):
            host, box = self._items.get(host_id), self.boxes.get(host_id)
            if host is None or box is None or not (host_id in wanted or _has_flat_top(host)):
                continue
            (rx, ry), (fx, fy) = box.right, box.front
            for rotation in (0.0, 90.0):
                width, depth = item.size[:2] if rotation == 0.0 else item.size[1::-1]
                free_u, free_v = (box.width - width) / 2, (box.depth - depth) / 2
                for v, u in product(_steps(-free_v, free_v, WALL_STEP), _steps(-free_u, free_u, WALL_STEP)):
                    x, y = box.x + u * rx + v * fx, box.y + u * ry + v * fy
                    yield Pose(x, y, round(box.top, 4), (box.yaw + rotation) % 360.0)

    def _fits(self, item: Item, pose: Pose, front: bool) -> bool:
        """Whether an item at a pose is inside, overlaps nothing and keeps openings and fronts free."""
        box = OrientedBox.of(item, pose)
        if not self._inside(box.points):
            return False
        if item.covering or item.mount == "ceiling":
            return not self._overlaps(box, self._others(covering=item.covering))
        if box.z < HEADROOM_M and not self._leaves_openings_free(box):
            return False
        wide = OrientedBox(box.x, box.y, box.z, box.yaw, box.width + GAP, box.depth + GAP, box.height)
        if self._overlaps(wide, self._others(covering=False)):
            return False
        if item.mount != "floor":
            return True
        if self._overlaps(box, self.fronts):
            return False
        before = _box_before(item, pose)
        return not front or (self._inside(before.points) and not self._overlaps(before, self._others(covering=False)))

    def _inside(self, points: Iterable[Point]) -> bool:
        """Whether a footprint lies on the floor: its corners do, and it contains no reflex corner of the floor."""
        corners = np.array(list(points))
        if not contains(corners, self.task.room.floor).all():
            return False
        middle = corners.mean(axis=0)
        inner = middle + (corners - middle) * (1 - 1e-4)  # a corner of the floor may lie on an edge
        return not len(self._reflex) or not contains(self._reflex, inner).any()

    def _leaves_openings_free(self, box: OrientedBox) -> bool:
        """Whether a box keeps clear of door swings and of windows that it would hide."""
        for opening, shape in self._free:
            below = box.top <= opening.sill or box.z >= opening.sill + opening.height
            if not (opening.kind == "window" and below) and shared_area(box.points, shape) > 1e-6:
                return False
        return True

    def _others(self, covering: bool) -> list[OrientedBox]:
        """The boxes of the placed coverings, or of all other placed items."""
        return [box for item_id, box in self.boxes.items() if self._items[item_id].covering == covering]

    @staticmethod
    def _overlaps(box: OrientedBox, others: Iterable[OrientedBox]) -> bool:
        return any(penetration(box, other) > 1e-4 for other in others)

    def _add(self, item: Item, pose: Pose) -> None:
        self.poses[item.id] = pose
        self.boxes[item.id] = OrientedBox.of(item, pose)


def _box_before(item: Item, pose: Pose) -> OrientedBox:
    """The box before an item's front up to a person's height."""
    box = OrientedBox.of(item, pose)
    fx, fy = box.front
    away = (box.depth + FRONT_DEPTH) / 2 + GAP
    return OrientedBox(box.x + fx * away, box.y + fy * away, 0.0, box.yaw, box.width, FRONT_DEPTH, HEADROOM_M)


def _has_flat_top(item: Item) -> bool:
    return item.mount == "floor" and not item.covering and (item.asset is None or item.asset in carriers())


def _reflex_corners(floor: tuple[Point, ...]) -> np.ndarray:
    """The reflex corners (K, 2) of a floor, those that point inwards."""
    p = np.asarray(floor, dtype=float)
    before, after = p - np.roll(p, 1, axis=0), np.roll(p, -1, axis=0) - p
    return p[before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0] < 0]


def _steps(low: float, high: float, step: float) -> np.ndarray:
    """Evenly spaced numbers from `low` to `high`, at most `step` apart; none where `low` is greater."""
    if high < low:
        return np.empty(0)
    return np.linspace(low, high, max(math.ceil((high - low) / step - 1e-9), 0) + 1)
