"""Wishes: read again from the prompt, added by hand, taken from the list."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.types import Context, Operator

from ..state import wishes
from ..state.identifiers import Operators
from ..state.item_cache import listed, listed_items


class METASPATIAL_OT_read_wishes(Operator):
    """Read the prompt again, about the items as they are now. Generate Layout does so, too"""

    bl_idname = Operators.READ_WISHES
    bl_label = "Read Wishes"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: Context) -> set[str]:
        wishes.read_prompt(context.scene.metaspatial, listed(context))
        return {"FINISHED"}


class METASPATIAL_OT_add_wish(Operator):
    """Wish that the selected object stands next to the active one; then choose another relation"""

    bl_idname = Operators.ADD_WISH
    bl_label = "Add Wish"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not listed_items(context):
            cls.poll_message_set(rpt_("There are no items yet"))
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        settings, items = context.scene.metaspatial, listed_items(context)
        chosen = [obj for obj in items if obj.select_get(view_layer=context.view_layer)] or items
        other = context.object if context.object in items else None
        subject = next((obj for obj in chosen if obj != other), chosen[0])
        if other is None or other == subject:
            wishes.add(settings, subject.name, "against", "wall")
        else:
            wishes.add(settings, subject.name, "next_to", other.name)
        settings.wish_index = len(settings.wishes) - 1
        return {"FINISHED"}


class METASPATIAL_OT_remove_wish(Operator):
    """Take the wish from the list"""

    bl_idname = Operators.REMOVE_WISH
    bl_label = "Remove Wish"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        return bool(wishes.shown(context.scene.metaspatial))

    def execute(self, context: Context) -> set[str]:
        settings = context.scene.metaspatial
        if not 0 <= settings.wish_index < len(settings.wishes):
            self.report({"ERROR"}, rpt_("Pick a wish in the list first"))
            return {"CANCELLED"}
        wishes.remove(settings, settings.wish_index)
        return {"FINISHED"}


register, unregister = bpy.utils.register_classes_factory(
    (METASPATIAL_OT_read_wishes, METASPATIAL_OT_add_wish, METASPATIAL_OT_remove_wish)
)
