"""Runs and turns in a scene: linked duplicates, what they remember, what they show, and their names."""

from __future__ import annotations

import math

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Matrix, Vector

from metaspatial_addon.blender.meshes import data_blocks
from metaspatial_addon.blender.physics.room_meshes import OUTWARD
from metaspatial_addon.blender.rendering.presentation import add_presentation
from metaspatial_addon.blender.turns import turns
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.task import Pose, Room

RECORD = {
    "task": "t",
    "answer": '<answer>[{"id": "bed_1"}]</answer> \ud800 日本',
    "settings": {"seed": 7, "model": None},
    "score": {
        "status": "ok",
        "reward": 0.83,
        "terms": {"collision": 0.92, "view": None},
        "evidence": {"overlaps": [{"a": "bed_1", "b": "desk_1", "depth": 0.23}], "outside": []},
    },
}


@pytest.fixture
def scene():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene


def stage_object(name: str) -> bpy.types.Object:
    mesh = bpy.data.meshes.new(f"MetaSpatial Stage: {name}")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)], [], [(0, 2, 1), (0, 1, 3), (1, 2, 3), (2, 0, 3)])
    mesh.materials.append(bpy.data.materials.new(f"MetaSpatial Stage: {name}"))
    return bpy.data.objects.new(f"MetaSpatial Stage: {name}", mesh)


def layer(scene, collection):
    return next(
        found
        for child in scene.view_layers[0].layer_collection.children
        for found in child.children
        if found.collection == collection
    )


def test_turns_share_the_runs_meshes_and_outlive_the_stage(scene):
    sources = {name: stage_object(name) for name in ("bed_1", "lamp_1")}
    floor = stage_object("floor")
    run = turns.new_run(scene, "calm bedroom")
    room = turns.add_room(run, [floor])
    first = turns.add_turn(run, turns.from_stage(run, sources, {"bed_1": Pose(1, 2, 0, 90)}), RECORD)
    poses = {"bed_1": Pose(3, 2, 0, 0), "lamp_1": Pose(0, 0, 1.5, 45)}
    second = turns.add_turn(run, turns.from_stage(run, sources, poses), {"score": None})
    assert run.name == "MetaSpatial · calm bedroom"
    assert [room.name, first.name, second.name] == ["Room", "Turn 01", "Turn 02"]
    assert turns.runs(scene) == [run] and turns.turns(run) == [first, second]
    bed, later = first.objects[0], next(o for o in second.objects if o[turns.KEY] == "bed_1")
    assert bed.data == later.data != sources["bed_1"].data
    # The stage goes on to the next task, and removes what it made.
    for source in (*sources.values(), floor):
        bpy.data.materials.remove(source.data.materials[0])
        bpy.data.meshes.remove(source.data)
    bpy.context.view_layer.update()
    assert (bed.matrix_world @ Vector((1, 0, 0)))[:] == pytest.approx((1, 3, 0), abs=1e-6)
    assert len(second.objects) == 2 and len(room.objects[0].data.polygons) == 4
    assert room.objects[0].data.materials[0].name == "floor"
    turns.remove_run(run)
    assert {block.id_type for block in data_blocks() if "Turn" in block.name or "bed" in block.name} == set()
    assert not bpy.data.meshes and not bpy.data.objects and not bpy.data.collections


def test_record_is_read_back_whole(scene):
    run = turns.new_run(scene, "r")
    turn = turns.add_turn(run, [], RECORD)
    assert turns.read_turn(turn) == RECORD
    assert turn[turns.KEY]["reward"] == 0.83 and turn[turns.KEY]["terms"].to_dict() == {"collision": 0.92}
    with pytest.raises(InputError, match="MetaSpatial · r"):
        turns.read_turn(run)


def test_record_survives_saving(scene, tmp_path):
    turns.add_turn(turns.new_run(scene, "r"), [], RECORD)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    run = turns.runs(bpy.context.scene)[0]
    assert turns.read_turn(turns.turns(run)[0]) == RECORD


def test_one_turn_is_shown(scene):
    run, other = turns.new_run(scene, "a"), turns.new_run(scene, "b")
    kept = turns.add_turn(other, [], {})
    made = [turns.add_turn(run, [], {}) for _ in range(3)]
    assert [layer(scene, turn).exclude for turn in made] == [True, True, False]
    turns.show_turn(run, made[0])
    assert [layer(scene, turn).exclude for turn in made] == [False, True, True]
    assert not layer(scene, kept).exclude, "other runs are left alone"


@pytest.mark.parametrize("name", ["x" * 200, "é" * 90, "日本語の寝室" * 20, "🛋️" * 40, "", "\u0000\n", "a"])
def test_names_fit_and_stay_apart(scene, name):
    runs = [turns.new_run(scene, name) for _ in range(3)]
    assert len({run.name for run in runs}) == 3
    for run in runs:
        assert len(run.name.encode()) <= 63 and run.name.startswith("MetaSpatial · ")
        assert "\ufffd" not in run.name
    assert turns.turns(runs[0]) == []


def test_duplicates_of_an_artists_objects_keep_together(scene):
    root = bpy.data.objects.new("Sofa", None)
    seat = bpy.data.objects.new("Seat", stage_object("seat").data)
    seat.parent, seat.location, seat.scale = root, (0.2, 0, 0), (1, 2, 1)
    seat.modifiers.new("mirror", "MIRROR").mirror_object = root
    for thing in (root, seat):
        scene.collection.objects.link(thing)
    root.keyframe_insert("location", frame=1)
    bpy.context.view_layer.update()
    move = Matrix.Translation((5, 0, 0)) @ Matrix.Rotation(math.pi / 2, 4, "Z")
    placed = [turns.PlacedObject("sofa", thing, move @ thing.matrix_world) for thing in (root, seat)]
    turn = turns.add_turn(turns.new_run(scene, "r"), placed, {})
    bpy.context.view_layer.update()
    copies = {thing.name: thing for thing in turn.objects}
    copy = copies["Seat · 01"]
    assert copy.data == seat.data and copy.parent == copies["Sofa · 01"]
    assert copy.modifiers[0].mirror_object == copies["Sofa · 01"]
    assert copies["Sofa · 01"].animation_data is None
    for entry in placed:
        found = copies[f"{entry.object.name} · 01"].matrix_world
        assert np.allclose(found, entry.matrix, atol=1e-6)


def test_scene_is_lit_and_framed(scene):
    room = Room("bedroom", ((0, 0), (4.2, 0), (4.2, 3.0), (2, 3), (2, 3.6), (0, 3.6)), 2.7)
    ceiling, near, far = (stage_object(name) for name in ("ceiling", "wall_0", "wall_3"))
    ceiling.location.z = 2.7
    near[OUTWARD], far[OUTWARD] = (0.0, -1.0), (0.0, 1.0)
    for thing in (ceiling, near, far):
        scene.collection.objects.link(thing)
    bpy.context.view_layer.update()
    add_presentation(scene, room, [ceiling, near, far])
    assert [thing.hide_render for thing in (ceiling, near, far)] == [True, True, False]
    assert scene.camera is not None and any(thing.type == "LIGHT" for thing in scene.objects)
    bpy.context.view_layer.update()
    shown = [(x, y, 0) for x, y in room.floor] + [(x, y, 2.7) for x, y in ((0, 3.6), (2, 3.6), (0, 0))]
    seen = [world_to_camera_view(scene, scene.camera, Vector(point)) for point in shown]
    assert all(0 <= p.x <= 1 and 0 <= p.y <= 1 and p.z > 0 for p in seen)
    assert max(np.ptp([p.x for p in seen]), np.ptp([p.y for p in seen])) > 0.8


def test_an_artists_camera_and_units_stay(scene):
    camera = bpy.data.objects.new("Mine", bpy.data.cameras.new("Mine"))
    scene.collection.objects.link(camera)
    scene.camera, scene.render.engine = camera, "CYCLES"
    room = Room("bedroom", ((0, 0), (4, 0), (4, 3), (0, 3)), 2.7)
    add_presentation(scene, room)
    assert scene.camera == camera and scene.render.engine == "CYCLES"
    scene.camera = None
    frame = np.diag([100.0, 100, 100, 1])
    frame[:3, 3] = 700, 0, 0
    add_presentation(scene, room, frame=frame)
    bpy.context.view_layer.update()
    seen = world_to_camera_view(scene, scene.camera, Vector((900, 150, 0)))
    assert 0.3 < seen.x < 0.7 and 0.2 < seen.y < 0.6
