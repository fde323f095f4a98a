"""Footprints by the thousand, held to the boxes that are measured one by one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from metaspatial_addon.core.footprints import SLACK_M, inside, overlaps, rows_of, zones
from metaspatial_addon.core.geometry import OrientedBox, penetration, share_outside

metres = st.floats(-3, 3)
sizes = st.floats(0.05, 3)
boxes = st.builds(OrientedBox, metres, metres, st.just(0.0), st.floats(0, 359), sizes, sizes, st.just(1.0))
FLOOR = ((0.0, 0.0), (4.0, 0.0), (4.0, 2.0), (2.5, 2.0), (2.0, 4.0), (0.0, 4.0))


@given(boxes, boxes)
def test_footprints_overlap_where_boxes_do(a, b):
    depth = penetration(a, b)
    found = bool(overlaps(rows_of([a]), rows_of([b]))[0, 0])
    if abs(min(depth, 1.0) - SLACK_M) > 1e-6 and depth < 0.999:  # of boxes 1 m high
        assert found == (depth > SLACK_M)


@given(
    st.builds(
        OrientedBox, st.floats(0, 4), st.floats(0, 4), st.just(0.0), st.floats(0, 359), sizes, sizes, st.just(1.0)
    )
)
def test_what_is_inside_has_no_share_outside(box):
    if inside(rows_of([box]), FLOOR)[0]:
        assert share_outside(box.points, FLOOR) * box.width * box.depth < 2 * SLACK_M * (box.width + box.depth)
    else:
        grown = OrientedBox(box.x, box.y, 0.0, box.yaw, box.width + 0.01, box.depth + 0.01, 1.0)
        assert share_outside(grown.points, FLOOR) > 0


def test_a_zone_lies_before_its_side():
    row = rows_of([OrientedBox(1.0, 2.0, 0.0, 90.0, 1.6, 0.6, 1.0)])  # looks towards +x
    (front,), (back,) = zones(row, "front", 0.5), zones(row, "back", 0.5)
    assert np.allclose(front, (1.0 + 0.3 + 0.25, 2.0, 1.6, 0.5, 90.0))
    assert np.allclose(back, (1.0 - 0.3 - 0.25, 2.0, 1.6, 0.5, 90.0))
    (right,) = zones(row, "right", 0.4)
    assert np.allclose(right, (1.0, 2.0 + 0.8 + 0.2, 0.4, 0.6, 90.0))
