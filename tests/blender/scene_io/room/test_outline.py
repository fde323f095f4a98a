"""Outlines of floors, out of meshes of any kind."""

from __future__ import annotations

import math

import numpy as np
import pytest

from metaspatial_addon.blender.scene_io.room.outline import floor_outline


def same_polygon(found, expected) -> bool:
    found = [tuple(corner) for corner in found]
    start = min(range(len(found)), key=lambda k: math.dist(found[k], expected[0]))
    return len(found) == len(expected) and np.allclose(found[start:] + found[:start], expected, atol=1e-4)


def outline_of(points, faces):
    triangles = [(face[0], face[i], face[i + 1]) for face in faces for i in range(1, len(face) - 1)]
    return floor_outline(np.array(points, dtype=float), np.array(triangles))


def test_outline_of_a_plane_turned_over():
    corners, height, *_ = outline_of([(0, 0, 2), (0, 3, 2), (4, 3, 2), (4, 0, 2)], [(0, 1, 2, 3)])
    assert same_polygon(corners, ((0, 0), (4, 0), (4, 3), (0, 3))) and height == 2


def test_outline_of_tiles_of_different_sizes():
    """Tiles that share no vertices, one of them next to two smaller ones, together an L."""
    tiles = [(0, 0, 2, 2), (2, 0, 3, 1), (2, 1, 3, 2), (0, 2, 1, 3.5)]
    points, faces = [], []
    for x0, y0, x1, y1 in tiles:
        faces.append(tuple(range(len(points), len(points) + 4)))
        points += [(x0, y0, 0), (x1 + 1e-6, y0, 0), (x1, y1, 0), (x0, y1, 0)]
    corners, *_ = outline_of(points, faces)
    assert same_polygon(corners, ((0, 0), (3, 0), (3, 2), (1, 2), (1, 3.5), (0, 3.5)))


def test_outline_of_a_room_in_one_mesh():
    """Floor slab, walls with tops, and a ceiling: the floor is the lowest large level."""

    def box(x0, y0, z0, x1, y1, z1):
        start = len(points)
        points.extend((x, y, z) for z in (z0, z1) for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1)))
        faces.extend(
            tuple(start + i for i in face)
            for face in ((0, 3, 2, 1), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7))
        )

    points, faces = [], []
    box(0, 0, -0.2, 5, 4, 0)
    for wall in ((-0.1, -0.1, 5.1, 0), (-0.1, 4, 5.1, 4.1), (-0.1, 0, 0, 4), (5, 0, 5.1, 4)):
        box(wall[0], wall[1], -0.2, wall[2], wall[3], 2.5)
    box(-0.1, -0.1, 2.5, 5.1, 4.1, 2.7)
    corners, height, *_ = outline_of(points, faces)
    assert height == pytest.approx(0) and same_polygon(corners, ((0, 0), (5, 0), (5, 4), (0, 4)))


def test_outline_fills_holes_and_takes_the_largest_piece():
    ring = [(0, 0, 0), (4, 0, 0), (4, 4, 0), (0, 4, 0), (1, 1, 0), (3, 1, 0), (3, 3, 0), (1, 3, 0)]
    faces = [(0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7), (8, 9, 10, 11)]
    island = [(4, 4, 0), (5, 4, 0), (5, 5, 0), (4, 5, 0)]
    corners, *_ = outline_of(ring + island, faces)
    assert same_polygon(corners, ((0, 0), (4, 0), (4, 4), (0, 4)))


def test_outline_of_nothing_level():
    assert outline_of([(0, 0, 0), (1, 0, 0), (0, 0, 1)], [(0, 1, 2)]) is None


def boards(rows):
    """Points and faces of rectangles."""
    points, faces = [], []
    for x0, y0, x1, y1 in rows:
        faces.append(tuple(range(len(points), len(points) + 4)))
        points += [(x0, y0, 0), (x1, y0, 0), (x1, y1, 0), (x0, y1, 0)]
    return points, faces


@pytest.mark.parametrize("gap", [0.0005, 0.003, 0.02])
@pytest.mark.parametrize("angle", [0.0, 0.3])
def test_gaps_between_boards_are_closed(gap, angle):
    """Staggered boards: each row is made of two, which meet elsewhere than those beside them."""
    rows = []
    for k in range(25):
        y, joint = k * 0.16, 1.0 + 0.7 * (k % 4)
        rows += [(0, y, joint - gap, y + 0.16 - gap), (joint, y, 5, y + 0.16 - gap)]
    points, faces = boards(rows)
    c, s = math.cos(angle), math.sin(angle)

    def turned(x, y):
        return c * x - s * y, s * x + c * y

    floor = outline_of([(*turned(x, y), 0.003 * (k % 3)) for k, (x, y, _) in enumerate(points)], faces)
    far = 4 - gap
    assert same_polygon(floor.corners, [turned(0, 0), turned(5, 0), turned(5, far), turned(0, far)])
    assert floor.pieces == 1


def test_a_gap_as_wide_as_a_wall_parts_two_rooms():
    floor = outline_of(*boards([(0, 0, 3, 4), (3.1, 0, 5, 4)]))
    assert same_polygon(floor.corners, ((0, 0), (3, 0), (3, 4), (0, 4)))
    assert floor.pieces == 2 and floor.share == pytest.approx(3 / 4.9)
