"""The planner answers an episode as a model would."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from metaspatial_addon.core.conversation import Message
from metaspatial_addon.core.task import Item, Layout, Pose, Room, Task
from metaspatial_addon.policy.base import PolicyError
from metaspatial_addon.policy.planner.policy import PlannerPolicy
from metaspatial_addon.prompts.answer import read_answer

TASK = Task(
    "t",
    "",
    Room("study", ((0.0, 0.0), (3.0, 0.0), (3.0, 3.0), (0.0, 3.0)), 2.5),
    (Item("desk", "desk", (1.2, 0.6, 0.7)),),
)
QUESTION = Message("user", "Place the desk.", task=TASK)


def test_the_first_answer_places_everything_and_later_ones_keep_it():
    told = []
    (first,) = PlannerPolicy().answer([(QUESTION,)], [1], on_progress=lambda: told.append(1))
    answer = read_answer(first.text, TASK)
    assert answer.status == "ok" and answer.grade == 1.0 and told == [1]
    feedback = Message("user", "1 fault", task=TASK, layout=Layout("t", {"desk": Pose(1.0, 1.0)}))
    (second,) = PlannerPolicy().answer([(QUESTION, Message("assistant", first.text), feedback)], [1])
    assert read_answer(second.text, TASK, answer.layout).done


def test_without_a_task_it_says_so():
    with pytest.raises(PolicyError, match="about no task"):
        PlannerPolicy().answer([(Message("user", "Hello"),)], [1])


def test_the_command_lays_out_the_demo_room(checkout: Path, tmp_path: Path):
    pytest.importorskip("bpy")
    demo = ["--task", "assets/tasks/demo.json", "--policy", "planner", "--no-pictures", "--out", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "headless/generate.py", *demo], cwd=checkout, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    first = json.loads((tmp_path / "turns.jsonl").read_text().splitlines()[0])
    assert first["settings"]["policy"] == "planner"
    physical = {kind: faults for kind, faults in first["evidence"].items() if kind != "relations"}
    assert not any(physical.values()), physical


def test_it_takes_no_model(checkout: Path, tmp_path: Path):
    demo = ["--task", "assets/tasks/demo.json", "--policy", "planner", "--model", "m", "--out", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "headless/generate.py", *demo], cwd=checkout, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and "leave out --model" in done.stderr
