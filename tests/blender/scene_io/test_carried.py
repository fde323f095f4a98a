"""What rests on an item goes along with it, and stands on it in every layout."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from metaspatial_addon.blender.physics.stage import Stage
from metaspatial_addon.blender.scene_io.scene_to_task import ItemOptions, SceneOptions, scene_to_task
from metaspatial_addon.core.task import Layout, Pose
from metaspatial_addon.prompts.wishes.task import task_with_prompt_wishes
from tests.blender.scenes import add, add_box, add_floor


@pytest.fixture
def scene():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene


def read(scene, **options):
    return scene_to_task(scene, SceneOptions(floor=bpy.data.objects["Floor"], carry=True, **options))


def add_bookcase(at=(2, 2, 0)):
    """A bookcase of five boards between two sides, with a book on each board but the top, and a lamp on that."""
    boards = [(-0.4, -0.15, z, 0.4, 0.15, z + 0.02) for z in (0.0, 0.4, 0.8, 1.2, 1.6)]
    sides = [(x, -0.15, 0.0, x + 0.02, 0.15, 1.62) for x in (-0.42, 0.4)]
    points, faces = [], []
    for x0, y0, z0, x1, y1, z1 in boards + sides:
        start = len(points)
        points += [(x, y, z) for z in (z0, z1) for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))]
        box = ((0, 3, 2, 1), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7))
        faces += [tuple(start + i for i in face) for face in box]
    mesh = bpy.data.meshes.new("bookcase")
    mesh.from_pydata(points, [], faces)
    add("Bookcase", mesh, at)
    x, y, z = at
    for k in range(4):
        add_box(f"Book {k}", (0.03, 0.2, 0.25), (x - 0.3 + 0.1 * k, y, z + 0.4 * k + 0.02))
    add_box("Lamp", (0.2, 0.2, 0.4), (x, y, z + 1.62))


def test_books_go_along_with_their_shelf(scene):
    add_floor()
    add_bookcase()
    add_box("Chair", (0.5, 0.5, 0.9), (4, 1, 0))
    scene_task = read(scene)
    assert [item.id for item in scene_task.task.items] == ["Bookcase", "Chair"]
    shelf = scene_task.items["Bookcase"]
    assert set(shelf.carried) == {"Book 0", "Book 1", "Book 2", "Book 3", "Lamp"} and shelf.names[0] == "Bookcase"
    assert shelf.item.size == pytest.approx((0.84, 0.3, 1.62), abs=1e-4), "what stands on it does not make it higher"
    layout = Layout(scene_task.task.id, {"Bookcase": Pose(1, 3, 0, 90), "Chair": scene_task.layout.poses["Chair"]})
    matrices = {entry.object.name: entry.matrix for entry in scene_task.placed(layout)}
    assert tuple(matrices["Lamp"].translation) == pytest.approx((1, 3, 1.62), abs=1e-5)
    assert tuple(matrices["Book 0"].translation) == pytest.approx((1, 2.7, 0.02), abs=1e-5)


def test_obstacles_on_an_item_go_along_and_others_stay(scene):
    floor = add_floor()
    add_bookcase()
    add_box("Cushion", (0.4, 0.4, 0.1), (4, 1, 0.5))
    others = [obj for obj in scene.objects if obj.name not in ("Bookcase", "Floor")]
    options = SceneOptions(floor=floor, objects=[bpy.data.objects["Bookcase"]], obstacles=others, carry=True)
    scene_task = scene_to_task(scene, options)
    assert [item.id for item in scene_task.task.items] == ["Bookcase", "Cushion"]
    assert len(scene_task.items["Bookcase"].carried) == 5 and scene_task.task.item("Cushion").locked


def test_what_stays_keeps_what_carries_it(scene):
    add_floor()
    add_bookcase()
    scene_task = read(scene, items={"Lamp": ItemOptions(locked=True)})
    assert scene_task.notes == {
        "Lamp": "marked as locked",
        "Bookcase": "carries Lamp, which stays where it is: marked as locked",
    }
    assert scene_task.task.item("Bookcase").pose is not None


def test_what_is_to_be_separate_is_laid_out_by_itself(scene):
    add_floor()
    add_bookcase()
    scene_task = read(scene, separate=["Lamp"])
    assert [item.id for item in scene_task.task.items] == ["Bookcase", "Lamp"]
    assert scene_task.task.item("Lamp").mount == "surface"


def test_parts_of_a_bed_become_one(scene):
    """A mattress sunk into its frame, pillows on the mattress, a bedspread that hangs over; and a nightstand beside."""
    add_floor()
    add_box("Cube", (1.6, 2.1, 0.3), (2, 2, 0))
    add_box("Cube.001", (1.5, 2.0, 0.25), (2, 2, 0.2))
    for k, x in enumerate((1.6, 2.4)):
        add_box(f"Plane.00{k}", (0.6, 0.4, 0.12), (x, 2.7, 0.45))
    add_box("Nightstand", (0.4, 0.4, 0.5), (3.0, 2.8, 0))
    scene_task = read(scene)
    assert [item.id for item in scene_task.task.items] == ["Cube", "Nightstand"]
    assert scene_task.task.item("Cube").size == pytest.approx((1.6, 2.1, 0.45), abs=1e-4)


def test_a_table_top_widens_what_carries_it(scene):
    add_floor()
    add_box("Pedestal", (0.4, 0.4, 0.7), (2, 2, 0))
    add_box("Top", (1.4, 0.8, 0.04), (2.1, 2, 0.7))
    item = read(scene).items["Pedestal"]
    assert item.item.size == pytest.approx((1.4, 0.8, 0.74), abs=1e-4)
    assert (item.pose.x, item.pose.y) == pytest.approx((2.1, 2), abs=1e-5)


def test_a_top_makes_one_item_of_its_legs(scene):
    add_floor()
    for k, (x, y) in enumerate(((-0.6, -0.3), (0.6, -0.3), (0.6, 0.3), (-0.6, 0.3))):
        add_box(f"Cube.{k:03d}", (0.05, 0.05, 0.7), (2 + x, 2 + y, 0))
    add_box("Dining Table", (1.4, 0.8, 0.04), (2, 2, 0.7))
    add_box("Vase", (0.1, 0.1, 0.2), (2, 2, 0.74))
    add_box("Chair", (0.5, 0.5, 0.9), (4, 1, 0))
    scene_task = read(scene)
    first, chair = scene_task.task.items
    assert chair.id == "Chair" and len(scene_task.items[first.id].carried) == 5
    assert first.category == "dining table" and first.size == pytest.approx((1.4, 0.8, 0.74), abs=1e-4)


def test_a_chair_at_a_table_and_a_lamp_above_it_are_not_carried(scene):
    add_floor()
    add_box("Rug", (3, 2, 0.01), (2, 2, 0))
    add_box("Table", (1.4, 0.8, 0.75), (2, 2, 0.01))
    add_box("Chair", (0.4, 0.4, 0.9), (2, 2.5, 0.01))
    add_box("Pendant", (0.3, 0.3, 0.5), (2, 2, 2.2))
    assert [item.id for item in read(scene).task.items] == ["Rug", "Table", "Chair", "Pendant"]


@pytest.mark.parametrize("factor", [1.0, 0.01, 2.0])
def test_a_scaled_layout_keeps_what_is_carried_in_place(scene, factor):
    """Furniture of another scale: the layout shows it at its own, with what stands on it on it."""
    add_floor()
    add_bookcase()
    for obj in [obj for obj in scene.objects if obj.name != "Floor"]:
        obj.scale = [1 / factor] * 3
        obj.location = [side / factor for side in obj.location]
    objects = [obj for obj in scene.objects if obj.name != "Floor"]
    scene_task = read(scene, objects=objects, other_items=ItemOptions(scale=factor))
    assert scene_task.task.item("Bookcase").size == pytest.approx((0.84, 0.3, 1.62), abs=1e-3)
    layout = Layout(scene_task.task.id, {"Bookcase": Pose(1, 3, 0, 0)})
    matrices = {entry.object.name: entry.matrix for entry in scene_task.placed(layout)}
    assert tuple(matrices["Lamp"].translation) == pytest.approx((1, 3, 1.62), abs=1e-4)
    assert np.allclose(matrices["Lamp"].to_scale(), 1.0, atol=1e-5)
    with Stage() as stage:
        stage.open(scene_task.task, scene_task.meshes)
        (body,) = stage.bodies.values()
        assert body.object.dimensions.z == pytest.approx(2.02, abs=1e-3)


@pytest.mark.parametrize(
    ("prompt", "items"),
    [
        ("", ["Bookcase", "Nightstand"]),
        ("the lamp on the bookcase", ["Bookcase", "Nightstand"]),
        ("the lamp on the nightstand", ["Bookcase", "Lamp", "Nightstand"]),
        ("the nightstand facing the lamp", ["Bookcase", "Nightstand"]),
    ],
)
def test_what_the_prompt_wants_elsewhere_is_laid_out_by_itself(scene, prompt, items):
    add_floor()
    add_bookcase()
    add_box("Nightstand", (0.4, 0.4, 0.5), (4, 1, 0))
    scene_task = read(scene, prompt=prompt)
    assert [item.id for item in scene_task.task.items] == items
    asked, _, not_understood = task_with_prompt_wishes(scene_task.task, scene_task.carried)
    relations = {(relation.subject, relation.predicate, relation.object) for relation in asked.relations}
    expected = {
        "the lamp on the nightstand": {("Lamp", "on", "Nightstand")},
        "the nightstand facing the lamp": {("Nightstand", "facing", "Bookcase")},
    }
    assert relations == expected.get(prompt, set()) and not not_understood
