"""From Library: what the prompt asks for is picked from the asset libraries, ticked by the artist, and added."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.types import Context, Operator

from ..screen import Notice, redraw_panels
from ..state import job, notices
from ..state.identifiers import Operators
from ..state.job_status import status
from ..state.scene.furniture import add_our_library, add_ticked_assets, has_our_library, library_folders, list_assets


class METASPATIAL_OT_pick_assets(Operator):
    """Look in our furniture and in your asset libraries for what the words ask for"""

    bl_idname = Operators.PICK_ASSETS
    bl_label = "Pick From Library"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, _context: Context) -> bool:
        if status.busy:
            cls.poll_message_set(rpt_("Something is running: wait for it, or cancel it"))
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        words = _wanted(context)
        if not words:
            self.report({"ERROR"}, rpt_('Write what you want in the room, such as "a double bed and two nightstands"'))
            return {"CANCELLED"}
        message = {"type": "assets", "prompt": words, "libraries": library_folders(context.preferences)}
        job.ask(message, "", _show_answer)
        return {"FINISHED"}


def _wanted(context: Context) -> str:
    """The words that say what is to be picked."""
    return context.window_manager.metaspatial.words.strip() or context.scene.metaspatial.prompt.strip()


def _show_answer(answer: dict[str, Any]) -> None:
    """List the assets that the worker found."""
    list_assets(bpy.context.window_manager, answer["found"])
    if not answer["found"]:
        text = rpt_('No furniture was recognised in those words: name what you want, such as "a desk and two chairs"')
        status.notify(Notice("INFO", text, holds=notices.until_changed(bpy.context, _wanted)))
    redraw_panels()


class METASPATIAL_OT_add_assets(Operator):
    """Add the ticked assets to the scene, in rows beside the room, as the items to be laid out"""

    bl_idname = Operators.ADD_ASSETS
    bl_label = "Add to Scene"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if context.mode != "OBJECT":
            cls.poll_message_set(rpt_("Only in Object Mode"))
            return False
        if not any(line.ticked for line in context.window_manager.metaspatial.assets):
            cls.poll_message_set(rpt_("Pick from the library first, and tick what is to be added"))
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        count, missing = add_ticked_assets(context)
        if missing:
            text = rpt_("Not found in its library any more: {names}")
            self.report({"WARNING"}, text.format(names=", ".join(missing)))
        if not count:
            return {"CANCELLED"}
        self.report({"INFO"}, rpt_("Added {count} objects").format(count=count))
        return {"FINISHED"}


class METASPATIAL_OT_add_library(Operator):
    """Show the furniture of MetaSpatial in Blender's asset browser, as a library in your preferences"""

    bl_idname = Operators.ADD_LIBRARY
    bl_label = "Show in Asset Browser"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if has_our_library(context.preferences):
            cls.poll_message_set(rpt_("It is one of your asset libraries"))
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        add_our_library(context.preferences)
        return {"FINISHED"}


register, unregister = bpy.utils.register_classes_factory(
    (METASPATIAL_OT_pick_assets, METASPATIAL_OT_add_assets, METASPATIAL_OT_add_library)
)
