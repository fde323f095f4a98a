"""Overlaps of meshes: what crosses, how deep, and what only touches."""

from __future__ import annotations

import math
import random
from itertools import combinations

import pytest

from metaspatial_addon.blender.physics.collisions import mesh_depth, overlap_depth
from metaspatial_addon.blender.physics.stage import Stage
from metaspatial_addon.core.detectors.overlaps import find_overlaps
from metaspatial_addon.core.geometry import penetration
from metaspatial_addon.core.task import Item, Layout, Pose, Room, Task
from tests.blender.physics import solids
from tests.growth import growth

ROOM = Room("living room", ((0, 0), (6, 0), (6, 6), (0, 6)), 3.0)


@pytest.fixture(scope="module")
def stage():
    with Stage() as stage:
        yield stage


def overlaps(stage, *things, **flags):
    """Overlaps of (mesh, pose) pairs, called a, b, c…; `flags` are more fields of the items, by id."""
    names = "abcdef"[: len(things)]
    items = tuple(Item(name, "thing", (1, 1, 1), **flags.get(name, {})) for name in names)
    stage.open(Task("t", "", ROOM, items), {name: mesh for name, (mesh, _) in zip(names, things, strict=True)})
    stage.place(Layout("t", {name: Pose(*pose) for name, (_, pose) in zip(names, things, strict=True)}))
    return find_overlaps(stage.placed, overlap_depth)


CASES = {
    "side by side": ((solids.box, 1, 1, 1), (2, 2), (solids.box, 0.5, 0.5, 1), (2.75, 2), 0),
    "side by side, turned": ((solids.box, 1, 1, 1), (2, 2, 0, 30), (solids.box, 1, 1, 1), (2.866, 2.5, 0, 30), 0),
    "stacked": ((solids.box, 1, 1, 0.5), (2, 2), (solids.box, 0.5, 0.5, 1), (2, 2, 0.5, 20), 0),
    "half a centimetre": ((solids.box, 1, 1, 1), (2, 2), (solids.box, 1, 1, 1), (2.995, 2), 0),
    "boxes by 20 cm": ((solids.box, 1, 1, 1), (2, 2), (solids.box, 1, 1, 1), (2.8, 2.1), 0.2),
    "sunk by 3 cm": ((solids.box, 1, 1, 0.5), (2, 2), (solids.box, 0.5, 0.5, 1), (2, 2, 0.47, 20), 0.03),
    "turned 45 degrees, apart": ((solids.box, 1, 1, 1), (2, 2), (solids.box, 1, 1, 1), (3.21, 2, 0, 45), 0),
    "turned 45 degrees": ((solids.box, 1, 1, 1), (2, 2), (solids.box, 1, 1, 1), (3.1, 2, 0, 45), 0.1071),
    "boxes alone would cross": ((solids.box, 1, 1, 1), (2, 2, 0, 45), (solids.box, 1, 1, 1), (2.8, 2.8, 0, 45), 0),
    "nested boxes": ((solids.box, 2, 2, 1), (2, 2), (solids.box, 0.2, 0.2, 0.2), (2.5, 2, 0.4), 0.6),
    "nested ball": ((solids.box, 2, 2, 1), (2, 2), (solids.ball, 0.2), (2, 2, 0.3), 0.7),
    "box in a ball": ((solids.ball, 1), (2, 2), (solids.box, 0.2, 0.2, 0.2), (2, 2, 0.9), 1.1),
    "chair under a table": ((solids.table,), (2, 2), (solids.chair,), (2, 1.62, 0, 180), 0),
    "chair's back in a table": ((solids.table,), (2, 2), (solids.chair,), (2, 1.9, 0, 180), 0.12),
    "box between table legs": ((solids.table,), (2, 2), (solids.box, 0.6, 0.6, 0.5), (2, 2), 0),
    "box in a table leg": ((solids.table,), (2, 2), (solids.box, 0.6, 0.6, 0.5), (2.37, 2.1), 0.03),
    "table in a sofa's notch": ((solids.corner_sofa,), (3, 3), (solids.box, 0.6, 0.6, 0.4), (3.3, 2.6), 0),
    "touching in a notch": ((solids.corner_sofa,), (3, 3), (solids.box, 0.6, 0.6, 0.4), (2.9, 2.7), 0),
    "notch missed by 5 cm": ((solids.corner_sofa,), (3, 3), (solids.box, 0.6, 0.6, 0.4), (3.3, 2.75), 0.05),
    "turned notch": ((solids.corner_sofa,), (3, 3, 0, 90), (solids.box, 0.6, 0.6, 0.4), (3.4, 3.3), 0),
    "book in a shelf": ((solids.shelf,), (2, 2), (solids.box, 0.05, 0.2, 0.25), (2, 2, 0.42), 0),
    "book through a board": ((solids.shelf,), (2, 2), (solids.box, 0.05, 0.2, 0.25), (2, 2, 0.38), 0.04),
    "balls apart": ((solids.ball, 0.4), (2, 2), (solids.ball, 0.4), (2.57, 2.57), 0),
    "balls by 10 cm": ((solids.ball, 0.4, 48), (2, 2), (solids.ball, 0.4, 48), (2.56, 2.42), 0.1),
    "thin plate through a box": ((solids.box, 1, 1, 1), (2, 2), (solids.box, 0.02, 2, 1.5), (2.4, 2, 0, 0), 0.11),
    "plate in front of a plate": ((solids.box, 1, 0.02, 1), (2, 2), (solids.box, 1, 0.02, 1), (2, 2.02), 0),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("swapped", [False, True], ids=["", "swapped"])
def test_depth_of_a_pair(stage, case, swapped):
    (first, *extent), at, (second, *other), there, depth = CASES[case]
    things = [(first(*extent), at), (second(*other), there)]
    found = overlaps(stage, *(reversed(things) if swapped else things))
    if depth == 0:
        assert found == ()
    else:
        assert [(o.a, o.b) for o in found] == [("a", "b")]
        assert found[0].depth == pytest.approx(depth, abs=0.002, rel=0.015)


@pytest.mark.parametrize("swapped", [False, True], ids=["", "swapped"])
@pytest.mark.parametrize("towards", [(0, 0, 1), (0, 0, -1), (1, 0, 0), (0, -1, 0), (1, 1, 1)])
def test_the_depth_inside_does_not_hang_on_which_point_comes_first(stage, towards, swapped):
    """A mesh's order of points differs between versions of Blender."""
    import bmesh
    import bpy

    ball = solids.ball(0.2)
    bm = bmesh.new()
    bm.from_mesh(ball)
    along = {v: sum(c * t for c, t in zip(v.co, towards, strict=True)) for v in bm.verts}
    for index, vert in enumerate(sorted(bm.verts, key=along.get, reverse=True)):
        vert.index = index
    bm.verts.sort()
    mesh = bpy.data.meshes.new("ball")
    bm.to_mesh(mesh)
    bm.free()
    things = [(solids.box(2, 2, 1), (2, 2)), (mesh, (2, 2, 0.3))]
    (found,) = overlaps(stage, *(reversed(things) if swapped else things))
    assert found.depth == pytest.approx(0.7, abs=0.002, rel=0.015)


@pytest.mark.parametrize("x", [2, 3000])
def test_depth_is_the_same_far_from_the_origin(stage, x):
    (found,) = overlaps(stage, (solids.table(), (x, 2)), (solids.chair(), (x, 1.9, 0, 180)))
    assert found.depth == pytest.approx(0.12, abs=0.002)


def test_meshes_and_boxes_agree_on_the_depth_of_boxes(stage):
    rng = random.Random(3)
    sizes = [[rng.uniform(0.2, 1.5) for _ in range(3)] for _ in range(6)]
    names = "abcdef"
    meshes = {name: solids.box(*size) for name, size in zip(names, sizes, strict=True)}
    stage.open(Task("t", "", ROOM, tuple(Item(n, "thing", (1, 1, 1)) for n in names)), meshes)
    compared = 0
    for _ in range(12):
        poses = {
            n: Pose(rng.uniform(2, 4), rng.uniform(2, 4), rng.uniform(0, 0.5), rng.choice([0, 90, rng.uniform(0, 360)]))
            for n in names
        }
        stage.place(Layout("t", poses))
        for a, b in zip(stage.placed, stage.placed[1:], strict=False):
            exact = penetration(a.box, b.box)
            measured = mesh_depth(a, b, exact) if exact > 0.01 else 0.0
            assert measured == pytest.approx(exact if exact > 0.01 else 0.0, abs=0.002, rel=0.012)
            compared += exact > 0.01
    assert compared > 15


def test_moving_a_pair_apart_by_its_depth_parts_it(stage):
    """The depth is a distance that exists: some direction of that length leaves no overlap."""
    table, chair = solids.table(), solids.chair()
    (found,) = overlaps(stage, (table, (2, 2)), (chair, (2.3, 2.1, 0, 70)))
    parted = []
    for angle in range(0, 360, 5):
        dx, dy = (math.cos(math.radians(angle)), math.sin(math.radians(angle)))
        reach = found.depth + 0.003
        parted.append(not overlaps(stage, (table, (2, 2)), (chair, (2.3 + reach * dx, 2.1 + reach * dy, 0, 70))))
    up = not overlaps(stage, (table, (2, 2)), (chair, (2.3, 2.1, -found.depth - 0.003, 70)))
    assert up or any(parted)


def test_coverings_and_locked_pairs_are_free(stage):
    rug, sofa = solids.box(2, 2, 0.02), solids.box(1, 1, 0.8)
    at = Pose(2, 2)
    assert overlaps(stage, (rug, (2, 2)), (sofa, (2, 2)), a={"covering": True}) == ()
    locked = {"locked": True, "pose": at}
    assert overlaps(stage, (sofa, (2, 2)), (sofa, (2, 2)), a=locked, b=locked) == ()
    (found,) = overlaps(stage, (sofa, (2, 2)), (sofa, (2.2, 2)), a=locked)
    assert (found.a, found.b, found.depth) == ("a", "b", 0.8)


def crowded(locked, movable=12):
    """A task of movable chairs among locked boxes, evenly spread over a hall, and a layout of it."""
    size, rng = 20.0, random.Random(1)
    spots = [Pose(rng.uniform(0.5, size - 0.5), rng.uniform(0.5, size - 0.5)) for _ in range(locked + movable)]
    items = [Item(f"box_{k}", "box", (0.3, 0.3, 0.5), locked=True, pose=spots[k]) for k in range(locked)]
    items += [Item(f"chair_{k}", "chair", (0.5, 0.5, 0.9)) for k in range(movable)]
    room = Room("hall", ((0.0, 0.0), (size, 0.0), (size, size), (0.0, size)), 3.0)
    return Task("t", "", room, tuple(items)), Layout("t", {f"chair_{k}": spots[locked + k] for k in range(movable)})


def test_pairs_with_the_locked_are_found_in_a_crowd(stage):
    """As a test of every pair finds them, in the order of the items."""
    task, layout = crowded(400, 40)
    stage.open(task)
    stage.place(layout)
    bodies = stage.placed
    every = [
        (a.item.id, b.item.id)
        for a, b in combinations(bodies, 2)
        if not (a.item.locked and b.item.locked) and penetration(a.box, b.box) > 0.01
    ]
    assert [(o.a, o.b) for o in find_overlaps(bodies, overlap_depth)] == every
    assert len(every) > 10


def test_overlaps_are_found_in_time_in_proportion_to_the_locked_items():
    with Stage() as few, Stage() as many:
        for stage, locked in ((few, 1000), (many, 4000)):
            task, layout = crowded(locked)
            stage.open(task)
            stage.place(layout)
        stages = {1000: few, 4000: many}
        assert growth(lambda count: find_overlaps(stages[count].placed, overlap_depth), 1000, factor=4) < 8


def test_an_open_sheet_encloses_nothing(stage):
    import bpy

    sheet = bpy.data.meshes.new("sheet")
    sheet.from_pydata([(-1, -1, 1), (1, -1, 1), (1, 1, 1), (-1, 1, 1)], [], [(0, 1, 2, 3)])
    legs = solids.boxes([(-1, -1, 0, -0.95, -0.95, 1)])
    assert overlaps(stage, (sheet, (2, 2)), (solids.box(0.3, 0.3, 0.3), (2, 2, 0.3))) == ()
    assert overlaps(stage, (legs, (2, 2)), (solids.box(0.3, 0.3, 0.3), (2, 2, 0.3))) == ()


def test_evidence_does_not_depend_on_what_was_measured_before(stage):
    scene = [(solids.table(), (2, 2, 0, 33)), (solids.chair(), (2.2, 2.1, 0, 70)), (solids.ball(0.3), (2.5, 2.4))]
    first = overlaps(stage, *scene)
    overlaps(stage, (solids.chair(), (1, 1)), (solids.chair(), (1.2, 1)))
    assert overlaps(stage, *scene) == first
