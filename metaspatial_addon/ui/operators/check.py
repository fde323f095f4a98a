"""Tests of the model and of every part that a layout needs."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.types import Context, Operator

from ..state import notices
from ..state.identifiers import Operators
from ..state.job_status import status
from ..state.request import NotReady
from ..state.self_check import start_model_check, start_self_check


class _Check:
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, _context: Context) -> bool:
        if status.busy:
            cls.poll_message_set(rpt_("Something is running: wait for it, or cancel it"))
            return False
        return True


class METASPATIAL_OT_test_connection(_Check, Operator):
    """Ask the server's model for a word, and see whether it is given pictures"""

    bl_idname = Operators.TEST_CONNECTION
    bl_label = "Test Connection"

    def execute(self, context: Context) -> set[str]:
        try:
            start_model_check(context)
        except NotReady as error:
            status.notify(notices.not_ready(context, error))
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class METASPATIAL_OT_self_check(_Check, Operator):
    """Test each part that a layout needs, and say what to do about what fails"""

    bl_idname = Operators.SELF_CHECK
    bl_label = "Run Self-Check"

    def execute(self, context: Context) -> set[str]:
        start_self_check(context)
        return {"FINISHED"}


register, unregister = bpy.utils.register_classes_factory((METASPATIAL_OT_test_connection, METASPATIAL_OT_self_check))
