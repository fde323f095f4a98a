"""Poses, and the transform between the frame of a placed item and the room's.

An item's frame has its origin in the middle of the underside, x to its right as seen by someone who looks
at its front, y to its back, z up; metres.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np

Point = tuple[float, float]
Numbers = TypeVar("Numbers", float, np.ndarray)


def right_vector(yaw: float) -> Point:
    """Unit vector (cos, sin) to the right of an item at `yaw` degrees, exact at multiples of 90."""
    quarters, rest = divmod(yaw, 90.0)
    c, s = (1.0, 0.0) if rest == 0.0 else (math.cos(math.radians(rest)), math.sin(math.radians(rest)))
    return ((c, s), (-s, c), (-c, -s), (s, -c))[int(quarters) % 4]


def wrap_degrees(angle: float) -> float:
    """The same angle in [0, 360)."""
    wrapped = angle % 360.0
    return 0.0 if wrapped == 360.0 else wrapped


class UprightFrame:
    """Transforms of whatever stands upright at (x, y, z) metres with a yaw in degrees: poses and boxes."""

    x: float
    y: float
    z: float
    yaw: float

    @cached_property
    def right(self) -> Point:
        """Unit vector along the width, exact at quarter rotations."""
        return right_vector(self.yaw)

    @property
    def front(self) -> Point:
        """Unit vector that the front looks along: towards -y at yaw 0."""
        c, s = self.right
        return (s, -c)

    def to_local(self, x: Numbers, y: Numbers) -> tuple[Numbers, Numbers]:
        """Coordinates to the right and to the back of a point of the room; numbers or arrays of one shape."""
        c, s = self.right
        dx, dy = x - self.x, y - self.y
        return dx * c + dy * s, dy * c - dx * s

    def to_room(self, x: Numbers, y: Numbers) -> tuple[Numbers, Numbers]:
        """The inverse of `to_local`."""
        c, s = self.right
        return x * c - y * s + self.x, x * s + y * c + self.y

    def points_to_local(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 3) of the room in this frame: (..., 3)."""
        x, y = self.to_local(points[..., 0], points[..., 1])
        return np.stack([x, y, points[..., 2] - self.z], axis=-1)

    def points_to_room(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 2) or (..., 3) of this frame in the room: an array of the same shape."""
        moved = np.array(points, dtype=float)
        moved[..., 0], moved[..., 1] = self.to_room(points[..., 0], points[..., 1])
        if moved.shape[-1] == 3:
            moved[..., 2] += self.z
        return moved

    def directions_to_local(self, directions: np.ndarray) -> np.ndarray:
        """Directions (..., 3) of the room in this frame: (..., 3)."""
        c, s = self.right
        x, y = directions[..., 0], directions[..., 1]
        return np.stack([x * c + y * s, y * c - x * s, directions[..., 2]], axis=-1)


@dataclass(frozen=True)
class Pose(UprightFrame):
    """Where an item stands: metres and degrees, yaw in [0, 360).

    `x` and `y` are the centre of its bounding box seen from above, `z` the height of its underside.
    """

    x: float
    y: float
    z: float = 0.0
    yaw: float = 0.0

    @property
    def matrix(self) -> np.ndarray:
        """The transform (4, 4) from the item's frame into the room's."""
        c, s = self.right
        return np.array([(c, -s, 0, self.x), (s, c, 0, self.y), (0, 0, 1, self.z), (0, 0, 0, 1)], dtype=float)
