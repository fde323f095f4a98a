"""What is said of items in the list: what they are, which way the front faces, how large they should be."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import BoolProperty, StringProperty
from bpy.types import Context, Operator

from ..state.identifiers import Operators
from ..state.item_cache import listed
from ..state.job_status import status
from ..state.properties import FRONTS
from ..state.scene.items import same_named
from ..state.scene.scaling import make_real, scale_items
from ..translations.sentences import translated


class METASPATIAL_OT_rotate_front(Operator):
    """Say that the object's front is the next side, counter-clockwise seen from above. The object does not move"""

    bl_idname = Operators.ROTATE_FRONT
    bl_label = "Turn Front"
    bl_options = {"REGISTER", "UNDO"}

    object_name: StringProperty(name="Object", description="Empty: the active object", options={"SKIP_SAVE"})

    def execute(self, context: Context) -> set[str]:
        obj = context.scene.objects.get(self.object_name) if self.object_name else context.object
        if obj is None or not obj.is_editable:
            self.report({"ERROR"}, rpt_("Select an object of this file whose front is to be turned"))
            return {"CANCELLED"}
        sides = [name for name, *_ in FRONTS]
        obj.metaspatial.front = sides[(sides.index(obj.metaspatial.front) + 1) % len(sides)]
        obj.update_tag()  # the overlay draws it anew
        return {"FINISHED"}


class METASPATIAL_OT_same_category(Operator):
    """Give all objects of the same name, whatever their numbers, the category of this one"""

    bl_idname = Operators.SAME_CATEGORY
    bl_label = "Same Category for Same Names"
    bl_options = {"REGISTER", "UNDO"}

    object_name: StringProperty(name="Object", description="Empty: the active object", options={"SKIP_SAVE"})

    def execute(self, context: Context) -> set[str]:
        obj = context.scene.objects.get(self.object_name) if self.object_name else context.object
        category = obj.metaspatial.category.strip() if obj is not None else ""
        if not category:
            self.report({"ERROR"}, rpt_("Select an object whose category is stated"))
            return {"CANCELLED"}
        alike = [other for other in same_named(context.scene, obj) if other.is_editable]
        for other in alike:
            other.metaspatial.category = category
        text = rpt_("1 more object: {category}") if len(alike) == 1 else rpt_("{count} more objects: {category}")
        self.report({"INFO"}, text.format(count=len(alike), category=category))
        return {"FINISHED"}


class METASPATIAL_OT_scale_items(Operator):
    """Bring the items of a doubtful size to their usual one: where they are laid out, or the objects themselves"""

    bl_idname = Operators.SCALE_ITEMS
    bl_label = "Scale Items"
    bl_options = {"REGISTER", "UNDO"}

    objects: BoolProperty(
        name="Scale Objects", description="Scale the objects now, instead of their copies in layouts", default=False
    )

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not any(doubt.factor is not None for doubt in listed(context).doubts):
            cls.poll_message_set(rpt_("All items are of a usual size"))
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        factors = {
            context.scene.objects[doubt.item.name]: doubt.factor
            for doubt in listed(context).doubts
            if doubt.factor is not None
        }
        kept = scale_items(context.scene, factors, self.objects)
        for sentence in kept:
            self.report({"WARNING"}, translated(sentence))
        status.notify(None)
        count = len(factors) - len(kept)
        if self.objects:
            text = rpt_("Scaled 1 item") if count == 1 else rpt_("Scaled {count} items")
        else:
            text = rpt_("Scaled 1 item in layouts") if count == 1 else rpt_("Scaled {count} items in layouts")
        self.report({"INFO"}, text.format(count=count))
        return {"FINISHED"}


class METASPATIAL_OT_make_real(Operator):
    """Turn the instance into objects of its own, so that each piece of furniture in it can be laid out"""

    bl_idname = Operators.MAKE_REAL
    bl_label = "Make Real"
    bl_options = {"REGISTER", "UNDO"}

    object_name: StringProperty(name="Object", options={"SKIP_SAVE"})

    def execute(self, context: Context) -> set[str]:
        obj = context.scene.objects.get(self.object_name)
        if obj is None or obj.instance_collection is None or not obj.is_editable:
            self.report({"ERROR"}, rpt_("Select a collection instance of this file"))
            return {"CANCELLED"}
        made = make_real(context, obj)
        text = rpt_("{object} became {count} objects")
        self.report({"INFO"}, text.format(object=self.object_name, count=len(made)))
        return {"FINISHED"}


register, unregister = bpy.utils.register_classes_factory(
    (METASPATIAL_OT_rotate_front, METASPATIAL_OT_same_category, METASPATIAL_OT_scale_items, METASPATIAL_OT_make_real)
)
