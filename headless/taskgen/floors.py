"""Floors of many shapes, with doors and windows: rectangles, L, T, U and Z, niches, bays, slanted and cut-off walls.

Lengths are drawn from a 1 cm grid, since real rooms have no nicer numbers.
"""

from __future__ import annotations

import math
from random import Random

from metaspatial_addon.core.polygon import is_simple, signed_area
from metaspatial_addon.core.task import HINGES, Opening, Room

Point = tuple[float, float]
SHAPES = ("rectangle", "L", "T", "U", "Z", "niche", "bay", "slanted", "cut", "hexagon")
WEIGHTS = (10, 4, 2, 2, 2, 2, 1, 2, 2, 0.5)
SHORTEST_WALL = 0.3
HEIGHTS = (2.2, 2.3, 2.4, 2.5, 2.5, 2.6, 2.6, 2.7, 2.8, 3.0, 3.2, 3.5, 4.0)


def draw_floor(rng: Random, width: float, depth: float, shape: str = "") -> tuple[Point, ...]:
    """Counter-clockwise corners in metres, within a rectangle of that width and depth, its corner at the origin."""
    for _ in range(20):
        kind = shape or rng.choices(SHAPES, WEIGHTS)[0]
        corners = [(round(x, 2), round(y, 2)) for x, y in _corners(rng, width, depth, kind)]
        corners = _moved(_mirrored(corners, rng))
        lengths = [math.dist(a, b) for a, b in zip(corners, corners[1:] + corners[:1], strict=True)]
        if min(lengths) >= SHORTEST_WALL and is_simple(corners) and signed_area(corners) > 0:
            return tuple(corners)
    return ((0.0, 0.0), (width, 0.0), (width, depth), (0.0, depth))


def _share(rng: Random, length: float, low: float, high: float) -> float:
    return length * rng.uniform(low, high)


def _corners(rng: Random, w: float, d: float, kind: str) -> list[Point]:
    full = [(0.0, 0.0), (w, 0.0), (w, d), (0.0, d)]
    if kind == "L":
        x, y = _share(rng, w, 0.35, 0.75), _share(rng, d, 0.35, 0.75)
        return [(0, 0), (w, 0), (w, y), (x, y), (x, d), (0, d)]
    if kind == "T":
        a, b, y = _share(rng, w, 0.15, 0.35), _share(rng, w, 0.65, 0.85), _share(rng, d, 0.35, 0.65)
        return [(0, 0), (w, 0), (w, y), (b, y), (b, d), (a, d), (a, y), (0, y)]
    if kind == "U":
        a, b, y = _share(rng, w, 0.25, 0.42), _share(rng, w, 0.58, 0.75), _share(rng, d, 0.45, 0.7)
        return [(0, 0), (w, 0), (w, d), (b, d), (b, y), (a, y), (a, d), (0, d)]
    if kind == "Z":
        a, b, y, z = _share(rng, w, 0.15, 0.4), _share(rng, w, 0.6, 0.85), _share(rng, d, 0.3, 0.5), 0.0
        z = y + _share(rng, d, 0.0, 0.2)
        return [(0, 0), (b, 0), (b, y), (w, y), (w, d), (a, d), (a, z), (0, z)]
    if kind in ("niche", "bay"):
        a = _share(rng, w, 0.1, 0.6)
        b = min(a + rng.uniform(0.6, 2.0), w - 0.3)
        deep = min(rng.uniform(0.3, 0.8), d * 0.3)
        lean = rng.uniform(0.2, 0.5) if kind == "bay" else 0.0
        y = d - deep
        return [(0, 0), (w, 0), (w, y), (b, y), (b - lean, d), (a + lean, d), (a, y), (0, y)]
    if kind == "slanted":
        return [(0, 0), (w, 0), (w, _share(rng, d, 0.6, 0.95)), (0, d)]
    if kind == "cut":
        x, y = _share(rng, w, 0.5, 0.85), _share(rng, d, 0.5, 0.85)
        return [(0, 0), (w, 0), (w, y), (x, d), (0, d)]
    if kind == "hexagon":
        a, b = _share(rng, w, 0.15, 0.3), _share(rng, d, 0.15, 0.3)
        return [(a, 0), (w - a, 0), (w, b), (w, d - b), (w - a, d), (a, d), (0, d - b), (0, b)]
    return full


def _mirrored(corners: list[Point], rng: Random) -> list[Point]:
    """The shape turned by quarters and mirrored at random, corners still counter-clockwise."""
    for _ in range(rng.randrange(4)):
        corners = [(-y, x) for x, y in corners]
    if rng.random() < 0.5:
        corners = [(-x, y) for x, y in reversed(corners)]
    start = rng.randrange(len(corners))
    return corners[start:] + corners[:start]


def _moved(corners: list[Point]) -> list[Point]:
    """The corner of the bounding box at the origin."""
    x, y = min(x for x, _ in corners), min(y for _, y in corners)
    return [(round(a - x, 2), round(b - y, 2)) for a, b in corners]


def draw_openings(rng: Random, floor: tuple[Point, ...], height: float) -> tuple[Opening, ...]:
    """No opening at all in a quarter of the rooms; else one or two doors, and up to four windows."""
    if rng.random() < 0.25:
        return ()
    lengths = [math.dist(a, b) for a, b in zip(floor, floor[1:] + floor[:1], strict=True)]
    taken: dict[int, list[tuple[float, float]]] = {}
    openings: list[Opening] = []

    def add(kind: str, number: int, width: float, sill: float, tall: float) -> None:
        walls = [k for k, length in enumerate(lengths) if length >= width + 0.2]
        rng.shuffle(walls)
        for k in walls:
            spare = lengths[k] - width
            offset = round(rng.choice((0.1, spare - 0.1, spare / 2, rng.uniform(0.0, spare))), 2)
            offset = min(max(offset, 0.0), math.floor(spare * 100) / 100)
            if all(offset + width + 0.1 < a or offset > b + 0.1 for a, b in taken.get(k, ())):
                taken.setdefault(k, []).append((offset, offset + width))
                hinge = rng.choice(HINGES) if kind == "door" else "start"
                openings.append(Opening(f"{kind}_{number}", kind, k, offset, width, sill, tall, hinge))
                return

    for number in range(1, 1 + rng.choice((1, 1, 1, 1, 2, 2, 3))):
        add(
            "door",
            number,
            rng.choice((0.7, 0.8, 0.8, 0.9, 0.9, 1.0, 1.2)),
            0.0,
            min(round(rng.uniform(1.98, 2.15), 2), height - 0.05),
        )
    for number in range(1, 1 + rng.choice((0, 1, 1, 1, 2, 2, 3, 4))):
        sill = rng.choice((0.0, 0.4, 0.6, 0.8, 0.85, 0.9, 0.9, 1.0, 1.1, 1.3))
        tall = min(round(rng.uniform(0.6, 1.6), 2), round(height - sill - 0.1, 2))
        add("window", number, round(rng.uniform(0.5, 2.4), 2), sill, tall)
    return tuple(openings)


def draw_room(rng: Random, room_type: str, area: tuple[float, float], shape: str = "") -> Room:
    """A room of a type, its floor between two areas in square metres."""
    size = math.exp(rng.uniform(math.log(area[0]), math.log(area[1])))
    ratio = math.exp(rng.triangular(-0.8, 0.8, 0.0))
    width = min(max(math.sqrt(size * ratio), 1.5), 14.0)
    depth = min(max(size / width, 1.5), 14.0)
    floor = draw_floor(rng, round(width, 2), round(depth, 2), shape)
    height = rng.choice(HEIGHTS)
    return Room(room_type, floor, height, draw_openings(rng, floor, height))
