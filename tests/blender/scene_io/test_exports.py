"""What is exported of a turn stands where the turn shows it, in metres, however the artist's scene is put together."""

from __future__ import annotations

import math

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from metaspatial_addon.blender.scene_io import blend_file
from metaspatial_addon.blender.scene_io.item_mesh import has_usd
from metaspatial_addon.blender.scene_io.scene_to_task import SceneOptions, scene_to_task
from metaspatial_addon.blender.turns import turns
from metaspatial_addon.core.task import Layout, Pose
from tests.blender.scenes import add, add_box, add_floor, box_mesh

UNITS = {"metres": 1.0, "feet": 0.3048, "centimetres": 0.01, "millimetres": 0.001}


def single(unit: float) -> None:
    add_box("Chair", (0.5 / unit, 0.6 / unit, 0.9 / unit), (1 / unit, 1 / unit, 0))


def under_an_empty(unit: float) -> None:
    group = add("Group", None, (0.2 / unit, 0.1 / unit, 0))
    add_box("Chair", (0.5 / unit, 0.6 / unit, 0.9 / unit), (1 / unit, 1 / unit, 0), parent=group)


def two_parts(unit: float) -> None:
    seat = add_box("Chair", (0.5 / unit, 0.6 / unit, 0.4 / unit), (1 / unit, 1 / unit, 0))
    add_box("Back", (0.5 / unit, 0.1 / unit, 0.5 / unit), (0, 0.25 / unit, 0.4 / unit), parent=seat)


def sheared(unit: float) -> None:
    """A turned part under a parent of unequal scale, which no location, rotation and scale expresses."""
    group = add("Group", None, (1 / unit, 1 / unit, 0))
    group.scale = (1.5, 0.7, 1.0)
    part = add_box("Chair", (0.5 / unit, 0.3 / unit, 0.9 / unit), parent=group)
    part.rotation_euler.z = math.radians(30)


def mirrored(unit: float) -> None:
    chair = add_box("Chair", (0.5 / unit, 0.6 / unit, 0.9 / unit), (1 / unit, 1 / unit, 0))
    chair.data.vertices[4].co.x -= 0.1 / unit  # unlike its mirror image
    chair.scale.x = -1.0


def an_array(unit: float) -> None:
    chair = add_box("Chair", (0.3 / unit, 0.6 / unit, 0.9 / unit), (1 / unit, 1 / unit, 0))
    modifier = chair.modifiers.new("Array", "ARRAY")
    modifier.count = 2


def an_instance(unit: float) -> None:
    collection = bpy.data.collections.new("Set")
    collection.objects.link(bpy.data.objects.new("Part", box_mesh((0.5 / unit, 0.6 / unit, 0.9 / unit))))
    chair = add("Chair", None, (1 / unit, 1 / unit, 0))
    chair.instance_type, chair.instance_collection = "COLLECTION", collection


SCENES = (single, under_an_empty, two_parts, sheared, mirrored, an_array, an_instance)


def seen(scene_unit: float) -> list[list[float]]:
    """Bounds (low, high) in metres of the meshes that are shown, sorted."""
    bpy.context.view_layer.update()
    found = []
    for instance in bpy.context.evaluated_depsgraph_get().object_instances:
        if instance.object.type == "MESH" and "Floor" not in instance.object.name:
            matrix = np.array(instance.matrix_world)
            corners = np.array([vertex.co for vertex in instance.object.data.vertices])
            points = (corners @ matrix[:3, :3].T + matrix[:3, 3]) * scene_unit
            found.append([*points.min(axis=0), *points.max(axis=0)])
    return sorted(found, key=lambda box: np.round(box, 2).tolist())


def a_turn(make, unit: float):
    """The artist's scene with a turn that moves the chair, and the turn."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.unit_settings.scale_length = unit
    floor = add_floor([(x / unit, y / unit) for x, y in ((0, 0), (5, 0), (5, 4), (0, 4))])
    make(unit)
    scene_task = scene_to_task(scene, SceneOptions(floor=floor))
    (item,) = scene_task.task.movable
    run = turns.new_run(scene, scene_task.task.id)
    turn = turns.add_turn(run, scene_task.placed(Layout("t", {item.id: Pose(3.0, 2.5, 0.0, 90.0)})), {})
    for obj in list(scene.collection.objects):
        obj.hide_viewport = obj.hide_render = True
    scene_task.free()
    return scene, turn


@pytest.mark.parametrize("kind", ["glb", "usd"])
@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("make", SCENES, ids=lambda make: make.__name__)
def test_an_export_is_where_the_turn_is(make, unit, kind, tmp_path):
    if kind == "usd" and not has_usd():
        pytest.skip("this Blender was built without USD")
    metres = UNITS[unit]
    scene, turn = a_turn(make, metres)
    path = tmp_path / f"scene.{kind}"
    (blend_file.export_glb if kind == "glb" else blend_file.export_usd)(path, turn, scene)
    shown = seen(metres)
    names = sorted(obj.name for obj in turn.all_objects if obj.type == "MESH")
    middle = np.mean([box[:2] for box in shown] + [box[3:5] for box in shown], axis=0)
    assert shown and np.allclose(middle, (3.0, 2.5), atol=0.3), "the turn moved it"
    bpy.ops.wm.read_factory_settings(use_empty=True)
    (bpy.ops.import_scene.gltf if kind == "glb" else bpy.ops.wm.usd_import)(filepath=str(path))
    assert np.allclose(seen(1.0), shown, atol=1e-3)
    if kind == "glb" and make is not an_instance:
        assert sorted(obj.name for obj in bpy.data.objects if obj.type == "MESH") == names


def read_back(make, path) -> bpy.types.Object:
    """The one mesh that an exported turn brings."""
    scene, turn = a_turn(make, 1.0)
    blend_file.export_glb(path, turn, scene)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.gltf(filepath=str(path))
    (found,) = (obj for obj in bpy.data.objects if obj.type == "MESH")
    return found


def test_a_mirrored_piece_keeps_its_outside(tmp_path):
    chair = read_back(mirrored, tmp_path / "scene.glb")
    matrix = np.array(chair.matrix_world)
    middle = np.mean([vertex.co for vertex in chair.data.vertices], axis=0)
    outwards = [(np.array(face.center) - middle) @ np.array(face.normal) > 0 for face in chair.data.polygons]
    assert all(outwards) or not any(outwards) and np.linalg.det(matrix[:3, :3]) < 0


def test_custom_properties_go_along(tmp_path):
    assert read_back(under_an_empty, tmp_path / "scene.glb")[turns.KEY] == "Group"
