"""Makes one task and a layout without faults from a seed."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import NamedTuple

from metaspatial_addon.core.access import measure_access
from metaspatial_addon.core.furniture import FURNITURE, ROOM_TYPES
from metaspatial_addon.core.relations import relation_scores
from metaspatial_addon.core.task import Item, Layout, Pose, Relation, Room, Task

from .floorplan import Floorplan
from .furnish import Furnisher
from .lists import draw_items
from .prompts import write_prompt
from .rooms import draw_room

SPLITS = ("train", "validation", "test")
LEAST_ITEMS, MOST_ITEMS = 4, 16
LOCKED_CHANCE = 0.1


def task_seed(split: str, seed: int, index: int) -> str:
    """The seed of one task; the split is part of it, so that no two splits share tasks. Raises ValueError."""
    if split not in SPLITS:
        raise ValueError(f"split: expected one of {', '.join(SPLITS)}, got {split!r}")
    return f"metaspatial/{split}/{seed}/{index}"


def make_task(split: str, seed: int, index: int, room_types: tuple[str, ...] = ROOM_TYPES) -> tuple[Task, Layout]:
    """The task of that number in a split and its layout, always the same for the same arguments."""
    rng = Random(task_seed(split, seed, index))
    furnished = None
    while furnished is None:
        furnished = _furnish_room(rng.choice(room_types), rng)
    room, items, relations, poses, wish = furnished
    task_id = f"{room.type.replace(chr(39), '').replace(' ', '-')}-{split}-{seed}-{index:06d}"
    prompt = write_prompt(room, items, relations, wish, rng)
    # A wish that the prompt expresses need not be a relation of the task as well: half of the time it is not.
    if wish is not None and rng.random() < 0.5:
        relations = tuple(r for r in relations if r != wish)
    items, poses = _lock_some(items, poses, rng)
    relations = tuple(r for r in relations if r.subject in poses)
    return Task(task_id, prompt, room, items, relations), Layout(task_id, poses)


class _FurnishedRoom(NamedTuple):
    """A room with its items and their poses, relations that hold, and the wish for a wall if there is one."""

    room: Room
    items: tuple[Item, ...]
    relations: tuple[Relation, ...]
    poses: dict[str, Pose]
    wish: Relation | None


def _furnish_room(room_type: str, rng: Random) -> _FurnishedRoom | None:
    """A random room with its furniture; None where too few items fit or a way is blocked."""
    generated = draw_room(room_type, rng)
    room = generated.room
    wanted = draw_items(room_type, rng, LEAST_ITEMS, MOST_ITEMS)
    plan = Floorplan.of(room, generated.notches)
    wishes = _draw_wish(rng, room, wanted)
    furnisher = Furnisher(plan, wishes)
    items = tuple(item for item in wanted if furnisher.place(item))
    if len(items) < LEAST_ITEMS:
        return None
    poses = {p.item.id: p.pose for p in sorted(furnisher.placed, key=lambda p: wanted.index(p.item))}
    task, layout = Task("trial", "", room, items, tuple(furnisher.relations)), Layout("trial", poses)
    access = measure_access(task, layout)
    if access.faults:
        return None
    holding = [r for r, s in zip(task.relations, relation_scores(task, layout), strict=True) if s.score > 0.95]
    wish = next((r for r in holding if r.subject in wishes and r.predicate == "against"), None)
    kept = tuple(r for r in holding if r == wish or rng.random() < (0.15 if r.predicate == "against" else 0.7))
    return _FurnishedRoom(room, items, kept, poses, wish)


def _draw_wish(rng: Random, room: Room, items: list[Item]) -> dict[str, int]:
    """For half of the tasks the wall that one item is asked to stand against, by the item's id."""
    by_wall = {name for name, row in FURNITURE.categories.items() if any(r.method == "wall" for r in row.placement)}
    askable = [item for item in items if item.category in by_wall and item.size[0] >= 0.8]
    if not askable or rng.random() < 0.5:
        return {}
    return {rng.choice(askable[:3]).id: rng.randrange(len(room.floor))}


def _lock_some(
    items: tuple[Item, ...], poses: dict[str, Pose], rng: Random
) -> tuple[tuple[Item, ...], dict[str, Pose]]:
    """The items and poses, where in one task of ten one or two items are locked at their poses."""
    standing = [i.id for i in items if i.mount == "floor"]
    if rng.random() >= LOCKED_CHANCE or len(items) - 2 < LEAST_ITEMS:
        return items, poses
    locked = set(rng.sample(standing, min(len(standing), rng.choice((1, 1, 2)))))
    items = tuple(replace(i, locked=True, pose=poses[i.id]) if i.id in locked else i for i in items)
    return items, {item_id: pose for item_id, pose in poses.items() if item_id not in locked}
