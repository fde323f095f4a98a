"""What 20 corrected rooms teach the embedded model: an artist who wants beds under windows.

    python -m benchmarks.taste --run out/taste

A simulated artist is shown the model's layout of a bedroom, moves the bed under a window and lets the planner arrange
the rest around it; what was there before is the rejected layout. `headless/train.py` learns from the file of 20 such
rooms, as the add-on writes it, with `headless/configs/feedback.toml`. Counted, before and after, are other bedrooms in
which the same artist finds a place under a window: how many of the beds the model puts there by itself, one greedy
answer with free places on, and the faults that boxes have in its layouts.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.common import ROOT
from headless.evaluation.bootstrap import Interval, draws
from headless.pretraining.perturb import box_evidence
from headless.taskgen.make import make_task
from metaspatial_addon.core.feedback import Feedback, feedback_to_json
from metaspatial_addon.core.geometry import OrientedBox
from metaspatial_addon.core.polygon import distance_to_wall
from metaspatial_addon.core.task import Item, Layout, Opening, Pose, Task
from metaspatial_addon.episode.records import append_line
from metaspatial_addon.policy.builtin.policy import DEFAULT_MODEL, BuiltinPolicy
from metaspatial_addon.policy.planner.candidates import yaw_facing
from metaspatial_addon.policy.planner.plan import plan
from metaspatial_addon.prompts.compact import CompactFormat

BEDS = {"double bed", "single bed", "bunk bed"}
CORRECTED, UNSEEN = 20, 100
GAP = 0.02
"""Metres between a bed and the wall behind it."""
NEAR = 0.15
"""Metres at most between a bed that stands under a window and the wall."""
BATCH = 16
HARD = ("overlaps", "outside", "unsupported", "blocked", "unreachable", "cramped")


def bedrooms(split: str) -> Iterator[Task]:
    """Generated rooms with one bed to place, a window and no wishes."""
    for index in itertools.count():
        task, _ = make_task(split, 5, index)
        beds = [item for item in task.movable if item.category in BEDS]
        if len(beds) == 1 and windows(task):
            yield replace(task, relations=())


def windows(task: Task) -> list[Opening]:
    return [opening for opening in task.room.openings if opening.kind == "window"]


def bed_of(task: Task) -> Item:
    return next(item for item in task.movable if item.category in BEDS)


def under_window(task: Task, pose: Pose) -> bool:
    """Whether the bed's back is at a wall with the middle of a window above it."""
    box = OrientedBox.of(bed_of(task), pose)
    for window in windows(task):
        wall = task.room.walls[window.wall]
        middle = wall.at(window.offset + window.width / 2)
        across = abs((middle[0] - box.x) * wall.direction[0] + (middle[1] - box.y) * wall.direction[1])
        back = distance_to_wall((box.x, box.y), wall) - box.depth / 2
        faces = yaw_facing(wall.inward) == round(pose.yaw / 15) * 15 % 360
        if faces and across <= box.width / 2 and back <= NEAR:
            return True
    return False


def corrected(task: Task, seed: int) -> Layout | None:
    """The task with the bed under a window and the rest around it; None where no window lets it."""
    bed = bed_of(task)
    for window in windows(task):
        wall = task.room.walls[window.wall]
        half = bed.size[0] / 2
        if wall.length < 2 * half + 2 * GAP:
            continue
        along = min(max(window.offset + window.width / 2, half + GAP), wall.length - half - GAP)
        x, y = wall.at(along)
        into = bed.size[1] / 2 + GAP
        pose = Pose(x + wall.inward[0] * into, y + wall.inward[1] * into, 0.0, yaw_facing(wall.inward))
        items = tuple(replace(item, locked=True, pose=pose) if item is bed else item for item in task.items)
        made = plan(replace(task, items=items), seed)
        layout = Layout(task.id, {**made.layout.poses, bed.id: pose})
        if not made.left and under_window(task, pose) and not faults(task, layout):
            return layout
    return None


def faults(task: Task, layout: Layout) -> Counter[str]:
    """How many faults of each kind boxes have."""
    evidence = box_evidence(task, layout).to_json()
    return Counter({kind: len(evidence[kind]) for kind in HARD if evidence[kind]})


def answers(model: Path, tasks: list[Task]) -> list[Layout]:
    """The model's layouts, greedily, with free places on."""
    policy, prompt_format = BuiltinPolicy(model), CompactFormat()
    layouts: list[Layout] = []
    for start in range(0, len(tasks), BATCH):
        part = tasks[start : start + BATCH]
        replies = policy.answer([prompt_format.first(task) for task in part], [0] * len(part), 0.0)
        for task, reply in zip(part, replies, strict=True):
            layout = prompt_format.read(reply.text, task, None).layout
            assert layout is not None, "the grammar lets no other answer pass"
            layouts.append(layout)
    return layouts


def row(name: str, tasks: list[Task], layouts: list[Layout]) -> str:
    """A line of the table: beds under windows with their 95 % interval, and faults in 100 items."""
    under = np.array([under_window(t, layout.poses[bed_of(t).id]) for t, layout in zip(tasks, layouts, strict=True)])
    share = Interval.of(under.mean(), draws(len(tasks)) @ under / len(tasks))
    found: Counter[str] = sum((faults(*pair) for pair in zip(tasks, layouts, strict=True)), Counter())
    items = sum(len(task.movable) for task in tasks)
    counts = " | ".join(f"{100 * found[kind] / items:.1f}" for kind in HARD)
    return f"| {name} | {share.value:.0%} ({share.low:.0%} to {share.high:.0%}) | {counts} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="folder for the feedback file and the training run")
    parser.add_argument("--model", type=Path, default=DEFAULT_MODEL, help="the model to begin with")
    options = parser.parse_args()
    options.run.mkdir(parents=True)
    possible = (task for task in bedrooms("train") if corrected(task, 0) is not None)
    taught = list(itertools.islice(possible, CORRECTED))
    file = options.run / "feedback.jsonl"
    for task, before in zip(taught, answers(options.model, taught), strict=True):
        append_line(file, feedback_to_json(Feedback(task, corrected(task, 0), (before,))))
    unseen = list(itertools.islice((task for task in bedrooms("test") if corrected(task, 0) is not None), UNSEEN))
    changes = [f'model="{options.model}"', f'feedback.file="{file}"']
    subprocess.run(
        [
            *(sys.executable, "headless/train.py", "--config", "headless/configs/feedback.toml"),
            *("--run", str(options.run / "training")),
            *(word for change in changes for word in ("--set", change)),
        ],
        cwd=ROOT,
        check=True,
    )
    last = max((options.run / "training").glob("checkpoint-*"))
    print(f"| {UNSEEN} unseen bedrooms | beds under windows | {' | '.join(HARD)} |\n|{'---|' * (len(HARD) + 2)}")
    print(row("before", unseen, answers(options.model, unseen)))
    print(row(f"after {CORRECTED} corrected rooms", unseen, answers(last, unseen)))


if __name__ == "__main__":
    main()
