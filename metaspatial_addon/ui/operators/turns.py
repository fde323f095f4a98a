"""What is done with turns: show, compare, accept, delete, and look into them."""

from __future__ import annotations

import textwrap

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import BoolProperty, IntProperty
from bpy.types import Collection, Context, Event, Operator

from ...blender.turns import compare, turn_collections, turn_visibility, turns
from ...core.errors import InputError
from ..screen import frame_selected, list_turn, open_images, open_text
from ..state import feedback, notices, preferences, turn_cache
from ..state.identifiers import Operators
from ..state.job_status import status
from ..state.scene.listed_turns import accept, select_fault, turn_images, turn_of_number
from ..translations.sentences import translated

POPUP_WIDTH_PX = 520
LINE_LENGTH = 78
"""Letters in a line of the popup."""
MAX_LINES = 30


class _TurnOperator:
    """Works on a turn of the list."""

    number: IntProperty(name="Turn", description="Number of the turn; 0: the one picked in the list", options=set())

    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not turn_visibility.all_turns(context.scene):
            cls.poll_message_set(rpt_("There is no turn yet"))
            return False
        if context.mode != "OBJECT":
            cls.poll_message_set(rpt_("Only in Object Mode"))
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        turn = turn_of_number(context.scene, self.number)
        if turn is None:
            self.report({"WARNING"}, rpt_("There is no such turn: pick one in the list"))
            return {"CANCELLED"}
        status.restart_placement()
        return self.act(context, turn)

    def keep_feedback(self, context: Context, turn: Collection, accepted: bool) -> None:
        """Write down what becomes of a turn, where the preferences ask for it."""
        if not preferences.of(context).keep_feedback:
            return
        try:
            feedback.keep(context.scene, turn, accepted)
        except (OSError, InputError) as error:
            self.report({"WARNING"}, rpt_("The feedback could not be kept: {error}").format(error=error))


class METASPATIAL_OT_show_turn(_TurnOperator, Operator):
    """Show this turn in place of your objects, which stay where they are"""

    bl_idname = Operators.SHOW_TURN
    bl_label = "Show Turn"

    def act(self, context: Context, turn: Collection) -> set[str]:
        turn_collections.show(context.scene, turn)
        list_turn(context.scene, turn)
        return {"FINISHED"}


class METASPATIAL_OT_show_originals(Operator):
    """Show your own objects in place of the turns"""

    bl_idname = Operators.SHOW_ORIGINALS
    bl_label = "Show Originals"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if turn_visibility.shown(context.scene) is None and not turn_visibility.hides(context.scene):
            cls.poll_message_set(rpt_("No turn is shown"))
            return False
        return context.mode == "OBJECT"

    def execute(self, context: Context) -> set[str]:
        status.restart_placement()
        turn_collections.show(context.scene, None)
        return {"FINISHED"}


class METASPATIAL_OT_compare_turns(_TurnOperator, Operator):
    """Mark where items stood in another turn, with arrows to where they stand in the shown one"""

    bl_idname = Operators.COMPARE_TURNS
    bl_label = "Compare With Turn"

    def act(self, context: Context, turn: Collection) -> set[str]:
        settings = context.scene.metaspatial
        settings.compare_with = None if settings.compare_with == turn else turn
        return {"FINISHED"}


class METASPATIAL_OT_accept_turn(_TurnOperator, Operator):
    """Move your objects to where the turn has them, with what you have moved in it"""

    bl_idname = Operators.ACCEPT_TURN
    bl_label = "Accept Turn"

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not super().poll(context):
            return False
        turn = turn_of_number(context.scene, 0)
        if turn is not None and not turn_collections.roots(turn):
            cls.poll_message_set(rpt_("The answer of this turn could not be used: it places nothing"))
            return False
        return True

    def act(self, context: Context, turn: Collection) -> set[str]:
        result = accept(context.scene, turn)
        notes = [translated(note) for note in result.notes]
        for note in notes:
            self.report({"WARNING"}, note)
        moved = rpt_("Moved 1 object") if result.moved == 1 else rpt_("Moved {count} objects")
        moved = moved.format(count=result.moved)
        self.report({"INFO"}, moved)
        if notes:
            status.notify(notices.of_accepted(context, ". ".join((moved, *notes))))
        self.keep_feedback(context, turn, accepted=True)
        return {"FINISHED"}


class METASPATIAL_OT_delete_turn(_TurnOperator, Operator):
    """Remove the turn from the file. Your own objects stay"""

    bl_idname = Operators.DELETE_TURN
    bl_label = "Delete Turn"

    def act(self, context: Context, turn: Collection) -> set[str]:
        self.keep_feedback(context, turn, accepted=False)
        turn_collections.delete_turn(context.scene, turn)
        shown = turn_visibility.shown(context.scene)
        if shown is not None:
            list_turn(context.scene, shown)
        return {"FINISHED"}


class METASPATIAL_OT_clear_turns(Operator):
    """Remove all turns of this scene from the file. Your own objects stay"""

    bl_idname = Operators.CLEAR_TURNS
    bl_label = "Clear Turns"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        return context.mode == "OBJECT" and bool(turns.runs(context.scene) or turn_visibility.hides(context.scene))

    def execute(self, context: Context) -> set[str]:
        status.restart_placement()
        turn_collections.clear(context.scene)
        return {"FINISHED"}


class METASPATIAL_OT_select_fault(_TurnOperator, Operator):
    """Select the objects that are at fault here, and bring them into view"""

    bl_idname = Operators.SELECT_FAULT
    bl_label = "Select Fault"

    index: IntProperty(name="Fault", description="Place in the turn's list of faults", options=set())

    def act(self, context: Context, turn: Collection) -> set[str]:
        faults = compare.faults(turn)
        if not 0 <= self.index < len(faults):
            self.report({"WARNING"}, rpt_("The turn has no such fault"))
            return {"CANCELLED"}
        objects = select_fault(context, turn, faults[self.index])
        if not objects:
            self.report({"INFO"}, rpt_("The objects of this fault are not in the scene any more"))
        else:
            frame_selected(context)
        return {"FINISHED"}


class METASPATIAL_OT_show_pictures(_TurnOperator, Operator):
    """Open the turn's two pictures, from above and of the room, in a window of their own"""

    bl_idname = Operators.SHOW_PICTURES
    bl_label = "Show Pictures"
    bl_options = {"REGISTER"}

    def act(self, context: Context, turn: Collection) -> set[str]:
        images = turn_images(turn)
        if not images:
            self.report({"INFO"}, rpt_("{turn} has no pictures").format(turn=turn.name))
            return {"CANCELLED"}
        open_images(context, images)
        return {"FINISHED"}


class METASPATIAL_OT_show_reasoning(_TurnOperator, Operator):
    """Read what the model thought in this turn"""

    bl_idname = Operators.SHOW_REASONING
    bl_label = "Show Reasoning"
    bl_options = {"REGISTER"}

    as_text: BoolProperty(name="As Text", description="Open it in the text editor", options={"SKIP_SAVE"})

    def invoke(self, context: Context, event: Event) -> set[str]:
        if self.as_text or turn_of_number(context.scene, self.number) is None:
            return self.execute(context)
        return context.window_manager.invoke_popup(self, width=POPUP_WIDTH_PX)

    def draw(self, context: Context) -> None:
        turn = turn_of_number(context.scene, self.number)
        if turn is None:
            return
        shown = _reasoning(turn)[: LINE_LENGTH * (MAX_LINES + 1)]
        lines = [line for paragraph in shown.splitlines() for line in textwrap.wrap(paragraph, LINE_LENGTH) or [""]]
        column = self.layout.column(align=True)
        for line in lines[:MAX_LINES]:
            column.label(text=line, translate=False)
        if len(lines) > MAX_LINES:
            column.label(text="…")
        open_text = self.layout.operator(Operators.SHOW_REASONING, text="Open as Text", icon="TEXT")
        open_text.number, open_text.as_text = turn[turns.KEY]["turn"], True

    def act(self, context: Context, turn: Collection) -> set[str]:
        text = bpy.data.texts.new(f"{turn.name} reasoning")
        text.write(_reasoning(turn))
        if not open_text(context, text):
            message = rpt_('"{text}" is among the texts of the text editor')
            self.report({"INFO"}, message.format(text=text.name))
        return {"FINISHED"}


def _reasoning(turn: Collection) -> str:
    return turn_cache.turn_summary(turn).think or iface_("The model told no reasoning in this turn.")


register, unregister = bpy.utils.register_classes_factory(
    (
        METASPATIAL_OT_show_turn,
        METASPATIAL_OT_show_originals,
        METASPATIAL_OT_compare_turns,
        METASPATIAL_OT_accept_turn,
        METASPATIAL_OT_delete_turn,
        METASPATIAL_OT_clear_turns,
        METASPATIAL_OT_select_fault,
        METASPATIAL_OT_show_pictures,
        METASPATIAL_OT_show_reasoning,
    )
)
