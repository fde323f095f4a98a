"""Tests of the model and of every part that a layout needs, with what to do about what fails. The worker does the work.

The results are lines of `window_manager.metaspatial.checks`; one that still waits when no job runs got no answer.
"""

from __future__ import annotations

from typing import Any

import bpy
from bpy.app.translations import pgettext_n as n_
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.types import Context, WindowManager

from ...blender.assets.library import LIBRARY_FOLDER, AssetLibrary
from ...core.errors import InputError
from ..screen import redraw_panels
from ..translations.sentences import translated
from . import job, notices, preferences
from .identifiers import CONTEXT
from .job_status import status
from .request import NotReady, policy_key, policy_request

MIN_BLENDER = (4, 2, 0)
WORKER, RENDERER = n_("Background", CONTEXT), n_("Renderer", CONTEXT)
_MODEL_NAMES = {
    "BUILTIN": n_("Built-in model", CONTEXT),
    "PLANNER": n_("Planner", CONTEXT),
    "SERVER": n_("Server", CONTEXT),
    "LOCAL": n_("Local model", CONTEXT),
}


def start_model_check(context: Context) -> None:
    """Ask the worker to try the chosen model. Raises NotReady."""
    policy = policy_request(context)
    context.window_manager.metaspatial.checks.clear()
    name = _MODEL_NAMES[preferences.of(context).model]
    _set_line(context.window_manager, name, "WAITING")
    job.ask({"type": "check", "policy": policy}, policy_key(policy), lambda answer: _show_model(name, answer))


def start_self_check(context: Context) -> None:
    """Test what this process can, and ask the worker to test the rest."""
    manager = context.window_manager
    manager.metaspatial.checks.clear()
    name = _MODEL_NAMES[preferences.of(context).model]
    _set_line(manager, "Blender", *_check_blender())
    _set_line(manager, n_("Furniture", CONTEXT), *_check_furniture())
    for part in (WORKER, name, RENDERER):
        _set_line(manager, part, "WAITING")
    try:
        policy, ready = policy_request(context), True
    except NotReady as error:  # the other parts are tested all the same
        policy, ready = {"kind": "builtin"}, False
        _set_line(manager, name, "FAILED", str(error))
    message = {"type": "check", "policy": policy, "engine": preferences.of(context).engine.lower()}
    job.ask(message, policy_key(policy), lambda answer: _show_parts(name if ready else "", answer))


def _check_blender() -> tuple[str, str]:
    if bpy.app.version < MIN_BLENDER:
        text = rpt_("{version} is too old: use 4.2 or a newer one")
        return "FAILED", text.format(version=bpy.app.version_string)
    return "OK", bpy.app.version_string


def _check_furniture() -> tuple[str, str]:
    """Whether our own furniture is there and can be read."""
    try:
        count = len(AssetLibrary().assets)
        with bpy.data.libraries.load(str(LIBRARY_FOLDER / "furniture.blend")) as (source, _):
            meshes = len(source.meshes)
    except (InputError, OSError) as error:
        return "FAILED", rpt_("cannot be read, so install the add-on again ({error})").format(error=error)
    if meshes < count:
        return "FAILED", rpt_("some pieces are missing: install the add-on again")
    return "OK", rpt_("{count} pieces").format(count=count)


def _set_line(manager: WindowManager, name: str, state: str, message: str = "") -> None:
    """Change the line of a part, or add one."""
    checks = manager.metaspatial.checks
    line = checks.get(name) or checks.add()
    line.name, line.state, line.message = name, state, message


def _show_model(name: str, answer: dict[str, Any]) -> None:
    """The worker's answer about the model; in the sidebar as well, where the button may have been clicked."""
    message = translated(answer["message"])
    _set_line(bpy.context.window_manager, name, "OK" if answer["ok"] else "FAILED", message)
    status.notify(notices.of_model(bpy.context, "INFO" if answer["ok"] else "ERROR", message))


def _show_parts(name: str, answer: dict[str, Any]) -> None:
    """The worker's answer about all parts. `name`: of the model's line; "" where the model could not be asked."""
    manager = bpy.context.window_manager
    _set_line(manager, WORKER, "OK", rpt_("starts and answers"))
    if name:
        _set_line(manager, name, "OK" if answer["ok"] else "FAILED", translated(answer["message"]))
    renderer = answer["renderer"]
    _set_line(manager, RENDERER, "OK" if renderer["ok"] else "FAILED", translated(renderer["message"]))
    redraw_panels()
