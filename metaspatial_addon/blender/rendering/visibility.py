"""What people standing in the room see: the evidence of the reward's view term.

From two or three places at eye height an image of object indices is rendered; each item's pixels in it are counted
against those that it would fill if it stood in the room alone (rays cast at its mesh through the same pixels).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ...core.evidence import ViewMeasure
from ...core.polygon import contains, triangulate
from ...core.task import Room, Task
from ..physics.body import Body
from .render_scene import RenderScene

if TYPE_CHECKING:
    from ..physics.room_meshes import RoomObjects
    from ..physics.stage import Stage

PIXELS = 96
"""Width and height of an image of object indices."""
EYE_HEIGHT = 1.6
"""Metres above the floor, of a standing person."""
HALF_FIELD = 1.0
"""Tangent of half the field of view: 90 degrees, what one takes in without turning the head much."""
LOOK_DOWN = math.radians(12)
"""Radians by which the camera looks below the horizon."""
PLACES = 3
"""Places to look from, at most."""
MAX_CORNERS = 64
"""Corners of a floor that are tried as places; of a floor with more, every second, third and so on."""
_RAYS = 500
"""Most rays for an item and image; an item that would need more is sampled on a coarser grid."""


def measure_view(render_scene: RenderScene, stage: Stage, task: Task) -> ViewMeasure:
    """See ViewMeasure. An item's share is that from the place which shows it best, 0 where no place shows it.

    `visible` and `fronts` leave out coverings, which are meant to be stood on, and locked items, which no layout can
    move. Both fill the frame, and may hide others.
    """
    bodies = stage.placed
    movable = [body for body in bodies if not body.item.locked]
    locked = [body for body in bodies if body.item.locked]
    for number, body in enumerate([*movable, *locked], 1):
        body.object.pass_index = number
    camera = render_scene.camera.data
    camera.type, camera.sensor_fit, camera.angle = "PERSP", "AUTO", 2 * math.atan(HALF_FIELD)
    camera.clip_start, camera.clip_end = 0.05, 200.0
    best = {body.item.id: 0.0 for body in movable if not body.item.covering}
    fronts = dict(best)
    fills, balances = [], []
    with render_scene.linked([*open_room(stage).all, *(body.object for body in bodies)]):
        views = standing_places(task.room, bodies)
        for (place, rotation), ids in zip(views, render_scene.render_ids(views, PIXELS), strict=True):
            areas = np.bincount(ids.ravel(), minlength=len(bodies) + 1)[1:] / ids.size
            fills.append(float(areas.clip(max=ViewMeasure.LOOMING).sum()))
            left, right = (float((half > 0).sum()) for half in np.array_split(ids, 2, axis=1))
            balances.append(1 - abs(left - right) / (left + right) if left + right else 0.0)
            for number, body in enumerate(movable, 1):
                if not body.item.covering:
                    share = _share_seen(ids == number, body, place, rotation, task.room)
                    best[body.item.id] = max(best[body.item.id], share)
                    if np.dot(place[:2] - (body.box.x, body.box.y), body.box.front) > 0:
                        fronts[body.item.id] = max(fronts[body.item.id], share)
    return ViewMeasure(best, fronts, float(np.mean(fills)), float(np.mean(balances)))


def open_room(stage: Stage) -> RoomObjects:
    """The objects of the room that stands on the stage. Raises ValueError where no task is open."""
    if stage.room is None:
        raise ValueError("no task is open on the stage")
    return stage.room


def standing_places(room: Room, bodies: list[Body]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Up to PLACES places (3,) to stand at, each with the camera's axes (3, 3) as columns, looking into the room.

    The first is inside the door; each further one is the corner that shows most of the floor not seen so far.
    Places within tall furniture are passed over.
    """
    eye = min(EYE_HEIGHT, room.height - 0.2)
    floor = floor_points(room, 16)
    if not len(floor):  # a floor of narrow pieces
        floor = np.asarray(room.floor)[triangulate(room.floor)].mean(axis=1)
    doors, corners = _candidates(room)
    usable = [p for p in doors + corners if _is_free(p, bodies, eye)] or [*doors, *corners]
    scenes = [_look(room, place, floor) for place in usable]
    free_doors = sum(_is_free(p, bodies, eye) for p in doors)
    chosen: list[int] = []
    unseen = np.ones(len(floor), bool)
    for number in range(min(PLACES, len(usable))):
        pool = range(free_doors) if number == 0 and free_doors else range(len(usable))
        gains = [float((scenes[k][1] & unseen).mean()) for k in pool]
        pick = pool[int(np.argmax(np.round(gains, 6)))]
        if number >= 2 and max(gains) < 0.02 or pick in chosen:
            break
        chosen.append(pick)
        unseen &= ~scenes[pick][1]
    return [(np.array([*usable[k], eye]), _axes(scenes[k][0])) for k in chosen]


def floor_points(room: Room, side: int) -> np.ndarray:
    """(P, 2) points of a grid, `side` each way within the floor's bounding rectangle, that lie on the floor."""
    floor = np.asarray(room.floor)
    low, high = floor.min(axis=0), floor.max(axis=0)
    x, y = np.meshgrid(*(np.linspace(a, b, side + 2)[1:-1] for a, b in zip(low, high, strict=True)))
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    return points[contains(points, room.floor)]


def _candidates(room: Room) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Places (2,) just inside doors, and in corners; the middles of triangles of the floor where it has neither."""
    doors, corners = [], []
    for opening in room.openings:
        if opening.kind == "door":
            edge = room.walls[opening.wall]
            doors.append(np.array(edge.at(opening.offset + opening.width / 2)) + 0.35 * np.array(edge.inward))
    step = math.ceil(len(room.floor) / MAX_CORNERS)
    for k in range(0, len(room.floor), step):
        inward = np.array(room.walls[k].inward) + np.array(room.walls[k - 1].inward)
        corners.append(np.array(room.floor[k]) + 0.4 * inward)
    doors = [p for p in doors if contains(p[None], room.floor)[0]]
    corners = [p for p in corners if contains(p[None], room.floor)[0]]
    if not doors and not corners:
        corners = list(np.asarray(room.floor)[triangulate(room.floor)].mean(axis=1))
    return doors, corners


def _is_free(place: np.ndarray, bodies: list[Body], eye: float) -> bool:
    """Whether no item stands at a place (2,) as high as the eyes, in metres."""
    for box in (body.box for body in bodies):
        if box.z < eye + 0.1 and box.top > eye - 0.3:
            x, y = box.to_local(float(place[0]), float(place[1]))
            if abs(x) < box.width / 2 + 0.15 and abs(y) < box.depth / 2 + 0.15:
                return False
    return True


def _look(room: Room, place: np.ndarray, floor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The direction (2,) in which most of the floor lies, and which of its points (P,) are then in sight."""
    clear = ~_cut_off(room, place, floor)
    away = floor - place
    middle = away[clear].mean(axis=0) if clear.any() else away.mean(axis=0)
    direction = middle / max(math.hypot(*middle), 1e-9)
    ahead, aside = away @ direction, away @ np.array([-direction[1], direction[0]])
    return direction, clear & (np.abs(aside) <= HALF_FIELD * ahead)


def _axes(direction: np.ndarray) -> np.ndarray:
    """(3, 3) right, up and backward columns of a camera that looks along `direction` (2,) and a little down."""
    back = np.array([*(-direction * math.cos(LOOK_DOWN)), math.sin(LOOK_DOWN)])
    right = np.array([direction[1], -direction[0], 0.0])
    return np.stack([right, np.cross(back, right), back], axis=1)


def _cut_off(room: Room, place: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(P,) whether a wall stands between the place (2,) and each point (P, 2)."""
    starts = np.asarray(room.floor)
    ends = np.roll(starts, -1, axis=0)

    def side(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
        return (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (c[..., 0] - a[..., 0])

    p = points[:, None, :]
    crosses = (side(starts, ends, place) * side(starts, ends, p) < -1e-9) & (
        side(place, p, starts) * side(place, p, ends) < 0
    )
    return crosses.any(axis=1)


def _share_seen(seen: np.ndarray, body: Body, place: np.ndarray, rotation: np.ndarray, room: Room) -> float:
    """Pixels of `seen` (N, N) over those that the item would fill alone; 0 where it is out of the image."""
    window = _window(body, place, rotation)
    if window is None:
        return 0.0
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
        hidden = int((inside & ~_cut_off(room, place[:2], points[:, :2])).sum()) * step * step
    return visible / (visible + hidden) if visible else 0.0


def _window(body: Body, place: np.ndarray, rotation: np.ndarray) -> tuple[int, int, int, int] | None:
    """Columns and rows x0, x1, y0, y1 that hold the item's box in the image, None where it is out of it."""
    low, high = body.shape.low, body.shape.high
    box = np.array([(x, y, z) for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
    u, v, w = ((body.to_room(box) - place) @ rotation).T
    if np.all(w > -0.05):
        return None
    if np.any(w > -0.05):  # reaches behind the eye
        return 0, PIXELS, 0, PIXELS
    x = (u / -w / HALF_FIELD + 1) / 2 * PIXELS
    y = (1 - v / -w / HALF_FIELD) / 2 * PIXELS
    x0, x1 = max(math.floor(x.min()), 0), min(math.ceil(x.max()), PIXELS)
    y0, y1 = max(math.floor(y.min()), 0), min(math.ceil(y.max()), PIXELS)
    return (x0, x1, y0, y1) if x1 > x0 and y1 > y0 else None
