"""The counts of one layout, and the measures computed from sums of counts. Used by all of the evaluation.

Every measure is a ratio of two sums over tasks, so that resampling tasks (bootstrap) resamples the measure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from metaspatial_addon.core.evidence import Evidence
from metaspatial_addon.core.faults import Blocked, RelationScore, hard_counts
from metaspatial_addon.core.task import PREDICATES, Layout, Task
from metaspatial_addon.scoring.paper import colliding_share, violating_share
from metaspatial_addon.scoring.score import Score

from .natural import natural_relations

COLLIDING = "colliding"
"""The hard count of a score that is split by depth."""
DEPTHS = {"colliding_1cm": 0.01, "colliding_5cm": 0.05, "colliding_10cm": 0.10}
"""Metres of overlap above which an item counts as colliding, by the name of the count."""
ITEM_COUNTS = {name: label for name, label in hard_counts().items() if name != COLLIDING}
"""The other hard counts of a score, each with its label."""

STATED = {predicate: (f"stated_{predicate}", f"met_{predicate}") for predicate in PREDICATES}
"""The counts of relations of a predicate that a task states, and of those that are satisfied; negated ones apart."""

COUNTS = (
    "tasks",
    "usable",
    "clean",
    "items",
    *DEPTHS,
    *ITEM_COUNTS,
    "openings",
    "blocked",
    "relations",
    "satisfied",
    *(name for pair in STATED.values() for name in pair),
    "belonging",
    "natural",
    "viewed",
    "view",
    "reward",
    "format",
    "coll",
    "cons",
    "turns",
    "seconds",
)
"""Names of the numbers that one layout adds to the sums; see `counts_of`."""


@dataclass(frozen=True)
class Measure:
    """A ratio of two sums of counts. `better` says which direction is good; `percent` that it is a share in [0, 1]."""

    name: str
    label: str
    numerator: str
    denominator: str
    better: Literal["more", "less"]
    percent: bool = True

    def of(self, sums: np.ndarray) -> np.ndarray:
        """The measure of sums (..., COUNTS): an array (...), NaN where the denominator is 0."""
        denominator = sums[..., COUNTS.index(self.denominator)]
        numerator = np.where(denominator > 0, sums[..., COUNTS.index(self.numerator)], np.nan)
        return numerator / np.where(denominator > 0, denominator, 1.0)

    def format(self, value: float | None, signed: bool = False) -> str:
        """A value as text: in per cent where it is a share, a dash for None."""
        if value is None:
            return "–"
        number, digits = (100 * value, 1) if self.percent else (value, 3)
        return f"{number:{'+' if signed else ''}.{digits}f}"

    @property
    def heading(self) -> str:
        """The label with its unit."""
        return f"{self.label} %" if self.percent else self.label


FAULT_MEASURES = (
    Measure("usable", "usable answers", "usable", "tasks", "more"),
    Measure("clean", "rooms without any fault", "clean", "tasks", "more"),
    Measure("colliding_1cm", "items colliding by 1 cm", "colliding_1cm", "items", "less"),
    Measure("colliding_5cm", "colliding by 5 cm", "colliding_5cm", "items", "less"),
    Measure("colliding_10cm", "colliding by 10 cm", "colliding_10cm", "items", "less"),
    *(Measure(name, label, name, "items", "less") for name, label in ITEM_COUNTS.items()),
    Measure("blocked", "blocked openings", "blocked", "openings", "less"),
)
WORTH_MEASURES = (
    Measure("relations", "relations satisfied", "satisfied", "relations", "more"),
    Measure("natural", "natural relations", "natural", "belonging", "more"),
    Measure("view", "view", "view", "viewed", "more", percent=False),
    Measure("reward", "reward", "reward", "tasks", "more", percent=False),
    Measure("format", "paper's Format", "format", "tasks", "more", percent=False),
    Measure("coll", "paper's Coll", "coll", "tasks", "less"),
    Measure("cons", "paper's Cons", "cons", "tasks", "less"),
    Measure("seconds", "seconds a turn", "seconds", "turns", "less", percent=False),
)
PREDICATE_MEASURES = tuple(
    Measure(f"relations_{predicate}", predicate, met, stated, "more") for predicate, (stated, met) in STATED.items()
)
TABLED = (*FAULT_MEASURES, *WORTH_MEASURES)
"""The measures that every table has."""
MEASURES = (*TABLED, *PREDICATE_MEASURES)
CURVES = ("reward", "clean", "colliding_1cm", "outside", "unsupported", "blocked", "relations", "usable")
"""Names of the measures that a report draws by turn."""


def counts_of(task: Task, score: Score, turn_seconds: Sequence[float] = (), layout: Layout | None = None) -> np.ndarray:
    """The counts of one layout, an array (COUNTS,); those of natural relations where the layout itself is given.

    An unusable answer has no items, openings, relations and view; it counts as a task that is neither usable nor clean,
    with its reward and the paper's Coll = Cons = 1. `turn_seconds`: the durations of the turns that led to the layout.
    """
    values = dict.fromkeys(COUNTS, 0.0)
    values |= {"tasks": 1, "reward": score.reward or 0.0, "format": score.terms["format"], "coll": 1, "cons": 1}
    values |= {"turns": len(turn_seconds), "seconds": sum(turn_seconds)}
    if score.status == "ok":
        evidence = score.evidence
        values |= {name: float(score.counts[name]) for name in ("items", *ITEM_COUNTS)}
        values |= {name: len(_colliding(evidence, depth)) for name, depth in DEPTHS.items()}
        values |= {"usable": 1, "clean": evidence.clean}
        values |= {"openings": len(task.room.openings), "blocked": len(evidence.of_kind(Blocked))}
        values |= {"relations": len(evidence.relations)}
        values |= {"satisfied": len(evidence.relations) - len(evidence.unsatisfied)}
        for relation in evidence.relations:
            if not relation.negated:
                stated, met = STATED[relation.predicate]
                values[stated] += 1
                values[met] += relation.score >= RelationScore.SATISFIED
        values |= {"coll": colliding_share(task, evidence), "cons": violating_share(task, evidence)}
        if layout is not None:
            values["natural"], values["belonging"] = natural_relations(task, layout)
        if "view" in score.terms:
            values |= {"viewed": 1, "view": score.terms["view"]}
    return np.array([values[name] for name in COUNTS], dtype=float)


def _colliding(evidence: Evidence, depth: float) -> set[str]:
    """Ids of the items with an overlap deeper than `depth` metres."""
    deep = [fault for fault in evidence.faults() if fault.count == COLLIDING and (fault.metres or 0.0) > depth]
    return {item_id for fault in deep for item_id in fault.items}
