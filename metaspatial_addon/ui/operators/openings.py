"""Doors and windows, marked by boxes that the artist moves and scales; and which way an object's front faces."""

from __future__ import annotations

import math

import bpy
import numpy as np
from bpy.props import StringProperty
from bpy.types import Operator

from ...core.polygon import distance_to_wall, wall
from ..overlay.room_rectangle import room_rectangle, units_per_metre, world_corners
from ..state.collections import own_collection
from ..state.identifiers import Operators
from ..state.properties import FRONTS

COLLECTION = "MetaSpatial Openings"
SIZES = {"DOOR": (0.9, 0.1, 2.05), "WINDOW": (1.2, 0.1, 1.2)}
"""Metres of width, thickness and height of a new opening."""
SILLS = {"DOOR": 0.0, "WINDOW": 0.9}
"""Metres of its lower edge above the floor."""


def openings(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """The objects that mark openings, shown or not."""
    return [thing for thing in scene.objects if thing.metaspatial.opening != "NONE"]


def add_opening(context: bpy.types.Context, kind: str) -> bpy.types.Object:
    """A new marker, selected alone: on the wall of the room's rectangle that is nearest to the active object or else
    the 3D cursor and still free there; without a room, at the cursor. Its -Y looks into the room."""
    scene, unit = context.scene, units_per_metre(context.scene)
    width, _, height = (side * unit for side in SIZES[kind])
    corners = room_rectangle(scene)
    marker = bpy.data.objects.new(kind.title(), None)
    if corners is None:
        marker.location = scene.cursor.location
        floor = scene.cursor.location.z
    else:
        boxes = [world_corners([other])[:, :2] for other in openings(scene)]
        others = [(box.mean(axis=0), float(np.linalg.norm(np.ptp(box, axis=0)))) for box in boxes]
        (x, y), marker.rotation_euler.z = _spot(corners[:, :2], _point(context), width, others)
        marker.location.xy = x, y
        floor = corners[0, 2]
    marker.location.z = floor + SILLS[kind] * unit + height / 2
    marker.empty_display_type = "CUBE"
    marker.empty_display_size = unit / 2  # so that the scale is the size in metres
    marker.scale = SIZES[kind]
    marker.metaspatial.opening = kind
    own_collection(scene, COLLECTION).objects.link(marker)
    _select_alone(context.view_layer, marker)
    return marker


def _point(context: bpy.types.Context) -> tuple[float, float]:
    thing = context.object
    told = thing is not None and thing.select_get() and thing.metaspatial.opening == "NONE"
    if told and thing != context.scene.metaspatial.floor:
        return thing.matrix_world.translation.xy[:]
    return context.scene.cursor.location.xy[:]


def _spot(
    corners: np.ndarray, point: tuple[float, float], width: float, others: list[tuple[np.ndarray, float]]
) -> tuple[tuple[float, float], float]:
    """The middle of an opening and its turn (radians) about z: on the nearest wall where it meets no other opening.

    `others`: their middles (2,) and widths.
    """
    spots = []
    for k in range(4):
        side = wall(corners, k)
        dx, dy = point[0] - side.start[0], point[1] - side.start[1]
        along = dx * side.direction[0] + dy * side.direction[1]
        along = min(max(along, width / 2), side.length - width / 2) if width < side.length else side.length / 2
        x, y = side.at(along)
        free = all(math.dist((x, y), where) >= (width + taken) / 2 for where, taken in others)
        # Its front, -Y, faces inwards.
        turn = math.atan2(side.inward[1], side.inward[0]) + math.pi / 2
        spots.append(((not free, distance_to_wall(point, side), k), (x, y), math.remainder(turn, math.tau)))
    return min(spots)[1:]


def _select_alone(view_layer: bpy.types.ViewLayer, thing: bpy.types.Object) -> None:
    view_layer.update()
    if thing.name not in view_layer.objects:  # its collection is excluded from this view layer
        return
    for other in view_layer.objects.selected:
        other.select_set(False)
    thing.select_set(True)
    view_layer.objects.active = thing


class _AddOpening:
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.mode != "OBJECT":
            cls.poll_message_set("Only in Object Mode")
            return False
        return True


class METASPATIAL_OT_add_door(_AddOpening, Operator):
    """Add a box that marks a door, on the wall nearest to the active object or the 3D cursor. Move and scale it to fit;
    the floor that the door swings over is kept free"""

    bl_idname = Operators.ADD_DOOR
    bl_label = "Add Door"

    def execute(self, context: bpy.types.Context) -> set[str]:
        add_opening(context, "DOOR")
        return {"FINISHED"}


class METASPATIAL_OT_add_window(_AddOpening, Operator):
    """Add a box that marks a window, on the wall nearest to the active object or the 3D cursor. Move and scale it to
    fit; what is higher than its sill is kept away from it"""

    bl_idname = Operators.ADD_WINDOW
    bl_label = "Add Window"

    def execute(self, context: bpy.types.Context) -> set[str]:
        add_opening(context, "WINDOW")
        return {"FINISHED"}


class METASPATIAL_OT_turn_front(Operator):
    """Say that the object's front is the next side, counter-clockwise seen from above. The object does not move"""

    bl_idname = Operators.TURN_FRONT
    bl_label = "Turn Front"
    bl_options = {"REGISTER", "UNDO"}

    object_name: StringProperty(name="Object", description="Empty: the active object", options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        thing = context.scene.objects.get(self.object_name) if self.object_name else context.object
        if thing is None or not thing.is_editable:
            self.report({"ERROR"}, "Select an object of this file whose front is to be turned")
            return {"CANCELLED"}
        sides = [name for name, *_ in FRONTS]
        thing.metaspatial.front = sides[(sides.index(thing.metaspatial.front) + 1) % len(sides)]
        thing.update_tag()  # what is drawn of it changes
        return {"FINISHED"}


register, unregister = bpy.utils.register_classes_factory(
    (METASPATIAL_OT_add_door, METASPATIAL_OT_add_window, METASPATIAL_OT_turn_front)
)
