"""Which items' meshes cross, and how deep.

Depth is the smallest move, in metres, that parts two meshes. Boxes sort out most pairs: the depth of two boxes is
never less than that of the meshes inside them, so a pair whose boxes cross by no more than `CONTACT_DEPTH_M` cannot
collide, and two items that *are* boxes have their exact answer. For the others `BVHTree.overlap` decides, on the
faces that lie in each other's reach only. A pair that does cross is moved apart along a handful of directions,
each time by what parts the faces that cross just now, until neither surfaces cross nor one mesh is inside the other.
"""

from __future__ import annotations

import math

import numpy as np
from mathutils.bvhtree import BVHTree

from ...core.detectors.overlaps import CONTACT_DEPTH_M
from .body import SKIN_M, Body


def overlap_depth(a: Body, b: Body, limit: float) -> float:
    """The smallest move in metres that parts two bodies, 0 when they do not overlap; `limit` is what parts their boxes.

    What `find_overlaps` measures bodies with.
    """
    return limit if a.shape.is_box and b.shape.is_box else mesh_depth(a, b, limit)


def mesh_depth(a: Body, b: Body, limit: float) -> float:
    """Smallest move in metres that parts two meshes, 0 when they do not cross, never more than `limit` (what parts
    their boxes). Exact to 1 mm or 1 %, whichever is more, where the smallest move is along a side of either box,
    upright, or straight away from the other's middle."""
    if len(a.triangles) > len(b.triangles):
        a, b = b, a  # the first is the one that is rebuilt at every try
    pair = _Pair(a, b, limit)
    meeting = pair.meeting(np.zeros(3))
    if meeting is None:
        return 0.0
    ways = [_SeparationDirection(pair, direction) for direction in _directions(a, b)]
    best = limit - 2 * SKIN_M
    for start, way in sorted(((way.step(meeting), way) for way in ways), key=lambda s: s[0]):
        blocked, tried = 0.0, min(start, 0.95 * best)
        while best > CONTACT_DEPTH_M - 2 * SKIN_M and tried < best:
            meeting = pair.meeting(tried * way.direction)
            if meeting is None:
                best = _halve(pair, way.direction, blocked, tried)
                break
            blocked = tried
            tried += max(way.step(meeting) - tried, 0.002, 0.02 * best)
    return best + 2 * SKIN_M


def _halve(pair: _Pair, direction: np.ndarray, blocked: float, free: float) -> float:
    """Metres along a direction at which the pair comes apart, between a blocked and a free distance."""
    tried = free - _fine(free)  # most often the first free distance that was tried is the smallest
    while free - blocked > _fine(free):
        if pair.meeting(tried * direction) is None:
            free = tried
        else:
            blocked = tried
        tried = 0.5 * (free + blocked)
    return tried


def _fine(distance: float) -> float:
    return max(0.002, 0.02 * distance)


def _directions(a: Body, b: Body) -> list[np.ndarray]:
    """Unit vectors (3,) along which `a` may leave `b`: both boxes' sides, up and down, and straight away from it."""
    (ax, ay), (bx, by) = a.box.right, b.box.right
    ways = [(ax, ay, 0.0), (-ay, ax, 0.0), (0.0, 0.0, 1.0)]
    turned = abs(ax * by - ay * bx)
    if 0.02 < turned < 0.9998:
        ways += [(bx, by, 0.0), (-by, bx, 0.0)]
    # The shortest way is tried first: away from the other's centre.
    apart_by = np.array([a.box.x - b.box.x, a.box.y - b.box.y, 0.5 * (a.box.z + a.box.top - b.box.z - b.box.top)])
    signed = [np.array(w) * sign for w in ways for sign in (1.0, -1.0)]
    signed.sort(key=lambda d: -float(d @ apart_by))
    length = math.hypot(apart_by[0], apart_by[1])
    if length > 0.01:
        signed.append(np.array([apart_by[0] / length, apart_by[1] / length, 0.0]))
    return signed


class _Pair:
    """Two meshes, turned as in the room and drawn in by `SKIN_M`, the first of which can be moved along."""

    def __init__(self, a: Body, b: Body, reach: float):
        self.a, self.b = a, b
        middle = (b.box.x, b.box.y, b.box.z)  # trees are made of float32, which is coarse far from the origin
        a_points, b_points = a.to_room(a.shape.drawn_in) - middle, b.to_room(b.shape.drawn_in) - middle
        # Moving by up to `reach`, only faces this close to the other box can ever meet.
        self.a_points, self.a_faces = _near(a_points, a.triangles, b_points, reach)
        self.b_points, self.b_faces = _near(b_points, b.triangles, a_points, reach)
        self.tree = BVHTree.FromPolygons(self.b_points.tolist(), self.b_faces.tolist(), all_triangles=True)
        self.faces = self.a_faces.tolist()
        self.a_parts, self.b_parts = a.to_room(a.shape.parts), b.to_room(b.shape.parts)

    def meeting(self, move: np.ndarray) -> np.ndarray | None:
        """With `a` moved by (3,): the faces (K, 2) of both that cross, none where a piece of one lies inside the
        other; None when the two are apart."""
        if self.faces and len(self.b_faces):
            moved = BVHTree.FromPolygons((self.a_points + move).tolist(), self.faces, all_triangles=True)
            crossing = moved.overlap(self.tree)
            if crossing:
                return np.array(crossing)
        if _inside(self.a_parts + move, self.b) or _inside(self.b_parts - move, self.a):
            return np.empty((0, 2), dtype=int)
        return None


class _SeparationDirection:
    """A direction (3,), a unit vector, in which the first of a pair is moved to part it from the second."""

    def __init__(self, pair: _Pair, direction: np.ndarray):
        self.direction = direction
        self._a_begins = _over_corners(np.minimum, pair.a_points @ direction, pair.a_faces)  # (M,)
        self._b_ends = _over_corners(np.maximum, pair.b_points @ direction, pair.b_faces)  # (N,)

    def step(self, meeting: np.ndarray) -> float:
        """Metres from the start that part these crossing faces (K, 2), so that a next try makes sense there."""
        if not len(meeting):
            return 0.0
        return float((self._b_ends[meeting[:, 1]] - self._a_begins[meeting[:, 0]]).max()) + 1e-4


def _near(points: np.ndarray, faces: np.ndarray, others: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """The triangles (and their points) that come within `reach` of the others' axis-aligned box."""
    low, high = others.min(axis=0) - reach, others.max(axis=0) + reach
    begins, ends = _over_corners(np.minimum, points, faces), _over_corners(np.maximum, points, faces)  # (M, 3)
    kept = ((begins <= high) & (ends >= low)).all(axis=1)
    used, faces = np.unique(faces[kept], return_inverse=True)
    return points[used], faces.reshape(-1, 3)


def _over_corners(pick: np.ufunc, values: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """The least or greatest of each triangle's corners: (M, …) of (N, …); much faster than a reduction over axis 1."""
    return pick(pick(values[faces[:, 0]], values[faces[:, 1]]), values[faces[:, 2]])


def _inside(points: np.ndarray, body: Body) -> bool:
    """Whether any of the points (P, 3) lies inside a body's solid matter."""
    local = body.to_local(points)
    # No narrower than this: a piece inside must have its point inside until its surface meets the body's.
    low, high = body.shape.low + SKIN_M, body.shape.high - SKIN_M
    return any(body.shape.holds(p) for p in local[((local > low) & (local < high)).all(axis=1)])
