"""Poses: the transform between an item's frame and the room's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaspatial_addon.core.geometry import OrientedBox
from metaspatial_addon.core.pose import Pose, right_vector

poses = st.builds(Pose, st.floats(-9, 9), st.floats(-9, 9), st.floats(0, 3), st.floats(0, 359.9))
POINTS = np.array([(0.5, -1.0, 0.2), (0.0, 0.0, 0.0), (-2.0, 3.0, 1.0)])


@pytest.mark.parametrize(("yaw", "right"), [(0, (1, 0)), (90, (0, 1)), (180, (-1, 0)), (270, (0, -1)), (450, (0, 1))])
def test_quarter_rotations_are_exact(yaw, right):
    assert right_vector(yaw) == right


def test_a_point_to_the_right_and_at_the_back_of_a_rotated_item():
    pose = Pose(2.0, 3.0, 0.5, 90.0)
    assert pose.to_room(1.0, 0.25) == (1.75, 4.0)
    assert pose.to_local(1.75, 4.0) == (1.0, 0.25)
    assert pose.front == (1.0, 0.0)


@given(poses)
def test_points_there_and_back_are_the_same(pose):
    np.testing.assert_allclose(pose.points_to_local(pose.points_to_room(POINTS)), POINTS, atol=1e-12)
    np.testing.assert_allclose(pose.points_to_room(POINTS[:, :2]), pose.points_to_room(POINTS)[:, :2])


@given(poses)
def test_the_matrix_says_the_same(pose):
    moved = POINTS @ pose.matrix[:3, :3].T + pose.matrix[:3, 3]
    np.testing.assert_allclose(pose.points_to_room(POINTS), moved, atol=1e-12)
    directions = pose.directions_to_local(POINTS)
    np.testing.assert_allclose(directions, POINTS @ pose.matrix[:3, :3], atol=1e-12)


@given(poses)
def test_a_box_has_the_frame_of_its_pose(pose):
    box = OrientedBox(pose.x, pose.y, pose.z, pose.yaw, 1.0, 2.0, 3.0)
    np.testing.assert_array_equal(box.points_to_room(POINTS), pose.points_to_room(POINTS))
