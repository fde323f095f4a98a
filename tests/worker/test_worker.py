"""A real worker process: two layouts in a row, and all the ways in which a job or the process may end."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import bpy
import pytest

from metaspatial_addon.core.task import task_from_json
from metaspatial_addon.prompts.png import read_png
from metaspatial_addon.worker.client import worker_command
from tests.policy.servers import HalfDeafTLSServer, send
from tests.worker.conftest import KEY
from tests.worker.rooms import FURNITURE, job_folder, layout_request
from tests.worker.waiting import Ended, wait_for, wait_gone, wait_until


def turns_of(messages: list[dict]) -> list[dict]:
    return [message for message in messages if message["type"] == "turn"]


def raw(worker, line: bytes) -> None:
    """Send what no window sends."""
    worker._to_send.put(line)


def test_two_layouts_in_one_process(worker, tmp_path):
    folder = job_folder(tmp_path / "job")
    began = time.monotonic()
    worker.send(layout_request(folder, job=1))
    messages = wait_for(worker, "done", "error")
    first = time.monotonic() - began
    assert messages[0] == {"type": "hello", "protocol": 1, "blender": bpy.app.version_string}
    assert all(message["job"] == 1 for message in messages[1:])
    phases = [message["phase"] for message in messages if message["type"] == "progress"]
    assert set(phases) == {"scene", "model", "physics", "render"}

    task_message = next(message for message in messages if message["type"] == "task")
    task = task_from_json(task_message["task"])
    assert {item.id for item in task.movable} == set(FURNITURE)
    assert (
        task_message["objects"] == {name: [name] for name in FURNITURE}
        and task_message["notes"] == {}
        and task_message["left_out"] == {}
    )
    assert task.room.floor == ((0, 0), (4, 0), (4, 4), (0, 4))

    turns = turns_of(messages)
    assert [turn["number"] for turn in turns] == list(range(1, len(turns) + 1))
    for turn in turns:
        assert {obj["name"] for obj in turn["objects"]} == set(FURNITURE)
        assert {obj["item"] for obj in turn["objects"]} == set(FURNITURE)
        assert not any(obj["hidden"] for obj in turn["objects"])
        assert turn["top"] is turn["view"] is None and turn["record"]["images"] == []  # they follow
        assert turn["record"]["status"] == "ok" and "conversation" not in turn["record"]
        assert "samples" not in turn["record"] and turn["record"]["settings"]["mode"] == "generate"
        poses = {p["id"]: p for p in turn["record"]["layout"]["placements"]}
        for obj in turn["objects"]:  # the floor's middle is the world's origin
            pose = poses[obj["item"]]
            assert (obj["matrix"][3] + 2, obj["matrix"][7] + 2) == pytest.approx((pose["x"], pose["y"]), abs=1e-4)
    done = messages[-1]
    assert done["type"] == "done" and done["failure"] == "" and done["best"] in [turn["number"] for turn in turns]
    assert 50 < done["memory"] < 4000
    followed = wait_for(worker, "pictures")[-1]
    assert followed["job"] == 1 and followed["number"] == done["best"]
    for kind in ("top", "view"):
        assert read_png(base64.b64decode(followed[kind])).shape == (64, 64, 3)

    began = time.monotonic()
    worker.send(layout_request(folder, job=2, seed=7))
    again = wait_for(worker, "done", "error")
    second = time.monotonic() - began
    assert [t["objects"] for t in turns_of(again)] == [t["objects"] for t in turns]  # the same seed, the same turns
    assert second < first - 0.3  # neither the process nor the model started anew
    worker.send({"type": "quit"})
    with pytest.raises(Ended):
        wait_for(worker, "never", seconds=5)
    assert worker.returncode == 0


def test_fix_and_refine_begin_where_things_stand(busy_worker, tmp_path):
    worker = busy_worker
    folder = job_folder(tmp_path / "job")
    stand = {"Bed": (-1.0, 0.75), "Desk": (1.25, 1.5), "Wardrobe": (1.25, 1.375)}  # desk and wardrobe overlap
    start = {name: [1, 0, 0, x, 0, 1, 0, y, 0, 0, 1, 0, 0, 0, 0, 1] for name, (x, y) in stand.items()}
    worker.send(layout_request(folder, mode="fix", start=start, turns=1))
    messages = wait_for(worker, "done", "error")
    turn = turns_of(messages)[0]
    bed = next(obj for obj in turn["objects"] if obj["name"] == "Bed")
    assert bed["matrix"] == start["Bed"]  # nothing is wrong with it: exactly as it was
    assert turn["record"]["settings"]["mode"] == "fix"

    worker.send(layout_request(folder, job=2, mode="refine", start=start, turns=1))
    messages = wait_for(worker, "done", "error")
    task_message = next(message for message in messages if message["type"] == "task")
    assert messages[-1]["type"] == "done" and messages[-1]["failure"] == "" and task_message["job"] == 2


def test_errors_end_a_job_and_the_next_one_works(busy_worker, tmp_path):
    worker, folder = busy_worker, job_folder(tmp_path / "job")
    raw(worker, b"not JSON\n")
    assert wait_for(worker, "error")[-1] == {
        "type": "error",
        "job": None,
        "bug": False,
        "message": "Request: expected one JSON object with a type on a line",
    }
    request = layout_request(folder, job=5)
    del request["turns"]
    worker.send(request)
    error = wait_for(worker, "error")[-1]
    assert (error["job"], error["message"]) == (5, "Request: turns: expected a value")

    worker.send(layout_request(folder, job=6, room={"source": "floor", "floor": "Attic", "height": 2.7}))
    error = wait_for(worker, "error")[-1]
    assert error["message"] == "Floor: expected an object of the scene, got 'Attic'" and not error["bug"]

    worker.send(layout_request(tmp_path / "no-such-folder", job=7))
    error = wait_for(worker, "error")[-1]
    assert error["job"] == 7 and not error["bug"] and "Check the disk" in error["message"]

    worker.send(layout_request(folder, job=9, turns=1))
    assert wait_for(worker, "done", "error")[-1]["type"] == "done"


@pytest.mark.parametrize(
    "line",
    [b"[" * 5000, b'{"a":' * 5000, b"[" * 10**6, b'{"type":"check","job":' + b"9" * 5000 + b"}", b"x" * (40 * 2**20)],
    ids=["brackets", "braces", "a million", "digits", "40 MB"],
)
def test_a_line_that_is_no_message_is_refused_once_and_the_worker_goes_on(busy_worker, line):
    raw(busy_worker, line + b"\n")
    busy_worker.send({"type": "nap", "job": 8})
    refused, answered = (wait_for(busy_worker, "error")[-1] for _ in range(2))
    assert refused["job"] is None and "one JSON object with a type on a line" in refused["message"]
    assert answered["job"] == 8 and "type: expected one of" in answered["message"]


@pytest.mark.parametrize("phase", ["scene", "model", "physics", "render"])
def test_cancel_in_every_phase_leaves_no_process(worker, tmp_path, phase):
    folder = job_folder(tmp_path / "job")
    wait_for(worker, "hello")
    worker.send(layout_request(folder))
    wait_for(worker, "progress", until=lambda message: message["phase"] == phase)
    worker.stop()
    wait_gone(worker.pid, 1.2)
    assert not folder.exists()
    wait_until(lambda: not Path(worker.temporary).exists())


def test_a_killed_worker_is_seen_as_its_end(worker, tmp_path):
    folder = job_folder(tmp_path / "job")
    worker.send(layout_request(folder))
    wait_for(worker, "progress", until=lambda message: message["phase"] == "render")
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(Ended):
        wait_for(worker, "done", "error", seconds=5)
    assert worker.returncode == -signal.SIGKILL


PARENT = """
import json, sys, time
from pathlib import Path
from metaspatial_addon.worker.client import Worker
command, log, request = json.loads(sys.argv[1])
worker = Worker(command, Path(log), {})
worker.send(request)
phase = None
while phase != "model":
    message = worker.receive()
    phase = message and message.get("phase")
    assert message is None or message["type"] != "error", message
    time.sleep(0.01)
print(worker.pid, flush=True)
time.sleep(60)
"""


def test_a_worker_ends_with_its_parent_in_the_middle_of_an_answer(serve, checkout, tmp_path):
    asked, over = threading.Event(), threading.Event()

    def never(handler) -> None:
        asked.set()
        over.wait(60)

    server = serve(never)
    folder = job_folder(tmp_path / "job")
    policy = {"kind": "server", "url": server.url, "model": "m", "sees_images": False, "max_tokens": 4096}
    arguments = [worker_command(bpy.app.binary_path), str(tmp_path / "log"), layout_request(folder, policy=policy)]
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, json.dumps(arguments)], cwd=checkout, stdout=subprocess.PIPE, text=True
    )
    try:
        pid = int(parent.stdout.readline())
        assert asked.wait(30)
        os.kill(pid, 0)
        parent.kill()
        wait_gone(pid, 5)
        assert not folder.exists()
    finally:
        over.set()
        parent.kill()
        parent.wait()
        parent.stdout.close()


def test_the_key_is_nowhere_to_be_read(serve, worker, tmp_path):
    server = serve(send(401, {"error": {"message": f"Wrong key {KEY}"}}))
    folder = job_folder(tmp_path / "job")
    policy = {"kind": "server", "url": server.url, "model": "m", "sees_images": False, "max_tokens": 4096}
    worker.send(layout_request(folder, policy=policy))
    messages = wait_for(worker, "done", "error")
    assert "did not accept the API key" in messages[-1]["failure"] and turns_of(messages) == []
    worker.send({"type": "check", "job": 2, "policy": policy})
    messages += wait_for(worker, "checked", "error")
    assert server.seen[0][2]["Authorization"] == f"Bearer {KEY}"
    assert KEY not in repr(messages)
    assert KEY not in (tmp_path / "log").read_text()
    if sys.platform == "linux":
        assert KEY.encode() not in Path(f"/proc/{worker.pid}/cmdline").read_bytes()


def test_nothing_of_a_job_stays_in_the_worker(busy_worker, tmp_path):
    folder = job_folder(tmp_path / "job")
    memory = []
    for job in range(4):
        busy_worker.send(layout_request(folder, job=job, turns=1, samples=1, pictures=32))
        memory.append(wait_for(busy_worker, "done", "error")[-1]["memory"])
    assert memory[-1] - memory[1] <= 5


def test_a_worker_goes_on_after_a_handshake_that_never_ends(worker, tmp_path):
    server = HalfDeafTLSServer()
    try:
        policy = {"kind": "server", "url": server.url, "model": "m", "sees_images": False, "max_tokens": 4096}
        worker.send(layout_request(job_folder(tmp_path / "job"), policy=policy))
        assert wait_for(worker, "done", "error")[-1]["failure"]
        worker.send(layout_request(job_folder(tmp_path / "next"), job=2, turns=1, samples=1))
        assert not wait_for(worker, "done", "error")[-1].get("failure")
        assert worker.returncode is None
    finally:
        server.over.set()
