"""The evidence of the view term by rays alone, cast at the trees that physics has of each mesh.

To begin a render takes longer than to render so small an image, and training measures some hundred views a step.
The numbers are those of `visibility.measure_view` but for the pixels, which are fewer; `benchmarks/view.py` measures
how well rewards with them rank layouts.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from ...core.evidence import ViewMeasure
from ...core.task import Room, Task
from ..physics.body import Body
from .standing_places import HALF_FIELD, behind_walls, standing_places
from .visibility import Sight, is_asked, numbered_bodies, view_of, windows

if TYPE_CHECKING:
    from ..physics.stage import Stage

PIXELS = 48
"""Width and height of an image of object indices."""
TOLERANCE_M = 1e-3
"""Metres below the floor or above the ceiling in which an item still shows."""


def measure_view_by_rays(stage: Stage, task: Task) -> ViewMeasure:
    """See ViewMeasure; of the layout that is placed on the stage."""
    bodies = numbered_bodies(stage)
    views = standing_places(task.room, stage.placed)
    return view_of(bodies, [_cast(bodies, task.room, place, rotation) for place, rotation in views])


def _cast(bodies: Mapping[int, Body], room: Room, place: np.ndarray, rotation: np.ndarray) -> Sight:
    """Cast a ray at each body through the middle of each pixel that its box may fill."""
    directions = _directions(PIXELS) @ rotation.T  # (N * N, 3)
    pixels, numbers, distances = [np.zeros(0, int)], [np.zeros(0, int)], [np.zeros(0)]
    edges = windows(bodies.values(), place, rotation, PIXELS)
    for (own, body), (x0, x1, y0, y1) in zip(bodies.items(), edges.tolist(), strict=True):
        window = (np.arange(y0, y1)[:, None] * PIXELS + np.arange(x0, x1)).ravel()
        origin, cast = body.to_local(place).tolist(), body.shape.tree.ray_cast
        rays = body.placed_at.directions_to_local(directions[window]).tolist()
        found = np.array([cast(origin, ray)[3] for ray in rays], float)  # NaN where there is nothing
        hit = np.isfinite(found)
        pixels.append(window[hit])
        numbers.append(np.full(len(pixels[-1]), own))
        distances.append(found[hit])
    pixel, number, distance = (np.concatenate(parts) for parts in (pixels, numbers, distances))
    points = place + directions[pixel] * distance[:, None]
    shown = (points[:, 2] > -TOLERANCE_M) & (points[:, 2] < room.height + TOLERANCE_M)
    shown &= ~behind_walls(room, place[:2], points[:, :2])
    pixel, number, distance = pixel[shown], number[shown], distance[shown]
    ids = np.zeros(PIXELS * PIXELS, int)
    from_far = np.argsort(-distance, kind="stable")
    ids[pixel[from_far]] = number[from_far]  # of several at a pixel the last stays
    seen, alone = (np.bincount(of, minlength=len(bodies) + 1) for of in (ids, number))
    shares = {n: float(seen[n] / max(alone[n], 1)) for n, body in bodies.items() if is_asked(body)}
    return Sight(place, ids.reshape(PIXELS, PIXELS), shares)


@cache
def _directions(pixels: int) -> np.ndarray:
    """(N * N, 3) unit vectors in the camera's frame through the middles of an image's N x N pixels, row by row."""
    middles = ((np.arange(pixels) + 0.5) / pixels * 2 - 1) * HALF_FIELD
    u, v = np.meshgrid(middles, -middles)
    through = np.stack([u.ravel(), v.ravel(), -np.ones(u.size)], axis=1)
    return through / np.linalg.norm(through, axis=1, keepdims=True)
