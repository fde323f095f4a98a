"""What the overlay draws, as points in the world: outlines as pairs of line ends, faint fills as triangles.

Lengths are in scene units; `unit` is how many of them a metre has.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.access import keep_free
from ...core.task import MARKERS, Opening, Room

LIFT_M = 0.03
"""Height above the floor: over rugs, and so that floor and drawing do not flicker."""

_BOX_EDGES = np.array([(k, k | bit) for bit in (1, 2, 4) for k in range(8) if not k & bit])
ARROW_GAP_M, ARROW_LENGTH_M = 0.06, 0.4
"""Distance between an item and the arrow at its front, and length of the arrow."""
SHAFT_WIDTH_M, HEAD_LENGTH_M, HEAD_WIDTH_M = 0.06, 0.18, 0.18
MIN_MOVE_M = 0.01
"""Shorter moves along the floor get no arrow."""


@dataclass(frozen=True)
class OverlayShape:
    """Line ends (2 L, 3) and corners of triangles (3 T, 3), in the world."""

    lines: np.ndarray
    triangles: np.ndarray


def join_shapes(shapes: list[OverlayShape]) -> OverlayShape:
    """All shapes as one."""
    nothing = np.empty((0, 3))
    return OverlayShape(
        np.concatenate([nothing, *(shape.lines for shape in shapes)]),
        np.concatenate([nothing, *(shape.triangles for shape in shapes)]),
    )


def flat_shape(corners: np.ndarray, height: float) -> OverlayShape:
    """A flat convex polygon of corners (K, 2)."""
    points = np.column_stack([corners, np.full(len(corners), height)])
    fan = [(points[0], points[k], points[k + 1]) for k in range(1, len(points) - 1)]
    return OverlayShape(
        np.stack([points, np.roll(points, -1, axis=0)], axis=1).reshape(-1, 3), np.array(fan).reshape(-1, 3)
    )


def room_shape(corners: np.ndarray, height: float) -> OverlayShape:
    """The outlines of a room's floor, whose corners (4, 3) are given, and of its walls."""
    box = np.concatenate([corners, corners + (0.0, 0.0, height)])
    edges = [(k, (k + 1) % 4) for k in range(4)]
    ends = [*edges, *((a + 4, b + 4) for a, b in edges), *((k, k + 4) for k in range(4))]
    return OverlayShape(box[np.array(ends).ravel()], np.empty((0, 3)))


def opening_shape(
    kind: str, middle: np.ndarray, inward: np.ndarray, width: float, height: float, unit: float
) -> OverlayShape:
    """The floor that a door or window needs free: a door's swing about its hinge, a window's strip.

    `kind`: door, door_end or window. `middle` (2,): of the opening. `inward` (2,): unit vector into the room.
    `height`: of the floor.
    """
    along = np.array([inward[1], -inward[0]])
    start = np.asarray(middle) - along * width / 2
    wide = width / unit
    # Measured in a square room, in metres, whose first wall is the opening.
    square = tuple(
        (float(x), float(y)) for x, y in np.outer((0, 1, 1, 0), along * wide) + np.outer((0, 0, 1, 1), inward * wide)
    )
    kind, hinge = MARKERS[kind]
    corners = keep_free(Room("room", square, 3.0), Opening("opening", kind, 0, 0.0, wide, 0.0, 2.0, hinge))
    return flat_shape(start + corners * unit, height + LIFT_M * unit)


def front_shape(corners: np.ndarray, facing: np.ndarray, height: float, unit: float) -> OverlayShape:
    """An arrow on the floor before an item with corners (N, 3) that faces along a unit vector (2,)."""
    across = np.array([-facing[1], facing[0]])
    ahead, beside = corners[:, :2] @ facing, corners[:, :2] @ across
    middle = across * (beside.min() + beside.max()) / 2
    tail = middle + facing * (ahead.max() + ARROW_GAP_M * unit)
    return flat_arrow(tail, tail + facing * ARROW_LENGTH_M * unit, height + LIFT_M * unit, unit)


def flat_arrow(tail: np.ndarray, tip: np.ndarray, height: float, unit: float) -> OverlayShape:
    """A level arrow between two points (2,) that are not the same; a short one is all head."""
    length = float(np.linalg.norm(tip - tail))
    ahead = (tip - tail) / length
    across = np.array([-ahead[1], ahead[0]])
    head = min(HEAD_LENGTH_M * unit, length)
    neck, half, wing = tip - ahead * head, across * SHAFT_WIDTH_M * unit / 2, across * HEAD_WIDTH_M * unit / 2
    outline = np.array([tail - half, neck - half, neck - wing, tip, neck + wing, neck + half, tail + half])
    points = np.column_stack([outline, np.full(7, height)])
    faces = points[[0, 1, 5, 0, 5, 6, 2, 3, 4]]
    return OverlayShape(np.stack([points, np.roll(points, -1, axis=0)], axis=1).reshape(-1, 3), faces)


def box_shape(corners: np.ndarray) -> OverlayShape:
    """The edges of a box of corners (8, 3): the low side before the high one, along z, then y, then x."""
    return OverlayShape(np.asarray(corners)[_BOX_EDGES].reshape(-1, 3), np.empty((0, 3)))


def move_shape(before: np.ndarray, now: np.ndarray, unit: float) -> OverlayShape:
    """Where a box of corners (8, 3) was, and an arrow over the floor from there to where it is now."""
    tail, tip = before.mean(axis=0)[:2], now.mean(axis=0)[:2]
    ghost = box_shape(before)
    if np.linalg.norm(tip - tail) < MIN_MOVE_M * unit:
        return ghost
    return join_shapes([ghost, flat_arrow(tail, tip, before[:, 2].min() + LIFT_M * unit, unit)])
