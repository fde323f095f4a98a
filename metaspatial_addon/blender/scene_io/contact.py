"""What items of an existing scene stand or hang on, from where they touch: the `mount` of a task made of a scene."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from mathutils.bvhtree import BVHTree

from ...core.polygon import contains, distance_to_edges
from ...core.task import Room
from ..meshes import mesh_points, mesh_triangles
from .scene_items import SceneItem

TOUCH = 0.03
"""Metres by which an artist's object may float or sink and still stand there."""

_HANGING = 0.1
"""Metres between a wall and an item that hangs on it."""
_HIGH_UP = 0.3
"""Metres above the floor from which an item at a wall hangs on it."""

_LEVEL = 1e-4
"""Metres by which heights differ that are the same."""

_PROBES = np.array([(0.0, 0.0), *((x, y) for x in (-0.4, 0.4) for y in (-0.4, 0.4))])
"""Shares of width and depth at which rays look for a carrier: the middle, and near the corners for legs on an edge."""


def guess_mounts(room: Room, items: Sequence[SceneItem]) -> dict[str, str]:
    """By item id: floor, surface, ceiling or wall, whichever it touches first; else the mount that the item has.

    On the floor, and beside the room, items also wait for a better place: a table lamp is for a table, wherever it
    stands, and so is what hangs from ceilings; a picture leans on a wall, unless it does so outside.
    """
    carriers = Carriers(items)
    mounts = {}
    for number, scene_item in enumerate(items):
        item, pose = scene_item.item, scene_item.pose
        width, depth, height = item.size
        sides = [(x, y, 0.0) for x in (-width / 2, width / 2) for y in (-depth / 2, depth / 2)]
        corners = pose.points_to_room(np.array(sides))[:, :2]
        mount = item.mount
        if abs(pose.z) <= TOUCH:
            waits = item.mount in ("surface", "ceiling") or not contains([(pose.x, pose.y)], room.floor)[0]
            mount = item.mount if waits else "floor"
        elif any(carriers.below(number)):
            mount = "surface"
        elif abs(room.height - pose.z - height) <= TOUCH:
            mount = "ceiling"
        elif pose.z > _HIGH_UP and distance_to_edges(corners, room.floor).min() <= _HANGING:
            mount = "wall"
        mounts[item.id] = mount
    return mounts


class Carriers:
    """Finds what items rest on among all items of a scene."""

    def __init__(self, items: Sequence[SceneItem]):
        self._items = items
        self._places = np.array([(i.pose.x, i.pose.y, i.pose.z) for i in items]).reshape(-1, 3)
        sizes = np.array([i.item.size for i in items]).reshape(-1, 3)
        self._tops = self._places[:, 2] + sizes[:, 2]
        self._reaches = np.hypot(sizes[:, 0], sizes[:, 1]) / 2
        self._trees: dict[int, BVHTree] = {}

    def below(self, number: int) -> Iterator[tuple[int, int]]:
        """Other items with a face right below the underside of item `number`, each with how many of the probes touch
        it."""
        starts = self._probes(number, TOUCH)
        for other in self._close(number):
            tree, local = self._tree(other), self._items[other].pose.points_to_local(starts)
            touched = sum(tree.ray_cast(start, (0, 0, -1), 2 * TOUCH)[0] is not None for start in local.tolist())
            if touched:
                yield other, touched

    def legs(self, number: int) -> Iterator[int]:
        """Other items whose tops touch the underside of item `number` in their middle."""
        for other in self._close(number):
            if abs(self._tops[other] - self._places[number, 2]) <= TOUCH:
                top = np.array([(*self._places[other, :2], self._tops[other] - TOUCH)])
                start = self._items[number].pose.points_to_local(top)[0].tolist()
                if self._tree(number).ray_cast(start, (0, 0, 1), 2 * TOUCH)[0] is not None:
                    yield other

    def pierced(self, number: int) -> Iterator[int]:
        """Other items that hold item `number` by sticking in it: the surfaces cross, above its underside, and it is
        within their outline."""
        scene_item, points = self._items[number], self._probes(number, 0.0)
        triangles = mesh_triangles(scene_item.mesh).tolist()
        for other in self._close(number):
            holder = self._items[other]
            width, depth, _ = holder.item.size
            if (np.abs(holder.pose.points_to_local(points)[:, :2]) > (width / 2, depth / 2)).any():
                continue
            corners = holder.pose.points_to_local(scene_item.pose.points_to_room(mesh_points(scene_item.mesh)))
            if self._tree(other).overlap(BVHTree.FromPolygons(corners.tolist(), triangles)):
                yield other

    def _probes(self, number: int, height: float) -> np.ndarray:
        """Points (P, 3) of the room at a height above the underside of an item."""
        width, depth, _ = self._items[number].item.size
        points = np.column_stack([_PROBES * (width, depth), np.full(len(_PROBES), height)])
        return self._items[number].pose.points_to_room(points)

    def _close(self, number: int) -> list[int]:
        """Items that begin below the underside of item `number` and end there or above."""
        x, y, z = self._places[number]
        close = np.hypot(self._places[:, 0] - x, self._places[:, 1] - y) <= self._reaches + self._reaches[number]
        close &= (self._places[:, 2] < z - _LEVEL) & (z <= self._tops + TOUCH)
        return np.flatnonzero(close).tolist()

    def _tree(self, number: int) -> BVHTree:
        if number not in self._trees:
            mesh = self._items[number].mesh
            self._trees[number] = BVHTree.FromPolygons(mesh_points(mesh).tolist(), mesh_triangles(mesh).tolist())
        return self._trees[number]
