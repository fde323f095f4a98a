"""Places of what does not stand on the floor: on tops, at walls, from the ceiling; and of rugs, which lie under."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...core.footprints import overlaps, rows_of
from ...core.geometry import OrientedBox
from .candidates import at_wall
from .roles import HIGH, TOPS
from .scene import STEP, Piece, Scene, box_at

Wishes = Callable[[Piece, list[OrientedBox]], list[float]]


def _take(scene: Scene, piece: Piece, rows: np.ndarray, z: np.ndarray, cost: np.ndarray, wishes: Wishes) -> bool:
    """Stand the piece at the cheapest of the rows, wishes counted."""
    if not len(rows):
        return False
    order = np.argsort(cost, kind="stable")[:200]
    boxes = [box_at(piece, rows[k], float(z[k])) for k in order]
    total = cost[order] + np.array(wishes(piece, boxes))
    scene.add(piece, boxes[int(np.argmin(total))])
    return True


def place_on_top(scene: Scene, piece: Piece, wishes: Wishes) -> bool:
    """On the dearest top that has room, near its middle, looking where its carrier looks."""
    hosts = piece.role.hosts
    width, depth, height = piece.item.size
    rows, heights, costs = [], [], []
    asked = {r.object for r in scene.task.relations if r.subject == piece.item.id and r.predicate in ("on", "inside")}
    for other in scene.pieces:
        box = other.box
        if box is None or other.item.covering or other.item.mount in ("wall", "ceiling"):
            continue
        wished = other.item.id in asked
        if not wished and other.kind not in (*hosts, *TOPS):
            continue
        if box.top + height > scene.room.height or not wished and box.top > 1.5:
            continue
        for lean in (0.0, 90.0):
            w, d = (width, depth) if lean == 0.0 else (depth, width)
            spare_u, spare_v = (box.width - w) / 2, (box.depth - d) / 2
            if spare_u < -1e-6 or spare_v < -1e-6:
                continue
            u = np.arange(-(spare_u // STEP), spare_u // STEP + 1) * STEP
            v = np.arange(-(spare_v // STEP), spare_v // STEP + 1) * STEP
            uu, vv = (grid.ravel() for grid in np.meshgrid(u, v))
            c, s = box.right
            points = np.column_stack([box.x + uu * c - vv * s, box.y + uu * s + vv * c])
            tail = np.tile((width, depth, (box.yaw + lean) % 360.0), (len(points), 1))
            found = scene.snapped(np.hstack([points, tail]))
            off = found[:, :2] - (box.x, box.y)
            on = (np.abs(off @ (c, s)) <= spare_u + 1e-6) & (np.abs(off @ (-s, c)) <= spare_v + 1e-6)
            found, uu, vv = found[on], uu[on], vv[on]
            rank = hosts.index(other.kind) if other.kind in hosts else len(hosts) + 2
            standing = [p.box for p in scene.pieces if p.box is not None and abs(p.box.z - box.top) < 0.01]
            crowd = int(overlaps(rows_of(standing), rows_of([box])).sum())
            side = 0.5 * np.abs(uu) + 0.3 * np.abs(vv)
            rows.append(found)
            heights.append(np.full(len(found), box.top))
            costs.append(side + 0.6 * rank + 0.4 * crowd + 0.4 * (lean > 0) - 5.0 * wished)
    if not rows:
        return False
    all_rows, z, cost = np.vstack(rows), np.concatenate(heights), np.concatenate(costs)
    good = np.zeros(len(all_rows), bool)
    for level in np.unique(z):
        same = z == level
        good[same] = scene.free(all_rows[same], float(level), float(level) + height, margin=0.02)
    return _take(scene, piece, all_rows[good], np.round(z[good], 3), cost[good], wishes)


def place_on_wall(scene: Scene, piece: Piece, wishes: Wishes) -> bool:
    """On a wall at the height of its kind, over what it belongs to, clear of doors and windows."""
    width, depth, height = piece.item.size
    usual, hosts = piece.role.hang_at or HIGH, piece.role.hosts
    anchors = [p.box for p in scene.placed(hosts) if p.box is not None]
    backs, alongs, numbers = [], [], []
    for k, side in enumerate(scene.sides):
        if side.length >= width:
            rows, along = at_wall(scene, k, width, depth)
            backs.append(rows)
            alongs.append(along)
            numbers.append(np.full(len(along), k))
    if not backs:
        return False
    rows, along, number = np.vstack(backs), np.concatenate(alongs), np.concatenate(numbers)
    lengths = np.array([side.length for side in scene.sides])[number]
    cost = 0.3 * np.abs(along - lengths / 2) / lengths + 0.2 * scene.wall_costs[number]
    if anchors:
        near = []
        for box in anchors:
            another_wall = np.abs((box.yaw - rows[:, 4] + 180) % 360 - 180) > 10
            near.append(np.abs(rows[:, :2] - (box.x, box.y)).sum(axis=1) + 5.0 * another_wall)
        cost = cost + 0.8 * np.min(near, axis=0)
    found: list[tuple[np.ndarray, float, np.ndarray]] = []
    for level, extra in ((usual, 0.0), (usual + 0.3, 0.6), (usual + 0.6, 0.9), (max(usual - 0.3, 0.3), 0.8)):
        z = round(min(level, scene.room.height - height - 0.02), 2)
        if z < 0.0:
            continue
        clear = np.ones(len(rows), bool)
        for opening in scene.room.openings:
            if z < opening.sill + opening.height + 0.02 and z + height > opening.sill - 0.02:
                beside = (along + width / 2 < opening.offset - 0.02) | (
                    along - width / 2 > opening.offset + opening.width + 0.02
                )
                clear &= beside | (number != opening.wall)
        clear[clear] = scene.free(rows[clear], z, z + height)
        if clear.any():
            found.append((rows[clear], z, cost[clear] + extra))
            if extra == 0.0 and not scene.task.relations:
                break
    if not found:
        return False
    heights = np.concatenate([np.full(len(part), z) for part, z, _ in found])
    rows, cost = np.vstack([part for part, _, _ in found]), np.concatenate([costs for _, _, costs in found])
    return _take(scene, piece, rows, heights, cost, wishes)


def place_on_ceiling(scene: Scene, piece: Piece, wishes: Wishes) -> bool:
    """At the ceiling, over the table it lights or spread over the room."""
    width, depth, height = piece.item.size
    z = round(scene.room.height - height, 3)
    span = scene.high - scene.low
    step = STEP * max(2, round(float(span.max()) / 40 / STEP))
    points = scene.floor_points(step)
    rows = scene.snapped(np.hstack([points, np.tile((width, depth, 0.0), (len(points), 1))]))
    rows = rows[scene.free(rows, z, scene.room.height)]
    targets = [(p.box.x, p.box.y) for p in scene.placed(piece.role.hosts) if p.box is not None]
    others = [(p.box.x, p.box.y) for p in scene.pieces if p.item.mount == "ceiling" and p.box is not None]
    targets = [t for t in targets if all(abs(t[0] - o[0]) + abs(t[1] - o[1]) > 0.3 for o in others)] or [
        tuple(scene.middle)
    ]
    cost = np.min([np.hypot(*(rows[:, :2] - target).T) for target in targets], axis=0)
    if others:
        cost = cost - 0.6 * np.minimum(np.min([np.hypot(*(rows[:, :2] - o).T) for o in others], axis=0), 2.5)
    return _take(scene, piece, rows, np.full(len(rows), z), cost, wishes)


def place_covering(scene: Scene, piece: Piece, wishes: Wishes) -> bool:
    """Under what stands in the middle of the room, its long side along that piece's; clear of other coverings."""
    width, depth, height = piece.item.size
    span = scene.high - scene.low
    targets = [p.box for p in scene.placed(piece.role.hosts) if p.box is not None]
    others = rows_of([p.box for p in scene.pieces if p.item.covering and p.box is not None])
    step = STEP * max(1, round(float(span.max()) / 60 / STEP))
    points = scene.floor_points(step)
    best_rows, best_cost = [], []
    for yaw in (0.0, 90.0):
        rows = scene.snapped(np.hstack([points, np.tile((width, depth, yaw), (len(points), 1))]))
        good = scene.free(rows, -1.0, -0.5)
        if len(others) and good.any():
            good[good] = ~overlaps(rows[good], others).any(axis=1)
        rows = rows[good]
        cost = np.hypot(*(rows[:, :2] - scene.middle).T) + 2.0
        for box in targets:
            along = (box.width >= box.depth) == (width >= depth)
            lean = abs((yaw - box.yaw) % 180.0) > 45.0
            cost = np.minimum(cost, np.hypot(rows[:, 0] - box.x, rows[:, 1] - box.y) + 0.3 * (lean == along))
        best_rows.append(rows)
        best_cost.append(cost)
    rows, cost = np.vstack(best_rows), np.concatenate(best_cost)
    return _take(scene, piece, rows, np.zeros(len(rows)), cost, wishes)
