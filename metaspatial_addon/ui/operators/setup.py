"""Small operators of room, prompt and preferences."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import IntProperty
from bpy.types import Context, Operator

from ..state import api_key, folders, recent, whats_new
from ..state.identifiers import CONTEXT, Operators
from ..state.job_status import status


class METASPATIAL_OT_set_floor(Operator):
    """Make the active object the floor: its outline is the room's"""

    bl_idname = Operators.SET_FLOOR
    bl_label = "Set Floor"
    bl_translation_context = CONTEXT
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        obj = context.object
        if obj is None or obj.type not in {"MESH", "CURVE", "SURFACE"}:
            cls.poll_message_set(rpt_("Click the floor in the viewport first"))
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        settings, obj = context.scene.metaspatial, context.object
        settings.room_source, settings.floor = "FLOOR", obj
        self.report({"INFO"}, rpt_("{object} is the floor").format(object=obj.name))
        return {"FINISHED"}


class METASPATIAL_OT_use_prompt(Operator):
    """Write this prompt into the field again"""

    bl_idname = Operators.USE_PROMPT
    bl_label = "Use Prompt"
    bl_options = {"REGISTER", "UNDO"}

    index: IntProperty(name="Index", description="Its place in the list, the newest first", min=0)

    def execute(self, context: Context) -> set[str]:
        prompts = recent.prompts()
        if self.index >= len(prompts):
            return {"CANCELLED"}
        context.scene.metaspatial.prompt = prompts[self.index]
        return {"FINISHED"}


class METASPATIAL_OT_open_log(Operator):
    """Open the log of the Blender that does the work in the background"""

    bl_idname = Operators.OPEN_LOG
    bl_label = "Open Log"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, _context: Context) -> bool:
        if not folders.has_log():
            cls.poll_message_set(rpt_("Nothing was logged yet"))
            return False
        return True

    def execute(self, _context: Context) -> set[str]:
        return bpy.ops.wm.path_open(filepath=str(folders.log_path()))


class METASPATIAL_OT_clear_key(Operator):
    """Delete the server's key from this computer"""

    bl_idname = Operators.CLEAR_KEY
    bl_label = "Clear Key"
    bl_translation_context = CONTEXT
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, _context: Context) -> bool:
        if not api_key.stored_key():
            cls.poll_message_set(rpt_("No key is stored"))
            return False
        return True

    def execute(self, _context: Context) -> set[str]:
        try:
            api_key.store_key("")
        except OSError as error:
            self.report({"ERROR"}, rpt_("The key could not be deleted: {error}").format(error=error.strerror))
            return {"CANCELLED"}
        self.report({"INFO"}, rpt_("The key is deleted"))
        return {"FINISHED"}


class METASPATIAL_OT_dismiss_notice(Operator):
    """Close this message"""

    bl_idname = Operators.DISMISS_NOTICE
    bl_label = "Dismiss"
    bl_options = {"REGISTER"}

    def execute(self, _context: Context) -> set[str]:
        status.notify(None)
        return {"FINISHED"}


class METASPATIAL_OT_dismiss_update(Operator):
    """Close this message until the next update"""

    bl_idname = Operators.DISMISS_UPDATE
    bl_label = "Dismiss Update"
    bl_options = {"REGISTER"}

    def execute(self, _context: Context) -> set[str]:
        whats_new.dismiss()
        return {"FINISHED"}


register, unregister = bpy.utils.register_classes_factory(
    (
        METASPATIAL_OT_set_floor,
        METASPATIAL_OT_use_prompt,
        METASPATIAL_OT_open_log,
        METASPATIAL_OT_clear_key,
        METASPATIAL_OT_dismiss_notice,
        METASPATIAL_OT_dismiss_update,
    )
)
