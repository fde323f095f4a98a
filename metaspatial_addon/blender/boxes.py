"""Bounding boxes of objects, without a look at their meshes: quick enough for the artist's window."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import bpy
import numpy as np

from .frames import world_matrix
from .meshes import GEOMETRY


def has_shape(obj: bpy.types.Object) -> bool:
    """Whether something of an object stands in the room: faces of its own, or a collection that it instances."""
    return obj.type in GEOMETRY or obj.type == "EMPTY" and obj.instance_collection is not None


def local_corners(obj: bpy.types.Object) -> np.ndarray:
    """Corners (8, 3) of an object's own box; of an empty's cube; around the objects of a collection instance."""
    if obj.type != "EMPTY":
        return np.array(obj.bound_box)
    if obj.instance_collection is None:
        return _box(*(np.full(3, sign * obj.empty_display_size) for sign in (-1, 1)))
    collection = obj.instance_collection
    parts = [
        (local_corners(part), np.array(world_matrix(part))) for part in collection.all_objects if part.type in GEOMETRY
    ]
    points = [corners @ matrix[:3, :3].T + matrix[:3, 3] for corners, matrix in parts] or [np.zeros((8, 3))]
    corners = np.concatenate(points) - collection.instance_offset[:]
    return _box(corners.min(axis=0), corners.max(axis=0))


def world_corners(objects: Iterable[bpy.types.Object]) -> np.ndarray:
    """Corners (8 N, 3) of the objects' boxes in the world."""
    boxes = [
        local_corners(obj) @ np.array(obj.matrix_world)[:3, :3].T + obj.matrix_world.translation[:] for obj in objects
    ]
    return np.concatenate(boxes) if boxes else np.empty((0, 3))


def _box(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Corners (8, 3)."""
    return np.array(list(itertools.product(*zip(low, high, strict=True))))
