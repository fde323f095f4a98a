"""Wishes as relations of a task: which wall is meant, and what a room cannot have."""

from __future__ import annotations

from dataclasses import replace

import pytest

from metaspatial_addon.core.task import Item, Opening, Pose, Relation, Room, Task, task_from_json, task_to_json
from metaspatial_addon.prompts.compact import CompactEncoding
from metaspatial_addon.prompts.wishes.reading import Wish
from metaspatial_addon.prompts.wishes.task import task_with_prompt_wishes, task_with_wishes
from metaspatial_addon.prompts.wishes.walls import wall_named

DOOR = Opening("door_1", "door", 0, 0.2, 0.9, 0.0, 2.0)
WINDOW = Opening("window_1", "window", 1, 0.5, 1.2, 0.9, 1.2)
ROOM = Room("bedroom", ((0.0, 0.0), (6.0, 0.0), (6.0, 4.0), (0.0, 4.0)), 2.5, (DOOR, WINDOW))
BENT = Room("bedroom", ((0.0, 0.0), (6.0, 0.0), (6.0, 2.0), (4.0, 2.0), (4.0, 5.0), (0.0, 5.0)), 2.5)
ITEMS = (Item("bed", "double bed", (1.6, 2.0, 0.5)), Item("desk", "desk", (1.2, 0.6, 0.75)))


def task(prompt: str = "", room: Room = ROOM, relations: tuple[Relation, ...] = ()) -> Task:
    return Task("t", prompt, room, ITEMS, relations)


@pytest.mark.parametrize(
    ("room", "name", "wall"),
    [
        (ROOM, "south wall", "wall_0"),
        (ROOM, "east wall", "wall_1"),
        (ROOM, "north wall", "wall_2"),
        (ROOM, "west wall", "wall_3"),
        (ROOM, "window wall", "wall_1"),
        (ROOM, "wall opposite the window", "wall_3"),
        (ROOM, "door wall", "wall_0"),
        (ROOM, "wall opposite the door", "wall_2"),
        (ROOM, "longest wall", "wall_0"),
        (BENT, "north wall", "wall_4"),
        (BENT, "east wall", "wall_3"),
        (BENT, "shortest wall", "wall_1"),
        (BENT, "window wall", None),
    ],
)
def test_walls_by_their_names(room, name, wall):
    assert wall_named(room, name) == wall


def test_a_prompt_becomes_relations_that_say_where_they_are_from():
    asked, read, not_understood = task_with_prompt_wishes(task("bed in the north-west corner, desk by the window"))
    assert asked.relations == (
        Relation("bed", "corner", "wall_2", source="prompt"),
        Relation("bed", "corner", "wall_3", source="prompt"),
        Relation("desk", "against", "wall_1", source="prompt"),
    )
    assert len(read) == 3
    assert not not_understood
    assert task_from_json(task_to_json(asked)) == asked


def test_a_task_with_relations_keeps_its_own_alone():
    own = task("desk by the window", relations=(Relation("bed", "against", "wall"),))
    assert task_with_prompt_wishes(own) == (own, (), ())


def test_what_the_room_lacks_is_not_understood():
    asked, read, not_understood = task_with_prompt_wishes(task("desk by the window", BENT))
    assert not asked.relations
    assert not read
    assert [(n.phrase, n.reason) for n in not_understood] == [("desk by the window", "the room has no window wall")]


def test_far_is_across_where_the_room_is_small():
    small = replace(ROOM, floor=((0.0, 0.0), (4.0, 0.0), (4.0, 3.5), (0.0, 3.5)), openings=())
    far = Wish("desk", "far", "bed")
    assert [r.predicate for r in task_with_wishes(task(room=small), [far])[0].relations] == ["across"]
    assert [r.predicate for r in task_with_wishes(task(), [far])[0].relations] == ["far"]


def test_a_wish_that_the_task_has_already_is_not_added_again():
    own = task(relations=(Relation("bed", "against", "wall_1"),))
    wished, (asked,) = task_with_wishes(own, [Wish("bed", "against", "window wall")])
    assert wished == own
    assert asked.relation == own.relations[0]


def test_what_was_wished_by_hand_is_not_from_the_prompt():
    wishes = [Wish("bed", "against", "wall"), Wish("desk", "against", "wall", phrase="desk at the wall")]
    assert [r.source for r in task_with_wishes(task(), wishes)[0].relations] == ["", "prompt"]


def test_what_is_locked_cannot_be_asked_for():
    locked = replace(ITEMS[0], locked=True, pose=Pose(2.0, 2.0))
    wished, asked = task_with_wishes(replace(task(), items=(locked, ITEMS[1])), [Wish("bed", "against", "wall")])
    assert not wished.relations
    assert [(a.relation, a.reason) for a in asked] == [(None, "what it is about is locked")]


def test_the_embedded_model_reads_a_wish_and_a_task_without_one_as_before():
    before = CompactEncoding(task()).prompt_text()
    asked = task_with_wishes(task(), [Wish("desk", "against", "north wall", negated=True)])[0]
    lines = CompactEncoding(asked).prompt_text().splitlines()
    assert [line for line in lines if "avoid" in line] == ["desk_1 avoid >against north wall y4.000 w1.20 d0.60 h0.75"]
    assert before.splitlines() == [line.replace(" avoid >against north wall y4.000", "") for line in lines]
