"""Layouts that were made ahead, and the lessons that become of them."""

from __future__ import annotations

import json
from random import Random

import numpy as np
import pytest

from headless.pretraining.examples import free_tokens, training_examples
from headless.pretraining.layouts import LayoutBank, in_canonical_order, with_some_locked
from headless.taskgen.wide import make_wide_task
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.relations import relation_scores
from metaspatial_addon.core.task import layout_to_json, task_to_json
from metaspatial_addon.prompts import vocabulary as v
from metaspatial_addon.prompts.compact import CompactEncoding


@pytest.fixture(scope="module")
def bank(tmp_path_factory) -> LayoutBank:
    path = tmp_path_factory.mktemp("layouts") / "a.jsonl"
    made = [make_wide_task("train", 61, index, coarse=True) for index in range(12)]
    path.write_text("".join(json.dumps({"task": task_to_json(t), "layout": layout_to_json(p)}) + "\n" for t, p in made))
    return LayoutBank(str(path))


def test_a_missing_or_broken_file_is_one_clear_error(tmp_path):
    with pytest.raises(InputError, match="files of layouts, one a line"):
        LayoutBank(str(tmp_path / "*.jsonl"))
    (tmp_path / "x.jsonl").write_text('{"task": 3}\n')
    with pytest.raises(InputError, match=r"x.jsonl, line 1: expected a line"):
        LayoutBank(str(tmp_path / "*.jsonl")).pair(0)


def test_what_is_drawn_holds_whatever_was_changed(bank):
    locked = relations = 0
    for seed in range(60):
        task, layout = bank.draw(Random(seed))
        assert set(layout.poses) == {item.id for item in task.movable} and layout.poses
        assert all(score.score >= 0.5 for score in relation_scores(task, layout)), seed
        locked += bool(task.locked)
        relations += len(task.relations)
        text = CompactEncoding(task).prompt_text()
        assert v.decode(v.encode(text)) == text
    assert locked > 5 and relations > 40


def test_equal_items_change_places_and_nothing_else(bank):
    for index in range(len(bank)):
        task, layout = bank.pair(index)
        ordered = in_canonical_order(task, layout)
        places = [sorted((p.x, p.y, p.z) for p in found.poses.values()) for found in (layout, ordered)]
        assert places[0] == places[1] and in_canonical_order(task, ordered) == ordered


def test_something_is_always_left_to_place(bank):
    for seed in range(40):
        task, layout = with_some_locked(*bank.pair(seed % len(bank)), Random(seed))
        assert task.movable and set(layout.poses) == {item.id for item in task.movable}


def test_examples_are_the_same_from_any_start_and_learn_choices_alone(bank):
    stream = training_examples(bank, 5, 0, 0.5)
    first = [next(stream) for _ in range(12)]
    later = training_examples(bank, 5, 6, 0.5)
    for example in first[6:]:
        np.testing.assert_array_equal(example.ids, next(later).ids)
    for example in first:
        learnt = [v.TOKENS[k] for k in example.ids[example.weights > 0]]
        assert not any(token.startswith((',"ex"', ',"ey"')) for token in learnt)
    answer = np.array(v.encode('<think></think><answer>[{"id":"desk_1","yaw":0,"ex":1.20,"ey":0.60'))
    places = v.encode(',"x1":4.000,"x0":2.800,"x":3.400,"y":1.000,"y0":0.700,"y1":1.300,"z":0.00}]</answer>')
    chosen = free_tokens(np.array([*answer, *places]), names=False)
    assert [v.TOKENS[k] for k in np.array([*answer, *places])[chosen]] == [
        '","yaw":0',
        ',"x1":4.000',
        ',"y":1.000',
        ',"z":0.00}',
    ]
