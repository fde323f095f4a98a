"""What holds items up, and whether they stay where they are."""

from __future__ import annotations

import bpy
import pytest

from metaspatial_addon.blender.physics.settle import find_unstable
from metaspatial_addon.blender.physics.stage import Stage
from metaspatial_addon.core.detectors.support import find_unsupported, measure_support
from metaspatial_addon.core.task import Item, Layout, Pose, Relation, Room, Task
from tests.blender.physics import solids
from tests.growth import growth

ROOM = Room("room", ((0, 0), (6, 0), (6, 6), (3, 6), (3, 4), (0, 4)), 2.5)


@pytest.fixture(scope="module")
def stage():
    with Stage() as stage:
        yield stage


def supports(stage, relations=(), **things):
    """Support by id of (mesh, pose, mount) things; "rug" is a mount too."""
    items = tuple(
        Item(name, "thing", (1, 1, 1), "floor" if mount == "rug" else mount, covering=mount == "rug")
        for name, (_, _, mount) in things.items()
    )
    task = Task("t", "", ROOM, items, tuple(Relation(*r) for r in relations))
    stage.open(task, {name: mesh for name, (mesh, _, _) in things.items()})
    stage.place(Layout("t", {name: Pose(*pose) for name, (_, pose, _) in things.items()}))
    return {s.body.item.id: s for s in measure_support(stage.placed, task)}


def unstable(stage, **things):
    found = find_unstable(list(supports(stage, **things).values()), ())
    return {fault.id: fault for fault in found}


def box(*size):
    """Makes a box when the test runs: a mesh made at import does not outlive another file's File > New."""
    return lambda: solids.box(*size)


GAPS = {
    "on the floor": (box(1, 1, 1), (2, 2, 0), "floor", 0),
    "half a centimetre up": (box(1, 1, 1), (2, 2, 0.005), "floor", 0),
    "floating": (box(1, 1, 1), (2, 2, 0.3), "floor", 0.3),
    "sunk": (box(1, 1, 1), (2, 2, -0.3), "floor", 0),
    "on the table": (box(0.3, 0.3, 0.3), (4, 2, 0.75, 30), "surface", 0),
    "over the table": (box(0.3, 0.3, 0.3), (4, 2, 0.8), "surface", 0.05),
    "beside the table": (box(0.3, 0.3, 0.3), (4, 3, 0.75), "surface", 0.75),
    "half over the edge": (box(0.3, 0.3, 0.3), (4, 2.5, 0.75), "surface", 0),
    "sunk into the table": (box(0.3, 0.3, 0.3), (4, 2, 0.7), "surface", 0),
    "a chair over a low box": (solids.chair, (1, 3, 0.1), "floor", 0.1),
    "at the wall": (box(1, 0.1, 1), (1.5, 0.05, 1, 180), "wall", 0),
    "3 cm off the wall": (box(1, 0.1, 1), (1.5, 0.08, 1, 180), "wall", 0),
    "off the wall": (box(1, 0.1, 1), (1.5, 0.25, 1, 180), "wall", 0.2),
    "its front to the wall": (box(1, 0.1, 1), (1.5, 0.05, 1, 0), "wall", 1.1),
    "thin, its front to the wall": (box(0.6, 0.02, 1), (1.5, 0.01, 1, 0), "wall", 0.62),
    "thin, its side to the wall": (box(0.03, 0.02, 1), (1.5, 0.015, 1, 90), "wall", 0.13),
    "thin, 10 degrees askew": (box(0.2, 0.02, 1), (1.5, 0.03, 1, 190), "wall", 0),
    "a floor item on the table": (box(0.3, 0.3, 0.3), (4, 2, 0.75), "floor", 0.75),
    "at the wall of the bend": (box(1, 0.1, 1), (3.05, 5, 1, 90), "wall", 0),
    "past the end of that wall": (box(1, 0.1, 1), (3.05, 3.8, 1, 90), "wall", 0.7),
    "at the ceiling": (box(1, 1, 0.2), (2, 2, 2.3), "ceiling", 0),
    "off the ceiling": (box(1, 1, 0.2), (2, 2, 2.2), "ceiling", 0.1),
}


@pytest.mark.parametrize("case", GAPS)
def test_gap(stage, case):
    make, pose, mount, gap = GAPS[case]
    around = {"table": (solids.table(), (4, 2), "floor"), "low": (solids.box(0.2, 0.2, 0.3), (1, 3), "floor")}
    found = find_unsupported(list(supports(stage, it=(make(), pose, mount), **around).values()))
    assert [fault.id for fault in found] == (["it"] if gap else [])
    if gap:
        assert found[0].gap == pytest.approx(gap, abs=0.002)


BED = {"bed": (box(2, 2, 0.5), (1.5, 1.5), "floor")}
CLOTH = {"cloth": (box(1, 1, 0.02), (1.5, 1.5, 0.5), "surface")}
STAND_ON = {
    "a bed": (BED, 0.5, (), ["stand"]),
    "a bed, as the task asks": (BED, 0.5, (("stand", "on", "bed"),), []),
    "a bed, though the task asks for a rug": (
        BED | {"rug": (box(1, 1, 0.02), (4, 1), "rug")},
        0.5,
        (("stand", "on", "rug"),),
        ["stand"],
    ),
    "a rug": ({"rug": (box(2, 2, 0.02), (1.5, 1.5), "rug")}, 0.02, (), []),
    "two rugs": (
        {"rug": (box(2, 2, 0.02), (1.5, 1.5), "rug"), "mat": (box(1, 1, 0.02), (1.5, 1.5, 0.02), "rug")},
        0.04,
        (),
        [],
    ),
    "a rug on a bed": (BED | {"rug": (box(1, 1, 0.02), (1.5, 1.5, 0.5), "rug")}, 0.52, (), ["rug", "stand"]),
    "a cloth on a bed": (BED | CLOTH, 0.52, (), ["stand"]),
}


@pytest.mark.parametrize("case", STAND_ON)
def test_what_belongs_on_the_floor_stands_there(stage, case):
    around, z, relations, floating = STAND_ON[case]
    things = {name: (make(), pose, mount) for name, (make, pose, mount) in around.items()}
    found = supports(stage, relations, **things, stand=(solids.box(0.4, 0.4, 0.5), (1.5, 1.5, z), "floor"))
    assert [fault.id for fault in find_unsupported(list(found.values()))] == floating


def test_what_carries_an_item(stage):
    found = supports(
        stage,
        table=(solids.table(), (4, 2), "floor"),
        vase=(solids.box(0.2, 0.2, 0.4), (4, 2, 0.75), "surface"),
        flower=(solids.ball(0.05), (4, 2, 1.15), "surface"),
    )
    assert {name: [c.item.id for c in s.carriers] for name, s in found.items()} == {
        "table": [],
        "vase": ["table"],
        "flower": ["vase"],
    }


def tiled(stage, side):
    """The supports of a chair on `side` x `side` loose tiles, which lie up to 3 mm above the floor."""
    tile = solids.box(0.5, 0.5, 0.02)
    tiles = {
        f"tile_{i}_{j}": (tile, (0.5 * i, 0.5 * j, 0.0003 * ((7 * i + 3 * j) % 11)), "rug")
        for i in range(side)
        for j in range(side)
    }
    return supports(stage, **tiles, chair=(solids.box(0.5, 0.5, 0.9), (0.75, 0.75, 0.023), "floor"))


def test_a_chair_stands_on_a_floor_of_loose_tiles(stage):
    found = tiled(stage, 6)
    assert all(support.holds for support in found.values())
    assert {c.item.id for c in found["chair"].carriers} == {"tile_1_1", "tile_1_2", "tile_2_1", "tile_2_2"}


def test_support_takes_time_in_proportion_to_the_coverings(stage):
    """Each covering is measured once, however many lie below it."""
    made = {}

    def measure(count):
        if count not in made:
            tiled(stage, round(count**0.5))
            made[count] = stage.task, stage.placed
        task, bodies = made[count]
        measure_support(bodies, task)

    assert growth(measure, 100, factor=4) < 10


def test_furniture_stands(stage):
    """Among it everything whose convex hulls cross: a chair under a table, a book in a shelf, things in a sofa."""
    assert (
        unstable(
            stage,
            table=(solids.table(), (4, 2, 0, 20), "floor"),
            chair=(solids.chair(), (4, 1.9, 0, 200), "floor"),
            other=(solids.chair(), (4.4, 2.0, 0, 200), "floor"),
            screen=(solids.box(0.6, 0.1, 0.5), (4, 2, 0.75, 20), "surface"),
            cup=(solids.box(0.08, 0.08, 0.1), (4.1, 1.85, 0.755, 70), "surface"),
            shelf=(solids.shelf(), (1, 3.85), "floor"),
            book=(solids.box(0.05, 0.2, 0.25), (1, 3.85, 0.42), "surface"),
            sofa=(solids.corner_sofa(), (1.5, 1.5), "floor"),
            low=(solids.table(0.6, 0.6, 0.4), (1.8, 1.1), "floor"),
            picture=(solids.box(0.6, 0.05, 0.4), (3, 0.025, 1.5, 180), "wall"),
        )
        == {}
    )


def test_an_item_over_the_edge_falls(stage):
    found = unstable(
        stage, table=(solids.table(), (4, 2), "floor"), vase=(solids.box(0.2, 0.2, 0.4), (4.75, 2, 0.75), "surface")
    )
    assert list(found) == ["vase"]
    assert found["vase"].drift > 0.3 and found["vase"].tilt > 45


def test_an_item_that_cannot_stand_falls(stage):
    found = unstable(stage, lamp=(solids.lamp(), (2, 2), "floor"), box=(solids.box(1, 1, 1), (4, 2), "floor"))
    assert list(found) == ["lamp"]


def test_a_load_can_tip_what_carries_it(stage):
    stand = solids.boxes([(-0.1, -0.1, 0, 0.1, 0.1, 0.5), (-0.1, -0.6, 0.5, 0.1, 0.1, 0.55)])
    alone = solids.boxes([(-0.2, -0.2, 0, 0.2, 0.2, 0.5), (-0.1, -0.6, 0.5, 0.1, 0.1, 0.55)])
    block = solids.box(0.2, 0.2, 0.5)
    assert unstable(stage, stand=(alone, (2, 2), "floor")) == {}
    assert "stand" in unstable(stage, stand=(stand, (2, 2), "floor"), block=(block, (2, 1.5, 0.55), "surface"))


def test_floating_and_overlapping_items_are_not_simulated(stage):
    things = {"floats": (solids.box(1, 1, 1), (2, 2, 1), "floor"), "lamp": (solids.lamp(), (4, 2), "floor")}
    found = list(supports(stage, **things).values())
    assert [fault.id for fault in find_unstable(found, ())] == ["lamp"]
    assert find_unstable(found, {"lamp"}) == ()


def test_twice_the_same(stage):
    things = {
        "table": (solids.table(), (4, 2), "floor"),
        "vase": (solids.box(0.2, 0.2, 0.4), (4.75, 2, 0.75, 30), "surface"),
        "ball": (solids.ball(0.2), (3.4, 2, 0.75), "surface"),
    }
    assert unstable(stage, **things) == unstable(stage, **things)


@pytest.mark.parametrize("x", [0, 500, -20_000])
def test_rooms_anywhere_are_simulated_alike(stage, x):
    found = unstable(
        stage,
        table=(solids.table(), (x + 4, 2), "floor"),
        cup=(solids.box(0.08, 0.08, 0.1), (x + 4, 2, 0.75), "surface"),
        vase=(solids.box(0.2, 0.2, 0.4), (x + 4.75, 2, 0.75), "surface"),
        lamp=(solids.lamp(), (x + 2, 2), "floor"),
        far=(solids.box(1, 1, 1), (x + 300, 250), "floor"),
    )
    assert set(found) == {"vase", "lamp"}
    assert found["vase"].drift < 2


def test_more_bodies_than_collision_layers(stage):
    things = {
        f"box_{k}": (solids.box(0.3, 0.3, 0.3), (0.3 + 0.31 * (k % 8), 0.3 + 0.31 * (k // 8)), "floor")
        for k in range(48)
    }
    assert unstable(stage, **things) == {}


def test_a_crowd_around_one_table(stage):
    """More bodies in one place than there are layers, and their hulls cross: none may push another."""
    things = {"table": (solids.table(2.4, 1.2), (3, 2), "floor")}
    cup = solids.box(0.08, 0.08, 0.1)
    for k in range(42):
        things[f"cup_{k}"] = (cup, (2.0 + 0.15 * (k % 14), 1.7 + 0.15 * (k // 14), 0.75), "surface")
    things |= {f"chair_{k}": (solids.chair(), (2.2 + 0.5 * k, 1.5, 0, 180), "floor") for k in range(4)}
    assert unstable(stage, **things) == {}


def test_the_users_rigid_bodies_stay_as_they_are(stage):
    scene = bpy.context.scene
    bpy.ops.rigidbody.world_add()
    try:
        mine = bpy.data.objects.new("mine", solids.box(1, 1, 1))
        mine.location.z = 5
        scene.collection.objects.link(mine)
        scene.rigidbody_world.collection = bpy.data.collections.new("mine")
        scene.rigidbody_world.collection.objects.link(mine)
        frame, blocks = scene.frame_current, len(bpy.data.objects) + len(bpy.data.meshes) + len(bpy.data.scenes)
        things = {"lamp": (solids.lamp(), (2, 2), "floor")}
        found = list(supports(stage, **things).values())
        blocks = len(bpy.data.objects) + len(bpy.data.meshes) + len(bpy.data.scenes)
        assert find_unstable(found, ())
        assert bpy.context.scene == scene and scene.frame_current == frame
        assert mine.location.z == 5 and list(scene.rigidbody_world.collection.objects) == [mine]
        assert len(bpy.data.objects) + len(bpy.data.meshes) + len(bpy.data.scenes) == blocks
    finally:
        bpy.ops.rigidbody.world_remove()


def test_bodies_of_another_simulated_world_fall_on(stage):
    """Its scene comes before all others in Blender's order, and goes away afterwards as scenes do."""
    scene, members = bpy.data.scenes.new("A"), bpy.data.collections.new("mine")
    with bpy.context.temp_override(scene=scene, view_layer=scene.view_layers[0]):
        bpy.ops.rigidbody.world_add()
    scene.rigidbody_world.collection = members
    bodies = [bpy.data.objects.new(f"mine {k}", solids.box(1, 1, 1)) for k in range(6)]
    for k, body in enumerate(bodies):
        body.location = (3 * k, 0, 5)
        scene.collection.objects.link(body)
        members.objects.link(body)
    for frame in range(1, 21):
        scene.frame_set(frame)
        if frame in (5, 10):
            assert unstable(stage, lamp=(solids.lamp(), (4, 2), "floor")).keys() == {"lamp"}
    depsgraph = scene.view_layers[0].depsgraph
    fallen = {round(5 - body.evaluated_get(depsgraph).matrix_world.translation.z, 4) for body in bodies}
    bpy.data.batch_remove([scene, *bodies, members])
    assert len(fallen) == 1 and 2 < fallen.pop() < 4
