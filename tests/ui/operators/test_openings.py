"""Door and window markers, and the rectangle of rooms of every source."""

from __future__ import annotations

import math

import bpy
import numpy as np
import pytest

from metaspatial_addon.blender.boxes import world_corners
from metaspatial_addon.ui.operators import openings
from metaspatial_addon.ui.overlay.room_rectangle import room_rectangle
from metaspatial_addon.ui.state import properties


@pytest.fixture
def scene():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    properties.register()
    openings.register()
    yield bpy.context.scene
    openings.unregister()
    properties.unregister()


def add_floor(size=(5.0, 4.0), at=(0.0, 0.0, 0.0), turn=0.0, thickness=0.0) -> bpy.types.Object:
    x, y = size[0] / 2, size[1] / 2
    corners = [(-x, -y), (x, -y), (x, y), (-x, y)]
    mesh = bpy.data.meshes.new("Floor")
    mesh.from_pydata([(*c, z) for z in (0.0, -thickness) for c in corners], [], [(0, 1, 2, 3), (7, 6, 5, 4)])
    floor = bpy.data.objects.new("Floor", mesh)
    bpy.context.scene.collection.objects.link(floor)
    floor.location, floor.rotation_euler.z = at, turn
    bpy.context.view_layer.update()
    bpy.context.scene.metaspatial.floor = floor
    return floor


def box_of(marker: bpy.types.Object) -> tuple[np.ndarray, np.ndarray]:
    """Middle and size of a marker in the world."""
    bpy.context.view_layer.update()
    corners = world_corners([marker])
    return corners.mean(axis=0), np.ptp(corners, axis=0)


def inward(marker: bpy.types.Object) -> np.ndarray:
    bpy.context.view_layer.update()
    return -np.array(marker.matrix_world)[:2, 1] / marker.matrix_world.to_scale().y


@pytest.mark.parametrize(
    ("cursor", "middle", "into"),
    [
        ((0.5, -1.8, 0), (0.5, -2, 1.025), (0, 1)),
        ((2.4, 0.3, 0), (2.5, 0.3, 1.025), (-1, 0)),
        ((-9, 0, 0), (-2.5, 0, 1.025), (1, 0)),
        ((2.4, 9, 0), (2.05, 2, 1.025), (0, -1)),
    ],
)
def test_a_door_comes_to_the_wall_nearest_to_the_cursor(scene, cursor, middle, into) -> None:
    add_floor()
    scene.cursor.location = cursor
    assert bpy.ops.metaspatial.add_door() == {"FINISHED"}
    (door,) = bpy.data.collections["MetaSpatial Openings"].objects
    place, size = box_of(door)
    assert np.allclose(place, middle, atol=1e-5) and np.allclose(inward(door), into, atol=1e-5)
    assert np.allclose(sorted(size), (0.1, 0.9, 2.05), atol=1e-5) and math.isclose(size[2], 2.05, rel_tol=1e-5)
    assert door.metaspatial.opening == "DOOR" and door.parent is None and bpy.context.object == door
    assert np.allclose(door.scale, (0.9, 0.1, 2.05)), "its scale is the size in metres"


def test_a_window_has_a_sill_and_follows_the_active_object(scene) -> None:
    add_floor(at=(10, 20, 1))
    desk = bpy.data.objects.new("Desk", None)
    scene.collection.objects.link(desk)
    desk.location = (12, 20.5, 1)
    bpy.context.view_layer.objects.active = desk
    desk.select_set(True)
    bpy.ops.metaspatial.add_window()
    place, size = box_of(bpy.context.object)
    assert np.allclose(place, (12.5, 20.5, 1 + 0.9 + 0.6), atol=1e-5) and np.allclose(size, (0.1, 1.2, 1.2), atol=1e-5)
    assert bpy.context.object.metaspatial.opening == "WINDOW" and not desk.select_get()


def test_the_next_opening_does_not_land_on_the_first(scene) -> None:
    add_floor()
    bpy.ops.metaspatial.add_door()
    door = bpy.context.object
    bpy.ops.metaspatial.add_window()
    window = bpy.context.object
    assert np.linalg.norm(box_of(door)[0][:2] - box_of(window)[0][:2]) > 1.0


def test_a_turned_floor_has_turned_walls(scene) -> None:
    add_floor(turn=math.radians(30), thickness=0.2)
    scene.cursor.location = (0, -3, 0)
    bpy.ops.metaspatial.add_door()
    assert np.allclose(inward(bpy.context.object), (-math.sin(math.radians(30)), math.cos(math.radians(30))), atol=1e-5)
    assert math.isclose(box_of(bpy.context.object)[0][2], 1.025, abs_tol=1e-5), "it stands on top of the slab"


def test_sizes_are_metres_in_a_scene_of_other_units(scene) -> None:
    scene.unit_settings.scale_length = 0.01
    add_floor(size=(500, 400))
    bpy.ops.metaspatial.add_door()
    assert np.allclose(sorted(box_of(bpy.context.object)[1]), (10, 90, 205), atol=1e-3)


def test_without_a_room_it_comes_to_the_cursor(scene) -> None:
    scene.cursor.location = (3, 2, 1)
    bpy.ops.metaspatial.add_door()
    assert np.allclose(box_of(bpy.context.object)[0], (3, 2, 1 + 1.025), atol=1e-5)


def test_a_wall_shorter_than_the_door_gets_it_in_its_middle(scene) -> None:
    add_floor(size=(0.6, 0.4))
    bpy.ops.metaspatial.add_door()
    assert np.allclose(np.abs(box_of(bpy.context.object)[0][:2]).min(), 0, atol=1e-5)


def test_only_in_object_mode(scene) -> None:
    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.object.mode_set(mode="EDIT")
    assert not bpy.ops.metaspatial.add_door.poll() and not bpy.ops.metaspatial.add_window.poll()
    bpy.ops.object.mode_set(mode="OBJECT")


def test_a_switched_off_collection_does_not_matter(scene) -> None:
    add_floor()
    bpy.ops.metaspatial.add_door()
    bpy.context.view_layer.layer_collection.children["MetaSpatial Openings"].exclude = True
    assert bpy.ops.metaspatial.add_door() == {"FINISHED"}
    assert len(bpy.data.collections["MetaSpatial Openings"].objects) == 2


def test_rooms_of_every_source_have_a_rectangle(scene) -> None:
    assert room_rectangle(scene) is None
    scene.metaspatial.room_source = "WALLS"
    assert room_rectangle(scene) is None
    walls = bpy.data.collections.new("Walls")
    scene.metaspatial.walls = walls
    assert room_rectangle(scene) is None
    for x in (1, 4):
        bpy.ops.mesh.primitive_cube_add(location=(x, 2, 1.25), scale=(0.05, 1, 1.25))
        walls.objects.link(bpy.context.object)
    assert np.allclose(room_rectangle(scene), [(0.95, 1, 0), (4.05, 1, 0), (4.05, 3, 0), (0.95, 3, 0)], atol=1e-5)
    scene.metaspatial.room_source, scene.metaspatial.size = "SIZE", (4, 3, 2.5)
    scene.unit_settings.scale_length = 0.5
    assert np.allclose(room_rectangle(scene)[[0, 2]], [(-4, -3, 0), (4, 3, 0)])
