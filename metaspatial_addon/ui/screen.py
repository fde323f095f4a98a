"""Blender's windows: what a job shows in them, whether the artist is busy in them, and what opens in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_n as n_

from ..blender.turns import turn_collections

_PHASES = {
    "scene": n_("Reading the scene"),
    "assets": n_("Looking through the libraries"),
    "check": n_("Trying the model"),
}
_TURN_PHASES = {
    "model": n_("Turn {turn} of {turns}: model"),
    "physics": n_("Turn {turn} of {turns}: physics"),
    "render": n_("Turn {turn} of {turns}: render"),
}
_SHARES = {"model": (0.0, 0.5), "physics": (0.5, 0.75), "render": (0.75, 1.0)}
"""The part of a turn's bar that each phase fills."""


def _always(_context: bpy.types.Context) -> bool:
    return True


class Notice(NamedTuple):
    """A sentence for the panel. `kind` is INFO or ERROR; `operator` (a `bl_idname`, or "") helps with it.

    `holds`: whether it still says something of what a context shows. The panel leaves out one that does not.
    """

    kind: str
    sentence: str
    operator: str = ""
    holds: Callable[[bpy.types.Context], bool] = _always


class ProgressBar(NamedTuple):
    """What is happening, in words, and how much of the job is done, in [0, 1]."""

    text: str = ""
    factor: float = 0.0


def progress_bar(message: dict[str, Any]) -> ProgressBar:
    """A progress message of the worker as the panel shows it."""
    phase, turn, turns = message["phase"], message["turn"], message["turns"]
    if phase not in _SHARES:
        return ProgressBar(iface_(_PHASES[phase]), message["done"] or 0.0)
    low, high = _SHARES[phase]
    share = low + (high - low) * (message["done"] or 0.0)
    text = iface_(_TURN_PHASES[phase]).format(turn=turn, turns=turns)
    return ProgressBar(text, min((turn - 1 + share) / turns, 1.0))


def why_wait() -> str:
    """What the artist is doing that the file must not change under; "" when it may change."""
    if bpy.app.is_job_running("RENDER"):
        return iface_("Waiting for the render to end")
    for window in bpy.context.window_manager.windows:
        active = window.view_layer.objects.active if window.view_layer is not None else None
        if active is not None and active.mode != "OBJECT":
            return iface_("Waiting for Object Mode")
        if any(operator.bl_idname.startswith("TRANSFORM_OT_") for operator in window.modal_operators):
            return iface_("Waiting for the move to end")
    return ""


def list_turn(scene: bpy.types.Scene, turn: bpy.types.Collection) -> None:
    """Pick a turn in the panel's list, which lists the children of its run."""
    run = turn_collections.run_of(scene, turn)
    if run is not None:
        scene.metaspatial.run = run
        scene.metaspatial.turn_index = list(run.children).index(turn)


def redraw_panels() -> None:
    """Draw the sidebars and the preferences again, and not the views beside them."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            for region in area.regions:
                if (area.type, region.type) in (("VIEW_3D", "UI"), ("PREFERENCES", "WINDOW")):
                    region.tag_redraw()


def push_undo(message: str) -> None:
    """Add one step to the undo history. There is none in the background."""
    if not bpy.app.background:
        with bpy.context.temp_override(window=bpy.context.window_manager.windows[0]):
            bpy.ops.ed.undo_push(message=message)


def frame_selected(context: bpy.types.Context) -> None:
    """Bring what is selected into all 3D views of the window."""
    for area in context.screen.areas if context.screen is not None else ():
        region = next((region for region in area.regions if region.type == "WINDOW"), None)
        if area.type == "VIEW_3D" and region is not None:
            with context.temp_override(area=area, region=region):
                if bpy.ops.view3d.view_selected.poll():
                    bpy.ops.view3d.view_selected()


def open_images(context: bpy.types.Context, images: Sequence[bpy.types.Image]) -> None:
    """Show one or two images side by side in a new window."""
    before = set(context.window_manager.windows)
    bpy.ops.wm.window_new()
    window = next(window for window in context.window_manager.windows if window not in before)
    area = window.screen.areas[0]
    area.type = "IMAGE_EDITOR"
    if len(images) > 1:
        with context.temp_override(window=window, area=area):
            bpy.ops.screen.area_split(direction="VERTICAL", factor=0.5)
    for area, image in zip(window.screen.areas, images, strict=False):
        area.spaces.active.image = image


def open_text(context: bpy.types.Context, text: bpy.types.Text) -> bool:
    """Show a text in the window's text editors; whether there is one."""
    editors = [area for area in context.screen.areas if area.type == "TEXT_EDITOR"] if context.screen else []
    for area in editors:
        area.spaces.active.text = text
    return bool(editors)
