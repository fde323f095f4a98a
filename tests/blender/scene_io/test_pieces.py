"""A root empty or an instance with several pieces of furniture is told apart from one piece of several parts."""

from __future__ import annotations

import bpy
import pytest
from mathutils import Matrix

from metaspatial_addon.blender.scene_io.pieces import instanced_pieces, pieces
from metaspatial_addon.blender.scene_io.scene_to_task import SceneOptions, scene_to_task
from tests.blender.scenes import add, add_box

CHAIR = (("Seat", (0.45, 0.45, 0.05), (0, 0, 0.45)), ("Back", (0.45, 0.05, 0.45), (0, 0.2, 0.5))) + tuple(
    (f"Leg {k}", (0.04, 0.04, 0.45), (x, y, 0)) for k, (x, y) in enumerate(((-0.2, -0.2), (0.2, -0.2), (0.2, 0.2)))
)
BEDROOM = (
    ("SM_Bed_Single", (0.9, 2.0, 0.5), (0, 0, 0)),
    ("SM_Nightstand", (0.4, 0.4, 0.5), (0.66, 0.8, 0)),
    ("Cube.003", (1.2, 0.6, 2.0), (2.5, 0.8, 0)),
    ("Lamp", (0.2, 0.2, 0.3), (0.66, 0.8, 0.5)),
)


@pytest.fixture
def scene():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene


def below(obj):
    return list(obj.children)


def put(parts, root, collection=None):
    made = [add_box(name, size, at, parent=root, collection=collection) for name, size, at in parts]
    bpy.context.view_layer.update()
    return made


@pytest.mark.parametrize("name", ["Root", "Empty.001", "Bedroom"])
@pytest.mark.parametrize("unit", [1.0, 100.0])
def test_furniture_under_one_root_is_laid_out_piece_by_piece(scene, name, unit):
    root = add(name, at=(1, 0, 0))
    root.scale = [unit] * 3
    made = put(BEDROOM, root)
    assert set(pieces(root, below, unit)) == set(made)


@pytest.mark.parametrize("name", ["Empty", "ArmChair", "SM_Chair_01"])
def test_the_parts_of_a_chair_are_one_piece(scene, name):
    root = add(name)
    put(CHAIR, root)
    assert pieces(root, below, 1.0) == [root]


def test_roots_within_roots(scene):
    root, inner = add("Scene"), add("Furniture")
    inner.parent = root
    chairs = [add("Empty", at=(k, 0, 0), parent=inner) for k in range(2)]
    for chair in chairs:
        put(CHAIR, chair)
    assert set(pieces(root, below, 1.0)) == set(chairs)


def test_what_hangs_on_furniture_stays_on_it(scene):
    sofa = add_box("Sofa", (2, 0.9, 0.8))
    put((("Pillow", (0.4, 0.2, 0.4), (3, 0, 0)),), sofa)
    assert pieces(sofa, below, 1.0) == [sofa]


def test_a_root_with_its_floor_gives_items(scene):
    root = add("Root")
    put(BEDROOM, root)
    add_box("Sofa", (2, 0.9, 0.8), (-2, -2, 0))
    task = scene_to_task(scene, SceneOptions(size=(9, 9, 2.7), objects=list(scene.objects), carry=True)).task
    assert {item.id for item in task.items} == {"SM_Bed_Single", "SM_Nightstand", "Cube.003", "Sofa"}


@pytest.mark.parametrize(("parts", "count"), [(BEDROOM, 4), (CHAIR, 1)])
def test_an_instance_of_a_whole_room_is_counted(scene, parts, count):
    collection = bpy.data.collections.new("set")
    put(parts, None, collection=collection)
    instance = add("Set", at=(3, 3, 0))
    instance.instance_type, instance.instance_collection = "COLLECTION", collection
    instance.matrix_world = Matrix.Rotation(0.5, 4, "Z")
    assert instanced_pieces(instance, 1.0) == count
    assert instanced_pieces(add_box("Box", (1, 1, 1)), 1.0) == 1
