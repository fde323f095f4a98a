"""What items of an existing scene stand or hang on, from where they touch: the `mount` of a task made of a scene."""

from __future__ import annotations

import math
from collections.abc import Sequence

import bpy
import numpy as np
from mathutils.bvhtree import BVHTree

from ...core.polygon import contains, distance_to_edges
from ...core.task import Item, Pose, Room

TOUCH = 0.03
"""Metres by which an artist's object may float or sink and still stand there."""

_HANGING = 0.1
_HIGH_UP = 0.3

Found = tuple[Item, Pose, bpy.types.Mesh]


def guess_mounts(room: Room, found: Sequence[Found]) -> dict[str, str]:
    """By item id: floor, surface, ceiling or wall, whichever it touches first; else the mount that the item has.

    On the floor, and beside the room, things also wait for a better place: a table lamp is for a table, wherever it
    stands, and so is what hangs from ceilings; a picture leans on a wall, unless it does so outside.
    """
    trees: dict[str, BVHTree] = {}
    return {item.id: _mount(room, found, item, pose, trees) for item, pose, _ in found}


def _mount(room: Room, found: Sequence[Found], item: Item, pose: Pose, trees: dict[str, BVHTree]) -> str:
    if abs(pose.z) <= TOUCH:
        waits = item.mount in ("surface", "ceiling") or not contains([(pose.x, pose.y)], room.floor)[0]
        return item.mount if waits else "floor"
    width, depth, height = item.size
    corners = _to_room(pose, np.array([(x, y, 0.0) for x in (-width / 2, width / 2) for y in (-depth / 2, depth / 2)]))
    if any(_carries(other, item, pose, trees) for other in found if other[0].id != item.id):
        return "surface"
    if abs(room.height - pose.z - height) <= TOUCH:
        return "ceiling"
    if pose.z > _HIGH_UP and distance_to_edges(corners[:, :2], room.floor).min() <= _HANGING:
        return "wall"
    return item.mount


def _carries(other: Found, item: Item, pose: Pose, trees: dict[str, BVHTree]) -> bool:
    """Whether the other item has a face right below this one's underside."""
    carrier, place, mesh = other
    apart = math.hypot(pose.x - place.x, pose.y - place.y)
    if apart > (math.hypot(*carrier.size[:2]) + math.hypot(*item.size[:2])) / 2 or not (
        place.z < pose.z <= place.z + carrier.size[2] + TOUCH
    ):
        return False
    if carrier.id not in trees:
        mesh.calc_loop_triangles()
        points = [v.co[:] for v in mesh.vertices]
        trees[carrier.id] = BVHTree.FromPolygons(points, [t.vertices[:] for t in mesh.loop_triangles])
    width, depth, _ = item.size
    # The middle, and near the corners for what stands on legs across an edge.
    probes = np.array([(0.0, 0.0), *((x * width, y * depth) for x in (-0.4, 0.4) for y in (-0.4, 0.4))])
    starts = _to_room(pose, np.column_stack([probes, np.full(5, TOUCH)]))
    turn = math.radians(place.yaw)
    for x, y, z in starts - (place.x, place.y, place.z):
        local = (x * math.cos(turn) + y * math.sin(turn), y * math.cos(turn) - x * math.sin(turn), z)
        if trees[carrier.id].ray_cast(local, (0, 0, -1), 2 * TOUCH)[0] is not None:
            return True
    return False


def _to_room(pose: Pose, points: np.ndarray) -> np.ndarray:
    """Points (N, 3) of an item's frame in the room's."""
    c, s = math.cos(math.radians(pose.yaw)), math.sin(math.radians(pose.yaw))
    x, y, z = points.T
    return np.column_stack([x * c - y * s + pose.x, x * s + y * c + pose.y, z + pose.z])
