"""Draws what is to be furnished: a list of furniture with sizes, and a room for it. The planner then lays it out.

Lists come from `programs.toml`, from random picks of the whole table, or hold one item alone. Sizes are drawn
continuously from each category's range, so that no catalogue of sizes can be learnt by heart.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.furniture import FURNITURE, UNKNOWN, Category
from metaspatial_addon.core.reading import read_toml
from metaspatial_addon.core.task import MOUNTS, Item, Room

from .floors import draw_room

PROGRAMS = Path(__file__).with_name("programs.toml")
RANDOM_LIST, ONE_ITEM = 0.1, 0.05
"""Shares of tasks with a list drawn at random, and with one item in an empty room."""
UNKNOWN_ITEM = 0.04
"""Share of items that have a name and a size of no category."""
MOST_ITEMS = 60
NUMBERED = re.compile(r"(\d+) (.+)")
NAMES = ("object", "widget", "crate", "machine", "statue", "stand", "unit", "device", "sculpture", "module", "pedestal")


@dataclass(frozen=True)
class Part:
    """So many (`least` to `most`) of a category with a chance; `guests` come with each: (category, how many)."""

    category: str
    guests: tuple[tuple[str, int], ...]
    chance: float
    least: int
    most: int


@dataclass(frozen=True)
class Program:
    """What stands in one kind of room; `area` in square metres."""

    name: str
    room: str
    area: tuple[float, float]
    weight: float
    parts: tuple[Part, ...]


@cache
def programs() -> tuple[Program, ...]:
    """The programs of programs.toml. Raises InputError for a category that the table of furniture does not have."""
    data = read_toml(PROGRAMS)
    return tuple(
        Program(
            name,
            p["room"],
            tuple(p["area"]),
            float(p.get("weight", 1)),
            tuple(_part(name, part) for part in p["parts"]),
        )
        for name, p in data.items()
    )


def _part(program: str, part: list) -> Part:
    words, chance, least, most = part
    first, *more = words.split(" + ")
    guests = []
    for text in more:
        count = NUMBERED.fullmatch(text)
        if count is None:
            raise InputError(PROGRAMS, f"{program}.parts", "a number before each further category of a set", words)
        guests.append((count[2], int(count[1])))
    for category in (first, *(name for name, _ in guests)):
        if category not in FURNITURE.categories:
            raise InputError(PROGRAMS, f"{program}.parts", "categories of core/furniture.toml", category)
    return Part(first, tuple(guests), float(chance), least, most)


def draw_size(rng: Random, category: Category) -> tuple[float, float, float]:
    """Width, depth and height in metres, on a 1 cm grid; large ones of a range are large in all."""
    size = rng.random()

    def length(low: float, high: float) -> float:
        share = 0.5 * size + 0.5 * rng.random()
        return max(round(low + (high - low) * share, 2), 0.02)

    return length(*category.width), length(*category.depth), length(*category.height)


class _List:
    """A list of items that grows."""

    def __init__(self, rng: Random):
        self.rng = rng
        self.items: list[Item] = []
        self.counts: dict[str, int] = {}
        self.sizes: dict[str, tuple[float, float, float]] = {}

    def add(self, name: str) -> None:
        """One more of a category; pieces of one category are mostly of one size."""
        if len(self.items) >= MOST_ITEMS:
            return
        rng, category = self.rng, FURNITURE.categories[name]
        if rng.random() < UNKNOWN_ITEM:
            self.add_unknown()
            return
        if name not in self.sizes or rng.random() < 0.1:
            self.sizes[name] = draw_size(rng, category)
        self.counts[name] = self.counts.get(name, 0) + 1
        item_id = f"{name.replace(' ', '_').replace(chr(39), '')}_{self.counts[name]}"
        self.items.append(Item(item_id, name, self.sizes[name], mount=category.mount, covering=category.covering))

    def add_unknown(self) -> None:
        """Something of any size and mount, with a name that says nothing."""
        rng = self.rng
        mount = rng.choices(MOUNTS, (8, 3, 1, 0.5))[0]
        scale = {"floor": 1.0, "surface": 0.25, "wall": 0.6, "ceiling": 0.5}[mount]
        size = tuple(round(scale * math.exp(rng.uniform(math.log(0.2), math.log(2.0))), 2) for _ in range(3))
        if mount == "wall":
            size = (size[0], min(size[1], 0.3), size[2])
        name = rng.choice(NAMES)
        self.counts[name] = self.counts.get(name, 0) + 1
        self.items.append(Item(f"{name}_{self.counts[name]}", name, size, mount=mount))  # type: ignore[arg-type]


def _from_program(rng: Random, program: Program) -> list[Item]:
    drawn = _List(rng)
    fullness = rng.uniform(0.5, 1.3)
    for part in program.parts:
        if rng.random() >= part.chance * fullness:
            continue
        for _ in range(rng.randint(part.least, part.most)):
            drawn.add(part.category)
            for guest, count in part.guests:
                for _ in range(count if rng.random() < 0.8 else rng.randint(1, count)):
                    drawn.add(guest)
    return drawn.items


def _at_random(rng: Random) -> list[Item]:
    drawn = _List(rng)
    names = [name for name in FURNITURE.categories if name != UNKNOWN]
    for name in rng.choices(names, k=rng.choice((2, 3, 4, 5, 6, 8, 10, 14))):
        for _ in range(rng.choice((1, 1, 1, 1, 2, 2, 4))):
            drawn.add(name)
    return drawn.items


def draw_furnishing(rng: Random) -> tuple[Room, tuple[Item, ...]]:
    """A room and a list of furniture, in an order that says nothing."""
    kind = rng.random()
    program = rng.choices(programs(), [p.weight for p in programs()])[0]
    if kind < ONE_ITEM:
        drawn = _List(rng)
        names = [n for n, c in FURNITURE.categories.items() if c.mount in ("floor", "wall", "ceiling") and n != UNKNOWN]
        drawn.add(rng.choice(names))
        items, area = drawn.items, (4.0, 40.0)
    elif kind < ONE_ITEM + RANDOM_LIST:
        items, area = _at_random(rng), (6.0, 60.0)
    else:
        items, area = _from_program(rng, program), program.area
    if not items:
        return draw_furnishing(rng)
    standing = sum(i.size[0] * i.size[1] for i in items if i.mount == "floor" and not i.covering)
    widest = max(max(i.size[:2]) for i in items)
    least = max(area[0], standing * rng.choice((1.9, 2.2, 2.6, 3.2, 4.0)), (widest + 0.4) ** 2)
    room = draw_room(rng, program.room if rng.random() < 0.9 else "room", (least, max(area[1], least * 1.2)))
    items = [i for i in items if i.size[2] < room.height - 0.02]
    rng.shuffle(items)
    return (room, tuple(items)) if items else draw_furnishing(rng)
