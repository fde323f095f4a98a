"""Learning from what artists made of layouts: the loss by hand, the lessons, and that the model takes to them."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random

import pytest

from tests.core.test_feedback import KEPT, REJECTED, TASK
from tests.headless.rl.paper import PaperEnvironments

torch = pytest.importorskip("torch")

from accelerate import Accelerator

from headless.rl.config import FeedbackConfig, LearnerConfig, RolloutConfig, TrainConfig
from headless.rl.feedback import FeedbackLessons, feedback_loss, lessons_batch, without_some
from headless.rl.learner import token_logprobs
from headless.rl.policies.compact import CompactPolicy
from headless.rl.training_step import Trainer, train_step
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.feedback import Feedback, feedback_to_json
from metaspatial_addon.core.task import Item, Relation


@pytest.fixture
def config(blank_model, tmp_path):
    """A run of one pair of layouts beside episodes that are all worth the same."""
    return TrainConfig(
        model=str(blank_model),
        steps=40,
        rollout=RolloutConfig(tasks_per_step=1, num_generations=2, turns=1, pictures=False),
        learner=LearnerConfig(learning_rate=3e-3, warmup_steps=1),
        feedback=FeedbackConfig(write(tmp_path / "feedback.jsonl", Feedback(TASK, KEPT, (REJECTED,))), batch=4),
    )


def write(path, *lines: Feedback) -> str:
    path.write_text("".join(json.dumps(feedback_to_json(line)) + "\n" for line in lines))
    return str(path)


def test_loss_is_that_of_the_paper(config):
    policy = CompactPolicy(config.model)
    lessons = FeedbackLessons(config, policy).draw(0)[:2]
    lessons[1] = replace(lessons[1], rejected=None)
    batch, rejected_of = lessons_batch(lessons, policy.pad)
    before = torch.tensor([-50.0, -60.0, -45.0])
    loss, statistics = feedback_loss(policy, batch, before, rejected_of, beta=0.5)
    kept, other, rejected = token_logprobs(policy, batch, 1.0)[0].sum(dim=1).tolist()
    tokens = [int(lesson.kept.chosen().sum()) for lesson in lessons]
    margin = torch.tensor(0.5 * ((kept + 50) - (rejected + 45)))
    expected = -kept / tokens[0] - other / tokens[1] + torch.nn.functional.softplus(-margin).item()
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    assert (statistics.pairs, statistics.lessons, statistics.preferred) == (1, 2, float(margin > 0))


def test_model_takes_to_what_was_kept(config):
    policy = CompactPolicy(config.model)
    trainer = Trainer(config, policy, PaperEnvironments(lambda *_: 0.5), Accelerator(cpu=True))
    metrics = [train_step(trainer, number) for number in range(config.steps)]
    assert metrics[-1]["feedback/loss"] < 0.5 * metrics[0]["feedback/loss"]
    assert metrics[0].get("feedback/preferred", 0) == 0 and metrics[-1]["feedback/preferred"] == 1


def test_lessons_are_the_same_for_a_seed_and_differ_by_symmetry(config):
    policy = CompactPolicy(config.model)
    first, again, next_step = (FeedbackLessons(config, policy).draw(k) for k in (3, 3, 4))
    assert [lesson.kept.ids for lesson in first] == [lesson.kept.ids for lesson in again]
    assert [lesson.kept.ids for lesson in first] != [lesson.kept.ids for lesson in next_step]
    assert len({tuple(lesson.kept.ids) for lesson in first}) > 1, "the same layout, turned and mirrored"


def test_a_lesson_is_without_some_items_but_nothing_is_left_in_the_air():
    book, lamp = (
        Item("book_1", "book", (0.2, 0.2, 0.05), mount="surface"),
        Item("lamp_1", "floor lamp", (0.3, 0.3, 1.6)),
    )
    near = Relation("chair_1", "next_to", "desk_1")
    task = replace(TASK, items=(*TASK.items, book, lamp), relations=(near, Relation("lamp_1", "corner", "room")))
    sizes = set()
    for seed in range(60):
        part = without_some(task, Random(seed))
        ids = {item.id for item in part.items}
        assert ids and (ids == {item.id for item in task.items} or "book_1" not in ids)
        assert all({r.subject, r.object} <= ids | {"room"} for r in part.relations)
        assert (near in part.relations) == ({"chair_1", "desk_1"} <= ids)
        sizes.add(len(ids))
    assert sizes == {1, 2, 3, 4}


def test_what_no_answer_can_say_is_left_out(config, tmp_path):
    policy = CompactPolicy(config.model)
    deleted = Feedback(replace(TASK, id="deleted"), None, (replace(REJECTED, task="deleted"),))
    path = write(tmp_path / "some.jsonl", Feedback(TASK, KEPT), deleted)
    lessons = FeedbackLessons(replace(config, feedback=FeedbackConfig(path, batch=2)), policy)
    assert lessons.summary().endswith("some.jsonl: 1 kept layouts to learn from; 1 without one that an answer can give")
    with pytest.raises(InputError, match="layout: expected one at least"):
        path = write(tmp_path / "none.jsonl", deleted)
        FeedbackLessons(replace(config, feedback=FeedbackConfig(path)), policy)
