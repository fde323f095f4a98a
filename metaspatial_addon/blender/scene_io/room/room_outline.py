"""The room of an artist's scene: its corners and height, and the frame in which a task tells them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import bpy
import numpy as np

from ....core.errors import InputError
from ....core.polygon import wall
from ...frames import heading, rotation_z, transform_points, translation, world_array
from ...meshes import evaluated_parts, mesh_points, mesh_triangles
from .outline import floor_outline
from .walls import walls_outline

HEIGHT = 2.7
"""Metres of a room whose height nobody says."""


class RoomOutline(NamedTuple):
    """Corners of a room in its own frame, the least x and y at 0, its height in metres, and its frame (4x4) in the
    scene's world."""

    corners: tuple[tuple[float, float], ...]
    height: float
    frame: np.ndarray


def source_object(instance: bpy.types.DepsgraphObjectInstance) -> bpy.types.Object:
    """The scene's object that an instance comes from."""
    return (instance.parent or instance.object).original


def outline_from_size(depsgraph: bpy.types.Depsgraph, size: tuple[float, float, float]) -> RoomOutline:
    """A room of width, depth and height about the world's origin."""
    width, depth, height = size
    corners = ((0.0, 0.0), (width, 0.0), (width, depth), (0.0, depth))
    return RoomOutline(corners, height, _units(depsgraph) @ translation(-width / 2, -depth / 2, 0))


def outline_from_floor(
    depsgraph: bpy.types.Depsgraph, floor: bpy.types.Object, height: float | None, file: str
) -> RoomOutline:
    """A room over a floor object, whose heading is the room's. Raises InputError."""
    turned = rotation_z(heading(world_array(floor, depsgraph)[:3, :3])) @ _units(depsgraph)
    points, triangles = _solid(depsgraph, {floor})
    found = floor_outline(transform_points(np.linalg.inv(turned), points), triangles) if len(triangles) else None
    if found is None:
        raise InputError(file, "floor", "a visible object with a level surface in one piece", floor.name)
    return _outline(found[0], found[1], HEIGHT if height is None else height, turned)


def outline_from_walls(
    depsgraph: bpy.types.Depsgraph, walls: Iterable[bpy.types.Object], height: float | None, file: str
) -> RoomOutline:
    """A room inside walls, its longest wall along x or y; without a height it is theirs. Raises InputError."""
    units = _units(depsgraph)
    points, triangles = _solid(depsgraph, set(walls))
    found = walls_outline(transform_points(np.linalg.inv(units), points), triangles) if len(triangles) else None
    if found is None:
        raise InputError(file, "walls", "visible objects that enclose a room")
    longest = max((wall(found.corners, k) for k in range(len(found.corners))), key=lambda side: side.length)
    angle = math.atan2(longest.direction[1], longest.direction[0])
    angle -= math.pi / 2 * round(angle / (math.pi / 2))
    angle = 0.0 if abs(angle) < 1e-5 else angle
    corners = found.corners @ rotation_z(angle)[:2, :2]
    return _outline(corners, found.level, found.height if height is None else height, units @ rotation_z(angle))


def _units(depsgraph: bpy.types.Depsgraph) -> np.ndarray:
    """(4, 4): from metres into the scene's units."""
    return np.diag([1 / depsgraph.scene.unit_settings.scale_length] * 3 + [1.0])


def _outline(corners: np.ndarray, level: float, height: float, frame: np.ndarray) -> RoomOutline:
    """A room of corners (K, 2) in `frame`, moved to begin at 0, 0; wall 0 starts near there."""
    origin = corners.min(axis=0)
    corners = np.roll(corners, -int(np.argmin((corners - origin).sum(axis=1))), axis=0)
    rounded = tuple((round(float(x), 6) + 0.0, round(float(y), 6) + 0.0) for x, y in corners - origin)
    return RoomOutline(rounded, round(float(height), 6), frame @ translation(*origin, level))


def _solid(depsgraph: bpy.types.Depsgraph, objects: set[bpy.types.Object]) -> tuple[np.ndarray, np.ndarray]:
    """World points (N, 3) and triangles (M, 3) of what objects show."""
    points, triangles, count = [np.empty((0, 3))], [np.empty((0, 3), dtype=int)], 0
    for mesh in evaluated_parts(depsgraph, lambda i: "all" if source_object(i) in objects else None).get("all", []):
        points.append(mesh_points(mesh))
        triangles.append(mesh_triangles(mesh) + count)
        count += len(points[-1])
    return np.concatenate(points), np.concatenate(triangles)
