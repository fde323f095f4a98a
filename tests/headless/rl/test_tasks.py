"""The tasks that a run plays, and those that it is validated on."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import replace

import pytest

pytest.importorskip("torch")

from headless.rl.config import CurriculumStage, TrainConfig, ValidationConfig
from headless.rl.data import Episode
from headless.rl.success import SuccessRates, kind_of
from headless.rl.tasks import TaskSource
from headless.taskgen.make import make_task
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.evidence import Evidence
from metaspatial_addon.core.faults import Unreachable
from metaspatial_addon.core.task import layout_to_json, task_to_json
from metaspatial_addon.scoring.score import Score

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


def played(task, successes: int, group: int) -> list[Episode]:
    """A group of eight episodes, of which so many have a turn without a fault."""
    clean, faulty = (Score(task.id, "ok", 1.0, {}, Evidence(faults)) for faults in ((), (Unreachable("bed_1"),)))
    unusable = Score(task.id, "model_fault", 0.0)
    of_member = [[faulty, clean] if member < successes else [faulty, unusable] for member in range(8)]
    return [Episode(task, group, (member,), scores=scores) for member, scores in enumerate(of_member)]


@pytest.mark.parametrize("tasks", ["typical", "file"])
def test_kinds_that_are_always_or_never_solved_are_drawn_less(file, tasks):
    source = TaskSource(TrainConfig(tasks=file if tasks == "file" else tasks))
    even = [source(k) for k in range(80)]
    kinds = [kind for kind, _ in Counter(map(kind_of, even)).most_common()]
    rates = SuccessRates()
    assert [source(k, success=rates) for k in range(5)] == even[:5], "nothing is known yet"
    solved = dict(zip(kinds, (8, 0, *[3] * len(kinds)), strict=False))  # the first always, the second never
    for group, task in enumerate(even):
        rates.add(played(task, solved[kind_of(task)], group))
    assert all(rates.rate(kind) == pytest.approx(solved[kind] / 8, abs=0.2) for kind in kinds)
    drawn = [source(k, success=rates) for k in range(80)]
    count = [sum(kind_of(task) in kinds[:2] for task in tasks) for tasks in (even, drawn)]
    assert count[1] < 0.6 * count[0], count
    assert drawn == [source(k, success=SuccessRates(dict(rates.counts))) for k in range(80)], "from a checkpoint"


def test_a_kind_that_the_model_learns_is_drawn_again():
    task = TaskSource(TrainConfig())(0)
    rates = SuccessRates()
    chances = []
    for group in range(40):
        rates.add(played(task, 0 if group < 20 else 4, group))
        chances.append(rates.chance(task))
    assert chances[19] == 0.1 and chances[30] > 0.8 and chances[-1] > 0.95
