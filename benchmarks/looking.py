"""What the embedded model's picture is worth: layouts with faults, mended once, by what it is told of the faults.

    python -m benchmarks.looking                          # the model that comes with the add-on
    python -m benchmarks.looking --model out/tiny/checkpoint-030000 --count 500

Test rooms of the wide generator, one greedy answer a turn; items at fault are counted by boxes. First layouts of the
teacher in which one to three items were moved, turned or lifted, at free places as the model is used: what matters is
which items it moves. Then the model's own first answers, at any places: what matters is where it puts them as well.

All rows of a table mend the same layouts: with the report or without, and with the picture, a blank one, that of
another room, or none. *Asked afresh* answers the first prompt again, at the temperature of use, and is told nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np

from headless import cli, option_types
from headless.evaluation.bootstrap import Interval, draws
from headless.pretraining.perturb import box_evidence, perturb
from headless.taskgen.wide import make_wide_task
from metaspatial_addon.core.conversation import Conversation, Message
from metaspatial_addon.core.task import Layout, Task
from metaspatial_addon.policy.builtin.policy import DEFAULT_MODEL, DEFAULT_TEMPERATURE, BuiltinPolicy
from metaspatial_addon.policy.builtin.vision import IMAGE_SIZE
from metaspatial_addon.prompts.compact import CompactFormat
from metaspatial_addon.prompts.plan import compact_top_view
from metaspatial_addon.prompts.png import write_png

SEED = 11
BATCH = 16
FORMAT = CompactFormat()
BLANK = write_png(np.full((IMAGE_SIZE, IMAGE_SIZE, 3), 128, np.uint8))


class Answered(NamedTuple):
    """A room, a first answer in it, and what that comes to."""

    task: Task
    text: str
    layout: Layout
    faulty: set[str]

    def told(self, report: bool, pictures: Sequence[bytes]) -> Conversation:
        """The conversation in which this answer is to be mended; `pictures` of the empty room and of the answer."""
        first = FORMAT.first(self.task, pictures[:1])
        score = {"evidence": box_evidence(self.task, self.layout).to_json()}
        feedback = CompactFormat(text=report).feedback(self.task, self.layout, score, pictures[1:])
        return (*first, Message("assistant", self.text), feedback)

    @property
    def pictures(self) -> tuple[bytes, bytes]:
        return compact_top_view(self.task, Layout(self.task.id)), compact_top_view(self.task, self.layout, self.faulty)


def answers(policy: BuiltinPolicy, asked: Sequence[Conversation], temperature: float = 0.0) -> list[str]:
    """One answer to each conversation."""
    texts: list[str] = []
    for start in range(0, len(asked), BATCH):
        some = asked[start : start + BATCH]
        texts += [reply.text for reply in policy.answer(some, [SEED] * len(some), temperature)]
        cli.progress(f"{len(texts)}/{len(asked)} answers")
    return texts


def layout_of(text: str, task: Task, previous: Layout | None = None) -> Layout:
    layout = FORMAT.read(text, task, previous).layout
    assert layout is not None, f"the grammar of the embedded model let an unusable answer pass: {text!r}"
    return layout


def perturbed(count: int) -> list[Answered]:
    """The teacher's faultless layouts of `count` test rooms with one to three items out of place, as answers."""
    found = []
    for index in range(count):
        task, layout = make_wide_task("test", SEED, index)
        if box_evidence(task, layout).faulty_items():
            continue
        layout, _ = perturb(task, layout, Random(f"looking/{SEED}/{index}"))
        text = FORMAT.answer_text(task, layout)
        found.append(answered(task, text))
    return [room for room in found if room.faulty]


def own_answers(policy: BuiltinPolicy, count: int) -> list[Answered]:
    """The model's answers in `count` test rooms, of which those without a fault are left out."""
    tasks = [make_wide_task("test", SEED, index)[0] for index in range(count)]
    texts = answers(policy, [FORMAT.first(task) for task in tasks])
    found = [answered(task, text) for task, text in zip(tasks, texts, strict=True)]
    return [room for room in found if room.faulty]


def answered(task: Task, text: str) -> Answered:
    layout = layout_of(text, task)
    return Answered(task, text, layout, box_evidence(task, layout).faulty_items())


def rows(policy: BuiltinPolicy, rooms: Sequence[Answered]) -> dict[str, np.ndarray]:
    """By what the model is told, the items at fault in each room after its second answer, (rooms,)."""
    shown = [room.pictures for room in rooms]
    ways: dict[str, tuple[bool, Sequence[Sequence[bytes]]]] = {"report": (True, [()] * len(rooms))}
    if policy.sees_images:
        blank = [(empty, BLANK) for empty, _ in shown]
        others = [(empty, other) for (empty, _), (_, other) in zip(shown, (*shown[1:], shown[0]), strict=True)]
        ways |= {"report and picture": (True, shown), "picture": (False, shown)}
        ways |= {"blank picture": (False, blank), "picture of another room": (False, others)}
    ways["neither"] = (False, [()] * len(rooms))
    found = {}
    for name, (report, pictures) in ways.items():
        asked = [room.told(report, images) for room, images in zip(rooms, pictures, strict=True)]
        found[name] = np.array([left(text, room) for text, room in zip(answers(policy, asked), rooms, strict=True)])
    afresh = answers(policy, [FORMAT.first(room.task) for room in rooms], DEFAULT_TEMPERATURE)
    found["asked afresh"] = np.array([left(text, room, afresh=True) for text, room in zip(afresh, rooms, strict=True)])
    return found


def left(text: str, room: Answered, afresh: bool = False) -> int:
    """Items at fault after an answer, which edits the first one or not; where it made things worse, that stays."""
    layout = layout_of(text, room.task, None if afresh else room.layout)
    return min(len(box_evidence(room.task, layout).faulty_items()), len(room.faulty))


def gone(before: np.ndarray, after: np.ndarray, drawn: np.ndarray) -> Interval:
    """The share of items at fault that are so no longer, with the 95 % interval over rooms."""
    return Interval.of(1 - after.sum() / before.sum(), 1 - (drawn @ after) / (drawn @ before))


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL, help="a model folder, else the embedded one")
    parser.add_argument("--count", type=option_types.positive, default=200, help="rooms (default: 200)")
    options = parser.parse_args(arguments)
    policy = BuiltinPolicy(options.model)
    print_table("layouts with items out of place", policy, perturbed(options.count))
    policy = BuiltinPolicy(options.model, free_places=False)
    print_table("own first answers without free places", policy, own_answers(policy, options.count))


def print_table(name: str, policy: BuiltinPolicy, rooms: Sequence[Answered]) -> None:
    before, drawn = np.array([len(room.faulty) for room in rooms]), draws(len(rooms))
    after = rows(policy, rooms)
    print(f"\n{before.sum()} items at fault in {len(rooms)} rooms: {name}\n")
    print("| told | faults gone % | less than by the report |\n|---|---|---|")
    for name, counted in after.items():
        share = gone(before, counted, drawn)
        less = Interval.of(
            (counted - after["report"]).sum() / before.sum(), drawn @ (counted - after["report"]) / (drawn @ before)
        )
        print(f"| {name} | {percent(share)} | {percent(less)} |")


def percent(interval: Interval) -> str:
    assert interval.value is not None and interval.low is not None and interval.high is not None
    return f"{100 * interval.value:.1f} ({100 * interval.low:.1f} to {100 * interval.high:.1f})"


if __name__ == "__main__":
    cli.run(main)
