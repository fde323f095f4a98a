"""Which item rests on which, by the boxes of the items' sizes, and what moves along when an item is moved.

Physics measures on meshes what carries an item (`detectors/support.py`): every carrier, with the gap to it. Moving
items along needs less, and an answer where the mesh is not at hand: one item to follow.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass

from .footprint_index import FootprintIndex
from .geometry import OrientedBox
from .pose import Pose, wrap_degrees
from .task import Layout, Task

RESTING_GAP_M = 0.02
"""Metres above the top of an item at which another still rests on it."""


@dataclass(frozen=True)
class SupportGraph:
    """The carrier of each item that rests on or in another one; an item on the floor or on a wall has none.

    Every carrier's underside is lower than that of what it carries, so following carriers ends.
    """

    carriers: Mapping[str, str]

    @classmethod
    def of(cls, task: Task, layout: Layout) -> SupportGraph:
        """The graph of a layout. Movable items of mount surface are carried: by what their middle is over, at or below
        the top of it, and of several items by the one with the highest top."""
        items = {item.id: item for item in task.items}
        boxes = {i: OrientedBox.of(items[i], pose) for i, pose in layout.everywhere(task).items()}
        ids, index = list(boxes), FootprintIndex(list(boxes.values()))
        carriers = {}
        for item in task.movable:
            if item.mount == "surface" and item.id in boxes:
                box = boxes[item.id]
                around = (ids[k] for k in index.near(box))
                under = [i for i in around if i != item.id and _carries(boxes[i], box)]
                if under:
                    carriers[item.id] = max(under, key=lambda i: boxes[i].top)
        return cls(carriers)

    def base(self, item_id: str, ends: Container[str] = ()) -> str:
        """The first of `ends` on the way down from an item, itself included, or else what stands at the bottom."""
        while item_id not in ends and item_id in self.carriers:
            item_id = self.carriers[item_id]
        return item_id


def carried_pose(pose: Pose, before: Pose, after: Pose) -> Pose:
    """The pose of an item after the one that it rests on has moved from `before` to `after`."""
    if after == before:
        return pose
    x, y = after.to_room(*before.to_local(pose.x, pose.y))
    return Pose(x, y, pose.z + after.z - before.z, wrap_degrees(pose.yaw + after.yaw - before.yaw))


def _carries(lower: OrientedBox, upper: OrientedBox) -> bool:
    x, y = lower.to_local(upper.x, upper.y)
    over = abs(x) <= lower.width / 2 and abs(y) <= lower.depth / 2
    return over and lower.z < upper.z <= lower.top + RESTING_GAP_M
