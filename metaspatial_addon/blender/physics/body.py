"""What the stage places: `CollisionShape`, a mesh with what is derived from it once, and `Body`, an item that has one.

Shapes are kept between tasks, so whatever needs no pose is computed here, on first use, in the item's own frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import bmesh
import bpy
import numpy as np
from mathutils.bvhtree import BVHTree

from ...core.errors import InputError
from ...core.geometry import OrientedBox
from ...core.task import Item, Pose
from ..meshes import in_scene

UNDERSIDE_LEVEL_M = 0.005
"""Metres within which parts of an underside count as one level."""

SKIN_M = 0.001
"""Metres by which `CollisionShape.drawn_in` is smaller on every side."""

MAX_TRIANGLES = 30_000

_DIRECTIONS = np.array(
    [
        (0.93, 0.31, 0.17),
        (-0.91, 0.29, -0.13),
        (0.27, 0.94, 0.19),
        (0.23, -0.95, -0.11),
        (0.11, 0.19, 0.97),
        (-0.17, 0.13, -0.96),
    ]
)
"""Rays of which each meets whatever encloses a point: the six axes, tilted."""

CLOSED_WINDING = 0.95
"""Winding number from which a mesh counts as closed around a point."""


class CollisionShape:
    """A mesh in an item's frame: origin in the middle of the underside, front towards -y, metres.

    Physics works on at most `MAX_TRIANGLES` of it, which Blender's Decimate modifier leaves of a heavier mesh.
    """

    def __init__(self, mesh: bpy.types.Mesh):
        """Raises InputError for a mesh without faces."""
        self.mesh = mesh
        self.vertices, self.triangles = _read(mesh)  # (N, 3) and (M, 3)
        if not len(self.triangles):
            raise InputError(mesh.name, "", "a mesh with at least one face")
        self.low, self.high = self.vertices.min(axis=0), self.vertices.max(axis=0)  # (3,) each
        if len(self.triangles) > MAX_TRIANGLES:
            self.vertices, self.triangles = _thinned(mesh, MAX_TRIANGLES / len(self.triangles))

    @cached_property
    def tree(self) -> BVHTree:
        """For rays; faces are numbered as `triangles`."""
        return BVHTree.FromPolygons(self.vertices.tolist(), self.triangles.tolist(), all_triangles=True)

    @cached_property
    def drawn_in(self) -> np.ndarray:
        """The vertices (N, 3) with every face `SKIN_M` further inside, so that items that touch do not cross."""
        corners = self.vertices[self.triangles]  # (M, 3, 3)
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        # Vertices at one place move as one, or the faces of a mesh with split edges would come apart.
        _, place = np.unique(self.vertices, axis=0, return_inverse=True)
        at = place.reshape(-1)[self.triangles].ravel()  # (3M,)
        each = np.repeat(normals, 3, axis=0)
        planes = np.zeros((place.max() + 1, 3, 3))
        pull = np.zeros((place.max() + 1, 3))
        np.add.at(planes, at, each[:, :, None] * each[:, None, :])
        np.add.at(pull, at, each)
        # The move d for which n . d = -1 for the normals n around a vertex, in the least-squares sense.
        moves = np.linalg.solve(planes + 1e-4 * np.eye(3), -pull[:, :, None])[:, :, 0]
        moves /= np.maximum(np.linalg.norm(moves, axis=1, keepdims=True) / 3.0, 1.0)
        return self.vertices + SKIN_M * moves[place.reshape(-1)]

    @cached_property
    def is_box(self) -> bool:
        """Whether the mesh is its own bounding box: then boxes alone give exact answers."""
        at_ends = np.isclose(self.vertices, self.low, atol=1e-6) | np.isclose(self.vertices, self.high, atol=1e-6)
        return (
            len(self.triangles) == 12
            and bool(at_ends.all())
            and self._volume(self.triangles)[0] > 0.999 * float(np.prod(self.high - self.low))
        )

    @cached_property
    def plan(self) -> np.ndarray:
        """Segments (E, 2, 2) of the mesh's edges seen from above."""
        t = self.triangles
        edges = np.unique(np.sort(np.concatenate([t[:, [0, 1]], t[:, [1, 2]], t[:, [2, 0]]]), axis=1), axis=0)
        return self.vertices[edges][:, :, :2]

    @cached_property
    def parts(self) -> np.ndarray:
        """A point (P, 3) in each piece of the mesh that hangs together, two skins below its surface."""
        label = np.arange(len(self.vertices))
        while True:  # pointer jumping: a few rounds even for long strips
            least = label[self.triangles].min(axis=1)
            merged = label.copy()
            np.minimum.at(merged, self.triangles.ravel(), np.repeat(least, 3))
            merged = merged[merged]
            if np.array_equal(merged, label):
                break
            label = merged
        chosen = np.unique(label[self.triangles.ravel()])
        return 2 * self.drawn_in[chosen] - self.vertices[chosen]

    @cached_property
    def contacts(self) -> np.ndarray:
        """Points (C, 3) of the underside on which the item rests, spread over its feet."""
        feet = self.vertices[self.vertices[:, 2] <= self.low[2] + UNDERSIDE_LEVEL_M]
        middle = 0.5 * (feet.min(axis=0) + feet.max(axis=0))
        extreme = [feet[np.argmax(feet[:, :2] @ (math.cos(a), math.sin(a)))] for a in np.arange(8) * math.pi / 4 + 0.1]
        inward = middle - np.array(extreme)
        length = np.maximum(np.linalg.norm(inward, axis=1, keepdims=True), 1e-9)
        rim = np.array(extreme) + inward * np.minimum(0.01 / length, 1.0)
        spread = feet.max(axis=0) - feet.min(axis=0)
        grid = np.array([middle + spread * (u, v, 0) for u in (-0.3, 0, 0.3) for v in (-0.3, 0, 0.3)])
        under = []
        for point in grid:
            hit = self.tree.ray_cast((point[0], point[1], self.low[2] - 1.0), (0, 0, 1))[0]
            if hit is not None and hit.z <= self.low[2] + UNDERSIDE_LEVEL_M:
                under.append(point)
        points = np.concatenate([np.array(under).reshape(-1, 3), rim])
        points[:, 2] = self.low[2]
        return np.unique(points.round(4), axis=0)

    @cached_property
    def hull(self) -> tuple[np.ndarray, list[tuple[int, ...]]]:
        """Convex hull, of at most about 200 corners: corners (H, 3) and triangles."""
        bm = bmesh.new()
        try:
            for v in _extremes(np.unique(self.vertices.round(5), axis=0)):
                bm.verts.new(v)
            bmesh.ops.convex_hull(bm, input=bm.verts, use_existing_faces=False)
            spare = [v for v in bm.verts if not v.link_faces]
            bmesh.ops.delete(bm, geom=spare, context="VERTS")
            bm.verts.index_update()
            return np.array([v.co for v in bm.verts]), [tuple(v.index for v in f.verts) for f in bm.faces]
        finally:
            bm.free()

    @cached_property
    def mass_centre(self) -> np.ndarray:
        """Centre (3,) of the enclosed volume; of the convex hull where the mesh encloses none."""
        volume, centre = self._volume(self.triangles)
        if volume > 1e-9 and np.all(centre >= self.low) and np.all(centre <= self.high):
            return centre
        return self.hull[0].mean(axis=0)

    def _volume(self, triangles: np.ndarray) -> tuple[float, np.ndarray]:
        corners = self.vertices[triangles]  # (M, 3, 3)
        parts = np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6.0
        total = float(parts.sum())
        centre = (parts[:, None] * corners.sum(axis=1) / 4.0).sum(axis=0) / total if total else self.low
        return total, centre

    def holds(self, point: np.ndarray) -> bool:
        """Whether a point (3,) lies inside solid matter: the mesh winds around it, all but closed.

        The winding number (Jacobson, Kavan, Sorkine-Hornung 2013) does not mind parts that touch or cross; an open
        shelf or a single sheet does not wind around what is before it.
        """
        if any(self.tree.ray_cast(point, direction)[0] is None for direction in _DIRECTIONS):
            return False
        corners = self.vertices[self.triangles] - point  # (M, 3, 3)
        a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
        la, lb, lc = np.linalg.norm(corners, axis=2).T
        solid = np.einsum("ij,ij->i", a, np.cross(b, c))
        dots = [np.einsum("ij,ij->i", u, v) for u, v in ((a, b), (b, c), (c, a))]
        angles = 2 * np.arctan2(solid, la * lb * lc + dots[0] * lc + dots[1] * la + dots[2] * lb)
        return abs(float(angles.sum())) > CLOSED_WINDING * 4 * math.pi


def _read(mesh: bpy.types.Mesh) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (N, 3) float64 without the noise of float32, and triangles (M, 3) int32."""
    mesh.calc_loop_triangles()
    vertices = np.empty(3 * len(mesh.vertices), dtype=np.float32)
    mesh.vertices.foreach_get("co", vertices)
    triangles = np.empty(3 * len(mesh.loop_triangles), dtype=np.int32)
    mesh.loop_triangles.foreach_get("vertices", triangles)
    return vertices.reshape(-1, 3).astype(np.float64).round(6), triangles.reshape(-1, 3)


def _thinned(mesh: bpy.types.Mesh, share: float) -> tuple[np.ndarray, np.ndarray]:
    """`_read` of the mesh with about that share of its triangles."""
    scene = bpy.data.scenes.new("MetaSpatial Thin")
    heavy = bpy.data.objects.new("MetaSpatial Thin", mesh)
    try:
        scene.collection.objects.link(heavy)
        heavy.modifiers.new("thin", "DECIMATE").ratio = share
        with in_scene(scene) as depsgraph:
            return _read(heavy.evaluated_get(depsgraph).data)
    finally:
        bpy.data.objects.remove(heavy)
        bpy.data.scenes.remove(scene)


def _extremes(points: np.ndarray, around: int = 24, all_round: int = 120) -> np.ndarray:
    """Those of many points (N, 3) that matter for their convex hull: the outermost ones in evenly spread directions,
    and the outermost ones of the underside and the top, on which things stand. All of them where they are few."""
    if len(points) <= all_round:
        return points
    k = np.arange(all_round) + 0.5  # a Fibonacci sphere
    polar, turn = np.arccos(1 - 2 * k / all_round), math.pi * (1 + math.sqrt(5)) * k
    sphere = np.stack([np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)], axis=1)
    angles = 2 * math.pi * np.arange(around) / around
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    chosen = [np.argmax(points @ sphere.T, axis=0)]
    for level in (points[:, 2].min(), points[:, 2].max()):
        at = np.flatnonzero(np.abs(points[:, 2] - level) <= UNDERSIDE_LEVEL_M)
        chosen.append(at[np.argmax(points[at, :2] @ ring.T, axis=0)])
    return points[np.unique(np.concatenate(chosen))]


@dataclass
class Body:
    """An item on the stage. `object` carries its shape's mesh, at (x, y, z) and turned by yaw; `pose` is None
    while the layout does not place it."""

    item: Item
    object: bpy.types.Object
    shape: CollisionShape
    pose: Pose | None = None

    @property
    def vertices(self) -> np.ndarray:
        """(N, 3) float64, in the item's frame."""
        return self.shape.vertices

    @property
    def triangles(self) -> np.ndarray:
        """(M, 3) vertex numbers."""
        return self.shape.triangles

    def to_room(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 2 or 3) of the item's frame in the room's."""
        return self.placed_at.points_to_room(points)

    def to_local(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 3) of the room's frame in the item's."""
        return self.placed_at.points_to_local(points)

    @property
    def placed_at(self) -> Pose:
        """The pose of a body that is placed. Raises ValueError for another."""
        if self.pose is None:
            raise ValueError(f"{self.item.id} is not placed")
        return self.pose

    @property
    def outline(self) -> np.ndarray:
        """The edges (E, 2, 2) of the mesh seen from above, in the room's frame."""
        return self.to_room(self.shape.plan)

    @property
    def contacts(self) -> np.ndarray:
        """Points (P, 3) of the underside by which the item may be carried, in the room's frame."""
        return self.to_room(self.shape.contacts)

    def drop(self, points: np.ndarray) -> float:
        """Cast a ray down from each point (P, 3) of the room over the bounding box: the least distance to the mesh, 0
        from inside it, inf where no ray meets it."""
        local = self.to_local(points)
        low, high = self.shape.low[:2], self.shape.high[:2]
        least = math.inf
        for point in local[((local[:, :2] >= low) & (local[:, :2] <= high)).all(axis=1)]:
            _, normal, _, distance = self.shape.tree.ray_cast(point, (0.0, 0.0, -1.0))
            if distance is not None:
                least = min(least, 0.0 if normal.z < 0 and self.shape.holds(point) else distance)
        return least

    @property
    def box(self) -> OrientedBox:
        """The mesh's own bounding box where it stands: never larger than the item's size."""
        if self._box is None or self._box[0] is not self.pose:
            low, high = self.shape.low, self.shape.high
            pose, middle = self.placed_at, 0.5 * (low[:2] + high[:2])
            x, y = pose.to_room(float(middle[0]), float(middle[1]))
            size = (float(v) for v in high - low)
            self._box = (pose, OrientedBox(x, y, pose.z + float(low[2]), pose.yaw, *size))
        return self._box[1]

    _box: tuple[Pose, OrientedBox] | None = None
