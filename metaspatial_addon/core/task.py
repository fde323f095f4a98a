"""Tasks and layouts: what is to be placed where, and where it was placed.

Files of the formats `metaspatial.task/1` and `metaspatial.layout/1` (docs/formats.md) are read and written here alone.

Metres and degrees, z up, in the room's frame. A pose is the centre of the item's bounding box seen from
above (`x`, `y`), the height of its underside (`z`) and the counter-clockwise `yaw` in [0, 360).
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from .files import write_file
from .polygon import WallSegment, is_simple, signed_area, wall_segments
from .pose import Pose, wrap_degrees
from .reading import FieldReader, read_json

TASK_SCHEMA = "metaspatial.task/1"
LAYOUT_SCHEMA = "metaspatial.layout/1"
MAX_FLOOR_CORNERS = 10_000
"""Corners of a floor polygon. Measured time grows in proportion, seconds a layout at this many."""
MAX_ITEMS, MAX_OPENINGS, MAX_RELATIONS = 1000, 1000, 10_000
"""Of a task; a layout has as many placements as a task items."""
LONGEST_NAME, LONGEST_PATH, LONGEST_PROMPT = 200, 4096, 10_000
"""Characters of an id, a category or a kind of room; of an asset's path; of a prompt."""
MOST_IN_MATRIX = 10**9
"""Of the numbers of a matrix: scenes may be in micrometres."""
MOST_METRES = 1000
"""The largest coordinate, length or angle, in metres or degrees. What is measured on a grid takes minutes and gigabytes
in larger rooms."""
FARTHEST = 1e6
"""The largest coordinate or angle of a layout. One beyond MOST_METRES can be read, and is scored as a fault."""
LEAST_METRES = 0.001
"""The smallest length of what has one: the sides of an item, the width and height of an opening, a room's height. The
geometry of smaller ones is lost in rounding."""
MOUNTS = ("floor", "surface", "wall", "ceiling")
OPENING_KINDS = ("door", "window")
HINGES = ("start", "end")
MARKERS = {"door": ("door", "start"), "door_end": ("door", "end"), "window": ("window", "start")}
"""Kind and hinge of an opening by what an artist marks it as."""
PREDICATES = (
    "next_to",
    "near",
    "across",
    "far",
    "against",
    "corner",
    "facing",
    "left_of",
    "right_of",
    "in_front_of",
    "behind",
    "on",
    "under",
    "inside",
    "around",
    "centred",
)


@dataclass(frozen=True)
class Opening:
    """A door or window in wall `wall`, `offset` metres from that wall's first corner. A door turns about its start or
    its end along the wall, as `hinge` says."""

    id: str
    kind: str
    wall: int
    offset: float
    width: float
    sill: float
    height: float
    hinge: str = "start"


@dataclass(frozen=True)
class Room:
    """A floor polygon (counter-clockwise corners, metres), its height and its openings."""

    type: str
    floor: tuple[tuple[float, float], ...]
    height: float
    openings: tuple[Opening, ...] = ()

    @cached_property
    def walls(self) -> tuple[WallSegment, ...]:
        """Wall k runs from corner k of the floor to corner k + 1."""
        return wall_segments(self.floor)

    def hinge(self, opening: Opening) -> tuple[tuple[float, float], tuple[float, float]]:
        """Where a door turns, and the unit vector from there along its wall over the opening."""
        side = self.walls[opening.wall]
        if opening.hinge == "end":
            return side.at(opening.offset + opening.width), (-side.direction[0], -side.direction[1])
        return side.at(opening.offset), side.direction


@dataclass(frozen=True)
class Item:
    """A thing to place; `size` is width, depth and height in metres at yaw 0."""

    id: str
    category: str
    size: tuple[float, float, float]
    mount: str = "floor"
    asset: str | None = None
    covering: bool = False
    locked: bool = False
    pose: Pose | None = None


@dataclass(frozen=True)
class Relation:
    """`subject` stands in `predicate` to `object`: another item, `room`, `wall` or `wall_<k>`.

    If `negated`, it must not. `source` is "prompt" where the relation was read from the prompt's words.
    """

    subject: str
    predicate: str
    object: str
    negated: bool = False
    source: str = ""


@dataclass(frozen=True)
class Task:
    """A room, the items for it, the wish in words, and the relations that must hold."""

    id: str
    prompt: str
    room: Room
    items: tuple[Item, ...]
    relations: tuple[Relation, ...] = ()

    def item(self, item_id: str) -> Item:
        """The item of that id. Raises KeyError."""
        for item in self.items:
            if item.id == item_id:
                return item
        raise KeyError(item_id)

    @property
    def movable(self) -> tuple[Item, ...]:
        """The items that an answer places, in the task's order."""
        return tuple(item for item in self.items if not item.locked)

    @property
    def locked(self) -> tuple[Item, ...]:
        """The items that stay where they are and count as obstacles."""
        return tuple(item for item in self.items if item.locked)


@dataclass(frozen=True)
class Layout:
    """Poses of a task's movable items. Locked items keep their own pose and are not repeated here."""

    task: str
    poses: Mapping[str, Pose] = field(default_factory=dict)

    def everywhere(self, task: Task) -> dict[str, Pose]:
        """Poses of all placed items, locked ones included, in the task's order."""
        placed = {}
        for item in task.items:
            pose = item.pose if item.locked else self.poses.get(item.id)
            if pose is not None:
                placed[item.id] = pose
        return placed


def _read_pose(read: FieldReader, value: Any, path: str, most: float, extra: tuple[str, ...] = ()) -> Pose:
    data = read.object(value, path, (*extra, "x", "y", "z", "yaw"))
    x, y, z, yaw = (read.number(data[key], f"{path}.{key}", -most, most) for key in ("x", "y", "z", "yaw"))
    return Pose(x, y, z, wrap_degrees(yaw))


def _read_room(read: FieldReader, data: Any) -> Room:
    room = read.object(data, "room", ("type", "floor", "height"), ("openings",))
    floor = []
    for k, corner in enumerate(read.list(room["floor"], "room.floor", MAX_FLOOR_CORNERS, "corners")):
        if not isinstance(corner, list) or len(corner) != 2:
            raise read.fail(f"room.floor[{k}]", "a corner [x, y]", corner)
        x, y = (read.number(v, f"room.floor[{k}][{n}]", -MOST_METRES, MOST_METRES) for n, v in enumerate(corner))
        floor.append((x, y))
    if len(floor) < 3 or not is_simple(floor):
        raise read.fail("room.floor", "a simple polygon of at least 3 corners", room["floor"])
    if signed_area(floor) <= 0:
        raise read.fail("room.floor", "corners in counter-clockwise order", room["floor"])
    height = read.number(room["height"], "room.height", LEAST_METRES, MOST_METRES)
    openings: dict[str, Opening] = {}
    for k, entry in enumerate(read.list(room.get("openings", []), "room.openings", MAX_OPENINGS)):
        path = f"room.openings[{k}]"
        raw = read.object(entry, path, ("id", "kind", "wall", "offset", "width", "sill", "height"), ("hinge",))
        wall = raw["wall"]
        if not isinstance(wall, int) or isinstance(wall, bool) or not 0 <= wall < len(floor):
            raise read.fail(f"{path}.wall", f"a wall number from 0 to {len(floor) - 1}", wall)
        opening = Opening(
            id=read.text(raw["id"], f"{path}.id", LONGEST_NAME),
            kind=read.choice(raw["kind"], f"{path}.kind", OPENING_KINDS),
            wall=wall,
            offset=read.number(raw["offset"], f"{path}.offset", 0, MOST_METRES),
            width=read.number(raw["width"], f"{path}.width", LEAST_METRES, MOST_METRES),
            sill=read.number(raw["sill"], f"{path}.sill", 0, MOST_METRES),
            height=read.number(raw["height"], f"{path}.height", LEAST_METRES, MOST_METRES),
            hinge=read.choice(raw.get("hinge", "start"), f"{path}.hinge", HINGES),
        )
        length = math.dist(floor[wall], floor[(wall + 1) % len(floor)])
        if opening.offset + opening.width > length + 1e-6:
            raise read.fail(f"{path}.offset", f"offset + width within the wall's {length:.2f} m", opening.offset)
        if opening.id in openings:
            raise read.fail(f"{path}.id", "an id used once", opening.id)
        openings[opening.id] = opening
    return Room(read.text(room["type"], "room.type", LONGEST_NAME), tuple(floor), height, tuple(openings.values()))


def _read_item(read: FieldReader, data: Any, path: str) -> Item:
    raw = read.object(data, path, ("id", "category", "size"), ("mount", "asset", "covering", "locked", "pose"))
    size = raw["size"]
    if not isinstance(size, list) or len(size) != 3:
        raise read.fail(f"{path}.size", "a list of width, depth and height", size)
    width, depth, height = (
        read.number(side, f"{path}.size[{k}]", LEAST_METRES, MOST_METRES) for k, side in enumerate(size)
    )
    asset, pose = raw.get("asset"), raw.get("pose")
    item = Item(
        id=read.text(raw["id"], f"{path}.id", LONGEST_NAME),
        category=read.text(raw["category"], f"{path}.category", LONGEST_NAME),
        size=(width, depth, height),
        mount=read.choice(raw.get("mount", "floor"), f"{path}.mount", MOUNTS),
        asset=None if asset is None else read.text(asset, f"{path}.asset", LONGEST_PATH),
        covering=read.flag(raw.get("covering", False), f"{path}.covering"),
        locked=read.flag(raw.get("locked", False), f"{path}.locked"),
        pose=None if pose is None else _read_pose(read, pose, f"{path}.pose", MOST_METRES),
    )
    if item.locked and item.pose is None:
        raise read.fail(f"{path}.pose", "a pose, since the item is locked")
    if item.id in ("room", "wall") or item.id.startswith("wall_") and item.id[5:].isdigit():
        raise read.fail(f"{path}.id", "an id other than room, wall and wall_<number>", item.id)
    return item


def _read_relation(
    read: FieldReader, data: Any, path: str, ids: Collection[str], in_room: Mapping[str, Collection[str]]
) -> Relation:
    """`in_room` holds the objects that a predicate takes where it relates an item to the room, not to an item."""
    raw = read.object(data, path, ("subject", "predicate", "object"), ("negated", "source"))
    relation = Relation(
        read.text(raw["subject"], f"{path}.subject", LONGEST_NAME),
        read.choice(raw["predicate"], f"{path}.predicate", PREDICATES),
        read.text(raw["object"], f"{path}.object", LONGEST_NAME),
        read.flag(raw.get("negated", False), f"{path}.negated"),
        read.choice(raw["source"], f"{path}.source", ("prompt",)) if "source" in raw else "",
    )
    if relation.subject not in ids:
        raise read.fail(f"{path}.subject", "the id of an item", relation.subject)
    objects = in_room.get(relation.predicate)
    if objects is not None and relation.object not in objects:
        more = " and so on" if len(objects) > 5 else ""
        raise read.fail(f"{path}.object", " or ".join(sorted(objects)[:5]) + more, relation.object)
    if objects is None and (relation.object not in ids or relation.object == relation.subject):
        raise read.fail(f"{path}.object", "the id of another item", relation.object)
    return relation


def task_from_json(data: Any, source: object = "task") -> Task:
    """A validated task. `source` (a file name) opens the message of the InputError that bad data raises."""
    read = FieldReader(source)
    raw = read.object(data, "", ("schema", "id", "prompt", "room", "items"), ("relations",))
    if raw["schema"] != TASK_SCHEMA:
        raise read.fail("schema", TASK_SCHEMA, raw["schema"])
    room = _read_room(read, raw["room"])
    items: list[Item] = []
    ids: set[str] = set()
    for k, entry in enumerate(read.list(raw["items"], "items", MAX_ITEMS)):
        item = _read_item(read, entry, f"items[{k}]")
        if item.id in ids:
            raise read.fail(f"items[{k}].id", "an id used once", item.id)
        ids.add(item.id)
        items.append(item)
    if not items:
        raise read.fail("items", "at least one item")
    walls = {f"wall_{k}" for k in range(len(room.floor))}
    in_room = {"against": {"wall", *walls}, "corner": {"room", *walls}, "centred": {"room", *walls}}
    relations = tuple(
        _read_relation(read, entry, f"relations[{k}]", ids, in_room)
        for k, entry in enumerate(read.list(raw.get("relations", []), "relations", MAX_RELATIONS))
    )
    return Task(
        read.text(raw["id"], "id", LONGEST_NAME),
        read.text(raw["prompt"], "prompt", LONGEST_PROMPT, empty=True),
        room,
        tuple(items),
        relations,
    )


def pose_to_json(pose: Pose) -> dict[str, float]:
    """Plain numbers, rounded to a tenth of a millimetre and a hundredth of a degree."""
    return {
        "x": round(pose.x, 4),
        "y": round(pose.y, 4),
        "z": round(pose.z, 4),
        "yaw": wrap_degrees(round(pose.yaw, 2)),
    }


def _opening_to_json(opening: Opening) -> dict[str, Any]:
    fields = dict(vars(opening))
    if opening.hinge == "start":
        del fields["hinge"]  # the default, and what earlier versions read
    return fields


def task_to_json(task: Task) -> dict[str, Any]:
    """The `metaspatial.task/1` object of a task."""
    room = task.room
    return {
        "schema": TASK_SCHEMA,
        "id": task.id,
        "prompt": task.prompt,
        "room": {
            "type": room.type,
            "floor": [list(corner) for corner in room.floor],
            "height": room.height,
            "openings": [_opening_to_json(opening) for opening in room.openings],
        },
        "items": [
            {
                "id": item.id,
                "category": item.category,
                "size": list(item.size),
                "mount": item.mount,
                "asset": item.asset,
                "covering": item.covering,
                "locked": item.locked,
                "pose": None if item.pose is None else pose_to_json(item.pose),
            }
            for item in task.items
        ],
        "relations": [{name: value for name, value in vars(r).items() if value} for r in task.relations],
    }


def layout_from_json(data: Any, source: object = "layout") -> Layout:
    """A validated layout. Raises InputError."""
    read = FieldReader(source)
    raw = read.object(data, "", ("schema", "task", "placements"), ("frame", "objects"))
    if raw["schema"] != LAYOUT_SCHEMA:
        raise read.fail("schema", LAYOUT_SCHEMA, raw["schema"])
    _check_scene(read, raw)
    poses: dict[str, Pose] = {}
    for k, entry in enumerate(read.list(raw["placements"], "placements", MAX_ITEMS)):
        path = f"placements[{k}]"
        pose = _read_pose(read, entry, path, FARTHEST, extra=("id",))
        item_id = read.text(entry["id"], f"{path}.id", LONGEST_NAME)
        if item_id in poses:
            raise read.fail(f"{path}.id", "an id used once", item_id)
        poses[item_id] = pose
    return Layout(read.text(raw["task"], "task", LONGEST_NAME), poses)


def _check_scene(read: FieldReader, raw: dict[str, Any]) -> None:
    """Check what a layout says of the scene that it was exported from, which nothing here needs."""
    matrices = {"frame": raw["frame"]} if "frame" in raw else {}
    objects = raw.get("objects", {})
    if not isinstance(objects, dict) or len(objects) > MAX_ITEMS:
        raise read.fail("objects", f"an object with at most {MAX_ITEMS} items", objects)
    for item_id, entry in objects.items():
        path = f"objects.{item_id}"
        read.text(read.object(entry, path, ("name", "matrix"))["name"], f"{path}.name", LONGEST_NAME)
        matrices[f"{path}.matrix"] = entry["matrix"]
    for path, matrix in matrices.items():
        if len(read.list(matrix, path, 16)) != 16:
            raise read.fail(path, "16 numbers", len(matrix))
        for k, number in enumerate(matrix):
            read.number(number, f"{path}[{k}]", -MOST_IN_MATRIX, MOST_IN_MATRIX)


def layout_to_json(layout: Layout) -> dict[str, Any]:
    """The `metaspatial.layout/1` object of a layout."""
    placements = [{"id": item_id, **pose_to_json(pose)} for item_id, pose in layout.poses.items()]
    return {"schema": LAYOUT_SCHEMA, "task": layout.task, "placements": placements}


def read_task(path: str | os.PathLike[str]) -> Task:
    """The task in a file. Raises InputError."""
    return task_from_json(read_json(path), path)


def read_layout(path: str | os.PathLike[str]) -> Layout:
    """The layout in a file. Raises InputError."""
    return layout_from_json(read_json(path), path)


def write_json(path: str | os.PathLike[str], data: Any) -> None:
    """Replace a file by the data as JSON. Raises OSError that names the file."""
    write_file(path, (json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode("utf-8"))
