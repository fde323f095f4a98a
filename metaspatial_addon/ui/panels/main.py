"""The sidebar tab, in the order of use: prompt and Generate Layout first, then room, items, model.

Turns and items are in `turns.py` and `items.py` beside this. Panels read what others have computed and cached.
"""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_n as n_
from bpy.types import Context, Menu, Panel, UILayout

from ..state import preferences, recent, whats_new
from ..state.identifiers import CONTEXT, TAB, Menus, Operators, Panels
from ..state.item_cache import listed_items
from ..state.job_status import status
from ..state.scene.example import PROMPT
from ..state.scene.listed_turns import listed_run
from ..text import draw_text

MAX_PROMPT_LINES = 5
_HINTS = {
    "SELECTED": n_("Select the furniture to lay out"),
    "COLLECTION": n_("Choose the collection of the furniture"),
    "LIBRARY": n_("Add furniture from the library"),
}


class SidebarPanel:
    """Where all panels stand, and how their fields look."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = TAB
    bl_translation_context = CONTEXT

    def column(self) -> UILayout:
        """A column with the fields' names at their left."""
        self.layout.use_property_split = True
        self.layout.use_property_decorate = False
        return self.layout.column()


class METASPATIAL_PT_main(SidebarPanel, Panel):
    bl_idname = Panels.MAIN
    bl_label = "MetaSpatial"

    def draw_header_preset(self, context: Context) -> None:
        self.layout.prop(context.window_manager.metaspatial, "overlay", text="", icon="OVERLAY")
        self.layout.operator(
            "preferences.addon_show", text="", icon="PREFERENCES", emboss=False
        ).module = preferences.ROOT

    def draw(self, context: Context) -> None:
        layout = self.layout
        _draw_prompt(layout, context)
        if status.busy:
            _draw_progress(layout)
        else:
            _draw_generate(layout, context)
        _draw_notice(layout, context)
        _draw_update(layout)


def _draw_prompt(layout: UILayout, context: Context) -> None:
    settings = context.scene.metaspatial
    row = layout.row(align=True)
    row.label(text="Prompt", text_ctxt=CONTEXT)
    row.menu(Menus.RECENT_PROMPTS, text="", icon="RECOVER_LAST")
    example = iface_(PROMPT)
    if hasattr(layout, "textbox"):  # Blender 5.2 on
        layout.textbox(settings, "prompt", initial_visible_lines=MAX_PROMPT_LINES, placeholder=example)
        return
    layout.prop(settings, "prompt", text="", placeholder=example)
    if len(settings.prompt) > 30:
        draw_text(layout, context, settings.prompt, most=MAX_PROMPT_LINES)


def _draw_generate(layout: UILayout, context: Context) -> None:
    column = layout.column(align=True)
    row = column.row()
    row.scale_y = 1.6
    row.operator(Operators.GENERATE_LAYOUT, icon="SHADERFX")
    if listed_run(context.scene) is not None:
        column.operator(Operators.ANOTHER, icon="FILE_REFRESH")
    column.operator(Operators.FIX_BROKEN)
    settings = context.scene.metaspatial
    if settings.room_source == "FLOOR" and settings.floor is None:
        layout.operator(Operators.EXAMPLE_SCENE, icon="HOME")
        row = layout.row(align=True)
        row.label(text="No floor yet", icon="INFO")
        row.operator(Operators.SET_FLOOR)
    elif not listed_items(context):
        layout.label(text=_HINTS[settings.items_source], icon="INFO")


def _draw_progress(layout: UILayout) -> None:
    column = layout.column(align=True)
    progress = status.progress
    column.progress(text=progress.text, factor=progress.factor, type="BAR")
    row = column.row()
    row.scale_y = 1.6
    row.operator(Operators.CANCEL, icon="CANCEL")


def _draw_notice(layout: UILayout, context: Context) -> None:
    """What is to be told, until it is dismissed or over: what went wrong and the button that helps."""
    notice = status.notice
    if notice is None or not notice.holds(context):
        return
    box = layout.box()
    row = box.row()
    text = row.column()
    text.alert = notice.kind == "ERROR"
    draw_text(text, context, notice.sentence, icon="ERROR" if notice.kind == "ERROR" else "INFO", taken=24)
    row.operator(Operators.DISMISS_NOTICE, text="", icon="X", emboss=False)
    if notice.operator:
        box.operator(notice.operator)


def _draw_update(layout: UILayout) -> None:
    """After an update, until it is dismissed: where to read what is new."""
    entry = whats_new.unseen()
    if entry is None:
        return
    box = layout.box()
    row = box.row()
    row.label(text=iface_("Updated to {version}").format(version=entry.version), translate=False, icon="INFO")
    row.operator(Operators.DISMISS_UPDATE, text="", icon="X", emboss=False)
    box.operator("preferences.addon_show", text="What's New").module = preferences.ROOT


class METASPATIAL_MT_recent_prompts(Menu):
    bl_idname = Menus.RECENT_PROMPTS
    bl_label = "Recent Prompts"

    def draw(self, _context: Context) -> None:
        prompts = recent.prompts()
        for k, prompt in enumerate(prompts):
            words = " ".join(prompt.split())
            label = words if len(words) <= 70 else f"{words[:69]}…"
            self.layout.operator(Operators.USE_PROMPT, text=label, translate=False).index = k
        if not prompts:
            self.layout.label(text="No prompt was used yet")


class METASPATIAL_PT_room(SidebarPanel, Panel):
    bl_idname = Panels.ROOM
    bl_parent_id = Panels.MAIN
    bl_label = "Room"
    bl_order = 2

    def draw(self, context: Context) -> None:
        settings, column = context.scene.metaspatial, self.column()
        column.prop(settings, "room_source", text="From")
        if settings.room_source == "FLOOR":
            row = column.row(align=True)
            row.prop(settings, "floor")
            row.operator(Operators.SET_FLOOR, text="", icon="RESTRICT_SELECT_OFF")
        elif settings.room_source == "WALLS":
            column.prop(settings, "walls")
        if settings.room_source == "SIZE":
            column.prop(settings, "shown_size")
            column.operator(Operators.MAKE_ROOM, icon="MESH_PLANE")
        else:
            column.prop(settings, "shown_height")
        column.prop(settings, "room_type")
        row = self.layout.row(align=True)
        row.operator(Operators.ADD_DOOR, icon="ADD")
        row.operator(Operators.ADD_WINDOW, icon="ADD")
        obj = context.object
        if obj is not None and obj.metaspatial.opening != "NONE":
            column = self.column()
            column.label(text=obj.name, translate=False, icon="OBJECT_DATA")
            column.prop(obj.metaspatial, "opening")


class METASPATIAL_PT_model(SidebarPanel, Panel):
    bl_idname = Panels.MODEL
    bl_parent_id = Panels.MAIN
    bl_label = "Model"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 4

    def draw_header_preset(self, context: Context) -> None:
        names = {identifier: name for identifier, name, _ in preferences.MODELS}
        self.layout.label(text=names[preferences.of(context).model], text_ctxt=CONTEXT)

    def draw(self, context: Context) -> None:
        settings, column = context.scene.metaspatial, self.column()
        options = preferences.of(context)
        preferences.draw_model(column, options)
        column.separator()
        column.prop(settings, "turns")
        column.prop(options, "samples")
        column.prop(options, "tidy")
        if options.model == "BUILTIN":
            column.prop(options, "free_places")
        row = column.row(align=True)
        row.prop(settings, "seed")
        row.prop(settings, "randomise", text="", icon="FILE_REFRESH")
        preferences.draw_feedback(column, options)


class METASPATIAL_PT_export(SidebarPanel, Panel):
    bl_idname = Panels.EXPORT
    bl_parent_id = Panels.MAIN
    bl_label = "Export"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 9

    def draw(self, context: Context) -> None:
        self.layout.operator(Operators.EXPORT_LAYOUT, icon="EXPORT")


register, unregister = bpy.utils.register_classes_factory(
    (
        METASPATIAL_PT_main,
        METASPATIAL_MT_recent_prompts,
        METASPATIAL_PT_room,
        METASPATIAL_PT_model,
        METASPATIAL_PT_export,
    )
)
