"""Doors and windows, marked by boxes that the artist moves and scales."""

from __future__ import annotations

import math

import bpy
import numpy as np
from bpy.types import Context, Object, ViewLayer

from ....blender.boxes import world_corners
from ....core.polygon import distance_to_wall, wall_segments
from ...overlay.room_rectangle import room_rectangle, units_per_metre
from .collections import own_collection

COLLECTION = "MetaSpatial Openings"
SIZES_M = {"DOOR": (0.9, 0.1, 2.05), "WINDOW": (1.2, 0.1, 1.2)}
"""Width, thickness and height of a new opening."""
SILLS_M = {"DOOR": 0.0, "WINDOW": 0.9}
"""Height of its lower edge above the floor."""


def add_opening(context: Context, kind: str) -> Object:
    """Add a marker, selected alone: on the wall of the room's rectangle that is nearest to the active object or else
    the 3D cursor and still free there; without a room, at the cursor. Its -Y looks into the room."""
    scene, unit = context.scene, units_per_metre(context.scene)
    width, _, height = (side * unit for side in SIZES_M[kind])
    corners = room_rectangle(scene)
    marker = bpy.data.objects.new(kind.title(), None)
    if corners is None:
        marker.location = scene.cursor.location
        floor = scene.cursor.location.z
    else:
        openings = [obj for obj in scene.objects if obj.metaspatial.opening != "NONE"]
        boxes = [world_corners([opening])[:, :2] for opening in openings]
        others = [(box.mean(axis=0), float(np.linalg.norm(np.ptp(box, axis=0)))) for box in boxes]
        (x, y), marker.rotation_euler.z = _free_spot(corners[:, :2], _wanted_point(context), width, others)
        marker.location.xy = x, y
        floor = corners[0, 2]
    marker.location.z = floor + SILLS_M[kind] * unit + height / 2
    marker.empty_display_type = "CUBE"
    marker.empty_display_size = unit / 2  # so that the scale is the size in metres
    marker.scale = SIZES_M[kind]
    marker.metaspatial.opening = kind
    own_collection(scene, COLLECTION).objects.link(marker)
    _select_alone(context.view_layer, marker)
    return marker


def _wanted_point(context: Context) -> tuple[float, float]:
    """Where the artist points: at the selected active object, unless it is an opening or the floor; else the cursor."""
    obj = context.object
    is_item = obj is not None and obj.select_get() and obj.metaspatial.opening == "NONE"
    if is_item and obj != context.scene.metaspatial.floor:
        return obj.matrix_world.translation.xy[:]
    return context.scene.cursor.location.xy[:]


def _free_spot(
    corners: np.ndarray, point: tuple[float, float], width: float, others: list[tuple[np.ndarray, float]]
) -> tuple[tuple[float, float], float]:
    """The middle of an opening and its yaw (radians): on the nearest wall where it meets no other opening.

    `others`: their middles (2,) and widths.
    """
    spots = []
    for k, side in enumerate(wall_segments(corners)):
        dx, dy = point[0] - side.start[0], point[1] - side.start[1]
        along = dx * side.direction[0] + dy * side.direction[1]
        along = min(max(along, width / 2), side.length - width / 2) if width < side.length else side.length / 2
        x, y = side.at(along)
        free = all(math.dist((x, y), middle) >= (width + other) / 2 for middle, other in others)
        # Its front, -Y, faces inwards.
        yaw = math.atan2(side.inward[1], side.inward[0]) + math.pi / 2
        spots.append(((not free, distance_to_wall(point, side), k), (x, y), math.remainder(yaw, math.tau)))
    return min(spots)[1:]


def _select_alone(view_layer: ViewLayer, obj: Object) -> None:
    view_layer.update()
    if obj.name not in view_layer.objects:  # its collection is excluded from this view layer
        return
    for other in view_layer.objects.selected:
        other.select_set(False)
    obj.select_set(True)
    view_layer.objects.active = obj
