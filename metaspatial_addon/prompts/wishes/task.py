"""Wishes as relations of a task: what a prompt calls a wall becomes that wall of the task's room."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from ...core.relation_words import relation_phrase
from ...core.relations import DISTANCES
from ...core.task import Relation, Task
from .reading import NotUnderstood, Wish, read_wishes
from .walls import PLACES, WALLS, wall_named


@dataclass(frozen=True)
class Asked:
    """A wish and the relation that it is in a task; None where the task cannot have it, for that reason."""

    wish: Wish
    relation: Relation | None
    reason: str = ""


def task_with_prompt_wishes(
    task: Task, carried: Mapping[str, tuple[str, str]] = MappingProxyType({})
) -> tuple[Task, tuple[Wish, ...], tuple[NotUnderstood, ...]]:
    """The task with what its prompt asks for as relations, what was read, and what was not.

    A task that has relations is left as it is: its author said what must hold. `carried`: by name, what is no item of
    the task but goes along with one, its category and the id of that item, of which then holds what is asked of it.
    """
    if task.relations:
        return task, (), ()
    categories = {name: category for name, (category, _) in carried.items()}
    reading = read_wishes(task.prompt, categories | {item.id: item.category for item in task.items})
    carriers = {name: carrier for name, (_, carrier) in carried.items()}
    wishes = [
        replace(w, subject=carriers.get(w.subject, w.subject), object=carriers.get(w.object, w.object))
        for w in reading.wishes
    ]
    asked_task, asked = task_with_wishes(task, [wish for wish in wishes if wish.subject != wish.object])
    read = tuple(a.wish for a in asked if a.relation is not None)
    reasons = (NotUnderstood(a.wish.phrase, a.reason) for a in asked if a.relation is None)
    return asked_task, read, tuple(dict.fromkeys((*reading.not_understood, *reasons)))


def task_with_wishes(task: Task, wishes: Iterable[Wish]) -> tuple[Task, tuple[Asked, ...]]:
    """The task with wishes as further relations, and what became of each wish.

    What is asked to be far from something in a room where no two places are that far apart is asked to be across it.
    """
    items = {item.id: item for item in task.items}
    known = {replace(relation, source=""): relation for relation in task.relations}
    asked = []
    for wish in wishes:
        target = wall_named(task.room, wish.object) if wish.object in WALLS else wish.object
        concerned = [items[name] for name in (wish.subject, target) if name in items]
        fits = wish.object in PLACES.get(wish.predicate, items) and wish.object != wish.subject
        if wish.subject not in items or not fits:
            asked.append(Asked(wish, None, "there are no such items"))
        elif target is None:
            asked.append(Asked(wish, None, f"the room has no {wish.object}"))
        elif all(item.locked for item in concerned):
            asked.append(Asked(wish, None, "what it is about is locked"))
        else:
            near = wish.predicate == "far" and not wish.negated and _widest_gap(task, wish) < DISTANCES["far"][0]
            relation = Relation(wish.subject, "across" if near else wish.predicate, target, wish.negated)
            known.setdefault(relation, replace(relation, source="prompt" if wish.phrase else ""))
            asked.append(Asked(wish, known[relation]))
    return replace(task, relations=tuple(known.values())), tuple(asked)


def wish_words(wish: Wish) -> str:
    """A wish in a few words: "wardrobe not against south wall"."""
    return relation_phrase(wish.subject, wish.predicate, wish.object, wish.negated)


def _widest_gap(task: Task, wish: Wish) -> float:
    """The widest gap in metres that two items can have in the rectangle around the floor, each at its narrowest."""
    xs, ys = zip(*task.room.floor, strict=True)
    taken = sum(min(task.item(name).size[:2]) for name in (wish.subject, wish.object))
    return math.hypot(max(max(xs) - min(xs) - taken, 0.0), max(max(ys) - min(ys) - taken, 0.0))
