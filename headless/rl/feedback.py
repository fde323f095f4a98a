"""Learning from what artists made of layouts: those that they kept, and those that they did not.

The loss is that of iterative reasoning preference optimisation (arXiv 2404.19733): the likelihood of the kept layout a
token, and beside it, where another was rejected, DPO's preference between the two (arXiv 2305.18290):

    - log pi(kept) / tokens(kept) - log sigmoid(beta (log pi(kept) / ref(kept) - log pi(rejected) / ref(rejected)))

Each lesson is seen under one of the eight symmetries of a rectangle and without some of its items, drawn anew each
time: a few rooms go further so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from random import Random

import numpy as np
import torch

from headless.evaluation.task_files import read_feedback
from headless.pretraining.symmetry import SYMMETRIES, transformed
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.feedback import Feedback
from metaspatial_addon.core.task import Layout, Task

from .config import TrainConfig
from .data import Completion, Trajectory
from .learner import Microbatch, Row, token_logprobs
from .policies.base import TrainablePolicy

LEFT_OUT = 0.3
"""Share of a room's items that a lesson is without."""


@dataclass(frozen=True)
class Lesson:
    """The kept layout as the answer to its task, and one that was rejected, if there is any."""

    kept: Trajectory
    rejected: Trajectory | None

    def __len__(self) -> int:
        return max(len(self.kept), 0 if self.rejected is None else len(self.rejected))


@dataclass(frozen=True)
class FeedbackStatistics:
    """Sums over the lessons of a step: the loss, how much likelier the kept layouts are than the rejected ones in
    comparison with the model that the run began with, how many such pairs there are, and how many lessons."""

    loss: float = 0.0
    preferred: float = 0.0
    pairs: int = 0
    lessons: int = 0

    def __add__(self, other: FeedbackStatistics) -> FeedbackStatistics:
        return FeedbackStatistics(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def metrics(self) -> dict[str, float]:
        """Means, none where there are no lessons."""
        loss = {"feedback/loss": self.loss / self.lessons} if self.lessons else {}
        return loss | ({"feedback/preferred": self.preferred / self.pairs} if self.pairs else {})


class FeedbackLessons:
    """Draws the lessons of a step from the run's file.

    Raises InputError for a file that cannot be read, and for one of which nothing can be learnt: lines without a kept
    layout, or with one that the model's answers cannot say.
    """

    def __init__(self, config: TrainConfig, policy: TrainablePolicy):
        self._config, self._policy, self._format = config, policy, config.prompt_format
        read = read_feedback(config.feedback.file)
        self._kept = [feedback for feedback in read if self._lesson(feedback, 0, Random(0)) is not None]
        self._left_out = len(read) - len(self._kept)
        if not self._kept:
            raise InputError(config.feedback.file, "layout", "one at least that an answer of the model can give")

    def summary(self) -> str:
        """How many layouts of the file are learnt from, in words."""
        left_out = f"; {self._left_out} without one that an answer can give" if self._left_out else ""
        return f"{self._config.feedback.file}: {len(self._kept)} kept layouts to learn from{left_out}"

    def draw(self, number: int) -> list[Lesson]:
        """The lessons of step `number`, counted from 0."""
        rng = Random(f"feedback/{self._config.seed}/{number}")
        lessons: list[Lesson] = []
        while len(lessons) < self._config.feedback.batch:
            lesson = self._lesson(rng.choice(self._kept), rng.randrange(SYMMETRIES), rng)
            if lesson is not None:
                lessons.append(lesson)
        return lessons

    def _lesson(self, feedback: Feedback, symmetry: int, rng: Random) -> Lesson | None:
        """None where an answer cannot give the kept layout: it was thrown away, or stands beyond the answer's grid."""
        if feedback.layout is None:
            return None
        task = without_some(feedback.task, rng)
        kept, rejected = part_of(feedback.layout, task), [part_of(layout, task) for layout in feedback.rejected]
        answer = self._answered(*transformed(task, kept, symmetry))
        others = [layout for layout in rejected if layout != kept]
        if answer is None or not others:
            return None if answer is None else Lesson(answer, None)
        return Lesson(answer, self._answered(*transformed(task, rng.choice(others), symmetry)))

    def _answered(self, task: Task, layout: Layout) -> Trajectory | None:
        """The conversation of one turn that gives the layout, its tokens chosen from what they are in a rollout."""
        policy, rollout = self._policy, self._config.rollout
        images = self._format.draw_images(task, Layout(task.id)) if rollout.pictures and policy.sees_images else ()
        conversation = self._format.first(task, images or ())
        trajectory = Trajectory()
        trajectory.append_prompt(policy.tokenize(conversation))
        ids = policy.encode(self._format.answer_text(task, layout))
        if len(trajectory) + len(ids) > rollout.max_sequence_tokens:
            return None
        constraint = policy.constraint(conversation, len(ids) + 1)
        completion = Completion()
        for token in ids:
            if token not in constraint.allowed_ids:
                return None
            completion.append(token, 0.0, constraint.allowed_ids)
            constraint.advance(token)
        trajectory.append_completion(completion, 0)
        return trajectory


def without_some(task: Task, rng: Random) -> Task:
    """The task without some of the items to place, at least one of which stays; what stands on things is left out with
    any of them, and so are relations of what is left out."""
    out = {item.id for item in task.movable if rng.random() < LEFT_OUT}
    if out:
        out |= {item.id for item in task.movable if item.mount == "surface"}
    if len(out) == len(task.movable):
        return task
    items = tuple(item for item in task.items if item.id not in out)
    return replace(task, items=items, relations=tuple(r for r in task.relations if not {r.subject, r.object} & out))


def part_of(layout: Layout, task: Task) -> Layout:
    """The poses of the task's items."""
    ids = {item.id for item in task.items}
    return Layout(layout.task, {item_id: pose for item_id, pose in layout.poses.items() if item_id in ids})


def lessons_batch(lessons: Sequence[Lesson], pad: int) -> tuple[Microbatch, list[int]]:
    """The kept layouts of lessons, behind them the rejected ones, and the numbers of the lessons that have these."""
    rejected = {k: lesson.rejected for k, lesson in enumerate(lessons) if lesson.rejected is not None}
    trajectories = (*(lesson.kept for lesson in lessons), *rejected.values())
    return Microbatch.of([Row(t, torch.zeros(1), np.zeros(len(t))) for t in trajectories], pad), [*rejected]


def feedback_loss(
    policy: TrainablePolicy, batch: Microbatch, before: torch.Tensor, rejected_of: list[int], beta: float
) -> tuple[torch.Tensor, FeedbackStatistics]:
    """The summed loss of lessons, and what to watch.

    `batch` and `rejected_of` are those of `lessons_batch`, `before` (b,) the rows' log-probabilities by the model that
    the run began with.
    """
    logprobs = token_logprobs(policy, batch, 1.0)[0].sum(dim=1)  # (b,)
    lessons = len(logprobs) - len(rejected_of)
    kept, tokens = logprobs[:lessons], batch.mask[:lessons].sum(dim=1).clamp(min=1)
    gained = logprobs - before
    margin = gained[rejected_of] - gained[lessons:]  # (pairs,)
    loss = -(kept / tokens).sum() - torch.nn.functional.logsigmoid(beta * margin).sum()
    return loss, FeedbackStatistics(loss.item(), float((margin > 0).sum()), len(rejected_of), lessons)
