"""Our scorer on the layouts that GPT-4 gave LayoutGPT: how many items collide and how many are outside.

The files hold boxes in pixels: `left`, `top`, `depth` are a box's centre, `length`, `width`, `height` its size along x,
y and z at orientation 0; the room's "max length" runs along x. A pixel is taken as 1/70 m, at which a wardrobe of these
files is 2.2 m high.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import ROOT
from metaspatial_addon.blender.physics.measure import measure
from metaspatial_addon.blender.physics.stage import Stage
from metaspatial_addon.core.task import Item, Layout, Pose, Room, Task, wrap_degrees
from metaspatial_addon.scoring.terms import counts

DATA = ROOT.parent / "shared" / "data" / "layoutgpt"
FILES = {
    "bedrooms": "gpt4.bedroom.k-similar.k_8.px_regular.json",
    "living rooms": "gpt4.livingroom.k-similar.k_4.px_regular.json",
}
PIXEL = 1 / 70


@dataclass(frozen=True)
class Shares:
    scenes: int
    items: int
    colliding: float
    outside: float
    free_of_both: float
    """Share of the scenes."""


def score_file(name: str) -> Shares:
    """The shares over one of `FILES`."""
    colliding = outside = items = free = 0
    records = json.loads((DATA / FILES[name]).read_text())
    with Stage() as stage:
        for record in records:
            task, layout = _read(record)
            evidence = measure(stage, task, layout, simulate=False)
            faulty = counts(task, evidence)
            items += len(task.items)
            colliding += faulty["colliding"]
            outside += faulty["outside"]
            free += not faulty["colliding"] and not faulty["outside"]
    return Shares(len(records), items, colliding / items, outside / items, free / len(records))


def _read(record: dict) -> tuple[Task, Layout]:
    wide, deep = (float(n) * PIXEL for n in re.findall(r"max (?:length|width) (\d+)px", record["prompt"]))
    items, poses = [], {}
    for k, (category, box) in enumerate(record["object_list"]):
        size = tuple(max(box[key] * PIXEL, 0.001) for key in ("length", "width", "height"))
        mount = "ceiling" if "lamp" in category and "floor" not in category and "table" not in category else "floor"
        items.append(Item(f"{category}_{k}", category, size, mount))
        z = (box["depth"] - box["height"] / 2) * PIXEL
        poses[items[-1].id] = Pose(box["left"] * PIXEL, box["top"] * PIXEL, z, wrap_degrees(box["orientation"]))
    height = max(2.6, *(poses[i.id].z + i.size[2] for i in items))  # the files have no height of the room
    room = Room("room", ((0.0, 0.0), (wide, 0.0), (wide, deep), (0.0, deep)), height)
    return Task("layoutgpt", "", room, tuple(items)), Layout("layoutgpt", poses)


def available() -> bool:
    return all(Path(DATA / name).exists() for name in FILES.values())
