"""Training examples from a model's own mistakes."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from headless import tasks
from headless.pretraining.dagger import dagger_examples, read_examples, teacher_repair, write_examples
from headless.pretraining.layouts import LayoutBank
from headless.pretraining.perturb import box_evidence, perturb
from headless.taskgen.make import make_task
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.task import Layout
from metaspatial_addon.policy.builtin.policy import BuiltinPolicy
from metaspatial_addon.prompts import vocabulary as v
from metaspatial_addon.prompts.compact import CompactEncoding, CompactFormat


@pytest.mark.parametrize("index", range(8))
def test_the_teachers_repair_leaves_no_fault(index):
    from random import Random

    task, teacher = make_task("train", 41, index)
    perturbed, _ = perturb(task, teacher, Random(index))
    repair = teacher_repair(task, teacher, perturbed)
    left = box_evidence(task, Layout(task.id, {**perturbed.poses, **repair})).faults()
    assert {fault.name for fault in left} <= {fault.name for fault in box_evidence(task, teacher).faults()}
    assert set(repair) <= set(perturbed.poses)


def test_examples_end_with_the_repair_alone_to_be_learnt(tmp_path):
    tasks.main(["--generator", "wide", "--coarse", "--count", "12", "--out", str(tmp_path / "layouts.jsonl")])
    bank = LayoutBank(str(tmp_path / "layouts.jsonl"))
    policy = BuiltinPolicy(free_places=False)
    examples, again = (list(dagger_examples(policy, bank, 41, 0, 6)) for _ in range(2))
    assert examples and len(examples) == len(again)
    for example in examples:
        last = np.flatnonzero(example.ids == v.TOKEN_IDS["<|assistant|>"])[-1]
        assert not example.weights[: last + 1].any() and example.weights[last + 1 :].any()
    write_examples(tmp_path / "own.npz", examples)
    for read, example in zip(read_examples(str(tmp_path / "own.npz")), again, strict=True):
        np.testing.assert_array_equal(read.ids, example.ids)
        np.testing.assert_allclose(read.weights, example.weights, rtol=1e-3)


def test_what_a_repair_follows_stands_already():
    """The first key of an axis is the edge at a neighbour, also at one that stays: as in lessons of perturbed rooms."""
    made = [make_task("train", 41, index) for index in range(4)]
    drawn = iter(made)
    bank = SimpleNamespace(draw=lambda rng: next(drawn))
    examples = dagger_examples(BuiltinPolicy(free_places=False), bank, 41, 0, len(made))
    by_prompt = {CompactEncoding(task).prompt_text(): task for task, _ in made}
    found = 0
    for example in examples:
        prompt, *turns = v.decode(example.ids.tolist()).removeprefix("<|user|>").split("<|assistant|>")
        task, standing = by_prompt[prompt], None
        for turn in turns[:-1]:
            answer, feedback = turn.split("<|end|><|user|>")
            layout = CompactFormat().read(answer, task, standing).layout
            faulty = [len(box_evidence(task, seen).faulty_items()) for seen in (layout, standing or layout)]
            assert feedback.startswith(v.WORSE) == (standing is not None and faulty[0] >= faulty[1])
            standing = standing if feedback.startswith(v.WORSE) else layout
        answer = turns[-1].removesuffix("<|end|>")
        read = CompactFormat().read(answer, task, standing)
        compact, poses = CompactEncoding(task), {item: read.layout.poses[item] for item in read.changed}
        assert answer == compact.answer_text(poses, dict(standing.poses))
        found += answer != compact.answer_text(poses)
    assert found, "in some of them neighbours stay"


def test_another_file_is_one_clear_error(tmp_path):
    (tmp_path / "x.npz").write_text("nothing")
    with pytest.raises(InputError, match="examples that headless.pretraining.dagger wrote"):
        read_examples(str(tmp_path / "x.npz"))
