"""Minimal repair of a layout: a task in which only items with a fault may move, and the cost of moving them.

`env` prompts the policy with such a task where it repairs minimally, and scores layouts of the whole task, so that a
repair that does harm elsewhere is seen. What rests on an item moves along with it: a lamp stays on its desk.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from ..core.evidence import Evidence
from ..core.geometry import OrientedBox
from ..core.task import Layout, Pose, Task, wrap_degrees
from ..prompts.answer import Answer

COST_OF_A_METRE = 0.002
"""Reward that moving one item by a metre costs, when answers of a minimal repair are compared."""
COST_OF_90_DEGREES = 0.002
"""The same for rotating it by 90 degrees. The slightest fault among twelve items costs ten times as much."""
RESTING = 0.02
"""Metres above the top of an item at which another still rests on it."""


def lock_faultless_items(task: Task, layout: Layout, evidence: Evidence) -> Task:
    """A copy of the task with every movable item that has no fault locked at its pose in the layout.

    Items that rest on one with a fault are left out, as are the relations that name them: they move along with it.
    """
    faulty = evidence.faulty_items()
    free = {item.id for item in task.movable if item.id in faulty}
    carriers = _carriers(task, layout)
    items = []
    for item in task.items:
        if item.locked or item.id in free:
            items.append(item)
        elif _base(item.id, free, carriers) not in free:
            items.append(replace(item, locked=True, pose=layout.poses[item.id]))
    kept = {item.id for item in items}
    left_out = {item.id for item in task.items} - kept
    relations = tuple(r for r in task.relations if not left_out & {r.subject, r.object})
    return replace(task, items=tuple(items), relations=relations)


def merge_unmoved(task: Task, answer: Answer, moved: Mapping[str, Pose], standing: Layout) -> Answer:
    """Turn a usable answer to the task of `lock_faultless_items` into one to the whole task.

    `moved` are the poses that it gives; all other items keep their pose in `standing`, or are carried along.
    """
    carriers = _carriers(task, standing)
    poses = {}
    for item in task.movable:
        base, pose = _base(item.id, moved, carriers), standing.poses[item.id]
        if item.id in moved:
            poses[item.id] = moved[item.id]
        else:
            poses[item.id] = _carried(pose, standing.poses[base], moved[base]) if base in moved else pose
    changed = tuple(item_id for item_id, pose in poses.items() if pose != standing.poses[item_id])
    return replace(answer, layout=Layout(task.id, poses), changed=changed)


def effort(task: Task, before: Layout, after: Layout) -> float:
    """The cost, in reward, of all moves and rotations between two layouts of the task."""
    cost = 0.0
    for item in task.movable:
        a, b = before.poses[item.id], after.poses[item.id]
        degrees = abs((b.yaw - a.yaw + 180.0) % 360.0 - 180.0)
        cost += COST_OF_A_METRE * math.dist((a.x, a.y, a.z), (b.x, b.y, b.z)) + COST_OF_90_DEGREES * degrees / 90.0
    return cost


def _carriers(task: Task, layout: Layout) -> dict[str, str]:
    """The item that each movable thing made for table tops rests on or in, by their boxes: the one of the highest top
    that its middle is over."""
    items = {item.id: item for item in task.items}
    boxes = {i: OrientedBox.of(items[i], pose) for i, pose in layout.everywhere(task).items()}
    found = {}
    for item in task.movable:
        if item.mount == "surface":
            under = [i for i, box in boxes.items() if i != item.id and _holds(box, boxes[item.id])]
            if under:
                found[item.id] = max(under, key=lambda i: boxes[i].top)
    return found


def _holds(lower: OrientedBox, upper: OrientedBox) -> bool:
    dx, dy, (c, s) = upper.x - lower.x, upper.y - lower.y, lower.right
    over = abs(dx * c + dy * s) <= lower.width / 2 and abs(dy * c - dx * s) <= lower.depth / 2
    return over and lower.z < upper.z <= lower.top + RESTING


def _base(item_id: str, ends: Mapping[str, object] | set[str], carriers: Mapping[str, str]) -> str:
    """Down from an item to the first of `ends`, or to what rests on nothing. Every carrier begins lower: it ends."""
    while item_id not in ends and item_id in carriers:
        item_id = carriers[item_id]
    return item_id


def _carried(pose: Pose, before: Pose, after: Pose) -> Pose:
    """The pose of an item after the one that it rests on has moved from `before` to `after`."""
    if after == before:
        return pose
    angle = math.radians(after.yaw - before.yaw)
    c, s = math.cos(angle), math.sin(angle)
    dx, dy = pose.x - before.x, pose.y - before.y
    return Pose(
        after.x + dx * c - dy * s,
        after.y + dx * s + dy * c,
        pose.z + after.z - before.z,
        wrap_degrees(pose.yaw + after.yaw - before.yaw),
    )
