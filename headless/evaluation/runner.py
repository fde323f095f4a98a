"""Plays every task and measures what comes of it. Called by `headless/evaluate.py`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from headless import cli
from metaspatial_addon.core.task import Layout, Task
from metaspatial_addon.episode.env import LayoutEnv, Outcome, Turn, play
from metaspatial_addon.episode.scorer import InfraFault, Scorer
from metaspatial_addon.policy.base import Policy
from metaspatial_addon.scoring.score import Score

from .baselines import BASELINES, baseline_layouts
from .metrics import counts_of
from .results import Results

PROGRESS_EVERY = 5.0
DEFAULT, GREEDY = "default", "one greedy answer"


@dataclass(frozen=True)
class Plan:
    """How the policy is asked: answers a turn, temperature (None: its own), seeds."""

    name: str
    samples: int
    temperature: float | None
    seeds: tuple[int, ...]


def plans_for(samples: int, temperature: float | None, seeds: tuple[int, ...]) -> tuple[Plan, ...]:
    """What was asked for and, where that takes the best of several answers, one greedy answer beside it. That draws
    nothing, so it has one seed."""
    asked = Plan(DEFAULT, samples, temperature, seeds)
    return (asked, Plan(GREEDY, 1, 0.0, seeds[:1])) if samples > 1 else (asked,)


@dataclass(frozen=True)
class Result:
    """What an episode of the default plan came to: its best turn, or the last where no answer could be used."""

    task: Task
    seed: int
    turn: Turn

    @property
    def score(self) -> Score:
        return self.turn.score


@dataclass
class Measured:
    """What was measured of one task or of all. `infra` are failures of the machine in words, by row or plan."""

    ledger: Results = field(default_factory=Results)
    results: list[Result] = field(default_factory=list)
    infra: dict[str, list[str]] = field(default_factory=dict)
    interrupted: bool = False


def turn_row(plan: str, turn: int) -> str:
    return f"{plan}, turn {turn}"


def best_row(plan: str, turns: int) -> str:
    """The row of the best of the first `turns` turns; of a single turn, that turn's own."""
    return f"{plan}, best of {turns}" if turns > 1 else turn_row(plan, 1)


def rows_of(plan: str, turns: int) -> list[str]:
    """The rows of a plan, in the order of the report."""
    return [
        *(turn_row(plan, k) for k in range(1, turns + 1)),
        *(best_row(plan, k) for k in range(2, turns + 1)),
    ]


def measure_all(
    pairs: Sequence[tuple[Task, Layout]], env: LayoutEnv, policy: Policy, plans: Sequence[Plan]
) -> Measured:
    """Play all tasks. On Ctrl-C the tasks that are done are kept, and the result is marked."""
    parts: list[Measured] = []
    interrupted = False
    began = shown = time.monotonic()
    try:
        for task, known in pairs:
            parts.append(_measure_task(task, known, env, policy, plans))
            done = len(parts)
            if time.monotonic() - shown > PROGRESS_EVERY or done == len(pairs):
                shown = time.monotonic()
                left = (shown - began) / done * (len(pairs) - done) / 60
                cli.progress(f"{done}/{len(pairs)} tasks, {left:.1f} min left")
    except KeyboardInterrupt:
        interrupted = True
        cli.progress(f"interrupted after {len(parts)} of {len(pairs)} tasks, which are kept")
    sources = (*BASELINES, *(plan.name for plan in plans))
    rows = (*BASELINES, *(row for plan in plans for row in rows_of(plan.name, env.max_turns)))
    return Measured(
        Results(
            {task_id: mark for part in parts for task_id, mark in part.ledger.tasks.items()},
            {row: {k: v for part in parts for k, v in part.ledger.rows.get(row, {}).items()} for row in rows},
        ),
        [result for part in parts for result in part.results],
        {name: [told for part in parts for told in part.infra.get(name, [])] for name in sources},
        interrupted,
    )


def _measure_task(task: Task, known: Layout, env: LayoutEnv, policy: Policy, plans: Sequence[Plan]) -> Measured:
    """Everything of one task."""
    done = Measured()
    _measure_baselines(done, env.scorer, task, known, plans[0].seeds)
    for plan in plans:
        for seed in plan.seeds:
            _measure_episode(done, env, policy, plan, task, seed)
    return done


def _failed(done: Measured, name: str, task: Task, seed: int, failure: str) -> None:
    done.infra.setdefault(name, []).append(f"{task.id}, seed {seed}: {failure}")
    cli.progress(f"{name}: {done.infra[name][-1]}")


def _measure_baselines(done: Measured, scorer: Scorer, task: Task, known: Layout, seeds: tuple[int, ...]) -> None:
    for name, seed, layout in baseline_layouts(task, known, seeds):
        try:
            scorer.open(task)
            evidence = scorer.physics(task, layout)
            if scorer.renderer is not None:
                evidence = replace(evidence, view=scorer.measure_view(task, layout))
        except InfraFault as error:
            _failed(done, name, task, seed, str(error))
            continue
        done.ledger.add(name, task, seed, counts_of(task, scorer.score(task, 1.0, evidence)))


def _measure_episode(done: Measured, env: LayoutEnv, policy: Policy, plan: Plan, task: Task, seed: int) -> None:
    *_, outcome = play(env, policy, task, seed, plan.samples, plan.temperature)
    assert isinstance(outcome, Outcome)
    if outcome.failure:
        _failed(done, plan.name, task, seed, outcome.failure)
        return
    add_turns(done.ledger, plan.name, task, seed, outcome, env.max_turns)
    if plan.name == DEFAULT:
        done.results.append(Result(task, seed, outcome.best or outcome.turns[-1]))


def add_turns(ledger: Results, plan: str, task: Task, seed: int, outcome: Outcome, turns: int) -> None:
    """Count each turn and the best until then. An episode that ended early counts on with its last turn, and its
    best; the seconds are of turns that were played."""
    seconds = [sum(turn.timings.values()) for turn in outcome.turns]
    best: Score | None = None
    for k in range(1, turns + 1):
        score = outcome.turns[min(k, len(seconds)) - 1].score
        ledger.add(turn_row(plan, k), task, seed, counts_of(task, score, seconds[k - 1 : k]))
        if best is None or _merit(score) > _merit(best):
            best = score
        if k > 1:
            ledger.add(best_row(plan, k), task, seed, counts_of(task, best, seconds[:k]))


def _merit(score: Score) -> tuple[bool, float]:
    """What the best of several turns has most of."""
    return score.status == "ok", score.reward or 0.0
