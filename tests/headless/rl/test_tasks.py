"""The tasks that a run plays, and those that it is validated on."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

pytest.importorskip("torch")

from headless.rl.config import CurriculumStage, TrainConfig, ValidationConfig
from headless.rl.tasks import TaskSource
from headless.taskgen.make import make_task
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.task import layout_to_json, task_to_json

CONFIG = TrainConfig(validation=ValidationConfig(every=1, tasks=3))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "tasks.jsonl"
    made = [make_task("test", 1, k) for k in range(10)]
    lines = [json.dumps({"task": task_to_json(task), "layout": layout_to_json(layout)}) for task, layout in made]
    path.write_text("\n".join(lines))
    return str(path)


@pytest.mark.parametrize("kind", ["typical", "wide"])
def test_generated_tasks_are_of_two_splits_and_follow_from_the_seed(kind):
    config = replace(CONFIG, tasks=kind)
    source, again, other = TaskSource(config), TaskSource(config), TaskSource(replace(config, seed=2))
    played = [source(k) for k in range(4)]
    assert played == [again(k) for k in range(4)] and played[0] != other(0)
    assert source.validation == again.validation and len(source.validation) == 3
    assert not {task.id for task in played} & {task.id for task in source.validation}


def test_tasks_of_a_file_are_all_played_each_time_around_in_another_order(file):
    source = TaskSource(replace(CONFIG, tasks=file))
    kept = {task.id for task in source.validation}
    rounds = [[source(7 * k + place).id for place in range(7)] for k in range(3)]
    assert len(kept) == 3 and all(len(set(played)) == 7 and not set(played) & kept for played in rounds)
    assert rounds[0] != rounds[1] != rounds[2]
    assert rounds[1] == [TaskSource(replace(CONFIG, tasks=file))(7 + place).id for place in range(7)]


def test_without_validation_every_task_of_a_file_is_played(file):
    source = TaskSource(TrainConfig(tasks=file))
    assert not source.validation and len({source(k).id for k in range(10)}) == 10


def test_a_file_that_is_missing_or_too_short_is_named(file, tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.jsonl"):
        TaskSource(replace(CONFIG, tasks=str(tmp_path / "nowhere.jsonl")))
    with pytest.raises(InputError, match="more than the 10 tasks that validation.tasks keeps"):
        TaskSource(replace(CONFIG, tasks=file, validation=ValidationConfig(every=1, tasks=10)))


def test_a_curriculum_begins_with_few_items_and_ends_with_any_number(file):
    stages = (CurriculumStage(0, 6), CurriculumStage(10, 11))
    config = replace(CONFIG, curriculum=stages)
    assert [config.most_items_at(step) for step in (0, 1, 2, 5, 10, 11)] == [6, 6, 7, 8, 11, math.inf]
    assert CONFIG.most_items_at(0) == math.inf
    for tasks in ("typical", file):
        source = TaskSource(replace(config, tasks=tasks, validation=ValidationConfig()))
        few = [source(k, 6) for k in range(5)]
        assert max(len(task.movable) for task in few) <= 6 and few == [source(k, 6) for k in range(5)]
        assert max(len(source(k).movable) for k in range(10)) > 6


def test_a_file_without_tasks_for_the_curriculum_is_named(file):
    with pytest.raises(InputError, match="at most 1 items, as curriculum asks"):
        TaskSource(replace(CONFIG, tasks=file))(0, 1)
