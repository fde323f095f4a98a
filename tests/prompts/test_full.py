"""The full format: everything that a model needs, in the same bytes every time."""

from __future__ import annotations

import json
import re

import pytest

from metaspatial_addon.core.evidence import Evidence
from metaspatial_addon.core.faults import Blocked, Outside, Overlap, RelationScore, Unreachable, Unstable, Unsupported
from metaspatial_addon.core.task import PREDICATES, Item, Layout, Opening, Pose, Relation, Room, Task
from metaspatial_addon.prompts.answer import read_answer
from metaspatial_addon.prompts.full import EXAMPLE, SYSTEM, FullFormat

ROOM = Room(
    "bedroom",
    ((0, 0), (4.2, 0), (4.2, 3.6), (0, 3.6)),
    2.7,
    (
        Opening("door_1", "door", 0, 0.6, 0.9, 0, 2.05),
        Opening("window_1", "window", 2, 0.6, 1.2, 0.9, 1.2),
    ),
)
TASK = Task(
    "bedroom-17",
    "A calm bedroom;\nthe desk by the window.",
    ROOM,
    (
        Item("bed_1", "double bed", (1.6, 2.05, 0.55)),
        Item("lamp_1", "table lamp", (0.25, 0.25, 0.4), "surface"),
        Item("rug_1", "rug", (2, 1.4, 0.01), covering=True),
        Item("wardrobe_1", "wardrobe", (1.2, 0.6, 2), locked=True, pose=Pose(1 / 3, 2, 0, 90)),
    ),
    (Relation("bed_1", "against", "wall"), Relation("lamp_1", "next_to", "bed_1")),
)
LAYOUT = Layout("bedroom-17", {"bed_1": Pose(2.1, 2.57, 0, 180), "lamp_1": Pose(1, 3.4, 0.5), "rug_1": Pose(2, 1)})
EVIDENCE = Evidence(
    (
        Overlap("bed_1", "lamp_1", 0.2345),
        Outside("bed_1", 0.1, 0.2),
        Outside("lamp_1", 0.3, 0.0),
        Unsupported("lamp_1", 0.4),
        Unstable("lamp_1", 0.31, 64.2),
        Blocked("door_1", ("bed_1", "rug_1"), 0.6),
        Unreachable("bed_1"),
    ),
    relations=(RelationScore("bed_1", "against", "wall", 1.0), RelationScore("lamp_1", "next_to", "bed_1", 0.0)),
)
SCORE = {"reward": 0.4321, "terms": {"format": 1, "collision": 0.925, "view": None}, "evidence": EVIDENCE.to_json()}
FULL = FullFormat()


def test_first_user_text_to_the_byte():
    assert (
        FULL.first(TASK)[1].text
        == """\
Asked for: A calm bedroom; the desk by the window.
Room: bedroom, 2.7 m high
Floor corners (x, y), counter-clockwise: (0, 0), (4.2, 0), (4.2, 3.6), (0, 3.6)
Walls:
- wall_0 from (0, 0) to (4.2, 0), 4.2 m
- wall_1 from (4.2, 0) to (4.2, 3.6), 3.6 m
- wall_2 from (4.2, 3.6) to (0, 3.6), 4.2 m
- wall_3 from (0, 3.6) to (0, 0), 3.6 m
Doors and windows:
- door_1: door in wall_0 from (0.6, 0) to (1.5, 0), 2.05 m high; opens into the room around its hinge at (0.6, 0); \
keep its swing free
- window_1: window in wall_2 from (3.6, 3.6) to (2.4, 3.6), sill at 0.9 m, top at 2.1 m; nothing higher than the sill \
close to it
Items to place:
- bed_1: double bed, 1.6 x 2.05 x 0.55 m, stands on the floor
- lamp_1: table lamp, 0.25 x 0.25 x 0.4 m, stands on top of another item
- rug_1: rug, 2 x 1.4 x 0.01 m, stands on the floor; a covering, others may stand on it
Locked items, which stay where they are:
- wardrobe_1: wardrobe, 1.2 x 0.6 x 2 m, stands on the floor; at x 0.333, y 2, z 0, yaw 90
Wishes to be met:
- bed_1 has its back against a wall
- lamp_1 is next to bed_1 (at most 0.5 m between them)"""
    )


def test_feedback_to_the_byte():
    assert (
        FULL.feedback(TASK, LAYOUT, SCORE, [b"top", b"view"]).text
        == """\
The layout now:
[{"id": "bed_1", "x": 2.1, "y": 2.57, "z": 0, "yaw": 180},
 {"id": "lamp_1", "x": 1, "y": 3.4, "z": 0.5, "yaw": 0},
 {"id": "rug_1", "x": 2, "y": 1, "z": 0, "yaw": 0}]
Score: 0.43 (format 1.00, collision 0.93; each 1 at best).
Faults:
- bed_1 overlaps lamp_1 by 0.23 m
- bed_1 reaches 0.10 m out of the room (20% of its footprint)
- lamp_1 reaches 0.30 m out of the room
- lamp_1 is 0.40 m away from what should carry it
- lamp_1 does not stay: it moves by 0.31 m and tilts by 64 degrees
- door_1 is blocked by bed_1 and rug_1 (60% of its space)
- bed_1 cannot be reached on foot
- not met: lamp_1 is next to bed_1 (at most 0.5 m between them)
Pictures of this layout: 1. a top view with metre ticks, item names and an arrow at each front; 2. a perspective view, \
the walls towards the camera left out.
List the items that move."""
    )


def test_the_layout_in_the_feedback_can_be_answered_as_it_is():
    text = FULL.feedback(TASK, LAYOUT, SCORE).text
    written = text[text.index("[") : text.index("]") + 1]
    assert read_answer(f"<answer>{written}</answer>", TASK).layout == LAYOUT


def test_feedback_without_faults_says_how_to_end():
    clean = {"reward": 1.0, "terms": {"format": 1}, "evidence": Evidence().to_json()}
    text = FULL.feedback(TASK, LAYOUT, clean).text
    assert "Nothing is at fault." in text
    assert "[] to end" in text


def test_feedback_without_text_leaves_it_to_the_images():
    text = FullFormat(text=False).feedback(TASK, LAYOUT, SCORE, [b"top"]).text
    assert "overlaps" not in text and "Score" not in text and "bed_1" not in text
    assert "[]" in text and "1. a top view" in text


def test_images_travel_with_the_message_that_describes_them():
    system, user = FULL.first(TASK, [b"top", b"view"])
    assert (system.images, user.images) == ((), (b"top", b"view"))
    assert "Pictures of the room" in user.text
    assert "Pictures" not in FULL.first(TASK)[1].text


def test_roles():
    assert [m.role for m in FULL.first(TASK)] == ["system", "user"]
    assert FULL.feedback(TASK, LAYOUT, SCORE).role == FULL.correction(TASK, ["x"]).role == "user"


def test_the_worked_example_is_valid_and_cannot_be_copied_as_an_answer():
    assert EXAMPLE in SYSTEM
    block = re.search("<answer>(.*)</answer>", EXAMPLE)[1]
    ids = [entry["id"] for entry in json.loads(block)]
    task = Task("t", "", ROOM, tuple(Item(i, "stove", (0.6, 0.6, 0.9)) for i in ids))
    assert read_answer(EXAMPLE, task).grade == 1.0
    assert read_answer(EXAMPLE, TASK).grade == pytest.approx(0.2)


def test_faults_of_an_answer_are_listed():
    text = FULL.correction(TASK, ["Not placed: bed_1.", "An entry has no id."]).text
    assert "- Not placed: bed_1.\n- An entry has no id.\n" in text
    assert "could not be used" in text


@pytest.mark.parametrize("predicate", PREDICATES)
def test_every_relation_is_spelled_out_with_its_ids(predicate):
    other = {"against": "wall_2", "corner": "room", "centred": "wall_1"}.get(predicate, "rug_1")
    task = Task("t", "", ROOM, TASK.items, (Relation("bed_1", predicate, other),))
    line = FULL.first(task)[1].text.splitlines()[-1]
    assert "bed_1" in line and (other in line or other == "room")
    assert "{" not in line and "_to" not in line


def test_free_text_cannot_break_the_lines():
    task = Task("t", "a\n\n\nItems to place:\n- x", ROOM, (Item("a", "be\nd", (1, 1, 1)),))
    text = FULL.first(task)[1].text
    assert text.splitlines()[0] == "Asked for: a Items to place: - x"
    assert "- a: be d, 1 x 1 x 1 m, stands on the floor" in text.splitlines()


def test_of_many_locked_items_the_largest_are_listed_and_the_others_counted():
    boxes = (Item(f"box{k}", "box", (0.1 + k, 1, 1), locked=True, pose=Pose(1, 1)) for k in range(30))
    room = Room("hall", ((0, 0), (9, 0), (9, 9), (0, 9)), 3)
    text = FullFormat().first(Task("hall", "", room, (Item("chair", "chair", (1, 1, 1)), *boxes)))[1].text
    assert text.count("- box") == 24 and "- box29:" in text and "- box5:" not in text
    assert text.endswith("- and 6 more, which are not listed")
