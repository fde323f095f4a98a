"""Turns in the artist's file: they arrive, belong to runs, are saved and deleted, whatever happens."""

from __future__ import annotations

import re

import bpy
import numpy as np
import pytest

from metaspatial_addon.blender.meshes import data_blocks
from metaspatial_addon.blender.turns import turn_collections, turn_properties, turn_visibility, turns
from tests.blender.turns.arrivals import MOVE, arrival, box, copy_of, let_arrive, png, seen, world


@pytest.fixture
def scene():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene


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
    assert {obj.name for obj in bpy.data.objects} == {"Bed", "Mine", "Shared"}
    assert {obj.name for obj in scene.objects} == {"Bed", "Mine", "Shared"} and not bpy.data.collections


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
    assert second[turn_properties.TOP].size[:] == (4, 4) and second[turn_properties.TOP].packed_file is not None
    assert second[turn_properties.VIEW].filepath_raw == "" and turns.read_turn(second)["think"] == "hm"
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
    assert [copy[turn_properties.ORIGINAL] for copy in turn.objects] == [bed]
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


def test_the_record_says_what_a_turn_went_on_from(scene):
    bed = box("Bed")
    given = arrival({bed: MOVE})
    turn = let_arrive(turn_collections.IncomingTurn(**{**vars(given), "start": {"mode": "refine", "turn": 2}}))
    assert turns.read_turn(turn)["start"] == {"mode": "refine", "turn": 2}
