"""Rooms drawn at random: what is promised of them, by numpy alone."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from headless.pretraining.perturb import box_evidence
from headless.taskgen import furnish, lists, make
from headless.taskgen.make import LEAST_ITEMS, MOST_ITEMS, SPLITS, make_task, task_seed
from metaspatial_addon.core import furniture
from metaspatial_addon.core.faults import Cramped
from metaspatial_addon.core.furniture import ROOM_TYPES
from metaspatial_addon.core.relations import relation_scores
from metaspatial_addon.core.task import layout_from_json, layout_to_json, task_from_json, task_to_json

NEW_ROW = """
[[categories]]
name = "bath bench"
class_name = "seat"
width = [0.5, 0.7]
depth = [0.3, 0.3]
height = [0.4, 0.5]
known = false
drawn = [{ room = "bathroom", rank = 4, chance = 1, most = 1 }]
placement = [{ method = "wall", walls = "side", at = "end" }]
"""
ROOT = Path(__file__).parents[2]
DRAWN = [make_task("validation", 21, index) for index in range(150)]


def test_generated_layouts_have_no_faults():
    for task, layout in DRAWN:
        assert all(isinstance(fault, Cramped) for fault in box_evidence(task, layout).faults()), task.id


def test_every_relation_of_a_task_holds():
    for task, layout in DRAWN:
        assert all(score.score > 0.95 for score in relation_scores(task, layout)), task.id


def test_tasks_are_valid_and_survive_their_file_format():
    for task, _ in DRAWN:
        assert task_from_json(json.loads(json.dumps(task_to_json(task)))) == task


def test_rooms_and_lists_vary_as_promised():
    corners = Counter(len(task.room.floor) for task, _ in DRAWN)
    assert 0.15 < 1 - corners[4] / len(DRAWN) < 0.35
    assert set(corners) == {4, 6, 8}
    assert {task.room.type for task, _ in DRAWN} == set(ROOM_TYPES)
    counts = [len(task.items) for task, _ in DRAWN]
    assert min(counts) >= LEAST_ITEMS and max(counts) <= MOST_ITEMS and max(counts) >= 12
    assert all(2.5 <= side <= 8.0 for task, _ in DRAWN for side in map(max, zip(*task.room.floor, strict=True)))
    assert any(item.locked for task, _ in DRAWN for item in task.items)


def test_hardly_two_prompts_are_the_same():
    assert len({task.prompt for task, _ in DRAWN}) > 0.95 * len(DRAWN)


def test_the_same_seed_gives_the_same_task_and_no_split_shares_one():
    assert make_task("test", 3, 5) == make_task("test", 3, 5)
    seeds = {task_seed(split, seed, index) for split in SPLITS for seed in range(3) for index in range(50)}
    assert len(seeds) == len(SPLITS) * 3 * 50
    assert make_task("train", 3, 5)[0].room != make_task("test", 3, 5)[0].room


@pytest.mark.parametrize(
    ("split", "digest"),
    [
        ("train", "5f058dc571968fe071359b0772a51482bddd6d0b0efd5630dc73c60a7ab8ee9d"),
        ("validation", "a8608fdfad9c5d13c121d33541a6984611b4b019cf84f7bf80c59bf88b2613a4"),
        ("test", "9f2ac44dd60b809745d2eb84e6bb52c9b2ed78bb354654f69bced93b727c6623"),
    ],
)
def test_the_first_tasks_of_each_split_are_those_of_earlier_versions(split, digest):
    pairs = [make_task(split, 1, index) for index in range(50)]
    text = json.dumps([[task_to_json(task), layout_to_json(layout)] for task, layout in pairs], ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == digest


def test_a_new_row_of_the_table_is_drawn_and_placed_by_its_rules_without_an_asset(tmp_path, monkeypatch):
    text = Path(furniture.__file__).with_name("furniture.toml").read_text(encoding="utf-8")
    (tmp_path / "furniture.toml").write_text(text + NEW_ROW, encoding="utf-8")
    table = furniture.read_furniture(tmp_path / "furniture.toml")
    for module in (lists, furnish, make):
        monkeypatch.setattr(module, "FURNITURE", table)
    drawn = [(task, layout) for task, layout in (make_task("train", 6, k, ("bathroom",)) for k in range(8))]
    benches = [(item, task, layout) for task, layout in drawn for item in task.items if item.category == "bath bench"]
    assert len(benches) >= 4
    for item, task, layout in benches:
        assert (item.asset, item.size) == (None, (0.6, 0.3, 0.45))
        assert all(isinstance(fault, Cramped) for fault in box_evidence(task, layout).faults())


def run_tasks(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "headless/tasks.py", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_the_command_writes_pairs(tmp_path):
    out = tmp_path / "made" / "tasks.jsonl"
    done = run_tasks("--rooms", "bathroom,office", "--count", "6", "--seed", "4", "--out", str(out))
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(lines) == 6
    for line in lines:
        task, layout = task_from_json(line["task"]), layout_from_json(line["layout"])
        assert task.room.type in ("bathroom", "office")
        assert set(layout.poses) == {item.id for item in task.movable}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(("--rooms", "attic"), "no room type 'attic'"), (("--count", "0"), "at least 1, got '0'")],
)
def test_a_wrong_option_is_one_clear_line(tmp_path, arguments, told):
    done = run_tasks(*arguments, "--out", str(tmp_path / "x.jsonl"))
    assert done.returncode == 2
    assert told in done.stderr and len(done.stderr.splitlines()) == 1
