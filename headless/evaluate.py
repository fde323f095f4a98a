"""Measures a policy on a set of tasks: faults by kind, scenes without any, turn by turn, beside baselines.

python headless/tasks.py --split test --count 200 --out test.jsonl
python headless/evaluate.py --tasks test.jsonl --policy builtin --out report
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from headless import cli, policies  # noqa: E402
from metaspatial_addon.episode import LayoutEnv, Outcome, play, rendering_of  # noqa: E402
from metaspatial_addon.layout.errors import InputError  # noqa: E402
from metaspatial_addon.layout.task import (  # noqa: E402
    Layout,
    Pose,
    Task,
    layout_from_json,
    task_from_json,
    write_json,
)
from metaspatial_addon.reward.score import Score  # noqa: E402
from metaspatial_addon.scorer import InfraFault, Scorer  # noqa: E402

PROGRESS_EVERY = 5.0
BASELINES = ("random placement", "the generator's layouts")


@dataclass
class Tally:
    """Sums over scored layouts; shares are of all items (faults) or of all tasks (usable, clean)."""

    tasks: int = 0
    usable: int = 0
    clean: int = 0
    reward: float = 0.0
    items: int = 0
    colliding: int = 0
    outside: int = 0
    unsupported: int = 0
    unstable: int = 0
    blocked: int = 0
    relations: int = 0
    satisfied: int = 0

    def add(self, task: Task, score: Score) -> None:
        """Count one layout; an unusable answer counts as a task, and its items are not measured."""
        self.tasks += 1
        self.reward += score.reward or 0.0
        if score.status != "ok":
            return
        counts, evidence = score.to_json()["counts"], score.evidence
        self.usable += 1
        self.clean += evidence.clean
        for name in ("items", "colliding", "outside", "unsupported", "unstable"):
            setattr(self, name, getattr(self, name) + counts[name])
        self.blocked += bool(evidence.blocked)
        self.relations += len(evidence.relations)
        self.satisfied += len(evidence.relations) - len(evidence.unsatisfied)

    def shares(self) -> dict[str, float]:
        """Shares in [0, 1] and the mean reward."""
        items, relations = max(self.items, 1), max(self.relations, 1)
        shares = {
            "usable": self.usable / self.tasks,
            "clean": self.clean / self.tasks,
            "colliding": self.colliding / items,
            "outside": self.outside / items,
            "unsupported": self.unsupported / items,
            "unstable": self.unstable / items,
            "blocked_rooms": self.blocked / self.tasks,
            "relations": self.satisfied / relations,
            "reward": self.reward / self.tasks,
        }
        return {name: round(value, 4) for name, value in shares.items()}


def main(arguments: list[str]) -> None:
    args = _parse(arguments)
    pairs = list(_read_pairs(args.tasks))
    if not pairs:
        raise InputError(args.tasks, "", "at least one line")
    policy = policies.open_policy(args)
    folder = cli.output_folder(args.out)
    from metaspatial_addon.blender.stage import Stage

    rows: dict[str, Tally] = {name: Tally() for name in BASELINES}
    plans = {"default": (args.samples, args.temperature)}
    if args.samples > 1:
        plans["one greedy answer"] = (1, 0.0)
    for name in plans:
        rows |= {f"{name}, turn {k}": Tally() for k in range(1, args.turns + 1)}
    faults = dict.fromkeys((*BASELINES, *plans), 0)
    seconds = dict.fromkeys(plans, 0.0)
    with Stage() as stage:
        scorer = Scorer(stage)
        env = LayoutEnv(stage, rendering=rendering_of(policy), turns=args.turns, pictures=policy.sees_images)
        began = shown = time.monotonic()
        for number, (task, known) in enumerate(pairs, 1):
            for name, layout in zip(BASELINES, (random_layout(task, args.seed), known), strict=True):
                try:
                    rows[name].add(task, _scored(scorer, task, layout))
                except InfraFault as error:
                    faults[name] += 1
                    cli.progress(f"{task.id}, {name}: {error}")
            for name, (samples, temperature) in plans.items():
                start = time.monotonic()
                *_, outcome = play(env, policy, task, args.seed, samples, temperature)
                if outcome.failure:
                    faults[name] += 1
                    cli.progress(f"{task.id}, {name}: {outcome.failure}")
                    continue
                seconds[name] += time.monotonic() - start
                _add_turns(rows, name, task, outcome, args.turns)
            if time.monotonic() - shown > PROGRESS_EVERY or number == len(pairs):
                shown = time.monotonic()
                left = (shown - began) / number * (len(pairs) - number) / 60
                cli.progress(f"{number}/{len(pairs)} tasks, {left:.1f} min left")
    measured = {name: tally.shares() for name, tally in rows.items() if tally.tasks}
    result = {
        "tasks": len(pairs),
        "policy": policy.name,
        "samples": args.samples,
        "turns": args.turns,
        "seed": args.seed,
        "rows": measured,
        "infra_faults": faults,
        "seconds_per_task": {
            name: round(total / max(len(pairs) - faults[name], 1), 3) for name, total in seconds.items()
        },
    }
    write_json(folder / "metrics.json", result)
    if measured:
        print(table(measured))
    for name, count in faults.items():
        if count:
            cli.progress(f"{name}: {count} of {len(pairs)} could not be measured and are left out")
    if len(measured) < len(rows):
        raise cli.CommandError(f"no task could be measured: {', '.join(row for row in rows if row not in measured)}")


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = cli.parser("evaluate.py", "Measure a policy on a set of tasks, beside baselines")
    parser.add_argument("--tasks", required=True, metavar="F.jsonl", help="lines that tasks.py wrote")
    policies.add_arguments(parser)
    parser.add_argument("--turns", type=cli.positive, default=3, help="turns at most")
    parser.add_argument("--samples", type=cli.positive, help="answers a turn; else 8 for builtin, 1 for others")
    parser.add_argument("--temperature", type=float, help="of sampling; 0 takes the likeliest answer")
    parser.add_argument("--seed", type=int, default=0, help="of sampling")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for metrics.json")
    args = parser.parse_args(arguments)
    args.samples = args.samples or policies.SAMPLES[args.policy]
    return args


def _read_pairs(path: str) -> Iterator[tuple[Task, Layout]]:
    """The tasks of a file with their known layouts. Raises InputError that names the line."""
    try:
        lines = Path(path).read_bytes().splitlines()
    except OSError as error:
        raise InputError(path, "", f"a readable file ({error.strerror})") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        source = f"{path}, line {number}"
        try:
            data: Any = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(source, "", f"JSON ({error})") from error
        if not isinstance(data, dict) or not {"task", "layout"} <= data.keys():
            raise InputError(source, "", "an object with task and layout")
        yield task_from_json(data["task"], f"{source}: task"), layout_from_json(data["layout"], f"{source}: layout")


def random_layout(task: Task, seed: int) -> Layout:
    """Every movable item anywhere in the floor's bounding rectangle, at a right angle, at a height of its mount."""
    rng = Random(f"random/{seed}/{task.id}")
    xs, ys = zip(*task.room.floor, strict=True)
    poses = {}
    for item in task.movable:
        heights = {"floor": 0.0, "surface": 0.75, "wall": 1.4, "ceiling": task.room.height - item.size[2]}
        poses[item.id] = Pose(
            rng.uniform(min(xs), max(xs)),
            rng.uniform(min(ys), max(ys)),
            heights[item.mount],
            rng.choice((0.0, 90.0, 180.0, 270.0)),
        )
    return Layout(task.id, poses)


def _scored(scorer: Scorer, task: Task, layout: Layout) -> Score:
    scorer.open(task)
    return scorer.score(task, 1.0, scorer.physics(task, layout))


def _add_turns(rows: dict[str, Tally], name: str, task: Task, outcome: Outcome, turns: int) -> None:
    """Count what each turn leaves as the best so far; an episode that ended early keeps its result."""
    best = None
    for k in range(1, turns + 1):
        if k <= len(outcome.turns):
            score = outcome.turns[k - 1].score
            if best is None or (score.status == "ok", score.reward or 0.0) > (best.status == "ok", best.reward or 0.0):
                best = score
        rows[f"{name}, turn {k}"].add(task, best)


def table(rows: dict[str, dict[str, float]]) -> str:
    """A markdown table of the shares in per cent."""
    names = [name for name in next(iter(rows.values())) if name != "reward"]
    lines = ["| | " + " | ".join(f"{name} %" for name in names) + " | reward |", "|---" * (len(names) + 2) + "|"]
    for label, shares in rows.items():
        cells = [f"{100 * shares[name]:.1f}" for name in names] + [f"{shares['reward']:.3f}"]
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    cli.run(main)
