"""Lessons from a model's own mistakes."""

from __future__ import annotations

import numpy as np
import pytest

from headless.pretraining.dagger import mending_edit, own_lessons, read_lessons, write_lessons
from headless.pretraining.perturb import faults, spoil
from headless.taskgen.make import make_task
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.task import Layout
from metaspatial_addon.policy.builtin.policy import BuiltinPolicy
from metaspatial_addon.prompts import vocabulary as v


@pytest.mark.parametrize("index", range(8))
def test_an_edit_mends_everything(index):
    from random import Random

    task, taught = make_task("train", 41, index)
    spoilt, _ = spoil(task, taught, Random(index))
    edit = mending_edit(task, taught, spoilt)
    assert not any(faults(task, Layout(task.id, {**spoilt.poses, **edit})).values())
    assert set(edit) <= set(spoilt.poses)


def test_lessons_end_with_the_edit_alone_to_be_learnt(tmp_path):
    lessons = list(own_lessons(BuiltinPolicy(), 41, 0, 6))
    again = list(own_lessons(BuiltinPolicy(), 41, 0, 6))
    assert lessons and len(lessons) == len(again)
    for lesson in lessons:
        last = np.flatnonzero(lesson.ids == v.TOKEN_IDS["<|assistant|>"])[-1]
        assert not lesson.weights[: last + 1].any() and lesson.weights[last + 1 :].all()
    write_lessons(tmp_path / "own.npz", lessons)
    for read, lesson in zip(read_lessons(str(tmp_path / "own.npz")), again, strict=True):
        np.testing.assert_array_equal(read.ids, lesson.ids)
        np.testing.assert_allclose(read.weights, lesson.weights, rtol=1e-3)


def test_another_file_is_one_clear_error(tmp_path):
    (tmp_path / "x.npz").write_text("no lessons")
    with pytest.raises(InputError, match="lessons that headless.pretraining.dagger wrote"):
        read_lessons(str(tmp_path / "x.npz"))
