"""The preset `paper`: the reward formula of MetaSpatial (arXiv 2503.18470) on our evidence.

    R = G / 50 + 0.5 F - 0.2 Coll - 0.2 Cons

F is our graded format. Coll is the share of colliding pairs among the items and the six parts of the room that the
paper's code counts with them (four walls, floor, ceiling); an item outside collides with one of them. Cons is the
share of items that are the subject of a relation which does not hold; an item with several must satisfy all, and one
without any violates none. G is a judge's grade in [0, 50]; a run without a judge has none and leaves the first summand
out, as the paper's own ablation without rendering does, and its terms then have no `judge`. A judge that fails is
an infra fault and never arrives here. An answer without a layout has Coll = Cons = 1 and G = 0, as it seems to have in
the paper's tables.

It differs from the authors' code where that can be gamed: ids and not lengths decide what an answer is worth, nothing
is completed from a stored solution, no value of G has a meaning of its own, standing outside the room costs, and an
answer without a layout earns less than any with one.
"""

from __future__ import annotations

from math import comb

from ..core.evidence import Evidence
from ..core.task import Task
from .score import Score
from .terms import counts, in_unit

ROOM_PARTS = 6
FORMAT_WEIGHT = 0.5
PHYSICS_WEIGHT = 0.2


def colliding_share(task: Task, evidence: Evidence) -> float:
    """Coll: the share in [0, 1] of the pairs of items and parts of the room that collide."""
    pairs = {fault.colliding_pair for fault in evidence.faults()} - {None}
    return len(pairs) / comb(len(task.items) + ROOM_PARTS, 2)


def violating_share(task: Task, evidence: Evidence) -> float:
    """Cons: the share in [0, 1] of the items that are the subject of a relation which does not hold."""
    return len({r.subject for r in evidence.unsatisfied}) / len(task.items)


def paper_score(task: Task, grade: float, evidence: Evidence, judge: float | None = None) -> Score:
    """The paper's reward of a usable answer. `grade` and `judge` (G / 50) in [0, 1]; raises ValueError outside.

    Terms are 1 at best: `collision` is 1 - Coll, `relations` 1 - Cons, `judge` G / 50. The reward is in [-0.4, 1.5].
    """
    terms = {
        "format": in_unit("grade", grade),
        "collision": 1.0 - colliding_share(task, evidence),
        "relations": 1.0 - violating_share(task, evidence),
    }
    if judge is not None:
        terms["judge"] = in_unit("judge", judge)
    return Score(task.id, "ok", _reward(terms), terms, evidence, counts(task, evidence))


def paper_score_of_unusable(task: Task, grade: float) -> Score:
    """The paper's reward of an answer that gives no layout. Raises ValueError for a grade outside [0, 1]."""
    terms = {"format": in_unit("grade", grade), "collision": 0.0, "relations": 0.0}
    return Score(task.id, "model_fault", _reward(terms), terms, counts=counts(task, Evidence()))


def _reward(terms: dict[str, float]) -> float:
    penalty = (1.0 - terms["collision"]) + (1.0 - terms["relations"])
    return terms.get("judge", 0.0) + FORMAT_WEIGHT * terms["format"] - PHYSICS_WEIGHT * penalty
