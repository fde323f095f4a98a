"""The score of one turn: how it ended, what it earned, and why. Called by `episode` and `headless/score.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ..core.evidence import Evidence
from ..core.task import Layout, Task
from .terms import MEASURED, counts, in_unit, terms
from .user_terms import UserTerm
from .weights import DEFAULT, Weights, total, total_of_unusable

Status = Literal["ok", "model_fault", "infra_fault"]


@dataclass(frozen=True)
class Score:
    """The outcome of one turn. `reward` is None for an infra fault and only then, since nothing was measured. Without a
    usable layout `evidence` is empty, which says nothing about the room."""

    task: str
    status: Status
    reward: float | None
    terms: dict[str, float] = field(default_factory=dict)
    evidence: Evidence = field(default_factory=Evidence)
    counts: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        task: Task,
        grade: float,
        evidence: Evidence,
        weights: Weights = DEFAULT,
        judge: float | None = None,
        layout: Layout | None = None,
        user_terms: Sequence[UserTerm] = (),
    ) -> Score:
        """Score a usable answer. `grade` and `judge` are in [0, 1]; raises ValueError outside.

        The terms that a user added are measured where the layout is given. Raises InputError for one that fails.
        """
        measured = terms(task, grade, evidence, judge)
        if layout is not None:
            measured |= {term.name: term.of(task, layout, evidence) for term in user_terms}
        reward = total(measured, weights, {term.name: term.weight for term in user_terms})
        return cls(task.id, "ok", reward, measured, evidence, counts(task, evidence))

    @classmethod
    def unusable(
        cls, task: Task, grade: float, weights: Weights = DEFAULT, user_terms: Sequence[UserTerm] = ()
    ) -> Score:
        """Score an answer that gives no layout: by the grade of its form alone, every other term is 0."""
        user_weights = {term.name: term.weight for term in user_terms}
        measured = {**dict.fromkeys((*MEASURED, *user_weights), 0.0), "format": in_unit("grade", grade)}
        reward = total_of_unusable(grade, weights, user_weights)
        return cls(task.id, "model_fault", reward, measured, counts=counts(task, Evidence()))

    @classmethod
    def infra(cls, task: Task) -> Score:
        """The score without a reward, of a turn in which a renderer, worker, server or judge failed."""
        return cls(task.id, "infra_fault", None)

    def to_json(self) -> dict[str, Any]:
        """The score object of score.py and of `turns.jsonl`; `evidence` lists faults only."""
        return {
            "task": self.task,
            "status": self.status,
            "reward": self.reward,
            "terms": dict(self.terms),
            "evidence": self.evidence.to_json(),
            "counts": dict(self.counts),
        }
