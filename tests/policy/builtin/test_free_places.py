"""The places that the embedded model is offered are free in the task as well, whatever is chosen among them."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from headless.pretraining.layouts import with_some_locked
from headless.pretraining.perturb import box_evidence
from headless.taskgen.wide import make_wide_task
from metaspatial_addon.core.conversation import Message
from metaspatial_addon.core.faults import Blocked, Outside, Overlap, Unsupported
from metaspatial_addon.core.furniture import FURNITURE, UNKNOWN
from metaspatial_addon.core.task import Item, Layout, Opening, Pose, Relation, Room, Task
from metaspatial_addon.policy.builtin.free_places import FreePlaces
from metaspatial_addon.policy.builtin.grammar import grammar_for
from metaspatial_addon.policy.builtin.prompt_room import PromptRoom
from metaspatial_addon.prompts import vocabulary as v
from metaspatial_addon.prompts.compact import CompactEncoding, CompactFormat

FORMAT = CompactFormat()
SQUARE = Room("bedroom", ((0.0, 0.0), (4.0, 0.0), (4.0, 3.0), (0.0, 3.0)), 2.5)


def chosen_at_random(conversation, seed: int) -> tuple[str, set[str]]:
    """An answer with every choice drawn evenly, and the names of the items that had no free place."""
    rng = np.random.default_rng(seed)
    grammar = grammar_for(conversation)
    ids: list[int] = []
    placeless = set()
    while not grammar.done:
        token = int(rng.choice(grammar.allowed_ids))
        ids.append(token)
        kind, last = v.TOKENS[ids[-2]] if len(ids) > 1 else "", v.TOKENS[token]
        if last[0] == "_" and not grammar.places.offer(grammar.room.items[kind + last], grammar.standing).free:
            placeless.add(kind + last)
        grammar.advance(token)
    return v.decode(ids[:-1]), placeless


@pytest.mark.parametrize("index", range(24))
def test_any_choice_is_clear_inside_and_carried(index):
    task, layout = make_wide_task("validation", 41, index)
    if index % 3 == 0 and len(task.items) > 1:
        task, layout = with_some_locked(task, layout, Random(index))
    compact = CompactEncoding(task)
    text, placeless = chosen_at_random(FORMAT.first(task), index)
    answer = FORMAT.read(text, task)
    assert answer.status == "ok"
    order = list(compact.names)
    evidence = box_evidence(task, answer.layout)
    for fault in (*evidence.of_kind(Overlap), *evidence.of_kind(Outside)):
        movable = [item_id for item_id in fault.items if not task.item(item_id).locked]
        later = max(movable, key=order.index)
        assert compact.names[later] in placeless, fault
    kinds = {item.id: FURNITURE.kind_of(item.category, item.size).name for item in task.items}
    for fault in evidence.of_kind(Unsupported):
        assert kinds[fault.id] == UNKNOWN or compact.names[fault.id] in placeless, fault
    for fault in evidence.of_kind(Blocked):
        assert {compact.names[item_id] for item_id in fault.items} & placeless, fault


@pytest.mark.parametrize("seed", range(3))
def test_one_item_of_any_kind_is_inside_and_carried(seed):
    rng = Random(seed)
    for name, row in FURNITURE.categories.items():
        if row.mount == "surface":
            continue
        size = tuple(round(rng.uniform(*span), 2) for span in (row.width, row.depth, row.height))
        room = replace(SQUARE, floor=((0.0, 0.0), (6.03, 0.0), (6.03, 5.51), (0.0, 5.51)))
        task = Task("one", "", room, (Item("it", name, size, row.mount, covering=row.covering),))
        if size[2] > room.height or max(size[:2]) > 5.0:
            continue
        text, placeless = chosen_at_random(FORMAT.first(task), seed)
        evidence = box_evidence(task, FORMAT.read(text, task).layout)
        assert not placeless and not evidence.of_kind(Outside) and not evidence.of_kind(Unsupported), name


def places(task: Task) -> tuple[FreePlaces, dict]:
    room = PromptRoom.of(CompactEncoding(task).prompt_text())
    return FreePlaces(room), room.items


def test_a_bed_is_never_offered_a_place_through_a_wall():
    places_, items = places(Task("t", "", SQUARE, (Item("bed", "bed", (1.8, 2.0, 0.5)),)))
    bed = items["double_bed_1"]
    for yaw, (ex, ey) in {0: (1.8, 2.0), 90: (2.0, 1.8)}.items():
        xs, ys = np.nonzero(places_.free(bed, yaw, []))
        assert (xs.min() * 0.025, xs.max() * 0.025) == pytest.approx((ex / 2, 4.0 - ex / 2))
        assert (ys.min() * 0.025, ys.max() * 0.025) == pytest.approx((ey / 2, 3.0 - ey / 2))


def test_a_tall_piece_does_not_stand_before_a_window_and_nothing_in_a_doors_swing():
    openings = (Opening("w", "window", 2, 1.0, 2.0, 0.9, 1.2), Opening("d", "door", 0, 0.2, 0.9, 0.0, 2.0))
    room = replace(SQUARE, openings=openings)
    items = (Item("tall", "wardrobe", (0.6, 0.6, 2.0)), Item("low", "sideboard", (0.6, 0.4, 0.8)))
    places_, named = places(Task("t", "", room, items))
    tall, low = (places_.free(named[name], 0, []) for name in ("wardrobe_1", "sideboard_1"))
    assert not tall[80, 108] and tall[20, 108] and low[80, 112]  # (2.0, 2.7), (0.5, 2.7), (2.0, 2.8)
    assert not tall[26, 20] and not low[26, 20]  # (0.65, 0.5)


def test_what_belongs_on_a_surface_is_offered_tops_and_the_one_that_is_asked_for():
    desk, stand = Item("desk", "desk", (1.2, 0.6, 0.75)), Item("stand", "nightstand", (0.4, 0.4, 0.5))
    lamp = Item("lamp", "table lamp", (0.2, 0.2, 0.4), "surface")
    locked = tuple(replace(i, locked=True, pose=Pose(x, 2.0)) for i, x in ((desk, 1.0), (stand, 3.0)))
    places_, named = places(Task("t", "", SQUARE, (*locked, lamp)))
    on = places_.free(named["table_lamp_1"], 0, places_.room.fixed)
    assert on[40, 80] and on[120, 80] and not on[80, 80]
    assert places_.heights(named["table_lamp_1"], 0, 3.0, 2.0, {}) == ["0.50"]
    asked = Task("t", "", SQUARE, (*locked, lamp), (Relation("lamp", "on", "desk"),))
    places_, named = places(asked)
    on = places_.free(named["table_lamp_1"], 0, places_.room.fixed)
    assert on[40, 80] and not on[120, 80]


def test_a_ceiling_lamp_is_offered_the_height_that_is_told():
    lamp = Item("lamp", "ceiling lamp", (0.4, 0.4, 0.3), "ceiling")
    places_, named = places(Task("t", "", replace(SQUARE, height=2.63), (lamp,)))
    assert places_.heights(named["ceiling_lamp_1"], 0, 2.0, 1.5, {}) == ["2.33"]


def test_in_later_turns_the_others_stand_and_a_rejected_answer_does_not_count():
    items = (Item("a", "wardrobe", (1.0, 0.6, 2.0)), Item("b", "dresser", (1.0, 0.5, 0.8)))
    task = Task("t", "", SQUARE, items)
    layout = Layout("t", {"a": Pose(0.5, 2.7), "b": Pose(2.5, 2.75)})
    moved = CompactEncoding(task).answer_text({"a": Pose(3.5, 0.5, 0.0, 180.0)}, dict(layout.poses))
    opening = (*FORMAT.first(task), Message("assistant", FORMAT.answer_text(task, layout)))
    question, worse = Message("user", "no faults\n"), Message("user", v.WORSE + "no faults\n")
    first = grammar_for((*opening, question))
    assert first.standing["wardrobe_1"].box.x == pytest.approx(0.5) and not first.first_turn
    others = [first.standing["dresser_1"]]
    assert not first.places.free(first.room.items["wardrobe_1"], 0, others)[100, 110]
    kept = grammar_for((*opening, question, Message("assistant", moved), question))
    assert kept.standing["wardrobe_1"].box.x == pytest.approx(3.5)
    rejected = grammar_for((*opening, question, Message("assistant", moved), worse))
    assert rejected.standing["wardrobe_1"].box.x == pytest.approx(0.5)


def test_where_no_place_is_left_the_item_is_least_in_the_way():
    items = (Item("big", "wardrobe", (3.9, 2.0, 2.0)), Item("next", "dresser", (1.0, 1.2, 0.8)))
    task = Task("t", "", SQUARE, items)
    text, placeless = chosen_at_random(FORMAT.first(task), 1)
    assert placeless == {"dresser_1"}
    evidence = box_evidence(task, FORMAT.read(text, task).layout)
    assert not evidence.of_kind(Outside) and evidence.of_kind(Overlap)[0].depth < 0.25


def test_without_free_places_every_number_that_can_be_written_is_offered():
    task = Task("t", "", SQUARE, (Item("bed", "bed", (1.8, 2.0, 0.5)),))
    conversation = FORMAT.first(task)
    free, every = grammar_for(conversation), grammar_for(conversation, free_places=False)
    offered = []
    for grammar in (free, every):
        while not v.TOKENS[int(grammar.allowed_ids[0])].startswith(',"x'):
            grammar.advance(int(grammar.allowed_ids[0]))
        offered.append(set(grammar.allowed_ids.tolist()))
    assert len(offered[1]) == 3 * (round((4.0 - 0.9) / 0.025) + 1)
    assert offered[0] < offered[1] and len(offered[0]) <= 3 * (round((4.0 - 1.8) / 0.025) + 1)
