"""Tests of the model and of every part that a layout needs, with what to do about what fails. The worker does the work.

The results are lines of `window_manager.metaspatial.checks`; one that still waits when no job runs got no answer.
"""

from __future__ import annotations

from typing import Any

import bpy
from bpy.types import Context, Operator, WindowManager

from ...blender.assets.library import LIBRARY_FOLDER, AssetLibrary
from ...core.errors import InputError
from ..state import job, preferences
from ..state.identifiers import Operators
from ..state.request import NotReady, policy_key, policy_request

LEAST_BLENDER = (4, 2, 0)
WORKER, PICTURES = "Background", "Renderer"
_MODEL_NAMES = {"BUILTIN": "Built-in model", "SERVER": "Server", "LOCAL": "Local model"}


class _Check:
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, _context: Context) -> bool:
        if job.current.busy:
            cls.poll_message_set("Something is running: wait for it, or cancel it")
            return False
        return True


class METASPATIAL_OT_test_connection(_Check, Operator):
    """Ask the server's model for a word, and see whether it is given pictures"""

    bl_idname = Operators.TEST_CONNECTION
    bl_label = "Test Connection"

    def execute(self, context: Context) -> set[str]:
        try:
            policy = policy_request(context)
        except NotReady as error:
            job.current.say(job.Notice("ERROR", str(error), error.operator))
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        context.window_manager.metaspatial.checks.clear()
        name = _model_name(context)
        _set_line(context.window_manager, name, "WAITING")
        job.ask({"type": "check", "policy": policy}, policy_key(policy), lambda answer: _hear_model(name, answer))
        return {"FINISHED"}


class METASPATIAL_OT_self_check(_Check, Operator):
    """Test each part that a layout needs, and say what to do about what fails"""

    bl_idname = Operators.SELF_CHECK
    bl_label = "Run Self-Check"

    def execute(self, context: Context) -> set[str]:
        manager = context.window_manager
        manager.metaspatial.checks.clear()
        _set_line(manager, "Blender", *_check_blender())
        _set_line(manager, "Furniture", *_check_furniture())
        _set_line(manager, WORKER, "WAITING")
        name = _model_name(context)
        _set_line(manager, name, "WAITING")
        _set_line(manager, PICTURES, "WAITING")
        try:
            policy, ready = policy_request(context), True
        except NotReady as error:  # the other parts are tested all the same
            policy, ready = {"kind": "builtin"}, False
            _set_line(manager, name, "FAILED", str(error))
        message = {"type": "check", "policy": policy, "engine": preferences.of(context).engine.lower()}
        job.ask(message, policy_key(policy), lambda answer: _hear_parts(name if ready else "", answer))
        return {"FINISHED"}


def _model_name(context: Context) -> str:
    return _MODEL_NAMES[preferences.of(context).model]


def _check_blender() -> tuple[str, str]:
    if bpy.app.version < LEAST_BLENDER:
        return "FAILED", f"{bpy.app.version_string} is too old: use 4.2 or a newer one"
    return "OK", bpy.app.version_string


def _check_furniture() -> tuple[str, str]:
    """Whether our own furniture is there and can be read."""
    try:
        count = len(AssetLibrary().assets)
        with bpy.data.libraries.load(str(LIBRARY_FOLDER / "furniture.blend")) as (held, _):
            found = len(held.meshes)
    except (InputError, OSError) as error:
        return "FAILED", f"cannot be read, so install the add-on again ({error})"
    if found < count:
        return "FAILED", "some pieces are missing: install the add-on again"
    return "OK", f"{count} pieces"


def _set_line(manager: WindowManager, name: str, state: str, message: str = "") -> None:
    """Change the line of a part, or add one."""
    checks = manager.metaspatial.checks
    line = checks.get(name) or checks.add()
    line.name, line.state, line.message = name, state, message


def _hear_model(name: str, answer: dict[str, Any]) -> None:
    """What the worker found out about the model; in the sidebar as well, where the button may have been clicked."""
    _set_line(bpy.context.window_manager, name, "OK" if answer["ok"] else "FAILED", answer["message"])
    job.current.say(job.Notice("INFO" if answer["ok"] else "ERROR", answer["message"]))


def _hear_parts(name: str, answer: dict[str, Any]) -> None:
    """What the worker found out about all parts. `name`: of the model's line; "" where it could not be asked."""
    manager = bpy.context.window_manager
    _set_line(manager, WORKER, "OK", "starts and answers")
    if name:
        _set_line(manager, name, "OK" if answer["ok"] else "FAILED", answer["message"])
    drawn = answer["renderer"]
    _set_line(manager, PICTURES, "OK" if drawn["ok"] else "FAILED", drawn["message"])
    job.redraw_panels()


register, unregister = bpy.utils.register_classes_factory((METASPATIAL_OT_test_connection, METASPATIAL_OT_self_check))
