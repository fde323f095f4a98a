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
    corners, height = outline_of([(0, 0, 2), (0, 3, 2), (4, 3, 2), (4, 0, 2)], [(0, 1, 2, 3)])
    assert same_polygon(corners, ((0, 0), (4, 0), (4, 3), (0, 3))) and height == 2


def test_outline_of_tiles_of_different_sizes():
    """Tiles that share no vertices, one of them next to two smaller ones, together an L."""
    tiles = [(0, 0, 2, 2), (2, 0, 3, 1), (2, 1, 3, 2), (0, 2, 1, 3.5)]
    points, faces = [], []
    for x0, y0, x1, y1 in tiles:
        faces.append(tuple(range(len(points), len(points) + 4)))
        points += [(x0, y0, 0), (x1 + 1e-6, y0, 0), (x1, y1, 0), (x0, y1, 0)]
    corners, _ = outline_of(points, faces)
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
    corners, height = outline_of(points, faces)
    assert height == pytest.approx(0) and same_polygon(corners, ((0, 0), (5, 0), (5, 4), (0, 4)))


def test_outline_fills_holes_and_takes_the_largest_piece():
    ring = [(0, 0, 0), (4, 0, 0), (4, 4, 0), (0, 4, 0), (1, 1, 0), (3, 1, 0), (3, 3, 0), (1, 3, 0)]
    faces = [(0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7), (8, 9, 10, 11)]
    island = [(4, 4, 0), (5, 4, 0), (5, 5, 0), (4, 5, 0)]
    corners, _ = outline_of(ring + island, faces)
    assert same_polygon(corners, ((0, 0), (4, 0), (4, 4), (0, 4)))


def test_outline_of_nothing_level():
    assert outline_of([(0, 0, 0), (1, 0, 0), (0, 0, 1)], [(0, 1, 2)]) is None
