"""Doors and windows, and which way an object's front faces."""

from __future__ import annotations

import bpy
from bpy.props import StringProperty
from bpy.types import Context, Operator

from ..state.identifiers import Operators
from ..state.scene.openings import add_opening, rotate_front


class _AddOpening:
    bl_options = {"REGISTER", "UNDO"}
    kind = ""

    @classmethod
    def poll(cls, context: Context) -> bool:
        if context.mode != "OBJECT":
            cls.poll_message_set("Only in Object Mode")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        add_opening(context, self.kind)
        return {"FINISHED"}


class METASPATIAL_OT_add_door(_AddOpening, Operator):
    """Add a box that marks a door, on the wall nearest to the active object or the 3D cursor. Move and scale it to fit;
    the floor that the door swings over is kept free"""

    bl_idname = Operators.ADD_DOOR
    bl_label = "Add Door"
    kind = "DOOR"


class METASPATIAL_OT_add_window(_AddOpening, Operator):
    """Add a box that marks a window, on the wall nearest to the active object or the 3D cursor. Move and scale it to
    fit; what is higher than its sill is kept away from it"""

    bl_idname = Operators.ADD_WINDOW
    bl_label = "Add Window"
    kind = "WINDOW"


class METASPATIAL_OT_rotate_front(Operator):
    """Say that the object's front is the next side, counter-clockwise seen from above. The object does not move"""

    bl_idname = Operators.ROTATE_FRONT
    bl_label = "Turn Front"
    bl_options = {"REGISTER", "UNDO"}

    object_name: StringProperty(name="Object", description="Empty: the active object", options={"SKIP_SAVE"})

    def execute(self, context: Context) -> set[str]:
        obj = context.scene.objects.get(self.object_name) if self.object_name else context.object
        if obj is None or not obj.is_editable:
            self.report({"ERROR"}, "Select an object of this file whose front is to be turned")
            return {"CANCELLED"}
        rotate_front(obj)
        return {"FINISHED"}


register, unregister = bpy.utils.register_classes_factory(
    (METASPATIAL_OT_add_door, METASPATIAL_OT_add_window, METASPATIAL_OT_rotate_front)
)
