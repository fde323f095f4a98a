"""Scenes as artists leave them, taken as tasks, and the way back to world transforms."""

from __future__ import annotations

import json
import math

import bpy
import numpy as np
import pytest
from mathutils import Euler, Matrix, Vector

from metaspatial_addon.blender.assets.library import AssetLibrary
from metaspatial_addon.blender.meshes import data_blocks, mesh_points
from metaspatial_addon.blender.scene_io.locks import LOCKED
from metaspatial_addon.blender.scene_io.room.outline import floor_outline
from metaspatial_addon.blender.scene_io.scene_to_task import scene_to_task
from metaspatial_addon.blender.turns import turns
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.task import Layout, Pose, layout_from_json, layout_to_json, task_from_json, task_to_json
from tests.blender.scenes import add, add_box, add_floor

L_SHAPE = ((0, 0), (4, 0), (4, 3), (2, 3), (2, 5), (0, 5))


@pytest.fixture
def scene():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene


def same_polygon(found, expected) -> bool:
    found = [tuple(corner) for corner in found]
    start = min(range(len(found)), key=lambda k: math.dist(found[k], expected[0]))
    return len(found) == len(expected) and np.allclose(found[start:] + found[:start], expected, atol=1e-4)


def close(a, b, tolerance=1e-6) -> bool:
    return np.allclose(np.array(a), np.array(b), atol=tolerance, rtol=0)


def test_dimensions_make_a_room_around_the_origin(scene):
    add_box("Sofa", (2, 0.9, 0.8), (1, -0.5, 0))
    snapshot = scene_to_task(scene, size=(5, 4, 2.5), prompt="cosy", room_type="living room")
    room = snapshot.task.room
    assert room.floor == ((0, 0), (5, 0), (5, 4), (0, 4)) and room.height == 2.5 and room.type == "living room"
    sofa = snapshot.task.item("Sofa")
    assert close(sofa.size, (2, 0.9, 0.8)) and sofa.mount == "floor" and not sofa.locked
    pose = snapshot.layout.poses["Sofa"]
    assert close((pose.x, pose.y, pose.z, pose.yaw), (3.5, 1.5, 0, 0))
    assert task_from_json(task_to_json(snapshot.task)).items[0].id == "Sofa"


def test_round_trip_is_exact_for_any_frame_and_shape(scene):
    """Turned and shifted floor, centimetres, tilts, mirrored and uneven scales, parents outside the item."""
    scene.unit_settings.scale_length = 0.01
    floor = add_floor([(x * 100, y * 100) for x, y in L_SHAPE], (730, -210, 120), turn=0.7)
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
        thing = add_box(name, (60, 40, 50), parent=holder)
        bpy.context.view_layer.update()
        thing.matrix_world = matrix
    bpy.context.view_layer.update()
    before = {name: bpy.data.objects[name].matrix_world.copy() for name in shapes}
    snapshot = scene_to_task(scene, floor=floor, objects=[bpy.data.objects[name] for name in shapes])
    assert np.allclose(snapshot.task.room.floor, L_SHAPE, atol=1e-4)
    assert close(sorted(snapshot.task.item("y up").size), (0.4, 0.5, 0.6), 1e-4)
    assert set(snapshot.layout.poses) == set(shapes)
    again = layout_from_json(json.loads(json.dumps(layout_to_json(snapshot.layout))))
    for layout in (snapshot.layout, again):
        back = snapshot.world_matrices(layout)
        assert all(close(back[name], before[name]) for name in shapes)
    moved = {item_id: Pose(1.2, 0.8, 0.1, 77.0) for item_id in shapes}
    for name, matrix in snapshot.world_matrices(Layout(snapshot.task.id, moved)).items():
        bpy.data.objects[name].matrix_world = matrix
    bpy.context.view_layer.update()
    after = scene_to_task(scene, floor=floor, objects=[bpy.data.objects[name] for name in shapes])
    for item_id, pose in after.layout.poses.items():
        assert close((pose.x, pose.y, pose.z, pose.yaw), (1.2, 0.8, 0.1, 77.0), 1e-3), item_id
        assert close(after.task.item(item_id).size, snapshot.task.item(item_id).size, 1e-4)


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
    snapshot = scene_to_task(scene, size=(6, 6, 2.7))
    assert [item.id for item in snapshot.task.items] == ["Desk"]
    assert close(snapshot.task.item("Desk").size, (1.2, 0.6, 0.75), 1e-5)
    points = mesh_points(snapshot.meshes["Desk"])
    assert close(points.min(axis=0), (-0.6, -0.3, 0), 1e-5) and close(points.max(axis=0), (0.6, 0.3, 0.75), 1e-5)
    drawer = points[(points[:, 2] > 0.45) & (points[:, 2] < 0.69) & (np.abs(points[:, 0]) > 0.1)]
    assert drawer[:, 0].min() > 0.29, "the drawer stays on its side"
    assert {(block.id_type, block.name) for block in data_blocks()} - before == {("MESH", "Desk")}
    assert snapshot.world_matrices(snapshot.layout).keys() == {"Desk"}
    assert {entry.object.name for entry in snapshot.placed(snapshot.layout)} >= {"Desk", "top", "drawers", "lamp"}
    snapshot.free()
    assert {(block.id_type, block.name) for block in data_blocks()} == before


def test_children_follow_and_turns_show_them(scene):
    root = add_box("Table", (1.2, 0.8, 0.75), (0.5, 0.5, 0))
    vase = add_box("vase", (0.1, 0.1, 0.3), (0.2, 0, 0.75), parent=root)
    add_box("cutter", (1, 1, 1), parent=root).hide_render = True
    snapshot = scene_to_task(scene, size=(6, 6, 2.7))
    layout = Layout(snapshot.task.id, {"Table": Pose(1.0, 5.0, 0.0, 90.0)})
    turn = turns.add_turn(turns.new_run(scene, "r"), snapshot.placed(layout), {})
    for name, matrix in snapshot.world_matrices(layout).items():
        bpy.data.objects[name].matrix_world = matrix
    bpy.context.view_layer.update()
    pose = snapshot.layout.poses["Table"]
    assert close((pose.x, pose.y, pose.z), (3.5, 3.5, 0))
    assert close(root.matrix_world.translation, (-2, 2, 0)) and close(vase.matrix_world.translation, (-2, 2.2, 0.75))
    assert [copy.name for copy in turn.objects if not copy.hide_viewport] == ["Table · 01", "vase · 01"]
    copies = {copy.name.split(" ·")[0]: copy for copy in turn.objects}
    assert all(close(copies[thing.name].matrix_world, thing.matrix_world) for thing in (root, vase))


@pytest.mark.parametrize(
    "hold, why",
    [
        (lambda o: setattr(o, "hide_select", True), "selected"),
        (lambda o: o.__setitem__(LOCKED, True), "marked"),
        (lambda o: setattr(o, "lock_location", (True, True, False)), "location"),
        (lambda o: o.keyframe_insert("location", frame=1), "animated"),
        (lambda o: o.driver_add("location", 0), "animated"),
        (lambda o: o.constraints.new("LIMIT_LOCATION"), "constraint"),
        (
            lambda o: setattr(o.children[0].constraints.new("COPY_LOCATION"), "target", bpy.data.objects["Chair"]),
            "handle",
        ),
        (
            lambda o: setattr(
                o.children[0].constraints.new("ARMATURE").targets.new(),
                "target",
                add("Rig", bpy.data.armatures.new("rig")),
            ),
            "handle has the constraint",
        ),
        (lambda o: setattr(o, "lock_rotation", (False, False, True)), "rotation"),
        (lambda o: put_under(o, "Holder", (2, 1, 1), 0.5), "shear it, since Holder"),
        (lambda o: put_under(o, "Holder", (1, 1, 1), 0.5, "VERTEX"), "follows a part of Holder"),
        (
            lambda o: setattr(o.modifiers.new("m", "MIRROR"), "mirror_object", bpy.data.objects["Chair"]),
            "shaped by Chair",
        ),
        (
            lambda o: setattr(o.children[0].modifiers.new("m", "BOOLEAN"), "object", bpy.data.objects["Chair"]),
            "handle is shaped by Chair",
        ),
        (lambda o: join_by_physics(o, bpy.data.objects["Chair"]), "rigid-body constraint"),
        (lambda o: simulate(o), "physics moves Wardrobe"),
        (lambda o: (o.modifiers.new("c", "CLOTH"), bpy.context.scene.frame_set(9)), "physics shapes Wardrobe"),
    ],
)
def test_what_cannot_move_is_locked(scene, hold, why):
    add_box("Chair", (0.5, 0.5, 0.9), (1, 1, 0)).hide_select = why == "rigid-body constraint"
    add_box("Stool", (0.5, 0.5, 0.5), (1, -1, 0))
    wardrobe = add_box("Wardrobe", (1, 0.6, 2), (-1, 0.5, 0))
    add_box("handle", (0.02, 0.02, 0.1), (0, -0.3, 1), parent=wardrobe)
    hold(wardrobe)
    snapshot = scene_to_task(scene, size=(6, 6, 2.7), objects=[o for o in scene.objects if o.name != "Holder"])
    item = snapshot.task.item("Wardrobe")
    assert item.locked and item.pose is not None and why in snapshot.notes["Wardrobe"]
    assert "Stool" in snapshot.layout.poses and "Wardrobe" not in snapshot.layout.poses
    assert ("Chair" in snapshot.layout.poses) == (why != "rigid-body constraint")


@pytest.mark.parametrize(
    "harmless",
    [
        lambda o: put_under(o, "Holder", (2, 2, 2), 0.5),
        lambda o: put_under(o, "Holder", (2, 2, 1), 0.5),
        lambda o: setattr(o, "lock_location", (False, False, True)),
        lambda o: setattr(o, "lock_rotation", (True, True, False)),
        lambda o: setattr(o.modifiers.new("m", "MIRROR"), "mirror_object", o.children[0]),
        lambda o: setattr(o.modifiers.new("m", "DATA_TRANSFER"), "object", bpy.data.objects["Chair"]),
        lambda o: setattr(o.modifiers.new("m", "SHRINKWRAP"), "show_viewport", False),
        lambda o: o.modifiers.new("c", "CLOTH"),
        lambda o: setattr(o.constraints.new("LIMIT_LOCATION"), "mute", True),
    ],
)
def test_what_can_move_is_not_locked(scene, harmless):
    add_box("Chair", (0.5, 0.5, 0.9), (1, 1, 0))
    wardrobe = add_box("Wardrobe", (1, 0.6, 2), (-1, 0.5, 0))
    add_box("handle", (0.02, 0.02, 0.1), (0, -0.3, 1), parent=wardrobe)
    harmless(wardrobe)
    snapshot = scene_to_task(scene, size=(9, 9, 2.7), objects=[o for o in scene.objects if o.name != "Holder"])
    assert snapshot.layout.poses.keys() == {"Chair", "Wardrobe"} and not snapshot.notes


def put_under(thing, name, scale, turn, kind="OBJECT"):
    holder = add(name, bpy.data.meshes.new("m") if kind == "VERTEX" else None)
    holder.rotation_euler.z, holder.scale = turn, scale
    if kind == "VERTEX":
        holder.data.from_pydata([(0, 0, 0)], [], [])
    thing.parent, thing.parent_type = holder, kind
    bpy.context.view_layer.update()


def physics():
    world = bpy.context.scene.rigidbody_world
    if world is None:
        bpy.ops.rigidbody.world_add()
        world = bpy.context.scene.rigidbody_world
        world.collection, world.constraints = (bpy.data.collections.new("physics") for _ in range(2))
    return world


def simulate(thing):
    physics().collection.objects.link(thing)
    bpy.context.scene.frame_current = 9


def join_by_physics(thing, other):
    tie = add("Tie")
    physics().constraints.objects.link(tie)
    tie.rigid_body_constraint.object1, tie.rigid_body_constraint.object2 = thing, other


def test_linked_objects_are_locked_and_instances_of_them_are_not(scene, tmp_path):
    source = add_box("Shelf", (0.8, 0.3, 1.8))
    group = bpy.data.collections.new("Lounge Chair")
    group.objects.link(source)
    bpy.data.libraries.write(str(tmp_path / "pieces.blend"), {group})
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    with bpy.data.libraries.load(str(tmp_path / "pieces.blend"), link=True) as (_, wanted):
        wanted.objects, wanted.collections = ["Shelf"], ["Lounge Chair"]
    scene.collection.objects.link(wanted.objects[0])
    for x in (-1, 1):
        chair = add("Lounge Chair", at=(x, 1, 0))
        chair.instance_type, chair.instance_collection = "COLLECTION", wanted.collections[0]
    snapshot = scene_to_task(scene, size=(6, 6, 2.7))
    assert {item.id: item.locked for item in snapshot.task.items} == {
        "Shelf": True,
        "Lounge Chair": False,
        "Lounge Chair.001": False,
    }
    assert "pieces.blend" in snapshot.notes["Shelf"]
    assert close(snapshot.task.item("Lounge Chair.001").size, (0.8, 0.3, 1.8))


def test_mounts_come_from_contact(scene):
    floor = add_floor()
    add_box("desk", (1.4, 0.7, 0.75), (1, 1, 0))
    add_box("monitor", (0.6, 0.2, 0.4), (1.2, 1, 0.76))
    add_box("picture", (0.03, 0.8, 0.6), (0.02, 2, 1.4))
    add_box("pendant", (0.4, 0.4, 0.6), (2.5, 2, 2.1))
    add_box("rug", (2, 1.4, 0.01), (3.5, 2.5, 0))
    add_box("balloon", (0.3, 0.3, 0.3), (3, 3, 1.5))
    snapshot = scene_to_task(scene, floor=floor)
    assert {item.id: item.mount for item in snapshot.task.items} == {
        "desk": "floor",
        "monitor": "surface",
        "picture": "wall",
        "pendant": "ceiling",
        "rug": "floor",
        "balloon": "floor",
    }
    assert [item.id for item in snapshot.task.items if item.covering] == ["rug"]


def test_what_waits_on_the_ground_goes_where_its_kind_belongs(scene):
    things = [
        add_box("Table Lamp", (0.3, 0.3, 0.5), (1, 1, 0)),
        add_box("Pendant Lamp", (0.4, 0.4, 0.4), (2, 1, 0)),
        add_box("Mirror", (0.8, 0.05, 1.7), (3, 1, 0)),
        add_box("Picture", (0.6, 0.03, 0.8), (9, 1, 0)),
        add_box("Chair", (0.5, 0.5, 0.9), (9, 3, 0)),
    ]
    snapshot = scene_to_task(scene, floor=add_floor(), objects=things, library=AssetLibrary())
    assert {item.id: item.mount for item in snapshot.task.items} == {
        "Table Lamp": "surface",
        "Pendant Lamp": "ceiling",
        "Mirror": "floor",
        "Picture": "wall",
        "Chair": "floor",
    }


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
        return [item.id for item in scene_to_task(scene, floor=floor, **how).task.items]

    assert ids() == ["Sofa", "stool"]
    assert scene_to_task(scene, floor=floor).left_out == ("North Wall", "Cube", "outside")
    assert ids(collection=seating) == ["Sofa", "stool"]
    assert ids(objects=[sofa]) == ["Sofa"]
    assert ids(objects=[sofa, bpy.data.objects["outside"]]) == ["Sofa", "outside"], "asked for, so taken"
    sofa.hide_set(True)
    assert ids(collection=seating) == ["stool"]


def test_names_that_mean_something_else_are_changed(scene):
    for k, name in enumerate(("wall_1", "room", "wall")):
        add_box(name, (0.5, 0.5, 0.5), (k, 0, 0))
    task = scene_to_task(scene, size=(6, 6, 2.7), objects=list(scene.objects)).task
    assert [item.id for item in task.items] == ["wall_1 object", "room object", "wall object"]
    assert task_from_json(task_to_json(task)) is not None


def test_categories_are_known_by_their_words(scene, tmp_path):
    assets = [
        ("double bed", [1.6, 2.1, 0.9], ["bed", "king bed"]),
        ("single bed", [0.9, 2.0, 0.9], ["bed"]),
        ("bookshelf", [0.8, 0.3, 1.8], ["bookcase", "shelf"]),
        ("wall shelf", [0.8, 0.25, 0.1], ["shelf"]),
        ("table lamp", [0.3, 0.3, 0.5], ["lamp"]),
    ]
    entries = [{"name": c.replace(" ", "_"), "category": c, "size": s, "words": w} for c, s, w in assets]
    (tmp_path / "catalog.json").write_text(json.dumps({"schema": "metaspatial.catalog/1", "assets": entries}))
    names = {
        "Wooden Bed.001": ((1.7, 2.0, 0.6), "double bed"),
        "KidsBed_02": ((0.9, 1.9, 0.5), "single bed"),
        "BOOK_SHELF": ((0.9, 0.3, 1.9), "bookshelf"),
        "Lamps": ((0.2, 0.2, 0.4), "table lamp"),
        "MoonRock.003": ((0.2, 0.2, 0.2), "moon rock"),
        "42": ((0.2, 0.2, 0.2), "object"),
        "Kühlschrank": ((0.6, 0.6, 1.8), "kühlschrank"),
    }
    for k, (name, (size, _)) in enumerate(names.items()):
        add_box(name, size, (-2 + 0.6 * k, 0, 0))
    task = scene_to_task(scene, size=(9, 9, 2.7), library=AssetLibrary(tmp_path)).task
    assert {item.id: item.category for item in task.items} == {name: c for name, (_, c) in names.items()}


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
        scene_to_task(scene, **how)
    assert {block.name for block in data_blocks()} == before


def outline_of(points, faces):
    triangles = [(face[0], face[i], face[i + 1]) for face in faces for i in range(1, len(face) - 1)]
    return floor_outline(np.array(points, dtype=float), np.array(triangles))


def test_outline_of_a_plane_turned_over():
    corners, height = outline_of([(0, 0, 2), (0, 3, 2), (4, 3, 2), (4, 0, 2)], [(0, 1, 2, 3)])
    assert same_polygon(corners, ((0, 0), (4, 0), (4, 3), (0, 3))) and height == 2


def test_outline_of_tiles_of_different_sizes():
    """Tiles that share no vertices, one of them next to two smaller ones, together an L."""
    tiles = [(0, 0, 2, 2), (2, 0, 3, 1), (2, 1, 3, 2), (0, 2, 1, 3.5)]
    points, faces = [], []
    for x0, y0, x1, y1 in tiles:
        faces.append(tuple(range(len(points), len(points) + 4)))
        points += [(x0, y0, 0), (x1 + 1e-6, y0, 0), (x1, y1, 0), (x0, y1, 0)]
    corners, _ = outline_of(points, faces)
    assert same_polygon(corners, ((0, 0), (3, 0), (3, 2), (1, 2), (1, 3.5), (0, 3.5)))


def test_outline_of_a_room_in_one_mesh():
    """Floor slab, walls with tops, and a ceiling: the floor is the lowest large level."""

    def box(x0, y0, z0, x1, y1, z1):
        start = len(points)
        points.extend((x, y, z) for z in (z0, z1) for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1)))
        faces.extend(
            tuple(start + i for i in face)
            for face in ((0, 3, 2, 1), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7))
        )

    points, faces = [], []
    box(0, 0, -0.2, 5, 4, 0)
    for wall in ((-0.1, -0.1, 5.1, 0), (-0.1, 4, 5.1, 4.1), (-0.1, 0, 0, 4), (5, 0, 5.1, 4)):
        box(wall[0], wall[1], -0.2, wall[2], wall[3], 2.5)
    box(-0.1, -0.1, 2.5, 5.1, 4.1, 2.7)
    corners, height = outline_of(points, faces)
    assert height == pytest.approx(0) and same_polygon(corners, ((0, 0), (5, 0), (5, 4), (0, 4)))


def test_outline_fills_holes_and_takes_the_largest_piece():
    ring = [(0, 0, 0), (4, 0, 0), (4, 4, 0), (0, 4, 0), (1, 1, 0), (3, 1, 0), (3, 3, 0), (1, 3, 0)]
    faces = [(0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7), (8, 9, 10, 11)]
    island = [(4, 4, 0), (5, 4, 0), (5, 5, 0), (4, 5, 0)]
    corners, _ = outline_of(ring + island, faces)
    assert same_polygon(corners, ((0, 0), (4, 0), (4, 4), (0, 4)))


def test_outline_of_nothing_level():
    assert outline_of([(0, 0, 0), (1, 0, 0), (0, 0, 1)], [(0, 1, 2)]) is None
