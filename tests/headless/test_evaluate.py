"""evaluate.py as its own process: rows for the policy, turn by turn, between the baselines."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from headless import evaluate
from headless.taskgen.make import make_task
from metaspatial_addon.layout.errors import InputError
from metaspatial_addon.layout.evidence import Evidence, Overlap, RelationScore
from metaspatial_addon.layout.task import layout_to_json, task_to_json
from metaspatial_addon.policy.base import PolicyError, Reply
from metaspatial_addon.reward.score import Score
from metaspatial_addon.reward.weights import DEFAULT
from metaspatial_addon.scorer import InfraFault

ROOT = Path(__file__).parents[2]


def run_evaluate(*arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "headless/evaluate.py", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_tally_counts_items_and_rooms():
    task, _ = make_task("test", 6, 0)
    ids = [item.id for item in task.items]
    evidence = Evidence(
        overlaps=(Overlap(ids[0], ids[1], 0.2),),
        relations=(RelationScore(ids[0], "near", ids[1], 0.9), RelationScore(ids[1], "near", ids[0], 0.1)),
    )
    tally = evaluate.Tally()
    tally.add(task, Score.of(task, 1.0, evidence, DEFAULT))
    tally.add(task, Score.unusable(task, 0.1, DEFAULT))
    shares = tally.shares()
    assert (shares["usable"], shares["clean"], shares["relations"]) == (0.5, 0.0, 0.5)
    assert shares["colliding"] == pytest.approx(2 / len(task.items), abs=1e-4)


def test_random_placement_is_seeded_and_leaves_out_nothing():
    task, _ = make_task("test", 6, 1)
    assert evaluate.random_layout(task, 1) == evaluate.random_layout(task, 1) != evaluate.random_layout(task, 2)
    assert set(evaluate.random_layout(task, 1).poses) == {item.id for item in task.movable}


def test_the_command_measures_the_policy_between_its_baselines(tmp_path):
    pytest.importorskip("bpy")
    lines = []
    for index in range(2):
        task, layout = make_task("test", 6, index)
        lines.append(json.dumps({"task": task_to_json(task), "layout": layout_to_json(layout)}))
    tasks = tmp_path / "tasks.jsonl"
    tasks.write_text("\n".join(lines) + "\n")
    done = run_evaluate("--tasks", str(tasks), "--turns", "2", "--samples", "2", "--out", str(tmp_path / "report"))
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "report" / "metrics.json").read_text())
    rows = result["rows"]
    assert result["tasks"] == 2 and rows["the generator's layouts"]["clean"] == 1.0
    assert rows["default, turn 1"]["usable"] == rows["one greedy answer, turn 2"]["usable"] == 1.0
    assert rows["default, turn 2"]["reward"] >= rows["default, turn 1"]["reward"] > 0
    assert "| the generator's layouts | 100.0 |" in done.stdout


def test_a_broken_line_is_named(tmp_path):
    tasks = tmp_path / "tasks.jsonl"
    tasks.write_text("{}\n")
    done = run_evaluate("--tasks", str(tasks), "--out", str(tmp_path))
    assert done.returncode == 2 and "line 1: expected an object with task and layout" in done.stderr


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "tasks.jsonl").write_text("\n")
    with pytest.raises(InputError, match="tasks.jsonl: expected at least one line"):
        evaluate.main(["--tasks", str(tmp_path / "tasks.jsonl"), "--out", str(tmp_path)])


class Sighted:
    """Sees plans, and fails at every second question."""

    name, rendering, sees_images = "sighted", "compact", True
    asked = 0

    def answer(self, conversations, seeds, temperature=None):
        assert all(conversation[-1].images for conversation in conversations)
        self.asked += 1
        if self.asked % 2:
            raise PolicyError("The server is gone.")
        return [Reply("?") for _ in conversations]


def test_a_fault_is_counted_and_left_out_and_ends_nothing(tmp_path, monkeypatch, capsys):
    pytest.importorskip("bpy")
    tasks, out = tmp_path / "tasks.jsonl", tmp_path / "report"
    made = [make_task("test", 6, index) for index in range(2)]
    lines = [json.dumps({"task": task_to_json(task), "layout": layout_to_json(layout)}) for task, layout in made]
    tasks.write_text("\n".join(lines) + "\n\n")
    monkeypatch.setattr(evaluate.policies, "open_policy", lambda args: Sighted())
    real, calls = evaluate.Scorer.physics, []

    def failing(self, task, layout):
        calls.append(1)
        if len(calls) == 1:
            raise InfraFault("physics failed")
        return real(self, task, layout)

    monkeypatch.setattr(evaluate.Scorer, "physics", failing)
    argv = ["--tasks", str(tasks), "--turns", "1", "--samples", "1", "--out", str(out)]
    evaluate.main(argv)
    result = json.loads((out / "metrics.json").read_text())
    assert result["infra_faults"] == {"random placement": 1, "the generator's layouts": 0, "default": 1}
    assert result["rows"]["the generator's layouts"]["clean"] == 1.0 and "default, turn 1" in result["rows"]
    assert "default: 1 of 2 could not be measured and are left out" in capsys.readouterr().err
    tasks.write_text(lines[0])
    with pytest.raises(evaluate.cli.CommandError, match="no task could be measured: default, turn 1"):
        evaluate.main(argv)
