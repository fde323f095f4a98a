"""The grid of places takes exactly those at which two footprints overlap."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from metaspatial_addon.core.footprints import overlaps, rows_of
from metaspatial_addon.core.geometry import OrientedBox
from metaspatial_addon.core.place_grid import PlaceGrid

AXIS = np.arange(41) * 0.1
lengths = st.floats(0.0, 2.0)
yaws = st.one_of(st.sampled_from([0.0, 90.0, 180.0, 270.0]), st.floats(0.0, 360.0))
obstacles = st.builds(
    OrientedBox, st.floats(-1, 5), st.floats(-1, 5), st.just(0.0), yaws, lengths, lengths, st.just(1.0)
)


@given(st.floats(0.05, 2.0), st.floats(0.05, 2.0), yaws, st.lists(obstacles, min_size=1, max_size=3).map(rows_of))
def test_a_place_is_taken_where_the_footprints_overlap(width, depth, yaw, standing):
    grid = PlaceGrid(AXIS, AXIS, 0.1)
    mask = np.ones((41, 41), bool)
    grid.take(mask, width, depth, yaw, standing)
    centres = np.stack(np.meshgrid(AXIS, AXIS, indexing="ij"), axis=-1).reshape(-1, 2)
    tail = np.tile((width, depth, yaw), (len(centres), 1))
    taken = overlaps(np.hstack([centres, tail]), standing).any(axis=1).reshape(41, 41)
    differing = mask == taken
    if differing.any():  # rounding alone decides there: a hair more or less of the footprint changes the answer
        for ix, iy in np.argwhere(differing):
            found = {
                bool(overlaps(np.array([[AXIS[ix], AXIS[iy], width + d, depth + d, yaw]]), standing).any())
                for d in (-1e-7, 1e-7)
            }
            assert found == {True, False}


@given(st.floats(0.05, 2.0), st.floats(0.05, 2.0), yaws)
def test_within_a_rectangle_all_corners_are(width, depth, yaw):
    mask = PlaceGrid(AXIS, AXIS, 0.1).within(0.5, 3.5, 1.0, 3.0, width, depth, yaw)
    for ix, iy in np.argwhere(mask)[:: max(int(mask.sum()) // 20, 1)]:
        corners = OrientedBox(AXIS[ix], AXIS[iy], 0.0, yaw, width, depth, 0.0).corners
        assert (corners >= (0.498, 0.998)).all() and (corners <= (3.502, 3.002)).all()
    middle = OrientedBox(2.0, 2.0, 0.0, yaw, width, depth, 0.0).corners
    assert mask[20, 20] == bool((middle >= (0.499, 0.999)).all() and (middle <= (3.501, 3.001)).all())
