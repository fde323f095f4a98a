"""score.py: one score for a task and what was answered, or one a line for many."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("bpy")

from headless import score
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.task import task_from_json
from metaspatial_addon.episode.scorer import Scorer
from metaspatial_addon.scoring.weights import DEFAULT, Weights

CHECKOUT = Path(__file__).parents[2]
TASK = {
    "schema": "metaspatial.task/1",
    "id": "study-1",
    "prompt": "",
    "room": {"type": "study", "floor": [[0, 0], [4, 0], [4, 4], [0, 4]], "height": 2.5},
    "items": [
        {"id": "bed_1", "category": "bed", "size": [1, 2, 0.5]},
        {"id": "desk_1", "category": "desk", "size": [1.2, 0.6, 0.75]},
    ],
}
CLEAN = [{"id": "bed_1", "x": 3, "y": 2.5, "z": 0, "yaw": 0}, {"id": "desk_1", "x": 1, "y": 3.7, "z": 0, "yaw": 0}]
CROSSED = [CLEAN[0], {**CLEAN[1], "x": 2.6, "y": 2.5}]


def layout(placements, task="study-1"):
    return {"schema": "metaspatial.layout/1", "task": task, "placements": placements}


def text(placements):
    return f"<answer>{json.dumps(placements)}</answer>"


@pytest.fixture
def files(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return str(path)

    return write


def scores(argv, tmp_path):
    out = tmp_path / "scores.jsonl"
    score.main([*argv, "--no-render", "--out", str(out)])
    return [json.loads(line) for line in out.read_text().splitlines()]


def test_a_layout_and_the_same_answer_score_the_same(files, tmp_path):
    task = files("task.json", TASK)
    (one,) = scores(["--task", task, "--layout", files("layout.json", layout(CLEAN))], tmp_path)
    (two,) = scores(["--task", task, "--answer", files("answer.txt", text(CLEAN))], tmp_path)
    assert one == two
    assert (one["task"], one["status"], one["reward"]) == ("study-1", "ok", pytest.approx(1))
    assert "view" not in one["terms"]
    assert all(found == [] for found in one["evidence"].values())


def test_faults_are_found(files, tmp_path):
    argv = ["--task", files("task.json", TASK), "--layout", files("layout.json", layout(CROSSED))]
    (found,) = scores(argv, tmp_path)
    assert [(o["a"], o["b"]) for o in found["evidence"]["overlaps"]] == [("bed_1", "desk_1")]
    assert found["counts"]["colliding"] == 2 and found["reward"] < 0.9


@pytest.mark.parametrize(
    "placements", [CLEAN[:1], [*CLEAN, {**CLEAN[0], "id": "sofa_1"}], [CLEAN[0], {**CLEAN[1], "x": 5000}]]
)
def test_a_layout_of_other_items_than_the_task_has_is_a_model_fault(files, tmp_path, placements):
    argv = ["--task", files("task.json", TASK), "--layout", files("layout.json", layout(placements))]
    (found,) = scores(argv, tmp_path)
    assert found["status"] == "model_fault" and 0 < found["reward"] < 0.1


def test_pairs_are_scored_in_order(files, tmp_path):
    other = {**TASK, "id": "study-2"}
    lines = [
        {"task": TASK, "layout": layout(CROSSED)},
        {"task": TASK, "answer": text(CLEAN)},
        {"task": other, "answer": "no idea"},
        {"task": TASK, "layout": layout(CROSSED), "name": "again"},
    ]
    found = scores(["--pairs", files("pairs.jsonl", "\n".join(map(json.dumps, lines)) + "\n\n")], tmp_path)
    assert [f["task"] for f in found] == ["study-1", "study-1", "study-2", "study-1"]
    assert [f["status"] for f in found] == ["ok", "ok", "model_fault", "ok"]
    assert found[0] == found[3] and found[1]["reward"] > found[0]["reward"] > found[2]["reward"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: expected JSON"),
        ("[" * 200_000, "line 2: expected JSON"),
        ('{"task": "\xff"}', "line 2: expected JSON"),
        (json.dumps({"task": TASK}), "line 2: expected an object with task, and either layout or answer"),
        (json.dumps({"task": TASK, "answer": 3}), "line 2: answer: expected a text"),
        (json.dumps({"task": {**TASK, "items": []}, "answer": ""}), "line 2: task: items: expected at least one item"),
        (json.dumps({"task": TASK, "layout": {}}), "line 2: layout: schema: expected this field"),
        (json.dumps({"task": TASK, "layout": layout([], "x")}), "line 2: layout: task: expected the task's id"),
    ],
)
def test_a_bad_line_is_named_and_what_came_before_is_written(tmp_path, line, message):
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_bytes(json.dumps({"task": TASK, "answer": ""}).encode() + b"\n" + line.encode("latin-1") + b"\n")
    out = tmp_path / "scores.jsonl"
    with pytest.raises(InputError, match=message) as caught:
        score.main(["--pairs", str(pairs), "--no-render", "--out", str(out)])
    assert str(caught.value).startswith(f"{pairs}, line 2: ")
    assert len(out.read_text().splitlines()) == 1


def test_what_cannot_be_measured_has_no_reward_and_is_told_at_the_end(files, tmp_path, monkeypatch):
    lines = [{"task": TASK, "answer": text(CROSSED)}, {"task": TASK, "answer": text(CLEAN)}]
    pairs, real, calls = files("pairs.jsonl", "\n".join(map(json.dumps, lines))), Scorer.physics, []

    def failing(self, task, placed):
        calls.append(1)
        if len(calls) == 1:
            raise score.InfraFault("physics failed")
        return real(self, task, placed)

    monkeypatch.setattr(Scorer, "physics", failing)
    with pytest.raises(score.cli.CommandError, match="1 of 2 could not be measured"):
        scores(["--pairs", pairs], tmp_path)
    found = [json.loads(line) for line in (tmp_path / "scores.jsonl").read_text().splitlines()]
    assert [(f["status"], f["reward"] is None) for f in found] == [("infra_fault", True), ("ok", False)]


def test_weights_of_a_file_and_the_preset(files, tmp_path):
    assert score.read_weights("default") is DEFAULT
    assert score.read_weights(files("w.json", {"collision": 3})) == Weights(collision=3)
    argv = ["--task", files("task.json", TASK), "--answer", files("answer.txt", text(CLEAN)), "--weights", "paper"]
    assert scores(argv, tmp_path)[0]["reward"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1], "an object"),
        ({"colour": 1}, "colour: expected one of format"),
        ({"view": "1"}, "view: expected a number"),
        ({"view": -1}, "weights.view"),
        ({"view": float("nan")}, "NaN is no finite number"),
    ],
)
def test_bad_weights_are_named(files, weights, message):
    with pytest.raises(InputError, match=message):
        score.read_weights(files("w.json", weights))


def test_a_score_with_a_view_has_what_the_renderer_measured(files):
    from metaspatial_addon.blender.physics.stage import Stage
    from metaspatial_addon.core.evidence import ViewMeasure
    from metaspatial_addon.prompts.answer import read_answer

    class Painter:
        def measure_view(self, stage, task, placed):
            return ViewMeasure({"bed_1": 1.0, "desk_1": 0.0}, {"bed_1": 0.5, "desk_1": 0.0}, 0.5, 1.0)

    task = task_from_json(TASK)
    with Stage() as stage:
        found = score.score(Scorer(stage, Painter()), task, read_answer(text(CLEAN), task))
    assert 0 < found.terms["view"] < 1


def command(*argv):
    return subprocess.run(
        [sys.executable, str(CHECKOUT / "headless" / "score.py"), *argv], capture_output=True, text=True, timeout=120
    )


def test_the_command_prints_a_score(files):
    done = command("--task", files("t.json", TASK), "--answer", files("a.txt", text(CROSSED)), "--no-render")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["evidence"]["overlaps"]


def test_what_importers_print_is_not_among_the_scores(files, tmp_path):
    (tmp_path / "desk.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 0 1\nv 0 1 0\nf 1 2 3\nf 1 2 4\nf 1 3 4\nf 2 3 4\n")
    task = {**TASK, "items": [TASK["items"][0], {**TASK["items"][1], "asset": str(tmp_path / "desk.obj")}]}
    pairs = files("pairs.jsonl", "\n".join([json.dumps({"task": task, "answer": text(CLEAN)})] * 2))
    done = command("--pairs", pairs, "--no-render")
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["status"] for line in done.stdout.splitlines()] == ["ok", "ok"]


def test_an_asset_that_cannot_be_read_is_named_and_all_are_scored(files, tmp_path, caplog):
    (tmp_path / "bad.glb").write_text("no mesh")
    task = {**TASK, "items": [TASK["items"][0], {**TASK["items"][1], "asset": str(tmp_path / "bad.glb")}]}
    lines = [{"task": TASK, "answer": text(CLEAN)}, {"task": task, "answer": text(CLEAN)}]
    first, second = scores(["--pairs", files("pairs.jsonl", "\n".join(map(json.dumps, lines)))], tmp_path)
    assert first["status"] == second["status"] == "ok"
    assert "bad.glb: expected a binary glTF" in caplog.text and "a plain box takes the place of desk_1" in caplog.text


def test_an_asset_that_is_not_there_is_named_with_its_line(files, tmp_path):
    task = {**TASK, "items": [TASK["items"][0], {**TASK["items"][1], "asset": str(tmp_path / "bad.glb")}]}
    lines = [{"task": TASK, "answer": text(CLEAN)}, {"task": task, "answer": text(CLEAN)}]
    pairs = files("pairs.jsonl", "\n".join(map(json.dumps, lines)))
    with pytest.raises(
        score.cli.CommandError, match=r"pairs.jsonl, line 2: .*bad.glb: asset: expected an existing file"
    ):
        scores(["--pairs", pairs], tmp_path)
    assert len((tmp_path / "scores.jsonl").read_text().splitlines()) == 1


def test_an_input_is_not_overwritten(files, tmp_path):
    pairs = files("pairs.jsonl", json.dumps({"task": TASK, "answer": text(CLEAN)}))
    (tmp_path / "link").symlink_to(pairs)
    for out in (pairs, str(tmp_path / "link"), f"{tmp_path}/../{tmp_path.name}/pairs.jsonl"):
        with pytest.raises(score.cli.CommandError, match="--out would overwrite the file of --pairs"):
            score.main(["--pairs", pairs, "--no-render", "--out", out])
    assert json.loads(Path(pairs).read_text())["task"] == TASK


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "one of the arguments --layout --answer --pairs --run is required"),
        (["--answer", "a.txt"], "--task goes with"),
        (["--task", "none.json", "--answer", "a.txt"], "none.json: expected a readable file"),
        (["--pairs", "none.jsonl", "--no-render"], "none.jsonl: expected a readable file"),
    ],
)
def test_wrong_calls_exit_with_one_line(argv, message, tmp_path):
    done = command(*argv)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: ") and message in line


def test_help_lists_the_options():
    assert "--no-render" in command("--help").stdout


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (None, "a record of a training run"),
        ('{"task": "t"}', "a turn that train.py recorded"),
        (
            '{"episode": "1-0-0", "turn": 2, "task": "t", "reward": 0.5, "terms": {}, "layout": null}',
            "in the first turn of each episode",
        ),
    ],
)
def test_what_is_no_record_of_a_run_is_named(tmp_path, lines, message):
    if lines is not None:
        (tmp_path / "turns.jsonl").write_text(lines + "\n")
    with pytest.raises(InputError, match=message) as raised:
        score.main(["--run", str(tmp_path), "--no-render", "--out", str(tmp_path / "scores.jsonl")])
    assert "turns.jsonl" in str(raised.value)
