"""Minimal repair of a layout: a task in which only items with a fault may move, and the cost of moving them.

`env` prompts the policy with such a task where it repairs minimally, and scores layouts of the whole task, so that a
repair that does harm elsewhere is seen. What rests on an item moves along with it: a lamp stays on its desk.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from ..core.evidence import Evidence
from ..core.support_graph import SupportGraph, carried_pose
from ..core.task import Layout, Pose, Task
from ..prompts.answer import Answer

COST_OF_A_METRE = 0.002
"""Reward that moving one item by a metre costs, when answers of a minimal repair are compared."""
COST_OF_90_DEGREES = 0.002
"""The same for rotating it by 90 degrees. The slightest fault among twelve items costs ten times as much."""


def lock_faultless_items(task: Task, layout: Layout, evidence: Evidence) -> Task:
    """A copy of the task with every movable item that has no fault locked at its pose in the layout.

    Items that rest on one with a fault are left out, as are the relations that name them: they move along with it.
    """
    faulty = evidence.faulty_items()
    free = {item.id for item in task.movable if item.id in faulty}
    resting = SupportGraph.of(task, layout)
    items = []
    for item in task.items:
        if item.locked or item.id in free:
            items.append(item)
        elif resting.base(item.id, free) not in free:
            items.append(replace(item, locked=True, pose=layout.poses[item.id]))
    kept = {item.id for item in items}
    left_out = {item.id for item in task.items} - kept
    relations = tuple(r for r in task.relations if not left_out & {r.subject, r.object})
    return replace(task, items=tuple(items), relations=relations)


def merge_unmoved(task: Task, answer: Answer, moved: Mapping[str, Pose], standing: Layout) -> Answer:
    """Turn a usable answer to the task of `lock_faultless_items` into one to the whole task.

    `moved` are the poses that it gives; all other items keep their pose in `standing`, or are carried along.
    """
    resting = SupportGraph.of(task, standing)
    poses = {}
    for item in task.movable:
        base, pose = resting.base(item.id, moved), standing.poses[item.id]
        if item.id in moved:
            poses[item.id] = moved[item.id]
        else:
            poses[item.id] = carried_pose(pose, standing.poses[base], moved[base]) if base in moved else pose
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
