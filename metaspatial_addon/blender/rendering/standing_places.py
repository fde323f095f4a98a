"""Where people stand to look into a room: two or three places at eye height, each with the direction of its look."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ...core.polygon import contains, triangulate
from ...core.task import Room
from ..physics.body import Body

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


@dataclass(frozen=True)
class _Spot:
    """A place (2,) to stand at, the direction (2,) of the look there, and which points of the floor (P,) it shows."""

    place: np.ndarray
    direction: np.ndarray
    in_sight: np.ndarray


def standing_places(room: Room, bodies: Sequence[Body]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Up to PLACES places (3,) to stand at, each with the camera's axes (3, 3) as columns, looking into the room.

    The first is inside the door; each further one is the corner that shows most of the floor not seen so far.
    Places within tall furniture are passed over.
    """
    eye = min(EYE_HEIGHT, room.height - 0.2)
    doors, corners = _spots(room)
    free_doors = [spot for spot in doors if _is_free(spot.place, bodies, eye)]
    free_corners = [spot for spot in corners if _is_free(spot.place, bodies, eye)]
    usable = [*free_doors, *free_corners] or [*doors, *corners]
    chosen: list[int] = []
    unseen = np.ones(len(usable[0].in_sight), bool)
    for number in range(min(PLACES, len(usable))):
        pool = range(len(free_doors)) if number == 0 and free_doors else range(len(usable))
        gains = [float((usable[k].in_sight & unseen).mean()) for k in pool]
        pick = pool[int(np.argmax(np.round(gains, 6)))]
        if number >= 2 and max(gains) < 0.02 or pick in chosen:
            break
        chosen.append(pick)
        unseen &= ~usable[pick].in_sight
    return [(np.array([*usable[k].place, eye]), _axes(usable[k].direction)) for k in chosen]


@lru_cache(maxsize=16)
def _spots(room: Room) -> tuple[list[_Spot], list[_Spot]]:
    """Those inside doors and those in corners. They are the same for every layout of a room."""
    floor = floor_points(room, 16)
    if not len(floor):  # a floor of narrow pieces
        floor = np.asarray(room.floor)[triangulate(room.floor)].mean(axis=1)
    doors, corners = ([_look(room, place, floor) for place in places] for places in _candidates(room))
    return doors, corners


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


def _is_free(place: np.ndarray, bodies: Sequence[Body], eye: float) -> bool:
    """Whether no item stands at a place (2,) as high as the eyes, in metres."""
    for box in (body.box for body in bodies):
        if box.z < eye + 0.1 and box.top > eye - 0.3:
            x, y = box.to_local(float(place[0]), float(place[1]))
            if abs(x) < box.width / 2 + 0.15 and abs(y) < box.depth / 2 + 0.15:
                return False
    return True


def _look(room: Room, place: np.ndarray, floor: np.ndarray) -> _Spot:
    """The spot at a place (2,), looking to where most of the floor's points (P, 2) lie."""
    clear = ~behind_walls(room, place, floor)
    away = floor - place
    middle = away[clear].mean(axis=0) if clear.any() else away.mean(axis=0)
    direction = middle / max(math.hypot(*middle), 1e-9)
    ahead, aside = away @ direction, away @ np.array([-direction[1], direction[0]])
    return _Spot(place, direction, clear & (np.abs(aside) <= HALF_FIELD * ahead))


def _axes(direction: np.ndarray) -> np.ndarray:
    """(3, 3) right, up and backward columns of a camera that looks along `direction` (2,) and a little down."""
    back = np.array([*(-direction * math.cos(LOOK_DOWN)), math.sin(LOOK_DOWN)])
    right = np.array([direction[1], -direction[0], 0.0])
    return np.stack([right, np.cross(back, right), back], axis=1)


def behind_walls(room: Room, place: np.ndarray, points: np.ndarray) -> np.ndarray:
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
