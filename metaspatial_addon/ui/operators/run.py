"""Layouts: generate, fix, refine, cancel, export."""

from __future__ import annotations

import random
from pathlib import Path

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import EnumProperty, StringProperty
from bpy.types import Context, Event, Operator
from bpy_extras.io_utils import ExportHelper

from ...blender.scene_io import blend_file
from ...blender.scene_io.item_mesh import has_usd
from ...blender.turns import compare, turn_collections, turn_visibility
from ...core.errors import InputError
from ..state import job, notices, recent
from ..state.identifiers import LARGEST_SEED, Operators
from ..state.job_status import status
from ..state.request import NotReady, build
from ..state.scene.listed_turns import listed_run
from ..translations.sentences import translated


class _LayoutOperator:
    """Starts a layout; a sentence says what is missing, where the click was and in the panel."""

    bl_options = {"REGISTER"}
    mode = ""

    @classmethod
    def poll(cls, context: Context) -> bool:
        if status.busy:
            cls.poll_message_set(rpt_("A job is running: wait for it, or cancel it"))
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        try:
            request = build(context, self.mode)
        except NotReady as error:
            status.notify(notices.not_ready(context, error))
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        recent.remember(context.scene.metaspatial.prompt)
        job.start(request)
        return {"FINISHED"}


class METASPATIAL_OT_generate_layout(_LayoutOperator, Operator):
    """Lay out the items in the room, in the background. Nothing of yours moves before you accept a turn"""

    bl_idname = Operators.GENERATE_LAYOUT
    bl_label = "Generate Layout"
    mode = "generate"


class METASPATIAL_OT_another(_LayoutOperator, Operator):
    """Lay out the same items to the same wish once more, with a new seed. The layouts that are there stay"""

    bl_idname = Operators.ANOTHER
    bl_label = "Another Layout"
    mode = "generate"

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not super().poll(context):
            return False
        if listed_run(context.scene) is None:
            cls.poll_message_set(rpt_("Generate a layout first"))
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        context.scene.metaspatial.seed = random.randrange(LARGEST_SEED + 1)
        return super().execute(context)


class METASPATIAL_OT_fix_broken(_LayoutOperator, Operator):
    """From where things stand now, move only items that are at fault, and as little as possible"""

    bl_idname = Operators.FIX_BROKEN
    bl_label = "Fix Only What Is Broken"
    mode = "fix"


class METASPATIAL_OT_refine_from_here(_LayoutOperator, Operator):
    """Go on from the shown turn and from what you have moved in it; the new turns follow in the same list"""

    bl_idname = Operators.REFINE_FROM_HERE
    bl_label = "Refine From Here"
    mode = "refine"

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not super().poll(context):
            return False
        if turn_visibility.shown(context.scene) is None:
            cls.poll_message_set(rpt_("Show a turn first"))
            return False
        return True


class METASPATIAL_OT_cancel(Operator):
    """Stop at once. Turns that have arrived stay"""

    bl_idname = Operators.CANCEL
    bl_label = "Cancel"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, _context: Context) -> bool:
        return status.busy

    def execute(self, _context: Context) -> set[str]:
        job.cancel()
        return {"FINISHED"}


_FORMATS = (
    ("GLB", "glTF Binary (.glb)", "The turn's objects in real metres, for most other programs"),
    *((("USD", "USD (.usdc)", "The turn's objects in real metres"),) if has_usd() else ()),
    ("LAYOUT", "Layout (.json)", "Where each item stands, as metaspatial.layout/1"),
)
_SUFFIXES = {"GLB": ".glb", "USD": ".usdc", "LAYOUT": ".json"}


class METASPATIAL_OT_export_layout(Operator, ExportHelper):
    """Write the accepted turn, else the shown one, as it stands now, to a file for other programs"""

    bl_idname = Operators.EXPORT_LAYOUT
    bl_label = "Export Layout"
    bl_options = {"REGISTER"}
    filename_ext = ".glb"

    file_format: EnumProperty(name="Format", items=_FORMATS, default="GLB")
    filter_glob: StringProperty(default="*.glb;*.usdc;*.json", options={"HIDDEN"})

    @classmethod
    def poll(cls, context: Context) -> bool:
        if _turn_to_export(context) is None:
            cls.poll_message_set(rpt_("Accept or show a turn first"))
            return False
        return True

    def invoke(self, context: Context, event: Event) -> set[str]:
        self.filename_ext = _SUFFIXES[self.file_format]
        return super().invoke(context, event)

    def check(self, _context: Context) -> bool:
        """The name in the file browser gets the suffix of the format that is picked there."""
        before: str = getattr(self, "filepath", "")  # a property that ExportHelper declares
        self.filepath = str(Path(before).with_suffix(_SUFFIXES[self.file_format])) if before else ""
        return self.filepath != before

    def execute(self, context: Context) -> set[str]:
        turn = _turn_to_export(context)
        if turn is None:
            self.report({"ERROR"}, rpt_("Accept or show a turn first"))
            return {"CANCELLED"}
        suffix = _SUFFIXES[self.file_format]
        if Path(self.filepath).suffix.lower() != suffix:
            text = rpt_("{file} does not end in {suffix}: name it so, or pick a format")
            self.report({"ERROR"}, text.format(file=Path(self.filepath).name, suffix=suffix))
            return {"CANCELLED"}
        try:
            if self.file_format == "GLB":
                blend_file.export_glb(self.filepath, turn, context.scene)
            elif self.file_format == "USD":
                blend_file.export_usd(self.filepath, turn, context.scene)
            else:
                blend_file.export_layout(self.filepath, compare.turn_layout(turn), compare.turn_scene(turn))
        except (InputError, OSError) as error:
            text = rpt_("{turn} was not exported: {error}")
            self.report({"ERROR"}, text.format(turn=turn.name, error=translated(str(error))))
            return {"CANCELLED"}
        text = rpt_("{turn} was written to {file}")
        self.report({"INFO"}, text.format(turn=turn.name, file=Path(self.filepath).name))
        return {"FINISHED"}


def _turn_to_export(context: Context) -> bpy.types.Collection | None:
    return turn_collections.accepted(context.scene) or turn_visibility.shown(context.scene)


register, unregister = bpy.utils.register_classes_factory(
    (
        METASPATIAL_OT_generate_layout,
        METASPATIAL_OT_another,
        METASPATIAL_OT_fix_broken,
        METASPATIAL_OT_refine_from_here,
        METASPATIAL_OT_cancel,
        METASPATIAL_OT_export_layout,
    )
)
