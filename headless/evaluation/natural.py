"""Natural relations: what belongs together stands together, whether or not a task asks for it.

A nightstand at a bed, a chair at a table and facing it, a coffee table at a seat, a sofa facing a screen; bed,
wardrobe, sofa and screen at a wall. One relation for each such item where the room has what it belongs to.
"""

from __future__ import annotations

from dataclasses import replace

from metaspatial_addon.core.evidence import Evidence
from metaspatial_addon.core.furniture import FURNITURE
from metaspatial_addon.core.relations import relation_scores
from metaspatial_addon.core.task import Item, Layout, Relation, Task

SCREENS = ("tv", "tv stand", "monitor", "projector screen")
AT_A_WALL = ("wardrobe", "tv stand", "sofa", "corner sofa", "loveseat", "sofa bed")
COFFEE_TABLE_REACH = ("next_to", "near")
"""A coffee table belongs within 1.5 m of its seat."""
SATISFIED = 0.5


def natural_relations(task: Task, layout: Layout) -> tuple[int, int]:
    """How many natural relations of the movable items hold, and how many there are."""
    kinds = {item.id: FURNITURE.kind_of(item.category, item.size) for item in task.items}
    of_class: dict[str, list[str]] = {}
    for item in task.items:
        of_class.setdefault(kinds[item.id].class_name, []).append(item.id)
    screens = [item.id for item in task.items if kinds[item.id].name in SCREENS]
    met = total = 0
    for item in task.movable:
        kind = kinds[item.id]
        seats = [name for name in of_class.get("seat", ()) if kinds[name].way != "tuck" and name != item.id]
        tables = [name for name in of_class.get("table", ()) if kinds[name].name in kind.hosts]
        wanted: list[list[Relation]] = []
        if kind.name == "nightstand":
            wanted = [[Relation(item.id, "next_to", bed)] for bed in of_class.get("bed", ())]
        elif kind.name == "coffee table":
            wanted = [[Relation(item.id, reach, seat)] for seat in seats for reach in COFFEE_TABLE_REACH]
        elif kind.class_name == "seat" and "chair" in kind.name and tables:
            wanted = [[Relation(item.id, "next_to", t), Relation(item.id, "facing", t)] for t in tables]
        elif kind.name == "sofa" and screens:
            wanted = [[Relation(item.id, "facing", screen)] for screen in screens]
        if wanted:
            total += 1
            met += any(_holds(task, layout, relations) for relations in wanted)
        if kind.name in AT_A_WALL or kind.class_name == "bed" and item.mount == "floor":
            total += 1
            met += _holds(task, layout, [Relation(item.id, "against", "wall")]) or _sideways(task, layout, item)
    return met, total


def natural(task: Task, layout: Layout, evidence: Evidence) -> float:
    """The share of natural relations that hold, 1 where there are none: a term for `reward.terms`, without which a
    model that learns to stand things clear of each other takes them apart."""
    met, total = natural_relations(task, layout)
    return met / total if total else 1.0


def _holds(task: Task, layout: Layout, relations: list[Relation]) -> bool:
    scores = relation_scores(replace(task, relations=tuple(relations)), layout)
    return all(score.score >= SATISFIED for score in scores)


def _sideways(task: Task, layout: Layout, item: Item) -> bool:
    """Whether a bed has a long side at a wall."""
    if FURNITURE.kind_of(item.category, item.size).class_name != "bed" or item.id not in layout.poses:
        return False
    width, depth, height = item.size
    pose = layout.poses[item.id]
    rotated = replace(task, items=(replace(item, size=(depth, width, height)),), relations=())
    return any(
        _holds(
            rotated,
            Layout(layout.task, {item.id: replace(pose, yaw=(pose.yaw + quarter) % 360.0)}),
            [Relation(item.id, "against", "wall")],
        )
        for quarter in (90.0, 270.0)
    )
