"""Which item rests on which, by boxes, and where it is after that has moved."""

from __future__ import annotations

import pytest

from metaspatial_addon.core.support_graph import SupportGraph, carried_pose
from metaspatial_addon.core.task import Item, Layout, Pose, Room, Task
from tests.growth import growth

HALL = Room("hall", ((0.0, 0.0), (60.0, 0.0), (60.0, 60.0), (0.0, 60.0)), 3.0)


def graph(*placed: tuple[Item, Pose]) -> SupportGraph:
    task = Task("t", "", HALL, tuple(item for item, _ in placed))
    return SupportGraph.of(task, Layout("t", {item.id: pose for item, pose in placed if not item.locked}))


SHELF = (Item("shelf", "shelf", (0.8, 0.3, 2.0)), Pose(2, 2, 0, 30))
TABLE = (Item("table", "table", (1.2, 0.8, 0.75)), Pose(5, 5))


def test_a_book_in_a_shelf_and_a_cup_on_a_tray_on_a_table():
    resting = graph(
        SHELF,
        TABLE,
        (Item("book", "book", (0.05, 0.2, 0.25), "surface"), Pose(2.1, 2.05, 0.8, 30)),
        (Item("tray", "tray", (0.4, 0.3, 0.02), "surface"), Pose(5.1, 5, 0.75)),
        (Item("cup", "cup", (0.1, 0.1, 0.1), "surface"), Pose(5.1, 5, 0.77)),
    )
    assert resting.carriers == {"book": "shelf", "tray": "table", "cup": "tray"}
    assert resting.base("cup") == resting.base("table") == "table"
    assert resting.base("cup", {"tray", "table"}) == "tray"


@pytest.mark.parametrize("pose", [Pose(5, 5, 0.8), Pose(5.7, 5, 0.75), Pose(5, 5, 0.0)])
def test_what_is_above_beside_or_below_a_top_does_not_rest_on_it(pose):
    assert graph(TABLE, (Item("cup", "cup", (0.1, 0.1, 0.1), "surface"), pose)).carriers == {}


def test_only_items_made_for_surfaces_that_may_move_are_carried():
    chair = (Item("chair", "chair", (0.5, 0.5, 0.9)), Pose(5, 5, 0.75))
    fixed = (Item("lamp", "lamp", (0.2, 0.2, 0.4), "surface", locked=True, pose=Pose(5, 5, 0.75)), Pose(0, 0))
    assert graph(TABLE, chair, fixed).carriers == {}


def test_a_carried_item_keeps_its_place_on_what_moves():
    moved = carried_pose(Pose(5.4, 5, 0.75, 350), Pose(5, 5), Pose(1, 2, 0.1, 90))
    assert (moved.x, moved.y, moved.z, moved.yaw) == pytest.approx((1.0, 2.4, 0.85, 80.0))


def test_carriers_are_found_in_time_in_proportion_to_the_items():
    def tables(count: int) -> tuple[Task, Layout]:
        items, poses = [], {}
        for k in range(count):
            x, y = 0.5 + k % 50, 0.5 + k // 50
            items += [Item(f"table_{k}", "table", (0.8, 0.8, 0.7)), Item(f"cup_{k}", "cup", (0.1, 0.1, 0.1), "surface")]
            poses |= {f"table_{k}": Pose(x, y), f"cup_{k}": Pose(x, y, 0.7)}
        return Task("t", "", HALL, tuple(items)), Layout("t", poses)

    made = {count: tables(count) for count in (400, 1600)}
    assert len(SupportGraph.of(*made[1600]).carriers) == 1600
    assert growth(lambda count: SupportGraph.of(*made[count]), 400, factor=4) < 9
