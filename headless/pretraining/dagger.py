"""Lessons from the model's own mistakes: what it answered, what was wrong with it, and the edit that mends it.

    python -m headless.pretraining.dagger --model runs/tiny/checkpoint-001700 --count 5000 --seed 2 --out own.npz

Spoilt layouts of `spoil` look otherwise than what a half-taught model gets wrong; the share `own_share` of the
mending lessons of a run comes from such a file. (The idea is DAgger's: Ross, Gordon and Bagnell 2011.)
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from headless import cli
from headless.taskgen.make import make_task
from metaspatial_addon.core.conversation import Conversation, Message
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.task import Layout, Pose, Task
from metaspatial_addon.policy.builtin.policy import BuiltinPolicy
from metaspatial_addon.policy.builtin.vision import extract_patches
from metaspatial_addon.prompts.compact import CompactEncoding, CompactFormat

from .examples import TrainingExample, lesson_of
from .perturb import faults, faulty_ids

ROUNDS = 2  # of mending after the first answer
BATCH = 32


@dataclass
class _Episode:
    """A task on its way through the rounds; `turns` are questions and the model's answers so far."""

    task: Task
    taught: Layout
    asked: Conversation
    layout: Layout | None = None
    turns: list[tuple[str, str]] = field(default_factory=list)


def mending_edit(task: Task, taught: Layout, layout: Layout) -> dict[str, Pose]:
    """Poses of the teacher's for the items at fault, and for those that get in their way, until nothing is wrong.

    It ends, since the teacher's own layout is faultless; nothing for a layout without faults.
    """
    edit: dict[str, Pose] = {}
    while named := faulty_ids(faults(task, Layout(task.id, {**layout.poses, **edit}))):
        wrong = {i: p for i, p in taught.poses.items() if edit.get(i, layout.poses[i]) != p}
        # Items at their places are only ever at fault through others that are not.
        edit |= {i: p for i, p in wrong.items() if i in named} or wrong
    return edit


def own_lessons(policy: BuiltinPolicy, seed: int, start: int, count: int) -> Iterator[TrainingExample]:
    """The lessons that tasks `start` to `start + count` give: at most `ROUNDS` each, none for a faultless answer."""
    prompt_format = CompactFormat()
    playing = []
    for index in range(start, start + count):
        task, taught = make_task("train", seed, index)
        playing.append(_Episode(task, taught, prompt_format.first(task)))
    for round_number in range(ROUNDS):
        seeds = [seed * 1_000_003 + start * ROUNDS + k * ROUNDS + round_number for k in range(len(playing))]
        replies = policy.answer([episode.asked for episode in playing], seeds)
        going = []
        for episode, reply in zip(playing, replies, strict=True):
            task = episode.task
            episode.turns.append((episode.asked[-1].text, reply.text))
            episode.layout = prompt_format.read(reply.text, task, episode.layout).layout
            evidence = faults(task, episode.layout)
            edit = mending_edit(task, episode.taught, episode.layout)
            if not edit:
                continue
            compact = CompactEncoding(task)
            told = compact.feedback_text(evidence)
            turns = [(question, answer, False) for question, answer in episode.turns]
            yield lesson_of([*turns, (told, compact.answer_text(edit), True)], [], chosen_names=True)
            episode.asked = (*episode.asked, Message("assistant", reply.text), Message("user", told))
            going.append(episode)
        playing = going


def write_lessons(path: Path, lessons: list[TrainingExample]) -> None:
    """One file: all ids and weights end to end, and where each lesson ends."""
    beside = path.with_name(path.name + ".part.npz")
    np.savez_compressed(
        beside,
        ids=np.concatenate([lesson.ids for lesson in lessons]).astype(np.uint16),
        weights=np.concatenate([lesson.weights for lesson in lessons]).astype(np.float16),
        ends=np.cumsum([len(lesson.ids) for lesson in lessons]),
    )
    os.replace(beside, path)


def read_lessons(path: str) -> list[TrainingExample]:
    """The lessons of a file that `write_lessons` wrote. Raises InputError."""
    try:
        with np.load(path) as file:
            ids, weights, ends = file["ids"].astype(np.int64), file["weights"].astype(np.float32), file["ends"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(path, "", f"lessons that headless.pretraining.dagger wrote ({error})") from error
    no_pictures = extract_patches([])
    pieces = zip(np.split(ids, ends[:-1]), np.split(weights, ends[:-1]), strict=True)
    return [TrainingExample(one, weight, no_pictures) for one, weight in pieces]


def main(arguments: list[str]) -> None:
    parser = cli.parser("own.py", "Collect lessons from a model's own mistakes")
    parser.add_argument("--model", required=True, metavar="DIR", help="a checkpoint of pretrain.py")
    parser.add_argument("--count", type=cli.positive, default=5000, help="tasks to let it answer")
    parser.add_argument("--seed", type=int, default=2, help="of tasks and of sampling")
    parser.add_argument("--out", required=True, metavar="FILE.npz", help="where the lessons go")
    options = parser.parse_args(arguments)
    policy = BuiltinPolicy(options.model)
    found: list[TrainingExample] = []
    for start in range(0, options.count, BATCH):
        found += own_lessons(policy, options.seed, start, min(BATCH, options.count - start))
        cli.progress(f"{min(start + BATCH, options.count)}/{options.count} tasks, {len(found)} lessons")
    if not found:
        raise cli.CommandError("the model made no mistake: there is nothing to learn from")
    write_lessons(Path(options.out), found)


if __name__ == "__main__":
    cli.run(main)
