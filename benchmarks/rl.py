"""What reinforcement learning teaches, and what each choice of it is worth: a queue of runs, and their table.

    python -m benchmarks.rl --out out/rl                  # train and measure what is missing, the deciding runs first
    python -m benchmarks.rl --out out/rl --rows RL        # these rows alone
    python -m benchmarks.rl --out out/rl --table          # print what is there
    python -m benchmarks.rl --out out/rl --release        # pack it, and put the figures into the repository

`rl.toml` lists the runs: what each decides, what it costs, and how its settings differ from those of the configuration.
Stopped at any moment, the queue goes on where it was. Models are measured on 500 test rooms of the wide generator, and
on the 476 lists of LayoutGPT where `../shared/data/layoutgpt` is; every measure is compared room by room with that of
the model that all runs begin with, and intervals are those of the paired difference. In an empty folder all is made
from nothing; with the weights of a release in it, see `benchmarks/release.py`, they are measured.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.common import ROOT
from benchmarks.layoutgpt import DATA, FILES
from benchmarks.release import START, TRAINING, WEIGHTS, release
from headless.evaluation.public import public_tasks
from headless.rl.checkpoint import OPTIMISER, STATE
from headless.training import FILES as CHECKPOINT_FILES
from headless.training import checkpoints
from metaspatial_addon.core.files import write_file
from metaspatial_addon.core.task import Layout, layout_to_json, task_to_json

TEST_ROOMS = 500
MEASURES = {
    "clean": "clean rooms %",
    "colliding_1cm": "colliding %",
    "outside": "outside %",
    "unsupported": "unsupported %",
    "unreachable": "unreachable %",
    "cramped": "cramped %",
    "relations": "relations %",
    "natural": "natural %",
}


class Run(NamedTuple):
    """A row of the queue with one of its seeds."""

    row: dict[str, Any]
    seed: int

    @property
    def name(self) -> str:
        return f"{self.row['name'].replace(' ', '_')}-{self.seed}"


def test_sets(folder: Path) -> dict[str, Path]:
    """The files of tasks to measure on, made where they are missing."""
    wide, public = folder / "wide.jsonl", folder / "layoutgpt.jsonl"
    if not wide.exists():
        _command("tasks", "--generator", "wide", "--split", "test", "--count", str(TEST_ROOMS), "--out", str(wide))
    if not public.exists() and DATA.is_dir():
        tasks = itertools.chain.from_iterable(public_tasks(DATA / name) for name in FILES.values())
        lines = ({"task": task_to_json(task), "layout": layout_to_json(Layout(task.id))} for task in tasks)
        write_file(public, "".join(json.dumps(line) + "\n" for line in lines).encode())
    return {path.stem: path for path in (wide, public) if path.exists()}


def _command(name: str, *arguments: str) -> None:
    """Run a command of the project; its output is the reader's progress. Raises CalledProcessError."""
    subprocess.run([sys.executable, f"headless/{name}.py", *arguments], cwd=ROOT, check=True, stdout=sys.stderr)


def settings_of(queue: dict[str, Any], run: Run, start: Path) -> list[str]:
    """The `key=value` by which the training of a run differs from the queue's configuration."""
    steps = [f"steps={run.row['steps']}"] if "steps" in run.row else []
    return [f"model={os.path.relpath(start, ROOT)}", f"seed={run.seed}", *run.row.get("settings", ()), *steps]


def trained(folder: Path, queue: dict[str, Any], run: Run) -> Path:
    """The weights of a run, trained as far as it is not; of the row `START` the model to begin with."""
    weights = folder / run.name / WEIGHTS
    if weights.exists():
        return weights
    if run.row["name"] == START:
        _keep_weights(ROOT / queue["start"], weights)
        return weights
    training = folder / run.name / TRAINING
    settings = settings_of(queue, run, trained(folder, queue, Run({"name": START}, 0)))
    changes = (word for setting in settings for word in ("--set", setting))
    resume = ["--resume"] if checkpoints(training, STATE) else []
    _command("train", "--config", queue["config"], "--run", str(training), *changes, *resume)
    _keep_weights(checkpoints(training, STATE)[-1], weights)
    return weights


def _keep_weights(model: Path, weights: Path) -> None:
    """Copy a model, of a checkpoint without what only its training needs."""
    part = weights.with_name(f"{weights.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(model, part, ignore=shutil.ignore_patterns(OPTIMISER, STATE, CHECKPOINT_FILES))
    part.rename(weights)


def measured(folder: Path, queue: dict[str, Any], run: Run, way: str, tasks: Path) -> dict[str, Any]:
    """metrics.json of a run's model, measured in one of the queue's ways on a file of tasks."""
    out = folder / run.name / f"{tasks.stem}-{way}"
    if not (out / "metrics.json").exists():
        base = folder / Run({"name": START}, 0).name / out.name / "metrics.json"
        against = ["--against", str(base)] if run.row["name"] != START else []
        options = ["--model", str(trained(folder, queue, run)), "--no-pictures", *queue["ways"][way], *against]
        _command("evaluate", "--tasks", str(tasks), *options, "--out", str(out))
    metrics: dict[str, Any] = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    return metrics


def versus(metrics: dict[str, Any], row: str, measure: str) -> str:
    """A measure of a row in percent, and how it differs from the start's with the interval of the paired difference."""
    value = metrics["rows"][row].get(measure, {}).get("value")
    if value is None:
        return "–"
    compared = ((metrics["against"] or {}).get("rows", {}).get(row) or {}).get(measure)
    if compared is None:
        return f"{100 * value:.1f}"
    change = compared["difference"]
    return f"{100 * value:.1f} ({100 * change['low']:+.1f} to {100 * change['high']:+.1f})"


def table(folder: Path, runs: list[Run], way: str, tasks: str) -> Iterator[str]:
    """Lines of the table of one way of measuring on one set of tasks: the baselines, the start, and the runs."""
    yield f"\n### {tasks}, {way}\n"
    yield f"| row | {' | '.join(MEASURES.values())} |"
    yield f"|---|{'---|' * len(MEASURES)}"
    for run in runs:
        path = folder / run.name / f"{tasks}-{way}" / "metrics.json"
        if not path.exists():
            continue
        metrics = json.loads(path.read_text(encoding="utf-8"))
        answered = [row for row in metrics["rows"] if row.startswith("default, ")]
        shown = [row for row in metrics["rows"] if row not in answered] if run.row["name"] == START else []
        for row in (*shown, *answered):
            label = row if row in shown else f"{run.row['name']}, seed {run.seed}{row.removeprefix('default')}"
            yield f"| {label} | {' | '.join(versus(metrics, row, measure) for measure in MEASURES)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs, kept between calls")
    parser.add_argument("--rows", nargs="+", default=[], help="names of rows, else all")
    parser.add_argument("--table", action="store_true", help="print what is there and run nothing")
    parser.add_argument("--release", action="store_true", help="pack what is there into OUT.tar.gz, and run nothing")
    options = parser.parse_args()
    queue = tomllib.loads((Path(__file__).parent / "rl.toml").read_text(encoding="utf-8"))
    rows = [row for row in queue["rows"] if not options.rows or row["name"] in options.rows]
    start = Run({"name": START, "ways": list(queue["ways"])}, 0)
    runs = [start, *(Run(row, seed) for row in rows for seed in row["seeds"])]
    folder = options.out.resolve()
    if options.release:
        release(folder)
        return
    if not options.table:
        folder.mkdir(parents=True, exist_ok=True)
        sets = test_sets(folder)
        for run in runs:
            for way, tasks in itertools.product(run.row["ways"], sets.values()):
                measured(folder, queue, run, way, tasks)
    for way, name in itertools.product(queue["ways"], ("wide", "layoutgpt")):
        print("\n".join(table(folder, runs, way, name)))


if __name__ == "__main__":
    main()
