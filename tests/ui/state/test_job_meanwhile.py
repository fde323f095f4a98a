"""What the artist does while a layout is made, and what may happen to its worker."""

from __future__ import annotations

import bpy
import pytest

from metaspatial_addon.blender.turns import turn_collections, turn_visibility, turns
from metaspatial_addon.ui.state import job
from metaspatial_addon.ui.state.identifiers import Operators
from tests.ui.jobs import generate, job_folders, names, ticked, turn_told, until_idle


def test_progress_and_the_best_turn(scene, recorded):
    worker = generate()
    assert job.current.state == job.STARTING or job.current.progress.text
    worker.says_progress("physics", 2, 3)
    ticked()
    assert job.current.state == job.RUNNING and job.current.progress.text == "Turn 2 of 3: physics"
    assert 1 / 3 < job.current.progress.factor < 2 / 3
    assert not bpy.ops.metaspatial.generate_layout.poll() and bpy.ops.metaspatial.cancel.poll()
    for number in (1, 2, 3):
        turn_told(worker, number)
    worker.says_done(best=2)
    until_idle()
    assert len(turn_visibility.all_turns(scene)) == 3 and turn_visibility.shown(scene).name == "Turn 02"
    assert scene.metaspatial.run == turns.runs(scene)[0] and scene.metaspatial.turn_index == 1


def test_the_turn_that_the_artist_looks_at_stays(scene, recorded):
    worker = generate()
    for number in (1, 2, 3):
        turn_told(worker, number)
    while len(turn_visibility.all_turns(scene)) < 3 or job.current.state == job.PLACING:
        ticked()
    bpy.ops.metaspatial.show_turn(number=1)
    worker.says_done(best=2)
    until_idle()
    assert turn_visibility.shown(scene).name == "Turn 01"


def test_cancel_while_a_turn_is_placed(scene, recorded, folder, monkeypatch):
    monkeypatch.setattr(job, "BUDGET", -1)  # not even one step a tick
    monkeypatch.setattr(job.Job, "_place", one_step)
    worker = generate()
    turn_told(worker)
    monkeypatch.setattr(job, "BUDGET", 1)
    ticked()
    assert job.current.state == job.PLACING
    ticked(3)
    objects = len(bpy.data.objects)
    assert objects > 4, "some copies are there"
    bpy.ops.metaspatial.cancel()
    assert len(bpy.data.objects) == 4 and not bpy.data.collections and worker.stopped
    assert not job_folders(folder) and job.current.state == job.IDLE
    assert not bpy.data.objects["Bed"].hide_render


def one_step(self: job.Job, until: float) -> None:
    next(self._placing)


def test_turns_that_arrived_stay_when_it_is_cancelled(scene, recorded, folder):
    worker = generate()
    turn_told(worker)
    worker.says_progress("model", 2)
    while job.current.progress.text != "Turn 2 of 3: model":
        ticked()
    bpy.ops.metaspatial.cancel()
    assert names(turn_visibility.shown(scene)) == {"Bed · 01", "Lamp · 01"} and not job_folders(folder)


def test_a_dead_worker_is_reported_and_the_next_click_works(scene, recorded, folder):
    worker = generate()
    turn_told(worker)
    worker.living = False
    until_idle()
    assert "stopped unexpectedly" in job.current.notice.sentence
    assert job.current.notice.operator == Operators.OPEN_LOG
    assert len(turn_visibility.all_turns(scene)) == 1, "what it had said is heard first"
    assert not job_folders(folder)
    generate()
    assert len(recorded) == 2 and job.current.notice is None


@pytest.mark.parametrize("phase, limit", [("model", 330), ("render", 180)])
def test_a_silent_worker_is_ended(scene, recorded, phase, limit, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(job.time, "monotonic", lambda: clock[0])
    worker = generate()
    worker.says_progress(phase)
    ticked()
    clock[0] += 5000
    ticked()
    assert job.current.busy, "a window that slept is no silent worker"
    for _ in range(limit - 2):
        clock[0] += 1
        ticked()
    assert job.current.busy
    for _ in range(3):
        clock[0] += 1
        ticked()
    assert not job.current.busy and worker.stopped and "did not answer" in job.current.notice.sentence


def test_edit_mode_is_waited_for(scene, recorded):
    bed = bpy.data.objects["Bed"]
    worker = generate()
    turn_told(worker)
    bpy.context.view_layer.objects.active = bed
    bpy.ops.object.mode_set(mode="EDIT")
    ticked(20)
    assert job.current.state == job.PLACING and job.current.progress.text == "Waiting for Object Mode"
    bpy.ops.object.mode_set(mode="OBJECT")
    worker.says_done()
    until_idle()
    assert len(turn_visibility.all_turns(scene)) == 1


def test_the_scene_is_not_read_in_edit_mode(scene, recorded):
    bpy.context.view_layer.objects.active = bpy.data.objects["Bed"]
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.metaspatial.generate_layout()
    ticked(5)
    assert job.current.state == job.READING and not recorded
    bpy.ops.object.mode_set(mode="OBJECT")
    ticked(2)
    assert recorded


def test_objects_renamed_moved_and_deleted_meanwhile(scene, recorded):
    worker = generate()
    turn_told(worker)
    bpy.data.objects["Bed"].name = "Renamed"
    bpy.data.objects["Renamed"].location.x = 40
    bpy.data.objects.remove(bpy.data.objects["Lamp"])
    worker.says_done()
    until_idle()
    (copy,) = turn_visibility.shown(scene).objects
    assert copy[turn_visibility.ORIGINAL] == bpy.data.objects["Renamed"] and copy.location.x == pytest.approx(3)
    assert job.current.notice is None


def test_an_object_deleted_while_it_is_copied(scene, recorded, monkeypatch):
    worker = generate()
    turn_told(worker)
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
    assert job.current.notice is None


def test_undo_while_a_turn_is_placed_begins_it_again(scene, recorded, monkeypatch):
    worker = generate()
    turn_told(worker)
    place = job.Job._place
    monkeypatch.setattr(job.Job, "_place", one_step)
    while job.current.state != job.PLACING:
        ticked()
    ticked(3)
    monkeypatch.setattr(job.Job, "_place", place)
    for handler in bpy.app.handlers.undo_post:
        handler(scene)
    worker.says_done()
    until_idle()
    assert [names(turn) for turn in turn_visibility.all_turns(scene)] == [{"Bed · 01", "Lamp · 01"}]
    assert len(bpy.data.objects) == 6 and len(bpy.data.collections) == 2


def test_undo_past_the_run_lets_the_next_turn_arrive(scene, recorded):
    worker = generate()
    turn_told(worker)
    while not turn_visibility.all_turns(scene) or job.current.state == job.PLACING:
        ticked()
    turn_collections.clear(scene)  # as an undo leaves the file
    turn_told(worker, 2)
    worker.says_done(best=2)
    until_idle()
    assert [turn.name for turn in turn_visibility.all_turns(scene)] == ["Turn 02"] and len(turns.runs(scene)) == 1


def test_another_file_ends_the_job(scene, recorded, folder):
    worker = generate()
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    assert job.current.state == job.IDLE and worker.stopped and "Another file" in job.current.notice.sentence
    assert not job_folders(folder) and not turns.runs(bpy.context.scene)


def test_a_turn_goes_to_the_scene_it_was_started_in(scene, recorded):
    worker = generate()
    turn_told(worker)
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
    assert not job.current.busy and worker.stopped and "scene was deleted" in job.current.notice.sentence
