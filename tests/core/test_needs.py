"""What furniture needs to be used: free floor before its sides, less what belongs to it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from metaspatial_addon.core.detectors.needs import measure_needs
from metaspatial_addon.core.task import Item, Layout, Pose, Room, Task

ROOM = Room("bedroom", ((0.0, 0.0), (5.0, 0.0), (5.0, 4.0), (0.0, 4.0)), 2.6)
WARDROBE = Item("wardrobe", "wardrobe", (1.2, 0.6, 2.0))
DESK = Item("desk", "desk", (1.2, 0.6, 0.75))
CHAIR = Item("chair", "office chair", (0.5, 0.5, 0.9))
BED = Item("bed", "double bed", (1.6, 2.0, 0.5))
STAND = Item("stand", "nightstand", (0.5, 0.4, 0.5))
LAMP = Item("lamp", "table lamp", (0.2, 0.2, 0.3), "surface")


def needs(**placed):
    items = {item.id: item for item in (WARDROBE, DESK, CHAIR, BED, STAND, LAMP)}
    task = Task("t", "", ROOM, tuple(items[name] for name in placed))
    return measure_needs(task, Layout("t", {name: Pose(*pose) for name, pose in placed.items()}))


def test_a_wardrobe_needs_room_to_be_opened():
    assert needs(wardrobe=(2.0, 3.7, 0.0, 0.0)) == ((), 1.0)
    faults, share = needs(wardrobe=(2.0, 3.7, 0.0, 0.0), desk=(2.0, 2.7, 0.0, 0.0))
    fault = next(fault for fault in faults if fault.id == "wardrobe")
    assert fault.need == "open" and fault.has == pytest.approx(0.4)
    assert fault.sentence() == f"wardrobe has 0.40 m of free floor to open and needs {fault.wanted:.2f} m"
    assert 0.5 < share < 1.0


def test_a_front_at_a_wall_has_no_room():
    (fault,), share = needs(wardrobe=(2.0, 0.4, 0.0, 0.0))
    assert fault.has == pytest.approx(0.1) and share == pytest.approx(0.1 / fault.wanted)


def test_what_belongs_to_an_item_may_stand_in_its_way():
    assert needs(desk=(2.0, 3.7, 0.0, 0.0), chair=(2.0, 3.1, 0.0, 180.0))[0] == ()
    assert needs(bed=(2.0, 3.0, 0.0, 0.0), stand=(3.1, 3.8, 0.0, 0.0), lamp=(3.1, 3.8, 0.5, 0.0))[0] == ()


def test_a_double_bed_needs_both_sides_and_a_single_one_the_better():
    faults, _ = needs(bed=(0.8, 3.0, 0.0, 0.0))
    assert [fault.need for fault in faults] == ["get in"]
    narrow = Item("narrow", "bed", (0.9, 2.0, 0.5))
    task = Task("t", "", ROOM, (narrow,))
    assert measure_needs(task, Layout("t", {"narrow": Pose(0.45, 3.0)}))[0] == ()


def test_unknown_and_locked_things_need_nothing():
    box = Item("box", "gadget", (1.0, 1.0, 1.0))
    locked = Item("closet", "wardrobe", (1.2, 0.6, 2.0), locked=True, pose=Pose(2.0, 0.3))
    task = Task("t", "", ROOM, (box, locked))
    assert measure_needs(task, Layout("t", {"box": Pose(2.0, 1.2)})) == ((), 1.0)


def test_pieces_of_a_kitchen_stand_side_by_side_and_are_not_opened_against_each_other():
    fridge = Item("fridge", "fridge", (0.7, 0.7, 1.85))
    counter = Item("counter", "kitchen counter", (0.8, 0.6, 0.9))
    task = Task("t", "", replace(ROOM, type="kitchen"), (fridge, counter))
    beside = Layout("t", {"fridge": Pose(0.35, 3.65), "counter": Pose(1.15, 3.7)})
    assert measure_needs(task, beside)[0] == ()
    before = Layout("t", {"fridge": Pose(0.35, 3.65), "counter": Pose(0.3, 2.7, 0.0, 90.0)})
    assert [fault.id for fault in measure_needs(task, before)[0]] == ["fridge"]
