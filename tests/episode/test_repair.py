"""Which items a fault names, tasks in which only those may move, and what goes along with them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from metaspatial_addon.core.evidence import Evidence
from metaspatial_addon.core.faults import Blocked, Outside, Overlap, RelationScore, Unstable
from metaspatial_addon.core.task import Item, Layout, Pose, Relation, Room, Task
from metaspatial_addon.episode.repair import (
    COST_OF_90_DEGREES,
    COST_OF_A_METRE,
    effort,
    lock_faultless_items,
    merge_unmoved,
)
from metaspatial_addon.prompts.answer import Answer

ROOM = Room("study", ((0, 0), (6, 0), (6, 6), (0, 6)), 2.5)
TASK = Task(
    "study",
    "",
    ROOM,
    (
        Item("desk", "desk", (1.2, 0.6, 0.75)),
        Item("lamp", "lamp", (0.2, 0.2, 0.4), "surface"),
        Item("tray", "tray", (0.4, 0.3, 0.02), "surface"),
        Item("cup", "cup", (0.1, 0.1, 0.1), "surface"),
        Item("chair", "chair", (0.5, 0.5, 0.9)),
        Item("safe", "safe", (0.5, 0.5, 0.5), locked=True, pose=Pose(5.5, 5.5)),
    ),
    (Relation("lamp", "on", "desk"), Relation("chair", "facing", "desk")),
)
STANDING = Layout(
    "study",
    {
        "desk": Pose(2, 2, 0, 0),
        "lamp": Pose(2.4, 2, 0.75, 10),
        "tray": Pose(1.7, 2, 0.75, 0),
        "cup": Pose(1.8, 2.1, 0.77, 0),
        "chair": Pose(4, 4, 0, 0),
    },
)


def test_a_fault_names_its_items():
    met, unmet = RelationScore("f", "on", "h", 1.0), RelationScore("e", "on", "h", 0.0)
    evidence = Evidence(
        (Overlap("a", "b", 0.1), Outside("c", 0.1, 0.1), Unstable("d", 0.1, 3.0), Blocked("door", ("g",), 0.3)),
        relations=(met, unmet),
    )
    assert evidence.faulty_items() == {"a", "b", "c", "d", "e", "g"}
    assert Evidence().faulty_items() == set()


def test_what_has_no_fault_is_locked_where_it_stands():
    locked = lock_faultless_items(TASK, STANDING, Evidence((Overlap("chair", "safe", 0.1),)))
    assert [item.id for item in locked.movable] == ["chair"]
    assert {item.id: item.pose for item in locked.locked} == {
        **{i: pose for i, pose in STANDING.poses.items() if i != "chair"},
        "safe": Pose(5.5, 5.5),
    }
    assert locked.relations == TASK.relations
    assert lock_faultless_items(TASK, STANDING, Evidence()).movable == ()


def test_what_rests_on_a_faulty_item_is_not_asked_for_and_goes_along_with_it():
    locked = lock_faultless_items(TASK, STANDING, Evidence((Outside("desk", 0.2, 0.1),)))
    assert [(item.id, item.locked) for item in locked.items] == [("desk", False), ("chair", True), ("safe", True)]
    assert locked.relations == (Relation("chair", "facing", "desk"),)
    answer = Answer("ok", 1.0, changed=("desk",))
    whole = merge_unmoved(TASK, answer, {"desk": Pose(4, 1, 0, 90)}, STANDING)
    poses = whole.layout.poses
    assert list(poses) == list(STANDING.poses) and poses["chair"] == STANDING.poses["chair"]
    assert (poses["lamp"].x, poses["lamp"].y, poses["lamp"].z, poses["lamp"].yaw) == pytest.approx((4, 1.4, 0.75, 100))
    assert (poses["cup"].x, poses["cup"].y, poses["cup"].z) == pytest.approx((3.9, 0.8, 0.77))  # by way of the tray
    assert whole.changed == ("desk", "lamp", "tray", "cup")


def test_what_rests_on_a_faulty_item_and_is_faulty_itself_is_asked_for():
    evidence = Evidence((Outside("desk", 0.2, 0.1), Overlap("tray", "lamp", 0.1)))
    locked = lock_faultless_items(TASK, STANDING, evidence)
    assert [item.id for item in locked.movable] == ["desk", "lamp", "tray"]
    answered = {"desk": Pose(4, 1, 0, 90), "lamp": Pose(4, 1, 0.75), "tray": STANDING.poses["tray"]}
    poses = merge_unmoved(TASK, Answer("ok", 1.0), answered, STANDING).layout.poses
    assert poses["cup"] == STANDING.poses["cup"]  # its tray has stayed


def test_a_desk_that_stays_leaves_everything_exactly_where_it_is():
    whole = merge_unmoved(TASK, Answer("ok", 1.0), {"desk": STANDING.poses["desk"]}, STANDING)
    assert whole.layout == STANDING and whole.changed == ()


def test_moving_costs_by_the_metre_and_turning_by_the_shorter_way():
    def moved(**poses):
        return effort(TASK, STANDING, Layout("study", {**STANDING.poses, **poses}))

    assert moved() == 0.0
    assert moved(chair=Pose(4, 7, 4, 0)) == pytest.approx(5 * COST_OF_A_METRE)
    assert moved(chair=Pose(4, 4, 0, 270)) == pytest.approx(COST_OF_90_DEGREES)
    assert moved(chair=Pose(4, 4, 0, 180), desk=replace(STANDING.poses["desk"], x=3)) == pytest.approx(
        2 * COST_OF_90_DEGREES + COST_OF_A_METRE
    )
