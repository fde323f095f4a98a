"""The button's job: what is asked of the worker, and what comes back into the file."""

from __future__ import annotations

import time
from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Matrix

import metaspatial_addon
from metaspatial_addon.blender.turns import turn_collections, turn_properties, turn_visibility, turns
from metaspatial_addon.ui.state import job, job_status, preferences, request
from metaspatial_addon.ui.state.identifiers import Operators
from metaspatial_addon.ui.state.job_status import status
from tests.blender.turns.arrivals import box, task_message, turn_message
from tests.ui.jobs import MOVE, generate, job_folders, say_turn, ticked, until_idle, wait_until
from tests.worker.waiting import wait_gone

# With a real worker


def test_a_layout_from_click_to_accept(scene, folder):
    chosen, settings = preferences.of(bpy.context), scene.metaspatial
    chosen.engine, chosen.picture_size, chosen.samples, settings.turns, settings.prompt = "CYCLES", 128, 1, 1, "calm"
    settings.randomise, settings.seed = False, 7
    bed, lamp = bpy.data.objects["Bed"], bpy.data.objects["Lamp"]
    bed.location.x = 0.5  # into the lamp
    before = {obj: obj.matrix_basis.copy() for obj in (bed, lamp)}
    assert bpy.ops.metaspatial.generate_layout() == {"FINISHED"}
    assert status.state == job_status.READING and status.progress.text
    wait_until(lambda: job.tick() is None or not status.busy, 90)
    assert status.notice is None and turn_visibility.all_turns(scene)
    turn = turn_visibility.shown(scene)
    assert {copy[turn_properties.ORIGINAL] for copy in turn.objects} == {bed, lamp}
    wait_until(lambda: job.tick() and turn.get(turn_properties.TOP) is not None, 60)
    assert turn[turn_properties.TOP].size[:] == (128, 128)
    assert not job_folders(folder), "the temporary folder is gone"
    assert {obj: obj.matrix_basis for obj in before} == before
    first, pid = len(turn_visibility.all_turns(scene)), job.current.worker.pid
    assert bpy.ops.metaspatial.accept_turn() == {"FINISHED"}
    assert any(not np.allclose(obj.matrix_basis, old) for obj, old in before.items())
    # Again, from there: the same process, the same run.
    assert bpy.ops.metaspatial.show_turn(number=1) == {"FINISHED"}
    assert bpy.ops.metaspatial.refine_from_here() == {"FINISHED"}
    wait_until(lambda: job.tick() is None or not status.busy, 90)
    assert job.current.worker.pid == pid and len(turns.runs(scene)) == 1
    later = turn_visibility.all_turns(scene)[first:]
    assert all(turns.read_turn(turn)["start"] == {"mode": "refine", "turn": 1} for turn in later)
    worker = job.current.worker
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "a.blend"), compress=False)
    assert b"metaspatial_job" not in (folder / "a.blend").read_bytes()
    bpy.ops.wm.open_mainfile(filepath=str(folder / "a.blend"))
    wait_gone(worker.pid)
    assert len(turn_visibility.all_turns(bpy.context.scene)) == first + len(later)


def test_cancel_ends_a_real_worker_and_the_next_click_works(scene, folder):
    assert bpy.ops.metaspatial.generate_layout() == {"FINISHED"}
    wait_until(lambda: job.tick() is None or status.state == job_status.RUNNING, 60)
    pid = job.current.worker.pid
    started = time.monotonic()
    assert bpy.ops.metaspatial.cancel() == {"FINISHED"}
    assert status.state == job_status.IDLE and time.monotonic() - started < 1
    wait_gone(pid)
    wait_until(lambda: job.tick() is None)
    assert not job_folders(folder) and not turns.runs(scene)
    assert bpy.ops.metaspatial.generate_layout.poll()


# The request


def test_what_is_asked_for(scene, recorded):
    settings, chosen = scene.metaspatial, preferences.of(bpy.context)
    settings.prompt, settings.room_type, settings.seed, settings.randomise = "calm", "bedroom", 5, False
    bpy.data.objects["Lamp"].metaspatial.category, bpy.data.objects["Bed"].metaspatial.front = "floor lamp", "+X"
    door = bpy.data.objects.new("Door", None)
    scene.collection.objects.link(door)
    door.metaspatial.opening = "DOOR"
    child = box("Pillow")
    child.parent = bpy.data.objects["Bed"]
    chosen.engine, chosen.picture_size = "WORKBENCH", 300
    message = generate().sent[0]
    assert Path(message.pop("folder"), "scene.blend").exists()
    assert message == {
        "type": "layout",
        "job": 1,
        "mode": "generate",
        "room": {"source": "floor", "floor": "Floor", "height": 2.7},
        "room_type": "bedroom",
        "obstacles": ["Plant"],
        "carry": True,
        "separate": [],
        "items": [
            {"name": "Bed", "locked": False, "category": "", "front": "+X", "scale": 1.0},
            {"name": "Lamp", "locked": False, "category": "floor lamp", "front": "-Y", "scale": 1.0},
        ],
        "openings": [{"name": "Door", "kind": "door"}],
        "scene_name": "Scene",
        "prompt": "calm",
        "wishes": [],
        "policy": {"kind": "builtin"},
        "turns": 3,
        "samples": 8,
        "seed": 5,
        "engine": "workbench",
        "pictures": 300,
        "start": {},
    } | {"room": message["room"]}
    assert message["room"]["height"] == pytest.approx(2.7)


def test_a_new_seed_is_drawn_and_kept(scene, recorded):
    drawn = set()
    for _ in range(3):
        drawn.add(generate().sent[-1]["seed"])
        assert scene.metaspatial.seed in drawn
        job.cancel()
    assert len(drawn) == 3


def test_what_is_missing_is_said_before_anything_starts(scene, recorded):
    settings, chosen = scene.metaspatial, preferences.of(bpy.context)
    objects = [bpy.data.objects[name] for name in ("Bed", "Lamp")]

    def refused(words: str) -> None:
        with pytest.raises(RuntimeError, match=words):
            bpy.ops.metaspatial.generate_layout()
        assert words in status.notice.sentence and not status.busy and not recorded

    for obj in objects:
        obj.metaspatial.locked = True
    refused("unlock those that may move")
    for obj in objects:
        obj.select_set(False)
    refused("Select the furniture")
    settings.items_source = "COLLECTION"
    refused("Choose the collection with the furniture")
    settings.items_source = "LIBRARY"
    refused("from the library first")
    settings.floor = None
    refused("Choose the floor object")
    settings.room_source = "WALLS"
    refused("holds the walls")
    chosen.model = "LOCAL"
    refused("folder of the local model")
    chosen.model, chosen.server_url = "SERVER", ""
    refused("address of the model server")
    bpy.context.preferences.system.use_online_access = False
    chosen.server_url = "https://models.example.com/v1"
    refused("Preferences > System")
    chosen.server_url = "http://127.0.0.1:8000/v1"
    refused("holds the walls")
    chosen.model = "BUILTIN"


@pytest.mark.parametrize(
    "url, local",
    [
        ("http://localhost:8000/v1", True),
        ("http://127.0.0.9/v1", True),
        ("http://[::1]:80", True),
        ("http://localhost.example.com", False),
        ("https://api.example.com", False),
        ("http://192.168.0.2:8000", False),
        ("nonsense", False),
        ("http://[::1", False),
    ],
)
def test_addresses_of_this_computer(url, local):
    assert request.is_local(url) == local


def test_the_same_furniture_again_without_selecting_it(scene, recorded):
    worker = generate()
    say_turn(worker)
    worker.says_done()
    until_idle()
    for copy in turn_visibility.shown(scene).objects:
        copy.select_set(False)
    assert [item["name"] for item in generate().sent[-1]["items"]] == ["Bed", "Lamp"]
    job.cancel()
    turn_visibility.shown(scene).objects["Lamp · 01"].select_set(True)
    assert [item["name"] for item in generate().sent[-1]["items"]] == ["Lamp"]
    assert set(worker.sent[-1]["obstacles"]) | {"Bed"} == set(recorded[-1].sent[-1]["obstacles"]) | {"Bed"}
    assert "Bed" in recorded[-1].sent[-1]["obstacles"], "hidden for a turn, it still stands in the room"


def test_refine_goes_on_from_the_copies_and_fix_from_what_is_shown(scene, recorded):
    worker = generate()
    say_turn(worker)
    worker.says_done()
    until_idle()
    turn_visibility.shown(scene).objects["Bed · 01"].location.x = 1.25
    bpy.ops.metaspatial.refine_from_here()
    ticked(2)
    asked = worker.sent[-1]
    assert asked["mode"] == "refine" and asked["start"]["Bed"][3] == 1.25 and set(asked["start"]) == {"Bed", "Lamp"}
    say_turn(worker, move=Matrix.Translation((5, 5, 0)))
    worker.says_done()
    until_idle()
    assert [turn.name for turn in turn_visibility.all_turns(scene)] == ["Turn 01", "Turn 02"]
    assert turns.read_turn(turn_visibility.shown(scene))["start"] == {"mode": "refine", "turn": 1}
    bpy.ops.metaspatial.show_originals()
    for name in ("Bed", "Lamp"):
        bpy.data.objects[name].select_set(True)
    bpy.ops.metaspatial.fix_broken()
    ticked(2)
    assert worker.sent[-1]["mode"] == "fix" and worker.sent[-1]["start"] == {}
    say_turn(worker)
    worker.says_done()
    until_idle()
    assert len(turns.runs(scene)) == 2


# The worker


def test_a_worker_is_kept_and_ended_when_idle_or_large(scene, recorded, monkeypatch):
    chosen = preferences.of(bpy.context)
    worker = generate()
    worker.says_done(best=None, note="Nothing is at fault: there is nothing to mend.")
    until_idle()
    assert "Nothing is at fault" in status.notice.sentence
    assert generate() is worker, "kept"
    worker.says_done(best=None, memory=chosen.memory_limit_mb + 1)
    until_idle()
    assert worker.stopped and job.current.worker is None
    worker = generate()
    worker.says_done(best=None)
    until_idle()
    chosen.idle_minutes = 1
    clock = [job.time.monotonic()]
    monkeypatch.setattr(job.time, "monotonic", lambda: clock[0])
    for _ in range(58):
        clock[0] += 1
        assert job.tick() is not None and not worker.stopped
    clock[0] += 5000
    assert job.tick() is not None, "a machine that slept has not let its worker idle"
    for _ in range(3):
        clock[0] += 1
        job.tick()
    assert job.tick() is None and worker.stopped


def test_the_key_travels_in_the_environment_alone_and_a_new_one_starts_a_new_worker(scene, recorded):
    chosen = preferences.of(bpy.context)
    chosen.model = "SERVER"
    for key in ("sk-one", "sk-two"):
        chosen.key = key
        worker = generate()
        assert worker.environment == {"METASPATIAL_API_KEY": key} and key not in repr(worker.sent)
        worker.says("error", message="The server refused the key.", bug=False)
        until_idle()
        assert status.notice[:2] == ("ERROR", "The server refused the key.")
    assert len(recorded) == 2 and recorded[0].stopped and not recorded[1].stopped
    chosen.model, chosen.key = "BUILTIN", ""


def test_bugs_lead_to_the_log_and_failures_keep_the_turns(scene, recorded):
    worker = generate()
    worker.says("error", message="An error.", bug=True)
    until_idle()
    assert status.notice[:3] == ("ERROR", "An error.", Operators.OPEN_LOG)
    generate()
    say_turn(worker)
    worker.says_done(failure="The server does not answer.")
    until_idle()
    assert status.notice.sentence == "The server does not answer." and len(turn_visibility.all_turns(scene)) == 1


def test_questions_are_answered(scene, recorded):
    answers = []
    job.ask({"type": "check", "policy": {"kind": "builtin"}}, "", answers.append)
    with pytest.raises(RuntimeError):
        job.ask({"type": "check"}, "", answers.append)
    ticked(2)
    recorded[-1].says("checked", ok=True, message="Works.")
    until_idle()
    assert [answer["message"] for answer in answers] == ["Works."]


def test_a_worker_that_cannot_be_started(scene, monkeypatch):
    monkeypatch.setattr(job, "worker_command", lambda _: ["/nowhere/blender"])
    bpy.ops.metaspatial.generate_layout()
    ticked()
    assert not status.busy and "could not be started" in status.notice.sentence


def test_many_objects_are_placed_over_several_ticks(scene, recorded, monkeypatch):
    monkeypatch.setattr(job, "TICK_BUDGET_S", 0.001)
    many = [box(f"Thing {k}", (k, 3, 0)) for k in range(150)]
    for obj in many:
        obj.select_set(True)
    bpy.context.view_layer.update()
    worker = generate()
    say_turn(worker, names=tuple(obj.name for obj in many))
    worker.says_done()
    ticks = 0
    while status.busy:
        ticked()
        ticks += 1
    assert len(turn_visibility.shown(scene).objects) == 150
    assert ticks > 3


def test_disabling_the_addon_brings_the_originals_back(scene, recorded):
    worker = generate()
    say_turn(worker)
    worker.says_done()
    until_idle()
    metaspatial_addon.unregister()
    try:
        assert worker.stopped and turn_visibility.shown(scene) is None
        assert not bpy.data.objects["Bed"].hide_render and not bpy.data.objects["Bed"].hide_get()
        assert not any(
            getattr(handler, "__module__", "").startswith("metaspatial")
            for name in ("load_pre", "undo_post", "redo_post")
            for handler in getattr(bpy.app.handlers, name)
        )
    finally:
        metaspatial_addon.register()


# Operators


def test_operators_of_turns(scene, recorded, folder):
    worker = generate()
    for number in (1, 2):
        say_turn(worker, number, MOVE if number == 1 else Matrix())
    worker.says_done(best=1)
    until_idle()
    assert bpy.ops.metaspatial.compare_turns(number=2) == {"FINISHED"}
    assert scene.metaspatial.compare_with == turn_visibility.all_turns(scene)[1]
    assert bpy.ops.metaspatial.show_reasoning(as_text=True) == {"FINISHED"}
    assert next(text for text in bpy.data.texts if "reasoning" in text.name).as_string().strip() == "hm"
    path = folder / "layout.json"
    assert bpy.ops.metaspatial.export_layout(filepath=str(path), file_format="LAYOUT") == {"FINISHED"}
    assert '"Bed"' in path.read_text()
    assert bpy.ops.metaspatial.show_turn(number=2) == {"FINISHED"}
    assert bpy.ops.metaspatial.delete_turn(number=2) == {"FINISHED"}
    assert [turn.name for turn in turn_visibility.all_turns(scene)] == ["Turn 01"]
    assert bpy.ops.metaspatial.accept_turn(number=1) == {"FINISHED"}
    assert bpy.data.objects["Bed"].location.x == pytest.approx(3)
    path = folder / "turn.glb"
    assert bpy.ops.metaspatial.export_layout(filepath=str(path)) == {"FINISHED"} and path.stat().st_size > 500
    assert bpy.ops.metaspatial.clear_turns() == {"FINISHED"}
    assert not turns.runs(scene) and not bpy.ops.metaspatial.export_layout.poll()


def test_selecting_a_fault(scene, recorded):
    worker = generate()
    roots = [bpy.data.objects[name] for name in ("Bed", "Lamp")]
    worker.outbox.append({**task_message(roots), "job": 1})
    evidence = {"overlaps": [{"a": "Bed", "b": "Lamp", "depth": 0.2}], "unreachable": [{"id": "Lamp"}]}
    worker.outbox.append(turn_message(dict.fromkeys(roots, MOVE), 1, evidence))
    worker.says_done()
    until_idle()
    turn_collections.show(scene, None)
    for index, wanted in enumerate(({"Bed · 01", "Lamp · 01"}, {"Lamp · 01"})):
        assert bpy.ops.metaspatial.select_fault(number=1, index=index) == {"FINISHED"}
        assert {obj.name for obj in bpy.context.view_layer.objects.selected} == wanted
        assert bpy.context.view_layer.objects.active.name in wanted
