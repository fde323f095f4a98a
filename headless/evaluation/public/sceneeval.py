"""Rows of SceneEval (MIT) as tasks: the objects that a row counts, at usual sizes, and its relations as wishes.

A row has no room: one is drawn around the objects, as large as people have for so many. Relations to doors and windows
have no counterpart among ours and are left out; what hangs on a wall or from a ceiling says so by its mount.
"""

from __future__ import annotations

import csv
import io
import math
import re
from pathlib import Path

from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.furniture import FURNITURE, ROOM_TYPES, UNKNOWN
from metaspatial_addon.core.reading import LARGEST_JSON, read_bytes
from metaspatial_addon.core.task import MAX_ITEMS, Item, Opening, Relation, Room, Task

BETWEEN = {
    "next": "next_to",
    "next_to": "next_to",
    "beside": "next_to",
    "adjacent": "next_to",
    "near": "near",
    "front": "in_front_of",
    "behind": "behind",
    "left": "left_of",
    "right": "right_of",
    "facing": "facing",
    "face": "facing",
    "opposite": "across",
    "across": "across",
    "on": "on",
    "inside": "inside",
    "within": "inside",
    "under": "under",
    "beneath": "under",
    "surround": "around",
    "around": "around",
    "foot": "in_front_of",
}
"""Our predicates by SceneEval's. Most say where the second object is as seen from the first; `facing` is said of the
first."""
IN_ROOM = {"against": ("against", "wall"), "corner": ("corner", "room"), "middle": ("centred", "room")}
IN_ROOM["center"] = IN_ROOM["middle"]
UNKNOWN_SIZE = (0.6, 0.5, 0.8)
ROOM_PER_FLOOR = 3.2
"""Square metres of room for each that is stood on."""
LEAST_AREA, RATIO, HEIGHT_M = 9.0, 1.25, 2.7


def sceneeval_tasks(path: Path) -> list[Task]:
    """One task for each row. Raises InputError, which names the row."""
    tasks = []
    rows = csv.DictReader(io.StringIO(read_bytes(path, LARGEST_JSON).decode("utf-8", "replace"), newline=""))
    for number, row in enumerate(rows, 2):
        try:
            tasks.append(_task(row))
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"{path}, row {number}", "", f"the columns of SceneEval ({error})") from error
    return tasks


def entries(text: str) -> list[list[str]]:
    """The entries of a cell, each as its words: "eq,1,next_to,0,bed,nightstand"."""
    return [[word.strip() for word in entry.split(",")] for entry in text.split(";") if entry.strip()]


def _task(row: dict[str, str]) -> Task:
    hung = {entry[3]: entry[2] for entry in entries(row["OARel"]) if entry[2] in ("on", "hang", "hang_from")}
    placed_on = {name for entry in entries(row["OORel"]) if entry[2] == "on" for name in entry[5:]}
    items: dict[str, list[Item]] = {}
    for _, count, name in entries(row["ObjCount"]):
        category = name.replace("_", " ").lower()
        kind = FURNITURE.kind_of(category)
        size = UNKNOWN_SIZE if kind.name == UNKNOWN else kind.usual_size
        mount = kind.mount
        if name in hung:
            mount = "wall" if hung[name] == "on" else "ceiling"
        elif kind.name == UNKNOWN and name in placed_on:
            mount, size = "surface", (0.25, 0.2, 0.25)
        items[name] = [
            Item(f"{name}_{k}", category, tuple(round(s, 2) for s in size), mount, covering=kind.covering)  # type: ignore[arg-type]
            for k in range(1, min(int(count), MAX_ITEMS + 1) + 1)
        ]
    relations: dict[Relation, None] = {}
    for _, count, predicate, _, *names in entries(row["OORel"]):
        for relation in _between(predicate, int(count), [items.get(name, []) for name in names]):
            relations[relation] = None
    for _, count, predicate, name, _ in (entry for entry in entries(row["OARel"]) if len(entry) == 5):
        if predicate in IN_ROOM:
            for item in items.get(name, [])[: int(count)]:
                relations[Relation(item.id, *IN_ROOM[predicate])] = None
    every = tuple(item for group in items.values() for item in group)
    return Task(f"sceneeval-{row['ID']}", row["Description"], _room(row["Description"], every), every, tuple(relations))


def _between(predicate: str, count: int, groups: list[list[Item]]) -> list[Relation]:
    """The relations of an entry: one to each object of the first kind, as many of the second as it counts."""
    if predicate not in BETWEEN or len(groups) < 2 or not all(groups):
        return []
    ours = BETWEEN[predicate]
    first, second = groups[0], groups[1]
    if ours == "facing":
        return [Relation(first[0].id, ours, second[0].id)]
    return [
        Relation(item.id, ours, first[k % len(first)].id)
        for k, item in enumerate(second[:count])
        if item is not first[0]
    ]


def _room(description: str, items: tuple[Item, ...]) -> Room:
    words = description.lower()
    kind = next((name for name in ROOM_TYPES if re.search(rf"\b{re.escape(name)}\b", words)), "room")
    stood_on = sum(i.size[0] * i.size[1] for i in items if i.mount == "floor" and not i.covering)
    area = max(LEAST_AREA, ROOM_PER_FLOOR * stood_on)
    width = round(math.sqrt(area * RATIO), 2)
    depth = round(area / width, 2)
    door = Opening("door_1", "door", 0, 0.3, 0.9, 0.0, 2.05)
    window = Opening("window_1", "window", 2, round(width / 2 - 0.6, 2), 1.2, 0.9, 1.2)
    return Room(kind, ((0.0, 0.0), (width, 0.0), (width, depth), (0.0, depth)), HEIGHT_M, (door, window))
