"""Simple polygons of any shape, given by their corners (N, 2) in metres."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

Corners = Sequence[Sequence[float]] | np.ndarray
SHORTEST_EDGE_M = 1e-9
"""Length in x and y up to which an edge counts as having none."""
PAIRS_AT_ONCE = 500_000
"""Pairs of edges, or of a point and an edge, that are worked on at once: what keeps memory below 100 MB."""
FLAT_TRIANGLE_M2 = 1e-12
"""Twice the area in square metres below which a triangle counts as flat."""


def signed_area(corners: Corners) -> float:
    """Area in square metres, positive for counter-clockwise corners (shoelace formula)."""
    x, y = np.asarray(corners, dtype=float).T
    return 0.5 * float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))


def is_simple(corners: Corners) -> bool:
    """Whether no two edges touch, except neighbours in their common corner, and no edge is shorter than 1e-9 m.

    Edges whose bounding boxes overlap are found by a sweep along one axis, so thousands of corners take milliseconds
    unless most edges are long in both directions.
    """
    start = np.asarray(corners, dtype=float)  # (N, 2)
    end = np.roll(start, -1, axis=0)
    along, following = end - start, np.roll(end, -1, axis=0) - end
    if np.any(np.all(np.abs(along) <= SHORTEST_EDGE_M, axis=1)):
        return False
    straight = along[:, 0] * following[:, 1] - along[:, 1] * following[:, 0] == 0
    if np.any(straight & ((along * following).sum(axis=1) < 0)):
        return False  # an edge folds back onto the one before it
    for i, j in _pairs_of_near_edges(np.minimum(start, end), np.maximum(start, end)):
        if _touch(start[i], end[i], start[j], end[j]).any():
            return False
    return True


def _pairs_of_near_edges(low: np.ndarray, high: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Edge numbers (M,) and (M,) of the pairs that are no neighbours and whose bounding boxes overlap, in blocks.

    `low` and `high` (N, 2) are the corners of the boxes.
    """
    n = len(low)
    sweeps = []
    for axis in (0, 1):
        order = np.argsort(low[:, axis], kind="stable")
        # Of the edges that begin later along the axis, those up to here begin before this one ends.
        last = np.searchsorted(low[order, axis], high[order, axis], side="right")
        sweeps.append((int(last.sum()), axis, order, last))
    _, axis, order, last = min(sweeps, key=lambda sweep: sweep[0])
    counts = last - np.arange(1, n + 1)
    ends = np.cumsum(counts)
    first = 0
    while first < n:
        # As many edges as have PAIRS_AT_ONCE later ones together, and at least one.
        past = max(int(np.searchsorted(ends, (ends[first - 1] if first else 0) + PAIRS_AT_ONCE)), first + 1)
        block = np.arange(first, min(past, n))
        one = np.repeat(block, counts[block])
        step = np.arange(len(one)) - np.repeat(np.cumsum(counts[block]) - counts[block], counts[block])
        i, j = order[one], order[one + 1 + step]
        other = 1 - axis
        apart = np.abs(i - j)
        near = (low[i, other] <= high[j, other]) & (low[j, other] <= high[i, other]) & (apart > 1) & (apart < n - 1)
        yield i[near], j[near]
        first = past


def _touch(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
    """Whether segments from a to b and from c to d have a point in common: (M,) bool of points (M, 2)."""

    def side(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> np.ndarray:
        return (q[:, 0] - p[:, 0]) * (r[:, 1] - p[:, 1]) - (q[:, 1] - p[:, 1]) * (r[:, 0] - p[:, 0])

    def within(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> np.ndarray:
        return ((np.minimum(p, q) <= r) & (r <= np.maximum(p, q))).all(axis=1)

    of_a, of_b, of_c, of_d = side(c, d, a), side(c, d, b), side(a, b, c), side(a, b, d)
    touching = (np.sign(of_a) * np.sign(of_b) < 0) & (np.sign(of_c) * np.sign(of_d) < 0)
    touching |= ((of_a == 0) & within(c, d, a)) | ((of_b == 0) & within(c, d, b))
    touching |= ((of_c == 0) & within(a, b, c)) | ((of_d == 0) & within(a, b, d))
    return touching


@dataclass(frozen=True)
class WallSegment:
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


def wall_segments(corners: Corners) -> tuple[WallSegment, ...]:
    """The walls of a counter-clockwise floor: wall k runs from corner k to corner k + 1, the room on its left."""
    points = [(float(x), float(y)) for x, y in corners]
    walls = []
    for (ax, ay), (bx, by) in zip(points, [*points[1:], points[0]], strict=True):
        length = math.hypot(bx - ax, by - ay)
        dx, dy = (bx - ax) / length, (by - ay) / length
        walls.append(WallSegment((ax, ay), (dx, dy), (-dy, dx), length))
    return tuple(walls)


def distance_to_wall(point: tuple[float, float], side: WallSegment) -> float:
    """Metres from a point to a wall, which ends at its corners."""
    dx, dy = point[0] - side.start[0], point[1] - side.start[1]
    along = min(max(dx * side.direction[0] + dy * side.direction[1], 0.0), side.length)
    return math.hypot(dx - along * side.direction[0], dy - along * side.direction[1])


def distance_to_edges(points: Corners, corners: Corners) -> np.ndarray:
    """Metres from each point (N, 2) to the nearest edge of a polygon, inside and outside alike: (N,)."""
    start = np.asarray(corners, dtype=float)  # (K, 2)
    along = np.roll(start, -1, axis=0) - start
    squared = (along**2).sum(axis=1)

    def distances(p: np.ndarray) -> np.ndarray:
        p = p[:, None]  # (B, 1, 2)
        t = np.clip(((p - start) * along).sum(axis=2) / squared, 0.0, 1.0)  # (B, K)
        off = p - start - t[:, :, None] * along
        return np.sqrt((off**2).sum(axis=2).min(axis=1))

    return _in_blocks(distances, points, len(start))


def contains(points: Corners, corners: Corners) -> np.ndarray:
    """Whether each point (N, 2) lies in a simple polygon: (N,) bool. The edge, within 1e-6 m, counts as inside."""
    start = np.asarray(corners, dtype=float)  # (K, 2)
    end = np.roll(start, -1, axis=0)
    run, rise = (end - start).T

    def inside(p: np.ndarray) -> np.ndarray:
        """Even-odd rule: the number of edges that a ray from the point towards +x crosses."""
        x, y = p[:, 0, None], p[:, 1, None]  # (B, 1)
        spans = (start[:, 1] > y) != (end[:, 1] > y)  # (B, K)
        # The edge's x at that height is run / rise * (y - start), but a rise may be too small to divide by.
        side = (x - start[:, 0]) * rise - (y - start[:, 1]) * run
        return (spans & np.where(rise > 0, side < 0, side > 0)).sum(axis=1) % 2 == 1

    return _in_blocks(inside, points, len(start)) | (distance_to_edges(points, corners) <= 1e-6)


def _in_blocks(measure: Callable[[np.ndarray], np.ndarray], points: Corners, edges: int) -> np.ndarray:
    """`measure` of points (N, 2), so many at once that points times edges stay below PAIRS_AT_ONCE: (N,)."""
    p = np.asarray(points, dtype=float).reshape(-1, 2)
    size = max(PAIRS_AT_ONCE // edges, 1)
    if len(p) <= size:
        return measure(p)
    return np.concatenate([measure(p[k : k + size]) for k in range(0, len(p), size)])


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
            cross(a, b, d) >= -FLAT_TRIANGLE_M2
            and cross(b, c, d) >= -FLAT_TRIANGLE_M2
            and cross(c, a, d) >= -FLAT_TRIANGLE_M2
            for d in left
            if d not in (a, b, c)
        )

    while len(left) >= 3:
        ears = [(left[i - 1], b, left[(i + 1) % len(left)]) for i, b in enumerate(left)]
        convex = [ear for ear in ears if cross(*ear) > FLAT_TRIANGLE_M2]
        if not convex:
            break  # what is left is flat
        ear = next((ear for ear in convex if holds_none(*ear)), convex[0])
        triangles.append(ear)
        left.remove(ear[1])
    return np.array(triangles, dtype=np.int32).reshape(-1, 3)
