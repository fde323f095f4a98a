"""What people standing in the room see: the evidence of the reward's view term.

From two or three places at eye height there is an image of object indices; each item's pixels in it are counted against
those that it would fill if it stood in the room alone. Here Cycles renders the images, and rays are cast at an item's
mesh through the pixels that others took; `ray_view` casts all of it, at fewer pixels.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...core.evidence import ViewMeasure
from ...core.task import Room, Task
from ..physics.body import Body
from .render_scene import RenderScene
from .standing_places import HALF_FIELD, behind_walls, standing_places

if TYPE_CHECKING:
    from ..physics.room_meshes import RoomObjects
    from ..physics.stage import Stage

PIXELS = 96
"""Width and height of an image of object indices."""
_RAYS = 500
"""Most rays for an item and image; an item that would need more is sampled on a coarser grid."""


@dataclass(frozen=True)
class Sight:
    """What is seen from a place (3,): the number of the body at each pixel's middle (N, N), 0 where there is none, and
    for each body that is asked for, by its number, the share of its pixels that is seen."""

    place: np.ndarray
    ids: np.ndarray
    shares: Mapping[int, float]


def measure_view(render_scene: RenderScene, stage: Stage, task: Task) -> ViewMeasure:
    """See ViewMeasure; measured by renders."""
    bodies = numbered_bodies(stage)
    for number, body in bodies.items():
        body.object.pass_index = number
    camera = render_scene.camera.data
    camera.type, camera.sensor_fit, camera.angle = "PERSP", "AUTO", 2 * math.atan(HALF_FIELD)
    camera.clip_start, camera.clip_end = 0.05, 200.0
    views = standing_places(task.room, stage.placed)
    with render_scene.linked([*open_room(stage).all, *(body.object for body in stage.placed)]):
        images = render_scene.render_ids(views, PIXELS)
    sights = []
    for (place, rotation), ids in zip(views, images, strict=True):
        edges = windows(bodies.values(), place, rotation, PIXELS)
        shares = {
            number: _share_seen(ids == number, body, window, place, rotation, task.room)
            for (number, body), window in zip(bodies.items(), edges, strict=True)
            if is_asked(body)
        }
        sights.append(Sight(place, ids, shares))
    return view_of(bodies, sights)


def numbered_bodies(stage: Stage) -> dict[int, Body]:
    """The bodies that are placed, by the numbers that they have in images."""
    return dict(enumerate(stage.placed, 1))


def is_asked(body: Body) -> bool:
    """Whether it is to be seen. Coverings are meant to be stood on, and no layout can move what is locked: both fill
    the frame, and may hide others."""
    return not body.item.covering and not body.item.locked


def view_of(bodies: Mapping[int, Body], sights: Sequence[Sight]) -> ViewMeasure:
    """The measure of a room from what is seen at each place. An item's share is that from the place which shows it
    best, 0 where no place shows it."""
    best = {body.item.id: 0.0 for body in bodies.values() if is_asked(body)}
    fronts = dict(best)
    fills, balances = [], []
    for sight in sights:
        areas = np.bincount(sight.ids.ravel(), minlength=len(bodies) + 1)[1:] / sight.ids.size
        fills.append(float(areas.clip(max=ViewMeasure.LOOMING).sum()))
        left, right = (float((half > 0).sum()) for half in np.array_split(sight.ids, 2, axis=1))
        balances.append(1 - abs(left - right) / (left + right) if left + right else 0.0)
        for number, share in sight.shares.items():
            body = bodies[number]
            best[body.item.id] = max(best[body.item.id], share)
            if np.dot(sight.place[:2] - (body.box.x, body.box.y), body.box.front) > 0:
                fronts[body.item.id] = max(fronts[body.item.id], share)
    return ViewMeasure(best, fronts, float(np.mean(fills)), float(np.mean(balances)))


def open_room(stage: Stage) -> RoomObjects:
    """The objects of the room that stands on the stage. Raises ValueError where no task is open."""
    if stage.room is None:
        raise ValueError("no task is open on the stage")
    return stage.room


def windows(bodies: Collection[Body], place: np.ndarray, rotation: np.ndarray, pixels: int) -> np.ndarray:
    """(B, 4) columns and rows x0, x1, y0, y1 that hold each body's box in an image of so many pixels; as many pixels as
    it has if the box reaches behind the eye, and none if it is out of the image."""
    boxes = [body.box for body in bodies]
    corners = np.array([[(*p, z) for z in (box.z, box.top) for p in box.points] for box in boxes]).reshape(-1, 8, 3)
    u, v, w = np.moveaxis((corners - place) @ rotation, 2, 0)  # (B, 8) each
    behind = w > -0.05
    depth = np.where(behind, 1.0, -w)
    x, y = (u / depth / HALF_FIELD + 1) / 2 * pixels, (1 - v / depth / HALF_FIELD) / 2 * pixels
    lows, highs = ([np.floor(c.min(axis=1)) for c in (x, y)], [np.ceil(c.max(axis=1)) for c in (x, y)])
    edges = np.stack([lows[0], highs[0], lows[1], highs[1]], axis=1).clip(0, pixels).astype(int)
    edges[behind.any(axis=1)] = 0, pixels, 0, pixels
    edges[behind.all(axis=1)] = 0
    return edges


def _share_seen(
    seen: np.ndarray, body: Body, window: np.ndarray, place: np.ndarray, rotation: np.ndarray, room: Room
) -> float:
    """Pixels of `seen` (N, N) over those that the item would fill alone, all of them in its window."""
    x0, x1, y0, y1 = window
    rows, columns = np.nonzero(~seen[y0:y1, x0:x1])
    visible = int(seen.sum())
    step = max(1, math.ceil(math.sqrt(len(rows) / _RAYS)))
    if step > 1:
        kept = (rows % step == 0) & (columns % step == 0)
        rows, columns = rows[kept], columns[kept]
    u = ((columns + x0 + 0.5) / PIXELS * 2 - 1) * HALF_FIELD
    v = (1 - (rows + y0 + 0.5) / PIXELS * 2) * HALF_FIELD
    rays = np.stack([u, v, -np.ones(len(u))], axis=1) @ rotation.T
    local = body.placed_at.directions_to_local(rays)
    origin, cast = tuple(body.to_local(place)), body.shape.tree.ray_cast
    hits = [hit for hit in (cast(origin, ray)[0] for ray in local.tolist()) if hit is not None]
    hidden = 0
    if hits:
        points = body.to_room(np.array(hits))
        inside = (points[:, 2] > -1e-3) & (points[:, 2] < room.height + 1e-3)
        hidden = int((inside & ~behind_walls(room, place[:2], points[:, :2])).sum()) * step * step
    return visible / (visible + hidden) if visible else 0.0
