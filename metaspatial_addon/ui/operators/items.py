"""What is said of a single item in the panel's list: which way its front faces."""

from __future__ import annotations

import bpy
from bpy.props import StringProperty
from bpy.types import Context, Operator

from ..state.identifiers import Operators
from ..state.properties import FRONTS


class METASPATIAL_OT_rotate_front(Operator):
    """Say that the object's front is the next side, counter-clockwise seen from above. The object does not move"""

    bl_idname = Operators.ROTATE_FRONT
    bl_label = "Turn Front"
    bl_options = {"REGISTER", "UNDO"}

    object_name: StringProperty(name="Object", description="Empty: the active object", options={"SKIP_SAVE"})

    def execute(self, context: Context) -> set[str]:
        obj = context.scene.objects.get(self.object_name) if self.object_name else context.object
        if obj is None or not obj.is_editable:
            self.report({"ERROR"}, "Select an object of this file whose front is to be turned")
            return {"CANCELLED"}
        sides = [name for name, *_ in FRONTS]
        obj.metaspatial.front = sides[(sides.index(obj.metaspatial.front) + 1) % len(sides)]
        obj.update_tag()  # the overlay draws it anew
        return {"FINISHED"}


register, unregister = bpy.utils.register_classes_factory((METASPATIAL_OT_rotate_front,))
