"""What items of an existing scene stand or hang on, from where they touch: the `mount` of a task made of a scene."""

from __future__ import annotations

from collections.abc import Sequence

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

_PROBES = np.array([(0.0, 0.0), *((x, y) for x in (-0.4, 0.4) for y in (-0.4, 0.4))])
"""Shares of width and depth at which rays look for a carrier: the middle, and near the corners for legs on an edge."""


def guess_mounts(room: Room, items: Sequence[SceneItem]) -> dict[str, str]:
    """By item id: floor, surface, ceiling or wall, whichever it touches first; else the mount that the item has.

    On the floor, and beside the room, items also wait for a better place: a table lamp is for a table, wherever it
    stands, and so is what hangs from ceilings; a picture leans on a wall, unless it does so outside.
    """
    carriers = _Carriers(items)
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
        elif carriers.any_below(number):
            mount = "surface"
        elif abs(room.height - pose.z - height) <= TOUCH:
            mount = "ceiling"
        elif pose.z > _HIGH_UP and distance_to_edges(corners, room.floor).min() <= _HANGING:
            mount = "wall"
        mounts[item.id] = mount
    return mounts


class _Carriers:
    """Finds what an item rests on among all items of a scene."""

    def __init__(self, items: Sequence[SceneItem]):
        self._items = items
        self._places = np.array([(i.pose.x, i.pose.y, i.pose.z) for i in items]).reshape(-1, 3)
        sizes = np.array([i.item.size for i in items]).reshape(-1, 3)
        self._tops = self._places[:, 2] + sizes[:, 2]
        self._reaches = np.hypot(sizes[:, 0], sizes[:, 1]) / 2
        self._trees: dict[int, BVHTree] = {}

    def any_below(self, number: int) -> bool:
        """Whether another item has a face right below the underside of item `number`."""
        scene_item = self._items[number]
        x, y, z = self._places[number]
        width, depth, _ = scene_item.item.size
        close = np.hypot(self._places[:, 0] - x, self._places[:, 1] - y) <= self._reaches + self._reaches[number]
        close &= (self._places[:, 2] < z) & (z <= self._tops + TOUCH)
        starts = np.column_stack([_PROBES * (width, depth), np.full(len(_PROBES), TOUCH)])
        starts = scene_item.pose.points_to_room(starts)
        for other in np.flatnonzero(close).tolist():
            if other not in self._trees:
                mesh = self._items[other].mesh
                self._trees[other] = BVHTree.FromPolygons(mesh_points(mesh).tolist(), mesh_triangles(mesh).tolist())
            for start in self._items[other].pose.points_to_local(starts).tolist():
                if self._trees[other].ray_cast(start, (0, 0, -1), 2 * TOUCH)[0] is not None:
                    return True
        return False
