"""Simple polygons of any shape, given by their corners (N, 2) in metres."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Corners = Sequence[Sequence[float]] | np.ndarray
FLAT = 1e-12
"""Twice the area in square metres below which a triangle counts as flat."""


def signed_area(corners: Corners) -> float:
    """Area in square metres, positive for counter-clockwise corners (shoelace formula)."""
    x, y = np.asarray(corners, dtype=float).T
    return 0.5 * float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))


def is_simple(corners: Corners) -> bool:
    """Whether no two edges touch, except neighbours in their common corner, and no edge has length zero."""
    p = np.asarray(corners, dtype=float)
    n = len(p)
    q = np.roll(p, -1, axis=0)
    if np.any(np.all(np.isclose(p, q, atol=1e-9), axis=1)):
        return False

    def side(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> float:
        return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))

    def within(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> bool:
        return bool(np.all(np.minimum(a, b) <= c) and np.all(c <= np.maximum(a, b)))

    for i in range(n):
        if side(p[i], q[i], q[(i + 1) % n]) == 0 and np.dot(q[i] - p[i], q[(i + 1) % n] - q[i]) < 0:
            return False  # folds back onto itself
        for j in range(i + 2, n):
            if i == 0 and j == n - 1:
                continue
            d1, d2 = side(p[j], q[j], p[i]), side(p[j], q[j], q[i])
            d3, d4 = side(p[i], q[i], p[j]), side(p[i], q[i], q[j])
            if d1 * d2 < 0 and d3 * d4 < 0:
                return False
            if (d1 == 0 and within(p[j], q[j], p[i])) or (d2 == 0 and within(p[j], q[j], q[i])):
                return False
            if (d3 == 0 and within(p[i], q[i], p[j])) or (d4 == 0 and within(p[i], q[i], q[j])):
                return False
    return True


@dataclass(frozen=True)
class Wall:
    """One edge of a room's floor: from `start` along the unit vector `direction`; `inward` points into the room."""

    start: tuple[float, float]
    direction: tuple[float, float]
    inward: tuple[float, float]
    length: float

    @property
    def end(self) -> tuple[float, float]:
        return self.at(self.length)

    def at(self, offset: float) -> tuple[float, float]:
        """The point `offset` metres from the start."""
        return self.start[0] + offset * self.direction[0], self.start[1] + offset * self.direction[1]


def wall(corners: Corners, k: int) -> Wall:
    """Wall k of a counter-clockwise floor: from corner k to corner k + 1, the room on its left."""
    ax, ay = (float(v) for v in corners[k])
    bx, by = (float(v) for v in corners[(k + 1) % len(corners)])
    length = math.hypot(bx - ax, by - ay)
    dx, dy = (bx - ax) / length, (by - ay) / length
    return Wall((ax, ay), (dx, dy), (-dy, dx), length)


def distance_to_wall(point: tuple[float, float], side: Wall) -> float:
    """Metres from a point to a wall, which ends at its corners."""
    dx, dy = point[0] - side.start[0], point[1] - side.start[1]
    along = min(max(dx * side.direction[0] + dy * side.direction[1], 0.0), side.length)
    return math.hypot(dx - along * side.direction[0], dy - along * side.direction[1])


def distance_to_edges(points: Corners, corners: Corners) -> np.ndarray:
    """Metres from each point (N, 2) to the nearest edge of a polygon, inside and outside alike: (N,)."""
    p = np.asarray(points, dtype=float).reshape(-1, 1, 2)  # (N, 1, 2)
    start = np.asarray(corners, dtype=float)  # (K, 2)
    along = np.roll(start, -1, axis=0) - start
    t = np.clip(((p - start) * along).sum(axis=2) / (along**2).sum(axis=1), 0.0, 1.0)  # (N, K)
    off = p - start - t[:, :, None] * along
    return np.sqrt((off**2).sum(axis=2).min(axis=1))


def contains(points: Corners, corners: Corners) -> np.ndarray:
    """Whether each point (N, 2) lies in a simple polygon: (N,) bool. The edge, within 1e-6 m, counts as inside."""
    p = np.asarray(points, dtype=float).reshape(-1, 2)
    x, y = p[:, 0, None], p[:, 1, None]  # (N, 1)
    start = np.asarray(corners, dtype=float)
    end = np.roll(start, -1, axis=0)
    crosses = (start[:, 1] > y) != (end[:, 1] > y)  # (N, K)
    rise = np.where(end[:, 1] == start[:, 1], 1.0, end[:, 1] - start[:, 1])
    cut = start[:, 0] + (y - start[:, 1]) / rise * (end[:, 0] - start[:, 0])
    inside = (crosses & (x < cut)).sum(axis=1) % 2 == 1
    return inside | (distance_to_edges(p, corners) <= 1e-6)


def triangulate(corners: Corners) -> np.ndarray:
    """Corner numbers of the triangles (M, 3), counter-clockwise, that fill a simple counter-clockwise polygon.

    Ear clipping. Every corner is used, so that neighbours of the mesh meet in corners; no triangle is flat.
    """
    p = [(float(x), float(y)) for x, y in corners]
    left = list(range(len(p)))
    triangles: list[tuple[int, int, int]] = []

    def cross(a: int, b: int, c: int) -> float:
        return (p[b][0] - p[a][0]) * (p[c][1] - p[a][1]) - (p[b][1] - p[a][1]) * (p[c][0] - p[a][0])

    def holds_none(a: int, b: int, c: int) -> bool:
        return not any(
            cross(a, b, d) >= -FLAT and cross(b, c, d) >= -FLAT and cross(c, a, d) >= -FLAT
            for d in left
            if d not in (a, b, c)
        )

    while len(left) >= 3:
        ears = [(left[i - 1], b, left[(i + 1) % len(left)]) for i, b in enumerate(left)]
        convex = [ear for ear in ears if cross(*ear) > FLAT]
        if not convex:
            break  # what is left is flat
        ear = next((ear for ear in convex if holds_none(*ear)), convex[0])
        triangles.append(ear)
        left.remove(ear[1])
    return np.array(triangles, dtype=np.int32).reshape(-1, 3)
