"""The room of an artist's scene: its corners and height, and the frame in which the task has them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import bpy
import numpy as np

from ....core.errors import InputError
from ....core.polygon import wall_segments
from ...frames import heading, rotation_z, transform_points, translation, world_array
from ...meshes import evaluated_parts, mesh_points, mesh_triangles
from .outline import floor_outline
from .walls import walls_outline

HEIGHT = 2.7
"""Metres: the height of a room over a floor object where none is given."""

_MAIN_PIECE = 0.5
"""Share of a floor's area that its largest piece has at least, to be taken for the room."""


class RoomOutline(NamedTuple):
    """Corners of a room in its own frame, the least x and y at 0, its height in metres, and its frame (4x4) in the
    scene's world."""

    corners: tuple[tuple[float, float], ...]
    height: float
    frame: np.ndarray


def source_object(instance: bpy.types.DepsgraphObjectInstance) -> bpy.types.Object:
    """The scene's object that an instance comes from."""
    return (instance.parent or instance.object).original


def room_outline(
    depsgraph: bpy.types.Depsgraph,
    floor: bpy.types.Object | None,
    walls: Sequence[bpy.types.Object] | None,
    size: tuple[float, float, float] | None,
    height: float | None,
    file: str,
) -> RoomOutline:
    """The room over a floor object, else inside walls, else of a size (width, depth, height) about the world's origin.

    `height`: of a room that has a floor object or walls. Lengths are metres. `file` names the scene in errors.
    Raises InputError where there is no such room.
    """
    units = np.diag([1 / depsgraph.scene.unit_settings.scale_length] * 3 + [1.0])  # from metres into the scene's units
    if floor is not None:
        return _over_floor(depsgraph, floor, height, units, file)
    if walls is not None:
        return _inside_walls(depsgraph, walls, height, units, file)
    if size is None or min(size) <= 0:
        raise InputError(file, "room", "a floor object, walls, or a width, depth and height above zero", size)
    width, depth, room_height = size
    corners = ((0.0, 0.0), (width, 0.0), (width, depth), (0.0, depth))
    return RoomOutline(corners, room_height, units @ translation(-width / 2, -depth / 2, 0))


def _over_floor(
    depsgraph: bpy.types.Depsgraph, floor: bpy.types.Object, height: float | None, units: np.ndarray, file: str
) -> RoomOutline:
    """The room over a floor object, whose heading is the room's."""
    frame = rotation_z(heading(world_array(floor, depsgraph)[:3, :3])) @ units
    points, triangles = _world_mesh(depsgraph, {floor})
    outline = floor_outline(transform_points(np.linalg.inv(frame), points), triangles) if len(triangles) else None
    if outline is None:
        raise InputError(file, "floor", "a visible object with a level surface in one piece", floor.name)
    if outline.share < _MAIN_PIECE:
        width, depth = np.ptp(outline.corners, axis=0)
        found = f"{floor.name} is in {outline.pieces} pieces; the largest is {width:.2f} x {depth:.2f} m"
        raise InputError(file, "floor", f"a level surface in one piece, or one that is most of it ({found})")
    corners, level = outline.corners, outline.level
    return _from_corners(corners, level, HEIGHT if height is None else height, frame)


def _inside_walls(
    depsgraph: bpy.types.Depsgraph,
    walls: Sequence[bpy.types.Object],
    height: float | None,
    units: np.ndarray,
    file: str,
) -> RoomOutline:
    """The room inside walls, its longest wall along x or y; without a height it is theirs."""
    points, triangles = _world_mesh(depsgraph, set(walls))
    outline = walls_outline(transform_points(np.linalg.inv(units), points), triangles) if len(triangles) else None
    if outline is None:
        raise InputError(file, "walls", "visible objects that enclose a room")
    sides = wall_segments(outline.corners)
    longest = max(sides, key=lambda side: side.length)
    angle = math.atan2(longest.direction[1], longest.direction[0])
    angle -= math.pi / 2 * round(angle / (math.pi / 2))
    angle = 0.0 if abs(angle) < 1e-5 else angle
    corners = outline.corners @ rotation_z(angle)[:2, :2]
    return _from_corners(
        corners, outline.level, outline.height if height is None else height, units @ rotation_z(angle)
    )


def _from_corners(corners: np.ndarray, level: float, height: float, frame: np.ndarray) -> RoomOutline:
    """A room of corners (K, 2) in `frame`, moved to begin at 0, 0; wall 0 starts near there."""
    x, y = origin = corners.min(axis=0)
    corners = np.roll(corners, -int(np.argmin((corners - origin).sum(axis=1))), axis=0)
    rounded = tuple((round(float(x), 6) + 0.0, round(float(y), 6) + 0.0) for x, y in corners - origin)
    return RoomOutline(rounded, round(float(height), 6), frame @ translation(x, y, level))


def _world_mesh(depsgraph: bpy.types.Depsgraph, objects: set[bpy.types.Object]) -> tuple[np.ndarray, np.ndarray]:
    """World points (N, 3) and triangles (M, 3) of what objects show."""
    points, triangles, count = [np.empty((0, 3))], [np.empty((0, 3), dtype=int)], 0
    parts = evaluated_parts(depsgraph, lambda instance: True if source_object(instance) in objects else None)
    for mesh in parts.get(True, []):
        points.append(mesh_points(mesh))
        triangles.append(mesh_triangles(mesh) + count)
        count += len(points[-1])
    return np.concatenate(points), np.concatenate(triangles)
