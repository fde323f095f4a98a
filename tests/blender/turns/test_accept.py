"""Accepting a turn: the originals move, as far as they may."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
from mathutils import Matrix

from metaspatial_addon.blender.turns import turn_collections
from tests.blender.turns.arrivals import MOVE, arrival, box, copy_of, let_arrive, seen, world


@pytest.fixture
def scene():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene


def test_accept_moves_roots_and_their_children_follow(scene):
    cabinet, drawer = box("Cabinet", (1, 1, 0)), box("Drawer", (1, 1, 0.2))
    drawer.parent = cabinet
    drawer.matrix_parent_inverse = Matrix.Rotation(0.3, 4, "Z")
    drawer.scale = (0.5, 0.5, 2)
    cabinet.rotation_mode, cabinet.delta_location = "QUATERNION", (0.2, 0, 0)
    before = world(drawer)
    turn = let_arrive(arrival({cabinet: MOVE}))
    assert np.allclose(world(copy_of(turn, drawer)), np.array(MOVE) @ before, atol=1e-6)
    wanted = np.array(MOVE) @ world(cabinet)
    accepted = turn_collections.accept(scene, turn)
    assert accepted == turn_collections.AcceptResult(1, ())
    assert np.allclose(world(cabinet), wanted, atol=1e-6)
    assert np.allclose(world(drawer), np.array(MOVE) @ before, atol=1e-6)
    assert tuple(cabinet.delta_location) == pytest.approx((0.2, 0, 0)) and cabinet.rotation_mode == "QUATERNION"
    assert seen(scene) == {"Cabinet", "Drawer"} and turn_collections.accepted(scene) == turn


def test_accept_takes_the_artists_corrections_and_leaves_the_rest_untouched(scene):
    bed, lamp = box("Bed"), box("Lamp", (2, 0, 0))
    lamp.rotation_euler = (1e-3, 7, -9)  # comes back otherwise when it is taken apart and put together
    before = tuple(lamp.rotation_euler)
    turn = let_arrive(arrival({bed: MOVE, lamp: Matrix()}))
    copy_of(turn, bed).location.x += 0.5
    assert turn_collections.accept(scene, turn).moved == 1
    assert np.allclose(world(bed), np.array(Matrix.Translation((0.5, 0, 0)) @ MOVE), atol=1e-6)
    assert tuple(lamp.rotation_euler) == before


def test_the_originals_come_back_selected_as_they_were(scene):
    bed, lamp = box("Bed"), box("Lamp", (2, 0, 0))
    bed.select_set(True)
    lamp.select_set(False)
    turn = let_arrive(arrival({bed: MOVE, lamp: MOVE}))
    assert not bed.select_get()
    turn_collections.accept(scene, turn)
    assert bed.select_get() and not lamp.select_get()


@pytest.mark.parametrize("scale", [(-1, 1, 1), (1, 1, -2), (-1, -1, 1), (0.5, 2, 3)])
def test_accept_keeps_the_numbers_of_a_scale(scene, scale):
    chair = box("Chair", (1, 0, 0))
    chair.scale = scale
    turn = let_arrive(arrival({chair: MOVE}))
    wanted = np.array(MOVE) @ world(chair)
    assert turn_collections.accept(scene, turn).moved == 1
    assert np.allclose(world(chair), wanted, atol=1e-6) and tuple(chair.scale) == scale


def test_what_cannot_be_moved_any_more_stays_with_a_note(scene, tmp_path):
    names = ("Deleted", "Unlinked", "Animated", "Held", "Fixed", "Ticked", "Free")
    objects = {name: box(name, (k, 0, 0)) for k, name in enumerate(names)}
    turn = let_arrive(arrival(dict.fromkeys(objects.values(), MOVE)))
    bpy.data.objects.remove(objects.pop("Deleted"))
    scene.collection.objects.unlink(objects["Unlinked"])
    objects["Animated"].keyframe_insert("location", frame=1)
    objects["Held"].constraints.new("COPY_LOCATION").target = objects["Free"]
    objects["Fixed"].lock_location = (True, True, False)
    before = {name: np.array(obj.matrix_basis) for name, obj in objects.items()}
    accepted = turn_collections.accept(scene, turn, {objects["Ticked"]})
    assert accepted.moved == 1 and len(accepted.notes) == 6
    for name, obj in objects.items():
        assert np.array_equal(before[name], np.array(obj.matrix_basis)) == (name != "Free"), name
    notes = "\n".join(accepted.notes)
    for name in names[:-1]:
        assert name in notes
    assert "its original was deleted" in notes and "animated or driven" in notes and "marked as locked" in notes


def test_linked_objects_do_not_move(scene, tmp_path):
    box("Linked")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "library.blend"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (_, wanted):
        wanted.objects = ["Linked"]
    linked = wanted.objects[0]
    bpy.context.scene.collection.objects.link(linked)
    turn = let_arrive(arrival({linked: MOVE}))
    accepted = turn_collections.accept(bpy.context.scene, turn)
    assert accepted.moved == 0 and "linked from library.blend" in accepted.notes[0]
    assert np.allclose(world(linked), np.eye(4))


def test_a_parent_outside_the_items_holds_still(scene):
    house, lamp = box("House", (5, 0, 0)), box("Lamp", (1, 0, 0))
    house.rotation_euler.z, house.scale = 0.4, (2, 2, 2)
    lamp.parent = house
    wanted = np.array(MOVE) @ world(lamp)
    turn = let_arrive(arrival({lamp: MOVE}))
    assert turn_collections.accept(scene, turn).moved == 1
    assert np.allclose(world(lamp), wanted, atol=1e-5)
    house.scale, lamp.matrix_basis = (1, 3, 1), Matrix()
    before = world(lamp)
    turn = let_arrive(arrival({lamp: MOVE}, number=2))
    accepted = turn_collections.accept(scene, turn)
    assert accepted.moved == 0 and "scaled unevenly" in accepted.notes[0]
    assert np.allclose(world(lamp), before)


def test_items_that_were_parented_meanwhile_all_arrive(scene):
    table, lamp = box("Table"), box("Lamp", (0, 0, 1))
    turn = let_arrive(arrival({lamp: MOVE, table: MOVE}))
    lamp.parent = table
    assert turn_collections.accept(scene, turn).moved == 1, "the lamp follows its table"
    for obj, start in ((table, Matrix()), (lamp, Matrix.Translation((0, 0, 1)))):
        assert np.allclose(world(obj), np.array(MOVE @ start), atol=1e-6)
