"""Score layouts or answers by Blender's physics and renders: one JSON object each.

A layout file is read like an answer that lists its placements: with missing or unknown ids it gives no layout.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, Literal, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from headless import cli, interruption, judge
from headless.user_terms import TermSettings, import_term
from metaspatial_addon.core.engines import ENGINES
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.reading import FieldReader, parse_json, read_bytes, read_json, read_lines
from metaspatial_addon.core.shipped import shipped
from metaspatial_addon.core.task import (
    Layout,
    Task,
    layout_from_json,
    layout_to_json,
    read_layout,
    read_task,
    task_from_json,
)
from metaspatial_addon.episode.scorer import InfraFault, Scorer
from metaspatial_addon.prompts.answer import LONGEST_ANSWER, Answer, read_answer
from metaspatial_addon.scoring.score import Score
from metaspatial_addon.scoring.weights import DEFAULT, Weights

TURNS = "turns.jsonl"
TURN_KEYS = frozenset(("episode", "turn", "task", "reward", "terms", "layout"))
PROGRESS_EVERY = 2.0
"""Seconds between two lines of progress."""


def main(argv: list[str]) -> None:
    args = _parse(argv)
    weights, grader = read_weights(args.weights), judge.judge_of(args, renders=not args.no_render)
    terms = [import_term(term) for term in args.term]
    if args.run is not None:
        path = Path(args.run) / TURNS
        pairs = _turns(path, _opened(path, "a record of a training run"))
    elif args.pairs is not None:
        pairs = _pairs(args.pairs, _opened(args.pairs, "a readable file"))
    else:
        pairs = iter([_single(args)])
    with interruption.patient(), cli.json_lines(args.out) as write:
        from metaspatial_addon.blender.physics.stage import Stage

        renderer = None
        if not args.no_render:
            from metaspatial_addon.blender.rendering.render import Renderer

            renderer = Renderer(args.engine)
        with Stage() as stage:
            scored, failed = _score_all(Scorer(stage, renderer, grader, weights, terms), pairs, write)
    if failed:
        raise cli.CommandError(f"{failed} of {scored} could not be measured: their status is infra_fault")


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = cli.parser("score.py", __doc__ or "")
    parser.add_argument("--task", metavar="T.json", type=shipped, help="a task file, with --layout or --answer")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--layout", metavar="L.json", help="a layout file")
    what.add_argument("--answer", metavar="TEXT_FILE", help="a model's answer to the first turn, as text")
    what.add_argument(
        "--pairs", metavar="F.jsonl", help='lines of {"task": …, "layout": …} or {"task": …, "answer": "…"}'
    )
    what.add_argument(
        "--run", metavar="DIR", help="the turns that train.py recorded there, each with the reward that it had then"
    )
    parser.add_argument("--no-render", action="store_true", help="leave out the view term")
    parser.add_argument("--engine", choices=ENGINES, default="auto", help="that takes the pictures")
    parser.add_argument(
        "--weights",
        metavar="default|paper|W.json",
        default="default",
        help='of the terms: a preset ("paper" is the formula of arXiv 2503.18470), or a file as {"collision": 0.4}',
    )
    parser.add_argument(
        "--term",
        action="append",
        default=[],
        type=_term,
        metavar="MODULE:FUNCTION=WEIGHT",
        help="a term of your own beside those of --weights, as the reward.terms of a run; may be repeated",
    )
    judge.add_arguments(parser)
    parser.add_argument("--out", metavar="FILE", help="where scores go, a line each (default: stdout)")
    args = parser.parse_args(argv)
    if args.term and args.weights == "paper":
        parser.error("--term does not go with --weights paper, which has no weights to add to")
    if (args.task is None) == (args.pairs is None and args.run is None):
        parser.error("--task goes with --layout or --answer, and not with --pairs or --run")
    for name in ("task", "layout", "answer", "pairs", "weights"):
        files = [getattr(args, name), args.out]
        if all(path and os.path.exists(path) for path in files) and os.path.samefile(*files):
            parser.error(f"--out would overwrite the file of --{name}: name another file")
    return args


def _term(text: str) -> TermSettings:
    """Convert an argument that names a function and its weight."""
    function, _, number = text.rpartition("=")
    try:
        weight = float(number)
    except ValueError:
        weight = 0.0
    if not (function and 0 < weight < math.inf):
        raise argparse.ArgumentTypeError(f"expected MODULE:FUNCTION=WEIGHT, with a weight above 0, got {text!r}")
    return TermSettings(function, weight)


def read_weights(source: str) -> Weights | Literal["paper"]:
    """The weights of a preset, or of a JSON file on top of the defaults. Raises InputError."""
    if source == "default":
        return DEFAULT
    if source == "paper":
        return "paper"
    given = read_json(source)
    known = [field.name for field in fields(Weights)]
    if not isinstance(given, dict):
        raise InputError(source, "", "an object with a weight for each term", given)
    for name, value in given.items():
        if name not in known:
            raise InputError(source, name, f"one of {', '.join(known)}")
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise InputError(source, name, "a number", value)
    try:
        return replace(DEFAULT, **given)
    except ValueError as error:
        raise InputError(source, "", f"weights that can be used ({error})") from error


class Pair(NamedTuple):
    """A task, an answer to it, the file and line that they were read from, and what else is said with the score."""

    task: Task
    answer: Answer
    source: str
    said: Mapping[str, Any] = MappingProxyType({})


def _single(args: argparse.Namespace) -> Pair:
    task = read_task(args.task)
    if args.layout is not None:
        return Pair(task, _as_answer(task, read_layout(args.layout), args.layout), args.task)
    text = read_bytes(args.answer, 4 * LONGEST_ANSWER).decode("utf-8", "replace")
    return Pair(task, read_answer(text, task), args.task)


def _opened(path: str | Path, expected: str) -> BinaryIO:
    """A file of lines, before anything costly begins; who reads them closes it. Raises InputError."""
    try:
        return open(path, "rb")
    except OSError as error:
        raise InputError(path, "", f"{expected} ({error.strerror})") from error


def _pairs(path: str, file: BinaryIO) -> Iterator[Pair]:
    """The pairs of a file, one by one. Raises InputError for a line."""
    last: Task | None = None
    with file:
        for number, line in read_lines(file, path):
            source = f"{path}, line {number}"
            task, answer = _pair(line, source)
            last = last if last == task else task  # a task that is the same object stays on the stage
            yield Pair(last, answer, source)


def _pair(line: bytes, source: str) -> tuple[Task, Answer]:
    data = parse_json(line, source)
    if not isinstance(data, dict) or "task" not in data or ("layout" in data) == ("answer" in data):
        raise InputError(source, "", "an object with task, and either layout or answer")
    task = task_from_json(data["task"], f"{source}: task")
    if "layout" in data:
        return task, _as_answer(task, layout_from_json(data["layout"], f"{source}: layout"), f"{source}: layout")
    if not isinstance(data["answer"], str):
        raise InputError(source, "answer", "a text", data["answer"])
    return task, read_answer(data["answer"], task)


def _turns(path: Path, file: BinaryIO) -> Iterator[Pair]:
    """The turns of a training run that had a score: their layouts as they were, with the grade of their form.

    Raises InputError for a line.
    """
    task: Task | None = None
    with file:
        for number, line in read_lines(file, path):
            source = f"{path}, line {number}"
            read = FieldReader(source)
            record = parse_json(line, source, allow_nan=True)
            if not isinstance(record, dict) or not record.keys() >= TURN_KEYS:
                raise read.fail("", f"a turn that train.py recorded, with {', '.join(sorted(TURN_KEYS))}")
            if "task_json" in record:
                task = task_from_json(record["task_json"], f"{source}: task_json")
            if task is None or task.id != record["task"]:
                raise read.fail("task_json", "the task, in the first turn of each episode")
            if record["reward"] is None:
                continue
            terms = record["terms"]
            grade = read.number(terms.get("format") if isinstance(terms, dict) else None, "terms.format", 0, 1)
            answer = Answer("model_fault", grade)
            if record["layout"] is not None:
                layout = layout_from_json(record["layout"], f"{source}: layout")
                answer = replace(_as_answer(task, layout, f"{source}: layout"), grade=grade)
            said = {"episode": record["episode"], "turn": record["turn"], "recorded_reward": record["reward"]}
            yield Pair(task, answer, source, said)


def _as_answer(task: Task, layout: Layout, source: object) -> Answer:
    if layout.task != task.id:
        raise InputError(source, "task", f"the task's id, {task.id}", layout.task)
    return read_answer(f"<answer>{json.dumps(layout_to_json(layout)['placements'])}</answer>", task)


def _score_all(scorer: Scorer, pairs: Iterator[Pair], write: Callable[[Mapping[str, Any]], None]) -> tuple[int, int]:
    """Write a score for each pair as it comes. Return the number of pairs, and of those that could not be measured."""
    scored = failed = 0
    start = reported = time.monotonic()
    for task, answer, source, said in pairs:
        try:
            record = score(scorer, task, answer).to_json()
        except InfraFault as error:
            cli.progress(f"{source}: {task.id}: {error}")
            record = Score.infra(task).to_json()
            failed += 1
        except InputError as error:  # an asset
            raise cli.CommandError(f"{source}: {error}") from error
        write({**said, **record})
        scored += 1
        now = time.monotonic()
        if now - reported >= PROGRESS_EVERY:
            cli.progress(f"{scored} scored, {scored / (now - start):.1f} a second")
            reported = now
    return scored, failed


def score(scorer: Scorer, task: Task, answer: Answer) -> Score:
    """The score of an answer, with the view term where the scorer has a renderer. Raises InfraFault, InputError."""
    if answer.layout is None:
        return scorer.score_unusable(task, answer.grade)
    scorer.open(task)
    evidence = scorer.physics(task, answer.layout)
    judge_grade = None
    if scorer.judge is not None:
        renders = scorer.render(task, answer.layout)
        evidence, judge_grade = replace(evidence, view=renders.view), renders.judge_grade
    elif scorer.renderer is not None:
        evidence = replace(evidence, view=scorer.measure_view(task, answer.layout))
    return scorer.score(task, answer.layout, answer.grade, evidence, judge_grade)


if __name__ == "__main__":
    cli.run(main)
