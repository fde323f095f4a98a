"""Lists of LayoutGPT (Feng et al. 2023, MIT) as tasks: its rooms and objects, without where it put them.

The lists tell of no doors and windows. Lengths are pixels, 256 of them the shorter side of the room; how many make a
metre is told by no field. It is taken from the objects: the median, over those whose kind is known, of the longer side
in pixels by the usual one in metres.
"""

from __future__ import annotations

import re
import statistics
from pathlib import Path
from typing import Any

from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.furniture import FURNITURE, UNKNOWN
from metaspatial_addon.core.reading import read_json
from metaspatial_addon.core.task import Item, Room, Task

NAMES = {
    "multi_seat_sofa": "sofa",
    "l_shaped_sofa": "corner sofa",
    "loveseat_sofa": "loveseat",
    "lounge_chair": "armchair",
    "cabinet": "sideboard",
    "children_cabinet": "sideboard",
    "wine_cabinet": "display cabinet",
    "corner_side_table": "side table",
    "round_end_table": "side table",
    "dressing_table": "vanity table",
    "dressing_chair": "stool",
    "kids_bed": "single bed",
}
"""Categories of 3D-FRONT that our table calls otherwise."""
ROOM_SIZE = re.compile(r"Room Type: (.+)\nRoom Size: max length (\d+)px, max width (\d+)px")
HEIGHT_M = 2.8


def layoutgpt_tasks(path: Path) -> list[Task]:
    """One task for each list of a file. Raises InputError, which names the entry."""
    return [_task(entry, f"{path.stem}-{k}", f"{path}, [{k}]") for k, entry in enumerate(read_json(path))]


def _task(entry: Any, task_id: str, source: str) -> Task:
    try:
        kind, room_length, room_width = ROOM_SIZE.search(entry["prompt"]).groups()  # type: ignore[union-attr]
        objects = [
            (NAMES.get(name, name.replace("_", " ")), box["width"], box["length"], box["height"])
            for name, box in entry["object_list"]
        ]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(source, "", "a prompt with the room's size, and object_list with boxes") from error
    scale = _pixels_per_metre(objects)
    floor_width, floor_depth = round(int(room_width) / scale, 2), round(int(room_length) / scale, 2)
    items: list[Item] = []
    for category, *pixels in objects:
        row = FURNITURE.kind_of(category)
        width, length, height = pixels
        # "length" runs along a wardrobe's or a sofa's back, and a bed has its head at a short side.
        sides = sorted((width, length)) if row.class_name == "bed" else (length, width)
        size = [max(round(value / scale, 2), 0.02) for value in (*sides, height)]
        if row.name == UNKNOWN or row.mount != "floor":
            size[2] = min(size[2], 1.0)
        size[2] = min(size[2], HEIGHT_M - 0.1)
        items.append(Item(f"{category.replace(' ', '_')}_{len(items) + 1}", category, tuple(size), row.mount))
    floor = ((0.0, 0.0), (floor_width, 0.0), (floor_width, floor_depth), (0.0, floor_depth))
    return Task(task_id, "", Room(kind, floor, HEIGHT_M), tuple(items))


def _pixels_per_metre(objects: list[tuple[str, float, float, float]]) -> float:
    ratios = []
    for category, width, length, _ in objects:
        row = FURNITURE.kind_of(category)
        if row.name != UNKNOWN and row.mount == "floor":
            ratios.append(max(width, length) / max(row.usual_size[:2]))
    return statistics.median(ratios) if ratios else 75.0
