"""Where the room roughly is, from bounding boxes alone: quick enough for the window, whatever the meshes hold.

The worker finds the true outline. This one tells where new openings and furniture go and which way is inwards.
"""

from __future__ import annotations

import math

import bpy
import numpy as np

from ...blender.boxes import world_corners

MAX_SLAB_M = 0.5
"""Thickness up to which a floor object is a slab that is walked on, and not a whole room."""


def units_per_metre(scene: bpy.types.Scene) -> float:
    """Scene units in one metre."""
    return 1.0 / (scene.unit_settings.scale_length or 1.0)


def room_rectangle(scene: bpy.types.Scene) -> np.ndarray | None:
    """Corners (4, 3) of the rectangle around the room's floor, counter-clockwise from above, in scene units.

    None while no room is set up.
    """
    settings, unit = scene.metaspatial, units_per_metre(scene)
    if settings.room_source == "SIZE":
        half = np.array(settings.size[:2]) * unit / 2
        return np.array([(sx * half[0], sy * half[1], 0.0) for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1))])
    if settings.room_source == "FLOOR":
        floor = settings.floor
        if floor is None:
            return None
        axis = np.array(floor.matrix_world)[:2, 0]
        return _rectangle(world_corners([floor]), math.atan2(axis[1], axis[0]), MAX_SLAB_M * unit)
    walls = [obj for obj in settings.walls.all_objects if obj.type == "MESH"] if settings.walls else []
    return _rectangle(world_corners(walls), 0.0, MAX_SLAB_M * unit) if walls else None


def _rectangle(corners: np.ndarray, yaw: float, slab: float) -> np.ndarray:
    """The rectangle (4, 3), rotated by `yaw` (radians), around corners (N, 3), at the height that is walked on."""
    c, s = math.cos(yaw), math.sin(yaw)
    rotated = corners[:, :2] @ np.array([(c, -s), (s, c)])
    (x0, y0), (x1, y1) = rotated.min(axis=0), rotated.max(axis=0)
    low, high = corners[:, 2].min(), corners[:, 2].max()
    flat = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)]) @ np.array([(c, s), (-s, c)])
    return np.column_stack([flat, np.full(4, high if high - low <= slab else low)])
