"""How far meshes reach beyond the room's walls, floor and ceiling."""

from __future__ import annotations

import math

import pytest

from metaspatial_addon.blender.physics.stage import Stage
from metaspatial_addon.core.detectors.bounds import find_outside
from metaspatial_addon.core.task import Item, Layout, Pose, Room, Task
from tests.blender.physics import solids

SQUARE = ((0, 0), (6, 0), (6, 6), (0, 6))
L_SHAPE = ((0, 0), (6, 0), (6, 3), (3, 3), (3, 6), (0, 6))
TONGUE = ((0, 0), (6, 0), (6, 4), (3.1, 4), (3.1, 2), (2.9, 2), (2.9, 4), (0, 4))


@pytest.fixture(scope="module")
def stage():
    with Stage() as stage:
        yield stage


def outside(stage, floor, mesh, pose, locked=False):
    room = Room("room", floor, 2.6)
    item = Item("a", "thing", (1, 1, 1), locked=locked, pose=Pose(*pose) if locked else None)
    stage.open(Task("t", "", room, (item,)), {"a": mesh})
    stage.place(Layout("t", {"a": Pose(*pose)}))
    return find_outside(stage.placed, room)


CASES = {
    "in the middle": (SQUARE, (solids.box, 1, 1, 1), (3, 3), None),
    "flush with two walls": (SQUARE, (solids.box, 1, 1, 1), (0.5, 5.5), None),
    "5 mm into a wall": (SQUARE, (solids.box, 1, 1, 1), (0.495, 3), None),
    "through a wall": (SQUARE, (solids.box, 1, 1, 1), (0.3, 3), (0.2, 0.2)),
    "turned 45 degrees, free": (SQUARE, (solids.box, 1, 1, 1), (math.sqrt(0.5), 3, 0, 45), None),
    "turned 45 degrees, a corner out": (SQUARE, (solids.box, 1, 1, 1), (0.6, 3, 0, 45), (0.1071, 0.01147)),
    "quite elsewhere": (SQUARE, (solids.box, 1, 1, 1), (9, 3), (3.5, 1.0)),
    "below the floor": (SQUARE, (solids.box, 1, 1, 1), (3, 3, -0.1), (0.1, 0.1)),
    "far below": (SQUARE, (solids.box, 1, 1, 0.5), (3, 3, -2), (2, 1.0)),
    "in the corner of wall and floor": (SQUARE, (solids.box, 1, 1, 1), (0, 3, -0.5), (0.5, 0.75)),
    "through the ceiling": (SQUARE, (solids.box, 1, 1, 1), (3, 3, 1.7), (0.1, 0.1)),
    "inside the bend of an L": (L_SHAPE, (solids.box, 1, 1, 1), (2.5, 2.5), None),
    "in the corner that an L leaves out": (L_SHAPE, (solids.box, 1, 1, 1), (4, 4), (1.5, 1.0)),
    "an L's corner cuts a side": (L_SHAPE, (solids.box, 2, 2, 1), (2.4, 2.4, 0, 45), (0.1071, 0.0057)),
    "a round thing past an L's corner": (L_SHAPE, (solids.ball, 0.5), (2.65, 2.65), None),
    "a sofa around an L's corner": (L_SHAPE, (solids.corner_sofa,), (2.95, 3.35, 0, 90), None),
    "that sofa's notch missed by 5 cm": (L_SHAPE, (solids.corner_sofa,), (3.05, 3.35, 0, 90), (0.05, 0.3431)),
    "across a tongue of wall": (TONGUE, (solids.box, 2, 1, 1), (3, 2.3), (0.1, 0.08)),
    "before that tongue": (TONGUE, (solids.box, 2, 1, 1), (3, 1.5), None),
}


@pytest.mark.parametrize("case", CASES)
def test_distance_and_share(stage, case):
    floor, (make, *sizes), pose, expected = CASES[case]
    found = outside(stage, floor, make(*sizes), pose)
    if expected is None:
        assert found == ()
    else:
        (fault,) = found
        assert fault.id == "a"
        assert fault.distance == pytest.approx(expected[0], abs=0.002)
        assert fault.share == pytest.approx(expected[1], abs=0.002)


def test_a_locked_item_is_not_blamed(stage):
    assert outside(stage, SQUARE, solids.box(1, 1, 1), (0.3, 3), locked=True) == ()


def test_what_is_left_out_of_the_layout_is_not_outside(stage):
    room = Room("room", SQUARE, 2.6)
    stage.open(Task("t", "", room, (Item("a", "thing", (9, 9, 9)),)))
    stage.place(Layout("t"))
    assert find_outside(stage.placed, room) == ()
