"""Polygons of any shape: inside, distance, triangles, walls."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaspatial_addon.core.polygon import contains, distance_to_edges, is_simple, signed_area, triangulate, wall

SQUARE = [(0, 0), (2, 0), (2, 2), (0, 2)]
L_SHAPE = [(0, 0), (4, 0), (4, 2), (2, 2), (2, 4), (0, 4)]
U_SHAPE = [(0, 0), (6, 0), (6, 4), (4, 4), (4, 2), (2, 2), (2, 4), (0, 4)]
COMB = [(0, 0), (7, 0), (7, 3), (6, 3), (6, 1), (5, 1), (5, 3), (4, 3), (4, 1), (1, 1), (1, 3), (0, 3)]
FLAT_CORNERS = [(0, 0), (1, 0), (2, 0), (2, 1), (2, 2), (1, 2), (0, 2), (0, 1)]


@st.composite
def stars(draw):
    """Simple counter-clockwise polygons: corners at growing angles around the origin, at any distance."""
    n = draw(st.integers(3, 12))
    reach = draw(st.lists(st.floats(0.3, 4), min_size=n, max_size=n))
    return [(r * math.cos(2 * math.pi * k / n), r * math.sin(2 * math.pi * k / n)) for k, r in enumerate(reach)]


@pytest.mark.parametrize("shape", [SQUARE, L_SHAPE, U_SHAPE, COMB, FLAT_CORNERS])
def test_room_shapes_are_simple_and_counter_clockwise(shape):
    assert is_simple(shape)
    assert signed_area(shape) > 0
    assert signed_area(shape[::-1]) == -signed_area(shape)


@pytest.mark.parametrize(
    "shape",
    [
        [(0, 0), (2, 2), (2, 0), (0, 2)],  # crosses itself
        [(0, 0), (2, 0), (2, 0), (0, 2)],  # an edge of no length
        [(0, 0), (4, 0), (4, 2), (2, 0), (0, 2)],  # a corner on another edge
        [(0, 0), (2, 0), (1, 0), (1, 2)],  # folds back
    ],
)
def test_polygons_that_touch_themselves_are_not_simple(shape):
    assert not is_simple(shape)


def test_contains_counts_the_edge_as_inside_within_a_micrometre():
    points = [(1, 1), (0, 0), (1, 0), (2, 1), (3, 3), (2 + 5e-7, 3), (2 + 1e-5, 3), (-1, 0), (5, 2), (4, 2)]
    assert contains(points, L_SHAPE).tolist() == [True, True, True, True, False, True, False, False, False, True]


def test_distance_to_edges_inside_and_outside():
    np.testing.assert_allclose(distance_to_edges([(1, 1), (3, 3), (5, 0), (1, 0)], L_SHAPE), [1, 1, 1, 0], atol=1e-12)


@pytest.mark.parametrize("shape", [SQUARE, L_SHAPE, U_SHAPE, COMB, FLAT_CORNERS])
def test_triangles_fill_known_shapes(shape):
    check_triangles(shape)


@given(stars())
def test_triangles_fill_any_simple_polygon(shape):
    check_triangles(shape)


def check_triangles(shape):
    triangles = triangulate(shape)
    corners = np.array(shape, dtype=float)
    areas = [signed_area(corners[t]) for t in triangles]
    assert min(areas) > 0
    assert sum(areas) == pytest.approx(signed_area(shape))
    assert contains(corners[triangles].mean(axis=1), shape).all()
    assert set(triangles.ravel().tolist()) == set(range(len(shape)))
    assert len(triangles) == len(shape) - 2


@given(stars(), st.integers(0, 11))
def test_walls_run_between_corners_with_the_room_on_their_left(shape, k):
    k %= len(shape)
    side = wall(shape, k)
    assert side.start == pytest.approx(shape[k])
    assert side.end == pytest.approx(shape[(k + 1) % len(shape)])
    middle = np.array(side.at(side.length / 2))
    assert contains([middle + 1e-4 * np.array(side.inward)], shape).all()
    assert not contains([middle - 1e-4 * np.array(side.inward)], shape).any()
