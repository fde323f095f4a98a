"""Measure a policy on a set of tasks: faults by kind, scenes without any, turn by turn, beside baselines.

python headless/tasks.py --split test --count 200 --out test.jsonl
python headless/evaluate.py --tasks test.jsonl --policy builtin --seeds 0,1,2 --out report
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from headless import cli, interruption, option_types, policies
from headless.evaluation.metrics import TABLED
from headless.evaluation.results import SCHEMA, EarlierRun, Row, check_comparable, dump, read_run
from headless.evaluation.runner import Measured, SamplingPlan, best_row, measure_all, plans_for, turn_row
from headless.evaluation.strata import stratify
from headless.evaluation.task_files import read_pairs
from metaspatial_addon.core.files import own_name, write_file
from metaspatial_addon.core.task import Task
from metaspatial_addon.episode.env import LayoutEnv
from metaspatial_addon.episode.play import prompt_format_of, reads_renders

if TYPE_CHECKING:  # bpy is imported when the arguments are known to be good
    from headless.evaluation.report import Report
    from metaspatial_addon.blender.physics.stage import Stage


def main(arguments: list[str]) -> int:
    args = _parse(arguments)
    pairs = read_pairs(args.tasks)
    earlier = None if args.against is None else read_run(args.against)
    if earlier is not None:
        check_comparable(earlier, [task for task, _ in pairs], args.pictures)
    policy = policies.open_policy(args)
    embedded = policies.without_free_places(policy) is not policy
    plans = plans_for(args.samples, args.temperature, args.seeds, args.free_places == "on", args.tidy == "on", embedded)
    folder = cli.output_folder(args.out)
    with ExitStack() as stack:
        stack.enter_context(cli.sole_use(folder))
        from metaspatial_addon.blender.physics.stage import Stage
        from metaspatial_addon.blender.rendering.render import Renderer

        stage = stack.enter_context(Stage())
        renderer = None
        if args.pictures:  # a policy that sees no renders needs but the measured view
            renderer = stack.enter_context(Renderer() if reads_renders(policy) else Renderer("cycles", pixels=0))
        env = LayoutEnv(stage, renderer, prompt_format_of(policy), max_turns=args.turns, show_images=policy.sees_images)
        with interruption.patient():
            measured = measure_all(pairs, env, policy, plans)
        if not measured.counts.tasks:
            raise cli.CommandError("no task was measured")
        _write(
            folder,
            stage,
            args,
            _report(args, policy.name, plans, [task for task, _ in pairs], measured, earlier),
            measured,
        )
    for name, failures in measured.infra.items():
        if failures:
            cli.progress(f"{name}: {len(failures)} of {len(pairs)} could not be measured and are left out")
    empty = [row for row, by_task in measured.counts.rows.items() if not by_task]
    if empty:
        raise cli.CommandError(f"no task could be measured: {', '.join(empty)}")
    return 0 if measured.interrupt is None else interruption.exit_code(measured.interrupt)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = cli.parser("evaluate.py", "Measure a policy on a set of tasks, beside baselines")
    parser.add_argument(
        "--tasks",
        required=True,
        metavar="F.jsonl",
        help="lines that tasks.py wrote; or a file of LayoutGPT, R3L or SceneEval",
    )
    policies.add_arguments(parser)
    parser.add_argument("--seeds", type=option_types.seeds, default="0", help="of sampling, separated by commas")
    parser.add_argument(
        "--no-pictures",
        dest="pictures",
        action="store_false",
        help="render nothing: no view term and no sheets; a model that needs renders sees none",
    )
    parser.add_argument("--against", metavar="metrics.json", help="of an earlier run, to tell the differences to")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for metrics.json, report.html and pictures")
    args = parser.parse_args(arguments)
    args.samples = args.samples or policies.DEFAULT_SAMPLES[args.policy]
    return args


def _write(folder: Path, stage: Stage, args: argparse.Namespace, report: Report, measured: Measured) -> None:
    """Write metrics.json and report.html, whatever signal comes; then render, and write the report again with the
    images."""
    from headless.evaluation.gallery import render_gallery

    with interruption.deferred(lambda: cli.progress("interrupted: the report is written")) as pending:
        write_file(
            folder / "metrics.json", dump(_metrics(args, report, measured), measured.counts).encode("utf-8", "replace")
        )
        write_file(folder / "report.html", report.html().encode("utf-8", "replace"))
        cli.output(*table(report.rows))
    measured.interrupt = measured.interrupt or pending()
    if args.pictures and not measured.interrupted:
        report = replace(report, gallery=render_gallery(stage, measured.results, report.failures, folder))
        write_file(folder / "report.html", report.html().encode("utf-8", "replace"))
    cli.progress(f"the report is {folder / 'report.html'}")


def _report(
    args: argparse.Namespace,
    name: str,
    plans: tuple[SamplingPlan, ...],
    tasks: list[Task],
    measured: Measured,
    earlier: EarlierRun | None,
) -> Report:
    """The report without images; `name` is the policy's."""
    from headless.evaluation.gallery import failures_of
    from headless.evaluation.report import Report

    counts = measured.counts
    last = (turn_row, best_row) if args.turns > 1 else ()
    gains = {row(plan.name, args.turns): turn_row(plan.name, 1) for plan in plans for row in last}
    return Report(
        settings={
            "policy": name,
            "model": _named(args.model),
            "tasks": f"{len(counts.tasks)} of {_named(args.tasks)}",
            "seeds": ", ".join(map(str, args.seeds)),
            "samples": args.samples,
            "temperature": args.temperature,
            "turns": args.turns,
            "free places": args.free_places,
            "tidy": args.tidy,
            "pictures": "yes" if args.pictures else "no",
            "against": _named(args.against),
            "interrupted": "yes" if measured.interrupted else None,
        },
        rows=counts.intervals(),
        strata=stratify(counts, tasks),
        by_seed=counts.by_seed(),
        gains=counts.gains(gains),
        against={} if earlier is None else counts.against(earlier.counts),
        plans=[plan.name for plan in plans],
        turns=args.turns,
        failures=failures_of(measured.results),
        infra=measured.infra,
    )


def _metrics(args: argparse.Namespace, report: Report, measured: Measured) -> dict[str, Any]:
    """The data of metrics.json, without the counts."""
    return {
        "schema": SCHEMA,
        "policy": report.settings["policy"],
        "model": _named(args.model),
        "adapter": _named(args.adapter),
        "tasks_file": _named(args.tasks),
        "seeds": args.seeds,
        "samples": args.samples,
        "temperature": args.temperature,
        "turns": args.turns,
        "free_places": args.free_places == "on",
        "tidy": args.tidy == "on",
        "pictures": args.pictures,
        "interrupted": measured.interrupted,
        "rows": {row: _json(intervals) for row, intervals in report.rows.items()},
        "strata": {
            sorting: {
                name: {"tasks": part.tasks, "rows": {row: _measured(part.rows[row]) for row in report.sources}}
                for name, part in parts.items()
            }
            for sorting, parts in report.strata.items()
        },
        "by_seed": report.by_seed,
        "gains_over_turn_1": {name: _json(intervals) for name, intervals in report.gains.items()},
        "against": None
        if args.against is None
        else {
            "run": _named(args.against),
            "rows": {
                row: {name: versus.to_json() for name, versus in compared.items()}
                for row, compared in report.against.items()
            },
        },
        "infra_faults": {name: len(failures) for name, failures in measured.infra.items()},
    }


def _named(source: str | None) -> str | None:
    """What an option names, without its folder."""
    return source and own_name(source)


def _json(intervals: Row) -> dict[str, Any]:
    return {name: interval.to_json() for name, interval in intervals.items()}


def _measured(intervals: Row) -> dict[str, Any]:
    """The measures of a table that have a value."""
    return _json({m.name: intervals[m.name] for m in TABLED if intervals[m.name].value is not None})


def table(rows: Mapping[str, Row]) -> list[str]:
    """The lines of a markdown table of the measures, shares in per cent."""
    shown = [measure for measure in TABLED if any(row[measure.name].value is not None for row in rows.values())]
    lines = ["| | " + " | ".join(m.heading for m in shown) + " |", "|---" * (len(shown) + 1) + "|"]
    for label, intervals in rows.items():
        lines.append(f"| {label} | " + " | ".join(m.format(intervals[m.name].value) for m in shown) + " |")
    return lines


if __name__ == "__main__":
    cli.run(main)
