"""The outline of a floor, out of any mesh: a plane, a slab, tiles, or a room whose walls belong to the same mesh."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ....core.polygon import is_simple, signed_area
from .gaps import strips

WELD = 1e-4
"""Metres within which corners of neighbouring faces are one point."""

STRAIGHT = 1e-3
"""Metres by which a corner may leave the line between its neighbours and still be left out."""

LEVEL = 0.02
"""Metres between two faces of one floor."""

_Edge = tuple[int, int]


class FloorOutline(NamedTuple):
    """Corners (K, 2) of a floor, counter-clockwise, its height, of how many pieces it is the largest, and that one's
    share of their area."""

    corners: np.ndarray
    level: float
    pieces: int
    share: float


def floor_outline(points: np.ndarray, triangles: np.ndarray) -> FloorOutline | None:
    """The floor in a mesh of points (N, 3) and triangles (M, 3).

    The floor is the lowest large level of the faces that look up. Gaps as between boards are closed, of several pieces
    the largest counts, and holes are filled. None where there is no such thing as one simple outline.
    """
    corners = points[triangles]  # (M, 3, 3)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = np.linalg.norm(normals, axis=1) / 2
    steep = normals[:, 2] / np.maximum(2 * areas, 1e-12)
    flat = (steep > 0.7) & (areas > 1e-10)
    if not flat.any():  # all faces look down: a floor whose normals are turned over
        flat = (steep < -0.7) & (areas > 1e-10)
        triangles = triangles[:, ::-1]
    if not flat.any():
        return None
    triangles, areas, heights = triangles[flat], areas[flat], corners[flat, :, 2].mean(axis=1)
    height = level_of(heights, areas)
    triangles = triangles[np.abs(heights - height) <= LEVEL]
    flat_points, faces = _weld(points[:, :2], triangles)
    edges = _boundary([(int(f[i]), int(f[(i + 1) % 3])) for f in faces for i in range(3)])
    edges = _boundary(_split(edges, flat_points))
    pieces = _pieces(edges, flat_points)
    if len(pieces) > 1:
        pieces = _pieces(*_joined(edges, flat_points))
    best = max(pieces, key=signed_area, default=None)
    if best is None or not is_simple(best):
        return None
    return FloorOutline(best, height, len(pieces), signed_area(best) / sum(map(signed_area, pieces)))


def level_of(heights: np.ndarray, areas: np.ndarray) -> float:
    """The lowest height at which at least half as much area lies as at the height that has most."""
    order = np.argsort(heights)
    breaks = np.flatnonzero(np.diff(heights[order]) > LEVEL) + 1
    levels = np.split(order, breaks)
    sums = np.array([areas[level].sum() for level in levels])
    lowest = levels[int(np.flatnonzero(sums >= 0.5 * sums.max())[0])]
    return float(np.average(heights[lowest], weights=areas[lowest]))


def _pieces(edges: list[_Edge], points: np.ndarray) -> list[np.ndarray]:
    """The outer boundaries (K, 2) that edges make."""
    loops = [straightened(points[loop]) for loop in _loops(edges, points)]
    return [loop for loop in loops if len(loop) >= 3 and signed_area(loop) > 1e-6]


def _joined(edges: list[_Edge], points: np.ndarray) -> tuple[list[_Edge], np.ndarray]:
    """Boundary edges of a floor whose gaps are closed, and all points (P, 2)."""
    starts, ends = np.array(edges).T
    quads = strips(points[starts], points[ends])
    if not len(quads):
        return edges, points
    corners = np.concatenate([points, quads.reshape(-1, 2)])
    numbers = np.arange(len(points), len(corners)).reshape(-1, 4)
    rings = np.stack([numbers, np.roll(numbers, -1, axis=1)], axis=2).reshape(-1, 2)
    welded, all_edges = _weld(corners, np.concatenate([np.array(edges), rings]))
    joined = [(int(a), int(b)) for a, b in all_edges]
    return _boundary(_split(_boundary(joined), welded)), welded


def _weld(points: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (P, 2) that faces (M, 3) or edges (M, 2) use, each once, and these in their numbers."""
    cells: dict[tuple[int, int], int] = {}
    kept: list[np.ndarray] = []
    index = {}
    for number in np.unique(triangles):
        point = points[number]
        column, row = (int(v) for v in np.round(point / WELD))
        near = (cells.get((column + i, row + j)) for i in (0, -1, 1) for j in (0, -1, 1))
        match = next((k for k in near if k is not None), None)
        if match is None:
            match = cells[column, row] = len(kept)
            kept.append(point)
        index[int(number)] = match
    return np.array(kept), np.array([[index[int(v)] for v in face] for face in triangles])


def _boundary(edges: list[_Edge]) -> list[_Edge]:
    """Directed edges that no neighbour runs along the other way."""
    left: dict[_Edge, int] = {}
    for a, b in edges:
        if a == b:
            continue
        if left.get((b, a), 0):
            left[b, a] -= 1
        else:
            left[a, b] = left.get((a, b), 0) + 1
    return [edge for edge, count in left.items() for _ in range(min(count, 1))]


def _split(edges: list[_Edge], points: np.ndarray) -> list[_Edge]:
    """Edges cut at the points of others that lie on them (tiles of different sizes side by side)."""
    used = np.unique(np.array(edges, dtype=np.int64).reshape(-1))
    out: list[_Edge] = []
    for a, b in edges:
        along = points[b] - points[a]
        length = float(np.hypot(*along))
        offset = points[used] - points[a]
        t = offset @ along / length
        away = np.abs(offset[:, 0] * along[1] - offset[:, 1] * along[0]) / length
        inside = used[(away < 2 * WELD) & (t > 2 * WELD) & (t < length - 2 * WELD)]
        chain = [a, *sorted((int(p) for p in inside), key=lambda p: float((points[p] - points[a]) @ along)), b]
        out += list(zip(chain, chain[1:], strict=False))
    return out


def _loops(edges: list[_Edge], points: np.ndarray) -> list[list[int]]:
    """Closed chains of edges. Where several go on from a point, the sharpest bend to the left stays in its piece."""
    onward: dict[int, list[int]] = {}
    for a, b in edges:
        onward.setdefault(a, []).append(b)
    loops = []
    while onward:
        start = next(iter(onward))
        loop = [start]
        while onward.get(loop[-1]):
            ways = onward[loop[-1]]
            if len(ways) > 1 and len(loop) > 1:
                at = points[loop[-1]]
                angles = {way: _left_angle(points[loop[-2]] - at, points[way] - at) for way in ways}
                ways.sort(key=angles.__getitem__)
            following = ways.pop()
            if not ways:
                del onward[loop[-1]]
            if following == start:
                loops.append(loop)
                break
            loop.append(following)
        else:
            onward.pop(loop[-1], None)
    return loops


def _left_angle(back: np.ndarray, ahead: np.ndarray) -> float:
    """Counter-clockwise angle from the way back to the way ahead: the larger, the further to the left it goes."""
    angle = math.atan2(back[0] * ahead[1] - back[1] * ahead[0], float(back @ ahead))
    return angle % math.tau


def straightened(loop: np.ndarray) -> np.ndarray:
    """The loop without corners that lie on the line between their neighbours."""
    kept = list(loop)
    k, unchanged = 0, 0
    while len(kept) > 3 and unchanged < len(kept):
        before, here, after = kept[k - 1], kept[k % len(kept)], kept[(k + 1) % len(kept)]
        along = after - before
        length = float(np.hypot(*along))
        away = abs((here - before)[0] * along[1] - (here - before)[1] * along[0]) / length if length > WELD else 0.0
        if away < STRAIGHT:
            kept.pop(k % len(kept))
            unchanged = 0
        else:
            k, unchanged = k + 1, unchanged + 1
        k %= len(kept)
    return np.array(kept)
