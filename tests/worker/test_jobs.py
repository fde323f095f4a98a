"""The jobs themselves, in this process: crashes, what is kept between jobs, and what the artist's words become."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import bpy
import pytest

from metaspatial_addon.blender.meshes import data_blocks
from metaspatial_addon.blender.scene_io.scene_export import export_scene
from metaspatial_addon.policy.base import PolicyError
from metaspatial_addon.worker import jobs, models
from metaspatial_addon.worker.memory import resident_mb
from tests.policy.servers import send
from tests.worker.rooms import FURNITURE, box, furnish, job_folder, layout_request


@pytest.fixture
def messages():
    return []


@pytest.fixture
def runner(messages):
    return jobs.JobRunner(messages.append)


def blocks() -> set[str]:
    return {block.name_full for block in data_blocks()}


def test_a_crash_is_told_and_the_next_job_works(runner, messages, tmp_path, monkeypatch, capsys):
    folder = job_folder(tmp_path / "job")
    request = layout_request(folder, turns=1, samples=1, pictures=32)

    def crash(env, *_):
        env.reset(_[1], meshes=_[5])  # the stage is built, out of the snapshot's meshes
        raise KeyError("bed_1")
        yield

    with monkeypatch.context() as broken:
        broken.setattr(jobs, "play", crash)
        runner.run(request)
    assert (messages[-1]["type"], messages[-1]["job"], messages[-1]["bug"]) == ("error", 1, True)
    assert "KeyError" in messages[-1]["message"] and "log" in messages[-1]["message"]
    assert "Traceback" in capsys.readouterr().err
    runner.run(request)
    assert messages[-1]["type"] == "done" and messages[-1]["failure"] == ""


def test_a_job_leaves_nothing_in_the_open_file(runner, messages, tmp_path):
    folder = job_folder(tmp_path / "job")
    runner.run(layout_request(folder, turns=1, samples=1, pictures=32))
    assert messages[-1]["type"] == "done"
    after = blocks()
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    assert after == blocks()


def test_wishes_become_relations_of_the_task_that_its_turns_meet(runner, messages, tmp_path):
    def wish(subject, predicate, other, negated=False):
        return {"subject": subject, "predicate": predicate, "object": other, "negated": negated, "phrase": "so"}

    wishes = [
        wish("Bed", "against", "north wall"),
        wish("Desk", "against", "window wall"),
        wish("Desk", "next_to", "Sofa"),
        wish("Wardrobe", "against", "south wall", negated=True),
    ]
    folder = job_folder(tmp_path / "job")
    runner.run(layout_request(folder, turns=1, samples=4, pictures=32, wishes=wishes))
    task = next(message for message in messages if message["type"] == "task")
    assert task["task"]["relations"] == [
        {"subject": "Bed", "predicate": "against", "object": "wall_2", "source": "prompt"},
        {"subject": "Wardrobe", "predicate": "against", "object": "wall_0", "negated": True, "source": "prompt"},
    ]
    assert [(w["words"], w["relation"], w["reason"]) for w in task["wishes"]] == [
        ("Bed against north wall", 0, ""),
        ("Desk against window wall", None, "the room has no window wall"),
        ("Desk next to Sofa", None, "there are no such items"),
        ("Wardrobe not against south wall", 1, ""),
    ]
    turn = next(message for message in messages if message["type"] == "turn")
    assert turn["record"]["evidence"]["relations"] == []
    messages.clear()
    runner.run(layout_request(folder, wishes=[wish("Bed", "beside", "wall")]))
    assert (messages[-1]["type"], messages[-1]["bug"]) == ("error", False)
    assert "predicate: expected one of next_to" in messages[-1]["message"]


def test_what_rests_on_an_item_meets_the_wish_to_be_there(runner, messages, tmp_path):
    objects = furnish()
    bpy.data.objects["Desk"].location = (1.2, 1.4, 0)
    objects.append(box("Lamp", (0.2, 0.2, 0.4), (1.2, 1.4, 0.75)))
    bpy.context.view_layer.update()
    (tmp_path / "job").mkdir()
    export_scene(tmp_path / "job" / "scene.blend", bpy.context.scene, objects)
    request = layout_request(tmp_path / "job", turns=1, samples=1, pictures=32)
    request["items"].append({**request["items"][0], "name": "Lamp"})
    on_it = {"subject": "Lamp", "predicate": "on", "object": "Desk", "negated": False, "phrase": ""}
    runner.run({**request, "wishes": [on_it, {**on_it, "predicate": "behind"}]})
    task = next(message for message in messages if message["type"] == "task")
    assert {item["id"] for item in task["task"]["items"]} == set(FURNITURE)
    assert [(w["words"], w["relation"], w["reason"]) for w in task["wishes"]] == [
        ("Lamp on Desk", None, ""),
        ("Lamp behind Desk", None, "it rests there and goes along"),
    ]


def test_the_model_is_kept_until_another_is_wanted(runner, messages, monkeypatch):
    opened = []

    def open_policy(wanted):
        opened.append(wanted["kind"])
        if wanted["kind"] == "local":
            raise PolicyError("There is no folder /m.")
        return object()

    monkeypatch.setattr(models, "open_policy", open_policy)
    monkeypatch.setattr(models, "check", lambda policy: "It works.")
    builtin = {"kind": "builtin"}
    local = {"kind": "local", "folder": "/m", "adapter": "", "packages": "", "max_tokens": 4096}
    for number, policy in enumerate((builtin, builtin, local, builtin)):
        runner.run({"type": "check", "job": number, "policy": policy})
    assert opened == ["builtin", "local", "builtin"]
    checks = [(m["job"], m["ok"], m["message"]) for m in messages if m["type"] == "checked"]
    assert checks == [
        (0, True, "It works."),
        (1, True, "It works."),
        (2, False, "There is no folder /m."),
        (3, True, "It works."),
    ]


def test_a_scene_that_cannot_be_laid_out_is_told_without_the_hand_over(runner, messages, tmp_path):
    folder = job_folder(tmp_path / "job")
    request = layout_request(folder)
    runner.run({**request, "items": [{**item, "locked": True} for item in request["items"]]})
    assert messages[-1]["message"] == "Items: expected at least one that is not locked"
    runner.run({**request, "room": {"source": "floor", "floor": "Attic", "height": 2.7}})
    assert messages[-1]["message"] == "Floor: expected an object of the scene, got 'Attic'"


def test_a_full_disk_is_told_in_words(runner, messages, tmp_path, monkeypatch):
    folder = job_folder(tmp_path / "job")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/tmp/turn_01_top.png")

    monkeypatch.setattr(jobs, "_turn_message", full)
    runner.run(layout_request(folder, turns=1, samples=1, pictures=32))
    assert messages[-1]["type"] == "error" and not messages[-1]["bug"]
    assert os.strerror(errno.ENOSPC) in messages[-1]["message"]


def test_nothing_to_mend_is_an_end_without_turns(runner, messages, tmp_path):
    folder = job_folder(tmp_path / "job")
    stand = {"Bed": (-0.5, -0.41), "Desk": (1.25, 1.625), "Wardrobe": (-1.25, 1.625)}
    start = {name: [1, 0, 0, x, 0, 1, 0, y, 0, 0, 1, 0, 0, 0, 0, 1] for name, (x, y) in stand.items()}
    runner.run(layout_request(folder, mode="fix", start=start, pictures=32))
    assert "turn" not in [message["type"] for message in messages]
    assert messages[-1]["best"] is None and messages[-1]["failure"] == ""
    assert messages[-1]["note"] == "Nothing is at fault: there is nothing to mend."


def test_memory_of_another_process_is_that_of_the_process_until_it_ends():
    code = "held = bytearray(300 << 20); held[::4096] = b'x' * len(held[::4096]); print(1, flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert 300 < resident_mb(process.pid) < 400
        process.stdin.close()
    assert resident_mb(process.pid) == 0


def test_memory_is_that_of_this_process():
    before = resident_mb()
    held = bytearray(200 << 20)
    held[::4096] = b"x" * len(held[::4096])
    assert 50 < before < resident_mb() - 150


def test_assets_are_found(runner, messages):
    runner.run({"type": "assets", "job": 4, "prompt": "a double bed", "libraries": []})
    assert messages[-1]["type"] == "assets" and messages[-1]["job"] == 4
    assert any(found["category"] == "double bed" for found in messages[-1]["found"])


def test_a_worker_says_alive_while_a_model_answers_but_not_all_the_time(runner, messages, tmp_path, monkeypatch):
    class Slow(type(models.open_policy({"kind": "builtin"}))):
        def answer(self, conversations, seeds, temperature=None, on_progress=None):
            for now in (10.0, 10.2, 10.9, 11.1, 11.2, 12.3):
                monkeypatch.setattr(jobs.time, "monotonic", lambda now=now: now)
                on_progress()
            monkeypatch.undo()
            return super().answer(conversations, seeds, temperature)

    monkeypatch.setattr(models, "open_policy", lambda wanted: Slow())
    runner.run(layout_request(job_folder(tmp_path / "job"), turns=1, samples=1, pictures=32))
    kinds = [message["type"] for message in messages]
    assert kinds.count("alive") >= 3 and messages[-1]["type"] == "done"
    phases = [message.get("phase", message["type"]) for message in messages]
    alive = [k for k, phase in enumerate(phases) if phase == "alive"]
    assert phases.index("model") < alive[0] and alive[2] < phases.index("physics")


def test_a_check_renders_before_it_asks_the_server(runner, messages, serve):
    """A thread of a request may outlive it."""
    rendered = []

    def step(handler) -> None:
        rendered.append(bool(runner._renderers))
        send(404)(handler)

    policy = {"kind": "server", "url": serve(step).url, "model": "m", "sees_images": False, "max_tokens": 4096}
    runner.run({"type": "check", "job": 1, "policy": policy, "engine": "cycles"})
    assert messages[-1]["renderer"]["ok"] and not messages[-1]["ok"]
    assert rendered and all(rendered)
