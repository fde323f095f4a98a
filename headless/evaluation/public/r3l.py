"""R3L's solver problems (public fixtures beside the checkout) as tasks of ours.

Their room has its corner at the origin; an object at `rz` 0 faces +y, and `left_of` and `right_of` are the object's
own left and right. Ours faces -y at yaw 0, and left and right are those of someone who looks at its front.
Angles and coordinates that their solver takes have no counterpart in our relations and are left out.
"""

from __future__ import annotations

import math
from pathlib import Path

from metaspatial_addon.core.reading import read_json
from metaspatial_addon.core.task import Item, Layout, Pose, Relation, Room, Task, wrap_degrees

_WALLS = {"B": "wall_0", "R": "wall_1", "T": "wall_2", "L": "wall_3"}
_SIDES = {"left_of": "right_of", "right_of": "left_of", "in_front_of": "in_front_of", "behind_of": "behind"}


def r3l_task(path: str | Path) -> Task:
    """The problem in a file as a task. What is said of a cluster holds for its anchor."""
    data = read_json(path)
    entities = data["constr_json"]["scene_entities"]
    constraints = data["constr_json"]["constraints"]
    anchors = {c["cluster_id"]: c["anchor"]["anchor_object_id"] for c in entities["clusters"]}
    relations: dict[Relation, None] = {}

    def add(subject: str, predicate: str, other: str) -> None:
        relations[Relation(anchors.get(subject, subject), predicate, anchors.get(other, other))] = None

    composition = constraints["composition"]
    for entry in composition["against_wall"]:
        add(entry["src_id"], "against", _WALLS[entry["wall"]])
    for entry in composition["corner"]:
        add(entry["src_id"], "corner", "room")
    blocks = [(constraints["scene_relational"], "")]
    blocks += [(block, anchors[cluster]) for cluster, block in constraints["cluster_internal"].items()]
    for block, anchor in blocks:
        for kind, entries in block.items():
            for entry in entries:
                other = anchor if entry["tar_kind"] == "anchor" else entry["tar_id"]
                if kind in _SIDES:
                    add(entry["src_id"], _SIDES[kind], other)
                    add(entry["src_id"], "next_to" if entry["clearance"] <= 0.5 else "near", other)
                elif kind == "facing" and entry["tar_kind"] != "wall":
                    add(entry["src_id"], "facing", other)
                elif kind == "around":
                    add(entry["src_id"], "around", other)
    width, depth = (float(side) for side in data["room_size"])
    kind = Path(path).stem.split("_")[0]
    box = data["bbox"]
    items = tuple(
        Item(name, name.rpartition("-")[0].replace("-", " "), (x, y, z))
        for name, x, y, z in zip(data["objects"], box["x"], box["y"], box["z"], strict=True)
    )
    groups = "; ".join(
        f"{c['cluster_id'].replace('_', ' ')} with {', '.join(c['members'])}" for c in entities["clusters"]
    )
    room = Room(kind, ((0.0, 0.0), (width, 0.0), (width, depth), (0.0, depth)), 2.7)
    return Task(
        f"r3l-{Path(path).stem}", f"A {kind} of {width:g} by {depth:g} m: {groups}.", room, items, tuple(relations)
    )


def r3l_layout(path: str | Path) -> Layout:
    """The pose stored in a problem: an older solution of theirs, which may have faults."""
    data = read_json(path)
    pose = data["pose"]
    poses = {
        name: Pose(x, y, 0.0, wrap_degrees(math.degrees(rz) + 180.0))
        for name, x, y, rz in zip(data["objects"], pose["x"], pose["y"], pose["rz"], strict=True)
    }
    return Layout(f"r3l-{Path(path).stem}", poses)
