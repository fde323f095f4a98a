"""What the overlay draws, without a window: points in the world out of scenes."""

from __future__ import annotations

import math

import bpy
import numpy as np
import pytest
from mathutils import Matrix

from metaspatial_addon.blender.frames import matrix_to_list
from metaspatial_addon.blender.turns import turn_properties, turn_visibility, turns
from metaspatial_addon.ui.operators import openings
from metaspatial_addon.ui.overlay import handler
from metaspatial_addon.ui.overlay.shapes import (
    LIFT_M,
    box_shape,
    flat_arrow,
    flat_shape,
    front_shape,
    join_shapes,
    move_shape,
    opening_shape,
)
from metaspatial_addon.ui.state import properties
from metaspatial_addon.ui.state.scene import index

CUBE = np.array([(x, y, z) for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (0.0, 2.0)])


@pytest.fixture
def scene():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    for module in (properties, openings, index, handler):
        module.register()
    scene = bpy.context.scene
    scene.metaspatial.room_source, scene.metaspatial.size = "SIZE", (6, 4, 2.5)
    yield scene
    for module in (handler, index, openings, properties):
        module.unregister()


def add_cube(at=(0.0, 0.0, 0.5), size=1.0, name="Item", turn=0.0) -> bpy.types.Object:
    bpy.ops.mesh.primitive_cube_add(size=size, location=at, rotation=(0, 0, turn))
    bpy.context.object.name = name
    return bpy.context.object


def drawn() -> handler.Shapes:
    bpy.context.view_layer.update()
    scene = bpy.context.scene
    return handler.read_shapes(scene, bpy.context.view_layer, index.SceneIndex(scene))


def tip(shape) -> np.ndarray:
    """The point of the only arrow: its outline's fourth corner."""
    assert len(shape.lines) == 14
    return shape.lines[6]


def area(shape) -> float:
    a, b, c = shape.triangles.reshape(-1, 3, 3).transpose(1, 0, 2)
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


@pytest.mark.parametrize("unit", [1.0, 100.0])
@pytest.mark.parametrize(("kind", "at"), [("door", 1.55), ("door_end", 2.45)])
def test_a_doors_swing_is_a_quarter_disc_about_its_hinge(unit: float, kind: str, at: float) -> None:
    shape = opening_shape(kind, np.array([2.0, 0.0]) * unit, np.array([0.0, 1.0]), 0.9 * unit, 0.0, unit)
    hinge = np.array([at, 0.0]) * unit
    far = np.linalg.norm(shape.lines[:, :2] - hinge, axis=1).max()
    assert math.isclose(far, 0.9 * unit, rel_tol=1e-6) and np.allclose(shape.lines[:, 2], LIFT_M * unit)
    assert math.isclose(area(shape) / unit**2, math.pi * 0.9**2 / 4, rel_tol=0.01)
    low, high = shape.lines[:, 0].min(), shape.lines[:, 0].max()
    assert shape.lines[:, 1].min() > -1e-9 * unit and (low, high) == pytest.approx((1.55 * unit, 2.45 * unit))


def test_a_windows_strip_is_thirty_centimetres_deep_on_the_rooms_side() -> None:
    shape = opening_shape("window", np.array([0.0, 3.0]), np.array([0.0, -1.0]), 1.2, 0.5, 1.0)
    assert np.allclose(shape.lines.min(axis=0), (-0.6, 2.7, 0.5 + LIFT_M)) and np.allclose(shape.lines[:, 1].max(), 3.0)
    assert math.isclose(area(shape), 0.36, rel_tol=1e-6)


def test_an_outline_is_closed_and_its_fill_covers_it() -> None:
    shape = flat_shape(np.array([(0, 0), (2, 0), (2, 1), (0, 1)]), 3.0)
    ends = shape.lines.reshape(-1, 2, 3)
    assert np.allclose(ends[:, 1], np.roll(ends[:, 0], -1, axis=0)) and math.isclose(area(shape), 2.0)
    assert shape.lines.shape == (8, 3) and shape.triangles.shape == (6, 3)


@pytest.mark.parametrize("angle", [0.0, 0.4, 2.0, -1.5])
def test_a_front_arrow_stands_before_the_item_and_points_away(angle: float) -> None:
    facing = np.array([math.cos(angle), math.sin(angle)])
    shape = front_shape(CUBE, facing, 0.0, 1.0)
    reach = (CUBE[:, :2] @ facing).max()
    assert (shape.lines[:, :2] @ facing).min() > reach and np.allclose(shape.lines[6, :2] @ facing, reach + 0.46)
    assert abs(shape.lines[6, :2] @ np.array([-facing[1], facing[0]])) < 1e-9


def test_a_short_arrow_is_all_head() -> None:
    shape = flat_arrow(np.zeros(2), np.array([0.05, 0.0]), 0.0, 1.0)
    assert shape.lines[:, 0].min() >= -1e-9 and math.isclose(shape.lines[:, 0].max(), 0.05)


def test_a_boxs_twelve_edges() -> None:
    lengths = np.linalg.norm(np.diff(box_shape(CUBE).lines.reshape(-1, 2, 3), axis=1), axis=2)
    assert lengths.shape == (12, 1) and np.allclose(lengths, 2.0)


def test_a_move_is_a_ghost_and_an_arrow_and_a_lift_is_a_ghost_alone() -> None:
    assert move_shape(CUBE, CUBE + (3.0, 0, 0), 1.0).lines.shape == (24 + 14, 3)
    assert move_shape(CUBE, CUBE + (0, 0, 1.0), 1.0).lines.shape == (24, 3)


def test_nothing_is_a_shape_too() -> None:
    assert join_shapes([]).lines.shape == (0, 3) and join_shapes([]).triangles.shape == (0, 3)


def test_nothing_is_drawn_of_an_artists_other_work(scene) -> None:
    scene.metaspatial.room_source = "FLOOR"
    add_cube()
    assert all(len(shape.lines) == 0 for shape in drawn())


def test_a_selected_item_shows_its_front(scene) -> None:
    item = add_cube(at=(1, 1, 0.5), turn=math.pi / 2)
    blue, violet = drawn()
    assert np.allclose(tip(blue), (1 + 0.5 + 0.46, 1, LIFT_M), atol=1e-5) and len(violet.lines) == 0
    item.metaspatial.front = "+X"
    assert np.allclose(tip(drawn()[0]), (1, 1 + 0.5 + 0.46, LIFT_M), atol=1e-5)
    item.select_set(False)
    assert len(drawn()[0].lines) == 0


def test_an_item_with_parts_has_one_arrow_before_all_of_them(scene) -> None:
    root, part = add_cube(), add_cube(at=(0, -1, 0.5))
    part.parent = root
    part.matrix_parent_inverse = root.matrix_world.inverted()
    root.select_set(True)
    assert np.allclose(tip(drawn()[0]), (0, -1.5 - 0.46, LIFT_M), atol=1e-5)


def test_items_of_a_collection_need_no_selection_and_no_room(scene) -> None:
    scene.metaspatial.room_source = "FLOOR"
    items = bpy.data.collections.new("Items")
    scene.collection.children.link(items)
    items.objects.link(add_cube(at=(0, 0, 1.5)))
    bpy.ops.object.select_all(action="DESELECT")
    scene.metaspatial.items_source, scene.metaspatial.items = "COLLECTION", items
    assert np.allclose(tip(drawn()[0]), (0, -0.96, 1 + LIFT_M), atol=1e-5), "on the level that it stands on"
    bpy.data.objects["Item"].hide_set(True)
    assert len(drawn()[0].lines) == 0


def test_hundreds_of_items_have_a_hundred_arrows(scene) -> None:
    mesh = add_cube().data
    for k in range(300):
        obj = bpy.data.objects.new("Item", mesh)
        scene.collection.objects.link(obj)
        obj.location.x = k
        obj.select_set(True)
    assert len(drawn()[0].lines) == 14 * handler.MAX_FRONTS


def test_what_lies_on_its_front_and_what_has_no_shape_have_no_arrow(scene) -> None:
    add_cube().rotation_euler.x = math.pi / 2
    bpy.ops.object.light_add()
    bpy.ops.object.select_all(action="SELECT")
    assert len(drawn()[0].lines) == 0


def test_markers_show_what_they_need_free_inside_the_room(scene) -> None:
    scene.cursor.location = (1, -9, 0)
    bpy.ops.metaspatial.add_door()
    door = bpy.context.object
    for turn in (door.rotation_euler.z, door.rotation_euler.z + math.pi):
        door.rotation_euler.z = turn
        lines = drawn()[0].lines
        assert np.allclose(lines.min(axis=0), (0.55, -2, LIFT_M), atol=1e-5)
        assert np.allclose(lines.max(axis=0), (1.45, -2 + 0.9, LIFT_M), atol=1e-5)
    door.scale.x = 1.2
    assert math.isclose(np.ptp(drawn()[0].lines[:, 0]), 1.2, abs_tol=1e-5)
    door.scale = (0, 0, 0)
    assert len(drawn()[0].lines) == 0
    door.hide_set(True)
    assert len(drawn()[0].lines) == 0


def test_any_object_can_mark_an_opening(scene) -> None:
    window = add_cube(at=(3, 0, 1.5), size=1.0)
    window.scale = (0.2, 1.4, 1.0)
    window.metaspatial.opening = "WINDOW"
    lines = drawn()[0].lines
    assert np.allclose(lines.min(axis=0)[:2], (2.7, -0.7), atol=1e-5)
    assert np.allclose(lines.max(axis=0)[:2], (3, 0.7), atol=1e-5)


def test_compared_turns_show_ghosts_and_arrows(scene) -> None:
    item = add_cube()
    run = turns.new_run(scene, "test")
    made = []
    for x in (1.0, 3.0):
        turn = turns.add_turn(run, [turns.PlacedObject("item_1", item, Matrix.Translation((x, 0, 0.5)))], {})
        (copy,) = turn.objects
        copy[turn_properties.ORIGINAL], copy[turn_properties.ROOT_MATRIX] = (
            item,
            matrix_to_list(copy.matrix_world),
        )
        made.append(turn)
    bpy.ops.object.select_all(action="DESELECT")
    scene.metaspatial.compare_with = made[0]
    violet = drawn()[1]
    assert len(violet.lines) == 24 + 14 and np.allclose(violet.lines[:24].mean(axis=0), (1, 0, 0.5), atol=1e-5)
    assert np.allclose(violet.lines[24 + 6], (3, 0, LIFT_M), atol=1e-5)
    scene.metaspatial.compare_with = made[1]
    assert len(drawn()[1].lines) == 0


def test_the_copies_of_a_shown_turn_have_the_fronts_of_the_originals(scene) -> None:
    item = add_cube()
    run = turns.new_run(scene, "test")
    turn = turns.add_turn(run, [turns.PlacedObject("item_1", item, Matrix.Translation((2, 1, 0.5)))], {})
    (copy,) = turn.objects
    copy[turn_properties.ORIGINAL] = item
    turn_visibility.show(scene, turn)
    item.metaspatial.front = "+Y"
    assert np.allclose(tip(drawn()[0]), (2, 1 + 0.96, LIFT_M), atol=1e-5)
