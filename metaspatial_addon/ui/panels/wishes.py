"""The sub-panel of wishes: what was read from the prompt, what was added by hand, and whether the turn does it."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.types import Context, Panel, UILayout, UIList

from ..state import turn_cache, wishes
from ..state.identifiers import Lists, Operators, Panels
from ..state.item_cache import listed_items
from ..state.scene.listed_turns import listed_turn
from ..text import draw_text
from ..translations.sentences import translated, translated_wish
from .main import SidebarPanel

MAX_LEFT = 6


class METASPATIAL_PT_wishes(SidebarPanel, Panel):
    bl_idname = Panels.WISHES
    bl_parent_id = Panels.MAIN
    bl_label = "Wishes"
    bl_order = 1

    def draw_header_preset(self, context: Context) -> None:
        shown = wishes.shown(context.scene.metaspatial)
        self.layout.label(text=str(sum(entry.ticked for entry in shown)))

    def draw(self, context: Context) -> None:
        layout, settings = self.layout, context.scene.metaspatial
        row = layout.row()
        if wishes.shown(settings):
            row.template_list(Lists.WISHES, "", settings, "wishes", settings, "wish_index", rows=3, maxrows=8)
            side = row.column(align=True)
        else:
            draw_text(row, context, iface_("What the prompt asks of the items is listed here"), taken=60)
            side = row.row(align=True)
        side.operator(Operators.ADD_WISH, text="", icon="ADD")
        side.operator(Operators.REMOVE_WISH, text="", icon="REMOVE")
        side.operator(Operators.READ_WISHES, text="", icon="FILE_REFRESH")
        if 0 <= settings.wish_index < len(settings.wishes):
            _draw_wish(self.column(), context, settings.wishes[settings.wish_index])
        left = settings.not_understood.splitlines()
        for words in left[:MAX_LEFT]:
            phrase, _, reason = words.rpartition(": ")
            draw_text(layout, context, f"{phrase}: {translated(reason)}", icon="QUESTION")
        if len(left) > MAX_LEFT:
            text = iface_("and {count} more that were not understood").format(count=len(left) - MAX_LEFT)
            layout.label(text=text, translate=False)


def _draw_wish(column: UILayout, context: Context, entry: bpy.types.PropertyGroup) -> None:
    """The fields of the wish that is picked."""
    if entry.removed:
        return
    column.prop(entry, "subject")
    column.prop(entry, "predicate")
    column.prop(entry, "object")
    column.prop(entry, "negated")
    if not wishes.is_complete(entry, (obj.name for obj in listed_items(context))):
        draw_text(column, context, iface_("Choose an item, and what it is to stand to"), icon="ERROR")


class METASPATIAL_UL_wishes(UIList):
    bl_idname = Lists.WISHES

    def draw_item(
        self,
        context: Context,
        layout: UILayout,
        _data: object,
        item: bpy.types.PropertyGroup,
        _icon: int,
        _active_data: object,
        _active_property: str,
    ) -> None:
        row = layout.row(align=True)
        row.use_property_split = False
        row.prop(item, "ticked", text="")
        parts = row.row(align=True)
        parts.active = item.ticked
        words = wishes.words(item)
        parts.label(text=translated_wish(words), translate=False)
        turn = listed_turn(context.scene)
        met = None if turn is None else turn_cache.turn_summary(turn).wishes.get(words)
        if met is not None:
            parts.label(text="", icon="CHECKMARK" if met else "ERROR")

    def filter_items(
        self, _context: Context, data: bpy.types.PropertyGroup, _property: str
    ) -> tuple[list[int], list[int]]:
        """Leave out what the artist removed."""
        return [0 if entry.removed else self.bitflag_filter_item for entry in data.wishes], []


register, unregister = bpy.utils.register_classes_factory((METASPATIAL_PT_wishes, METASPATIAL_UL_wishes))
