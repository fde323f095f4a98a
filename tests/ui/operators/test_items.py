"""The front and the category that an artist states."""

from __future__ import annotations

import bpy
import pytest

from metaspatial_addon.ui.operators import items
from metaspatial_addon.ui.state import properties


@pytest.fixture
def scene():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    properties.register()
    items.register()
    yield bpy.context.scene
    items.unregister()
    properties.unregister()


def test_the_front_turns_counter_clockwise_and_the_object_stays(scene) -> None:
    one, other = (bpy.data.objects.new(name, None) for name in ("One", "Other"))
    for obj in (one, other):
        scene.collection.objects.link(obj)
    bpy.context.view_layer.objects.active = one
    sides = []
    for _ in range(4):
        bpy.ops.metaspatial.rotate_front()
        sides.append(one.metaspatial.front)
    assert sides == ["+X", "+Y", "-X", "-Y"] and tuple(one.rotation_euler) == (0, 0, 0)
    bpy.ops.metaspatial.rotate_front(object_name="Other")
    assert (one.metaspatial.front, other.metaspatial.front) == ("-Y", "+X")


def test_no_object_no_front(scene) -> None:
    with pytest.raises(RuntimeError, match="Select an object"):
        bpy.ops.metaspatial.rotate_front()


def test_objects_of_the_same_name_get_the_same_category(scene) -> None:
    names = ("Chair_01", "SM_Chair.002", "chair", "Chair Leg", "Armchair")
    objects = [bpy.data.objects.new(name, None) for name in names]
    for obj in objects:
        scene.collection.objects.link(obj)
    bpy.context.view_layer.objects.active = objects[0]
    with pytest.raises(RuntimeError, match="category is stated"):
        bpy.ops.metaspatial.same_category()
    objects[0].metaspatial.category, objects[2].metaspatial.category = "visitor chair", "something else"
    assert bpy.ops.metaspatial.same_category() == {"FINISHED"}
    assert [obj.metaspatial.category for obj in objects] == ["visitor chair"] * 3 + ["", ""]
