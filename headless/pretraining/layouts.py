"""Layouts that are made ahead (`tasks.py --out FILE.jsonl`) and what becomes of each when it is learnt from.

A layout is seen under one of eight symmetries, with some of its items standing already and with other relations each
time, so that one of them gives many different lessons.
"""

from __future__ import annotations

import glob
from dataclasses import replace
from random import Random

from headless.taskgen.wishes import phrase, read_off
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.reading import parse_json
from metaspatial_addon.core.task import Item, Layout, Pose, Task, layout_from_json, task_from_json
from metaspatial_addon.prompts.placing_order import placing_order

from .symmetry import SYMMETRIES, transformed

LOCKED_CHANCE, MOST_LOCKED = 0.35, 0.8
"""Share of lessons with items that stand already, and the largest share of items that do."""
WISHES = (0, 0, 0, 1, 1, 2, 3, 4, 6)
"""Relations that are read off a layout, drawn evenly."""
PHRASED_CHANCE = 0.3
"""Share of lessons whose prompt says the relations in words as well."""


class LayoutBank:
    """The layouts of the files that a pattern names, kept as text. Raises InputError where it names none."""

    def __init__(self, pattern: str):
        self.lines: list[tuple[str, int, str]] = []
        for path in sorted(glob.glob(pattern)):
            with open(path, encoding="utf-8") as file:
                self.lines += [(path, number, line) for number, line in enumerate(file, 1) if line.strip()]
        if not self.lines:
            raise InputError(pattern, "", "files of layouts, one a line (headless/tasks.py makes them)")

    def __len__(self) -> int:
        return len(self.lines)

    def pair(self, index: int) -> tuple[Task, Layout]:
        """The task and layout of a line. Raises InputError."""
        path, number, line = self.lines[index]
        source = f"{path}, line {number}"
        data = parse_json(line, source)
        if not isinstance(data, dict) or not {"task", "layout"} <= data.keys():
            raise InputError(source, "", 'a line {"task": …, "layout": …}')
        task, layout = data["task"], data["layout"]
        return task_from_json(task, source), layout_from_json(layout, source)

    def draw(self, rng: Random) -> tuple[Task, Layout]:
        """One layout, changed as the module says."""
        task, layout = self.pair(rng.randrange(len(self)))
        if any(opening.kind == "door" for opening in task.room.openings):  # else directions alone decide between walls
            task, layout = transformed(task, layout, rng.randrange(SYMMETRIES))
        layout = in_canonical_order(task, layout)
        if rng.random() < LOCKED_CHANCE:
            task, layout = with_some_locked(task, layout, rng)
        drawn = read_off(rng, task, layout, rng.choice(WISHES))
        stated = {(r.subject, r.object) for r in task.relations}
        relations = task.relations + tuple(r for r in drawn if (r.subject, r.object) not in stated)
        if rng.random() < PHRASED_CHANCE:
            task = replace(task, prompt=". ".join(filter(None, (phrase(rng, task, r) for r in relations))))
        return replace(task, relations=relations), layout


def with_some_locked(task: Task, layout: Layout, rng: Random) -> tuple[Task, Layout]:
    """The task with some items locked where the layout has them, at least one left to place. What stands on an item
    that is not locked is not locked either."""
    share = rng.uniform(0.0, MOST_LOCKED)
    locked = {item.id for item in task.items if item.mount != "surface" and rng.random() < share}
    tops = {round(layout.poses[i.id].z + i.size[2], 2) for i in task.items if i.id in locked}
    locked |= {
        item.id
        for item in task.items
        if item.mount == "surface" and round(layout.poses[item.id].z, 2) in tops and rng.random() < share
    }
    if len(locked) == len(task.items):
        locked.remove(rng.choice(sorted(locked)))
    items = tuple(replace(i, locked=True, pose=layout.poses[i.id]) if i.id in locked else i for i in task.items)
    relations = tuple(r for r in task.relations if r.subject not in locked)
    poses = {item_id: pose for item_id, pose in layout.poses.items() if item_id not in locked}
    return replace(task, items=items, relations=relations), Layout(layout.task, poses)


def in_canonical_order(task: Task, layout: Layout) -> Layout:
    """The layout with the poses of equal items exchanged among them, so that their order follows from where they are:
    by the host that is nearest, then from south to north and west to east. What has no front of its own (tables in the
    middle, rugs, lamps on the ceiling) is turned by 180 degrees where that makes its yaw less."""
    named = {name for relation in task.relations for name in (relation.subject, relation.object)}
    poses = dict(layout.poses)
    groups: dict[tuple, list[Item]] = {}
    hosts: dict[str, list[Item]] = {}
    rows = {}
    for item, row in placing_order(task.items):
        hosts.setdefault(row.name, []).append(item)
        rows[item.id] = row
        if item.id not in named and not item.locked:
            groups.setdefault((row.name, item.size, item.mount, item.covering), []).append(item)

    def key(pose: Pose, beside: list[Item]) -> tuple[int, float, float]:
        distances = [abs(poses[h.id].x - pose.x) + abs(poses[h.id].y - pose.y) for h in beside]
        return distances.index(min(distances)) if distances else 0, pose.y, pose.x

    for group in groups.values():
        beside = [host for name in rows[group[0].id].hosts for host in hosts.get(name, ()) if host not in group]
        ordered = sorted((poses[item.id] for item in group), key=lambda pose: key(pose, beside))
        poses.update({item.id: pose for item, pose in zip(group, ordered, strict=True)})
    for item in task.items:
        frontless = item.covering or item.mount == "ceiling" or rows[item.id].way == "middle"
        if frontless and not item.locked and item.id not in named:
            round_ = item.size[0] == item.size[1]
            poses[item.id] = replace(poses[item.id], yaw=poses[item.id].yaw % (90.0 if round_ else 180.0))
    return Layout(layout.task, poses)
