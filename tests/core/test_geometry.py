"""Oriented boxes against independent ways of computing the same."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metaspatial_addon.core.geometry import (
    OrientedBox,
    clip_convex,
    gap,
    penetration,
    share_outside,
    shared_area,
    surely_apart,
)
from metaspatial_addon.core.polygon import contains, signed_area
from metaspatial_addon.core.task import Item, Pose

L_SHAPE = [(0, 0), (4, 0), (4, 2), (2, 2), (2, 4), (0, 4)]
sides = st.floats(0.05, 3)
places = st.floats(-3, 3)
boxes = st.builds(
    OrientedBox,
    places,
    places,
    st.floats(0, 2),
    st.one_of(st.sampled_from([0, 45, 90, 180, 270]), st.floats(0, 359)),
    sides,
    sides,
    sides,
)


def moved(box: OrientedBox, dx: float, dy: float, dz: float = 0.0) -> OrientedBox:
    return OrientedBox(box.x + dx, box.y + dy, box.z + dz, box.yaw, box.width, box.depth, box.height)


@pytest.mark.parametrize(
    ("yaw", "front"), [(0, (0, -1)), (90, (1, 0)), (180, (0, 1)), (270, (-1, 0)), (-90, (-1, 0)), (360, (0, -1))]
)
def test_front_turns_counter_clockwise_and_is_exact_at_quarter_turns(yaw, front):
    assert OrientedBox(0, 0, 0, yaw, 2, 1, 1).front == front


def test_corners_begin_at_the_front_left_and_follow_the_pose():
    box = OrientedBox.of(Item("a", "bed", (2.0, 1.0, 0.5)), Pose(3.0, 4.0, 0.1, 90.0))
    np.testing.assert_allclose(box.corners, [(3.5, 3), (3.5, 5), (2.5, 5), (2.5, 3)])
    assert box.top == pytest.approx(0.6)


@given(boxes)
def test_corners_are_counter_clockwise_with_the_area_of_the_footprint(box):
    assert signed_area(box.corners) == pytest.approx(box.width * box.depth)


@pytest.mark.parametrize(
    ("b", "depth"),
    [
        (OrientedBox(1.9, 0, 0, 0, 2, 1, 1), 0.1),
        (OrientedBox(2.0, 0, 0, 0, 2, 1, 1), 0.0),  # side by side
        (OrientedBox(0, 0, 1.0, 0, 2, 1, 1), 0.0),  # one on the other
        (OrientedBox(0, 0, 0.95, 0, 2, 1, 1), 0.05),  # upwards is nearest
        (OrientedBox(0, 0, 0.25, 0, 0.2, 0.2, 0.5), 0.6),  # wholly inside: out through the front
        (OrientedBox(1 + 0.5 * math.sqrt(2), 0, 0, 45, 1, 1, 1), 0.0),  # a corner at a side
        (OrientedBox(1.4, 0.9, 0, 45, 1, 1, 1), 0.0),  # bounding boxes cross, the boxes do not
    ],
)
def test_penetration_of_known_pairs(b, depth):
    a = OrientedBox(0, 0, 0, 0, 2, 1, 1)
    assert penetration(a, b) == pytest.approx(depth, abs=1e-9)
    assert penetration(b, a) == pytest.approx(depth, abs=1e-9)


@given(boxes, boxes)
def test_penetration_is_enough_to_part_two_boxes_and_no_direction_needs_less(a, b):
    depth = penetration(a, b)
    assert depth == pytest.approx(penetration(b, a), abs=1e-9)
    if depth == 0:
        return
    turns = [math.radians(angle) for angle in range(0, 360, 5)]
    directions = [(math.cos(t), math.sin(t), 0.0) for t in turns] + [(0.0, 0.0, 1.0), (0.0, 0.0, -1.0)]
    for box in (a, b):
        (c, s), (fx, fy) = box.right, box.front
        directions += [(c, s, 0.0), (-c, -s, 0.0), (fx, fy, 0.0), (-fx, -fy, 0.0)]
    for part in (0.98, 1.0 + 1e-6):
        parted = [penetration(a, moved(b, *(part * depth * u for u in way))) == 0 for way in directions]
        assert any(parted) == (part > 1)


@given(boxes, boxes)
def test_gap_and_penetration_exclude_each_other(a, b):
    level = OrientedBox(b.x, b.y, a.z, b.yaw, b.width, b.depth, b.height)
    assert gap(a, b) == pytest.approx(gap(b, a), abs=1e-9)
    assert gap(a, level) == 0 or penetration(a, level) == 0
    assert gap(a, level) > 0 or penetration(a, level) >= 0


@given(boxes, boxes)
def test_gap_is_the_least_distance_between_points_of_the_edges(a, b):
    t = np.linspace(0, 1, 41)[:, None]

    def outline(box: OrientedBox) -> np.ndarray:
        return np.concatenate([p + t * (q - p) for p, q in zip(box.corners, np.roll(box.corners, -1, 0), strict=True)])

    p, q = outline(a), outline(b)
    nearest = np.sqrt(((p[:, None] - q[None]) ** 2).sum(axis=2)).min()
    assert gap(a, b) <= nearest + 1e-9
    if gap(a, b) > 0:
        assert nearest - gap(a, b) < 0.1  # half a step of the coarser outline


@given(boxes, boxes, st.floats(0, 0.5))
def test_cheap_rejection_never_parts_what_touches(a, b, margin):
    if surely_apart(a, b, margin):
        assert penetration(a, b) == 0
        above = max(b.z - a.top, a.z - b.top)
        assert gap(a, b) >= margin - 1e-9 or above >= margin - 1e-9


def test_clipping_an_l_shape_by_a_box_that_spans_its_notch():
    across = [(1, 1), (3, 1), (3, 3), (1, 3)]
    assert shared_area(L_SHAPE, across) == pytest.approx(3)
    assert shared_area(across, across) == pytest.approx(4)
    assert clip_convex(L_SHAPE, [(3, 3), (4, 3), (4, 4), (3, 4)]) == []


@pytest.mark.parametrize(
    ("box", "share"),
    [
        (OrientedBox(1, 1, 0, 30, 1, 1, 1), 0.0),
        (OrientedBox(0.5, 0.5, 0, 0, 1, 1, 1), 0.0),  # flush in a corner
        (OrientedBox(0, 2, 0, 0, 1, 1, 1), 0.5),
        (OrientedBox(2, 2, 0, 0, 1, 1, 1), 0.25),  # around the inner corner
        (OrientedBox(3, 3, 0, 0, 1, 1, 1), 1.0),  # in the notch
        (OrientedBox(9, 9, 0, 10, 1, 1, 1), 1.0),
    ],
)
def test_share_outside_an_l_shape(box, share):
    assert share_outside(box.corners, L_SHAPE) == pytest.approx(share, abs=1e-9)


@settings(max_examples=40)
@given(st.builds(OrientedBox, st.floats(-1, 5), st.floats(-1, 5), st.just(0), st.floats(0, 359), sides, sides, sides))
def test_share_outside_agrees_with_counting_points(box):
    steps = (np.arange(60) + 0.5) / 60 - 0.5
    u, v = (grid.ravel() for grid in np.meshgrid(steps * box.width, steps * box.depth))
    (c, s) = box.right
    points = np.stack([box.x + u * c - v * s, box.y + u * s + v * c], axis=1)
    counted = 1 - contains(points, L_SHAPE).mean()
    assert share_outside(box.corners, L_SHAPE) == pytest.approx(counted, abs=0.03)
