"""Random rooms: rectangles, L-, T- and U-shapes with a door and windows, all corners on a grid of 5 cm."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from metaspatial_addon.core.task import Opening, Room

from .floorplan import UNIT, Rect

# Ranges of width and depth in metres.
SIZES = {
    "bedroom": ((2.8, 5.6), (2.8, 5.0)),
    "living room": ((3.5, 8.0), (3.2, 6.5)),
    "dining room": ((3.0, 6.0), (3.0, 5.5)),
    "kitchen": ((2.6, 6.0), (2.5, 5.0)),
    "bathroom": ((2.5, 4.2), (2.5, 3.8)),
    "office": ((2.6, 6.5), (2.6, 5.5)),
    "children's room": ((2.8, 5.2), (2.8, 4.8)),
    "hallway": ((2.5, 7.0), (2.5, 3.5)),
}
HEIGHTS = (2.4, 2.5, 2.6, 2.7, 2.8, 3.0)
"""Metres from floor to ceiling."""


@dataclass(frozen=True)
class GeneratedRoom:
    """A room and its notches: the parts of its bounding rectangle that lie outside, in grid units."""

    room: Room
    notches: list[Rect]


def _steps(rng: Random, low: float, high: float) -> int:
    """A random length between `low` and `high` metres in steps of 10 cm, in grid units."""
    return 4 * rng.randint(round(low * 10), round(high * 10))


def _corners(width: int, depth: int, shape: str, rng: Random) -> tuple[list[tuple[int, int]], list[Rect]]:
    """Counter-clockwise corners of a shape and its notches in grid units, before it is rotated."""
    if shape == "rectangle":
        return [(0, 0), (width, 0), (width, depth), (0, depth)], []
    low = depth - 4 * rng.randint(round(depth * 0.3 / 4), round(depth * 0.5 / 4))
    if shape == "L":
        left = width - 4 * rng.randint(round(width * 0.3 / 4), round(width * 0.5 / 4))
        return [(0, 0), (width, 0), (width, low), (left, low), (left, depth), (0, depth)], [(left, width, low, depth)]
    third = 4 * rng.randint(round(width * 0.22 / 4), round(width * 0.3 / 4))
    if shape == "T":
        right = width - third
        corners = [
            (0, 0),
            (width, 0),
            (width, low),
            (right, low),
            (right, depth),
            (third, depth),
            (third, low),
            (0, low),
        ]
        return corners, [(0, third, low, depth), (right, width, low, depth)]
    low = max(low, depth - 4 * round(depth * 0.4 / 4))
    a, b = (width - third) // 8 * 4, (width - third) // 8 * 4 + third
    corners = [(0, 0), (width, 0), (width, depth), (b, depth), (b, low), (a, low), (a, depth), (0, depth)]
    return corners, [(a, b, low, depth)]


def _rotated(
    points: list[tuple[int, int]], notches: list[Rect], width: int, depth: int, quarters: int
) -> tuple[list[tuple[int, int]], list[Rect]]:
    """The corners and notches rotated counter-clockwise by quarters of a circle, moved back into the first quadrant."""
    for _ in range(quarters):
        points = [(depth - y, x) for x, y in points]
        notches = [(depth - y1, depth - y0, x0, x1) for x0, x1, y0, y1 in notches]
        width, depth = depth, width
    return points, notches


def draw_room(room_type: str, rng: Random) -> GeneratedRoom:
    """A random room of a type; one in four is not a rectangle."""
    (w0, w1), (d0, d1) = SIZES[room_type]
    shape = "rectangle" if rng.random() < 0.75 else rng.choice(("L", "L", "T", "U"))
    if shape in ("T", "U"):
        w0, d0 = max(w0, 4.5), max(d0, 3.5)
    elif shape == "L":
        w0, d0 = max(w0, 3.4), max(d0, 3.2)
    width, depth = _steps(rng, w0, max(w0, w1)), _steps(rng, d0, max(d0, d1))
    corners, notches = _corners(width, depth, shape, rng)
    corners, notches = _rotated(corners, notches, width, depth, rng.randrange(4))
    floor = tuple((round(x * UNIT, 3), round(y * UNIT, 3)) for x, y in corners)
    openings = _draw_openings(floor, rng)
    return GeneratedRoom(Room(room_type, floor, rng.choice(HEIGHTS), openings), notches)


def _draw_openings(floor: tuple[tuple[float, float], ...], rng: Random) -> tuple[Opening, ...]:
    """One door, and up to two windows in other walls."""
    lengths = [abs(b[0] - a[0]) + abs(b[1] - a[1]) for a, b in zip(floor, floor[1:] + floor[:1], strict=True)]
    door_walls = [k for k, length in enumerate(lengths) if length >= 1.2]
    wall = rng.choice(door_walls)
    width = rng.choice((0.8, 0.9, 0.9, 1.0))
    room_left = lengths[wall] - width
    # A door stands near a corner, or now and then in the middle.
    offset = rng.choice((0.1, 0.3, room_left - 0.1, room_left - 0.3, room_left / 2))
    offset = min(max(round(offset / 0.05) * 0.05, 0.0), room_left)
    openings = [Opening("door_1", "door", wall, round(offset, 3), width, 0.0, rng.choice((2.0, 2.05, 2.1)))]
    candidates = [k for k, length in enumerate(lengths) if k != wall and length >= 1.6]
    rng.shuffle(candidates)
    for number, k in enumerate(sorted(candidates[: rng.choice((0, 1, 1, 1, 2))]), start=1):
        width = rng.choice([w for w in (0.8, 1.0, 1.2, 1.6, 2.0) if w <= lengths[k] - 0.6])
        offset = round((lengths[k] - width) / 2 / 0.05) * 0.05
        sill = rng.choice((0.8, 0.85, 0.9, 0.9, 1.0, 1.2))
        openings.append(
            Opening(f"window_{number}", "window", k, round(offset, 3), width, sill, rng.choice((1.0, 1.1, 1.2)))
        )
    return tuple(openings)
