"""Perturbs a faultless layout, and judges layouts by the boxes of their items: what repair examples are made from.

Blender is not needed here. At use, the model reads the faults of meshes, by the same rules.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np

from metaspatial_addon.core.detectors.boxes import measure_boxes
from metaspatial_addon.core.evidence import Evidence
from metaspatial_addon.core.faults import Fault
from metaspatial_addon.core.furniture import FURNITURE
from metaspatial_addon.core.task import Layout, Pose, Task

TUCKED_UNDER = frozenset(
    frozenset((row.name, table))
    for row in FURNITURE.categories.values()
    for rule in row.placement
    if rule.method in ("tuck", "around")
    for table in rule.of or ()
)
"""Pairs of categories: a seat and a table that it may be pushed under."""
TUCKED = 0.25
"""Metres by which the boxes of such a pair may overlap: their meshes do not."""
GRID = 0.05
"""Metres to which a moved item's centre is rounded: the step of the compact prompt."""


def perturb(task: Task, layout: Layout, rng: Random) -> tuple[Layout, list[str]]:
    """Move, rotate or lift one to three items of a layout: the new layout, and the ids of those that it changed."""
    poses = dict(layout.poses)
    chosen = rng.sample(sorted(poses), min(len(poses), rng.choice((1, 1, 2, 2, 3))))
    floor = np.asarray(task.room.floor)
    (x0, y0), (x1, y1) = floor.min(axis=0), floor.max(axis=0)
    for item_id in chosen:
        item, pose = task.item(item_id), poses[item_id]
        x, y, z, yaw = pose.x, pose.y, pose.z, pose.yaw
        kind = rng.random()
        if kind < 0.6:
            x, y = x + rng.gauss(0, 0.3), y + rng.gauss(0, 0.3)
        elif kind < 0.85:
            x, y = rng.uniform(x0, x1), rng.uniform(y0, y1)
        if kind > 0.8 and item.mount == "floor":
            yaw = (yaw + rng.choice((90, 180, 270))) % 360
        if item.mount != "floor" and rng.random() < 0.4:
            z = max(0.0, z + rng.choice((-1, 1)) * rng.uniform(0.02, 0.4))
        x, y = min(max(x, x0), x1), min(max(y, y0), y1)
        poses[item_id] = Pose(round(x / GRID) * GRID, round(y / GRID) * GRID, round(z, 2), yaw)
    return Layout(layout.task, poses), [i for i in chosen if poses[i] != layout.poses[i]]


def box_evidence(task: Task, layout: Layout) -> Evidence:
    """The evidence about a layout by boxes; a seat that is pushed under its table does not overlap it."""
    evidence = measure_boxes(task, layout)
    categories = {item.id: item.category for item in task.items}

    def tucked(fault: Fault) -> bool:
        pair = frozenset(categories.get(solid, "") for solid in fault.colliding_pair or ())
        return pair in TUCKED_UNDER and (fault.metres or 0.0) <= TUCKED

    return replace(evidence, detected=tuple(fault for fault in evidence.detected if not tucked(fault)))
