"""The wide generator: what it draws is valid, varied and laid out free of collisions."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from random import Random

import numpy as np

from headless.taskgen.draw import draw_furnishing, programs
from headless.taskgen.wide import make_wide_task
from headless.taskgen.wishes import MET, met, read_off
from metaspatial_addon.core.detectors.boxes import measure_boxes
from metaspatial_addon.core.faults import Outside, Overlap
from metaspatial_addon.core.furniture import FURNITURE
from metaspatial_addon.core.relations import relation_scores
from metaspatial_addon.core.task import task_from_json, task_to_json
from metaspatial_addon.prompts.model_frame import ModelFrame
from metaspatial_addon.prompts.vocabulary import PLAN_STEP, POSE_STEP

ROOT = Path(__file__).parents[3]
MADE = [make_wide_task("validation", 51, index, coarse=True) for index in range(40)]


def test_tasks_are_valid_and_reproducible():
    for task, _ in MADE:
        assert task_from_json(task_to_json(task)) == task
    assert make_wide_task("validation", 51, 3, coarse=True) == MADE[3]
    assert make_wide_task("test", 51, 3, coarse=True)[0].room != MADE[3][0].room


def test_layouts_are_inside_and_clear_and_meet_the_relations_of_their_tasks():
    for task, layout in MADE:
        evidence = measure_boxes(task, layout)
        assert not evidence.of_kind(Overlap) and not evidence.of_kind(Outside), task.id
        assert all(score.score >= MET for score in relation_scores(task, layout)), task.id


def test_coarse_layouts_are_on_the_grid_of_the_embedded_model():
    for task, layout in MADE:
        frame = ModelFrame(task.room)
        assert all(abs(side / PLAN_STEP - round(side / PLAN_STEP)) < 1e-6 for i in task.items for side in i.size[:2])
        if any(wall.inward[0] * wall.inward[1] for wall in task.room.walls) or frame.scale > 1:
            continue  # beside slanted walls places are what they are
        for item in task.items:
            pose = layout.poses[item.id]
            if pose.yaw % 90 == 0:
                moved = frame.to_task(item, frame.to_model(item, pose))
                assert abs(moved.x - pose.x) < POSE_STEP / 100 and abs(moved.y - pose.y) < POSE_STEP / 100


def test_rooms_lists_and_sizes_are_of_many_kinds():
    drawn = [draw_furnishing(Random(seed)) for seed in range(400)]
    corners = {len(room.floor) for room, _ in drawn}
    assert {4, 5, 6, 8} <= corners
    assert 0.15 < np.mean([not room.openings for room, _ in drawn]) < 0.4
    counts = [len(items) for _, items in drawn]
    assert min(counts) == 1 and max(counts) > 30
    kinds = {item.category for _, items in drawn for item in items}
    assert len(kinds & set(FURNITURE.categories)) > 150 and kinds - set(FURNITURE.categories)
    widths = {item.size[0] for _, items in drawn for item in items}
    assert len(widths) > 150 and len(programs()) >= 25


def test_relations_that_are_read_off_a_layout_hold_in_it():
    found = set()
    for index, (task, layout) in enumerate(MADE):
        for relation in read_off(Random(index), task, layout, 4):
            from dataclasses import replace

            assert met(replace(task, relations=(relation,)), layout) == (relation,) or relation.predicate == "around"
            found.add(relation.predicate)
    assert len(found) > 10


def test_the_command_writes_the_same_lines_with_any_number_of_workers(tmp_path):
    for workers in ("1", "2"):
        done = subprocess.run(
            [
                *(sys.executable, "headless/tasks.py", "--generator", "wide", "--count", "6", "--seed", "3"),
                *("--workers", workers, "--out", str(tmp_path / f"{workers}.jsonl")),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    one, two = ((tmp_path / f"{workers}.jsonl").read_text() for workers in "12")
    assert one == two and len([json.loads(line) for line in one.splitlines()]) == 6
