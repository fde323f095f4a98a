"""What an artist sets beside the objects themselves: walls, options of items, obstacles."""

from __future__ import annotations

import math

import bpy
import numpy as np
import pytest

from metaspatial_addon.blender.meshes import data_blocks
from metaspatial_addon.blender.physics.collisions import overlap_depth
from metaspatial_addon.blender.physics.stage import Stage
from metaspatial_addon.blender.scene_io.obstacles import MOST_FACES, NOTE
from metaspatial_addon.blender.scene_io.scene_to_task import ItemOptions, SceneOptions, scene_to_task
from metaspatial_addon.core.detectors.overlaps import find_overlaps
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.task import Layout, Pose
from tests.blender.physics import solids
from tests.blender.scenes import add, add_box, root_matrices


@pytest.fixture
def scene():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene


def add_walls(rotation=0.0, at=(0, 0, 0), height=2.5):
    """Four boxes around 5 x 4 m, under an empty."""
    house = add("House", at=at)
    house.rotation_euler.z = rotation
    places = [((5.4, 0.2), (2.5, -0.1)), ((0.2, 4), (5.1, 2)), ((5.4, 0.2), (2.5, 4.1)), ((0.2, 4), (-0.1, 2))]
    return [add_box(f"Wall {k}", (*size, height), (*where, 0), parent=house) for k, (size, where) in enumerate(places)]


@pytest.mark.parametrize("unit", [1.0, 0.01])
def test_the_room_inside_walls(scene, unit):
    """It is turned with its walls and as high; walls and what holds them are no items, what hangs on them may be."""
    walls = add_walls(0.3, (3, 1, 0.5))
    add_box("Picture", (0.6, 0.05, 0.4), (0, 0.13, 1.2), parent=walls[0])
    sofa = add_box("Sofa", (2, 0.9, 0.8))
    bpy.context.view_layer.update()
    sofa.matrix_world = walls[0].parent.matrix_world @ sofa.matrix_world
    sofa.location += walls[0].parent.matrix_world.to_3x3() @ sofa.location.__class__((2, 2, 0))
    if unit != 1.0:
        scene.unit_settings.scale_length = unit
        for obj in scene.objects:
            if obj.parent is None:
                obj.scale, obj.location = [s / unit for s in obj.scale], obj.location / unit
    bpy.context.view_layer.update()
    scene_task = scene_to_task(scene, SceneOptions(walls=walls))
    room = scene_task.task.room
    assert np.allclose(room.floor, ((0, 0), (5, 0), (5, 4), (0, 4)), atol=1e-3)
    assert room.height == pytest.approx(2.5, abs=1e-3)
    assert {item.id: item.mount for item in scene_task.task.items} == {"Sofa": "floor", "Picture": "wall"}
    pose = scene_task.layout.poses["Sofa"]
    assert (pose.x, pose.y, pose.z) == pytest.approx((2, 2, 0), abs=1e-3)
    assert (pose.yaw + 180) % 360 == pytest.approx(180, abs=0.01)
    assert scene_to_task(scene, SceneOptions(walls=walls, height=3.1)).task.room.height == 3.1
    with pytest.raises(InputError, match="walls: expected visible objects that enclose a room"):
        scene_to_task(scene, SceneOptions(walls=[walls[0], walls[0].parent]))


@pytest.mark.parametrize("front, yaw", [("-Y", 0), ("+X", 90), ("+Y", 180), ("-X", 270)])
@pytest.mark.parametrize("upright", [True, False])
def test_fronts_turn_the_frame_of_an_item(scene, front, yaw, upright):
    """Also of what was modelled with y upwards, as files from other programs are."""
    obj = add_box("Cabinet", (1.2, 0.5, 0.9), (1, 0.5, 0))
    obj.rotation_euler.z = 0.2
    if not upright:
        obj.rotation_euler.x = math.pi / 2
    bpy.context.view_layer.update()
    matrix = obj.matrix_world.copy()
    scene_task = scene_to_task(scene, SceneOptions(size=(6, 6, 2.7), items={"Cabinet": ItemOptions(front=front)}))
    item, pose = scene_task.task.item("Cabinet"), scene_task.layout.poses["Cabinet"]
    assert pose.yaw == pytest.approx(yaw + math.degrees(0.2), abs=1e-4)
    deep, high = (0.5, 0.9) if upright else (0.9, 0.5)
    assert item.size == pytest.approx((1.2, deep, high) if yaw % 180 == 0 else (deep, 1.2, high), abs=1e-5)
    moved = root_matrices(scene_task, Layout("x", {"Cabinet": Pose(2, 2, 0, 0)}))[obj].to_3x3()
    axis = {"-Y": (0, -1, 0), "+X": (1, 0, 0), "+Y": (0, 1, 0), "-X": (-1, 0, 0)}[front]
    looks = moved @ obj.location.__class__(axis)
    if upright or front in ("+X", "-X"):
        assert np.allclose(looks, (0, -1, 0), atol=1e-6)
    assert np.allclose(root_matrices(scene_task, scene_task.layout)[obj], matrix, atol=1e-7)


def test_options_lock_and_name_items(scene):
    for k, name in enumerate(("Cube", "Cube.001", "Cube.002")):
        add_box(name, (0.5, 0.5, 0.5), (k, 0, 0))
    items = {"Cube": ItemOptions(locked=True), "Cube.001": ItemOptions(category="reading chair")}
    scene_task = scene_to_task(scene, SceneOptions(size=(6, 6, 2.7), items=items))
    assert scene_task.notes == {"Cube": "marked as locked"}
    assert [item.category for item in scene_task.task.items] == ["cube", "reading chair", "cube"]
    assert scene_task.layout.poses.keys() == {"Cube.001", "Cube.002"}


def test_obstacles_stay_and_the_building_is_left_out(scene):
    desk = add_box("Desk", (1.4, 0.7, 0.75), (1, 1, 0))
    lamp = add_box("lamp", (0.2, 0.2, 0.4), (0, 0, 0.75), parent=desk)
    shelf = add_box("Shelf", (0.8, 0.3, 1.8), (-1, -1, 0))
    chair = add_box("Chair", (0.4, 0.4, 0.9), (0, 1, 0), parent=shelf)
    add_box("books", (0.5, 0.2, 0.2), (0, 0, 1.8), parent=shelf)
    add_box("Rug", (2, 1.4, 0.01))
    for name, size, at in (
        ("North Wall", (6, 0.2, 2.7), (0, 2.9, 0)),
        ("Shell", (6.4, 6.4, 2.9), (0, 0, -0.1)),
        ("Slab", (6, 6, 0.2), (0, 0, -0.2)),
        ("Attic box", (1, 1, 1), (0, 0, 2.7)),
        ("Tree", (1, 1, 4), (9, 9, 0)),
        ("Outer", (6, 0.2, 2.7), (0, 3.1, 0)),
    ):
        add_box(name, size, at)
    add_box("Unseen", (1, 1, 1)).hide_render = True
    door = add_box("Marker", (0.9, 0.1, 2), (1, -3, 0))
    add("Sun", bpy.data.lights.new("sun", "SUN"))
    before = {block.session_uid for block in data_blocks()}
    scene_task = scene_to_task(
        scene,
        SceneOptions(
            size=(6, 6, 2.7), objects=[desk, chair], obstacles=list(scene.objects), openings={door.name: "door"}
        ),
    )
    assert scene_task.layout.poses.keys() == {"Desk", "Chair"}
    assert [i.id for i in scene_task.task.locked] == ["Shelf", "books", "Rug"]
    assert set(scene_task.notes.values()) == {NOTE}
    assert scene_task.task.item("Rug").covering and scene_task.task.item("books").mount == "surface"
    assert set(scene_task.left_out) >= {"North Wall", "Shell", "Slab", "Attic box", "Tree", "Outer"}
    assert not {"Marker", "lamp", "Desk", "Chair"} & set(scene_task.left_out)
    assert lamp in scene_task.items["Desk"].objects
    scene_task.free()
    assert {block.session_uid for block in data_blocks()} == before


def fine(mesh: bpy.types.Mesh, cuts: int) -> bpy.types.Mesh:
    """The mesh with each face cut into `cuts` squared."""
    import bmesh

    bm = bmesh.new()
    bm.from_mesh(mesh)
    bmesh.ops.subdivide_edges(bm, edges=bm.edges, cuts=cuts - 1, use_grid_fill=True)
    bm.to_mesh(mesh)
    bm.free()
    return mesh


@pytest.mark.parametrize("cuts", [1, 25, 60])
def test_items_under_tables_that_are_obstacles(scene, cuts):
    """Exact up to 20,000 faces, and nearly so beyond: 30, 18,750 and 108,000 of them."""
    table = add("Table", fine(solids.table(), cuts), (0, 0, 0))
    table.rotation_euler.z = 0.5
    stool = add_box("Stool", (0.4, 0.4, 0.6), (2, 0, 0))
    faces = len(table.data.polygons)
    assert faces == 30 * cuts**2
    scene_task = scene_to_task(scene, SceneOptions(size=(6, 6, 2.7), objects=[stool], obstacles=[table]))
    mesh = scene_task.meshes["Table"]
    assert len(mesh.polygons) == faces if faces <= MOST_FACES else 500 < len(mesh.polygons) <= MOST_FACES
    assert scene_task.task.item("Table").size == pytest.approx((1.4, 0.8, 0.75), abs=1e-4)
    with Stage() as stage:
        stage.open(scene_task.task, scene_task.meshes)

        def overlaps(x, y, z=0.0):
            stage.place(Layout(scene_task.task.id, {"Stool": Pose(x, y, z, math.degrees(0.5))}))
            return [o.depth for o in find_overlaps(stage.placed, overlap_depth)]

        assert not overlaps(3, 3) and not overlaps(3, 3, 0.76)
        assert overlaps(3, 3, 0.2)[0] == pytest.approx(0.09, abs=0.02)
        leg = np.array([0.67 * math.cos(0.5) - 0.37 * math.sin(0.5), 0.67 * math.sin(0.5) + 0.37 * math.cos(0.5)])
        assert overlaps(3 + leg[0], 3 + leg[1])


def test_many_and_heavy_obstacles_are_affordable(scene):
    """A meadow of a thousand instances, and an instance of something heavy, become meshes of few faces."""
    add_box("Stool", (0.4, 0.4, 0.6), (2, 0, 0))
    blades = bpy.data.collections.new("blades")
    add("blade", fine(solids.box(0.02, 0.02, 0.3), 6), collection=blades)
    ground = bpy.data.meshes.new("ground")
    ground.from_pydata([(0.05 * (k % 32), 0.05 * (k // 32), 0) for k in range(1024)], [], [])
    lawn = add("Lawn", ground, (-2, -2, 0))
    lawn.instance_type = "VERTS"
    blade = add("tuft", at=(0, 0, 0), parent=lawn)
    blade.instance_type, blade.instance_collection = "COLLECTION", blades
    heavy = bpy.data.collections.new("heavy")
    add("ball", fine(solids.ball(0.4), 8), collection=heavy)
    ball = add("Ball", at=(1, 1, 0))
    ball.instance_type, ball.instance_collection, ball.scale = "COLLECTION", heavy, (1, 1, 2)
    scene_task = scene_to_task(
        scene, SceneOptions(size=(6, 6, 2.7), objects=[scene.objects["Stool"]], obstacles=list(scene.objects))
    )
    assert {"Stool", "Ball"} <= {item.id for item in scene_task.task.items}
    assert all(len(mesh.polygons) <= MOST_FACES for mesh in scene_task.meshes.values())
    assert scene_task.task.item("Ball").size == pytest.approx((0.8, 0.8, 1.6), abs=1e-3)
