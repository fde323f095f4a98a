"""The evidence about a layout by the boxes of its items alone, without Blender, for pretraining.

Where the meshes are boxes, `blender/physics` finds the same faults, and those that its rigid-body simulation shows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..evidence import Evidence
from ..geometry import OrientedBox, distance_to_footprint
from ..task import Item, Layout, Task
from .measure import measure_solids

INSET = 0.01
"""Metres from a corner of the underside, towards its middle, to the contact point there."""
_GRID = np.array([(u, v) for u in (-0.3, 0.0, 0.3) for v in (-0.3, 0.0, 0.3)])
_CORNERS = np.array([(u, v) for u in (-0.5, 0.5) for v in (-0.5, 0.5)])


@dataclass(frozen=True)
class BoxSolid:
    """A placed item as the box of its size."""

    item: Item
    box: OrientedBox

    @property
    def outline(self) -> np.ndarray:
        """The edges (4, 2, 2) of the footprint."""
        corners = self.box.corners
        return np.stack([corners, np.roll(corners, -1, axis=0)], axis=1)

    @property
    def contacts(self) -> np.ndarray:
        """Points (13, 3) of the underside: a grid around its middle, and each corner moved inwards by `INSET`. Those of
        a mesh are chosen alike."""
        box = self.box
        inwards = 1.0 - min(INSET / box.radius, 1.0)
        local = np.concatenate([_GRID, inwards * _CORNERS]) * (box.width, box.depth)
        return box.points_to_room(np.column_stack([local, np.zeros(len(local))]))

    def drop(self, points: np.ndarray) -> float:
        """The least distance straight down from the points (P, 3), all of one height, to the box: 0 from inside it,
        inf where it lies below none of them."""
        height = points[0, 2]
        if height < self.box.z or all(distance_to_footprint((x, y), self.box) > 0.0 for x, y, _ in points.tolist()):
            return math.inf
        return max(height - self.box.top, 0.0)


def measure_boxes(task: Task, layout: Layout) -> Evidence:
    """The evidence about a layout, without what a rigid-body simulation finds and without `view`."""
    items = {item.id: item for item in task.items}
    solids = [BoxSolid(items[i], OrientedBox.of(items[i], pose)) for i, pose in layout.everywhere(task).items()]
    return measure_solids(task, layout, solids)[0]
