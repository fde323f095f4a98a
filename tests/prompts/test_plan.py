"""The small plan: one scale, what is at fault in the colours of its marks, fronts visible, cheap."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import replace

import numpy as np
import pytest

from metaspatial_addon.core.task import Item, Layout, Opening, Pose, Room, Task
from metaspatial_addon.prompts import vocabulary as v
from metaspatial_addon.prompts.compact import CompactFormat
from metaspatial_addon.prompts.plan import MARK_COLOURS, compact_top_view
from metaspatial_addon.prompts.png import read_png

ROOM = Room(
    "bedroom", ((0.0, 0.0), (5.0, 0.0), (5.0, 4.0), (0.0, 4.0)), 2.6, (Opening("door_1", "door", 0, 0.5, 0.9, 0, 2.0),)
)
PER_METRE = 14
ITEM, COVERING = (172,) * 3, (206,) * 3


def drawn(*placed: tuple[Item, Pose], room: Room = ROOM, faulty: Collection[str] = (), pixels: int = 112) -> np.ndarray:
    some_task = Task("t", "", room, tuple(item for item, _ in placed))
    return read_png(compact_top_view(some_task, Layout("t", {i.id: p for i, p in placed}), faulty, pixels)).astype(int)


def at(image: np.ndarray, x: float, y: float, per_metre: float = PER_METRE) -> tuple[int, ...]:
    return tuple(image[int(image.shape[0] - y * per_metre), int(x * per_metre)])


def test_a_metre_is_fourteen_pixels_from_the_lower_left_corner():
    box = Item("bed_1", "double bed", (2.0, 1.0, 0.5))
    image = drawn((box, Pose(2.5, 2.5)))
    assert image.shape == (112, 112, 3)
    for x, y, inside in ((2.5, 2.7, True), (1.6, 2.8, True), (1.4, 2.5, False), (3.6, 2.5, False), (2.5, 3.2, False)):
        assert (at(image, x, y) == ITEM) == inside, (x, y)
    assert at(image, 6, 6) == at(image, 5.5, 1) != at(image, 4.5, 3.5)


def test_where_a_room_lies_does_not_matter_and_a_long_one_is_scaled_down():
    away = Room("bedroom", tuple((x - 40, y + 7) for x, y in ROOM.floor), 2.6, ROOM.openings)
    box = Item("a", "desk", (1.0, 0.5, 0.7))
    assert np.array_equal(drawn((box, Pose(2, 2))), drawn((box, Pose(-38, 9)), room=away))
    hall = Room("hall", ((0.0, 0.0), (16.0, 0.0), (16.0, 4.0), (0.0, 4.0)), 2.6)
    assert at(drawn((Item("a", "desk", (4.0, 2.0, 1)), Pose(12, 2)), room=hall), 12, 2, 7) == ITEM


@pytest.mark.parametrize("yaw", [0, 30, 90, 135, 180, 270])
def test_the_front_is_white(yaw):
    image = drawn((Item("a", "sofa", (1.2, 1.0, 0.8)), Pose(2.5, 2.5, 0, yaw)))
    front = math.radians(yaw - 90)
    near, back = ((2.5 + d * math.cos(front), 2.5 + d * math.sin(front)) for d in (0.42, -0.3))
    assert min(at(image, *near)) > 200
    assert at(image, *back) == ITEM


def test_coverings_lie_below_and_ceiling_items_are_outlines():
    rug = Item("rug_1", "rug", (2.0, 2.0, 0.02), covering=True)
    table, lamp = Item("table_1", "coffee table", (1, 1, 0.4)), Item("lamp_1", "lamp", (0.6, 0.6, 0.3), "ceiling")
    image = drawn((table, Pose(2.5, 2.5)), (lamp, Pose(2.5, 2.5, 2.2)), (rug, Pose(2.5, 2.5)))
    assert at(image, 2.5, 2.55) == ITEM
    assert at(image, 1.7, 2.5) == COVERING


def test_items_at_fault_have_the_colours_of_their_marks_and_are_on_top():
    table, lamp = Item("table_1", "coffee table", (1, 1, 0.4)), Item("lamp_1", "lamp", (2, 2, 0.3), "ceiling")
    placed = (table, Pose(2.5, 2.5)), (lamp, Pose(2.5, 2.5, 2.2))
    plain = drawn(*placed)
    assert at(plain, 2.5, 2.55) == ITEM
    assert at(drawn(*placed, faulty={"table_1"}), 2.5, 2.55) == MARK_COLOURS[0]
    assert at(drawn(*placed, faulty={"lamp_1"}), 2.5, 2.55) == MARK_COLOURS[1]
    rug = Item("rug_1", "rug", (2.0, 2.0, 0.02), covering=True), Pose(2.5, 2.5)
    assert at(drawn(*placed, rug, faulty={"rug_1"}), 2.5, 2.55) == MARK_COLOURS[1]
    assert np.array_equal(drawn(*placed, faulty={"else"}), plain)


def test_a_prompt_with_pictures_gives_what_can_be_moved_the_marks_of_its_colours():
    boxes = [Item(f"box_{k}", "box", (0.5, 0.5, 0.5)) for k in range(v.MARKS + 1)]
    boxes[0] = replace(boxes[0], locked=True, pose=Pose(0.5, 0.5))
    some_task = Task("t", "", ROOM, tuple(boxes[:3]))
    lines = CompactFormat().first(some_task, (b"",))[0].text.splitlines()[-3:]
    assert ["mark" in line for line in lines] == [False, True, True]
    assert " mark1 w0.50" in lines[1] and " mark2 w0.50" in lines[2]
    assert "mark" not in CompactFormat().first(some_task)[0].text
    poses = [(box, Pose(1 + k % 4, 1 + k // 4 / 2)) for k, box in enumerate(boxes[1:])]
    assert len({at(drawn(*poses, faulty={box.id}), pose.x, pose.y) for box, pose in poses}) == v.MARKS


def test_items_far_outside_and_of_no_place_do_no_harm():
    far = (Item("a", "box", (1, 1, 1)), Pose(1e5, -1e5))
    assert np.array_equal(drawn(far), drawn((Item("b", "box", (50, 50, 1)), Pose(900, 900))))
    huge = Item("c", "bed", (1e5, 1e5, 1))
    assert at(drawn((huge, Pose(0, 0))), 2, 2) == ITEM
