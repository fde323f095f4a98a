"""Transforms: which way an object looks, poses as matrices, world transforms of objects that Blender leaves alone.

Matrices of numpy are for arithmetic in double precision, those of Blender for its objects.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import bpy
import numpy as np
from mathutils import Matrix

from ..core.task import MOST_IN_MATRIX, Pose

_ROUNDING = 1e-6
"""Share of the largest number by which equal transforms may differ."""

FRONTS = {"-Y": 0, "+X": 1, "+Y": 2, "-X": 3}
"""Local axes that an object's front may look along, as quarters of a rotation counter-clockwise from -Y."""


def heading(axes: np.ndarray, front: str = "-Y") -> float:
    """Rotation about z (radians, counter-clockwise) of an object with these axes (3, 3), as columns.

    `front`, a key of FRONTS, is the axis that looks along -y at rotation 0. Where it looks up or down, the object's
    right side tells.
    """
    sides = [-axes[:, 1], axes[:, 0], axes[:, 1], -axes[:, 0]]
    quarter = FRONTS[front]
    for axis, at_rest in ((sides[quarter], -math.pi / 2), (sides[(quarter + 1) % 4], 0.0)):
        if math.hypot(axis[0], axis[1]) > 0.5 * np.linalg.norm(axis):
            return math.atan2(axis[1], axis[0]) - at_rest
    return 0.0


def rotation_z(angle: float) -> np.ndarray:
    """(4, 4): a rotation about z, counter-clockwise by radians."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([(c, -s, 0, 0), (s, c, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)], dtype=float)


def translation(x: float, y: float, z: float) -> np.ndarray:
    """(4, 4): a translation."""
    matrix = np.eye(4)
    matrix[:3, 3] = x, y, z
    return matrix


def transform_points(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (N, 3) transformed by a matrix (4, 4)."""
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def world_array(obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> np.ndarray:
    """(4, 4): an object's evaluated world transform."""
    return np.array(obj.evaluated_get(depsgraph).matrix_world, dtype=float)


def as_matrix(array: np.ndarray) -> Matrix:
    """An array (4, 4) as Blender's type."""
    return Matrix(array.tolist())


def pose_matrix(pose: Pose) -> Matrix:
    """The transform (4x4) from the frame of an item at a pose into the room's, as Blender's type."""
    return as_matrix(pose.matrix)


def world_matrix(obj: bpy.types.Object, known: Mapping[bpy.types.Object, Matrix] | None = None) -> Matrix:
    """World transform (4, 4) of an object. Right for one in an excluded collection too, which Blender leaves alone.

    Objects of `known` count as standing at these world transforms.
    """
    below = Matrix.Identity(4)
    while True:
        if known is not None and obj in known:
            return known[obj] @ below
        if any(not constraint.mute for constraint in obj.constraints) or obj.parent_type != "OBJECT":
            return obj.matrix_world @ below
        if obj.parent is None:
            return obj.matrix_basis @ below
        below = obj.matrix_parent_inverse @ obj.matrix_basis @ below
        obj = obj.parent


def is_same_transform(one: Matrix, other: Matrix) -> bool:
    """Whether two transforms are the same but for rounding in single precision, of lengths about 1."""
    largest = max(1.0, *(abs(value) for row in one for value in row))
    pairs = zip(matrix_to_list(one), matrix_to_list(other), strict=True)
    return all(abs(a - b) <= _ROUNDING * largest for a, b in pairs)


def is_within_reach(matrix: Matrix) -> bool:
    """Whether all numbers of a transform are finite, and no larger than those of a scene in micrometres."""
    return all(abs(number) <= MOST_IN_MATRIX for number in matrix_to_list(matrix))


def matrix_to_list(matrix: Matrix) -> list[float]:
    """16 numbers, row by row."""
    return [value for row in matrix for value in row]


def matrix_from_list(numbers: Collection[float]) -> Matrix:
    """The matrix (4, 4) of 16 numbers, row by row."""
    values = list(numbers)
    return Matrix([values[k : k + 4] for k in range(0, 16, 4)])
