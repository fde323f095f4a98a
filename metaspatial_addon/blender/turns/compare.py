"""What a turn did and what is wrong with it: moves for the overlay, faults for the panel, its layout for export."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import bpy
from mathutils import Matrix, Vector

from ...core.errors import InputError
from ...core.faults import faults_from_json
from ...core.task import Layout, Pose, layout_from_json, wrap_degrees
from ..frames import is_same_transform, matrix_from_list, matrix_to_list, pose_matrix, world_matrix
from ..meshes import GEOMETRY
from .turn_collections import ITEMS, ROOT_MATRIX, item_roots
from .turn_visibility import ORIGINAL
from .turns import KEY, read_turn


@dataclass(frozen=True)
class Move:
    """An item that stands elsewhere: its root object's world transforms (4x4), and the corners of its box relative to
    that object."""

    item: str
    before: Matrix
    after: Matrix
    corners: tuple[Vector, ...]


@dataclass(frozen=True)
class TurnFault:
    """What is wrong, in words, with the ids of the items concerned and the names of their objects in the turn."""

    text: str
    items: tuple[str, ...]
    objects: tuple[str, ...]


def moves(turn: bpy.types.Collection, other: bpy.types.Collection | None) -> list[Move]:
    """Which items stand elsewhere in `turn` than in `other`; None: than where the originals stand."""
    elsewhere = {} if other is None else item_roots(other)
    members: dict[str, list[bpy.types.Object]] = {}
    for copy in turn.objects:
        members.setdefault(copy.get(KEY), []).append(copy)
    moved = []
    for copy in item_roots(turn).values():
        before = copy.get(ORIGINAL) if other is None else elsewhere.get(copy[KEY])
        if before is None or is_same_transform(world_matrix(before), world_matrix(copy)):
            continue
        corners = _corners(copy, [obj for obj in members[copy[KEY]] if not obj.hide_viewport])
        moved.append(Move(copy[KEY], world_matrix(before), world_matrix(copy), corners))
    return moved


def _corners(root: bpy.types.Object, objects: list[bpy.types.Object]) -> tuple[Vector, ...]:
    """The 8 corners of the box around objects, along the axes of `root` and relative to it."""
    to_root = world_matrix(root).inverted_safe()
    points = [to_root @ point for obj in objects for point in _box(obj, world_matrix(obj))] or [Vector()]
    sides = [(min(p[k] for p in points), max(p[k] for p in points)) for k in range(3)]
    return tuple(Vector(corner) for corner in itertools.product(*sides))


def _box(obj: bpy.types.Object, matrix: Matrix) -> Iterator[Vector]:
    """Corners of an object's own box, through `matrix`; of what an instance shows, too."""
    if obj.type in GEOMETRY:
        yield from (matrix @ Vector(corner) for corner in obj.bound_box)
    elif obj.instance_type == "COLLECTION" and obj.instance_collection is not None:
        inside = matrix @ Matrix.Translation(-obj.instance_collection.instance_offset)
        for part in obj.instance_collection.all_objects:
            yield from _box(part, inside @ world_matrix(part))


def faults(turn: bpy.types.Collection) -> list[TurnFault]:
    """What is wrong with a turn, most of it with sizes. Cheap enough for a panel to ask each time it draws."""
    recorded = _fault_items(turn[KEY]["record"])
    if not recorded:
        return []
    objects: dict[str, list[str]] = {}
    for copy in turn.objects:
        objects.setdefault(copy.get(KEY), []).append(copy.name)
    for entry in turn.get(ITEMS, ()):
        if entry["object"] is not None:  # what stays where it is has no copy
            objects.setdefault(entry["id"], [entry["object"].name])
    return [TurnFault(text, ids, tuple(name for i in ids for name in objects.get(i, ()))) for text, ids in recorded]


@lru_cache(maxsize=64)
def _fault_items(record: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The faults in a turn's record, each in words and with the ids of its items."""
    kept = json.loads(record)
    evidence = kept.get("score", kept).get("evidence") or {}
    return tuple((fault.sentence(), fault.concerned) for fault in faults_from_json(evidence, "the record of a turn"))


def answered_layout(turn: bpy.types.Collection) -> Layout | None:
    """The turn's layout as it was answered, whatever the artist has moved since; None where there is none."""
    layout = read_turn(turn).get("layout")
    return None if layout is None else layout_from_json(layout, turn.name)


def turn_layout(turn: bpy.types.Collection) -> Layout:
    """The turn's layout, with what the artist has moved since. Raises InputError for a turn that has none."""
    layout = answered_layout(turn)
    if layout is None or "task" not in turn[KEY]:
        raise InputError(turn.name, "layout", "a turn with an answer that could be used")
    frame = matrix_from_list(json.loads(turn[KEY]["task"])["frame"])
    copies = item_roots(turn)
    poses = dict(layout.poses)
    for item_id in poses.keys() & copies.keys():
        before, after = matrix_from_list(copies[item_id][ROOT_MATRIX]), world_matrix(copies[item_id])
        poses[item_id] = _moved(poses[item_id], before, after, frame)
    return Layout(layout.task, poses)


def turn_scene(turn: bpy.types.Collection) -> dict[str, Any]:
    """What an exported layout says of the scene: `frame`, the matrix from the room's metres into its world, and
    `objects`, by item the name of its object and the world matrix that it has in the turn."""
    frame = json.loads(turn[KEY]["task"])["frame"]
    objects = {
        item_id: {"name": (copy.get(ORIGINAL) or copy).name, "matrix": matrix_to_list(world_matrix(copy))}
        for item_id, copy in item_roots(turn).items()
    }
    return {"frame": frame, "objects": objects}


def _moved(pose: Pose, before: Matrix, after: Matrix, frame: Matrix) -> Pose:
    """A pose in the room after its object went from one world transform (4x4) to another."""
    if is_same_transform(before, after):
        return pose
    matrix = frame.inverted() @ after @ before.inverted_safe() @ frame @ pose_matrix(pose)
    x, y, z = matrix.translation
    return Pose(x, y, z, wrap_degrees(math.degrees(math.atan2(matrix[1][0], matrix[0][0]))))
