"""A whole scene as a task: what belongs to the building, what waits beside the room, what is of another scale."""

from __future__ import annotations

import bpy
import pytest

from metaspatial_addon.blender.immovable import first_frame
from metaspatial_addon.blender.scene_io import scene_to_task as to_task
from metaspatial_addon.blender.scene_io.scene_export import export_scene, open_exported_scene
from metaspatial_addon.blender.scene_io.scene_to_task import SceneOptions, scene_to_task
from metaspatial_addon.core.errors import InputError
from tests.blender.scenes import add, add_box, add_floor


@pytest.fixture
def scene():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene


def read(scene):
    return scene_to_task(scene, SceneOptions(floor=bpy.data.objects["Floor"]))


def test_furniture_beside_an_empty_room_is_laid_out(scene):
    add_floor()
    add_box("North Wall", (5, 0.2, 2.7), (2.5, 4.1, 0))
    for k, name in enumerate(("Bed", "Desk", "Chair", "Chair.001")):
        add_box(name, (0.9, 1.9, 0.5) if name == "Bed" else (0.5, 0.5, 0.8), (7 + k, 1, 0))
    scene_task = read(scene)
    assert [item.id for item in scene_task.task.items] == ["Bed", "Desk", "Chair", "Chair.001"]
    assert scene_task.left_out == {"North Wall": "part of the building"}
    bpy.data.objects["Desk"].location.x = 2
    scene_task = read(scene)
    assert [item.id for item in scene_task.task.items] == ["Desk"], "that of other rooms is left alone"
    assert scene_task.left_out == {
        "North Wall": "part of the building",
        **dict.fromkeys(("Bed", "Chair", "Chair.001"), "outside the room"),
    }


def test_a_scene_without_furniture_says_what_it_has(scene):
    add_floor()
    add_box("North Wall", (5, 0.2, 2.7), (2.5, 4.1, 0))
    with pytest.raises(InputError, match="North Wall is part of the building"):
        read(scene)


def test_furniture_a_hundred_times_too_large_is_named(scene):
    add_floor()
    add_box("Sofa", (200, 90, 80))
    add_box("Chair", (50, 50, 90), (20, 0, 0))
    with pytest.raises(InputError, match=r"Sofa \(200 x 90 x 80 m\) and Chair .* about 100 times .* scale by 0.01"):
        read(scene)


@pytest.mark.parametrize("chosen", [False, True])
def test_what_is_scaled_to_nothing_is_left_out(scene, chosen):
    floor = add_floor()
    objects = [add_box("Bed", (0.9, 1.9, 0.5), (2, 2, 0)), add_box("Chair", (0.5, 0.5, 0.9), (3, 3, 0))]
    objects[1].scale = (0, 0, 0)
    scene_task = scene_to_task(scene, SceneOptions(floor=floor, objects=objects if chosen else None))
    assert [item.id for item in scene_task.task.items] == ["Bed"]
    assert scene_task.left_out == {"Chair": "without a size"}
    scene_task.free()


@pytest.mark.parametrize("chosen", [False, True])
def test_more_items_than_a_task_may_have_are_refused(scene, monkeypatch, chosen):
    monkeypatch.setattr(to_task, "MAX_ITEMS", 3)
    floor = add_floor()
    chairs = [add_box(f"Chair {k}", (0.4, 0.4, 0.9), (1 + k, 1, 0)) for k in range(4)]
    with pytest.raises(InputError, match="objects: expected at most 3 items: choose fewer"):
        scene_to_task(scene, SceneOptions(floor=floor, objects=chairs if chosen else None))


def test_a_floor_in_pieces_says_so(scene):
    mesh = bpy.data.meshes.new("Floor")
    corners, faces = [], []
    for k in range(25):
        faces.append(tuple(range(len(corners), len(corners) + 4)))
        low, high = k * 0.16, k * 0.16 + 0.1
        corners += [(0, low, 0), (5, low, 0), (5, high, 0), (0, high, 0)]
    mesh.from_pydata(corners, [], faces)
    add("Floor", mesh)
    add_box("Chair", (0.5, 0.5, 0.8))
    with pytest.raises(InputError, match="Floor is in 25 pieces; the largest is 5.00 x 0.10 m"):
        read(scene)


def test_boards_of_an_array_modifier_are_one_floor(scene):
    floor = add_floor(((0, 0), (5, 0), (5, 0.157), (0, 0.157)))
    boards = floor.modifiers.new("Boards", "ARRAY")
    boards.count, boards.use_relative_offset, boards.use_constant_offset = 25, False, True
    boards.constant_offset_displace = (0, 0.16, 0)
    add_box("Chair", (0.5, 0.5, 0.8), (2, 2, 0))
    corners = [side for corner in read(scene).task.room.floor for side in corner]
    assert corners == pytest.approx([0, 0, 5, 0, 5, 3.997, 0, 3.997], abs=1e-5)


@pytest.mark.parametrize("frame, locked", [(1001, False), (1002, True)])
def test_rigid_bodies_stand_still_until_their_cache_begins(scene, tmp_path, frame, locked):
    add_floor()
    chair = add_box("Chair", (0.5, 0.5, 0.8), (2, 2, 0))
    scene.frame_start, scene.frame_end = 1001, 1100
    bpy.ops.rigidbody.world_add()
    scene.rigidbody_world.point_cache.frame_start = 1001
    scene.rigidbody_world.point_cache.frame_end = 1100
    bpy.context.view_layer.objects.active = chair
    chair.select_set(True)
    bpy.ops.rigidbody.object_add(type="ACTIVE")
    scene.frame_current = frame
    note = read(scene).notes.get("Chair", "")
    assert note == ("physics moves Chair at this frame; at frame 1001 it can be laid out" if locked else "")
    export_scene(tmp_path / "scene.blend", scene, list(scene.objects))
    assert first_frame(open_exported_scene(tmp_path / "scene.blend", "Scene")) == 1001
    assert read(bpy.context.scene).notes.get("Chair", "") == note
