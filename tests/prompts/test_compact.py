"""The compact conversation of the embedded model: its tokens, its names, and the way back to the task's own."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headless.taskgen.make import make_task
from metaspatial_addon.core.evidence import Evidence
from metaspatial_addon.core.faults import Blocked, Outside, Overlap, RelationScore, Unstable
from metaspatial_addon.core.furniture import FURNITURE
from metaspatial_addon.core.polygon import signed_area
from metaspatial_addon.core.task import Item, Layout, Opening, Pose, Relation, Room, Task
from metaspatial_addon.prompts import vocabulary as v
from metaspatial_addon.prompts.compact import CompactEncoding, CompactFormat, notches
from metaspatial_addon.prompts.prompt_items import MAX_LOCKED_IN_PROMPT

FORMAT = CompactFormat()


@pytest.mark.parametrize("index", range(12))
def test_a_generated_layout_survives_encoding_and_parsing(index):
    task, layout = make_task("train", 11, index)
    text = CompactEncoding(task).answer_text(dict(layout.poses))
    answer = FORMAT.read(text, task)
    assert answer.status == "ok" and answer.grade == 1.0
    for item_id, pose in layout.poses.items():
        read = answer.layout.poses[item_id]
        assert (read.x, read.y, read.yaw) == pytest.approx((pose.x, pose.y, pose.yaw), abs=0.0126)
        assert read.z == pytest.approx(pose.z, abs=0.0051)


@pytest.mark.parametrize("index", range(12))
def test_every_text_is_made_of_known_tokens(index):
    task, layout = make_task("validation", 11, index)
    compact = CompactEncoding(task)
    for text in (compact.prompt_text(), compact.answer_text(dict(layout.poses))):
        assert v.decode(v.encode(text)) == text


def test_a_text_beyond_the_vocabulary_is_refused_with_its_place():
    with pytest.raises(ValueError, match="no token for 'χ"):
        v.encode("bedroom:χ")


def odd_task(prompt: str = "", scale: float = 1.0) -> Task:
    floor = ((2.0, -1.0), (2.0 + 4 * scale, -1.0), (2.0 + 4 * scale, -1.0 + 3 * scale), (2.0, -1.0 + 3 * scale))
    items = (
        Item("客厅沙发", "sofa", (2.0, 0.9, 0.8)),
        Item("Cube.003", "mystery gadget", (0.513, 0.4, 1.234)),
        Item("Bett", "wooden bed", (0.9, 2.0, 0.5)),
    )
    return Task("odd", prompt, Room("loft", floor, 2.63), items)


def test_ids_of_any_language_and_a_moved_frame_come_back():
    task = odd_task()
    compact = CompactEncoding(task)
    assert compact.names == {"Bett": "single_bed_1", "客厅沙发": "sofa_1", "Cube.003": "thing_1"}
    poses = {item.id: Pose(3.0 + 0.5 * k, 0.25, 0.0, 90.0) for k, item in enumerate(task.items)}
    read = FORMAT.read(compact.answer_text(poses), task)
    assert {i: (p.x, p.y) for i, p in read.layout.poses.items()} == {i: (p.x, p.y) for i, p in poses.items()}


def test_a_room_beyond_the_models_reach_is_scaled_and_its_answer_scaled_back():
    task = odd_task(scale=6.4)  # 25.6 m x 19.2 m
    compact = CompactEncoding(task)
    assert compact.frame.scale == 2.0
    assert compact.prompt_text().startswith("room: x12.800 y9.600 h2.63\n")
    poses = {item.id: Pose(2.0 + 8.0, -1.0 + 4.0, 0.0, 0.0) for item in task.items}
    assert FORMAT.read(compact.answer_text(poses), task).layout.poses == poses


def test_an_edit_leaves_other_poses_exactly_as_they_were():
    task = odd_task()
    before = Layout("odd", {item.id: Pose(3.0123, 0.4567, 0.001, 33.3) for item in task.items})
    text = CompactEncoding(task).answer_text({"Bett": Pose(4.0, 0.5, 0.0, 0.0)})
    answer = FORMAT.read(text, task, before)
    assert answer.changed == ("Bett",)
    assert answer.layout.poses["客厅沙发"] == before.poses["客厅沙发"]
    assert answer.layout.poses["Bett"] == Pose(4.0, 0.5, 0.0, 0.0)


def test_the_empty_list_ends_it():
    task = odd_task()
    before = Layout("odd", {item.id: Pose(3.0, 0.5) for item in task.items})
    assert FORMAT.read(v.EMPTY_ANSWER, task, before).done


def test_only_known_words_of_the_prompt_are_kept():
    task = odd_task("Put the SOFA, s'il vous plaît, against the north wall")
    assert CompactEncoding(task).words() == ["sofa", "against", "north", "wall"]


@pytest.mark.parametrize(
    ("category", "size", "kind"),
    [
        ("Double Bed", (1.6, 2.0, 0.5), "double bed"),
        ("big oak dining table", (1.6, 2.0, 0.5), "dining table"),
        ("bed", (1.6, 2.0, 0.5), "double bed"),
        ("bed", (0.9, 2.0, 0.5), "single bed"),
        ("desk lamp", (0.2, 0.3, 0.5), "desk lamp"),
        ("brass lamp", (0.3, 0.3, 1.6), "floor lamp"),
        ("brass lamp", (0.3, 0.3, 0.5), "table lamp"),
        ("couch", (2.0, 2.0, 0.5), "sofa"),
        ("Schreibtisch", (1.4, 0.7, 0.75), "desk"),
        ("alarm clock", (0.1, 0.1, 0.1), "alarm clock"),
        ("bar of soap", (0.1, 0.1, 0.1), "thing"),
        ("board game", (0.3, 0.3, 0.1), "thing"),
        ("bedside lamp", (0.2, 0.2, 1.4), "table lamp"),
        ("Cube", (1.0, 2.0, 0.5), "thing"),
        ("", (1.0, 2.0, 0.5), "thing"),
    ],
)
def test_categories_beyond_the_table_find_the_nearest_row(category, size, kind):
    assert FURNITURE.kind_of(category, size).name == kind


def test_a_row_without_a_token_is_a_thing_to_the_model(monkeypatch):
    """A category that is added to the table later must not keep a taught model from its rooms."""
    monkeypatch.setitem(
        FURNITURE.categories, "ball pit", dataclasses.replace(FURNITURE.categories["rug"], name="ball pit", known=False)
    )
    task = dataclasses.replace(odd_task(), items=(Item("pit", "ball pit", (1.5, 1.5, 0.4)),))
    assert CompactEncoding(task).names == {"pit": "thing_1"}


def test_more_of_a_kind_than_there_are_numbers_still_have_names_of_their_own():
    items = tuple(Item(f"c{k}", "dining chair", (0.5, 0.5, 0.9)) for k in range(30))
    task = dataclasses.replace(odd_task(), items=items)
    names = CompactEncoding(task).names
    assert len(set(names.values())) == 30
    v.encode(CompactEncoding(task).prompt_text())


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_notches_and_floor_fill_the_bounding_rectangle(index):
    task, _ = make_task("train", 12, index)
    floor = np.array(task.room.floor)
    missing = sum((x1 - x0) * (y1 - y0) for x0, x1, y0, y1 in notches(floor))
    assert missing + signed_area(floor) == pytest.approx(float(np.prod(np.ptp(floor, axis=0))))


def test_a_floor_with_slanted_walls_is_told_by_its_corners():
    triangle = ((0.0, 0.0), (4.0, 0.0), (0.0, 4.0))
    task = dataclasses.replace(odd_task(), room=Room("loft", triangle, 2.5))
    assert "floor x0.000 y0.000 x4.000 y0.000 x0.000 y4.000\n" in CompactEncoding(task).prompt_text()


def test_what_touches_a_wall_off_the_grid_is_read_back_at_the_wall():
    floor = ((0.0, 0.0), (4.03, 0.0), (4.03, 3.02), (0.0, 3.02))
    task = Task("t", "", Room("bedroom", floor, 2.5), (Item("bed", "double bed", (1.63, 2.08, 0.5)),))
    compact = CompactEncoding(task)
    assert compact.prompt_text().startswith("bedroom: x4.025 y3.000 h2.50\ndouble_bed_1 w1.65 d2.10 h0.50\n")
    against = {"bed": Pose(4.03 - 2.08 / 2, 1.63 / 2, 0.0, 270.0)}
    text = compact.answer_text(against)
    assert '"x1":4.025' in text and '"y0":0.000' in text
    read = FORMAT.read(text, task).layout.poses["bed"]
    assert (read.x, read.y) == pytest.approx((against["bed"].x, against["bed"].y), abs=1e-9)


def test_the_first_key_of_an_axis_is_what_an_item_touches_or_shares():
    room = Room("bedroom", ((0.0, 0.0), (4.0, 0.0), (4.0, 3.0), (0.0, 3.0)), 2.5)
    items = (Item("bed", "double bed", (1.6, 2.0, 0.5)), Item("stand", "nightstand", (0.4, 0.4, 0.5)))
    lamp = Item("lamp", "table lamp", (0.2, 0.2, 0.3), "surface")
    task = Task("t", "", room, (*items, lamp))
    poses = {"bed": Pose(2.0, 2.0), "stand": Pose(3.05, 2.8), "lamp": Pose(3.05, 2.8, 0.5)}
    bed, stand, of_lamp = CompactEncoding(task).answer_text(poses).split('{"id"')[1:]
    assert '"ey":2.00,"x":2.000,"x0":1.200,"x1":2.800,"y1":3.000,' in bed  # in the middle, back to the wall
    assert '"ey":0.40,"x0":2.850,' in stand  # beside the bed
    assert '"ey":0.20,"x":3.050,' in of_lamp and '"y":2.800,"y0"' in of_lamp  # over the middle of what carries it


def test_a_lamp_hangs_from_a_ceiling_beyond_the_models_reach():
    task = dataclasses.replace(odd_task(), items=(Item("lamp", "ceiling lamp", (0.5, 0.5, 0.2), "ceiling"),))
    task = dataclasses.replace(task, room=dataclasses.replace(task.room, height=4.5))
    assert " (ceiling) z3.80 w0.50" in CompactEncoding(task).prompt_text()
    poses = {"lamp": Pose(4.0, 0.5, 4.3, 0.0)}
    read = FORMAT.read(CompactEncoding(task).answer_text(poses), task)
    assert read.layout.poses["lamp"].z == pytest.approx(4.3)


def test_faults_are_listed_by_the_models_names():
    opening = Opening("entrance", "door", 0, 0.5, 0.9, 0.0, 2.0)
    task = odd_task()
    task = dataclasses.replace(task, room=dataclasses.replace(task.room, openings=(opening,)))
    evidence = Evidence(
        (
            Overlap("Bett", "客厅沙发", 0.23),
            Outside("Cube.003", 0.1, 0.2),
            Unstable("Bett", 0.3, 60.0),
            Blocked("entrance", ("Bett",), 0.5),
        ),
        relations=(
            RelationScore("Bett", "against", "wall_0", 0.1),
            RelationScore("Bett", "against", "wall", 0.9),
            RelationScore("Bett", "facing", "Cube.003", 0.1, negated=True),
        ),
    )
    assert CompactEncoding(task).feedback_text(evidence.to_json()) == (
        "single_bed_1 overlaps sofa_1 m0.25\nthing_1 outside m0.10\nsingle_bed_1 falls\n"
        "single_bed_1 blocks door\nsingle_bed_1 not >against south wall y0.000\n"
        "single_bed_1 not avoid >facing thing_1\n"
    )
    assert CompactEncoding(task).feedback_text(Evidence().to_json()) == "no faults\n"


def crowded(locked: int) -> Task:
    """Three items to place among many locked ones: a shelf that a relation names, small boxes, and a rug."""
    task = odd_task()
    boxes = tuple(
        Item(f"box{k}", "box", (0.1 + 0.001 * k, 0.1, 0.1), locked=True, pose=Pose(3, 0, 0, 0)) for k in range(locked)
    )
    shelf = Item("shelf", "bookcase", (0.05, 0.05, 1.0), locked=True, pose=Pose(2.5, 1.5))
    rug = Item("rug", "rug", (3, 2, 0.01), covering=True, locked=True, pose=Pose(3, 0.5))
    related = (Relation("Bett", "next_to", "shelf"),)
    return dataclasses.replace(task, items=(*task.items, rug, *boxes, shelf), relations=related)


def test_a_relation_beyond_the_vocabulary_is_left_out_of_prompt_and_feedback(monkeypatch):
    """A predicate that is added to the tasks later must not keep a taught model from its rooms."""
    room = Room("bedroom", ((0.0, 0.0), (4.0, 0.0), (4.0, 3.0), (0.0, 3.0)), 2.5)
    items = (Item("bed", "double bed", (1.6, 2.1, 0.5)), Item("desk", "desk", (1.2, 0.6, 0.74)))
    relations = (Relation("desk", "far", "bed"), Relation("desk", "near", "bed"))
    monkeypatch.setattr(v, "KNOWN_PREDICATES", tuple(p for p in v.KNOWN_PREDICATES if p != "far"))
    encoding = CompactEncoding(Task("t", "", room, items, relations))
    evidence = Evidence(relations=tuple(RelationScore(r.subject, r.predicate, r.object, 0.0) for r in relations))
    for text in (encoding.prompt_text(), encoding.feedback_text(evidence.to_json())):
        v.encode(text)
        assert ">near double_bed_1" in text and ">far" not in text


def test_of_many_locked_items_the_largest_and_those_that_a_relation_names_are_listed():
    compact = CompactEncoding(crowded(480))
    question = compact.prompt_text()
    assert question.count("(fixed)") == MAX_LOCKED_IN_PROMPT and v.decode(v.encode(question)) == question
    assert ">next_to bookcase_1" in question and "covering" not in question
    listed = set(compact.names) - {item.id for item in odd_task().items}
    assert listed == {"shelf", *(f"box{k}" for k in range(480 - MAX_LOCKED_IN_PROMPT + 1, 480))}
    few = CompactEncoding(crowded(MAX_LOCKED_IN_PROMPT - 2))
    assert few.prompt_text().count("(fixed)") == MAX_LOCKED_IN_PROMPT and "covering" in few.prompt_text()


def test_an_overlap_with_an_item_that_is_not_listed_counts_as_outside():
    task = crowded(480)
    evidence = Evidence(
        (Overlap("Bett", "box0", 0.1), Overlap("Bett", "box479", 0.1)),
        relations=(RelationScore("Bett", "near", "box1", 0.0), RelationScore("box1", "near", "Bett", 0.0)),
    )
    assert CompactEncoding(task).feedback_text(evidence.to_json()) == (
        f"single_bed_1 outside m0.10\nsingle_bed_1 overlaps {CompactEncoding(task).names['box479']} m0.10\n"
    )


def test_an_edit_is_read_among_many_locked_items():
    task = crowded(480)
    before = Layout("odd", {item.id: Pose(3.0, 0.5) for item in task.movable})
    answer = FORMAT.read(CompactEncoding(task).answer_text({"Bett": Pose(4.0, 0.5)}), task, before)
    assert answer.changed == ("Bett",) and set(answer.layout.poses) == set(before.poses)
