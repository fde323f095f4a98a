"""Counts of everything that was measured, by row, task and seed, and the intervals that follow from them.

A row is a source of layouts: a baseline, or a turn of the policy. Its counts go into metrics.json, so that a later run
can be compared with this one task by task.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.reading import read_json
from metaspatial_addon.core.task import Task, task_to_json

from .bootstrap import Interval, draws
from .metrics import COUNTS, MEASURES

SCHEMA = "metaspatial.evaluation/1"
Row = dict[str, Interval]
"""Intervals by the name of the measure."""


@dataclass
class Results:
    """Counts (COUNTS,) by row, task id and seed. `tasks` are fingerprints by id."""

    tasks: dict[str, str] = field(default_factory=dict)
    rows: dict[str, dict[str, dict[int, np.ndarray]]] = field(default_factory=dict)

    def add(self, row: str, task: Task, seed: int, counts: np.ndarray) -> None:
        self.tasks.setdefault(task.id, fingerprint(task))
        self.rows.setdefault(row, {}).setdefault(task.id, {})[seed] = counts

    def sums(self, row: str, ids: Sequence[str], seed: int | None = None) -> np.ndarray:
        """Counts by task (ids, COUNTS), summed over seeds, or of one seed; 0 for a task that was not measured."""
        sums = np.zeros((len(ids), len(COUNTS)))
        for k, task_id in enumerate(ids):
            for own, counts in self.rows[row].get(task_id, {}).items():
                if seed in (None, own):
                    sums[k] += counts
        return sums

    def intervals(self, ids: Sequence[str] | None = None) -> dict[str, Row]:
        """Every measure of every row over some tasks, or all."""
        ids = list(self.tasks) if ids is None else ids
        weights = draws(len(ids))
        return {row: _intervals(self.sums(row, ids), weights) for row in self.rows}

    def by_seed(self) -> dict[str, dict[int, dict[str, float | None]]]:
        """Every measure of each seed alone, for rows that were measured with several."""
        ids, measures = list(self.tasks), {}
        for row, by_task in self.rows.items():
            seeds = sorted({seed for counts in by_task.values() for seed in counts})
            if len(seeds) > 1:
                measures[row] = {seed: _plain(self.sums(row, ids, seed)) for seed in seeds}
        return measures

    def gains(self, pairs: Mapping[str, str]) -> dict[str, Row]:
        """Paired differences of rows to the rows that they are paired with: the first less the second."""
        ids = list(self.tasks)
        weights = draws(len(ids))
        return {
            row: {
                measure: versus.difference
                for measure, versus in _compare(self.sums(row, ids), self.sums(other, ids), weights).items()
            }
            for row, other in pairs.items()
        }

    def against(self, other: Results) -> dict[str, dict[str, Versus]]:
        """Every measure of the rows that both have, on the tasks that both have, by row and measure."""
        ids = [task_id for task_id in self.tasks if task_id in other.tasks]
        weights = draws(len(ids))
        return {
            row: _compare(self.sums(row, ids), other.sums(row, ids), weights) for row in self.rows if row in other.rows
        }

    def values_json(self) -> list[dict[str, Any]]:
        """A flat list of all counts."""
        return [
            {"row": row, "task": task_id, "seed": seed, "counts": [round(float(c), 5) for c in counts]}
            for row, by_task in self.rows.items()
            for task_id, by_seed in by_task.items()
            for seed, counts in by_seed.items()
        ]


@dataclass(frozen=True)
class Versus:
    """A measure here and there. `difference` is here less there, `change` that as a share of there."""

    here: Interval
    there: Interval
    difference: Interval
    change: Interval

    def to_json(self) -> dict[str, Any]:
        intervals = {name: interval.to_json() for name, interval in vars(self).items()}
        return {**intervals, "intervals_apart": self.here.apart(self.there)}


def fingerprint(task: Task) -> str:
    """A hash of a task's content, by which two runs know that they measured the same task."""
    return hashlib.blake2b(json.dumps(task_to_json(task)).encode(), digest_size=8).hexdigest()


def dump(result: Mapping[str, Any], counts: Results) -> str:
    """The text of metrics.json: the result, then the counts, a line each."""
    head = {**result, "tasks": counts.tasks, "columns": COUNTS}
    lines = ",\n".join("  " + json.dumps(value, ensure_ascii=False) for value in counts.values_json())
    return json.dumps(head, indent=1, ensure_ascii=False).removesuffix("\n}") + f',\n "values": [\n{lines}\n ]\n}}\n'


@dataclass(frozen=True)
class EarlierRun:
    """A metrics.json that a run is compared with."""

    source: str
    policy: str
    pictures: bool
    counts: Results


def read_run(path: str) -> EarlierRun:
    """The run that evaluate.py wrote to a metrics.json. Raises InputError."""
    data = read_json(path)
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise InputError(path, "schema", SCHEMA, data.get("schema") if isinstance(data, dict) else None)
    if data.get("columns") != list(COUNTS):
        raise InputError(path, "columns", "those of this version of evaluate.py: measure that run again")
    try:
        results = Results(tasks={str(task_id): str(mark) for task_id, mark in data["tasks"].items()})
        for value in data["values"]:
            counts = np.array(value["counts"], dtype=float)
            if counts.shape != (len(COUNTS),):
                raise ValueError
            results.rows.setdefault(value["row"], {}).setdefault(value["task"], {})[int(value["seed"])] = counts
        return EarlierRun(path, str(data["policy"]), bool(data["pictures"]), results)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(path, "values", f"what evaluate.py wrote ({type(error).__name__}: {error})") from error


def check_comparable(run: EarlierRun, tasks: Sequence[Task], pictures: bool) -> None:
    """Raises InputError where the run was measured on other tasks, or not in the same way."""
    if run.pictures != pictures:
        how = "with" if run.pictures else "without"
        raise InputError(run.source, "pictures", f"a run measured as this one is; it was measured {how} pictures")
    common = [task for task in tasks if task.id in run.counts.tasks]
    if not common:
        raise InputError(run.source, "tasks", "at least one of this run's tasks")
    for task in common:
        if run.counts.tasks[task.id] != fingerprint(task):
            raise InputError(run.source, f"tasks.{task.id}", "the task of that id to be the same in both runs")


def _intervals(sums: np.ndarray, weights: np.ndarray) -> Row:
    """`sums` (tasks, COUNTS), `weights` (RESAMPLES, tasks)."""
    value, drawn = sums.sum(axis=0), weights @ sums
    return {m.name: Interval.of(float(m.of(value)), m.of(drawn)) for m in MEASURES}


def _plain(sums: np.ndarray) -> dict[str, float | None]:
    values = {m.name: float(m.of(sums.sum(axis=0))) for m in MEASURES}
    return {name: round(value, 5) if np.isfinite(value) else None for name, value in values.items()}


def _compare(here: np.ndarray, there: np.ndarray, weights: np.ndarray) -> dict[str, Versus]:
    """Two rows on the same tasks (tasks, COUNTS). A task that one of them lacks is left out of both."""
    tasks = COUNTS.index("tasks")
    both = ((here[:, tasks] > 0) & (there[:, tasks] > 0))[:, None]
    here, there = here * both, there * both
    here_drawn, there_drawn = weights @ here, weights @ there
    compared = {}
    for m in MEASURES:
        a, b, one, two = m.of(here.sum(axis=0)), m.of(there.sum(axis=0)), m.of(here_drawn), m.of(there_drawn)
        compared[m.name] = Versus(
            Interval.of(float(a), one),
            Interval.of(float(b), two),
            Interval.of(float(a - b), one - two),
            Interval.of(float(_share(a - b, b)), _share(one - two, two)),
        )
    return compared


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """`part` / `whole`, NaN where `whole` is 0."""
    return np.where(whole > 0, part, np.nan) / np.where(whole > 0, whole, 1.0)
