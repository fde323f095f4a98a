"""What artists' files hold: each is saved, opened, laid out anew and put back, and nothing in it may break."""

from __future__ import annotations

import math

import bpy
import numpy as np
import pytest
from mathutils import Euler, Matrix, Quaternion

from metaspatial_addon.blender.frames import transform_points, world_array
from metaspatial_addon.blender.meshes import evaluated_parts, in_scene, mesh_points, remove_blocks
from metaspatial_addon.blender.scene_io.scene_to_task import SceneOptions, scene_to_task
from metaspatial_addon.core.task import Layout, Pose
from tests.blender.scenes import add, add_box, add_floor, box_mesh, root_matrices

L_SHAPE = ((0, 0), (4, 0), (4, 3), (2, 3), (2, 5), (0, 5))


def new_scene():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene


def reopened(tmp_path):
    path = str(tmp_path / "artist.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path, load_ui=False)
    bpy.context.view_layer.update()
    return bpy.context.scene


def points_of(scene, scene_task, item_id):
    """World points (N, 3) of what an item shows now."""
    members = set(scene_task.items[item_id].objects)
    with in_scene(scene) as depsgraph:
        parts = evaluated_parts(
            depsgraph,
            lambda i: (
                "it"
                if (i.parent or i.object).original in members and not (i.parent or i.object).original.hide_render
                else None
            ),
        )
    points = np.concatenate([mesh_points(mesh) for mesh in parts["it"]])
    remove_blocks(parts["it"])
    return points


def state(scene):
    with in_scene(scene) as depsgraph:
        return {
            o.as_pointer(): (
                world_array(o, depsgraph),
                np.array(o.matrix_parent_inverse @ o.matrix_basis),
                np.abs(np.array(o.scale)),
            )
            for o in bpy.data.objects
        }


def put(scene_task, layout):
    for obj, matrix in root_matrices(scene_task, layout).items():
        obj.matrix_world = matrix
    bpy.context.view_layer.update()


def assert_there_and_back(scene, movable, seed=0, **how):
    """Random layouts stand where they say, leave all but the roots' places as they were, and go back exactly."""
    how = how or {"size": (8 * scene.unit_settings.scale_length, 8 * scene.unit_settings.scale_length, 3)}
    scene_task = scene_to_task(scene, SceneOptions(**how))
    assert set(scene_task.layout.poses) == set(movable), scene_task.notes
    before = state(scene)
    rng = np.random.default_rng(seed)
    for _ in range(2):
        poses = {
            i: Pose(*rng.uniform(0.5, 4, 2), float(rng.uniform(0, 1)), float(rng.uniform(0, 360)))
            for i in scene_task.layout.poses
        }
        put(scene_task, Layout(scene_task.task.id, poses))
        for item_id, pose in poses.items():
            size = scene_task.task.item(item_id).size
            local = transform_points(
                np.linalg.inv(scene_task.frame @ pose.matrix), points_of(scene, scene_task, item_id)
            )
            low, high = local.min(axis=0), local.max(axis=0)
            assert np.allclose(low, (-size[0] / 2, -size[1] / 2, 0), atol=1e-5), item_id
            assert np.allclose(high, (size[0] / 2, size[1] / 2, size[2]), atol=2e-5), item_id
        moved = state(scene)
        roots = {scene_task.items[i].objects[0].as_pointer() for i in poses}
        for key, (_, local, scale) in before.items():
            assert np.allclose(moved[key][2], scale, rtol=2e-6)
            assert key in roots or np.allclose(moved[key][1], local, atol=1e-6)
    put(scene_task, scene_task.layout)
    after = state(scene)
    for key, (matrix, *_) in before.items():
        largest = max(1 / scene.unit_settings.scale_length, np.abs(matrix).max())
        assert np.abs(after[key][0] - matrix).max() <= 1e-6 * largest
    return scene_task


def test_instances_of_collections(tmp_path):
    new_scene()
    inner, outer = bpy.data.collections.new("inner"), bpy.data.collections.new("outer")
    add_box("seat", (0.5, 0.5, 0.5), (0.1, 0, 0), collection=inner)
    nested = add("nested", at=(0.2, 0.3, 0.5), collection=outer)
    nested.instance_type, nested.instance_collection = "COLLECTION", inner
    add_box("base", (0.7, 0.4, 0.5), collection=outer)
    outer.instance_offset = (0.1, 0, 0)
    for k in range(2):
        chair = add(f"Chair{k}", at=(k, 1, 0))
        chair.instance_type, chair.instance_collection = "COLLECTION", outer
        chair.rotation_euler.z, chair.scale = 0.4 * k, (1 + k, 1, 1)
    assert_there_and_back(reopened(tmp_path), {"Chair0", "Chair1"})


def geometry_nodes():
    """A node tree that adds a cube at each point of the mesh, as instances."""
    tree = bpy.data.node_groups.new("scatter", "GeometryNodeTree")
    for way in ("INPUT", "OUTPUT"):
        tree.interface.new_socket("Geometry", in_out=way, socket_type="NodeSocketGeometry")
    kinds = (
        "NodeGroupInput",
        "GeometryNodeMeshCube",
        "GeometryNodeInstanceOnPoints",
        "GeometryNodeJoinGeometry",
        "NodeGroupOutput",
    )
    start, cube, scatter, join, end = (tree.nodes.new(kind) for kind in kinds)
    cube.inputs["Size"].default_value = (0.1, 0.2, 0.3)
    for output, socket in (
        (start.outputs[0], scatter.inputs["Points"]),
        (cube.outputs["Mesh"], scatter.inputs["Instance"]),
        (scatter.outputs[0], join.inputs[0]),
        (start.outputs[0], join.inputs[0]),
        (join.outputs[0], end.inputs[0]),
    ):
        tree.links.new(output, socket)
    return tree


def test_geometry_nodes_modifiers_and_shape_keys(tmp_path):
    new_scene()
    shelf = add_box("Shelf", (1, 0.4, 1.5), (1, 1, 0))
    shelf.modifiers.new("nodes", "NODES").node_group = geometry_nodes()
    row = add_box("Row", (0.4, 0.4, 0.4), (-1, 1, 0))
    row.modifiers.new("array", "ARRAY").count = 3
    row.rotation_euler.z = 0.3
    keyed = add_box("Keyed", (0.4, 0.4, 0.4), (-1, -1, 0))
    keyed.shape_key_add(name="Basis")
    block = keyed.shape_key_add(name="Tall")
    block.data[4].co.z, block.value = 2.0, 0.5
    scene_task = assert_there_and_back(reopened(tmp_path), {"Shelf", "Row", "Keyed"})
    assert np.allclose(scene_task.task.item("Shelf").size, (1.1, 0.6, 1.8), atol=1e-5)
    assert np.allclose(scene_task.task.item("Row").size, (1.2, 0.4, 0.4), atol=1e-5)


def test_curves_texts_and_surfaces(tmp_path):
    new_scene()
    wire = bpy.data.curves.new("wire", "CURVE")
    wire.dimensions, wire.bevel_depth = "3D", 0.05
    spline = wire.splines.new("POLY")
    spline.points.add(2)
    spline.points[1].co, spline.points[2].co = (0, 0.6, 0.7, 1), (0.4, 0.6, 0.9, 1)
    add("Lamp", wire, (1, 1, 0))
    text = bpy.data.curves.new("text", "FONT")
    text.body, text.extrude = "Open", 0.05
    add("Sign", text, (-1, 1, 0)).rotation_euler.x = math.pi / 2
    assert_there_and_back(reopened(tmp_path), {"Lamp", "Sign"})


def test_hidden_objects(tmp_path):
    new_scene()
    desk = add_box("Desk", (1.2, 0.6, 0.7), (1, 1, 0))
    add_box("helper", (3, 3, 3), parent=desk).hide_render = True
    add_box("ghost", (3, 3, 3), parent=desk).hide_viewport = True
    add_box("Off", (1, 1, 1)).hide_viewport = True
    away = bpy.data.collections.new("away")
    bpy.context.scene.collection.children.link(away)
    add_box("Excluded", (1, 1, 1), collection=away)
    bpy.context.view_layer.layer_collection.children["away"].exclude = True
    eye = add_box("Eye", (1, 1, 1))
    eye.hide_set(True)
    scene = reopened(tmp_path)
    scene_task = assert_there_and_back(scene, {"Desk"})
    assert scene_task.items["Desk"].hidden == (False, True, True)
    assert np.allclose(scene_task.task.item("Desk").size, (1.2, 0.6, 0.7), atol=1e-6)


def test_several_collections_and_two_scenes(tmp_path):
    """An object in two collections and in two scenes, with a child that only the other scene has."""
    first = new_scene()
    second = bpy.data.scenes.new("Second")
    table = add_box("Table", (1.4, 0.8, 0.7), (1, 1, 0))
    for name in ("a", "b"):
        group = bpy.data.collections.new(name)
        first.collection.children.link(group)
        group.objects.link(table)
    second.collection.objects.link(table)
    add_box("vase", (0.1, 0.1, 3.0), (0, 0, 0.7), parent=table, collection=second.collection)
    add_box("Elsewhere", (1, 1, 1), (2, 2, 0), collection=second.collection)
    scene = reopened(tmp_path)
    assert scene.name == "Scene"
    scene_task = assert_there_and_back(scene, {"Table"})
    assert scene_task.task.item("Table").size[2] == pytest.approx(0.7)
    other = bpy.data.scenes["Second"]
    assert {i.id for i in scene_to_task(other, SceneOptions(size=(9, 9, 5))).task.items} == {"Table", "Elsewhere"}


@pytest.mark.parametrize("unit", [0.01, 1.0, 100.0])
def test_units_scales_rotations_and_parents(tmp_path, unit):
    """A turned floor; every way to say a transform; mirrored, uneven and delta scales; chains of parents."""
    scene = new_scene()
    scene.unit_settings.scale_length = unit
    k = 1 / unit
    add_floor([(x * k, y * k) for x, y in L_SHAPE], (7 * k, -2 * k, 1.2 * k), rotation=0.7)
    holder = add("Holder", at=(k, 0.5 * k, 0.1 * k))
    holder.rotation_euler, holder.scale = (0.2, -0.1, 0.3), (1.5, 1.5, 1.5)
    scales = {"mirrored": (-1, 1, 1), "flipped": (-1, -2, -1), "stretched": (2, 0.5, 3), "plain": (1, 1, 1)}
    modes = ("QUATERNION", "AXIS_ANGLE", "ZYX", "XYZ")
    for n, ((name, scale), mode) in enumerate(zip(scales.items(), modes, strict=True)):
        obj = add_box(name, (0.6 * k, 0.4 * k, 0.5 * k), (n * k, k, k))
        obj.rotation_mode, obj.scale = mode, scale
        obj.rotation_quaternion, obj.rotation_axis_angle = Quaternion((0.9, 0.1, 0.3, 0.2)), (1, 0.2, 0.3, 0.9)
        obj.rotation_euler = (0.1 * n, -0.3, 1 + n)
        obj.delta_location, obj.delta_rotation_euler = (0.2 * k, 0, 0), Euler((0, 0, 0.4))
        obj.delta_scale = (1, 1.5, 1)
        child = add_box(f"{name} knob", (0.1 * k, 0.1 * k, 0.1 * k), (0.3 * k, 0, 0.2 * k), parent=obj)
        child.rotation_euler, child.scale = (0.3, 0.2, 0.1), (1, 2, 1)
        if n % 2:
            obj.parent, obj.matrix_parent_inverse = holder, Matrix.Rotation(0.4, 4, "Y")
    scene = reopened(tmp_path)
    items = [bpy.data.objects[name] for name in scales]
    assert_there_and_back(scene, scales, floor=bpy.data.objects["Floor"], objects=items)


def test_long_names_in_any_language(tmp_path):
    new_scene()
    names = ["椅" * 21, "ك" * 31 + "a", "🛋" * 15 + "abc", "Ünïcödé · \"quoted\" \\ / 'x'", "a" * 63, "wall_3"]
    for k, name in enumerate(names):
        assert add_box(name, (0.4, 0.4, 0.4), (k - 2, 0, 0)).name == name
    ids = [*names[:-1], "wall_3 object"]
    scene = reopened(tmp_path)
    assert_there_and_back(scene, ids, size=(8, 8, 3), objects=list(scene.objects))


def test_one_name_in_two_libraries_and_the_file(tmp_path):
    """Linked objects stay, each with its own mesh, and a local object of that name moves."""
    sizes = {"one": (0.4, 0.5, 0.6), "two": (0.7, 0.8, 0.9)}
    for library, size in sizes.items():
        new_scene()
        bpy.data.libraries.write(str(tmp_path / f"{library}.blend"), {add_box("Chair", size)})
    scene = new_scene()
    for library in sizes:
        with bpy.data.libraries.load(str(tmp_path / f"{library}.blend"), link=True) as (_, wanted):
            wanted.objects = ["Chair"]
        scene.collection.objects.link(wanted.objects[0])
    add_box("Chair", (1, 1.1, 1.2), (2, 2, 0))
    scene = reopened(tmp_path)
    local = bpy.data.objects["Chair", None]
    local_id = next(k for k, obj in enumerate(scene.collection.all_objects) if obj == local)
    scene_task = assert_there_and_back(scene, {("Chair", "Chair 2", "Chair 3")[local_id]})
    found = {scene_task.items[i.id].objects[0].library: i.size for i in scene_task.task.items}
    told = {None if library is None else library.name.split(".")[0]: size for library, size in found.items()}
    for name, size in {None: (1, 1.1, 1.2), **sizes}.items():
        assert np.allclose(told[name], size, atol=1e-6)
    assert sorted(note.split()[-1] for note in scene_task.notes.values()) == ["one.blend", "two.blend"]


def test_library_overrides(tmp_path):
    """An override that the artist can edit moves; one that only came along does not."""
    new_scene()
    bpy.data.libraries.write(str(tmp_path / "set.blend"), {add_box("Mine", (1, 1, 1)), add_box("Theirs", (1, 1, 1))})
    scene = new_scene()
    with bpy.data.libraries.load(str(tmp_path / "set.blend"), link=True) as (_, wanted):
        wanted.objects = ["Mine", "Theirs"]
    for k, obj in enumerate(wanted.objects):
        own = obj.override_create()
        scene.collection.objects.link(own)
        own.location = (2 * k, 0, 0)
        own.override_library.is_system_override = obj.name == "Theirs"
    scene_task = assert_there_and_back(reopened(tmp_path), {"Mine"})
    assert scene_task.notes == {"Theirs": "a library override that cannot be edited"}


def test_armatures(tmp_path):
    """A mesh that an armature bends goes along with the armature that holds it."""
    new_scene()
    rig = add("Plant", bpy.data.armatures.new("rig"), (1, 1, 0))
    with bpy.context.temp_override(active_object=rig, object=rig, selected_objects=[rig]):
        bpy.context.view_layer.objects.active = rig
        bpy.ops.object.mode_set(mode="EDIT")
        bone = rig.data.edit_bones.new("stem")
        bone.head, bone.tail = (0, 0, 0), (0, 0, 1)
        bpy.ops.object.mode_set(mode="OBJECT")
    rig.pose.bones["stem"].rotation_mode = "XYZ"
    rig.pose.bones["stem"].rotation_euler.x = 0.4
    leaf = add_box("leaf", (0.3, 0.3, 1.2), parent=rig)
    leaf.vertex_groups.new(name="stem").add(range(8), 1.0, "REPLACE")
    leaf.modifiers.new("rig", "ARMATURE").object = rig
    pot = add("pot", box_mesh((0.2, 0.2, 0.2)), (0, 0, 0), rig)
    pot.parent_type, pot.parent_bone = "BONE", "stem"
    assert_there_and_back(reopened(tmp_path), {"Plant"})


def test_grandparents_and_parts_that_were_not_chosen(tmp_path):
    """Choosing a root empty and a grandchild gives the pieces below it; choosing a child alone moves it alone."""
    new_scene()
    group = add("Group", at=(0.5, 0.5, 0))
    group.rotation_euler.z = 0.5
    sofa = add_box("Sofa", (2, 0.9, 0.8), parent=group)
    add_box("cushion", (0.4, 0.4, 0.4), (0.3, 0, 0.8), parent=sofa)
    add_box("Table", (1, 1, 0.4), (2, 2, 0), parent=group)
    scene = reopened(tmp_path)
    ends = [bpy.data.objects["cushion"], bpy.data.objects["Group"]]
    task = scene_to_task(scene, SceneOptions(size=(8, 8, 3), objects=ends)).task
    assert [item.id for item in task.items] == ["Sofa", "Table"]
    assert_there_and_back(
        scene, {"Sofa", "Table"}, size=(8, 8, 3), objects=[bpy.data.objects["Sofa"], bpy.data.objects["Table"]]
    )
