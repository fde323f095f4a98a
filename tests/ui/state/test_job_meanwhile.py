"""What the artist does while a layout is made, and what may happen to its worker."""

from __future__ import annotations

import base64

import bpy
import numpy as np
import pytest

from metaspatial_addon.blender.turns import turn_collections, turn_properties, turn_visibility, turns
from metaspatial_addon.prompts.png import write_png
from metaspatial_addon.ui.state import job, job_status
from metaspatial_addon.ui.state.identifiers import Operators
from metaspatial_addon.ui.state.job_status import status
from tests.ui.jobs import generate, job_folders, names, say_turn, ticked, until_idle


def test_progress_and_the_best_turn(scene, recorded):
    worker = generate()
    assert status.state == job_status.STARTING or status.progress.text
    worker.says_progress("physics", 2, 3)
    ticked()
    assert status.state == job_status.RUNNING and status.progress.text == "Turn 2 of 3: physics"
    assert 1 / 3 < status.progress.factor < 2 / 3
    assert not bpy.ops.metaspatial.generate_layout.poll() and bpy.ops.metaspatial.cancel.poll()
    for number in (1, 2, 3):
        say_turn(worker, number)
    worker.says_done(best=2)
    until_idle()
    assert len(turn_visibility.all_turns(scene)) == 3 and turn_visibility.shown(scene).name == "Turn 02"
    assert scene.metaspatial.run == turns.runs(scene)[0] and scene.metaspatial.turn_index == 1


def test_the_turn_that_the_artist_looks_at_stays(scene, recorded):
    worker = generate()
    for number in (1, 2, 3):
        say_turn(worker, number)
    while len(turn_visibility.all_turns(scene)) < 3 or status.state == job_status.PLACING:
        ticked()
    bpy.ops.metaspatial.show_turn(number=1)
    worker.says_done(best=2)
    until_idle()
    assert turn_visibility.shown(scene).name == "Turn 01"


def test_cancel_while_a_turn_is_placed(scene, recorded, folder, monkeypatch):
    monkeypatch.setattr(job, "TICK_BUDGET_S", 0)  # one step a tick
    worker = generate()
    say_turn(worker)
    while status.state != job_status.PLACING:
        ticked()
    ticked(3)
    objects = len(bpy.data.objects)
    assert objects > 4, "some copies are there"
    bpy.ops.metaspatial.cancel()
    assert len(bpy.data.objects) == 4 and not bpy.data.collections and worker.stopped
    assert not job_folders(folder) and status.state == job_status.IDLE
    assert not bpy.data.objects["Bed"].hide_render


def test_turns_that_arrived_stay_when_it_is_cancelled(scene, recorded, folder):
    worker = generate()
    say_turn(worker)
    worker.says_progress("model", 2)
    while status.progress.text != "Turn 2 of 3: model":
        ticked()
    bpy.ops.metaspatial.cancel()
    assert names(turn_visibility.shown(scene)) == {"Bed · 01", "Lamp · 01"} and not job_folders(folder)


def test_a_dead_worker_is_reported_and_the_next_click_works(scene, recorded, folder):
    worker = generate()
    say_turn(worker)
    worker.living = False
    until_idle()
    assert "stopped unexpectedly" in status.notice.sentence
    assert status.notice.operator == Operators.OPEN_LOG
    assert len(turn_visibility.all_turns(scene)) == 1, "what it had sent is received first"
    assert not job_folders(folder)
    generate()
    assert len(recorded) == 2 and status.notice is None


@pytest.mark.parametrize("phase, limit", [("model", 330), ("render", 180)])
def test_a_silent_worker_is_ended(scene, recorded, phase, limit, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(job.time, "monotonic", lambda: clock[0])
    worker = generate()
    worker.says_progress(phase)
    ticked()
    clock[0] += 5000
    ticked()
    assert status.busy, "a window that slept is no silent worker"
    for _ in range(limit - 2):
        clock[0] += 1
        ticked()
    assert status.busy
    for _ in range(3):
        clock[0] += 1
        ticked()
    assert not status.busy and worker.stopped and "did not answer" in status.notice.sentence


def test_any_message_ends_a_silence(scene, recorded, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(job.time, "monotonic", lambda: clock[0])
    worker = generate()
    worker.says_progress("model")
    for second in range(1000):
        clock[0] += 1
        if second % 300 == 0:
            worker.says("alive")
        ticked()
    assert status.busy and not worker.stopped
    worker.says_done(best=None)
    until_idle()


@pytest.mark.parametrize("failing", ["show", "discard_unfinished"])
def test_a_job_whose_ending_fails_ends_all_the_same(scene, recorded, folder, monkeypatch, failing):
    monkeypatch.setattr(job, "TICK_BUDGET_S", 0)  # one step a tick
    worker = generate()
    say_turn(worker)
    while not turn_visibility.all_turns(scene):
        ticked()
    assert status.state == job_status.PLACING

    def fail(*_):
        raise RuntimeError("the collection is not in the view layer")

    with monkeypatch.context() as patch:
        patch.setattr(turn_visibility, "show_in_steps", fail)
        patch.setattr(turn_collections, failing, fail)
        status.restart_placement()  # so that the next step fails as well
        ticked()
    assert status.state == job_status.IDLE and worker.stopped and job.current.worker is None
    assert status.notice.kind == "ERROR" and "system console" in status.notice.sentence
    ticked()
    assert not job_folders(folder)
    generate()
    assert len(recorded) == 2, "the next click works"


def test_cancel_works_although_the_ending_fails(scene, recorded, folder, monkeypatch):
    monkeypatch.setattr(job, "TICK_BUDGET_S", 0)
    worker = generate()
    say_turn(worker)
    while not turn_visibility.all_turns(scene):
        ticked()

    def fail(*_):
        raise RuntimeError("the collection is not in the view layer")

    monkeypatch.setattr(turn_collections, "show", fail)
    assert bpy.ops.metaspatial.cancel() == {"FINISHED"}
    assert status.state == job_status.IDLE and worker.stopped and not bpy.ops.metaspatial.cancel.poll()


def test_edit_mode_is_waited_for(scene, recorded):
    bed = bpy.data.objects["Bed"]
    worker = generate()
    say_turn(worker)
    bpy.context.view_layer.objects.active = bed
    bpy.ops.object.mode_set(mode="EDIT")
    ticked(20)
    assert status.state == job_status.PLACING and status.progress.text == "Waiting for Object Mode"
    bpy.ops.object.mode_set(mode="OBJECT")
    worker.says_done()
    until_idle()
    assert len(turn_visibility.all_turns(scene)) == 1


def test_the_scene_is_not_read_in_edit_mode(scene, recorded):
    bpy.context.view_layer.objects.active = bpy.data.objects["Bed"]
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.metaspatial.generate_layout()
    ticked(5)
    assert status.state == job_status.READING and not recorded
    bpy.ops.object.mode_set(mode="OBJECT")
    ticked(2)
    assert recorded


def test_objects_renamed_moved_and_deleted_meanwhile(scene, recorded):
    worker = generate()
    say_turn(worker)
    bpy.data.objects["Bed"].name = "Renamed"
    bpy.data.objects["Renamed"].location.x = 40
    bpy.data.objects.remove(bpy.data.objects["Lamp"])
    worker.says_done()
    until_idle()
    (copy,) = turn_visibility.shown(scene).objects
    assert copy[turn_properties.ORIGINAL] == bpy.data.objects["Renamed"] and copy.location.x == pytest.approx(3)
    assert status.notice is None


def test_an_object_deleted_while_it_is_copied(scene, recorded, monkeypatch):
    worker = generate()
    say_turn(worker)
    original = turns.copy_objects

    def deleting(*given):
        steps = original(*given)
        yield next(steps)
        if "Lamp" in bpy.data.objects:
            bpy.data.objects.remove(bpy.data.objects["Lamp"])
        yield from steps

    monkeypatch.setattr(turns, "copy_objects", deleting)
    worker.says_done()
    until_idle()
    assert names(turn_visibility.shown(scene)) == {"Bed · 01"} and len(turn_visibility.all_turns(scene)) == 1
    assert status.notice is None


def test_undo_while_a_turn_is_placed_begins_it_again(scene, recorded, monkeypatch):
    worker = generate()
    say_turn(worker)
    monkeypatch.setattr(job, "TICK_BUDGET_S", 0)  # one step a tick
    while status.state != job_status.PLACING:
        ticked()
    ticked(3)
    for handler in bpy.app.handlers.undo_post:
        handler(scene)
    worker.says_done()
    until_idle()
    assert [names(turn) for turn in turn_visibility.all_turns(scene)] == [{"Bed · 01", "Lamp · 01"}]
    assert len(bpy.data.objects) == 6 and len(bpy.data.collections) == 2


def test_undo_past_the_run_lets_the_next_turn_arrive(scene, recorded):
    worker = generate()
    say_turn(worker)
    while not turn_visibility.all_turns(scene) or status.state == job_status.PLACING:
        ticked()
    turn_collections.clear(scene)  # as an undo leaves the file
    say_turn(worker, 2)
    worker.says_done(best=2)
    until_idle()
    assert [turn.name for turn in turn_visibility.all_turns(scene)] == ["Turn 02"] and len(turns.runs(scene)) == 1


def test_another_file_ends_the_job(scene, recorded, folder):
    worker = generate()
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    assert status.state == job_status.IDLE and worker.stopped and "Another file" in status.notice.sentence
    assert not job_folders(folder) and not turns.runs(bpy.context.scene)


def test_a_turn_goes_to_the_scene_it_was_started_in(scene, recorded):
    worker = generate()
    say_turn(worker)
    other = bpy.data.scenes.new("Other")
    bpy.context.window.scene = other
    worker.says_done()
    until_idle()
    assert turn_visibility.shown(scene).name == "Turn 01" and not turns.runs(other)


def test_a_deleted_scene_ends_the_job(scene, recorded):
    worker = generate()
    bpy.context.window.scene = bpy.data.scenes.new("Other")
    bpy.data.scenes.remove(scene)
    ticked()
    assert not status.busy and worker.stopped and "scene was deleted" in status.notice.sentence


def test_pictures_that_come_after_the_end_are_put_into_their_turn_and_again_after_an_undo(scene, recorded):
    picture = base64.b64encode(write_png(np.zeros((8, 8, 3), np.uint8))).decode()
    large = base64.b64encode(write_png(np.zeros((16, 16, 3), np.uint8))).decode()
    worker = generate()
    say_turn(worker)
    worker.says_done()
    until_idle()
    turn = turn_visibility.shown(scene)
    assert turn.get(turn_properties.TOP) is None
    for data, size in ((picture, 8), (large, 16)):
        worker.says("pictures", number=1, top=data, view=data)
        assert job.tick() == job.PICTURES_INTERVAL_S
        assert [image.size[:] for image in (turn[turn_properties.TOP], turn[turn_properties.VIEW])] == [
            (size, size)
        ] * 2
    assert len(bpy.data.images) == 2, "the small ones are gone"

    del turn[turn_properties.TOP], turn[turn_properties.VIEW]  # as an undo step from before them has it
    status.restart_placement()
    ticked()
    assert turn[turn_properties.TOP].size[:] == (16, 16)
    worker.outbox.append({"type": "pictures", "job": 99, "number": 1, "top": picture, "view": picture})
    worker.says("pictures", number=1, top=picture, view=picture)
    generate()
    ticked(3)
    assert turn[turn_properties.TOP].size[:] == (16, 16), "a new layout takes none of the old"
