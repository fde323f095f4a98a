"""Turns in the artist's file: they arrive, hide what they stand for, are accepted and deleted, whatever happens."""

from __future__ import annotations

import math
import re

import bpy
import numpy as np
import pytest
from mathutils import Matrix

from metaspatial_addon.blender.meshes import data_blocks
from metaspatial_addon.blender.turns import compare, turn_collections, turn_visibility, turns
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.task import Pose
from tests.blender.turns.arrivals import arrival, box, let_arrive, png

MOVE = Matrix.Translation((3, 1, 0)) @ Matrix.Rotation(math.radians(30), 4, "Z")


@pytest.fixture
def scene():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene


def world(thing: bpy.types.Object) -> np.ndarray:
    bpy.context.view_layer.update()
    return np.array(thing.matrix_world)


def copy_of(turn: bpy.types.Collection, original: bpy.types.Object) -> bpy.types.Object:
    return next(copy for copy in turn.objects if copy.get(turn_visibility.ORIGINAL) == original)


def seen(scene: bpy.types.Scene) -> set[str]:
    """Names of what the view layer shows."""
    layer = scene.view_layers[0]
    layer.update()
    return {thing.name for thing in layer.objects if thing.visible_get(view_layer=layer)}


def test_a_turn_stands_beside_the_originals_and_hides_them(scene):
    bed, lamp, other = box("Bed"), box("Lamp", (1, 0, 0)), box("Plant", (0, 2, 0))
    turn = let_arrive(arrival({bed: MOVE, lamp: Matrix()}))
    assert seen(scene) == {"Bed · 01", "Lamp · 01", "Plant"}
    assert bed.hide_render and lamp.hide_render and not other.hide_render
    assert np.allclose(world(bed), np.eye(4)), "originals do not move"
    assert np.allclose(world(copy_of(turn, bed)), np.array(MOVE), atol=1e-6)
    assert copy_of(turn, bed).data == bed.data
    run = turns.runs(scene)[0]
    assert (run.name, turns.turns(run), turn_visibility.shown(scene)) == ("MetaSpatial · calm bedroom", [turn], turn)
    turn_collections.show(scene, None)
    assert seen(scene) == {"Bed", "Lamp", "Plant"} and not bed.hide_render and not turn_visibility.hides(scene)
    turn_collections.show(scene, turn)
    assert seen(scene) == {"Bed · 01", "Lamp · 01", "Plant"} and turn_visibility.hides(scene)


def test_turns_follow_each_other_in_their_run(scene):
    bed = box("Bed")
    made = [let_arrive(arrival({bed: MOVE}, number)) for number in (1, 2, 3)]
    assert [turn.name for turn in made] == ["Turn 01", "Turn 02", "Turn 03"]
    assert turns.turns(turns.runs(scene)[0]) == made == turn_visibility.all_turns(scene)
    assert seen(scene) == {"Bed · 03"}
    turn_collections.show(scene, made[0])
    assert seen(scene) == {"Bed · 01"}
    other = let_arrive(arrival({bed: MOVE}, run="other"))
    assert other.name == "Turn 01.001" and turns.turns(turns.runs(scene)[1]) == [other]
    assert seen(scene) == {"Bed · 01.001"}


def test_what_was_hidden_before_stays_hidden(scene):
    bed, lamp, cable = box("Bed"), box("Lamp"), box("Cable")
    lamp.hide_set(True)
    cable.hide_render = True
    turn = let_arrive(arrival({bed: MOVE, lamp: MOVE, cable: MOVE}))
    turn_collections.show(scene, None)
    assert lamp.hide_get() and not lamp.hide_render
    assert cable.hide_render and not cable.hide_get()
    assert turn_visibility.shown(scene) is None and turn.name in bpy.data.collections
    turn_collections.show(scene, turn)
    assert set(turn_visibility.hidden_originals(scene)) == {bed, cable}


def test_hiding_survives_renaming_deleting_and_relinking(scene):
    things = {name: box(name) for name in ("Bed", "Lamp", "Desk", "Sofa")}
    let_arrive(arrival(dict.fromkeys(things.values(), MOVE)))
    bed, lamp, desk, sofa = things.values()
    bed.name = "Renamed"
    bpy.data.objects.remove(lamp)
    scene.collection.objects.unlink(desk)
    other = bpy.data.collections.new("Other")
    scene.collection.children.link(other)
    other.objects.link(sofa)
    scene.collection.objects.unlink(sofa)
    scene.view_layers[0].name = "Renamed, too"
    turn_visibility.restore_all()
    assert seen(scene) == {"Renamed", "Sofa"} and not turn_visibility.hides(scene)
    assert not desk.hide_render


def test_deleting_the_run_by_hand_loses_no_original(scene):
    bed = box("Bed")
    let_arrive(arrival({bed: MOVE}))
    turns.remove_run(turns.runs(scene)[0])
    assert turn_visibility.shown(scene) is None and turn_visibility.hides(scene)
    turn_collections.show(scene, None)
    assert seen(scene) == {"Bed"}


def test_a_run_that_the_artist_put_elsewhere_and_switched_off_is_shown_again(scene):
    bed = box("Bed")
    first, second = (let_arrive(arrival({bed: MOVE}, number)) for number in (1, 2))
    run, shelf = turns.runs(scene)[0], bpy.data.collections.new("Archive")
    scene.collection.children.link(shelf)
    shelf.children.link(run)
    scene.collection.children.unlink(run)
    scene.view_layers[0].layer_collection.children["Archive"].children[run.name].exclude = True
    run.hide_viewport = True
    assert turn_visibility.shown(scene) is None
    turn_collections.show(scene, first)
    assert seen(scene) == {"Bed · 01"} and turn_visibility.shown(scene) == first


def test_a_turn_belongs_to_its_scene(scene):
    other = bpy.data.scenes.new("Other")
    bed = box("Bed")
    other.collection.objects.link(bed)
    turn = let_arrive(arrival({bed: MOVE}, scene=other))
    assert turns.runs(scene) == [] and turn_visibility.shown(scene) is None
    assert turn_visibility.shown(other) == turn and seen(other) == {"Bed · 01"} and seen(scene) == {"Bed"}
    assert turn_collections.accept(other, turn).moved == 1
    assert np.allclose(world(bed), np.array(MOVE), atol=1e-6)
    bpy.data.scenes.remove(other)
    with pytest.raises(LookupError):
        let_arrive(turn_collections.IncomingTurn(0, "x", "x", 1, {}, {}, {}, (), ""))


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
    things = {name: box(name, (k, 0, 0)) for k, name in enumerate(names)}
    turn = let_arrive(arrival(dict.fromkeys(things.values(), MOVE)))
    bpy.data.objects.remove(things.pop("Deleted"))
    scene.collection.objects.unlink(things["Unlinked"])
    things["Animated"].keyframe_insert("location", frame=1)
    things["Held"].constraints.new("COPY_LOCATION").target = things["Free"]
    things["Fixed"].lock_location = (True, True, False)
    before = {name: np.array(thing.matrix_basis) for name, thing in things.items()}
    accepted = turn_collections.accept(scene, turn, {things["Ticked"]})
    assert accepted.moved == 1 and len(accepted.notes) == 6
    for name, thing in things.items():
        assert np.array_equal(before[name], np.array(thing.matrix_basis)) == (name != "Free"), name
    told = "\n".join(accepted.notes)
    for name in names[:-1]:
        assert name in told
    assert "its original was deleted" in told and "animated or driven" in told and "marked as locked" in told


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
    for thing, start in ((table, Matrix()), (lamp, Matrix.Translation((0, 0, 1)))):
        assert np.allclose(world(thing), np.array(MOVE @ start), atol=1e-6)


def test_second_copies_and_foreign_objects_in_a_turn(scene):
    bed = box("Bed")
    turn = let_arrive(arrival({bed: MOVE}))
    second = copy_of(turn, bed).copy()
    second.location.x = 9
    turn.objects.link(second)
    mine, shared = box("Mine"), box("Shared")
    turn.objects.link(mine)
    scene.collection.objects.unlink(mine)
    turn.objects.link(shared)
    accepted = turn_collections.accept(scene, turn)
    assert accepted.moved == 1 and "another copy" in accepted.notes[0]
    assert np.allclose(world(bed), np.array(MOVE), atol=1e-6)
    turn_collections.delete_turn(scene, turn)
    assert {thing.name for thing in bpy.data.objects} == {"Bed", "Mine", "Shared"}
    assert {thing.name for thing in scene.objects} == {"Bed", "Mine", "Shared"} and not bpy.data.collections


def test_deleting_turns_shows_the_one_before_and_last_the_originals(scene, tmp_path):
    (tmp_path / "top.png").write_bytes(png())
    bed = box("Bed")
    before = {block.session_uid for block in data_blocks()}
    made = [let_arrive(arrival({bed: MOVE}, k, tmp_path, pictures=("top.png", None))) for k in (1, 2, 3)]
    turn_collections.delete_turn(scene, made[1])
    assert turn_visibility.shown(scene) == made[2], "another one is shown"
    turn_collections.delete_turn(scene, made[2])
    assert seen(scene) == {"Bed · 01"}
    turn_collections.delete_turn(scene, made[0])
    assert seen(scene) == {"Bed"} and not bed.hide_render
    assert {block.session_uid for block in data_blocks()} == before, "nothing is left behind"


def test_clear_removes_all_runs(scene):
    bed = box("Bed")
    before = {block.session_uid for block in data_blocks()}
    for run in ("a", "b"):
        for number in (1, 2):
            let_arrive(arrival({bed: MOVE}, number, run=run))
    turn_collections.clear(scene)
    assert {block.session_uid for block in data_blocks()} == before and seen(scene) == {"Bed"}


def test_turns_are_kept_by_saving(scene, tmp_path):
    (tmp_path / "secret").mkdir()
    for name in ("top.png", "view.png"):
        (tmp_path / "secret" / name).write_bytes(png())
    bed, lamp = box("Bed"), box("Lamp", (2, 0, 0))
    moves = {bed: MOVE, lamp: MOVE}
    made = [let_arrive(arrival(moves, k, tmp_path / "secret", pictures=("top.png", "view.png"))) for k in (1, 2)]
    copy_of(made[0], bed).location.x = 7
    wanted = np.array(copy_of(made[0], bed).matrix_basis)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"), compress=False)
    assert b"secret" not in (tmp_path / "a.blend").read_bytes()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    scene = bpy.context.scene
    first, second = turn_visibility.all_turns(scene)
    bed = bpy.data.objects["Bed"]
    assert seen(scene) == {"Bed · 02", "Lamp · 02"} and turn_visibility.shown(scene) == second
    assert second[turn_collections.TOP].size[:] == (4, 4) and second[turn_collections.TOP].packed_file is not None
    assert second[turn_collections.VIEW].filepath_raw == "" and turns.read_turn(second)["think"] == "hm"
    # The first turn's objects have not been evaluated since the file was opened.
    assert np.allclose(turn_collections.start_matrices(first)["Bed"], wanted.ravel(), atol=1e-6)
    turn_collections.accept(scene, first)
    assert np.allclose(world(bed)[:3, 3], wanted[:3, 3], atol=1e-6)
    assert not re.search(rb"sk-|api_key", (tmp_path / "a.blend").read_bytes())


def test_objects_deleted_before_a_turn_arrives_are_left_out(scene):
    bed, lamp, desk = box("Bed"), box("Lamp"), box("Desk")
    given = arrival({bed: MOVE, lamp: MOVE, desk: MOVE})
    bpy.data.objects.remove(lamp)
    scene.collection.objects.unlink(desk)
    bed.name = "Renamed"
    turn = let_arrive(given)
    assert [copy[turn_visibility.ORIGINAL] for copy in turn.objects] == [bed]
    assert copy_of(turn, bed)[turns.KEY] == "Bed", "the item keeps the id that the record speaks of"


@pytest.mark.parametrize("steps", range(1, 9))
def test_an_arrival_that_is_broken_off_leaves_nothing(scene, steps):
    bed, lamp = box("Bed"), box("Lamp")
    given = arrival({bed: MOVE, lamp: MOVE})
    before = {block.session_uid for block in data_blocks()}
    going = turn_collections.build_turn(given)
    for _ in range(steps):
        next(going, None)
    there = bool(turns.runs(scene))
    going.close()
    if not there:
        assert seen(scene) == {"Bed", "Lamp"}, "nothing is to be seen of a turn that is not complete"
        turn_collections.discard_unfinished()
        assert {block.session_uid for block in data_blocks()} == before
    turn_collections.show(scene, None)
    assert seen(scene) == {"Bed", "Lamp"} and not bed.hide_render and not turn_visibility.hides(scene)


def test_an_original_that_goes_while_it_is_copied_is_noticed(scene):
    bed, lamp = box("Bed"), box("Lamp")
    given = arrival({bed: MOVE, lamp: MOVE})
    going = turn_collections.build_turn(given)
    next(going)
    bpy.data.objects.remove(lamp)
    with pytest.raises(ReferenceError):
        list(going)
    turn = let_arrive(given)
    assert len(turn.objects) == 1 and seen(scene) == {"Bed · 01"}


def test_a_run_that_was_undone_is_made_again_and_numbers_stay_apart(scene):
    bed = box("Bed")
    let_arrive(arrival({bed: MOVE}, 1))
    turn_collections.clear(scene)
    second = let_arrive(arrival({bed: MOVE}, 2))
    again = let_arrive(arrival({bed: MOVE}, 2))
    run = turns.runs(scene)
    assert len(run) == 1 and [turn[turns.KEY]["turn"] for turn in turns.turns(run[0])] == [2, 3]
    assert (second.name, again.name) == ("Turn 02", "Turn 03")


def test_moves_between_turns_and_from_the_originals(scene):
    bed, lamp, shade = box("Bed"), box("Lamp", (2, 0, 0)), box("Shade", (2, 0, 1))
    shade.parent, shade.matrix_parent_inverse = lamp, Matrix.Translation((-2, 0, 0))
    first = let_arrive(arrival({bed: MOVE, lamp: Matrix()}, 1))
    second = let_arrive(arrival({bed: MOVE, lamp: MOVE}, 2))
    assert [move.item for move in compare.moves(first, None)] == ["Bed"]
    (move,) = compare.moves(second, first)
    assert move.item == "Lamp"
    assert np.allclose(move.before, np.array(Matrix.Translation((2, 0, 0))))
    assert np.allclose(move.after, np.array(MOVE @ Matrix.Translation((2, 0, 0))), atol=1e-6)
    corners = np.array(move.corners)
    assert np.allclose(corners.min(axis=0), (-0.5, -0.5, 0)) and np.allclose(corners.max(axis=0), (0.5, 0.5, 2))


def test_faults_name_the_objects_of_their_turn(scene):
    bed, lamp, pillar = box("Bed"), box("Lamp"), box("Pillar")
    evidence = {
        "overlaps": [{"a": "Bed", "b": "Pillar", "depth": 0.23}],
        "blocked": [{"opening": "Door", "by": ["Lamp", "Bed"], "share": 0.6}],
        "relations": [{"subject": "Lamp", "predicate": "against", "object": "wall", "score": 0.0}],
    }
    turn = let_arrive(arrival({bed: MOVE, lamp: MOVE}, others=[pillar], evidence=evidence))
    found = compare.faults(turn)
    assert [fault.objects for fault in found] == [("Bed · 01", "Pillar"), ("Lamp · 01", "Bed · 01"), ("Lamp · 01",)]
    assert "0.23 m" in found[0].text and found[0].items == ("Bed", "Pillar")
    pillar.name = "Column"
    assert compare.faults(turn)[0].objects == ("Bed · 01", "Column")
    assert compare.faults(let_arrive(arrival({bed: MOVE}, 2))) == []


def test_the_layout_follows_the_artists_corrections(scene):
    bed, lamp = box("Bed", (1, 0, 0)), box("Lamp")
    turn = let_arrive(arrival({bed: Matrix.Translation((0, 2, 0)), lamp: Matrix()}))
    assert compare.turn_layout(turn).poses["Bed"] == Pose(0, 2, 0, 0)
    copy = copy_of(turn, bed)
    copy.location, copy.rotation_euler.z = (3, 1, 0.5), math.pi / 2
    poses = compare.turn_layout(turn).poses
    moved = poses["Bed"]
    assert (moved.x, moved.y, moved.z, moved.yaw) == pytest.approx((2, 1, 0.5, 90), abs=1e-5)
    assert poses["Lamp"] == Pose(-1, 0, 0, 0)
    with pytest.raises(InputError, match="could be used"):
        compare.turn_layout(turns.add_turn(turns.runs(scene)[0], [], {"layout": None}))


def test_the_record_says_what_a_turn_went_on_from(scene):
    bed = box("Bed")
    given = arrival({bed: MOVE})
    turn = let_arrive(turn_collections.IncomingTurn(**{**vars(given), "start": {"mode": "refine", "turn": 2}}))
    assert turns.read_turn(turn)["start"] == {"mode": "refine", "turn": 2}
