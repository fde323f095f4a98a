"""Candidate places of a floor item: rows (N, 5) by the way in which its kind stands, with what each costs by itself."""

from __future__ import annotations

import math

import numpy as np

from ...core.footprints import axes
from ...core.furniture import Way
from ...core.geometry import OrientedBox
from .roles import TABLES
from .scene import STEP, Piece, Scene

TUCK = 0.1
"""Metres that a chair stands under its table."""
GAP = 0.025
"""Metres between a seat and a table that it may not stand under."""
LOW_TABLE = 0.58
"""Metres of height up to which seats stand round a table at a distance, not under it."""
LEGS = 0.1
"""Metres from the end of a table to where its legs leave room for chairs."""
SEATING = 0.4
"""Metres between a sofa and its coffee table."""
NONE = (np.zeros((0, 5)), np.zeros(0))
Candidates = tuple[np.ndarray, np.ndarray]


def candidates(scene: Scene, piece: Piece, way: Way, host: Piece | None) -> Candidates:
    """Rows and their costs. Empty where the way does not apply."""
    if way in ("wall", "corner"):
        return _at_walls(scene, piece, way)
    if way == "run":
        rows, cost = _run(scene, piece)
        at_walls, more = _at_walls(scene, piece, "corner")
        return np.vstack([rows, at_walls]), np.append(cost, more + 1.5)
    if way == "rows":
        rows, cost = _rows(scene, piece)
        anywhere, more = _in_the_room(scene, piece, "loose")
        return np.vstack([rows, anywhere]), np.append(cost, more + 1.0)
    if way in ("middle", "loose"):
        return _in_the_room(scene, piece, way)
    if host is None or host.box is None:
        return NONE
    return {
        "beside": _beside,
        "around": _around,
        "tuck": _tuck,
        "before": _before,
        "opposite": _opposite,
        "foot": _foot,
    }[way](scene, piece, host.box, host)


def near_others(scene: Scene, piece: Piece, others: list[OrientedBox]) -> Candidates:
    """All round other pieces, at gaps from 5 cm to 4 m, turned four ways: where wishes may be met."""
    width, depth, _ = piece.item.size
    rows = []
    for box in others:
        for yaw in (0.0, 90.0, 180.0, 270.0):
            turned = yaw % 180.0 != 0.0
            along, across = (depth, width) if turned else (width, depth)
            u_half, v_half = (box.width + along) / 2, (box.depth + across) / 2
            for gap in (0.03, 0.1, 0.3, 0.6, 1.0, 1.6, 2.5, 4.2):
                u, v = u_half + gap, v_half + gap
                us = np.array([-u, u, 0.0, 0.0, -u, u, -u, u, *(k * u_half / 2 for k in (-1, 1, -1, 1))])
                vs = np.array([0.0, 0.0, -v, v, -v_half, -v_half, v_half, v_half, -v, -v, v, v])
                rows.append(_rows_at(scene, piece, _own(box, us, vs), np.full_like(us, box.yaw + yaw)))
    found = np.vstack(rows)
    return found, np.full(len(found), 0.6)


def may_tuck(piece: Piece, host: Piece) -> bool:
    """Whether a seat may stand a little under its host: both have meshes, since plain boxes have no room below."""
    return piece.item.asset is not None and host.item.asset is not None


def yaw_facing(direction: tuple[float, float]) -> float:
    """The yaw, a multiple of 15 degrees, at which a front looks along a direction."""
    yaw = math.degrees(math.atan2(direction[0], -direction[1]))
    return round(yaw / 15.0) * 15.0 % 360.0


def _row(x: float, y: float, piece: Piece, yaw: float) -> tuple[float, float, float, float, float]:
    width, depth, _ = piece.item.size
    return x, y, width, depth, yaw


def at_wall(scene: Scene, number: int, width: float, depth: float) -> Candidates:
    """Rows all along a wall, backs to it, on the grid, and their places along it in metres."""
    side = scene.sides[number]
    yaw = yaw_facing(side.inward)
    exact = math.degrees(math.atan2(side.inward[0], -side.inward[1]))
    lean = math.radians((yaw - exact + 180.0) % 360.0 - 180.0)
    off = width / 2 * abs(math.sin(lean)) + depth / 2 * math.cos(lean)
    from_ends = np.arange(int((side.length - width) / 2 / STEP + 1e-6) + 1) * STEP + width / 2
    along = np.concatenate([from_ends, [side.length / 2], side.length - from_ends[::-1]])
    points = np.outer(along, side.direction) + side.start + off * np.array(side.inward)
    rows = np.column_stack([points, np.tile((width, depth, yaw), (len(along), 1))])
    snapped = scene.snapped(rows)
    for axis in (0, 1):
        inward = side.inward[axis]
        if abs(inward) > 1.0 - 1e-9:
            snapped[:, axis] = rows[:, axis]  # the back touches the wall, on the grid or not
        elif abs(inward) > 0.3:  # never nearer to the wall than it should be
            away = _up if inward > 0 else _down
            snapped[:, axis] = scene.snapped(rows, away)[:, axis]
    return snapped, along


def _up(values: np.ndarray) -> np.ndarray:
    return np.ceil(values - 1e-6)


def _down(values: np.ndarray) -> np.ndarray:
    return np.floor(values + 1e-6)


def _at_walls(scene: Scene, piece: Piece, way: Way) -> Candidates:
    """Backs to walls, all along them. Middles of walls are dear to what wants a wall, ends to what wants a corner."""
    width, depth, _ = piece.item.size
    rows, costs = [], []
    reach = max(float(np.hypot(*(scene.high - scene.low))), 1e-6)
    for k, side in enumerate(scene.sides):
        if side.length < width:
            continue
        found, along = at_wall(scene, k, width, depth)
        if way == "wall":
            cost = 0.25 * np.abs(along - side.length / 2) / (side.length / 2)
        else:
            cost = 0.5 * np.minimum(np.minimum(along, side.length - along) - width / 2, 1.0) + 0.05
        if scene.doors and piece.role.from_door:
            nearest = np.min([np.hypot(*(found[:, :2] - door).T) for door in scene.doors], axis=0)
            cost = cost - 0.5 * piece.role.from_door * nearest / reach
        rows.append(found)
        costs.append(cost + scene.wall_costs[k] + scene.preference(found[:, :2]))
    return (np.vstack(rows), np.concatenate(costs)) if rows else NONE


def _in_the_room(scene: Scene, piece: Piece, way: Way) -> Candidates:
    """All over the floor; near its middle for what stands in the middle, else away from it."""
    width, depth, _ = piece.item.size
    span = scene.high - scene.low
    step = STEP * max(2, math.ceil(math.sqrt(span[0] * span[1] / 900.0) / STEP))
    points = scene.floor_points(step)
    rows = []
    yaws: tuple[float, ...] = (0.0, 90.0) if way == "middle" else (0.0, 90.0, 180.0, 270.0)
    if way == "middle" and piece.kind not in TABLES and abs(width - depth) < 0.05:
        yaws = (0.0,)
    for yaw in yaws:
        tail = np.tile((width, depth, yaw), (len(points), 1))
        rows.append(scene.snapped(np.hstack([points, tail])))
    found = np.vstack(rows)
    distance = np.hypot(*(found[:, :2] - scene.middle).T) / max(float(np.hypot(*span)), 1e-6)
    if way == "middle":
        along = 0.0 if span[0] >= span[1] else 90.0
        return found, 2.0 * distance + 0.1 * (found[:, 4] != along)
    return found, 1.5 - distance + scene.preference(found[:, :2])


def _own(box: OrientedBox, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Points (N, 2) from a box's own frame: u to its right, v to its back."""
    c, s = box.right
    return np.column_stack([box.x + u * c - v * s, box.y + u * s + v * c])


def _rows_at(scene: Scene, piece: Piece, points: np.ndarray, yaws: np.ndarray) -> np.ndarray:
    width, depth, _ = piece.item.size
    rows = np.column_stack([points, np.full(len(points), width), np.full(len(points), depth), yaws % 360.0])
    return scene.snapped(rows)


def _beside(scene: Scene, piece: Piece, box: OrientedBox, host: Piece) -> Candidates:
    """At either side of the host, backs in line, looking where it looks."""
    width, depth, _ = piece.item.size
    gaps = np.array([0.05, 0.1, 0.2, 0.3])
    v = (box.depth - depth) / 2
    u = np.concatenate([-(box.width + width) / 2 - gaps, (box.width + width) / 2 + gaps])
    rows = _rows_at(scene, piece, _own(box, u, np.full_like(u, v)), np.full_like(u, box.yaw))
    more = _rows_at(scene, piece, _own(box, u, np.full_like(u, v - 0.1)), np.full_like(u, box.yaw))
    cost = np.tile(gaps, 2)
    return np.vstack([rows, more]), np.append(cost, cost + 0.2)


def _foot(scene: Scene, piece: Piece, box: OrientedBox, host: Piece) -> Candidates:
    """At the foot of a bed, across it."""
    gaps = np.array([0.05, 0.1, 0.15])
    v = -(box.depth + piece.item.size[1]) / 2 - gaps
    u = np.zeros_like(v)
    return _rows_at(scene, piece, _own(box, u, v), np.full_like(v, box.yaw)), gaps


def _tuck(scene: Scene, piece: Piece, box: OrientedBox, host: Piece) -> Candidates:
    """At the host's front, looking at it, a little under it."""
    spare = max(box.width - piece.item.size[0], 0.0) / 2
    u = np.concatenate([[0.0], *([k * STEP, -k * STEP] for k in range(1, int(spare / STEP) + 1))])
    tuck = TUCK if may_tuck(piece, host) else -GAP
    v = np.full_like(u, -(box.depth + piece.item.size[1]) / 2 + tuck)
    out = np.full_like(u, -(box.depth + piece.item.size[1]) / 2 - 3 * GAP)
    rows = _rows_at(scene, piece, np.vstack([_own(box, u, v), _own(box, u, out)]), np.full(2 * len(u), box.yaw + 180))
    return rows, np.append(0.3 * np.abs(u), 0.3 * np.abs(u) + 0.3)


def _around(scene: Scene, piece: Piece, box: OrientedBox, host: Piece) -> Candidates:
    """At any side of a table, looking at it, tucked under it; of a seating group, at a distance."""
    width, depth, _ = piece.item.size
    table = host.kind in TABLES and box.height > LOW_TABLE
    tuck = TUCK if may_tuck(piece, host) else -GAP
    rows, costs = [], []
    for side, (length, deep) in enumerate(((box.width, box.depth), (box.depth, box.width)) * 2):
        for inset in (tuck, min(tuck, 0.05), -3 * GAP) if table else (-SEATING, -0.3, -0.6):
            off = -(deep + depth) / 2 + inset
            between_legs = max(length - 2 * LEGS, 0.1) if table else length
            places = max(int(between_legs / (width + 0.05)), 1)
            spread = [(k + 0.5) * between_legs / places - between_legs / 2 for k in range(places)]
            u = np.array(spread)
            points = _own(OrientedBox(box.x, box.y, 0, box.yaw + 90 * side, 1, 1, 1), u, np.full_like(u, off))
            found = _rows_at(scene, piece, points, np.full_like(u, box.yaw + 90 * side + 180))
            ends = 0.4 if length < max(box.width, box.depth) - 0.05 and places * 2 < 12 else 0.0
            seated = [g.box.yaw - found[0, 4] for g in host.guests if g.box is not None]
            balance = 0.15 * sum(abs((turn + 180) % 360 - 180) < 1 for turn in seated) if table else 0.0
            closest = inset in (tuck, -SEATING)
            rows.append(found)
            costs.append(ends + balance + 0.1 * np.abs(u) / max(length, 0.1) + (0.0 if closest else 0.3))
    return np.vstack(rows), np.concatenate(costs)


def _before(scene: Scene, piece: Piece, box: OrientedBox, host: Piece) -> Candidates:
    """Before a seat, in its middle."""
    width, depth, _ = piece.item.size
    along, across = (width, depth) if width >= depth else (depth, width)
    lean = 0.0 if width >= depth else 90.0
    gaps = np.array([SEATING, 0.35, 0.45, 0.3, 0.5])
    v = -(box.depth + across) / 2 - gaps
    rows = _rows_at(scene, piece, _own(box, np.zeros_like(v), v), np.full_like(v, box.yaw + lean))
    return rows, 0.5 * np.abs(gaps - SEATING)


def _opposite(scene: Scene, piece: Piece, box: OrientedBox, host: Piece) -> Candidates:
    """At the walls, backs to them, where the host's front looks."""
    rows, cost = _at_walls(scene, piece, "wall")
    if not len(rows):
        return NONE
    fronts = np.column_stack([axes(rows)[:, 1], -axes(rows)[:, 0]])
    away = rows[:, :2] - (box.x, box.y)
    distance = np.hypot(*away.T)
    ahead = away @ np.array(box.front)
    aside = np.abs(away @ np.array(box.right))
    meets = -(fronts @ np.array(box.front)) > 0.9
    good = meets & (ahead > 0.8)
    return rows[good], (0.6 * aside + 0.1 * np.abs(distance - 2.8))[good]


def _rows(scene: Scene, piece: Piece) -> Candidates:
    """In line with pieces of its kind: beside one, or one row before or behind it."""
    rows, costs = [], []
    width, depth, _ = piece.item.size
    for other in scene.pieces:
        if other.box is None or other.kind != piece.kind:
            continue
        side, row = np.array([0.1, 0.5, 0.7]), np.array([0.9, 1.1])
        if piece.role.class_name == "seat":
            side, row = np.array([0.05, 0.15]), np.array([1.2])
        u = np.concatenate([-width - side, width + side, np.zeros(2 * len(row))])
        v = np.concatenate([np.zeros(2 * len(side)), -depth - row, depth + row])
        rows.append(_rows_at(scene, piece, _own(other.box, u, v), np.full_like(u, other.box.yaw)))
        costs.append(np.concatenate([side, side, 0.4 + 0.1 * row, 0.4 + 0.1 * row]))
    return (np.vstack(rows), np.concatenate(costs)) if rows else NONE


def _run(scene: Scene, piece: Piece) -> Candidates:
    """Side by side with pieces of a kitchen that stand at a wall."""
    rows, costs = [], []
    for other in scene.pieces:
        if other.box is None or other.kind not in piece.role.hosts:
            continue
        box, (width, depth, _) = other.box, piece.item.size
        gaps = np.array([0.0, 0.02, 0.05])
        u = np.concatenate([-(box.width + width) / 2 - gaps, (box.width + width) / 2 + gaps])
        v = np.full_like(u, (box.depth - depth) / 2)
        rows.append(_rows_at(scene, piece, _own(box, u, v), np.full_like(u, box.yaw)))
        costs.append(np.tile(gaps, 2))
    return (np.vstack(rows), np.concatenate(costs)) if rows else NONE
