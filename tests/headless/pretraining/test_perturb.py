"""Perturbed layouts, and how boxes judge them."""

from __future__ import annotations

from collections import Counter
from random import Random

from headless.pretraining.perturb import TUCKED, box_evidence, perturb
from headless.taskgen.make import make_task
from metaspatial_addon.core.faults import KINDS, Unstable
from metaspatial_addon.core.task import Item, Layout, Pose, Room, Task


def test_most_perturbed_layouts_have_a_fault_and_all_kinds_that_boxes_show_occur():
    faults: Counter[type] = Counter()
    faulty = 0
    for index in range(120):
        task, layout = make_task("train", 7, index)
        perturbed, moved = perturb(task, layout, Random(index))
        assert {i for i, pose in perturbed.poses.items() if pose != layout.poses[i]} == set(moved)
        found = box_evidence(task, perturbed).faults()
        faulty += bool(found)
        faults.update(type(fault) for fault in found)
    assert 0.7 < faulty / 120 < 0.98
    assert set(faults) == set(KINDS.values()) - {Unstable}


def test_a_chair_may_be_pushed_under_its_table_but_not_into_it_nor_under_another_item():
    room = Room("office", ((0, 0), (4, 0), (4, 4), (0, 4)), 2.5)

    def overlaps(seat: str, table: str, depth: float) -> bool:
        items = (Item("a", seat, (0.5, 0.5, 0.9)), Item("b", table, (1.2, 0.6, 0.75)))
        poses = {"a": Pose(2, 2 - 0.25 - 0.3 + depth), "b": Pose(2, 2)}
        evidence = box_evidence(Task("t", "", room, items), Layout("t", poses))
        return any(fault.colliding_pair for fault in evidence.faults())

    assert not overlaps("office chair", "desk", TUCKED - 0.01)
    assert overlaps("office chair", "desk", TUCKED + 0.01)
    assert overlaps("office chair", "wardrobe", TUCKED - 0.01)
