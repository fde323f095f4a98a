"""Objects that stand in a room and are not laid out: which those are, and meshes of them that physics can afford.

An ordinary piece of furniture is an exact copy. What has more than `MOST_FACES` or is made of many instances is
simplified to a mesh of few triangles within about a hundredth of its size; a meadow is its bounding box.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

import bpy
import numpy as np

from ...core.task import Room
from ..frames import heading, rotation_z, transform_points, world_array
from ..meshes import GEOMETRY, mesh_points, mesh_triangles
from .room.room_outline import source_object

NOTE = "stands in the room and is not laid out"

MOST_FACES = 20_000
"""Faces of an obstacle that is copied exactly, at most, and triangles of a simplified one."""
MOST_PARTS = 64
"""Instances of an obstacle that is copied exactly, at most."""
_AFFORDABLE = 3_000_000
"""Faces that are read at all."""

_GRID = 96
"""Cells along the longest side of a mesh that is simplified."""

_TOUCH = 0.002
"""Metres by which what lies under the floor, on the ceiling or behind a wall may reach into the room."""


@dataclass
class Extent:
    """What an object shows: its world bounds (3,), and of how many faces and parts it is made."""

    low: np.ndarray = field(default_factory=lambda: np.full(3, np.inf))
    high: np.ndarray = field(default_factory=lambda: np.full(3, -np.inf))
    faces: int = 0
    parts: int = 0

    @property
    def light(self) -> bool:
        return self.faces <= MOST_FACES and self.parts <= MOST_PARTS


def in_reach(
    depsgraph: bpy.types.Depsgraph, objects: Collection[bpy.types.Object], to_room: np.ndarray, room: Room
) -> dict[bpy.types.Object, Extent]:
    """The extents of those of the objects whose bounding boxes reach into the room's.

    `to_room` (4, 4) leads from the scene's world into the room's frame.
    """
    low = np.array([*np.min(room.floor, axis=0), 0.0]) + _TOUCH
    high = np.array([*np.max(room.floor, axis=0), room.height]) - _TOUCH
    extents: dict[bpy.types.Object, Extent] = {}
    reaching = set()
    for obj, shown, matrix in _shown(depsgraph, objects):
        corners = transform_points(matrix, np.array(shown.bound_box, dtype=float))
        extent = extents.setdefault(obj, Extent())
        extent.low = np.minimum(extent.low, corners.min(axis=0))
        extent.high = np.maximum(extent.high, corners.max(axis=0))
        extent.faces += len(shown.data.polygons) if shown.type == "MESH" else 0
        extent.parts += 1
        if obj not in reaching:
            inside = transform_points(to_room, corners)
            if (inside.min(axis=0) < high).all() and (inside.max(axis=0) > low).all():
                reaching.add(obj)
    return {obj: extent for obj, extent in extents.items() if obj in reaching}


def coarse_meshes(
    depsgraph: bpy.types.Depsgraph, extents: dict[bpy.types.Object, Extent]
) -> dict[bpy.types.Object, bpy.types.Mesh]:
    """New meshes, in world space, of objects that are not `light`."""
    read = {obj for obj, extent in extents.items() if extent.faces <= _AFFORDABLE}
    points: dict[bpy.types.Object, list[np.ndarray]] = {obj: [] for obj in extents}
    triangles: dict[bpy.types.Object, list[np.ndarray]] = {obj: [] for obj in extents}
    surface: dict[bpy.types.Object, bpy.types.Material] = {}
    known: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    for obj, shown, matrix in _shown(depsgraph, extents):
        if shown.material_slots and shown.material_slots[0].material is not None:
            surface.setdefault(obj, shown.material_slots[0].material.original)
        if obj in read and shown.type == "MESH":
            key = shown.data.as_pointer()
            if key not in known:
                known[key] = mesh_points(shown.data), mesh_triangles(shown.data)
            triangles[obj].append(known[key][1] + sum(map(len, points[obj])))
            points[obj].append(transform_points(matrix, known[key][0]))
    meshes = {}
    for obj, extent in extents.items():
        if points[obj]:
            # Along the object's own sides its bounds stay as they are.
            own = rotation_z(heading(world_array(obj, depsgraph)[:3, :3]))
            local = transform_points(own.T, np.concatenate(points[obj]))
            corners, faces = simplified(local, np.concatenate(triangles[obj]))
            corners = transform_points(own, corners)
        if not points[obj] or not len(faces):
            corners, faces = _box(extent)
        meshes[obj] = _mesh(obj.name, corners, faces, surface.get(obj))
    return meshes


def simplified(points: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 3) and triangles (M, 3) of a mesh, of which those of one cell of a grid became one, in the same bounds
    and with at most `MOST_FACES` triangles."""
    low, high = points.min(axis=0), points.max(axis=0)
    cell = max(float((high - low).max()) / _GRID, 1e-6)
    while True:
        spots = ((points - low) / cell).astype(np.int64)
        sides = spots.max(axis=0) + 1
        _, number = np.unique((spots[:, 0] * sides[1] + spots[:, 1]) * sides[2] + spots[:, 2], return_inverse=True)
        number = number.reshape(-1)
        count = int(number.max()) + 1
        faces = number[triangles]
        a, b, c = faces.T
        faces = faces[(a != b) & (b != c) & (c != a)]
        a, b, c = np.sort(faces, axis=1).T
        _, first = np.unique((a * count + b) * count + c, return_index=True)
        if len(first) <= MOST_FACES:
            break
        cell *= 1.5
    weights = np.bincount(number, minlength=count)
    middles = np.stack([np.bincount(number, points[:, k], count) / weights for k in range(3)], axis=1)
    reached, span = middles.min(axis=0), np.ptp(middles, axis=0)
    middles = low + (middles - reached) * np.where(span > 1e-9, (high - low) / np.maximum(span, 1e-9), 1.0)
    return middles, faces[first]


def _shown(
    depsgraph: bpy.types.Depsgraph, objects: Collection[bpy.types.Object]
) -> Iterator[tuple[bpy.types.Object, bpy.types.Object, np.ndarray]]:
    """What is seen of the objects: each with a shown object of geometry and its world transform (4x4)."""
    for instance in depsgraph.object_instances:
        shown = instance.object
        if shown.type not in GEOMETRY or not instance.show_self:
            continue
        obj = source_object(instance)
        if obj in objects and not (instance.is_instance and shown.original.hide_render):
            yield obj, shown, np.array(instance.matrix_world, dtype=float)


def _box(extent: Extent) -> tuple[np.ndarray, np.ndarray]:
    """Corners (8, 3) and triangles (12, 3) of a bounding box."""
    low, high = extent.low, extent.high
    corners = np.array([[(low, high)[k >> axis & 1][axis] for axis in range(3)] for k in range(8)])
    quads = ((0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5))
    return corners, np.array([(q[0], q[k], q[k + 1]) for q in quads for k in (1, 2)])


def _mesh(name: str, points: np.ndarray, triangles: np.ndarray, material: bpy.types.Material | None) -> bpy.types.Mesh:
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(points.tolist(), [], triangles.tolist())
    if material is not None:
        mesh.materials.append(material)
    return mesh
