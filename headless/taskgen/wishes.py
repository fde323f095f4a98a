"""Relations for tasks: wishes drawn before a room is laid out, and relations read off a layout that meets them."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from metaspatial_addon.core.geometry import OrientedBox, gap
from metaspatial_addon.core.relations import relation_scores
from metaspatial_addon.core.task import PREDICATES, Item, Layout, Relation, Room, Task
from metaspatial_addon.prompts.compact import WALL

MET = 0.95
"""Score from which a relation counts as met by a layout that is to be learnt."""
TRIES = 12
"""Pairs that are tried for each relation that is read off."""
OF_THE_ROOM = ("against", "corner", "centred")
PHRASES = {
    "next_to": ("the {s} next to the {o}", "{s} beside the {o}", "the {s} by the {o}"),
    "near": ("{s} near the {o}",),
    "across": ("{s} opposite the {o}", "the {s} across from the {o}"),
    "far": ("{s} far from the {o}",),
    "against": ("{s} against the {o}", "put the {s} at the {o}", "the {s} along the {o}"),
    "corner": ("{s} in a corner",),
    "facing": ("{s} facing the {o}", "the {s} looking at the {o}"),
    "left_of": ("{s} left of the {o}", "the {s} on the left of the {o}"),
    "right_of": ("{s} right of the {o}", "the {s} on the right of the {o}"),
    "in_front_of": ("{s} in front of the {o}", "the {s} before the {o}"),
    "behind": ("{s} behind the {o}",),
    "on": ("{s} on the {o}",),
    "under": ("{s} under the {o}",),
    "around": ("{s} around the {o}",),
    "centred": ("{s} in the middle", "{s} in the centre of the {o}"),
}


def draw_wishes(rng: Random, room: Room, items: tuple[Item, ...], count: int) -> tuple[Relation, ...]:
    """Up to `count` relations of any predicate, each with another subject; whether a layout can meet them is open."""
    wishes: list[Relation] = []
    subjects = [item for item in items if not item.covering]
    rng.shuffle(subjects)
    for subject in subjects[:count]:
        relation = _draw(rng, room, items, subject)
        if relation is not None and not any(w.object == subject.id and w.subject == relation.object for w in wishes):
            wishes.append(relation)
    return tuple(wishes)


def _draw(rng: Random, room: Room, items: tuple[Item, ...], subject: Item) -> Relation | None:
    others = [item for item in items if item.id != subject.id and not item.covering and item.mount == "floor"]
    if subject.mount == "ceiling":
        return None
    if subject.mount == "surface":
        tops = [item for item in others if all(a <= b for a, b in zip(subject.size, item.size[:2], strict=False))]
        return Relation(subject.id, "on", rng.choice(tops).id) if tops else None
    wall = f"wall_{rng.randrange(len(room.walls))}"
    if subject.mount == "wall":
        return Relation(subject.id, rng.choice(("against", "against", "centred")), wall)
    predicates = ["against", "against", "corner", "centred"]
    if others:
        predicates += ["next_to", "near", "across", "far", "facing", "left_of", "right_of", "in_front_of", "behind"]
    predicate = rng.choice(predicates)
    if predicate == "corner":
        return Relation(subject.id, predicate, "room")
    if predicate == "centred":
        return Relation(subject.id, predicate, rng.choice(("room", wall)))
    if predicate == "against":
        return Relation(subject.id, predicate, wall, negated=rng.random() < 0.15)
    return Relation(subject.id, predicate, rng.choice(others).id)


def met(task: Task, layout: Layout) -> tuple[Relation, ...]:
    """The task's relations that a layout meets."""
    scores = relation_scores(task, layout)
    return tuple(r for r, s in zip(task.relations, scores, strict=True) if s.score >= MET)


def read_off(rng: Random, task: Task, layout: Layout, count: int) -> tuple[Relation, ...]:
    """Up to `count` relations that a layout meets, predicates drawn evenly, subjects among what is to be placed."""
    found: dict[tuple[str, str, str], Relation] = {}
    poses = layout.everywhere(task)
    items = {item.id: item for item in task.items if item.id in poses}
    boxes = {name: OrientedBox.of(item, poses[name]) for name, item in items.items()}
    subjects = [item.id for item in task.movable if item.id in poses and not item.covering]
    if not subjects:
        return ()
    for _ in range(count):
        predicate = rng.choice(PREDICATES)
        negated = predicate not in ("on", "inside", "under", "around") and rng.random() < 0.15
        for _ in range(TRIES):
            subject = rng.choice(subjects)
            target = _target(rng, task, boxes, subject, predicate)
            if target is None:
                continue
            tried = [Relation(subject, predicate, target, negated)]
            if predicate == "around":
                near = [s for s in subjects if s != target and gap(boxes[s], boxes[target]) <= 0.6]
                alike = [s for s in near if items[s].category == items[subject].category]
                tried = [Relation(s, predicate, target) for s in alike or [subject]]
            if len(met(replace(task, relations=tuple(tried)), layout)) == len(tried):
                found |= {(r.subject, r.predicate, r.object): r for r in tried}
                break
    return tuple(found.values())


def _target(rng: Random, task: Task, boxes: dict[str, OrientedBox], subject: str, predicate: str) -> str | None:
    """An object for a relation of a subject: for most predicates one that is not far from it."""
    if predicate in OF_THE_ROOM:
        wall = f"wall_{rng.randrange(len(task.room.walls))}"
        return {"against": rng.choice((wall, wall, wall, "wall")), "corner": "room"}.get(
            predicate, rng.choice((wall, "room"))
        )
    others = [name for name in boxes if name != subject]
    if not others:
        return None
    if predicate == "far" or rng.random() < 0.3:
        return rng.choice(others)
    box = boxes[subject]
    others.sort(key=lambda name: abs(boxes[name].x - box.x) + abs(boxes[name].y - box.y))
    return rng.choice(others[:4])


def phrase(rng: Random, task: Task, relation: Relation) -> str:
    """A relation in words; empty where it has none."""
    if relation.negated or relation.predicate not in PHRASES:
        return ""
    target = relation.object
    if WALL.fullmatch(target):
        inward = task.room.walls[int(target[5:])].inward
        axis = 0 if abs(inward[0]) >= abs(inward[1]) else 1
        target = f"{(('east', 'west'), ('north', 'south'))[axis][inward[axis] > 0]} wall"
    elif target not in ("wall", "room"):
        target = task.item(target).category
    pattern = rng.choice(PHRASES[relation.predicate])
    return pattern.format(s=task.item(relation.subject).category, o=target)
