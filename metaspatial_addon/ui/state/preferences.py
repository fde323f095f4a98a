"""The add-on's preferences: model and server, key, memory and idle time, the self-check, the log.

The settings and their defaults are in this class alone; `of(context)` gives them to whoever needs one.
"""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_n as n_
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty
from bpy.types import AddonPreferences, Context, UILayout

from ...policy.base import DEFAULT_MAX_TOKENS
from ..screen import Notice
from ..text import draw_text
from . import api_key, feedback, whats_new
from .identifiers import CONTEXT, ROOT, Operators
from .job_status import status

MODELS = (
    ("BUILTIN", "Built-in", "The small model that comes with the add-on: no set-up, no network"),
    ("PLANNER", "Planner", "Rules of furniture and a small search, without a model: quick, and heeds no prompt"),
    ("SERVER", "Server", "A model behind an OpenAI-compatible server, on this machine or another"),
    ("LOCAL", "Local", "A checkpoint folder on this machine, run by PyTorch"),
)
ENGINES = (
    ("AUTO", "Automatic", "The fastest that this machine can run"),
    ("CYCLES", "Cycles", "Needs no graphics card"),
    ("EEVEE", "EEVEE", "Needs a graphics card"),
    ("WORKBENCH", "Workbench", "Plain colours; needs a graphics card"),
)
CHECK_ICONS = {"WAITING": "SORTTIME", "OK": "CHECKMARK", "FAILED": "ERROR", "SKIPPED": "REMOVE"}


def _get_key(_preferences: AddonPreferences) -> str:
    return api_key.stored_key()


def _set_key(_preferences: AddonPreferences, value: str) -> None:
    try:
        api_key.store_key(value)
    except OSError as error:
        status.notify(Notice("ERROR", rpt_("The key could not be stored: {error}").format(error=error.strerror)))


class METASPATIAL_AP_preferences(AddonPreferences):
    """`preferences.addons[ROOT].preferences`"""

    bl_idname = ROOT

    model: EnumProperty(
        name="Model", description="Who lays the room out", items=MODELS, default="BUILTIN", translation_context=CONTEXT
    )
    server_url: StringProperty(
        name="Address",
        description="Base address of an OpenAI-compatible server, ending in /v1 as a rule",
        default="http://localhost:8000/v1",
    )
    server_model: StringProperty(name="Model Name", description="The model's name on the server")
    server_sees_images: BoolProperty(
        name="Send Pictures", description="The model can see: it is sent two renders of each turn", default=True
    )
    key: StringProperty(
        name="Key",
        description="The server's key, if it wants one. Kept in a file that only you may read, not in the preferences",
        subtype="PASSWORD",
        options={"SKIP_SAVE"},
        get=_get_key,
        set=_set_key,
        translation_context=CONTEXT,
    )
    local_folder: StringProperty(
        name="Checkpoint", description="Folder of a vision-language model, as saved by transformers", subtype="DIR_PATH"
    )
    local_adapter: StringProperty(
        name="Adapter", description="Folder of a LoRA adapter from training; empty: none", subtype="DIR_PATH"
    )
    packages: StringProperty(
        name="Packages",
        description="The site-packages folder that holds torch and transformers for this Blender's Python; empty: "
        "Blender's own",
        subtype="DIR_PATH",
    )
    max_tokens: IntProperty(
        name="Most Tokens",
        description="Of an answer of a server's or a local model, its thoughts included: models that think at length "
        "need more",
        default=DEFAULT_MAX_TOKENS,
        min=64,
        max=1048576,
    )
    samples: IntProperty(
        name="Samples",
        description="Answers asked for in each turn, the best of which is taken; 0: 8 of the built-in model (fewer of "
        "more than 40 items, 16 to fix), 1 of others",
        default=0,
        min=0,
        max=64,
        translation_context=CONTEXT,
    )
    tidy: BoolProperty(
        name="Tidy",
        description="After each turn, repair small faults by moves of at most 15 cm",
        default=True,
    )
    free_places: BoolProperty(
        name="Free Places",
        description="Offer the built-in model only places inside the room that are clear and carried",
        default=True,
    )
    keep_feedback: BoolProperty(
        name="Keep Feedback",
        description="Write down, on this machine alone, which turns you accept, correct and delete: the built-in model "
        "can be trained on it",
        default=False,
    )
    memory_limit_mb: IntProperty(
        name="Memory (MB)",
        description="The headless Blender is started anew when it has grown beyond this",
        default=4096,
        min=1024,
        max=1048576,
    )
    idle_minutes: IntProperty(
        name="Idle (Minutes)",
        description="The headless Blender is ended after this long without work",
        default=10,
        min=1,
        max=240,
    )
    engine: EnumProperty(
        name="Pictures By", description="The renderer of the two pictures of each turn", items=ENGINES, default="AUTO"
    )
    picture_size: IntProperty(
        name="Picture Size (px)", description="Width and height of the pictures", default=512, min=128, max=2048
    )

    def draw(self, context: Context) -> None:
        layout = self.layout
        draw_model(_group(layout, n_("Model", CONTEXT), "MESH_MONKEY"), self)
        work = _group(layout, n_("Memory and Idle Time", CONTEXT), "MEMORY")
        for name in ("memory_limit_mb", "idle_minutes", "engine", "picture_size", "samples", "tidy", "free_places"):
            work.prop(self, name)
        draw_feedback(_group(layout, n_("Feedback", CONTEXT), "FILE_TICK"), self)
        _group(layout, n_("Furniture", CONTEXT), "ASSET_MANAGER").operator(Operators.ADD_LIBRARY, icon="ADD")
        check = _group(layout, n_("Self-Check", CONTEXT), "TOOL_SETTINGS")
        _draw_checks(check, context)
        row = check.row(align=True)
        row.operator(Operators.SELF_CHECK, icon="PLAY")
        row.operator(Operators.OPEN_LOG, icon="TEXT")
        _draw_whats_new(layout, context)


def _group(layout: UILayout, title: str, icon: str) -> UILayout:
    """A titled box with the labels of its fields in one column."""
    box = layout.box()
    box.label(text=title, text_ctxt=CONTEXT, icon=icon)
    box.use_property_split = True
    box.use_property_decorate = False
    return box.column()


def draw_model(column: UILayout, preferences: METASPATIAL_AP_preferences) -> None:
    """Choice of the model and what that one needs; the same in the sidebar and in the preferences."""
    row = column.row()
    row.use_property_split = False
    row.prop(preferences, "model", expand=True)
    if preferences.model == "SERVER":
        column.prop(preferences, "server_url")
        column.prop(preferences, "server_model")
        column.prop(preferences, "server_sees_images")
        column.prop(preferences, "max_tokens")
        _draw_key(column, preferences)
        column.operator(Operators.TEST_CONNECTION, icon="URL")
    elif preferences.model == "LOCAL":
        column.prop(preferences, "local_folder")
        column.prop(preferences, "local_adapter")
        column.prop(preferences, "packages")
        column.prop(preferences, "max_tokens")


def draw_feedback(column: UILayout, preferences: METASPATIAL_AP_preferences) -> None:
    """Whether feedback is kept, how much there is and where; the same in the sidebar and in the preferences."""
    column.prop(preferences, "keep_feedback")
    if feedback.lines():
        row = column.row()
        text = iface_("{count} kept in {file}").format(count=feedback.lines(), file=feedback.FILE)
        row.label(text=text, translate=False)
        row.operator("wm.path_open", text="", icon="FILE_FOLDER").filepath = str(feedback.path().parent)


def _draw_key(column: UILayout, preferences: METASPATIAL_AP_preferences) -> None:
    if api_key.from_environment():
        column.label(
            text=iface_("Key from {variable}").format(variable=api_key.VARIABLE), translate=False, icon="LOCKED"
        )
        return
    row = column.row(align=True)
    row.prop(preferences, "key")
    row.operator(Operators.CLEAR_KEY, text="", icon="X")


def _draw_checks(column: UILayout, context: Context) -> None:
    """The results of the self-check, a line or more for each part. What still waits without a job got no answer."""
    notice = status.notice
    for check in context.window_manager.metaspatial.checks:
        state, message = check.state, check.message
        if state == "WAITING" and not status.busy:
            state, message = "FAILED", notice.sentence if notice is not None else iface_("was cancelled")
        part = column.column()
        part.alert = state == "FAILED"
        name = iface_(check.name, CONTEXT)
        draw_text(part, context, f"{name}: {message}" if message else name, icon=CHECK_ICONS[state])


def _draw_whats_new(layout: UILayout, context: Context) -> None:
    """The newest entry of the changelog, in a panel that is closed at first."""
    if whats_new.newest is None:
        return
    header, body = layout.panel("metaspatial_whats_new", default_closed=True)
    header.label(text="What's New")
    if body is not None:
        body.label(text=iface_("Version {version}").format(version=whats_new.newest.version), translate=False)
        for point in whats_new.newest.points:
            draw_text(body, context, point, icon="DOT")


def of(context: Context) -> METASPATIAL_AP_preferences:
    """The add-on's preferences."""
    return context.preferences.addons[ROOT].preferences


_register_classes, _unregister_classes = bpy.utils.register_classes_factory((METASPATIAL_AP_preferences,))
_added: bpy.types.Addon | None = None


def register() -> None:
    """Blender lists an add-on before it registers it; one that is registered by a script must list itself."""
    global _added
    _register_classes()
    if ROOT not in bpy.context.preferences.addons:
        _added = bpy.context.preferences.addons.new()
        _added.module = ROOT


def unregister() -> None:
    global _added
    if _added is not None:
        bpy.context.preferences.addons.remove(_added)
        _added = None
    _unregister_classes()
