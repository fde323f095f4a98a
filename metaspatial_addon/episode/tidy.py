"""Tidying: the smallest moves that repair what physics measured, at most 15 cm an item.

It knows geometry alone, so it works for the layout of any policy. An item at fault goes to the nearest place, on a grid
of 1 cm, where its box is inside the room, clear of the others and carried by something. The caller measures the outcome
and keeps it only where the reward rises.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..core.access import WINDOW_STRIP_M
from ..core.evidence import Evidence
from ..core.faults import Blocked, Outside, Overlap, RelationScore, Unsupported
from ..core.footprints import SLACK_M, rows_of, wall_rows
from ..core.furniture import FURNITURE
from ..core.geometry import OrientedBox
from ..core.place_grid import PlaceGrid
from ..core.polygon import WallSegment, contains
from ..core.support_graph import SupportGraph, carried_pose
from ..core.task import Item, Layout, Pose, Task

REACH_M = 0.15
"""Metres that tidying moves an item at most, sideways or up and down."""
STEP_M = 0.01
"""Metres between the places that are tried."""
TUCK_M = 0.1
"""Metres that a seat with a mesh may stand under a table with one."""
AT_WALL_DEGREES = 10.0
"""Degrees between a wall's inward normal and the front of what stands against it."""
REPAIRED = (Overlap, Outside, Unsupported, Blocked)
"""The kinds of fault that a small move may repair, beside a relation `against` a wall."""


@dataclass(frozen=True)
class Move:
    """One item, from a pose to a pose."""

    item: str
    before: Pose
    after: Pose

    def sentence(self) -> str:
        """What was done, for a person: `tidied: lamp_1 7 cm down`."""
        aside = math.hypot(self.after.x - self.before.x, self.after.y - self.before.y)
        lift = self.after.z - self.before.z
        parts = [f"{max(aside * 100, 1):.0f} cm aside"] if aside >= 1e-4 else []
        if abs(lift) >= 1e-4:
            size = f"{max(abs(lift) * 100, 1):.0f}"
            parts.append(f"{size} cm up" if lift > 0 else f"{size} cm down")
        return f"tidied: {self.item} {' and '.join(parts)}"


def small_moves(task: Task, layout: Layout, evidence: Evidence) -> tuple[Move, ...]:
    """The smallest moves for a layout's faults, each computed beside the others as they stand after those before it.

    Of two items that overlap the smaller one moves, or the other where that has no place. What rests on an item that
    moves goes along; those moves are listed as well.
    """
    poses = layout.everywhere(task)
    resting = SupportGraph.of(task, layout)
    moves: dict[str, Move] = {}
    for item in _at_fault(task, evidence):
        before = poses[item.id]
        riders = [i.id for i in task.movable if i.id != item.id and resting.base(i.id, (item.id,)) == item.id]
        others = {name: pose for name, pose in poses.items() if name != item.id and name not in riders}
        after = _nearest_free(task, item, before, others)
        if after is None or after == before:
            continue
        for name in (item.id, *riders):
            moved = after if name == item.id else carried_pose(poses[name], before, after)
            moves[name] = Move(name, layout.everywhere(task)[name], moved)
            poses[name] = moved
    return tuple(move for move in moves.values() if move.after != move.before)


def applied(layout: Layout, moves: tuple[Move, ...]) -> Layout:
    """The layout after some moves."""
    return Layout(layout.task, {**layout.poses, **{move.item: move.after for move in moves}})


def _at_fault(task: Task, evidence: Evidence) -> list[Item]:
    """Movable items that a small move may help, small ones first."""
    named = {item_id for kind in REPAIRED for fault in evidence.of_kind(kind) for item_id in fault.items}
    named |= {
        r.subject
        for r in evidence.of_kind(RelationScore)
        if r.predicate == "against" and not r.negated and r.score < RelationScore.SATISFIED
    }
    return sorted((i for i in task.movable if i.id in named), key=lambda i: i.size[0] * i.size[1])


def _nearest_free(task: Task, item: Item, pose: Pose, others: Mapping[str, Pose]) -> Pose | None:
    """The free place nearest to a pose, None where there is none within reach; the pose itself where it is free."""
    offsets = STEP_M * np.arange(-round(REACH_M / STEP_M), round(REACH_M / STEP_M) + 1)
    boxes = {o.id: OrientedBox.of(o, others[o.id]) for o in task.items if o.id in others}
    best: tuple[float, Pose] | None = None
    for xs, ys in _grids(task, item, pose, offsets):
        grid = PlaceGrid(xs, ys, STEP_M)
        aside = np.hypot(grid.xs[:, None] - pose.x, grid.ys[None, :] - pose.y)
        for z in _heights(task, item, pose, boxes):
            mask = _free(task, item, replace(pose, z=z), grid, boxes)
            distance = np.hypot(np.where(mask, aside, np.inf), z - pose.z)
            ix, iy = np.unravel_index(int(np.argmin(distance)), distance.shape)
            if distance[ix, iy] <= REACH_M + 1e-9 and (best is None or distance[ix, iy] < best[0] - 1e-9):
                found = Pose(round(float(grid.xs[ix]), 4), round(float(grid.ys[iy]), 4), round(z, 4), pose.yaw)
                best = float(distance[ix, iy]), found
    return None if best is None else best[1]


def _grids(task: Task, item: Item, pose: Pose, offsets: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Coordinates of the grids to look in: all round the pose; for what hangs on a wall, or is asked to stand at one,
    along each wall within reach with its back at it."""
    asked = any(r.subject == item.id and r.predicate == "against" and not r.negated for r in task.relations)
    found = []
    for wall in task.room.walls if item.mount == "wall" or asked else ():
        off = _back_to_wall(item, pose, wall)
        if off is not None and abs(off) <= REACH_M:
            x, y = (np.array([value]) for value in (pose.x - off * wall.inward[0], pose.y - off * wall.inward[1]))
            along_x, along_y = (abs(way) > 1.0 - 1e-9 for way in wall.direction)
            found.append((x + offsets if along_x else x, y + offsets if along_y else y))
    return found or [(pose.x + offsets, pose.y + offsets)]


def _back_to_wall(item: Item, pose: Pose, wall: WallSegment) -> float | None:
    """Metres from a wall to an item's back; None where its back is not turned to the wall."""
    front = OrientedBox.of(item, pose).front
    if front[0] * wall.inward[0] + front[1] * wall.inward[1] < math.cos(math.radians(AT_WALL_DEGREES)):
        return None
    away = (pose.x - wall.start[0]) * wall.inward[0] + (pose.y - wall.start[1]) * wall.inward[1]
    return away - item.size[1] / 2


def _heights(task: Task, item: Item, pose: Pose, boxes: Mapping[str, OrientedBox]) -> list[float]:
    """Heights of the underside to try, the nearest first."""
    if item.mount == "ceiling":
        return [max(task.room.height - item.size[2], 0.0)]
    if item.mount == "wall":
        highest = max(task.room.height - item.size[2], 0.0)
        tried = {
            min(max(pose.z + lift, 0.0), highest)
            for lift in (0.0, *(s * d for d in (0.05, 0.1, 0.15) for s in (1, -1)))
        }
    else:
        tops = {box.top for box in boxes.values() if abs(box.top - pose.z) <= REACH_M}
        tried = {0.0, *tops} if abs(pose.z) <= REACH_M else tops
    return sorted(tried, key=lambda z: abs(z - pose.z))


def _free(task: Task, item: Item, pose: Pose, grid: PlaceGrid, boxes: Mapping[str, OrientedBox]) -> np.ndarray:
    """Where on a grid an item at a pose's yaw and height is inside the room, clear and carried: (nx, ny) bool."""
    width, depth, height = item.size
    low, high = pose.z, pose.z + height
    points = np.stack(np.meshgrid(grid.xs, grid.ys, indexing="ij"), axis=-1).reshape(-1, 2)
    mask = contains(points, task.room.floor).reshape(len(grid.xs), len(grid.ys))
    obstacles = [OrientedBox(x, y, 0.0, yaw, w, d, 0.0) for x, y, w, d, yaw in wall_rows(task.room.floor).tolist()]
    items = {other.id: other for other in task.items}
    for name, box in boxes.items():
        if items[name].covering == item.covering and (
            item.covering or box.z < high - SLACK_M and box.top > low + SLACK_M
        ):
            obstacles.append(_met_by(item, items[name], box))
    if item.mount == "floor" and not item.covering:
        obstacles += _kept_free(task, height)
    grid.take(mask, width, depth, pose.yaw, rows_of(obstacles))
    if low > SLACK_M and item.mount not in ("wall", "ceiling"):
        tops = [box for box in boxes.values() if abs(box.top - low) < SLACK_M]
        beside = np.ones_like(mask)
        grid.take(beside, 0.0, 0.0, 0.0, rows_of(tops))
        mask &= ~beside
    return mask


def _kept_free(task: Task, height: float) -> list[OrientedBox]:
    """The swings of doors, and the strips before windows that something so high would hide."""
    kept = []
    for opening in task.room.openings:
        if opening.kind == "window" and height <= opening.sill + SLACK_M:
            continue
        wall = task.room.walls[opening.wall]
        depth = opening.width if opening.kind == "door" else WINDOW_STRIP_M
        x, y = wall.at(opening.offset + opening.width / 2)
        yaw = math.degrees(math.atan2(wall.direction[1], wall.direction[0])) % 360.0
        middle = x + wall.inward[0] * depth / 2, y + wall.inward[1] * depth / 2
        kept.append(OrientedBox(*middle, 0.0, yaw, opening.width, depth, 1.0))
    return kept


def _met_by(item: Item, other: Item, box: OrientedBox) -> OrientedBox:
    """A box as another item meets it: a table with a mesh is narrower for a seat with one."""
    kinds = FURNITURE.class_of(item.category), FURNITURE.class_of(other.category)
    if item.asset is None or other.asset is None or kinds != ("seat", "table"):
        return box
    return replace(box, width=max(box.width - 2 * TUCK_M, 0.0), depth=max(box.depth - 2 * TUCK_M, 0.0))
