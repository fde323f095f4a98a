"""The stage: what it builds, where it puts things, and that nothing of it stays behind."""

from __future__ import annotations

import math

import bpy
import numpy as np
import pytest

from metaspatial_addon.blender.meshes import data_blocks
from metaspatial_addon.blender.physics import body as body_module
from metaspatial_addon.blender.physics import stage as stage_module
from metaspatial_addon.blender.physics.room_meshes import OUTWARD, WALL_THICKNESS_M
from metaspatial_addon.blender.physics.stage import PREFIX, Stage
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.polygon import contains, distance_to_edges, signed_area
from metaspatial_addon.core.task import Item, Layout, Opening, Pose, Room, Task
from tests.blender.physics import solids

FLOORS = {
    "square": ((0, 0), (4, 0), (4, 3), (0, 3)),
    "L": ((0, 0), (6, 0), (6, 3), (3, 3), (3, 6), (0, 6)),
    "slanted": ((0, 0), (5, -1), (6, 3), (2, 5), (-1, 2)),
}
DOOR = Opening("door_1", "door", 0, 0.5, 0.9, 0.0, 2.0)
WINDOW = Opening("window_1", "window", 1, 1.0, 1.2, 0.9, 1.2)


BED, DESK = Item("bed", "bed", (1.6, 2.0, 0.5)), Item("desk", "desk", (1.2, 0.6, 0.75))


def a_task(floor=FLOORS["L"], items=(BED, DESK)):
    return Task("t", "", Room("bedroom", floor, 2.5, (DOOR, WINDOW)), tuple(items))


def all_blocks():
    return {(type(block).__name__, block.name) for block in data_blocks()}


@pytest.fixture
def stage():
    with Stage() as stage:
        yield stage


def test_nothing_stays_behind():
    before = all_blocks()
    mine = solids.table()
    with Stage() as stage:
        stage.open(a_task())
        stage.place(Layout("t", {"bed": Pose(2, 2)}))
        stage.open(a_task(FLOORS["square"]), {"desk": mine})
        assert all(name.startswith(PREFIX) for _, name in all_blocks() - before if name != mine.name)
        stage.clear()
        stage.open(a_task())
    assert all_blocks() == before | {("Mesh", mine.name)}
    bpy.data.meshes.remove(mine)


def test_library_assets_leave_nothing_behind():
    with Stage() as stage:
        if not (stage.library.root / "furniture.blend").exists():
            pytest.skip("the furniture library has not been built")
        before = all_blocks()
        items = [
            Item(f"item_{k}", a.category, a.size, a.mount, a.name)
            for k, a in enumerate(list(stage.library.assets.values())[:12])
        ]
        stage.open(a_task(items=items))
        assert all(len(body.object.data.materials) > 0 for body in stage.bodies.values())
    assert all_blocks() == before


def test_poses_become_transforms(stage):
    lamp = Item("lamp", "lamp", (0.3, 0.3, 1.5), locked=True, pose=Pose(1, 2, 0, 90))
    stage.open(a_task(items=[BED, DESK, lamp]))
    assert [body.item.id for body in stage.placed] == ["lamp"]
    stage.place(Layout("t", {"bed": Pose(2, 1.5, 0.25, 270)}))
    bed, desk = stage.bodies["bed"], stage.bodies["desk"]
    assert [body.item.id for body in stage.placed] == ["bed", "lamp"]
    assert tuple(bed.object.location) == (2, 1.5, 0.25)
    assert bed.object.rotation_euler.z == pytest.approx(math.radians(270))
    assert not bed.object.hide_render and desk.object.hide_render and desk.object.hide_viewport
    corners = bed.to_room(bed.vertices)
    assert corners.min(axis=0) == pytest.approx([1, 0.7, 0.25], abs=1e-6)
    assert corners.max(axis=0) == pytest.approx([3, 2.3, 0.75], abs=1e-6)
    assert bed.to_local(corners) == pytest.approx(bed.vertices)
    stage.scene.view_layers[0].update()
    world = np.array([bed.object.matrix_world @ v.co for v in bed.object.data.vertices])
    assert world == pytest.approx(corners, abs=1e-5)


def test_like_items_share_a_mesh_and_the_cache_is_bounded(stage, monkeypatch):
    monkeypatch.setattr(stage_module, "MAX_CACHED_SHAPES", 4)
    stage.open(a_task(items=[Item("a", "box", (1, 1, 1)), Item("b", "crate", (1, 1, 1))]))
    assert stage.bodies["a"].shape is stage.bodies["b"].shape
    count = len(bpy.data.meshes)
    for k in range(20):
        stage.open(a_task(items=[Item("a", "box", (1 + k, 1, 1)), Item("b", "box", (1, 1 + k, 1))]))
        stage.place(Layout("t", {"a": Pose(1, 1), "b": Pose(2, 2)}))
    assert len(bpy.data.meshes) <= count + 4
    assert stage.bodies["a"].object.data.name


def test_a_heavy_mesh_is_thinned_for_physics_alone(stage, monkeypatch):
    monkeypatch.setattr(body_module, "MAX_TRIANGLES", 2000)
    before = all_blocks()
    heavy = solids.ball(0.5, 64)
    stage.open(a_task(), {"bed": heavy})
    body = stage.bodies["bed"]
    assert body.object.data is heavy and len(heavy.polygons) == 64 * 64
    assert 1000 < len(body.triangles) <= 2000
    assert body.shape.high - body.shape.low == pytest.approx([1, 1, 1], abs=1e-5)
    assert np.linalg.norm(body.vertices - (0, 0, 0.5), axis=1) == pytest.approx(0.5, abs=0.005)
    stage.clear()
    bpy.data.meshes.remove(heavy)
    assert all_blocks() == before


def test_a_mesh_without_faces_is_refused(stage):
    with pytest.raises(InputError, match="at least one face"):
        stage.open(a_task(), {"bed": bpy.data.meshes.new("nothing")})


def test_a_task_that_cannot_be_built_is_not_open(stage):
    stage.open(a_task())
    broken = a_task(items=[BED, Item("lamp", "lamp", (0.3, 0.3, 1.5), asset="no_such_asset")])
    with pytest.raises(InputError, match="no_such_asset"):
        stage.open(broken)
    assert stage.task is None
    stage.open(a_task())
    assert set(stage.bodies) == {"bed", "desk"}


@pytest.mark.parametrize("name", FLOORS)
def test_the_room_has_the_floors_shape(stage, name):
    floor = FLOORS[name]
    stage.open(a_task(floor))
    for object_, height in ((stage.room.floor, 0.0), (stage.room.ceiling, 2.5)):
        assert sum(p.area for p in object_.data.polygons) == pytest.approx(signed_area(floor), rel=1e-5)
        assert {v.co.z for v in object_.data.vertices} == {height}
    assert len(stage.room.walls) == len(floor)
    for k, wall in enumerate(stage.room.walls):
        points = np.array([v.co[:2] for v in wall.data.vertices])
        off = distance_to_edges(points, floor)
        assert not contains(points[off > 1e-5], floor).any()  # nothing of a wall stands in the room
        assert (off < 1e-5).any()
        a, b = np.array(floor[k]), np.array(floor[(k + 1) % len(floor)])
        out = np.array(wall[OUTWARD][:])
        assert out @ (b - a) == pytest.approx(0, abs=1e-6)
        assert not contains([(a + b) / 2 + 0.01 * out], floor)[0]


def test_openings_are_cut(stage):
    stage.open(a_task())
    door_wall, window_wall, plain = stage.room.walls[0], stage.room.walls[1], stage.room.walls[2]

    def seen(wall, x, y, z):
        """Material of the first face that a ray outwards from the room meets."""
        hit, _, _, face = wall.evaluated_get(evaluated).ray_cast((x, y, z), (*wall[OUTWARD], 0.0))
        slots = wall.data.materials
        return slots[wall.data.polygons[face].material_index].name.removeprefix(PREFIX) if hit else None

    layer = stage.scene.view_layers[0]
    layer.update()
    evaluated = layer.depsgraph
    assert seen(door_wall, 0.95, 1, 1.0) == "door"
    assert seen(door_wall, 0.95, 1, 2.2) == "wall" and seen(door_wall, 0.4, 1, 1.0) == "wall"
    assert seen(window_wall, 5, 1.6, 1.5) == "glass"
    assert seen(window_wall, 5, 1.6, 0.5) == "wall" and seen(window_wall, 5, 1.6, 2.3) == "wall"
    assert seen(plain, 4, 1, 1.5) == "wall"


def test_walls_close_the_corners(stage):
    """The walls' volume is that of a mitred ring around the room, less its openings."""
    floor = FLOORS["slanted"]
    stage.open(Task("t", "", Room("room", floor, 2.5), (Item("a", "box", (1, 1, 1)),)))
    total = 0.0
    for wall in stage.room.walls:
        mesh = wall.data
        mesh.calc_loop_triangles()
        for t in mesh.loop_triangles:
            a, b, c = (mesh.vertices[v].co for v in t.vertices)
            total += a.dot(b.cross(c)) / 6
    p = np.array(floor, dtype=float)
    edges = np.roll(p, -1, axis=0) - p
    before = np.roll(edges, 1, axis=0)
    turns = np.arctan2(before[:, 0] * edges[:, 1] - before[:, 1] * edges[:, 0], (before * edges).sum(axis=1))
    ring = WALL_THICKNESS_M * np.linalg.norm(edges, axis=1).sum() + WALL_THICKNESS_M**2 * np.tan(turns / 2).sum()
    assert total == pytest.approx(2.5 * ring, rel=1e-4)
