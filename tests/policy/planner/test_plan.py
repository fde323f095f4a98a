"""Plans of rooms and lists that the planner was not made for: nothing collides, nothing is outside, wishes are met."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headless.taskgen.make import make_task
from metaspatial_addon.core.detectors.boxes import measure_boxes
from metaspatial_addon.core.faults import Outside, Overlap, Unreachable, Unsupported
from metaspatial_addon.core.relations import relation_scores
from metaspatial_addon.core.task import Item, Opening, Pose, Relation, Room, Task
from metaspatial_addon.policy.planner.plan import plan

SQUARE = ((0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0))
L_SHAPE = ((0.0, 0.0), (5.23, 0.0), (5.23, 2.41), (3.07, 2.41), (3.07, 4.9), (0.0, 4.9))
SLANTED = ((0.0, 0.0), (4.6, 0.0), (5.2, 2.1), (4.1, 4.3), (0.0, 3.7))
DOOR = Opening("door_1", "door", 0, 0.4, 0.9, 0.0, 2.05)


def of_items(*items: Item, floor=SQUARE, relations=(), openings=(DOOR,)) -> Task:
    return Task("t", "", Room("room", floor, 2.6, openings), items, tuple(relations))


def faults_of(task: Task, layout) -> list[str]:
    """Faults of boxes, without those of seats under tables, which boxes do not allow."""
    evidence = measure_boxes(task, layout)
    kinds = (Overlap, Outside, Unsupported, Unreachable)
    return [fault.sentence() for kind in kinds for fault in evidence.of_kind(kind)]


@pytest.mark.parametrize("index", range(0, 40, 2))
def test_rooms_of_the_generator_have_every_item_in_its_place(index):
    task, _ = make_task("validation", 3, index)
    planned = plan(task)
    assert planned.left == () and set(planned.layout.poses) == {item.id for item in task.movable}
    assert measure_boxes(task, planned.layout).of_kind(Outside) == ()


def test_relations_of_the_generator_hold():
    tasks = [make_task("validation", 3, index)[0] for index in range(40)]
    met = [score.score >= 0.5 for task in tasks for score in relation_scores(task, plan(task).layout)]
    assert len(met) > 50 and sum(met) >= 0.95 * len(met)


@pytest.mark.parametrize("floor", [SQUARE, L_SHAPE, SLANTED], ids=["square", "L", "slanted"])
@pytest.mark.parametrize("size", [(1.8, 2.0, 0.5), (1.37, 2.11, 0.9), (0.83, 0.41, 2.2), (0.3, 0.3, 0.3)])
@pytest.mark.parametrize("category", ["double bed", "wardrobe", "dining table", "gadget"])
def test_one_item_of_any_size_is_inside(floor, size, category):
    task = of_items(Item("one", category, size), floor=floor)
    planned = plan(task)
    assert planned.left == () and faults_of(task, planned.layout) == []


def test_plain_boxes_do_not_enter_one_another():
    chairs = [Item(f"chair_{k}", "dining chair", (0.45, 0.5, 0.9)) for k in range(6)]
    task = of_items(Item("table", "dining table", (1.6, 0.9, 0.75)), *chairs, floor=L_SHAPE)
    planned = plan(task)
    assert planned.left == () and faults_of(task, planned.layout) == []


@pytest.mark.parametrize(
    "wish",
    [
        Relation("desk", "against", "wall_1"),
        Relation("desk", "corner", "room"),
        Relation("bed", "against", "wall_3"),
        Relation("desk", "near", "bed"),
        Relation("desk", "facing", "bed"),
        Relation("shelf", "left_of", "bed"),
        Relation("shelf", "right_of", "bed"),
        Relation("shelf", "next_to", "desk"),
    ],
    ids=lambda wish: f"{wish.subject} {wish.predicate} {wish.object}",
)
def test_a_wish_is_met(wish):
    items = (
        Item("bed", "double bed", (1.6, 2.05, 0.5)),
        Item("desk", "desk", (1.2, 0.6, 0.74)),
        Item("shelf", "bookcase", (0.6, 0.3, 1.4)),
    )
    task = of_items(*items, floor=((0.0, 0.0), (5.5, 0.0), (5.5, 4.5), (0.0, 4.5)), relations=[wish])
    planned = plan(task)
    (score,) = relation_scores(task, planned.layout)
    assert score.score >= 0.5 and faults_of(task, planned.layout) == []


def test_locked_items_stay_and_others_keep_clear_of_them():
    pillar = Item("pillar", "pillar", (0.5, 0.5, 2.6), locked=True, pose=Pose(2.0, 2.0))
    task = of_items(pillar, Item("bed", "double bed", (1.6, 2.05, 0.5)), Item("sofa", "sofa", (1.5, 0.8, 0.8)))
    planned = plan(task)
    assert "pillar" not in planned.layout.poses
    assert planned.left == () and faults_of(task, planned.layout) == []


def test_what_cannot_fit_is_named_and_placed_all_the_same():
    items = [Item(f"bed_{k}", "double bed", (1.8, 2.0, 0.5)) for k in range(5)]
    task = of_items(*items, floor=((0.0, 0.0), (3.0, 0.0), (3.0, 3.0), (0.0, 3.0)))
    planned = plan(task)
    assert planned.left and set(planned.layout.poses) == {item.id for item in items}


def test_the_same_seed_gives_the_same_plan_and_variation_another():
    task, _ = make_task("validation", 3, 1)
    assert plan(task, 5).layout == plan(task, 5).layout
    assert len({str(plan(task, seed, vary=True).layout) for seed in range(4)}) > 1


def test_things_of_any_mount_are_carried():
    items = (
        Item("desk", "desk", (1.4, 0.7, 0.74)),
        Item("screen", "monitor", (0.55, 0.2, 0.4), mount="surface"),
        Item("box", "gadget", (0.2, 0.2, 0.2), mount="surface"),
        Item("picture", "picture", (0.8, 0.03, 0.6), mount="wall"),
        Item("lamp", "pendant lamp", (0.4, 0.4, 0.5), mount="ceiling"),
        Item("rug", "rug", (1.2, 0.8, 0.01), covering=True),
    )
    for floor in (SQUARE, L_SHAPE):
        task = of_items(*items, floor=floor)
        planned = plan(task)
        assert planned.left == () and faults_of(task, planned.layout) == []


def test_names_do_not_matter_to_where_things_may_be():
    """A list in words that the table does not know is laid out without faults all the same."""
    task, _ = make_task("validation", 3, 8)
    strange = replace(
        task, items=tuple(replace(item, category="xyzzy", asset=None) for item in task.items), relations=()
    )
    evidence = measure_boxes(strange, plan(strange).layout)
    assert not evidence.of_kind(Overlap) and not evidence.of_kind(Outside)
