"""Polygons of any shape: inside, distance, triangles, walls."""

from __future__ import annotations

import math
import time
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metaspatial_addon.core.polygon import (
    contains,
    distance_to_edges,
    is_simple,
    signed_area,
    triangulate,
    wall_segments,
)
from tests.growth import growth

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


def touches_itself(shape) -> bool:
    """Whether two edges meet elsewhere than neighbours do, by exact arithmetic on every pair."""
    p = [(Fraction(x), Fraction(y)) for x, y in shape]
    n = len(p)

    def side(a, b, c):
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])

    def on(a, b, c):
        return side(a, b, c) == 0 and all(min(u, v) <= w <= max(u, v) for u, v, w in zip(a, b, c, strict=True))

    for i in range(n):
        a, b, after = p[i], p[(i + 1) % n], p[(i + 2) % n]
        if a == b or side(a, b, after) == 0 and sum((v - u) * (w - v) for u, v, w in zip(a, b, after, strict=True)) < 0:
            return True
        for j in range(i + 2, n - (i == 0)):
            c, d = p[j], p[(j + 1) % n]
            if side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0:
                return True
            if on(a, b, c) or on(a, b, d) or on(c, d, a) or on(c, d, b):
                return True
    return False


@settings(max_examples=400)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=8))
def test_simple_is_what_no_pair_of_edges_contradicts(shape):
    assert is_simple(shape) != touches_itself(shape)


@given(stars(), st.floats(-1e5, 1e5))
def test_polygons_far_from_the_origin_are_as_simple_as_near_it(shape, away):
    assert is_simple([(x + away, y) for x, y in shape])


def comb(corners: int) -> list[tuple[float, float]]:
    """A room with very many deep niches, turned so that its long edges run across both axes."""
    teeth = corners // 4
    flat = [(0.0, 0.0), (2.0 * teeth + 1, 0.0)]
    for k in reversed(range(teeth)):
        flat += [(2 * k + 1.5, 50.0), (2 * k + 1.0, 1.0), (2 * k + 0.5, 1.0), (2 * k + 0.2, 50.0)]
    return [(x * 0.8 - y * 0.6, x * 0.6 + y * 0.8) for x, y in flat]


def circle(corners: int) -> list[tuple[float, float]]:
    return [(3 * math.cos(2 * math.pi * k / corners), 3 * math.sin(2 * math.pi * k / corners)) for k in range(corners)]


@pytest.mark.parametrize("make", [comb, circle])
def test_simplicity_is_found_in_time_about_in_proportion_to_the_corners(make):
    shapes = {count: make(count) for count in (4000, 16_000)}
    assert all(map(is_simple, shapes.values()))
    assert growth(lambda count: is_simple(shapes[count]), 4000, factor=4) < 10


def test_five_thousand_corners_are_checked_at_once():
    shape = comb(5000)
    crossed = [*shape[:100], shape[3000], *shape[101:3000], shape[100], *shape[3001:]]
    start = time.process_time()
    assert is_simple(shape) and not is_simple(crossed)
    assert time.process_time() - start < 2


def test_points_by_the_thousand_in_a_room_of_many_corners_take_little_memory():
    points = np.stack(np.meshgrid(np.linspace(-3, 3, 50), np.linspace(-3, 3, 50)), axis=-1).reshape(-1, 2)
    tracemalloc.start()
    inside = contains(points, circle(2000))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(inside, np.hypot(*points.T) < 3)
    assert most < 100e6


@pytest.mark.filterwarnings("error")
def test_a_rise_too_small_to_divide_by_is_no_wall():
    floor = [(0.0, 5e-324), (4.0, 0.0), (4.0, 3.0), (0.0, 3.0)]
    assert contains([(1, 1), (5, 1), (1, -1), (-1, 2), (2, 0)], floor).tolist() == [True, False, False, False, True]


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
    side = wall_segments(shape)[k]
    assert side.start == pytest.approx(shape[k])
    assert side.end == pytest.approx(shape[(k + 1) % len(shape)])
    middle = np.array(side.at(side.length / 2))
    assert contains([middle + 1e-4 * np.array(side.inward)], shape).all()
    assert not contains([middle - 1e-4 * np.array(side.inward)], shape).any()
