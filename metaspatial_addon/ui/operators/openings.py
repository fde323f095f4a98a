"""Doors and windows."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.types import Context, Operator

from ..state.identifiers import Operators
from ..state.scene.openings import add_opening


class _AddOpening:
    bl_options = {"REGISTER", "UNDO"}
    kind = ""

    @classmethod
    def poll(cls, context: Context) -> bool:
        if context.mode != "OBJECT":
            cls.poll_message_set(rpt_("Only in Object Mode"))
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        add_opening(context, self.kind)
        return {"FINISHED"}


class METASPATIAL_OT_add_door(_AddOpening, Operator):
    bl_description = (
        "Add a box that marks a door, on the wall nearest to the active object or the 3D cursor. Move and scale it to "
        "fit; the floor that the door swings over is kept free"
    )
    bl_idname = Operators.ADD_DOOR
    bl_label = "Add Door"
    kind = "DOOR"


class METASPATIAL_OT_add_window(_AddOpening, Operator):
    bl_description = (
        "Add a box that marks a window, on the wall nearest to the active object or the 3D cursor. Move and scale it "
        "to fit; what is higher than its sill is kept away from it"
    )
    bl_idname = Operators.ADD_WINDOW
    bl_label = "Add Window"
    kind = "WINDOW"


register, unregister = bpy.utils.register_classes_factory((METASPATIAL_OT_add_door, METASPATIAL_OT_add_window))
