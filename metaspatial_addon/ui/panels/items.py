"""Sub-panels of what is laid out: the items with lock, category and front; furniture from the asset libraries."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.types import Context, Panel, UILayout, UIList

from ...blender.assets.search import OURS
from ...core.scale import by_factor, describe
from ..state.identifiers import Lists, Operators, Panels
from ..state.item_cache import ListedItems, listed, listed_items
from ..text import draw_text, fitted
from ..translations.sentences import translated
from .main import SidebarPanel

MAX_ROWS = 24
NAME_SHARE, ROW_SHARE = 0.42, 0.8
"""Of an item's row what its name has, and of the panel's width what the rows have behind the lock."""
SOURCE_ICONS = {"name": "NONE", "context": "SHADERFX", "size": "SHADERFX", "unknown": "QUESTION"}
"""Marks of categories that are not stated: guessed by more than the object's name, and unknown."""


class METASPATIAL_PT_items(SidebarPanel, Panel):
    bl_idname = Panels.ITEMS
    bl_parent_id = Panels.MAIN
    bl_label = "Items"
    bl_order = 3

    def draw_header_preset(self, context: Context) -> None:
        self.layout.label(text=str(len(listed_items(context))))

    def draw(self, context: Context) -> None:
        settings, column = context.scene.metaspatial, self.column()
        row = column.row()
        row.use_property_split = False
        row.prop(settings, "items_source", expand=True)
        if settings.items_source == "LIBRARY":
            _draw_library(column, context)
        elif settings.items_source == "COLLECTION":
            column.prop(settings, "items", text="Collection")
        _draw_doubts(self.layout, context)
        _draw_items(self.layout, context)
        self.layout.use_property_split = False
        self.layout.prop(settings, "carry")
        self.layout.prop(settings, "others_are_obstacles")


def _draw_doubts(layout: UILayout, context: Context) -> None:
    """Items that are probably of another scale or several in one, with the buttons that help."""
    items = listed(context)
    for doubts in by_factor(items.doubts):
        box = layout.box()
        draw_text(box, context, translated(describe(doubts)), icon="ERROR")
        if doubts[0].factor is not None:
            row = box.row(align=True)
            row.operator(Operators.SCALE_ITEMS, text="Scale in Layouts").objects = False
            row.operator(Operators.SCALE_ITEMS, text="Scale Objects").objects = True
    for obj, count in items.sets.items():
        box = layout.box()
        text = iface_("{object} is one instance of {count} pieces of furniture")
        draw_text(box, context, text.format(object=obj.name, count=count), icon="INFO")
        box.operator(Operators.MAKE_REAL).object_name = obj.name


def _draw_items(layout: UILayout, context: Context) -> None:
    items = listed(context)
    roots = items.roots
    column = layout.column(align=True)
    column.use_property_split = False
    for obj in roots[:MAX_ROWS]:
        _draw_item(column.row(align=True), context, obj, items)
    if len(roots) > MAX_ROWS:
        column.label(text=iface_("and {count} more").format(count=len(roots) - MAX_ROWS), translate=False)


def _draw_item(row: UILayout, context: Context, obj: bpy.types.Object, items: ListedItems) -> None:
    settings, carried = obj.metaspatial, items.carried.get(obj, 0)
    row.prop(settings, "locked", text="", icon="LOCKED" if settings.locked else "UNLOCKED")
    parts = row.split(factor=NAME_SHARE, align=True)
    more = f" +{carried}" if carried else ""
    parts.label(text=fitted(context, obj.name, NAME_SHARE * ROW_SHARE) + more, translate=False)
    fields = parts.row(align=True)
    naming = items.naming(obj)
    icon = "NONE" if settings.category else SOURCE_ICONS[naming.source]
    fields.prop(settings, "category", text="", placeholder=naming.category, icon=icon)
    if settings.category and any(other.metaspatial.category != settings.category for other in items.alike(obj)):
        fields.operator(Operators.SAME_CATEGORY, text="", icon="DUPLICATE").object_name = obj.name
    front = fields.row(align=True)
    front.ui_units_x = 1.6
    front.operator(Operators.ROTATE_FRONT, text=settings.front).object_name = obj.name


def _draw_library(column: UILayout, context: Context) -> None:
    session = context.window_manager.metaspatial
    row = column.row(align=True)
    row.use_property_split = False
    row.prop(session, "words", text="", icon="VIEWZOOM", placeholder=iface_("double bed, two nightstands"))
    pick = row.row(align=True)
    pick.ui_units_x = 3
    pick.operator(Operators.PICK_ASSETS, text="Pick")
    if not session.assets:
        hint = iface_("Pick finds what the words, or else the prompt, speak of in your asset libraries")
        draw_text(column, context, hint)
        return
    column.template_list(Lists.ASSETS, "", session, "assets", session, "asset_index", rows=4, maxrows=8)
    column.operator(Operators.ADD_ASSETS, icon="ADD")


class METASPATIAL_UL_assets(UIList):
    bl_idname = Lists.ASSETS

    def draw_item(
        self,
        _context: Context,
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
        icon = "OUTLINER_COLLECTION" if item.kind == "COLLECTION" else "OBJECT_DATA"
        parts.label(text=item.name, translate=False, icon=icon)
        if item.library != OURS:
            parts.label(text=item.library, translate=False)
        if item.reason:
            parts.label(text=translated(item.reason), translate=False)
        count = parts.row()
        count.ui_units_x = 2.5
        count.prop(item, "count", text="")


register, unregister = bpy.utils.register_classes_factory((METASPATIAL_PT_items, METASPATIAL_UL_assets))
