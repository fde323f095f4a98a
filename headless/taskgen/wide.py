"""Tasks of every kind of room and list, laid out by the planner: what the embedded model learns from.

Rooms and sizes are drawn in centimetres. `coarse` rounds both to the 5 cm of the embedded model's tokens before the
planner sees them, so that its layout can be written exactly.
"""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random

from metaspatial_addon.core.polygon import is_simple, signed_area
from metaspatial_addon.core.task import Item, Layout, Room, Task
from metaspatial_addon.policy.planner.plan import plan
from metaspatial_addon.prompts.vocabulary import PLAN_STEP

from .draw import draw_furnishing
from .make import task_seed
from .wishes import draw_wishes, met

WISHES_CHANCE = 0.6
"""Share of tasks that are laid out for wishes; those that the layout meets are relations of the task."""


def make_wide_task(split: str, seed: int, index: int, coarse: bool = False) -> tuple[Task, Layout]:
    """The task of that number and its layout, always the same for the same arguments. What finds no place is left
    out of the task."""
    rng = Random(f"{task_seed(split, seed, index)}/wide")
    while True:
        room, items = draw_furnishing(rng)
        if coarse:
            room, items = _coarse_room(room), tuple(map(_coarse_item, items))
        room_names = {"room", "wall", *(f"wall_{k}" for k in range(len(room.walls)))}
        wishes = draw_wishes(rng, room, items, rng.choice((1, 1, 2, 3))) if rng.random() < WISHES_CHANCE else ()
        task = Task(f"{room.type.replace(' ', '-')}-wide-{split}-{seed}-{index:07d}", "", room, items, wishes)
        made = plan(task, seed=rng.randrange(2**31))
        kept = {item.id: item for item in items if item.id not in made.left}
        if kept:
            layout = Layout(task.id, {item_id: made.layout.poses[item_id] for item_id in kept})
            relations = tuple(r for r in wishes if r.subject in kept and (r.object in kept or r.object in room_names))
            task = replace(task, items=tuple(kept.values()), relations=relations)
            return replace(task, relations=met(task, layout)), layout


def _coarse_item(item: Item) -> Item:
    """The item with its plan extents rounded up to multiples of `PLAN_STEP`."""
    width, depth = (math.ceil(length / PLAN_STEP - 1e-6) * PLAN_STEP for length in item.size[:2])
    return replace(item, size=(round(width, 2), round(depth, 2), item.size[2]))


def _coarse_room(room: Room) -> Room:
    """The room with corners and openings at multiples of `PLAN_STEP`; the room itself where that spoils its shape."""
    floor = tuple((_rounded(x), _rounded(y)) for x, y in room.floor)
    if not is_simple(floor) or signed_area(floor) <= 0:
        return room
    coarse = replace(room, floor=floor, openings=())
    openings = []
    for opening in room.openings:
        width, length = _rounded(opening.width), coarse.walls[opening.wall].length
        offset = min(_rounded(opening.offset), math.floor((length - width) / PLAN_STEP + 1e-6) * PLAN_STEP)
        if offset >= 0:
            openings.append(replace(opening, offset=round(offset, 2), width=width))
    return replace(coarse, openings=tuple(openings))


def _rounded(length: float) -> float:
    return round(round(length / PLAN_STEP) * PLAN_STEP, 2)
