"""What a job shows in the window, and whether the artist is busy in it: what `job.py` knows of Blender's screen."""

from __future__ import annotations

from typing import Any, NamedTuple

import bpy

from ..blender.turns import turn_collections

_PHASES = {
    "scene": "Reading the scene",
    "assets": "Looking through the libraries",
    "check": "Trying the model",
}
_SHARES = {"model": (0.0, 0.5), "physics": (0.5, 0.75), "render": (0.75, 1.0)}  # of a turn, for the bar


class Notice(NamedTuple):
    """A sentence for the panel. `kind` is INFO or ERROR; `operator` (a `bl_idname`, or "") helps with it."""

    kind: str
    sentence: str
    operator: str = ""


class Progress(NamedTuple):
    """What is happening, in words, and how much of the job is done, in [0, 1]."""

    text: str = ""
    factor: float = 0.0


def progress_of(message: dict[str, Any]) -> Progress:
    """A progress message of the worker as the panel shows it."""
    phase, turn, most = message["phase"], message["turn"], message["turns"]
    if phase not in _SHARES:
        return Progress(_PHASES[phase], message["done"] or 0.0)
    low, high = _SHARES[phase]
    share = low + (high - low) * (message["done"] or 0.0)
    return Progress(f"Turn {turn} of {most}: {phase}", min((turn - 1 + share) / most, 1.0))


def why_wait() -> str:
    """What the artist is doing that the file must not change under; "" when it may."""
    if bpy.app.is_job_running("RENDER"):
        return "Waiting for the render to end"
    for window in bpy.context.window_manager.windows:
        active = window.view_layer.objects.active if window.view_layer is not None else None
        if active is not None and active.mode != "OBJECT":
            return "Waiting for Object Mode"
        if any(operator.bl_idname.startswith("TRANSFORM_OT_") for operator in window.modal_operators):
            return "Waiting for the move to end"
    return ""


def list_turn(scene: bpy.types.Scene, turn: bpy.types.Collection) -> None:
    """Pick a turn in the panel's list, which lists the children of its run."""
    run = turn_collections.run_of(scene, turn)
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
    """One step in the undo history. There is none in the background."""
    if not bpy.app.background:
        with bpy.context.temp_override(window=bpy.context.window_manager.windows[0]):
            bpy.ops.ed.undo_push(message=message)
