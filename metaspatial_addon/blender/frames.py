"""Arithmetic of frames: which way an object looks, and poses as matrices."""

from __future__ import annotations

import math

import bpy
import numpy as np
from mathutils import Matrix

from ..core.task import Pose

FRONTS = {"-Y": 0, "+X": 1, "+Y": 2, "-X": 3}
"""Local axes that an object's front may look along, as quarter turns counter-clockwise from -Y."""


def heading(axes: np.ndarray, front: str = "-Y") -> float:
    """Counter-clockwise turn (radians) about z of an object with these axes (3x3 columns): that of its front, which
    at rest looks along -y; of its right side, where the front looks up or down."""
    sides = [-axes[:, 1], axes[:, 0], axes[:, 1], -axes[:, 0]]
    quarter = FRONTS[front]
    for axis, at_rest in ((sides[quarter], -math.pi / 2), (sides[(quarter + 1) % 4], 0.0)):
        if math.hypot(axis[0], axis[1]) > 0.5 * np.linalg.norm(axis):
            return math.atan2(axis[1], axis[0]) - at_rest
    return 0.0


def rotation_z(angle: float) -> np.ndarray:
    """(4, 4): counter-clockwise about z by radians."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([(c, -s, 0, 0), (s, c, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)], dtype=float)


def translation(x: float, y: float, z: float) -> np.ndarray:
    """(4, 4): a move."""
    matrix = np.eye(4)
    matrix[:3, 3] = x, y, z
    return matrix


def pose_array(pose: Pose) -> np.ndarray:
    """(4, 4): from an item's frame into the room's."""
    return translation(pose.x, pose.y, pose.z) @ rotation_z(math.radians(pose.yaw))


def transform_points(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (N, 3) through a 4x4 matrix."""
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def world_array(obj: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> np.ndarray:
    """(4, 4): an object's evaluated world transform."""
    return np.array(obj.evaluated_get(depsgraph).matrix_world, dtype=float)


def as_matrix(array: np.ndarray) -> Matrix:
    """A 4x4 array as Blender's type."""
    return Matrix(array.tolist())
