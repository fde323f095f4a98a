"""One task with a layout free of faults, from a seed."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from metaspatial_addon.core.access import measure_access
from metaspatial_addon.core.furniture import FURNITURE, ROOM_TYPES
from metaspatial_addon.core.relations import relation_scores
from metaspatial_addon.core.task import Item, Layout, Pose, Room, Task

from .floorplan import Floorplan
from .furnish import Furnisher
from .lists import draw_items
from .prompts import word_prompt
from .rooms import draw_shell

SPLITS = ("train", "validation", "test")
LEAST_ITEMS, MOST_ITEMS = 4, 16
LOCKED_CHANCE = 0.1


def task_seed(split: str, seed: int, index: int) -> str:
    """The seed of one task. The split is part of it, so that no two splits share one."""
    if split not in SPLITS:
        raise ValueError(f"split: expected one of {', '.join(SPLITS)}, got {split!r}")
    return f"metaspatial/{split}/{seed}/{index}"


def make_task(split: str, seed: int, index: int, room_types: tuple[str, ...] = ROOM_TYPES) -> tuple[Task, Layout]:
    """The task of that number and its layout. Deterministic."""
    rng = Random(task_seed(split, seed, index))
    while True:
        made = _attempt(rng, rng.choice(room_types))
        if made is not None:
            room, items, relations, poses, wish = made
            break
    task_id = f"{room.type.replace(chr(39), '').replace(' ', '-')}-{split}-{seed}-{index:06d}"
    prompt = word_prompt(room, items, relations, wish, rng)
    # A wish that the prompt words need not be repeated as a relation: half of the time it is not.
    if wish is not None and rng.random() < 0.5:
        relations = tuple(r for r in relations if r != wish)
    items, poses = _lock_some(items, poses, rng)
    relations = tuple(r for r in relations if r.subject in poses)
    return Task(task_id, prompt, room, items, relations), Layout(task_id, poses)


def _lock_some(
    items: tuple[Item, ...], poses: dict[str, Pose], rng: Random
) -> tuple[tuple[Item, ...], dict[str, Pose]]:
    """One task in ten has one or two pieces that stand already and must stay."""
    standing = [i.id for i in items if i.mount == "floor"]
    if rng.random() >= LOCKED_CHANCE or len(items) - 2 < LEAST_ITEMS:
        return items, poses
    locked = set(rng.sample(standing, min(len(standing), rng.choice((1, 1, 2)))))
    fixed = tuple(replace(i, locked=True, pose=poses[i.id]) if i.id in locked else i for i in items)
    return fixed, {item_id: pose for item_id, pose in poses.items() if item_id not in locked}


def _attempt(rng: Random, room_type: str):
    shell = draw_shell(room_type, rng)
    wanted = draw_items(room_type, rng, LEAST_ITEMS, MOST_ITEMS)
    plan = Floorplan.of(shell.room, shell.notches)
    wishes = _draw_wish(rng, shell.room, wanted)
    furnisher = Furnisher(plan, wishes)
    items = [item for item in wanted if furnisher.place(item)]
    if len(items) < LEAST_ITEMS:
        return None
    poses = {p.item.id: p.pose for p in sorted(furnisher.placed, key=lambda p: wanted.index(p.item))}
    trial = Task("trial", "", shell.room, tuple(items), tuple(furnisher.relations))
    layout = Layout("trial", poses)
    access = measure_access(trial, layout)
    if access.faults:
        return None
    holding = [r for r, s in zip(trial.relations, relation_scores(trial, layout), strict=True) if s.score > 0.95]
    wish = next((r for r in holding if r.subject in wishes and r.predicate == "against"), None)
    kept = tuple(r for r in holding if r == wish or rng.random() < (0.15 if r.predicate == "against" else 0.7))
    return shell.room, tuple(items), kept, poses, wish


def _draw_wish(rng: Random, room: Room, items: list[Item]) -> dict[str, int]:
    """Half of the tasks ask for a certain wall for one piece."""
    by_wall = {name for name, row in FURNITURE.categories.items() if any(r.method == "wall" for r in row.placement)}
    askable = [item for item in items if item.category in by_wall and item.size[0] >= 0.8]
    if not askable or rng.random() < 0.5:
        return {}
    return {rng.choice(askable[:3]).id: rng.randrange(len(room.floor))}
