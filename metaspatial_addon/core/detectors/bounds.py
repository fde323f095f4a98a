"""Which items reach beyond the room: outlines against the floor polygon, boxes against floor and ceiling."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..faults import Outside
from ..geometry import OrientedBox, share_outside
from ..polygon import contains, distance_to_edges
from ..task import Room
from .solid import Solid

OUTSIDE_TOLERANCE_M = 0.01
"""Metres beyond the room that count as rounding."""


def find_outside(solids: Sequence[Solid], room: Room) -> tuple[Outside, ...]:
    """Every unlocked solid that is outside by more than `OUTSIDE_TOLERANCE_M`, with the share of its box outside.

    The distance is that of the furthest point of the outline beyond a wall, or of the box below the floor or above the
    ceiling, whichever is more.
    """
    floor = np.array(room.floor, dtype=float)
    placed = [solid for solid in solids if not solid.item.locked]
    faults = []
    for solid, inside in zip(placed, _surely_inside([solid.box for solid in placed], floor), strict=True):
        box = solid.box
        distance = max(-box.z, box.top - room.height, 0.0 if inside else _beyond_walls(solid.outline, floor))
        if distance > OUTSIDE_TOLERANCE_M:
            faults.append(Outside(solid.item.id, round(distance, 4), round(_share(box, floor, room.height), 4)))
    return tuple(faults)


def _share(box: OrientedBox, floor: np.ndarray, height: float) -> float:
    """Share in [0, 1] of a box that lies beyond the walls, below the floor or above the ceiling."""
    upright = (max(-box.z, 0.0) + max(box.top - height, 0.0)) / max(box.height, 1e-6)  # a mesh may be flat
    return 1.0 - (1.0 - share_outside(box.corners, floor)) * (1.0 - min(upright, 1.0))


def _beyond_walls(outline: np.ndarray, floor: np.ndarray) -> float:
    """Metres from the furthest point of an outline (E, 2, 2) to the room; 0 for one inside."""
    points = np.concatenate([outline.reshape(-1, 2), *_parts_between_walls(outline, floor)])
    beyond = points[~contains(points, floor)]
    return float(distance_to_edges(beyond, floor).max()) if len(beyond) else 0.0


def _surely_inside(boxes: Sequence[OrientedBox], floor: np.ndarray) -> list[bool]:
    """Whether each footprint lies in the floor: its corners do, and no edge of a bent floor comes into it."""
    if not boxes:
        return []
    corners = np.array([box.points for box in boxes])  # (N, 4, 2)
    inside = contains(corners.reshape(-1, 2), floor).reshape(-1, 4).all(axis=1)
    if _convex(floor):
        return inside.tolist()
    # Where no edge of the floor comes into the box around a footprint, none comes into the footprint.
    ends = np.stack([floor, np.roll(floor, -1, axis=0)])
    starts_before = ends.min(axis=0) < corners.max(axis=1)[:, None] - 1e-9  # (N, K, 2)
    ends_behind = ends.max(axis=0) > corners.min(axis=1)[:, None] + 1e-9
    near = (starts_before & ends_behind).all(axis=2).any(axis=1)
    return [bool(i) and not (n and _entered(points, floor)) for i, n, points in zip(inside, near, corners, strict=True)]


def _entered(corners: np.ndarray, floor: np.ndarray) -> bool:
    """Whether a corner of the floor lies in a footprint (4, 2), or an edge of the floor crosses one of its edges."""
    edges = np.roll(corners, -1, axis=0) - corners
    rel = floor[:, None] - corners  # (K, 4, 2)
    inside = (edges[:, 0] * rel[..., 1] - edges[:, 1] * rel[..., 0] > 1e-9).all(axis=1)  # (K,)
    return bool(inside.any()) or _crosses(corners, floor)


def _crosses(corners: np.ndarray, floor: np.ndarray) -> bool:
    """Whether an edge of the footprint crosses an edge of the floor."""
    edges = np.stack([corners, np.roll(corners, -1, axis=0)], axis=1)
    cuts = _cuts(edges, floor)
    return bool(((cuts > 1e-9) & (cuts < 1 - 1e-9)).any())


def _cuts(segments: np.ndarray, floor: np.ndarray) -> np.ndarray:
    """Where along each segment (E, 2, 2), from 0 to 1, edges of the floor cut it: (E, K), nan where they do not.

    K counts the edges whose bounding box meets that of all segments.
    """
    ends = np.roll(floor, -1, axis=0)
    low, high = segments.min(axis=(0, 1)), segments.max(axis=(0, 1))
    near = ((np.minimum(floor, ends) <= high) & (np.maximum(floor, ends) >= low)).all(axis=1)
    start, along = segments[:, 0], segments[:, 1] - segments[:, 0]
    cuts = np.full((len(segments), int(near.sum())), np.nan)
    for k, (p, q) in enumerate(zip(floor[near], ends[near], strict=True)):
        w = q - p
        det = along[:, 0] * w[1] - along[:, 1] * w[0]
        parallel = np.abs(det) < 1e-12
        safe = np.where(parallel, 1.0, det)
        r = p - start
        t = (r[:, 0] * w[1] - r[:, 1] * w[0]) / safe
        u = (r[:, 0] * along[:, 1] - r[:, 1] * along[:, 0]) / safe
        cuts[:, k] = np.where(~parallel & (u >= 0) & (u <= 1) & (t >= 0) & (t <= 1), t, np.nan)
    return cuts


def _parts_between_walls(outline: np.ndarray, floor: np.ndarray) -> list[np.ndarray]:
    """Points along those edges whose ends may both be inside while a corner of the room cuts into their middle."""
    if _convex(floor):
        return []
    cuts = _cuts(outline, floor)
    twice = (~np.isnan(cuts)).sum(axis=1) >= 2
    if not twice.any():
        return []
    segments, steps = outline[twice], np.linspace(0.0, 1.0, 33)[:, None, None]
    low, high = np.nanmin(cuts[twice], axis=1)[:, None], np.nanmax(cuts[twice], axis=1)[:, None]
    along = segments[:, 1] - segments[:, 0]
    return [(segments[:, 0] + (low + steps * (high - low)) * along).reshape(-1, 2)]


def _convex(floor: np.ndarray) -> bool:
    edges = np.roll(floor, -1, axis=0) - floor
    following = np.roll(edges, -1, axis=0)
    return bool((edges[:, 0] * following[:, 1] - edges[:, 1] * following[:, 0] >= 0).all())
