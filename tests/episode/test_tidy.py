"""Tidying: the smallest moves for measured faults, kept only where the reward rises, and named."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headless.pretraining.perturb import box_evidence, perturb
from headless.taskgen.make import make_task
from metaspatial_addon.core.task import Item, Layout, Opening, Pose, Relation, Room, Task
from metaspatial_addon.episode.tidy import REACH_M, applied, small_moves

ROOM = Room("study", ((0, 0), (4, 0), (4, 4), (0, 4)), 2.5, (Opening("door_1", "door", 0, 0.5, 0.9, 0, 2.05),))
DESK = Item("desk", "desk", (1.2, 0.6, 0.75))
SHELF = Item("shelf", "bookcase", (0.8, 0.3, 1.8))
LAMP = Item("lamp", "table lamp", (0.2, 0.2, 0.4), "surface")
PICTURE = Item("picture", "picture", (0.6, 0.05, 0.4), "wall")


def tidied(poses, *items, relations=()):
    task = Task("t", "", ROOM, items, relations)
    layout = Layout("t", poses)
    moves = small_moves(task, layout, box_evidence(task, layout))
    return task, applied(layout, moves), [move.sentence() for move in moves]


def test_two_that_overlap_are_parted_by_moving_the_smaller_one():
    task, layout, said = tidied({"desk": Pose(2, 3.7), "shelf": Pose(2.94, 3.85)}, DESK, SHELF)
    assert layout.poses["desk"] == Pose(2, 3.7) and said == ["tidied: shelf 6 cm aside"]
    assert box_evidence(task, layout).clean


def test_what_floats_comes_down_and_what_reaches_out_comes_in():
    task, layout, said = tidied({"desk": Pose(2, 3.78, 0.06)}, DESK)
    assert layout.poses["desk"] == Pose(2, 3.7) and said == ["tidied: desk 8 cm aside and 6 cm down"]
    assert not box_evidence(task, layout).detected


def test_what_stands_on_an_item_goes_along():
    poses = {"desk": Pose(2, 3.8), "lamp": Pose(2.2, 3.8, 0.75)}
    _, layout, said = tidied(poses, DESK, LAMP)
    assert layout.poses == {"desk": Pose(2, 3.7), "lamp": Pose(2.2, 3.7, 0.75)}
    assert said == ["tidied: desk 10 cm aside", "tidied: lamp 10 cm aside"]


def test_a_picture_goes_back_to_its_wall_and_a_wish_for_one_is_met():
    _, layout, _ = tidied({"picture": Pose(2, 3.88, 1.4)}, PICTURE)
    assert layout.poses["picture"].y == pytest.approx(3.975)
    _, layout, _ = tidied({"desk": Pose(2, 3.57)}, DESK, relations=(Relation("desk", "against", "wall_2"),))
    assert layout.poses["desk"].y == pytest.approx(3.7)


def test_what_needs_a_longer_way_stays():
    _, layout, said = tidied({"desk": Pose(2, 3.9), "shelf": Pose(2, 3.85)}, DESK, SHELF)
    assert said == [] and layout.poses["desk"] == Pose(2, 3.9)


@given(st.integers(0, 400))
@settings(max_examples=25, deadline=None)
def test_no_item_moves_further_than_it_may_and_locked_ones_never(index):
    task, layout = make_task("validation", 31, index)
    spoilt, _ = perturb(task, layout, Random(index))
    for move in small_moves(task, spoilt, box_evidence(task, spoilt)):
        way = math.dist((move.before.x, move.before.y, move.before.z), (move.after.x, move.after.y, move.after.z))
        assert 0 < way <= 2 * REACH_M + 1e-6 and move.item in spoilt.poses
        assert replace(move.after, x=0, y=0, z=0) == replace(move.before, x=0, y=0, z=0)
