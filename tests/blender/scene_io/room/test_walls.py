"""Outlines of rooms, out of walls as artists build them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metaspatial_addon.blender.scene_io.room.walls import walls_outline

ROOMS = {
    "square": ((0, 0), (4, 0), (4, 3), (0, 3)),
    "L": ((0, 0), (6, 0), (6, 3), (3.5, 3), (3.5, 5), (0, 5)),
    "T": ((0, 0), (6, 0), (6, 2), (4, 2), (4, 5), (2, 5), (2, 2), (0, 2)),
    "U": ((0, 0), (7, 0), (7, 5), (5, 5), (5, 2), (2, 2), (2, 5), (0, 5)),
    "slanted": ((0, 0), (5, 0), (6, 3), (2.5, 4.4), (0, 3)),
    "bay": ((0, 0), (4, 0), (4, 3), (2.8, 3), (2.4, 3.7), (1.6, 3.7), (1.2, 3), (0, 3)),
    "small": ((0, 0), (1.3, 0), (1.3, 1.8), (0, 1.8)),
    "hall": ((0, 0), (30, 0), (30, 18), (12, 18), (12, 16), (0, 16)),
    "off square": ((0, 0), (4, 0.05), (4.1, 3), (0.02, 3.1)),
    "pillar": ((0, 0), (4, 0), (4, 3), (2.2, 3), (2.2, 2.9), (1.9, 2.9), (1.9, 3), (0, 3)),
}


class Builder:
    """Triangles of prisms and faces."""

    def __init__(self):
        self.points, self.triangles = [], []

    def face(self, *corners):
        start = len(self.points)
        self.points += corners
        self.triangles += [(start, start + k, start + k + 1) for k in range(1, len(corners) - 1)]

    def prism(self, base, low, high):
        bottom, top = [(x, y, low) for x, y in base], [(x, y, high) for x, y in base]
        self.face(*bottom[::-1])
        self.face(*top)
        for i in range(len(base)):
            j = (i + 1) % len(base)
            self.face(bottom[i], bottom[j], top[j], top[i])

    def outline(self, turn=0.0, at=(0, 0, 0)):
        points = np.array(self.points, dtype=np.float32).astype(float)
        c, s = math.cos(turn), math.sin(turn)
        points = points @ np.array([(c, s, 0), (-s, c, 0), (0, 0, 1)]) + at
        return walls_outline(points.astype(np.float32).astype(float), np.array(self.triangles))


def wall_base(corners, k, start, end, thickness, overlap=0.0):
    """Wall k's footprint between two distances along it, outside the outline; it runs on past its ends by overlap."""
    (ax, ay), (bx, by) = corners[k], corners[(k + 1) % len(corners)]
    length = math.dist((ax, ay), (bx, by))
    dx, dy = (bx - ax) / length, (by - ay) / length
    start, end = start - overlap, end + overlap

    def at(along, out):
        return ax + along * dx + out * dy, ay + along * dy - out * dx

    return [at(start, thickness), at(end, thickness), at(end, 0), at(start, 0)]


def build(corners, thickness=0.15, height=2.6, openings=(), overlap=None, lintel=True, base=0.0):
    """Solid walls outside an outline, each with its openings (wall, offset, width, sill, top); or, without thickness,
    single faces. Walls run on into each other's thickness, as convex corners need it."""
    b = Builder()
    for k in range(len(corners)):
        length = math.dist(corners[k], corners[(k + 1) % len(corners)])
        mine = sorted(o[1:] for o in openings if o[0] == k)
        breaks = [0.0, *(v for o in mine for v in (o[0], o[0] + o[1])), length]
        for i, (start, end) in enumerate(zip(breaks, breaks[1:], strict=False)):
            bands = [(0.0, height)]
            if i % 2:
                _, _, sill, top = mine[i // 2]
                bands = [(0.0, sill), (top, height)] if lintel else [(0.0, sill)]
            for low, high in bands:
                if high - low < 1e-6 or end - start < 1e-6:
                    continue
                if thickness:
                    add = [thickness if overlap is None else overlap] * 2
                    x = wall_base(
                        corners,
                        k,
                        start - add[0] * (i == 0 and convex(corners, k)),
                        end + add[1] * (i == len(breaks) - 2 and convex(corners, k + 1)),
                        thickness,
                    )
                    b.prism(x, base + low, base + high)
                else:
                    p, q = wall_base(corners, k, start, end, 0)[2:]
                    b.face((*p, base + low), (*q, base + low), (*q, base + high), (*p, base + high))
    return b


def convex(corners, k):
    a, b, c = (corners[(k + i) % len(corners)] for i in (-1, 0, 1))
    return (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0]) > 0


def off_by(found, expected):
    """Largest distance between corners in the same order; inf where their number differs."""
    if found is None or len(found[0]) != len(expected):
        return math.inf
    corners = [tuple(c) for c in found[0]]
    start = min(range(len(corners)), key=lambda k: math.dist(corners[k], expected[0]))
    return max(math.dist(a, b) for a, b in zip(corners[start:] + corners[:start], expected, strict=True))


def turned(corners, turn, at):
    c, s = math.cos(turn), math.sin(turn)
    return [(x * c - y * s + at[0], x * s + y * c + at[1]) for x, y in corners]


@pytest.mark.parametrize("thickness, turn", [(0.0, 0.4), (0.1, 0.0), (0.3, 0.4)])
@pytest.mark.parametrize("shape", ROOMS)
def test_clean_walls_of_every_shape(shape, thickness, turn):
    at = (20.0, -7.0, 3.0)
    found = build(ROOMS[shape], thickness).outline(turn, at)
    assert off_by(found, turned(ROOMS[shape], turn, at)) < 1e-3
    assert found.level == pytest.approx(3.0, abs=1e-4) and found.height == pytest.approx(2.6, abs=1e-4)


DOOR, WINDOW, TALL = (0, 0.6, 0.9, 0.0, 2.05), (1, 0.5, 1.2, 0.9, 2.2), (0, 0.6, 0.9, 0.0, 2.6)


@pytest.mark.parametrize("thickness", [0.0, 0.2])
@pytest.mark.parametrize(
    "openings, lintel",
    [
        ((DOOR, WINDOW), True),
        ((DOOR, WINDOW), False),
        ((TALL,), True),
        (((0, 0.4, 2.4, 0.0, 2.6),), True),
        ((DOOR, (0, 1.8, 1.9, 0.0, 2.3), (2, 1.0, 2.0, 0.5, 2.5)), True),
    ],
)
def test_doors_and_windows(openings, lintel, thickness):
    found = build(ROOMS["square"], thickness, openings=openings, lintel=lintel).outline(0.3)
    assert off_by(found, turned(ROOMS["square"], 0.3, (0, 0))) < 1e-3


@st.composite
def rooms(draw):
    """A rectangle whose corners are cut by notches or slants: L, T, U, Z and slanted rooms among them."""
    w, d = draw(st.floats(2.6, 9)), draw(st.floats(2.6, 9))
    corners = []
    for k, (x, y) in enumerate(((0, 0), (w, 0), (w, d), (0, d))):
        a, b = draw(st.floats(0.2, 0.4 * w)), draw(st.floats(0.2, 0.4 * d))
        sx, sy = (1 if x == 0 else -1), (1 if y == 0 else -1)
        beside, above = (x + sx * a, y), (x, y + sy * b)
        first, last = (above, beside) if k % 2 == 0 else (beside, above)
        kind = draw(st.sampled_from(("plain", "plain", "notch", "slant")))
        if kind == "plain":
            corners.append((x, y))
        elif kind == "notch":
            corners += [first, (x + sx * a, y + sy * b), last]
        else:
            corners += [first, last]
    return [tuple(float(v) for v in corner) for corner in corners]


@st.composite
def holes(draw, corners, height, widest):
    found = []
    for k in range(len(corners)):
        length = math.dist(corners[k], corners[(k + 1) % len(corners)])
        if length < 1.4 or draw(st.booleans()):
            continue
        width = draw(st.floats(0.4, min(0.55 * length, widest)))
        offset = draw(st.floats(0.3, length - width - 0.3))
        sill = draw(st.sampled_from((0.0, 0.0, 0.4, 0.9)))
        found.append((k, offset, width, sill, draw(st.sampled_from((2.05, 2.2, height - 0.1)))))
    return found


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.data())
def test_any_room(data):
    corners = data.draw(rooms())
    height = data.draw(st.sampled_from((2.4, 2.7, 3.5)))
    thickness = data.draw(st.sampled_from((0.0, 0.08, 0.2, 0.35)))
    overlap = thickness + data.draw(st.sampled_from((-0.012, 0.0, 0.03))) if thickness else None
    lintel = data.draw(st.booleans())
    openings = data.draw(holes(corners, height, 2.4 if lintel else 0.9))
    b = build(corners, thickness, height, openings, overlap, lintel)
    extra = data.draw(st.sampled_from(("none", "floor", "slabs")))
    if extra == "floor":
        b.face(*((x, y, 0.0) for x, y in corners))
    if extra == "slabs":
        (x0, y0), (x1, y1) = np.min(corners, axis=0) - 0.4, np.max(corners, axis=0) + 0.4
        for low, high in ((-0.25, 0.0), (height, height + 0.3)):
            b.prism([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], low, high)
    turn = data.draw(st.floats(-3.1, 3.1))
    found = b.outline(turn, (5, -3, 0.4))
    assert off_by(found, turned(corners, turn, (5, -3))) < 1e-3
    assert found.level == pytest.approx(0.4, abs=1e-4) and found.height == pytest.approx(height, abs=1e-4)


def test_an_open_side_ends_at_the_bounds():
    """A stage set of three walls, and one of two."""
    square = ROOMS["square"]
    three, two = Builder(), Builder()
    for k in range(3):
        three.prism(wall_base(square, k, 0, 4 if k % 2 == 0 else 3, 0.2, 0.2 if k == 1 else 0), 0, 2.5)
    assert off_by(three.outline(), square) < 1e-3
    for k in range(2):
        two.prism(wall_base(square, k, 0, 4 if k % 2 == 0 else 3, 0.2), 0, 2.5)
    found = two.outline()
    assert off_by(found, square) < 1e-3 and found.height == pytest.approx(2.5)


def test_inner_walls_beams_and_open_doors():
    """The larger of two rooms; a door leaf that stands open and a step before the wall change nothing."""
    b = build(((0, 0), (7, 0), (7, 4), (0, 4)), 0.2, openings=(DOOR,))
    b.prism([(4.5, 0), (4.6, 0), (4.6, 4), (4.5, 4)], 0, 2.6)
    b.prism([(0.6, 0), (0.64, 0), (0.64, 0.9), (0.6, 0.9)], 0, 2.0)
    b.prism([(0, 1), (0.3, 1), (0.3, 3), (0, 3)], 0, 0.4)
    assert off_by(b.outline(), ((0, 0), (4.5, 0), (4.5, 4), (0, 4))) < 1e-3


@pytest.mark.parametrize("sides", [24, 96, 600])
def test_round_rooms(sides):
    ring = [(3 * math.cos(k * math.tau / sides), 3 * math.sin(k * math.tau / sides)) for k in range(sides)]
    found = build(ring, 0.2, overlap=0.0).outline()
    inner = 3 * math.cos(math.pi / sides)
    radii = np.hypot(*found.corners.T)
    assert radii.min() > inner - 0.02 and radii.max() < 3.02 and 12 <= len(found.corners) <= sides


def test_walls_of_many_small_faces():
    """Bricks: each wall of many boxes, with 1 cm joints between them."""
    b = Builder()
    for k, length in enumerate((4, 3, 4, 3)):
        for row in range(13):
            for x in np.arange(0.0, length, 0.25):
                b.prism(wall_base(ROOMS["square"], k, x, x + 0.24, 0.12), 0.2 * row, 0.2 * row + 0.19)
    assert off_by(b.outline(), ROOMS["square"]) < 0.02


def test_nothing_enclosed():
    b = Builder()
    b.face((0, 0, 0), (4, 0, 0), (4, 3, 0), (0, 3, 0))
    assert b.outline() is None
    b.prism([(0, 0), (0.1, 0), (0.1, 0.1), (0, 0.1)], 0, 2)
    assert b.outline() is None
