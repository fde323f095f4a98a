"""Furniture of another scale: said before anything starts, with a button that handles all of it."""

from __future__ import annotations

import time

import bpy
import numpy as np
import pytest
from mathutils import Matrix

from metaspatial_addon.blender.turns import turn_collections
from metaspatial_addon.ui.panels import items as panel
from metaspatial_addon.ui.state.identifiers import Operators
from metaspatial_addon.ui.state.item_cache import listed
from metaspatial_addon.ui.state.job_status import status
from metaspatial_addon.ui.state.request import build
from tests.blender.scenes import add, add_box
from tests.blender.turns.arrivals import arrival, let_arrive
from tests.ui.panels.drawing import draw

PIECES = {
    "Bed": (1.6, 2.0, 0.5),
    "Nightstand": (0.45, 0.4, 0.5),
    "Wardrobe": (1.2, 0.6, 2.0),
    "Desk": (1.2, 0.6, 0.75),
    "Office Chair": (0.6, 0.6, 1.0),
    "Bookcase": (0.8, 0.3, 1.8),
    "Sofa": (2.0, 0.9, 0.8),
    "Coffee Table": (1.0, 0.6, 0.4),
}


def furnish(scene, factor):
    """Eight pieces of another scale, selected, in a room of 5 x 4 m."""
    for obj in list(scene.objects):
        bpy.data.objects.remove(obj)
    scene.metaspatial.room_source, scene.metaspatial.size = "SIZE", (5, 4, 2.7)
    for k, (name, size) in enumerate(PIECES.items()):
        add_box(name, [side * factor for side in size], (k * factor, 0, 0)).select_set(True)
    bpy.context.view_layer.update()
    return [bpy.data.objects[name] for name in PIECES]


def said(scene):
    drawn = draw(panel.METASPATIAL_PT_items)
    return " ".join(drawn.texts()), drawn.buttons()


@pytest.mark.parametrize("factor", [100, 0.01, 39.37, 0.5])
def test_the_panel_names_factor_and_help(scene, factor):
    furnish(scene, factor)
    text, buttons = said(scene)
    assert "and 5 more are about" in text and f"scale by {1 / factor:.4g}" in text
    assert buttons.count(Operators.SCALE_ITEMS) == 2


def test_furniture_of_its_usual_size_is_not_mentioned(scene):
    furnish(scene, 1)
    assert Operators.SCALE_ITEMS not in said(scene)[1]
    assert not bpy.ops.metaspatial.scale_items.poll()


def test_what_is_larger_than_the_room_is_refused_at_once(scene, recorded):
    furnish(scene, 100)
    began = time.perf_counter()
    with pytest.raises(RuntimeError, match="100 times as large as usual: scale by 0.01"):
        bpy.ops.metaspatial.generate_layout()
    assert time.perf_counter() - began < 1 and not recorded and not status.busy
    assert status.notice.operator == Operators.SCALE_ITEMS


def test_items_are_scaled_in_layouts_and_objects_when_a_turn_is_accepted(scene):
    bed = furnish(scene, 100)[0]
    before = np.array(bed.matrix_world)
    assert bpy.ops.metaspatial.scale_items() == {"FINISHED"}
    assert not listed(bpy.context).doubts and np.allclose(np.array(bed.matrix_world), before)
    message = build(bpy.context, "generate").message
    assert [item["scale"] for item in message["items"]] == pytest.approx([0.01] * 8)
    turn = let_arrive(arrival({bed: Matrix.Scale(0.01, 4)}))
    assert build(bpy.context, "refine").message["items"][0]["scale"] == 1.0, "its copies are of that scale"
    bpy.ops.metaspatial.accept_turn()
    assert turn_collections.accepted(scene) == turn
    assert tuple(bed.dimensions) == pytest.approx((1.6, 2.0, 0.5), abs=1e-4) and bed.metaspatial.scale == 1.0


def test_objects_are_scaled_where_they_stand(scene):
    objects = furnish(scene, 0.5)
    root = add("Root")
    root.scale = (2, 2, 2)
    objects[1].parent = root
    bpy.context.view_layer.update()
    places = [np.array(obj.matrix_world)[:3, 3] for obj in objects]
    assert bpy.ops.metaspatial.scale_items(objects=True) == {"FINISHED"}
    bpy.context.view_layer.update()
    assert not listed(bpy.context).doubts
    sizes = [np.array(obj.dimensions) for obj in objects]
    assert np.allclose(sizes[0], PIECES["Bed"], atol=1e-4)
    assert np.allclose([np.array(obj.matrix_world)[:3, 3] for obj in objects], places, atol=1e-5)
    assert all(obj.metaspatial.scale == 1.0 for obj in objects)


def test_what_an_item_carries_is_counted(scene):
    objects = furnish(scene, 1)
    for k in range(7):
        add_box(f"Book {k}", (0.03, 0.2, 0.25), (4.8 + 0.06 * k, 0, 1.8)).select_set(True)
    bpy.context.view_layer.update()
    assert objects[5].name == "Bookcase" and listed(bpy.context).carried == {objects[5]: 7}
    assert "Bookcase +7" in said(scene)[0]
    scene.metaspatial.carry = False
    assert "Bookcase +7" not in said(scene)[0]


def test_an_instance_of_a_room_is_made_real(scene):
    furnish(scene, 1)
    room = bpy.data.collections.new("room")
    for name in PIECES:
        obj = bpy.data.objects[name]
        scene.collection.objects.unlink(obj)
        room.objects.link(obj)
    instance = add("Set")
    instance.instance_type, instance.instance_collection = "COLLECTION", room
    instance.select_set(True)
    bpy.context.view_layer.update()
    text, buttons = said(scene)
    assert "Set is one instance of 8 pieces of furniture" in text and Operators.MAKE_REAL in buttons
    assert bpy.ops.metaspatial.make_real(object_name="Set") == {"FINISHED"}
    bpy.context.view_layer.update()
    assert len(listed(bpy.context).roots) == 8 and not listed(bpy.context).sets
