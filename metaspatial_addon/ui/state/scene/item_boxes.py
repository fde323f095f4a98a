"""What boxes tell of items before anything runs: sizes of another scale, what stands on what, whole rooms in one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from bpy.types import Object, Scene

from ....blender.boxes import has_shape, world_corners
from ....blender.frames import heading as heading_of
from ....blender.frames import rotation_z, transform_points, world_matrix
from ....core.scale import ScaleDoubt, Sized, scale_doubts
from ....prompts.names import Size
from ...overlay.room_rectangle import room_rectangle
from .index import SceneIndex

_TOUCH_M = 0.03
"""Metres by which what rests on an item may float or sink."""


def item_size(root: Object, index: SceneIndex, unit: float) -> Size:
    """Width, depth and height in metres, along the object's own heading, that an item has in a layout."""
    corners = world_corners(obj for obj in index.tree(root) if has_shape(obj))
    if not len(corners):
        return 0.0, 0.0, 0.0
    yaw = heading_of(np.array(world_matrix(root))[:3, :3], root.metaspatial.front)
    sides = np.ptp(transform_points(rotation_z(-yaw), corners), axis=0) * unit * root.metaspatial.scale
    return float(sides[0]), float(sides[1]), float(sides[2])


def doubts(scene: Scene, categories: Mapping[Object, str], sizes: Mapping[Object, Size]) -> list[ScaleDoubt]:
    """Items that move whose sizes are far from usual or larger than the room; `name` is the object's.

    `categories` and `sizes`: of all items, by their root objects.
    """
    unit = scene.unit_settings.scale_length or 1.0
    rectangle = room_rectangle(scene)
    room = (np.inf, np.inf)
    if rectangle is not None:
        sides = np.linalg.norm(rectangle[1] - rectangle[0]), np.linalg.norm(rectangle[2] - rectangle[1])
        room = (float(sides[0]) * unit, float(sides[1]) * unit)
    sized = [
        Sized(root.name, category, sizes[root])
        for root, category in categories.items()
        if not root.metaspatial.locked and any(sizes[root])
    ]
    return scale_doubts(sized, room)


def carried_counts(scene: Scene, roots: Sequence[Object], index: SceneIndex) -> dict[Object, int]:
    """How many of the items each item carries, by their boxes: the worker looks at their faces."""
    touch = _TOUCH_M / (scene.unit_settings.scale_length or 1.0)
    boxes = {root: world_corners(obj for obj in index.tree(root) if has_shape(obj)) for root in roots}
    boxes = {root: corners for root, corners in boxes.items() if len(corners)}
    if not boxes:
        return {}
    low = np.array([corners.min(axis=0) for corners in boxes.values()])
    high = np.array([corners.max(axis=0) for corners in boxes.values()])
    middles, thick = (low + high) / 2, high[:, 2] - low[:, 2] > touch  # a rug carries nothing
    carriers: list[int | None] = []
    for middle, bottom in zip(middles, low[:, 2], strict=True):
        below = thick & ((low[:, :2] <= middle[:2]) & (middle[:2] <= high[:, :2])).all(axis=1)
        below &= (low[:, 2] < bottom - touch / 10) & (bottom <= high[:, 2] + touch)
        carriers.append(int(np.argmax(np.where(below, low[:, 2], -np.inf))) if below.any() else None)
    counts: dict[Object, int] = {}
    for carrier in carriers:
        while carrier is not None and carriers[carrier] is not None:
            carrier = carriers[carrier]
        if carrier is not None:
            root = list(boxes)[carrier]
            counts[root] = counts.get(root, 0) + 1
    return counts
