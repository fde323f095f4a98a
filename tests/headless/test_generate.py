"""generate.py as its own process, from a task and from a .blend, against a small chat server."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("bpy")

import bpy

from headless import cli, generate, policies
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.task import Relation, layout_from_json, read_layout, read_task
from metaspatial_addon.policy.base import Reply

CHECKOUT = Path(__file__).parents[2]
TASK = {
    "schema": "metaspatial.task/1",
    "id": "study-1",
    "prompt": "A place to read.",
    "room": {"type": "study", "floor": [[0, 0], [4, 0], [4, 4], [0, 4]], "height": 2.5},
    "items": [
        {"id": "bed_1", "category": "bed", "size": [1, 2, 0.5]},
        {"id": "desk_1", "category": "desk", "size": [1.2, 0.6, 0.75]},
        {
            "id": "shelf_1",
            "category": "shelf",
            "size": [0.8, 0.3, 1.8],
            "locked": True,
            "pose": {"x": 0.2, "y": 0.5, "z": 0, "yaw": 90},
        },
    ],
}
CROSSED = ["bed_1 2.6 2.5 0", "desk_1 2.2 2.5 0"]
MENDED = ["desk_1 0.4 3 90"]
RECORD = {"task": "study-1", "turn": 1, "conversation": [], "settings": {}}


def answer(*lines):
    entries = []
    for line in lines:
        item_id, x, y, yaw = line.split()
        entries.append({"id": item_id, "x": float(x), "y": float(y), "z": 0, "yaw": float(yaw)})
    return f"<think>so</think><answer>{json.dumps(entries)}</answer>"


@pytest.fixture
def server():
    """A chat server that gives the answers put in `server.answers`, in order (None: it fails), and keeps what it
    was sent. It waits with an answer while `server.may_answer` is cleared."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            made.requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            made.asked.set()
            made.may_answer.wait(60)
            if made.answers[0] is None:
                self.send_error(400, "out of memory")
                return
            message = {"role": "assistant", "content": made.answers.pop(0)}
            body = json.dumps({"choices": [{"index": 0, "finish_reason": "stop", "message": message}]}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.answers, made.requests = [], []
    made.asked, made.may_answer = threading.Event(), threading.Event()
    made.may_answer.set()
    made.options = ["--policy", "endpoint", "--model", "m", "--url", f"http://127.0.0.1:{made.server_port}/v1"]
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def command(*argv):
    return subprocess.run(
        [sys.executable, str(CHECKOUT / "headless" / "generate.py"), *map(str, argv)],
        capture_output=True,
        text=True,
        timeout=280,
    )


@pytest.fixture
def task(tmp_path):
    path = tmp_path / "task.json"
    path.write_text(json.dumps(TASK))
    return path


def read_scene(path):
    """Collections of a .blend by name, with the names of their objects; and what is kept on each turn."""
    with bpy.data.libraries.load(str(path)) as (there, wanted):
        wanted.collections = [name for name in there.collections if not name.startswith("MetaSpatial")]
    found = {c.name: sorted(thing.name for thing in c.objects) for c in wanted.collections}
    turns = [c for c in wanted.collections if c.name.startswith("Turn")]
    records = {turn.name: json.loads(turn["metaspatial_turn"]["record"]) for turn in turns}
    objects = {thing for collection in wanted.collections for thing in collection.objects}
    bpy.data.batch_remove([*objects, *wanted.collections, *bpy.data.libraries])
    return found, records


def test_a_task_is_laid_out_turn_by_turn(server, task, tmp_path):
    server.answers = [answer(*CROSSED), "I am done.", answer(*MENDED)]
    out = tmp_path / "out"
    out.mkdir()
    (out / "turns.jsonl").write_text(json.dumps(RECORD) + "\n")
    (out / "turn_09_top.png").touch()
    (out / "turn_notes.png").touch()  # not of the earlier run
    done = command("--task", task, *server.options, "--no-pictures", "--seed", 5, "--out", out, "--export", "glb")
    assert done.returncode == 0, done.stderr
    assert {path.name for path in out.iterdir()} == {
        "task.json",
        "layout.json",
        "turns.jsonl",
        "scene.blend",
        "scene.glb",
        "turn_notes.png",
    }
    assert re.findall(r"turn (\d) of at most 3: (\w+)", done.stderr) == [
        (turn, phase) for turn in "123" for phase in ("model", "physics")
    ]
    lines = [line for line in done.stdout.splitlines() if re.match(r" +\d", line)]
    rows = [line.split() for line in lines]
    assert [(row[0], row[1]) for row in rows] == [("1", "ok"), ("2", "model_fault"), ("3*", "ok")]
    assert "bed_1 overlaps desk_1" in lines[2]
    assert done.stdout.count("fault: ") == int(rows[2][3])

    records = [json.loads(line) for line in (out / "turns.jsonl").read_text().splitlines()]
    assert [record["status"] for record in records] == ["ok", "model_fault", "ok"]
    assert {record["seed"] for record in records} == {5}
    assert read_layout(out / "layout.json") == layout_from_json(records[2]["layout"])
    assert read_task(out / "task.json") == read_task(task)

    collections, kept = read_scene(out / "scene.blend")
    assert set(collections) == {"Room", "Turn 01", "Turn 02", "Turn 03"}
    assert all(len(collections[name]) == 3 for name in kept)
    assert [kept[name]["reward"] for name in sorted(kept)] == [record["reward"] for record in records]
    assert (out / "scene.glb").read_bytes()[:4] == b"glTF"
    assert "image_url" not in json.dumps(server.requests)


def test_without_a_usable_answer_there_is_a_record_and_an_error(server, task, tmp_path):
    server.answers = ["no", "no"]
    done = command("--task", task, *server.options, "--no-pictures", "--turns", 2, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: no answer could be used")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"task.json", "turns.jsonl"}


def test_a_server_that_goes_away_leaves_what_there_is(server, task, tmp_path):
    server.answers = [answer(*CROSSED), None]
    out = tmp_path / "out"
    done = command("--task", task, *server.options, "--no-pictures", "--out", out)
    assert done.returncode == 2
    assert server.options[-1].split("/")[2] in done.stderr.splitlines()[-1]
    records = [json.loads(line) for line in (out / "turns.jsonl").read_text().splitlines()]
    assert [record["status"] for record in records] == ["ok", "infra_fault"] and records[1]["reward"] is None
    assert "fault: bed_1 overlaps desk_1 by " in done.stdout
    assert read_layout(out / "layout.json") == layout_from_json(records[0]["layout"])


SCENE = """
import bpy, sys
bpy.ops.wm.read_factory_settings(use_empty=True)
def box(name, size, place):
    x, y, z = (s / 2 for s in size)
    corners = [(a, b, c) for a in (-x, x) for b in (-y, y) for c in (0, 2 * z)]
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(corners, [], faces)
    thing = bpy.data.objects.new(name, mesh)
    thing.location = place
    bpy.context.scene.collection.objects.link(thing)
floor = bpy.data.meshes.new("Floor")
floor.from_pydata([(-2, -2, 0), (2, -2, 0), (2, 2, 0), (-2, 2, 0)], [], [(0, 1, 2, 3)])
bpy.context.scene.collection.objects.link(bpy.data.objects.new("Floor", floor))
box("Bed", (1, 2, 0.5), (0, 0, 0))
box("Desk", (1.2, 0.6, 0.75), (0.2, 0, 0))
bpy.ops.wm.save_as_mainfile(filepath=sys.argv[1])
"""


def test_the_furniture_of_a_blend_is_laid_out(server, tmp_path):
    blend, out = tmp_path / "room.blend", tmp_path / "out"
    subprocess.run([sys.executable, "-c", SCENE, str(blend)], check=True, capture_output=True, timeout=60)
    shared = command("--blend", blend, "--prompt", "x", *server.options, "--out", tmp_path)
    assert shared.returncode == 2 and "holds the --blend file" in shared.stderr and blend.exists()
    probe = command("--blend", blend, "--floor", "Carpet", "--prompt", "x", *server.options, "--out", out)
    assert probe.returncode == 2 and "floor: expected one that the scene has (Bed, Desk, Floor)" in probe.stderr
    server.answers = [answer("Bed 2.6 2.5 0", "Desk 2.2 2.5 0"), answer("Desk 0.4 3 90")]
    options = ("--prompt", "The bed in the middle.", *server.options, "--no-pictures", "--turns", 2, "--out", out)
    done = command("--blend", blend, *options)
    assert done.returncode == 0, done.stderr + (out / "turns.jsonl").read_text()
    assert "the room is the outline of Floor" in done.stderr
    laid_out = read_task(out / "task.json")
    assert laid_out.prompt == "The bed in the middle."
    assert laid_out.relations == (Relation("Bed", "centred", "room", source="prompt"),)
    assert "wishes: Bed in the middle of room" in done.stderr
    collections, _ = read_scene(out / "scene.blend")
    assert len(collections["Turn 01"]) == len(collections["Turn 02"]) == 2
    written = json.loads((out / "layout.json").read_text())
    assert {name: entry["name"] for name, entry in written["objects"].items()} == {"Bed": "Bed", "Desk": "Desk"}
    for name, pose in read_layout(out / "layout.json").poses.items():  # their origins are below their middles
        where = np.reshape(written["objects"][name]["matrix"], (4, 4))[:, 3]
        assert np.reshape(written["frame"], (4, 4)) @ (pose.x, pose.y, pose.z, 1) == pytest.approx(where, abs=1e-3)
    assert "The bed in the middle." in json.dumps(server.requests[0])


@pytest.mark.slow
def test_pictures_are_written_and_shown(server, task, tmp_path):
    server.answers = [answer(*CROSSED), answer(*MENDED)]
    out = tmp_path / "out"
    done = command("--task", task, *server.options, "--turns", 2, "--engine", "cycles", "--out", out)
    assert done.returncode == 0, done.stderr
    pictures = {path.name for path in out.glob("*.png")}
    assert pictures == {
        "room_top.png",
        "room_view.png",
        "turn_01_top.png",
        "turn_01_view.png",
        "turn_02_top.png",
        "turn_02_view.png",
        "contact_sheet.png",
    }
    assert all((out / name).read_bytes().startswith(b"\x89PNG") for name in pictures)
    shown = [part for m in server.requests[1]["messages"] for part in m["content"] if isinstance(part, dict)]
    assert [part["type"] for part in shown].count("image_url") == 4
    assert "view" in json.loads((out / "turns.jsonl").read_text().splitlines()[0])["terms"]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--out", "o"], "one of the arguments --task --blend --replay is required"),
        (["--task", "t", "--blend", "b", "--out", "o"], "not allowed with"),
        (["--task", "t"], "--out"),
        (["--task", "t", "--out", "o", "--prompt", "x"], "go with --blend"),
        (["--blend", "b", "--out", "o", "--floor", "f"], "--blend needs --prompt"),
        (["--blend", "b", "--out", "o", "--prompt", "x", "--floor", "f", "--size", "4", "4", "3"], "not both"),
        (["--blend", "b", "--out", "o", "--prompt", "caf\udce9"], "argument --prompt: invalid text value"),
        (["--blend", "o/scene.blend", "--out", "o", "--prompt", "x"], "this folder holds the --blend file"),
        (["--task", "o/layout.json", "--out", "o/../o"], "layout.json would be overwritten"),
        (["--task", "t", "--out", "o", "--turns", "0"], "--turns"),
        (["--task", "t", "--out", "o", "--policy", "endpoint"], "--policy endpoint needs --model"),
        (["--task", "t", "--out", "o", "--policy", "endpoint", "--model", "m"], "--policy endpoint needs --url"),
        (["--task", "t", "--out", "o", "--policy", "local"], "--policy local needs --model"),
        (["--task", "t", "--out", "o", "--policy", "local", "--model", "m", "--url", "u"], "--url goes with"),
    ],
)
def test_wrong_calls_are_explained(argv, message):
    with pytest.raises(cli.CommandError, match=message):
        generate.main(argv)


def test_samples_default_to_what_a_policy_costs():
    assert policies.default_samples("builtin", 12) == policies.DEFAULT_SAMPLES["builtin"] == 8
    assert [policies.default_samples("builtin", items) for items in (0, 40, 60, 120, 1000)] == [8, 8, 5, 2, 2]
    assert policies.default_samples("endpoint", 120) == 1


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["Floor", "Bed"], "Floor"),
        (["living room FLOOR.001", "floorlamp"], "living room FLOOR.001"),
        (["ground_floor"], "ground_floor"),
        (["Bed"], "there is none"),
        (["Floor", "Floor lamp"], "Floor, Floor lamp"),
        ([], "there is none"),
    ],
)
def test_the_floor_is_known_by_its_name(names, found):
    scene = SimpleNamespace(objects=[SimpleNamespace(name=name, type="MESH") for name in names])
    scene.objects.append(SimpleNamespace(name="Floor light", type="LIGHT"))
    try:
        assert generate._called_floor(Path("room.blend"), scene).name == found
    except InputError as error:
        assert found in str(error) and "pass --floor OBJECT or --size W D H" in str(error)


@pytest.mark.parametrize("record", [None, "", "{}\n", "[1]\n", "no JSON"])
@pytest.mark.parametrize("name", ["scene.blend", "layout.json", "turn_01_view.png", "task.json", "turns.jsonl"])
def test_a_folder_with_the_files_of_others_is_left_alone(tmp_path, task, name, record):
    out = tmp_path / "out"
    out.mkdir()
    if record is not None:
        (out / "turns.jsonl").write_text(record)
    (out / name).touch()
    before = {path: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(cli.CommandError, match="is there already, and no turns.jsonl says"):
        generate.main(["--task", str(task), "--out", str(out)])
    assert {path: path.read_bytes() for path in out.iterdir()} == before


def test_an_earlier_run_stays_until_the_policy_and_the_task_are_there(tmp_path):
    (tmp_path / "turns.jsonl").write_text(json.dumps(RECORD) + "\n")
    (tmp_path / "scene.blend").touch()
    with pytest.raises(InputError, match="none.json"):
        generate.main(["--task", str(tmp_path / "none.json"), "--out", str(tmp_path)])
    assert {path.name for path in tmp_path.iterdir()} == {"turns.jsonl", "scene.blend"}


def test_a_run_of_the_task_in_its_own_folder_and_again(server, task):
    for number in (1, 2):
        server.answers = [answer("bed_1 2 2.5 0", "desk_1 3.2 0.6 0")]
        done = command("--task", task, *server.options, "--no-pictures", "--turns", 1, "--out", task.parent)
        assert done.returncode == 0, done.stderr
        assert len((task.parent / "turns.jsonl").read_text().splitlines()) == 1, number
        half_written = task.parent / "turn_01_top.part.png"
        assert not half_written.exists()
        half_written.touch()  # as a run leaves it that is killed while it writes
    assert read_task(task).id == "study-1"


def test_a_second_run_with_the_same_folder_is_refused_while_the_first_goes_on(server, task, tmp_path):
    out = tmp_path / "out"
    server.answers = [answer("bed_1 2 2.5 0", "desk_1 3.2 0.6 0")]
    server.may_answer.clear()
    argv = ["--task", str(task), *server.options, "--no-pictures", "--turns", "1", "--out", str(out)]
    first = subprocess.Popen(
        [sys.executable, str(CHECKOUT / "headless" / "generate.py"), *argv],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.asked.wait(60)
        second = command(*argv)
        assert second.returncode == 2
        assert second.stderr.splitlines() == [
            f"error: --out {out}: another command is writing to this folder: wait for it, or choose another folder"
        ]
        server.may_answer.set()
        assert first.wait(60) == 0, first.stderr.read()
    finally:
        first.kill()
        first.communicate()
    assert len((out / "turns.jsonl").read_text().splitlines()) == 1 and len(server.requests) == 1
    assert not (out / cli.LOCK).exists()


def test_nothing_to_place_is_one_line(server, task, tmp_path):
    task.write_text(json.dumps({**TASK, "items": TASK["items"][2:]}))
    done = command("--task", task, *server.options, "--no-pictures", "--out", tmp_path / "out")
    assert done.returncode == 2
    (line,) = (line for line in done.stderr.splitlines() if not line.startswith("turn "))
    assert line == "error: task study-1: items: expected at least one that is not locked"


def test_a_model_taught_with_pictures_sees_them_without_a_renderer(task, tmp_path, monkeypatch):
    class Sighted:
        name, prompt_format, sees_images = "sighted", "compact", True

        def answer(self, conversations, seeds, temperature=None, on_progress=None):
            assert all(conversation[-1].images for conversation in conversations)
            return [Reply("?") for _ in conversations]

    monkeypatch.setattr(policies, "open_policy", lambda args: Sighted())
    out = tmp_path / "out"
    with pytest.raises(cli.CommandError, match="no answer could be used"):
        generate.main(["--task", str(task), "--turns", "1", "--no-pictures", "--out", str(out)])
    (record,) = (json.loads(line) for line in (out / "turns.jsonl").read_text().splitlines())
    shown = [name for message in record["conversation"] for name in message["images"]]
    assert shown and all((out / name).read_bytes().startswith(b"\x89PNG") for name in shown)


class Blind:
    """Answers with these texts, and sees no pictures."""

    name, prompt_format, sees_images = "blind", "full", False

    def __init__(self, *texts):
        self._texts = list(texts)

    def answer(self, conversations, seeds, temperature=None, on_progress=None):
        return [Reply(self._texts.pop(0))] * len(conversations)


@pytest.mark.parametrize(
    ("options", "rendered"),
    [
        ([], ["turn_02_top.png", "turn_02_view.png"]),
        (["--pictures", "all"], [f"turn_0{k}_{kind}.png" for k in (1, 2) for kind in ("top", "view")]),
        (["--pictures", "none"], []),
    ],
)
def test_which_turns_have_pictures(task, tmp_path, monkeypatch, options, rendered):
    monkeypatch.setattr(policies, "open_policy", lambda args: Blind(answer(*CROSSED), answer(*MENDED)))
    monkeypatch.setattr(generate, "RENDER_PIXELS", 32)
    out = tmp_path / "out"
    generate.main(["--task", str(task), "--turns", "2", "--engine", "cycles", *options, "--out", str(out)])
    sheet = ["contact_sheet.png"] if rendered else []
    assert sorted(path.name for path in out.glob("*.png")) == sorted([*rendered, *sheet])
    records = [json.loads(line) for line in (out / "turns.jsonl").read_text().splitlines()]
    assert [name for record in records for name in record["images"]] == rendered
    assert all(("view" in record["terms"]) == bool(rendered) for record in records), "the view is measured in any case"
    _, in_scene = read_scene(out / "scene.blend")
    assert [name for turn in sorted(in_scene) for name in in_scene[turn]["images"]] == rendered
