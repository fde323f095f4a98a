"""Scenes as artists leave them, taken as tasks, and layouts back to world transforms."""

from __future__ import annotations

import json
import math

import bpy
import numpy as np
import pytest
from mathutils import Euler, Matrix, Vector

from metaspatial_addon.blender.meshes import data_blocks, mesh_points
from metaspatial_addon.blender.scene_io.scene_to_task import ItemOptions, SceneOptions, scene_to_task
from metaspatial_addon.blender.turns import turns
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.task import Layout, Pose, layout_from_json, layout_to_json, task_from_json, task_to_json
from tests.blender.scenes import add, add_box, add_floor, root_matrices

L_SHAPE = ((0, 0), (4, 0), (4, 3), (2, 3), (2, 5), (0, 5))


@pytest.fixture
def scene():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene


def close(a, b, tolerance=1e-6) -> bool:
    return np.allclose(np.array(a), np.array(b), atol=tolerance, rtol=0)


def test_dimensions_make_a_room_around_the_origin(scene):
    add_box("Sofa", (2, 0.9, 0.8), (1, -0.5, 0))
    scene_task = scene_to_task(scene, SceneOptions(size=(5, 4, 2.5), prompt="cosy", room_type="living room"))
    room = scene_task.task.room
    assert room.floor == ((0, 0), (5, 0), (5, 4), (0, 4)) and room.height == 2.5 and room.type == "living room"
    sofa = scene_task.task.item("Sofa")
    assert close(sofa.size, (2, 0.9, 0.8)) and sofa.mount == "floor" and not sofa.locked
    pose = scene_task.layout.poses["Sofa"]
    assert close((pose.x, pose.y, pose.z, pose.yaw), (3.5, 1.5, 0, 0))
    assert task_from_json(task_to_json(scene_task.task)).items[0].id == "Sofa"


def test_round_trip_is_exact_for_any_frame_and_shape(scene):
    """Turned and shifted floor, centimetres, tilts, mirrored and uneven scales, parents outside the item."""
    scene.unit_settings.scale_length = 0.01
    floor = add_floor([(x * 100, y * 100) for x, y in L_SHAPE], (730, -210, 120), rotation=0.7)
    holder = add("Everything", at=(100, 50, 10))
    holder.rotation_euler.z = 0.3
    shapes = {
        "plain": Matrix.LocRotScale(Vector((800, -100, 120)), Euler((0, 0, 1.1)), Vector((1, 1, 1))),
        "stretched": Matrix.LocRotScale(Vector((700, 0, 120)), Euler((0, 0, -2)), Vector((2, 0.5, 3))),
        "mirrored": Matrix.LocRotScale(Vector((790, 30, 150)), Euler((0, 0, 4)), Vector((-1, 1, 1))),
        "leaning": Matrix.LocRotScale(Vector((650, 90, 160)), Euler((0.3, -0.2, 0.5)), Vector((1, 2, 1))),
        "y up": Matrix.LocRotScale(Vector((650, 190, 160)), Euler((math.pi / 2, 0, 0.4)), Vector((1, 1, 1))),
    }
    for name, matrix in shapes.items():
        obj = add_box(name, (60, 40, 50), parent=holder)
        bpy.context.view_layer.update()
        obj.matrix_world = matrix
    bpy.context.view_layer.update()
    before = {name: bpy.data.objects[name].matrix_world.copy() for name in shapes}
    scene_task = scene_to_task(scene, SceneOptions(floor=floor, objects=[bpy.data.objects[name] for name in shapes]))
    assert np.allclose(scene_task.task.room.floor, L_SHAPE, atol=1e-4)
    assert close(sorted(scene_task.task.item("y up").size), (0.4, 0.5, 0.6), 1e-4)
    assert set(scene_task.layout.poses) == set(shapes)
    again = layout_from_json(json.loads(json.dumps(layout_to_json(scene_task.layout))))
    for layout in (scene_task.layout, again):
        back = root_matrices(scene_task, layout)
        assert all(close(back[bpy.data.objects[name]], before[name]) for name in shapes)
    moved = {item_id: Pose(1.2, 0.8, 0.1, 77.0) for item_id in shapes}
    for obj, matrix in root_matrices(scene_task, Layout(scene_task.task.id, moved)).items():
        obj.matrix_world = matrix
    bpy.context.view_layer.update()
    after = scene_to_task(scene, SceneOptions(floor=floor, objects=[bpy.data.objects[name] for name in shapes]))
    for item_id, pose in after.layout.poses.items():
        assert close((pose.x, pose.y, pose.z, pose.yaw), (1.2, 0.8, 0.1, 77.0), 1e-3), item_id
        assert close(after.task.item(item_id).size, scene_task.task.item(item_id).size, 1e-4)


def test_mesh_is_what_the_item_shows(scene):
    """Parent and children, a modifier, a collection instance and a curve; hidden parts left out."""
    parts = bpy.data.collections.new("parts")
    add_box("drawer", (0.2, 0.2, 0.2), collection=parts)
    root = add("Desk", at=(1, 1, 0))
    root.rotation_euler.z = math.pi / 2
    top = add_box("top", (0.6, 0.6, 0.05), (0.3, 0, 0.7), parent=root)
    mirror = top.modifiers.new("m", "MIRROR")
    mirror.mirror_object = root
    instance = add("drawers", at=(0.4, 0, 0.5), parent=root)
    instance.instance_type, instance.instance_collection = "COLLECTION", parts
    wire = bpy.data.curves.new("wire", "CURVE")
    wire.dimensions, wire.bevel_depth = "3D", 0.01
    spline = wire.splines.new("POLY")
    spline.points.add(1)
    spline.points[1].co = (0, 0, 0.7, 1)
    add("cable", wire, parent=root)
    add_box("hidden", (9, 9, 9), parent=root).hide_viewport = True
    add_box("unrendered", (9, 9, 9), parent=root).hide_render = True
    add("lamp", bpy.data.lights.new("l", "POINT"), parent=root)
    before = {(block.id_type, block.name) for block in data_blocks()}
    scene_task = scene_to_task(scene, SceneOptions(size=(6, 6, 2.7)))
    assert [item.id for item in scene_task.task.items] == ["Desk"]
    assert close(scene_task.task.item("Desk").size, (1.2, 0.6, 0.75), 1e-5)
    points = mesh_points(scene_task.meshes["Desk"])
    assert close(points.min(axis=0), (-0.6, -0.3, 0), 1e-5) and close(points.max(axis=0), (0.6, 0.3, 0.75), 1e-5)
    drawer = points[(points[:, 2] > 0.45) & (points[:, 2] < 0.69) & (np.abs(points[:, 0]) > 0.1)]
    assert drawer[:, 0].min() > 0.29, "the drawer stays on its side"
    assert {(block.id_type, block.name) for block in data_blocks()} - before == {("MESH", "Desk")}
    assert root_matrices(scene_task, scene_task.layout).keys() == {root}
    assert {entry.object.name for entry in scene_task.placed(scene_task.layout)} >= {"Desk", "top", "drawers", "lamp"}
    scene_task.free()
    assert {(block.id_type, block.name) for block in data_blocks()} == before


def test_children_follow_and_turns_show_them(scene):
    root = add_box("Table", (1.2, 0.8, 0.75), (0.5, 0.5, 0))
    vase = add_box("vase", (0.1, 0.1, 0.3), (0.2, 0, 0.75), parent=root)
    add_box("cutter", (1, 1, 1), parent=root).hide_render = True
    scene_task = scene_to_task(scene, SceneOptions(size=(6, 6, 2.7)))
    layout = Layout(scene_task.task.id, {"Table": Pose(1.0, 5.0, 0.0, 90.0)})
    turn = turns.add_turn(turns.new_run(scene, "r"), scene_task.placed(layout), {})
    for obj, matrix in root_matrices(scene_task, layout).items():
        obj.matrix_world = matrix
    bpy.context.view_layer.update()
    pose = scene_task.layout.poses["Table"]
    assert close((pose.x, pose.y, pose.z), (3.5, 3.5, 0))
    assert close(root.matrix_world.translation, (-2, 2, 0)) and close(vase.matrix_world.translation, (-2, 2.2, 0.75))
    assert [copy.name for copy in turn.objects if not copy.hide_viewport] == ["Table · 01", "vase · 01"]
    copies = {copy.name.split(" ·")[0]: copy for copy in turn.objects}
    assert all(close(copies[obj.name].matrix_world, obj.matrix_world) for obj in (root, vase))


def test_chosen_objects_a_collection_or_all_but_the_building(scene):
    floor = add_floor()
    house = add("House")
    floor.parent = house
    add_box("North Wall", (5, 0.2, 2.7), (2.5, 3.95, 0), parent=house)
    add_box("Cube", (5.2, 4.2, 0.1), (2.5, 2, 2.7))
    add_box("outside", (1, 1, 1), (9, 9, 0))
    seating = bpy.data.collections.new("seating")
    scene.collection.children.link(seating)
    sofa = add_box("Sofa", (2, 0.9, 0.8), (2, 2, 0), collection=seating)
    add_box("stool", (0.4, 0.4, 0.4), (4, 1, 0), collection=seating)
    add("Camera", bpy.data.cameras.new("c"))

    def ids(**how):
        return [item.id for item in scene_to_task(scene, SceneOptions(floor=floor, **how)).task.items]

    assert ids() == ["Sofa", "stool"]
    assert scene_to_task(scene, SceneOptions(floor=floor)).left_out == {
        "North Wall": "part of the building",
        "Cube": "part of the building",
        "outside": "outside the room",
    }
    assert ids(collection=seating) == ["Sofa", "stool"]
    assert ids(objects=[sofa]) == ["Sofa"]
    assert ids(objects=[sofa, bpy.data.objects["outside"]]) == ["Sofa", "outside"], "asked for, so taken"
    sofa.hide_set(True)
    assert ids(collection=seating) == ["stool"]


def test_names_that_mean_something_else_are_changed(scene):
    for k, name in enumerate(("wall_1", "room", "wall")):
        add_box(name, (0.5, 0.5, 0.5), (k, 0, 0))
    task = scene_to_task(scene, SceneOptions(size=(6, 6, 2.7), objects=list(scene.objects))).task
    assert [item.id for item in task.items] == ["wall_1 object", "room object", "wall object"]
    assert task_from_json(task_to_json(task)) is not None


def test_categories_are_known_by_their_names(scene):
    names = {
        "Wooden Bed.001": ((1.7, 2.0, 0.6), "double bed"),
        "KidsBed_02": ((0.9, 1.9, 0.5), "single bed"),
        "BOOK_SHELF": ((0.9, 0.3, 1.9), "bookcase"),
        "Lamps": ((0.2, 0.2, 0.4), "table lamp"),
        "MoonRock.003": ((0.2, 0.2, 0.2), "moon rock"),
        "42": ((0.2, 0.2, 0.2), "object"),
        "Kühlschrank": ((0.6, 0.6, 1.8), "fridge"),
        "Cube.001": ((0.2, 0.2, 0.2), "cube"),
        "Cube.002": ((1.6, 2.0, 0.5), "double bed"),
    }
    for k, (name, (size, _)) in enumerate(names.items()):
        add_box(name, size, (-2 + 0.6 * k, 0, 0))
    task = scene_to_task(scene, SceneOptions(size=(9, 9, 2.7))).task
    assert {item.id: item.category for item in task.items} == {name: c for name, (_, c) in names.items()}


def test_what_is_around_an_object_says_what_it_is_where_its_name_does_not(scene):
    """By collection, parent, mesh and material; a stated category stays as it is."""
    chairs = bpy.data.collections.new("Stühle")
    scene.collection.children.link(chairs)
    in_collection = add_box("Cube", (0.45, 0.45, 0.9))
    scene.collection.objects.unlink(in_collection)
    chairs.objects.link(in_collection)
    add_box("Cube.001", (1.2, 0.6, 0.75), (2, 0, 0)).data.name = "SM_Desk_LOD0"
    add_box("Cube.002", (0.3, 0.3, 1.5), (-2, 0, 0)).data.materials.append(bpy.data.materials.new("FloorLamp_Metal"))
    empty = bpy.data.objects.new("Nightstand Parts", None)
    scene.collection.objects.link(empty)
    add_box("Cube.003", (0.5, 0.4, 0.5), (0, 2, 0)).parent = empty
    add_box("Cube.004", (0.5, 0.4, 0.5), (0, -2, 0))
    objects = [obj for obj in scene.objects if obj.type == "MESH"]
    options = {"Cube.004": ItemOptions(category="my throne")}
    task = scene_to_task(scene, SceneOptions(size=(9, 9, 2.7), objects=objects, items=options)).task
    assert {item.id: item.category for item in task.items} == {
        "Cube": "dining chair",
        "Cube.001": "desk",
        "Cube.002": "floor lamp",
        "Cube.003": "nightstand",
        "Cube.004": "my throne",
    }


@pytest.mark.parametrize(
    ("prompt", "names", "room"),
    [
        ("Ein ruhiges Schlafzimmer", ("Sofa",), "bedroom"),
        ("une cuisine claire", ("Sofa",), "kitchen"),
        ("with a kitchen table", ("Bett", "Nachttisch"), "bedroom"),
        ("", ("bathtub", "toilet", "mirror"), "bathroom"),
        ("", ("gizmo",), "room"),
    ],
)
def test_the_kind_of_room_is_read_from_prompt_and_furniture(scene, prompt, names, room):
    for k, name in enumerate(names):
        add_box(name, (0.5, 0.5, 0.5), (k, 0, 0))
    task = scene_to_task(scene, SceneOptions(size=(6, 6, 2.7), prompt=prompt)).task
    assert task.room.type == room
    stated = scene_to_task(scene, SceneOptions(size=(6, 6, 2.7), prompt=prompt, room_type="office")).task
    assert stated.room.type == "office"


@pytest.mark.parametrize(
    "how, said",
    [
        ({}, "room"),
        ({"size": (5, 0, 2.5)}, "above zero"),
        ({"floor": "Sphere"}, "level surface"),
        ({"size": (5, 4, 2.5), "objects": []}, "at least one visible"),
    ],
)
def test_unusable_scenes_are_named(scene, how, said):
    add_box("Sofa", (1, 1, 1))
    upright = bpy.data.meshes.new("upright")
    upright.from_pydata([(0, 0, 0), (1, 0, 0), (0, 0, 1)], [], [(0, 1, 2)])
    add("Sphere", upright)
    if "floor" in how:
        how = {"floor": bpy.data.objects[how["floor"]]}
    before = {block.name for block in data_blocks()}
    with pytest.raises(InputError, match=said):
        scene_to_task(scene, SceneOptions(**how))
    assert {block.name for block in data_blocks()} == before


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_vertex_that_is_nowhere_is_left_out_with_its_faces(scene, value):
    floor, chair = add_floor(), add_box("Chair", (0.5, 0.6, 0.9), (2, 2, 0))
    chair.data.vertices[3].co.x = value
    scene_task = scene_to_task(scene, SceneOptions(floor=floor))
    (item,) = scene_task.task.movable
    assert item.size == pytest.approx((0.5, 0.6, 0.9), abs=1e-5)
    placed = scene_task.placed(Layout("t", {item.id: Pose(1.0, 1.0)}))
    assert all(math.isfinite(number) for entry in placed for row in entry.matrix for number in row)


def test_a_vertex_without_faces_adds_nothing_to_a_size(scene):
    floor, chair = add_floor(), add_box("Chair", (0.5, 0.6, 0.9), (2, 2, 0))
    chair.data.vertices.add(1)
    chair.data.vertices[-1].co = (40.0, 0.0, 0.0)
    scene_task = scene_to_task(scene, SceneOptions(floor=floor))
    assert scene_task.task.movable[0].size == pytest.approx((0.5, 0.6, 0.9), abs=1e-5)
    assert scene_task.layout.poses["Chair"] == Pose(2.0, 2.0, 0.0, 0.0)
