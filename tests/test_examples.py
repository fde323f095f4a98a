"""The examples do what examples/README.md says, each run as a reader would run it."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

bpy = pytest.importorskip("bpy")

from metaspatial_addon.core.task import layout_from_json, read_layout, read_task, task_from_json

CHECKOUT = Path(__file__).parents[1]
EXAMPLES = CHECKOUT / "examples"
TASK = read_task(EXAMPLES / "bedroom.json")


def run(name: str, *arguments: object) -> str:
    """The standard output of an example, which must succeed."""
    result = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *map(str, arguments)],
        cwd=CHECKOUT,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def boxes(path: Path) -> dict[str, tuple[float, ...]]:
    """Position and rotation about z of each object of a .blend, in metres and radians."""
    with bpy.data.libraries.load(str(path)) as (held, wanted):
        wanted.objects = held.objects
    placed = {}
    for obj in wanted.objects:
        placed[obj.name.split(".")[0]] = tuple(
            round(v, 4) for v in (*obj.matrix_basis.translation, obj.matrix_basis.to_euler().z)
        )
    bpy.data.batch_remove([obj.data for obj in wanted.objects])
    return placed


def test_every_file_is_described():
    linked = set(re.findall(r"\]\(([\w.]+)\)", (EXAMPLES / "README.md").read_text(encoding="utf-8")))
    assert linked == {path.name for path in EXAMPLES.iterdir() if path.is_file()} - {"README.md"}


def test_a_layout_is_generated(tmp_path):
    output = run("generate_layout.py", tmp_path / "layout.json")
    assert "turn 1: ok" in output
    assert set(read_layout(tmp_path / "layout.json").poses) == {item.id for item in TASK.movable}


def test_a_layout_is_scored_with_its_faults():
    lines = run("score_layout.py").splitlines()
    assert re.fullmatch(r"reward 0\.\d{3}", lines[0])
    assert any("nightstand_1" in line and "double_bed_1" in line for line in lines[1:])


def test_tasks_are_generated(tmp_path):
    run("make_tasks.py", tmp_path / "tasks.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "tasks.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 5
    for line in lines:
        task, layout = task_from_json(line["task"]), layout_from_json(line["layout"])
        assert task.room.type in ("bathroom", "office")
        assert set(layout.poses) == {item.id for item in task.movable}


def test_the_environment_is_stepped_until_it_ends():
    lines = run("random_policy.py").splitlines()
    assert 1 <= len(lines) <= 3
    assert all(line.endswith("terminated False, truncated False") for line in lines[:-1])
    assert not lines[-1].endswith("terminated False, truncated False")


def test_a_blend_is_laid_out(tmp_path):
    run("lay_out_blend.py", tmp_path / "result.blend")
    before, after = boxes(EXAMPLES / "studio.blend"), boxes(tmp_path / "result.blend")
    assert before.keys() == after.keys() and len(before) == 7
    assert before["Floor"] == after["Floor"]
    assert all(before[name] != after[name] for name in before.keys() - {"Floor"})


def test_the_studio_is_what_its_script_makes_and_names_no_folder(tmp_path):
    run("make_blend.py", tmp_path / "studio.blend")
    assert boxes(tmp_path / "studio.blend") == boxes(EXAMPLES / "studio.blend")
    content = gzip.decompress((EXAMPLES / "studio.blend").read_bytes())
    assert not re.search(rb"/(home|root|tmp|work|Users)/|\\\\Users\\\\", content)
