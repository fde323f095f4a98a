"""First steps: an example, and a room of given dimensions as real objects."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.types import Context, Operator

from ...core.errors import InputError
from ..screen import frame_selected
from ..state.identifiers import Operators
from ..state.job_status import status
from ..state.scene.example import make_example
from ..state.scene.room_objects import make_room


class METASPATIAL_OT_example_scene(Operator):
    """Make a small bedroom with furniture beside it, in a new scene, for a first try of Generate Layout"""

    bl_idname = Operators.EXAMPLE_SCENE
    bl_label = "Example Scene"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if context.mode != "OBJECT" or status.busy:
            cls.poll_message_set(rpt_("Only in Object Mode, while nothing is running"))
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        try:
            scene = make_example(context)
        except InputError as error:
            text = rpt_("The furniture cannot be read, so install the add-on again ({error})")
            self.report({"ERROR"}, text.format(error=error))
            return {"CANCELLED"}
        for obj in scene.objects:
            obj.select_set(True)
        frame_selected(context)
        for obj in scene.objects:
            obj.select_set(False)
        text = rpt_("{scene} is a scene of its own: yours is in the list of scenes at the top")
        self.report({"INFO"}, text.format(scene=scene.name))
        return {"FINISHED"}


class METASPATIAL_OT_make_room(Operator):
    """Make a floor and walls of these dimensions, which you can change and render"""

    bl_idname = Operators.MAKE_ROOM
    bl_label = "Make Floor and Walls"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if context.mode != "OBJECT" or context.scene.metaspatial.room_source != "SIZE":
            cls.poll_message_set(rpt_("Only in Object Mode, for a room from dimensions"))
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        floor = make_room(context.scene)
        self.report({"INFO"}, rpt_("{object} is the floor").format(object=floor.name))
        return {"FINISHED"}


register, unregister = bpy.utils.register_classes_factory((METASPATIAL_OT_example_scene, METASPATIAL_OT_make_room))
