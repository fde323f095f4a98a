"""Training examples from the model's own mistakes: its answer, the faults of it, and the poses that repair it.

    python -m headless.pretraining.dagger --layouts 'out/layouts/*.jsonl' --model out/tiny/checkpoint-001700 \
        --count 5000 --seed 2 --out out/own.npz

Perturbed layouts look otherwise than what a half-trained model gets wrong; the fraction `dagger_fraction` of the repair
examples of a run comes from such a file. Source: DAgger, Ross, Gordon and Bagnell 2011.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import numpy as np

from headless import cli, option_types
from metaspatial_addon.core.conversation import Conversation, Message
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.evidence import Evidence
from metaspatial_addon.core.files import written_beside
from metaspatial_addon.core.task import Layout, Pose, Task
from metaspatial_addon.policy.builtin.policy import BuiltinPolicy
from metaspatial_addon.policy.builtin.vision import extract_patches
from metaspatial_addon.prompts import vocabulary as v
from metaspatial_addon.prompts.compact import CompactEncoding, CompactFormat

from .examples import TrainingExample, encode_turns
from .layouts import LayoutBank
from .perturb import box_evidence

REPAIR_TURNS = 2
"""Turns after the first answer in which the model is asked to repair it."""
BATCH = 32
"""Tasks that the model answers at once."""


@dataclass
class _Episode:
    """A task, the teacher's layout of it, the layout that stands with its evidence, and the turns so far: each a prompt
    and the model's answer."""

    task: Task
    teacher: Layout
    conversation: Conversation
    layout: Layout | None = None
    evidence: Evidence = field(default_factory=Evidence)
    turns: list[tuple[str, str]] = field(default_factory=list)


def teacher_repair(task: Task, teacher: Layout, layout: Layout) -> dict[str, Pose]:
    """The teacher's poses for the faulty items of a layout, and for those that get in their way, until no fault is
    left but those of the teacher's own layout."""
    repair: dict[str, Pose] = {}
    while faulty := box_evidence(task, Layout(task.id, {**layout.poses, **repair})).faulty_items():
        misplaced = {i: pose for i, pose in teacher.poses.items() if repair.get(i, layout.poses[i]) != pose}
        if not misplaced:
            break
        # Items at the teacher's poses are faulty through others that are not, or in the teacher's layout as well.
        repair |= {i: pose for i, pose in misplaced.items() if i in faulty} or misplaced
    return repair


def dagger_examples(
    policy: BuiltinPolicy, bank: LayoutBank, seed: int, start: int, count: int
) -> Iterator[TrainingExample]:
    """The examples of tasks `start` to `start + count`: at most `REPAIR_TURNS` each, none for a faultless answer."""
    prompt_format = CompactFormat()
    episodes = []
    for index in range(start, start + count):
        task, teacher = bank.draw(Random(f"dagger/{seed}/{index}"))
        episodes.append(_Episode(task, teacher, prompt_format.first(task)))
    for turn in range(REPAIR_TURNS):
        seeds = [seed * 1_000_003 + start * REPAIR_TURNS + k * REPAIR_TURNS + turn for k in range(len(episodes))]
        replies = policy.answer([episode.conversation for episode in episodes], seeds)
        faulty = []
        for episode, reply in zip(episodes, replies, strict=True):
            task = episode.task
            episode.turns.append((episode.conversation[-1].text, reply.text))
            layout = prompt_format.read(reply.text, task, episode.layout).layout
            if layout is None:
                raise RuntimeError(f"the grammar of the embedded model let an unusable answer pass: {reply.text!r}")
            evidence, word = box_evidence(task, layout), ""
            if episode.layout is None or len(evidence.faulty_items()) < len(episode.evidence.faulty_items()):
                episode.layout, episode.evidence = layout, evidence
            else:  # as in an episode, what stands stays
                word = v.WORSE
            repair = teacher_repair(task, episode.teacher, episode.layout)
            if not repair:
                continue
            compact = CompactEncoding(task)
            feedback = word + compact.feedback_text(episode.evidence.to_json())
            turns = [(prompt, answer, False) for prompt, answer in episode.turns]
            answer = compact.answer_text(repair, dict(episode.layout.poses))
            yield encode_turns([*turns, (feedback, answer, True)], [], names=1.0)
            episode.conversation = (
                *episode.conversation,
                Message("assistant", reply.text),
                Message("user", feedback),
            )
            faulty.append(episode)
        episodes = faulty


def write_examples(path: Path, examples: list[TrainingExample]) -> None:
    """Write one .npz file: all ids and weights end to end, and where each example ends. Pictures are left out."""
    with written_beside(path) as part, part.open("wb") as file:
        np.savez_compressed(
            file,
            ids=np.concatenate([example.ids for example in examples]).astype(np.uint16),
            weights=np.concatenate([example.weights for example in examples]).astype(np.float16),
            ends=np.cumsum([len(example.ids) for example in examples]),
        )


def read_examples(path: str) -> list[TrainingExample]:
    """The examples of a file that `write_examples` wrote. Raises InputError."""
    try:
        with np.load(path) as file:
            ids, weights, ends = file["ids"].astype(np.int64), file["weights"].astype(np.float32), file["ends"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(path, "", f"examples that headless.pretraining.dagger wrote ({error})") from error
    no_pictures = extract_patches([])
    pieces = zip(np.split(ids, ends[:-1]), np.split(weights, ends[:-1]), strict=True)
    return [TrainingExample(of_one, weight, no_pictures) for of_one, weight in pieces]


def main(arguments: list[str]) -> None:
    parser = cli.parser("dagger.py", "Collect training examples from a model's own mistakes")
    parser.add_argument("--layouts", required=True, metavar="PATTERN", help="files of tasks.py, as pretrain.py reads")
    parser.add_argument("--model", required=True, metavar="DIR", help="a checkpoint of pretrain.py")
    parser.add_argument("--count", type=option_types.positive, default=5000, help="tasks to let it answer")
    parser.add_argument("--seed", type=option_types.not_negative, default=2, help="of tasks and of sampling")
    parser.add_argument("--out", required=True, metavar="FILE.npz", help="where the examples go")
    options = parser.parse_args(arguments)
    # Without free places: with them, geometry leaves few mistakes to learn from.
    policy, bank = BuiltinPolicy(options.model, free_places=False), LayoutBank(options.layouts)
    examples: list[TrainingExample] = []
    for start in range(0, options.count, BATCH):
        examples += dagger_examples(policy, bank, options.seed, start, min(BATCH, options.count - start))
        cli.progress(f"{min(start + BATCH, options.count)}/{options.count} tasks, {len(examples)} examples")
    if not examples:
        raise cli.CommandError("the model made no mistake: there is nothing to learn from")
    write_examples(Path(options.out), examples)


if __name__ == "__main__":
    cli.run(main)
