"""evaluate.py: rows for the policy, turn by turn, between the baselines; a report with pictures; runs compared."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from headless import evaluate
from headless.evaluation import runner
from headless.evaluation.task_files import read_pairs
from headless.taskgen.make import make_task
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.task import layout_to_json, task_to_json
from metaspatial_addon.episode.scorer import InfraFault, Scorer
from metaspatial_addon.policy.base import PolicyError, Reply

ROOT = Path(__file__).parents[2]


def run_evaluate(*arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "headless/evaluate.py", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def write_tasks(path: Path, count: int) -> list[str]:
    made = [make_task("test", 6, index) for index in range(count)]
    lines = [json.dumps({"task": task_to_json(task), "layout": layout_to_json(layout)}) for task, layout in made]
    path.write_text("\n".join(lines) + "\n\n")
    return lines


def test_the_command_measures_the_policy_between_its_baselines(tmp_path):
    pytest.importorskip("bpy")
    tasks, out = tmp_path / "tasks.jsonl", tmp_path / "report"
    write_tasks(tasks, 2)
    common = ("--tasks", str(tasks), "--turns", "2", "--samples", "2", "--no-pictures")
    done = run_evaluate(*common, "--seeds", "0,1", "--out", str(out))
    assert done.returncode == 0, done.stderr
    result = json.loads((out / "metrics.json").read_text())
    rows = {row: {name: value["value"] for name, value in measures.items()} for row, measures in result["rows"].items()}
    assert list(rows)[:4] == ["random placement", "wall-and-grid packer", "planner", "the generator's layouts"]
    assert list(rows)[4:7] == ["default, turn 1", "default, turn 2", "default, best of 2"]
    generated = rows["the generator's layouts"]
    assert (
        generated["colliding_1cm"] == generated["outside"] == generated["blocked"] == 0.0 < 0.95 < generated["reward"]
    )
    assert generated["natural"] is not None
    alone = ["default, model alone, turn 1", "one greedy answer, model alone, best of 2", "even choice, best of 2"]
    assert set(alone) < set(rows) and all(rows[name]["usable"] == 1.0 for name in alone)
    assert rows["default, turn 1"]["usable"] == rows["one greedy answer, turn 2"]["usable"] == 1.0
    assert rows["default, best of 2"]["reward"] >= rows["default, turn 1"]["reward"] > 0
    assert rows["default, turn 1"]["view"] is None and rows["default, turn 1"]["seconds"] > 0
    assert set(result["by_seed"]["default, turn 1"]) == {"0", "1"} and not (out / "pictures").exists()
    assert "| the generator's layouts | 100.0 |" in done.stdout and "2/2 tasks" in done.stderr
    parts = result["strata"]["number of items"].values()
    assert sum(part["tasks"] for part in parts) == 2 and all(
        {"planner", "default, best of 2"} < set(part["rows"]) < set(rows) for part in parts
    )
    again = run_evaluate(
        *common, "--against", str(out / "metrics.json"), "--seeds", "0,1", "--out", str(tmp_path / "b")
    )
    assert again.returncode == 0, again.stderr
    compared = json.loads((tmp_path / "b" / "metrics.json").read_text())["against"]["rows"]["default, best of 2"]
    assert compared["reward"]["difference"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert "Against" in (tmp_path / "b" / "report.html").read_text()


class Fixed:
    """Answers every task with nothing, or fails at every second question."""

    name, prompt_format, sees_images = "fixed", "compact", True

    def __init__(self, failing: bool = False):
        self.failing, self.asked = failing, 0

    def answer(self, conversations, seeds, temperature=None, on_progress=None):
        assert all(conversation[-1].images for conversation in conversations)
        self.asked += 1
        if self.failing and self.asked % 2:
            raise PolicyError("The server is gone.")
        return [Reply("?") for _ in conversations]


def test_tasks_without_a_known_layout_have_no_row_of_the_generator(tmp_path):
    pytest.importorskip("bpy")
    tasks, out = tmp_path / "tasks.jsonl", tmp_path / "report"
    (line,) = write_tasks(tasks, 1)
    pair = json.loads(line)
    tasks.write_text(json.dumps({**pair, "layout": {**pair["layout"], "placements": []}}))
    options = ("--turns", "1", "--samples", "1", "--no-pictures", "--free-places", "off", "--tidy", "off")
    done = run_evaluate("--tasks", str(tasks), *options, "--out", str(out))
    assert done.returncode == 0, done.stderr
    rows = json.loads((out / "metrics.json").read_text())["rows"]
    assert list(rows) == ["random placement", "wall-and-grid packer", "planner", "default, turn 1"]


def test_a_fault_is_counted_and_left_out_and_ends_nothing(tmp_path, monkeypatch, capsys):
    pytest.importorskip("bpy")
    tasks, out = tmp_path / "tasks.jsonl", tmp_path / "report"
    lines = write_tasks(tasks, 2)
    monkeypatch.setattr(evaluate.policies, "open_policy", lambda args: Fixed(failing=True))
    real, calls = Scorer.physics, []

    def failing(self, task, layout):
        calls.append(1)
        if len(calls) == 1:
            raise InfraFault("physics failed")
        return real(self, task, layout)

    monkeypatch.setattr(Scorer, "physics", failing)
    argv = ["--tasks", str(tasks), "--turns", "1", "--samples", "1", "--no-pictures", "--out", str(out)]
    argv += ["--free-places", "off", "--tidy", "off"]
    assert evaluate.main(argv) == 0
    result = json.loads((out / "metrics.json").read_text())
    faults = {name: count for name, count in result["infra_faults"].items() if count}
    assert faults == {"random placement": 1, "default": 1}
    assert result["rows"]["the generator's layouts"]["outside"]["value"] == 0.0
    assert result["rows"]["default, turn 1"]["usable"]["value"] == 0.0
    report = (out / "report.html").read_text()
    assert "The server is gone." in report and "no usable answer" in report
    assert "default: 1 of 2 could not be measured and are left out" in capsys.readouterr().err
    tasks.write_text(lines[0])
    with pytest.raises(evaluate.cli.CommandError, match="no task could be measured: default, turn 1"):
        evaluate.main(argv)


def test_sheets_and_failures_have_pictures(tmp_path, monkeypatch):
    pytest.importorskip("bpy")
    tasks, out = tmp_path / "tasks.jsonl", tmp_path / "report"
    write_tasks(tasks, 3)
    from headless.evaluation import gallery

    monkeypatch.setattr(gallery, "PIXELS", 48)
    monkeypatch.setattr(gallery, "is_clean", lambda result: False)
    assert evaluate.main(["--tasks", str(tasks), "--turns", "1", "--samples", "1", "--out", str(out)]) == 0
    names = {path.name for path in (out / "pictures").iterdir()}
    assert names == {"best.png", "middle.png", "worst.png", *(f"failure_{k:04d}.png" for k in (1, 2, 3))}
    report = (out / "report.html").read_text()
    assert all(f'"pictures/{name}"' in report for name in names)
    result = json.loads((out / "metrics.json").read_text())
    assert all(0 < measures["view"]["value"] <= 1 for measures in result["rows"].values())


def test_an_interrupt_keeps_whole_tasks(tmp_path, monkeypatch):
    pytest.importorskip("bpy")
    tasks, out = tmp_path / "tasks.jsonl", tmp_path / "report"
    write_tasks(tasks, 3)
    monkeypatch.setattr(evaluate.policies, "open_policy", lambda args: Fixed())
    real, calls = runner.play, []

    def pressed(*args, **options):
        calls.append(1)
        if len(calls) == 3:  # of each task the plan, and the same without the help of geometry
            raise KeyboardInterrupt
        return real(*args, **options)

    monkeypatch.setattr(runner, "play", pressed)
    argv = ["--tasks", str(tasks), "--turns", "1", "--samples", "1", "--no-pictures", "--out", str(out)]
    assert evaluate.main(argv) == 130
    result = json.loads((out / "metrics.json").read_text())
    assert result["interrupted"] and len(result["tasks"]) == 1
    assert {value["task"] for value in result["values"]} == set(result["tasks"])
    assert "interrupted: yes" in (out / "report.html").read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as POSIX has them")
def test_ctrl_c_leaves_a_report(tmp_path):
    pytest.importorskip("bpy")
    tasks, out = tmp_path / "tasks.jsonl", tmp_path / "report"
    write_tasks(tasks, 40)
    command = [sys.executable, "headless/evaluate.py", "--tasks", str(tasks), "--no-pictures", "--out", str(out)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        first = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        told = first + process.stderr.read()
    assert "/40 tasks" in first and process.returncode == 130, told
    assert json.loads((out / "metrics.json").read_text())["interrupted"] and (out / "report.html").exists()


def test_a_second_run_with_the_same_folder_is_refused(tmp_path):
    pytest.importorskip("bpy")
    tasks, out = tmp_path / "tasks.jsonl", tmp_path / "report"
    write_tasks(tasks, 40)
    argv = ["--tasks", str(tasks), "--no-pictures", "--out", str(out)]
    command = [sys.executable, "headless/evaluate.py", *argv]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as first:
        assert "/40 tasks" in first.stderr.readline()
        second = run_evaluate(*argv)
        first.kill()
    assert second.returncode == 2 and "another command is writing to this folder" in second.stderr


@pytest.mark.parametrize(
    ("text", "expected"),
    [("{}", "line 1: expected an object with task and layout"), ("", "expected at least one line")],
)
def test_a_bad_file_is_refused(tmp_path, text, expected):
    (tmp_path / "tasks.jsonl").write_text(text + "\n")
    with pytest.raises(InputError, match=expected):
        read_pairs(str(tmp_path / "tasks.jsonl"))


def test_a_task_given_twice_is_refused(tmp_path):
    lines = write_tasks(tmp_path / "tasks.jsonl", 1)
    (tmp_path / "tasks.jsonl").write_text("\n".join(lines * 2))
    with pytest.raises(InputError, match="line 2: task.id: expected an id used once"):
        read_pairs(str(tmp_path / "tasks.jsonl"))


@pytest.mark.parametrize("seeds", ["0,0", "a", ""])
def test_bad_seeds_are_refused(tmp_path, seeds):
    with pytest.raises(evaluate.cli.CommandError, match="--seeds"):
        evaluate.main(["--tasks", "x", "--seeds", seeds, "--out", str(tmp_path)])
