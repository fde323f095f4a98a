"""Wishes as relations of a task: what a prompt calls a wall becomes that wall of the task's room."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from ...core.relation_words import relation_phrase
from ...core.relations import DISTANCES
from ...core.task import Relation, Task
from .reading import NotUnderstood, Wish, read_wishes
from .walls import WALLS, wall_named


def task_with_prompt_wishes(task: Task) -> tuple[Task, tuple[Wish, ...], tuple[NotUnderstood, ...]]:
    """The task with what its prompt asks for as relations beside its own, what was read, and what was not.

    A task that has relations is left as it is: its author said what must hold.
    """
    if task.relations:
        return task, (), ()
    reading = read_wishes(task.prompt, {item.id: item.category for item in task.items})
    asked, left = task_with_wishes(task, reading.wishes)
    impossible = {wish for wish, _ in left}
    read = tuple(wish for wish in reading.wishes if wish not in impossible)
    reasons = tuple(NotUnderstood(wish.phrase, reason) for wish, reason in left)
    return asked, read, tuple(dict.fromkeys((*reading.not_understood, *reasons)))


def task_with_wishes(task: Task, wishes: Iterable[Wish]) -> tuple[Task, tuple[tuple[Wish, str], ...]]:
    """The task with wishes as further relations, and the wishes that it cannot have, each with the reason.

    What is asked to be far from something in a room where no two places are that far apart is asked to be across it.
    """
    items = {item.id: item for item in task.items}
    relations = dict.fromkeys(replace(relation, source="") for relation in task.relations)
    added: list[Relation] = []
    left: list[tuple[Wish, str]] = []
    for wish in wishes:
        target: str | None = wish.object
        predicate = wish.predicate
        if wish.object in WALLS:
            target = wall_named(task.room, wish.object)
        if target is None:
            left.append((wish, f"the room has no {wish.object}"))
            continue
        concerned = [items[name] for name in (wish.subject, target) if name in items]
        if all(item.locked for item in concerned):
            left.append((wish, "what it is about is locked"))
            continue
        if predicate == "far" and not wish.negated and _farthest(task, wish) < DISTANCES["far"][0]:
            predicate = "across"
        relation = Relation(wish.subject, predicate, target, wish.negated)
        if relation not in relations:
            relations[relation] = None
            added.append(replace(relation, source="prompt"))
    return replace(task, relations=(*task.relations, *added)), tuple(left)


def wish_words(wish: Wish) -> str:
    """A wish in a few words: "wardrobe not against south wall"."""
    return relation_phrase(wish.subject, wish.predicate, wish.object, wish.negated)


def _farthest(task: Task, wish: Wish) -> float:
    """The widest gap in metres that two items can have in the rectangle around the floor, each at its narrowest."""
    xs, ys = zip(*task.room.floor, strict=True)
    taken = sum(min(task.item(name).size[:2]) for name in (wish.subject, wish.object))
    return math.hypot(max(max(xs) - min(xs) - taken, 0.0), max(max(ys) - min(ys) - taken, 0.0))
