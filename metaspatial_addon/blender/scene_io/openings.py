"""Doors and windows of a room, out of the objects that mark them in an artist's scene."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import bpy
import numpy as np

from ...core.errors import InputError
from ...core.polygon import WallSegment, wall_segments
from ...core.task import MARKERS, Opening
from ..frames import transform_points
from ..meshes import GEOMETRY
from .room.room_outline import source_object

REACH = 0.5
"""Metres from a wall within which a marker belongs to it."""

_ON_FLOOR = 0.05
"""Metres of height below which a door's lower edge is the floor."""

_LEAST = 0.05
"""Metres that an opening is wide and high at least."""


def marker_points(
    markers: Collection[bpy.types.Object], depsgraph: bpy.types.Depsgraph
) -> dict[bpy.types.Object, np.ndarray]:
    """World corners (8 K, 3) of the boxes that each object fills: those of its geometry, of what it instances, or of
    an empty's cube."""
    boxes: dict[bpy.types.Object, list[np.ndarray]] = {marker: [] for marker in markers}
    for instance in depsgraph.object_instances if markers else ():
        if instance.object.type in GEOMETRY and (marker := source_object(instance)) in boxes:
            corners = np.array(instance.object.bound_box, dtype=float)
            boxes[marker].append(transform_points(np.array(instance.matrix_world, dtype=float), corners))
    for marker in (marker for marker, corners in boxes.items() if not corners):
        evaluated = marker.evaluated_get(depsgraph)
        half = marker.empty_display_size
        cube = [(x, y, z) for x in (-half, half) for y in (-half, half) for z in (-half, half)]
        own = np.array(cube if marker.type == "EMPTY" else evaluated.bound_box, dtype=float)
        boxes[marker].append(transform_points(np.array(evaluated.matrix_world, dtype=float), own))
    return {marker: np.concatenate(corners) for marker, corners in boxes.items()}


def find_openings(
    markers: Mapping[str, tuple[str, np.ndarray]],
    floor: Sequence[tuple[float, float]],
    height: float,
    file: str,
) -> tuple[Opening, ...]:
    """The openings of a room, `door_1`, `window_1` and so on, in the order of their markers.

    `markers`: by object name the kind of opening and points (P, 3) of its box in the room's frame. An opening stands in
    the wall that is nearest to the box and along which the box runs, and is moved and cut so that it fits into it.
    A `door` turns about the opening's start, a `door_end` about its end. `file` names the scene in errors. Raises
    InputError for a marker that is far from all walls, wider than its wall, or wholly above or below the room.
    """
    openings: list[Opening] = []
    walls = wall_segments(floor)
    for name, (kind, points) in markers.items():
        if kind not in MARKERS:
            raise InputError(file, name, f"one of {', '.join(MARKERS)}", kind)
        kind, hinge = MARKERS[kind]
        k, gap = _nearest_wall(points, walls)
        if gap > REACH:
            raise InputError(file, name, f"a {kind} within {REACH:g} m of a wall", f"{gap:.2f} m")
        side = walls[k]
        along = (points[:, :2] - side.start) @ np.array(side.direction)
        low, high = float(points[:, 2].min()), float(points[:, 2].max())
        width = float(np.ptp(along))
        if width < _LEAST or high - low < _LEAST:
            raise InputError(file, name, f"a {kind} at least {_LEAST:g} m wide and high", f"{width:.2f} m wide")
        if width > side.length + 1e-3:
            raise InputError(file, name, f"a {kind} no wider than its wall, {side.length:.2f} m", f"{width:.2f} m")
        sill, top = max(low, 0.0), min(high, height)
        if kind == "door" and sill < _ON_FLOOR:
            sill = 0.0
        if top - sill < _LEAST:
            raise InputError(file, name, f"a {kind} between the floor and the ceiling")
        width = round(min(width, side.length), 6)
        offset = round(min(max(float(along.min()), 0.0), max(side.length - width, 0.0)), 6)
        number = sum(o.kind == kind for o in openings) + 1
        sizes = round(sill, 6), round(top - sill, 6)
        openings.append(Opening(f"{kind}_{number}", kind, k, offset, width, *sizes, hinge))
    return tuple(openings)


def _nearest_wall(points: np.ndarray, walls: Sequence[WallSegment]) -> tuple[int, float]:
    """The number of the wall to which a box (P, 3) belongs, and the metres between the two, seen from above."""
    middle = 0.5 * (points[:, :2].min(axis=0) + points[:, :2].max(axis=0))
    best, chosen = np.inf, (0, np.inf)
    for k, side in enumerate(walls):
        off = points[:, :2] - side.start
        along, away = off @ np.array(side.direction), off @ np.array(side.inward)
        at, out = (middle - side.start) @ np.array(side.direction), (middle - side.start) @ np.array(side.inward)
        beyond = max(-at, at - side.length, 0.0)
        gap = max(float(away.min()), float(-away.max()), 0.0)
        # The depth as the wall sees it tells walls apart in a corner: a box is deep for those that it crosses.
        cost = float(np.hypot(beyond, out) + np.ptp(away))
        if cost < best:
            past = max(float(-along.max()), float(along.min()) - side.length, 0.0)
            best, chosen = cost, (k, float(np.hypot(gap, past)))
    return chosen
