"""Play every task and count the faults of each layout. Called by `headless/evaluate.py`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from headless import cli
from headless.policies import without_free_places
from metaspatial_addon.core.task import Layout, Task
from metaspatial_addon.episode.env import LayoutEnv
from metaspatial_addon.episode.play import play
from metaspatial_addon.episode.scorer import InfraFault, Scorer
from metaspatial_addon.episode.turn import Outcome, Turn
from metaspatial_addon.policy.base import Policy
from metaspatial_addon.scoring.score import Score

from .baselines import BASELINES, GENERATOR, baseline_layouts
from .metrics import counts_of
from .results import Results

PROGRESS_EVERY = 5.0
DEFAULT, GREEDY, EVEN, ALONE = "default", "one greedy answer", "even choice", ", model alone"
EVEN_TEMPERATURE = 1e6
"""At which what the model says no longer counts."""


@dataclass(frozen=True)
class SamplingPlan:
    """How the policy is sampled: answers a turn, temperature (None: the policy's own), seeds.

    `free_places` and `tidy` are whether geometry helps: by what it offers, and by small moves afterwards.
    """

    name: str
    samples: int
    temperature: float | None
    seeds: tuple[int, ...]
    free_places: bool = True
    tidy: bool = True


def plans_for(
    samples: int,
    temperature: float | None,
    seeds: tuple[int, ...],
    free_places: bool = True,
    tidy: bool = True,
    embedded: bool = False,
) -> tuple[SamplingPlan, ...]:
    """The plan that was requested; where it takes the best of several answers, one greedy answer beside it; and of each
    the same without the help of geometry, where that was on. For the embedded model with free places the same with an
    even choice among them, which is what geometry does without a model.

    A greedy answer depends on no seed, so that plan has one.
    """
    plans = [SamplingPlan(DEFAULT, samples, temperature, seeds, free_places, tidy)]
    if samples > 1:
        plans.append(SamplingPlan(GREEDY, 1, 0.0, seeds[:1], free_places, tidy))
    if free_places or tidy:
        plans += [replace(plan, name=f"{plan.name}{ALONE}", free_places=False, tidy=False) for plan in plans]
    if free_places and embedded:
        plans.append(replace(plans[0], name=EVEN, temperature=EVEN_TEMPERATURE))
    return tuple(plans)


@dataclass(frozen=True)
class Result:
    """The result of an episode of the default plan: its best turn, or the last where no answer could be used."""

    task: Task
    seed: int
    turn: Turn

    @property
    def score(self) -> Score:
        return self.turn.score


@dataclass
class Measured:
    """What was measured: counts, results of the default plan, and failures of the machine in words by row or plan."""

    counts: Results = field(default_factory=Results)
    results: list[Result] = field(default_factory=list)
    infra: dict[str, list[str]] = field(default_factory=dict)
    interrupt: KeyboardInterrupt | None = None

    @property
    def interrupted(self) -> bool:
        return self.interrupt is not None

    def add_failure(self, name: str, task: Task, seed: int, failure: str) -> None:
        self.infra.setdefault(name, []).append(f"{task.id}, seed {seed}: {failure}")
        cli.progress(f"{name}: {self.infra[name][-1]}")


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
    pairs: Sequence[tuple[Task, Layout]], env: LayoutEnv, policy: Policy, plans: Sequence[SamplingPlan]
) -> Measured:
    """Play all tasks. On a signal the tasks that are complete are kept, and the result is marked."""
    parts: list[Measured] = []
    interrupt: KeyboardInterrupt | None = None
    began = reported = time.monotonic()
    try:
        for task, known in pairs:
            part = Measured()
            _measure_baselines(part, env.scorer, task, known, plans[0].seeds)
            for plan in plans:
                for seed in plan.seeds:
                    _measure_episode(part, env, policy, plan, task, seed)
            parts.append(part)
            done = len(parts)
            if time.monotonic() - reported > PROGRESS_EVERY or done == len(pairs):
                reported = time.monotonic()
                left = (reported - began) / done * (len(pairs) - done) / 60
                cli.progress(f"{done}/{len(pairs)} tasks, {left:.1f} min left")
    except KeyboardInterrupt as signalled:
        interrupt = signalled
        cli.progress(f"interrupted after {len(parts)} of {len(pairs)} tasks, which are kept")
    baselines = [name for name in BASELINES if name != GENERATOR or any(known.poses for _, known in pairs)]
    sources = (*baselines, *(plan.name for plan in plans))
    rows = (*baselines, *(row for plan in plans for row in rows_of(plan.name, env.max_turns)))
    return Measured(
        Results(
            {task_id: mark for part in parts for task_id, mark in part.counts.tasks.items()},
            {row: {k: v for part in parts for k, v in part.counts.rows.get(row, {}).items()} for row in rows},
        ),
        [result for part in parts for result in part.results],
        {name: [failure for part in parts for failure in part.infra.get(name, [])] for name in sources},
        interrupt,
    )


def _measure_baselines(part: Measured, scorer: Scorer, task: Task, known: Layout, seeds: tuple[int, ...]) -> None:
    for name, seed, layout in baseline_layouts(task, known, seeds):
        try:
            scorer.open(task)
            evidence = scorer.physics(task, layout)
            if scorer.renderer is not None:
                evidence = replace(evidence, view=scorer.measure_view(task, layout))
        except InfraFault as error:
            part.add_failure(name, task, seed, str(error))
            continue
        part.counts.add(name, task, seed, counts_of(task, scorer.score(task, layout, 1.0, evidence), (), layout))


def _measure_episode(part: Measured, env: LayoutEnv, policy: Policy, plan: SamplingPlan, task: Task, seed: int) -> None:
    player = policy if plan.free_places else without_free_places(policy)
    *_, outcome = play(env, player, task, seed, plan.samples, plan.temperature, tidy=plan.tidy)
    assert isinstance(outcome, Outcome)
    for turn in outcome.turns:
        for note in turn.notes:
            cli.progress(f"{task.id}, turn {turn.number}: {note}")
    if outcome.failure:
        part.add_failure(plan.name, task, seed, outcome.failure)
        return
    add_turns(part.counts, plan.name, task, seed, outcome, env.max_turns)
    if plan.name == DEFAULT:
        part.results.append(Result(task, seed, outcome.best or outcome.turns[-1]))


def add_turns(results: Results, plan: str, task: Task, seed: int, outcome: Outcome, turns: int) -> None:
    """Count each turn, and the best turn so far at each.

    An episode that ended early counts on with its last turn, and its best; seconds are of turns that were played.
    """
    seconds = [sum(turn.timings.values()) for turn in outcome.turns]
    best: Turn | None = None
    for k in range(1, turns + 1):
        turn = outcome.turns[min(k, len(seconds)) - 1]
        results.add(turn_row(plan, k), task, seed, counts_of(task, turn.score, seconds[k - 1 : k], turn.layout))
        if best is None or (turn.status == "ok", turn.reward or 0.0) > (best.status == "ok", best.reward or 0.0):
            best = turn
        if k > 1:
            results.add(best_row(plan, k), task, seed, counts_of(task, best.score, seconds[:k], best.layout))
