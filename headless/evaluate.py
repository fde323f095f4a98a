"""Measures a policy on a set of tasks: faults by kind, scenes without any, turn by turn, beside baselines.

python headless/tasks.py --split test --count 200 --out test.jsonl
python headless/evaluate.py --tasks test.jsonl --policy builtin --seeds 0,1,2 --out report
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from headless import cli, policies
from headless.evaluation.metrics import MEASURES
from headless.evaluation.results import SCHEMA, EarlierRun, Row, check_comparable, dump, read_run
from headless.evaluation.runner import Measured, Plan, best_row, measure_all, plans_for, turn_row
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.task import Layout, Task, layout_from_json, task_from_json
from metaspatial_addon.episode.env import LayoutEnv, prompt_format_of
from metaspatial_addon.policy.base import Policy

if TYPE_CHECKING:  # bpy is imported when the arguments are known to be good
    from headless.evaluation.report import Report
    from metaspatial_addon.blender.physics.stage import Stage
    from metaspatial_addon.blender.rendering.render import Renderer

INTERRUPTED = 130
"""Exit code of a run that Ctrl-C cut short; its report is of what was measured until then."""


def main(arguments: list[str]) -> int:
    args = _parse(arguments)
    pairs = read_pairs(args.tasks)
    earlier = None if args.against is None else read_run(args.against)
    if earlier is not None:
        check_comparable(earlier, [task for task, _ in pairs], args.pictures)
    policy = policies.open_policy(args)
    folder = cli.output_folder(args.out)
    plans = plans_for(args.samples, args.temperature, args.seeds)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a real Blender has its own
    with ExitStack() as open_:
        from metaspatial_addon.blender.physics.stage import Stage

        stage = open_.enter_context(Stage())
        renderer = open_.enter_context(_renderer(policy)) if args.pictures else None
        env = LayoutEnv(stage, renderer, prompt_format_of(policy), max_turns=args.turns, show_images=policy.sees_images)
        measured = measure_all(pairs, env, policy, plans)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # until what was measured is written
        if not measured.ledger.tasks:
            raise cli.CommandError("no task was measured")
        _write(folder, stage, args, _report(args, policy.name, plans, measured, earlier), measured)
    for name, failures in measured.infra.items():
        if failures:
            cli.progress(f"{name}: {len(failures)} of {len(pairs)} could not be measured and are left out")
    empty = [row for row, by_task in measured.ledger.rows.items() if not by_task]
    if empty:
        raise cli.CommandError(f"no task could be measured: {', '.join(empty)}")
    return INTERRUPTED if measured.interrupted else 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = cli.parser("evaluate.py", "Measure a policy on a set of tasks, beside baselines")
    parser.add_argument("--tasks", required=True, metavar="F.jsonl", help="lines that tasks.py wrote")
    policies.add_arguments(parser)
    parser.add_argument("--turns", type=cli.positive, default=3, help="turns at most")
    parser.add_argument("--samples", type=cli.positive, help="answers a turn; else 8 for builtin, 1 for others")
    parser.add_argument("--temperature", type=float, help="of sampling; 0 takes the likeliest answer")
    parser.add_argument("--seeds", type=_seeds, default="0", help="of sampling, separated by commas")
    parser.add_argument(
        "--no-pictures",
        dest="pictures",
        action="store_false",
        help="render nothing: no view term and no sheets; a model that needs renders sees none",
    )
    parser.add_argument("--against", metavar="metrics.json", help="of an earlier run, to tell the differences to")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for metrics.json, report.html and pictures")
    args = parser.parse_args(arguments)
    args.samples = args.samples or policies.SAMPLES[args.policy]
    return args


def _seeds(text: str) -> tuple[int, ...]:
    """An argument that lists whole numbers, each once."""
    seeds = tuple(int(part) for part in text.split(","))
    if len(set(seeds)) < len(seeds):
        raise ValueError
    return seeds


def read_pairs(path: str) -> list[tuple[Task, Layout]]:
    """The tasks of a file with their known layouts. Raises InputError that names the line."""
    try:
        lines = Path(path).read_bytes().splitlines()
    except OSError as error:
        raise InputError(path, "", f"a readable file ({error.strerror})") from error
    pairs: dict[str, tuple[Task, Layout]] = {}
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
        task = task_from_json(data["task"], f"{source}: task")
        if task.id in pairs:
            raise InputError(source, "task.id", "an id used once", task.id)
        pairs[task.id] = task, layout_from_json(data["layout"], f"{source}: layout")
    if not pairs:
        raise InputError(path, "", "at least one line")
    return list(pairs.values())


def _renderer(policy: Policy) -> Renderer:
    """What measures the view and, for a policy that sees renders, takes them."""
    from metaspatial_addon.blender.rendering.render import Renderer

    if policy.sees_images and policy.rendering == "full":
        return Renderer()
    return Renderer("cycles", pixels=0)


def _write(folder: Path, stage: Stage, args: argparse.Namespace, report: Report, measured: Measured) -> None:
    """metrics.json and report.html, whatever keys are pressed; then the pictures, and the report again with them."""
    from headless.evaluation.gallery import take_pictures

    _replace(folder / "metrics.json", dump(_metrics(args, report, measured), measured.ledger))
    _replace(folder / "report.html", report.html())
    print(table(report.rows))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if args.pictures and not measured.interrupted:
        report = replace(report, gallery=take_pictures(stage, measured.results, report.failures, folder))
        _replace(folder / "report.html", report.html())
    cli.progress(f"the report is {folder / 'report.html'}")


def _report(
    args: argparse.Namespace, name: str, plans: tuple[Plan, ...], measured: Measured, earlier: EarlierRun | None
) -> Report:
    """The report without pictures; `name` is the policy's."""
    from headless.evaluation.gallery import failures_of
    from headless.evaluation.report import Report

    ledger = measured.ledger
    last = (turn_row, best_row) if args.turns > 1 else ()
    gains = {row(plan.name, args.turns): turn_row(plan.name, 1) for plan in plans for row in last}
    return Report(
        settings={
            "policy": name,
            "model": args.model,
            "tasks": f"{len(ledger.tasks)} of {args.tasks}",
            "seeds": ", ".join(map(str, args.seeds)),
            "samples": args.samples,
            "temperature": args.temperature,
            "turns": args.turns,
            "pictures": "yes" if args.pictures else "no",
            "against": args.against,
            "interrupted": "yes" if measured.interrupted else None,
        },
        rows=ledger.intervals(),
        by_seed=ledger.by_seed(),
        gains=ledger.gains(gains),
        against={} if earlier is None else ledger.against(earlier.ledger),
        plans=[plan.name for plan in plans],
        turns=args.turns,
        failures=failures_of(measured.results),
        infra=measured.infra,
    )


def _metrics(args: argparse.Namespace, report: Report, measured: Measured) -> dict[str, Any]:
    """metrics.json without the counts."""
    return {
        "schema": SCHEMA,
        "policy": report.settings["policy"],
        "model": args.model,
        "adapter": args.adapter,
        "tasks_file": args.tasks,
        "seeds": args.seeds,
        "samples": args.samples,
        "temperature": args.temperature,
        "turns": args.turns,
        "pictures": args.pictures,
        "interrupted": measured.interrupted,
        "rows": {row: _json(intervals) for row, intervals in report.rows.items()},
        "by_seed": report.by_seed,
        "gains_over_turn_1": {name: _json(intervals) for name, intervals in report.gains.items()},
        "against": None
        if args.against is None
        else {
            "run": args.against,
            "rows": {
                row: {name: versus.to_json() for name, versus in compared.items()}
                for row, compared in report.against.items()
            },
        },
        "infra_faults": {name: len(failures) for name, failures in measured.infra.items()},
    }


def _json(intervals: Row) -> dict[str, Any]:
    return {name: interval.to_json() for name, interval in intervals.items()}


def _replace(path: Path, text: str) -> None:
    """Write beside and rename, so that a reader never meets half a file."""
    beside = path.with_name(path.name + ".part")
    beside.write_text(text, encoding="utf-8", errors="replace")
    os.replace(beside, path)


def table(rows: Mapping[str, Row]) -> str:
    """A markdown table of the values, shares in per cent."""
    shown = [measure for measure in MEASURES if any(row[measure.name].value is not None for row in rows.values())]
    lines = ["| | " + " | ".join(m.heading for m in shown) + " |", "|---" * (len(shown) + 1) + "|"]
    for label, intervals in rows.items():
        lines.append(f"| {label} | " + " | ".join(m.shown(intervals[m.name].value) for m in shown) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    cli.run(main)
