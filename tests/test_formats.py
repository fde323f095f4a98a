"""The examples in docs/formats.md, read by the project's own readers."""

from __future__ import annotations

import ast
import importlib
import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_type_hints, is_typeddict

import pytest

from metaspatial_addon.core.evidence import Evidence
from metaspatial_addon.core.feedback import Feedback, feedback_from_json, feedback_to_json
from metaspatial_addon.core.task import (
    MOUNTS,
    PREDICATES,
    Item,
    Layout,
    Opening,
    Pose,
    Relation,
    Task,
    layout_from_json,
    layout_to_json,
    task_from_json,
    task_to_json,
)
from metaspatial_addon.prompts.answer import read_answer
from metaspatial_addon.scoring.score import Score
from metaspatial_addon.worker import messages, protocol

READERS = [
    f"metaspatial_addon.{module}"
    for module in (
        "core.reading",
        "core.task",
        "core.feedback",
        "blender.assets.gltf",
        "blender.assets.import_file",
        "blender.assets.library",
        "blender.pictures",
        "blender.turns.turn_properties",
        "blender.turns.turn_record",
        "policy.builtin.safetensors",
        "policy.builtin.model_files",
        "worker.protocol",
    )
]
"""Modules that read what comes from outside: all their limits are in the table."""
LIMIT = re.compile(r"(LARGEST|LONGEST|DEEPEST|FARTHEST|MAX|MOST|LEAST)_")
EXAMPLE = re.compile(r"<!-- example: (\w+) -->\n```\w+\n(.*?)\n```", re.DOTALL)


@pytest.fixture(scope="module")
def page() -> str:
    return (Path(__file__).parents[1] / "docs" / "formats.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def examples(page: str) -> dict[str, str]:
    return dict(EXAMPLE.findall(page))


@pytest.fixture(scope="module")
def task(examples: dict[str, str]) -> Task:
    return task_from_json(json.loads(examples["task"]), "docs/formats.md")


def documented(page: str, heading: str) -> str:
    """The section under a heading that begins so."""
    section = page.partition(f"\n## {heading}")[2]
    assert section, heading
    return section.partition("\n## ")[0]


def test_the_task_is_read_and_written_again(task: Task) -> None:
    assert task_from_json(task_to_json(task)) == task


def test_the_layout_fits_the_task(examples: dict[str, str], task: Task) -> None:
    layout = layout_from_json(json.loads(examples["layout"]), "docs/formats.md")
    assert layout.task == task.id and set(layout.poses) == {item.id for item in task.movable}
    assert layout_from_json(layout_to_json(layout)) == layout


def test_the_answer_gives_that_layout(examples: dict[str, str], task: Task) -> None:
    answer = read_answer(examples["answer"], task)
    assert answer.status == "ok" and answer.grade == 1
    assert answer.layout == layout_from_json(json.loads(examples["layout"]))


def test_the_pair_is_a_task_with_its_layout(examples: dict[str, str]) -> None:
    pair = json.loads(examples["pair"])
    layout = layout_from_json(pair["layout"])
    assert layout == Layout("t", {"desk_1": Pose(1.5, 2.7)}) and task_from_json(pair["task"]).id == layout.task


def test_the_feedback_is_read_and_written_again(page: str, examples: dict[str, str]) -> None:
    feedback = feedback_from_json(json.loads(examples["feedback"]))
    assert feedback_from_json(feedback_to_json(feedback)) == feedback
    section = documented(page, "Feedback:")
    assert all(f"`{field.name}`" in section for field in fields(Feedback))


def test_the_score_has_the_fields_of_a_real_one(examples: dict[str, str], task: Task) -> None:
    example: dict[str, Any] = json.loads(examples["score"])
    real = Score.of(task, 1.0, Evidence()).to_json()
    assert list(example) == list(real)
    assert set(example["evidence"]) == set(real["evidence"]) and set(example["counts"]) == set(real["counts"])
    assert set(example["terms"]) >= set(real["terms"])


def test_every_field_of_a_task_is_explained(page: str) -> None:
    section = documented(page, "Task:")
    names = {field.name for kind in (Item, Opening, Relation, Pose) for field in fields(kind)}
    for name in (*names, *MOUNTS, *PREDICATES):
        assert re.search(rf"[`\"]{name}[`\"]", section), name


def test_every_field_of_a_record_is_explained(page: str, checkout: Path, tmp_path: Path) -> None:
    """Of the demo's own record, where the environment can make one."""
    pytest.importorskip("bpy")
    from metaspatial_addon.blender.physics.stage import Stage
    from metaspatial_addon.core.task import read_task
    from metaspatial_addon.episode.env import LayoutEnv
    from metaspatial_addon.episode.records import turn_record

    with Stage() as stage:
        env = LayoutEnv(stage, max_turns=1)
        task = read_task(checkout / "assets" / "tasks" / "demo.json")
        env.reset(task)
        env.step("no answer")
        record = turn_record(env.turns[0], env.task, env.seed, env.image_names, {})
    section = documented(page, "turns.jsonl") + documented(page, "Score")
    for name in record:
        assert f"`{name}`" in section or f'"{name}"' in section, name


def test_the_limits_are_those_of_the_code(page: str) -> None:
    rows = re.findall(r"^\|.*\| ([\d.,]+) \| `([\w.]+)\.(\w+)` \|$", documented(page, "Limits"), re.MULTILINE)
    listed: dict[str, set[str]] = {}
    for limit, module, name in rows:
        full = module if module.startswith("headless") else f"metaspatial_addon.{module}"
        if ".blender." in full:
            pytest.importorskip("bpy")
        assert getattr(importlib.import_module(full), name) == float(limit.replace(",", "")), name
        listed.setdefault(full, set()).add(name)
    assert sum(map(len, listed.values())) > 40
    for full in READERS:
        source = Path(str(importlib.import_module(full).__file__)).read_text(encoding="utf-8")
        targets = [t for node in ast.parse(source).body if isinstance(node, ast.Assign) for t in node.targets]
        names = {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
        assert {name for name in names if LIMIT.match(name)} - listed.get(full, set()) == set(), full


def test_the_message_is_a_request(examples: dict[str, str]) -> None:
    protocol.check_request(protocol.decode(examples["message"].encode()))


def test_every_message_and_its_fields_are_explained(page: str) -> None:
    section = documented(page, "Worker messages")
    shapes = [shape for shape in vars(messages).values() if is_typeddict(shape)]
    assert len(shapes) > 15
    for shape in shapes:
        for name, hint in get_type_hints(shape).items():
            assert f"`{name}`" in section or name == "type", f"{shape.__name__}.{name}"
            if name == "type":
                assert f"`{get_args(hint)[0]}`" in section, shape.__name__
