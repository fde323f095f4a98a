"""The sub-panel of turns: the list of a run's turns, and faults, images and buttons of the one picked in it."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.types import Collection, Context, Menu, Panel, UILayout, UIList

from ...blender.turns import compare, turn_visibility, turns
from ..state import turn_cache
from ..state.identifiers import Lists, Menus, Operators, Panels
from ..state.scene.listed_turns import best_turn, listed_run, listed_turn, turn_images
from ..text import draw_text, icon_scale, wrapped
from ..translations.sentences import translated, translated_wish
from .main import SidebarPanel

MAX_FAULTS = 12
MAX_REASONING_LINES = 14
IMAGE_SCALE = 8.0
MAX_THUMBNAILS, THUMBNAILS_IN_ROW = 9, 3


class METASPATIAL_PT_turns(SidebarPanel, Panel):
    bl_idname = Panels.TURNS
    bl_parent_id = Panels.MAIN
    bl_label = "Turns"
    bl_order = 0  # right under the button that made them, as soon as there are any

    @classmethod
    def poll(cls, context: Context) -> bool:
        return listed_run(context.scene) is not None

    def draw(self, context: Context) -> None:
        layout, settings = self.layout, context.scene.metaspatial
        run = listed_run(context.scene)
        if len(turns.runs(context.scene)) > 1:
            layout.prop(settings, "run", text="")
        row = layout.row()
        row.template_list(Lists.TURNS, "", run, "children", settings, "turn_index", rows=3, maxrows=6)
        side = row.column(align=True)
        side.operator(Operators.DELETE_TURN, text="", icon="REMOVE")
        side.operator(Operators.CLEAR_TURNS, text="", icon="TRASH")
        _draw_thumbnails(layout, context, run)
        turn = listed_turn(context.scene)
        if turn is None:
            return
        _draw_actions(layout, context)
        _draw_faults(layout, context, turn)
        _draw_pictures(layout, turn)
        _draw_reasoning(layout, context, turn)
        layout.separator()  # what is folded last would lie under the next panel's title


def _draw_thumbnails(layout: UILayout, context: Context, run: Collection) -> None:
    """The newest turns of a run side by side, each a picture over the button that shows it: from two pictures on."""
    pictures = [(turn, images[0]) for turn in turns.turns(run) if (images := turn_images(turn))][-MAX_THUMBNAILS:]
    if len(pictures) < 2:
        return
    columns = min(len(pictures), THUMBNAILS_IN_ROW)
    scale = min(icon_scale(context, columns), IMAGE_SCALE)
    shown, best = turn_visibility.shown(context.scene), best_turn(run)
    grid = layout.grid_flow(row_major=True, columns=columns, even_columns=True, align=True)
    for turn, image in pictures:
        number = turn[turns.KEY]["turn"]
        cell = grid.column(align=True)
        cell.template_icon(icon_value=image.preview_ensure().icon_id, scale=scale)
        icon = "SOLO_ON" if turn == best else "NONE"
        cell.operator(Operators.SHOW_TURN, text=str(number), icon=icon, depress=turn == shown).number = number


def _draw_actions(layout: UILayout, context: Context) -> None:
    column = layout.column(align=True)
    row = column.row()
    row.scale_y = 1.4
    row.operator(Operators.ACCEPT_TURN, icon="CHECKMARK")
    column.operator(Operators.REFINE_FROM_HERE, icon="FORWARD")
    row = column.row(align=True)
    row.operator(Operators.SHOW_ORIGINALS, text="Originals", depress=turn_visibility.shown(context.scene) is None)
    row.menu(Menus.COMPARE, text="Compare")


def _draw_faults(layout: UILayout, context: Context, turn: Collection) -> None:
    summary = turn_cache.turn_summary(turn)
    if compare.moved_by_hand(turn):
        text = iface_("You moved something after this was measured. Refine From Here measures it again")
        draw_text(layout, context, text, icon="INFO")
    header, body = layout.panel(f"{Panels.TURNS}_faults")
    header.label(text=_count(summary) if not summary.failure else iface_("No Layout"), translate=False)
    if summary.wishes:
        header.label(text=translated(summary.wishes_met), translate=False)
    if body is None:
        return
    if summary.failure:
        draw_text(body, context, translated(summary.failure), icon="CANCEL")
    column = body.column(align=True)
    faults = compare.faults(turn) if summary.faults and not summary.failure else []
    for k, fault in enumerate(faults[:MAX_FAULTS]):
        for line, text in enumerate(wrapped(context, translated(fault.text), icon=True)):
            row = column.row()
            row.alignment = "LEFT"
            row.scale_y = 0.8
            icon = "BLANK1" if line else "RESTRICT_SELECT_OFF"
            row.operator(Operators.SELECT_FAULT, text=text, translate=False, icon=icon, emboss=False).index = k
    if len(faults) > MAX_FAULTS:
        column.label(text=iface_("and {count} more").format(count=len(faults) - MAX_FAULTS), translate=False)
    for words, reason in summary.impossible:
        draw_text(body, context, f"{translated_wish(words)}: {translated(reason)}", icon="ERROR")
    for note in summary.notes[:MAX_FAULTS]:
        draw_text(body, context, translated(note), icon="INFO")


def _count(summary: turn_cache.TurnSummary) -> str:
    """The number of faults; a wish that the room cannot meet is none, and yet nothing to be content with."""
    if not summary.faults:
        return iface_("Not All Wishes") if summary.impossible else iface_("No Faults")
    return iface_("1 Fault") if summary.faults == 1 else iface_("{count} Faults").format(count=summary.faults)


def _draw_pictures(layout: UILayout, turn: Collection) -> None:
    images = turn_images(turn)
    if not images:
        return
    header, body = layout.panel(f"{Panels.TURNS}_pictures")
    header.label(text="Pictures")
    header.operator(Operators.SHOW_PICTURES, text="", icon="WINDOW", emboss=False)
    for image in images if body is not None else ():
        body.template_icon(icon_value=image.preview_ensure().icon_id, scale=IMAGE_SCALE)


def _draw_reasoning(layout: UILayout, context: Context, turn: Collection) -> None:
    think = turn_cache.turn_summary(turn).think
    if not think:
        return
    header, body = layout.panel(f"{Panels.TURNS}_reasoning", default_closed=True)
    header.label(text="Reasoning")
    header.operator(Operators.SHOW_REASONING, text="", icon="WINDOW", emboss=False)
    if body is not None:
        draw_text(body, context, think, most=MAX_REASONING_LINES)


class METASPATIAL_MT_compare(Menu):
    bl_idname = Menus.COMPARE
    bl_label = "Compare With"

    def draw(self, context: Context) -> None:
        scene = context.scene
        shown, run = turn_visibility.shown(scene), listed_run(scene)
        others = [turn for turn in turns.turns(run) if turn != shown] if run is not None else []
        for turn in others:
            number = turn[turns.KEY]["turn"]
            icon = "CHECKBOX_HLT" if scene.metaspatial.compare_with == turn else "CHECKBOX_DEHLT"
            text = iface_("Turn {number}").format(number=number)
            self.layout.operator(Operators.COMPARE_TURNS, text=text, translate=False, icon=icon).number = number
        if shown is None or not others:
            self.layout.label(text="Show a turn first" if shown is None else "There is no other turn")


class METASPATIAL_UL_turns(UIList):
    bl_idname = Lists.TURNS

    def draw_item(
        self,
        context: Context,
        layout: UILayout,
        data: Collection,
        item: Collection,
        _icon: int,
        _active_data: object,
        _active_property: str,
    ) -> None:
        summary = turn_cache.turn_summary(item)
        shown = turn_visibility.shown(context.scene) == item
        row = layout.row(align=True)
        row.operator(
            Operators.SHOW_TURN, text="", icon="HIDE_OFF" if shown else "HIDE_ON", emboss=False
        ).number = summary.number
        row.label(text=iface_("Turn {number}").format(number=summary.number), translate=False)
        right = row.row(align=True)
        right.alignment = "RIGHT"
        if item[turns.KEY].get("accepted"):
            right.label(text="", icon="CHECKMARK")
        if best_turn(data) == item:
            right.label(text="", icon="SOLO_ON")
        if summary.wishes:
            right.label(text=f"{sum(summary.wishes.values())}/{len(summary.wishes)}", icon="CHECKBOX_HLT")
        right.label(text="" if summary.reward is None else f"{summary.reward:.0%}")
        if summary.failure:
            right.label(text="", icon="CANCEL")
        elif summary.faults:
            right.label(text=str(summary.faults), icon="ERROR")

    def filter_items(self, _context: Context, data: bpy.types.ID, _property: str) -> tuple[list[int], list[int]]:
        """Show the turns alone, by number."""
        children = list(data.children)
        ordered = {turn: k for k, turn in enumerate(turns.turns(data))}
        flags = [self.bitflag_filter_item if child in ordered else 0 for child in children]
        others = iter(range(len(ordered), len(children)))
        return flags, [ordered[child] if child in ordered else next(others) for child in children]


register, unregister = bpy.utils.register_classes_factory(
    (METASPATIAL_PT_turns, METASPATIAL_UL_turns, METASPATIAL_MT_compare)
)
