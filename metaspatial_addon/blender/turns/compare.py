"""What a turn did and what is wrong with it: moves for the overlay, faults for the panel, its layout for export."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import bpy
from mathutils import Matrix, Vector

from ...core.errors import InputError
from ...core.task import FARTHEST, Layout, Pose, wrap_degrees
from ..frames import is_same_transform, is_within_reach, matrix_to_list, pose_matrix, world_matrix
from ..meshes import GEOMETRY
from . import turn_properties
from .turn_collections import item_roots
from .turn_record import turn_record


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
    members: dict[str | None, list[bpy.types.Object]] = {}
    for copy in turn.objects:
        members.setdefault(turn_properties.item_id(copy), []).append(copy)
    moved = []
    for item_id, copy in item_roots(turn).items():
        root = turn_properties.original(copy) if other is None else elsewhere.get(item_id)
        if root is None:
            continue
        before, after = world_matrix(root), world_matrix(copy)
        if is_same_transform(before, after) or not (is_within_reach(before) and is_within_reach(after)):
            continue
        corners = _corners(copy, [obj for obj in members[item_id] if not obj.hide_viewport])
        moved.append(Move(item_id, before, after, corners))
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
    record = turn_record(turn)
    if not record.faults:
        return []
    objects: dict[str | None, list[str]] = {}
    for copy in turn.objects:
        objects.setdefault(turn_properties.item_id(copy), []).append(copy.name)
    for item in turn_properties.items(turn):
        if item.object is not None:  # what stays where it is has no copy
            objects.setdefault(item.id, [item.object.name])
    return [
        TurnFault(text, fault.concerned, tuple(name for i in fault.concerned for name in objects.get(i, ())))
        for text, fault in zip(record.sentences, record.faults, strict=True)
    ]


def turn_layout(turn: bpy.types.Collection) -> Layout:
    """The turn's layout, with what the artist has moved since. Raises InputError for a turn that has none."""
    record = turn_record(turn)
    if record.layout is None or record.frame is None:
        raise InputError(turn.name, "layout", "a turn with an answer that could be used")
    copies = item_roots(turn)
    poses = {}
    for item_id, pose in record.layout.poses.items():
        copy = copies.get(item_id)
        given = None if copy is None else turn_properties.given_matrix(copy)
        poses[item_id] = pose if given is None else _moved(pose, given, world_matrix(copy), record.frame)
        if not all(abs(number) <= FARTHEST for number in vars(poses[item_id]).values()):
            raise InputError(turn.name, item_id, f"a place within {FARTHEST:,.0f} m: move its object")
    return Layout(record.layout.task, poses)


def moved_by_hand(turn: bpy.types.Collection) -> bool:
    """Whether something of a turn stands elsewhere than the turn put it. Cheap enough for a panel to ask each time it
    draws."""
    given = ((turn_properties.given_matrix(copy), copy) for copy in item_roots(turn).values())
    return any(matrix is not None and not is_same_transform(matrix, world_matrix(copy)) for matrix, copy in given)


def turn_scene(turn: bpy.types.Collection) -> dict[str, Any]:
    """What an exported layout says of the scene: `frame`, the matrix from the room's metres into its world, and
    `objects`, by item the name of its object and the world matrix that it has in the turn."""
    frame = turn_record(turn).frame
    objects = {
        item_id: {"name": (turn_properties.original(copy) or copy).name, "matrix": matrix_to_list(matrix)}
        for item_id, copy in item_roots(turn).items()
        if is_within_reach(matrix := world_matrix(copy))
    }
    return {**({} if frame is None else {"frame": matrix_to_list(frame)}), "objects": objects}


def _moved(pose: Pose, before: Matrix, after: Matrix, frame: Matrix) -> Pose:
    """A pose in the room after its object went from one world transform (4x4) to another."""
    if is_same_transform(before, after):
        return pose
    matrix = frame.inverted_safe() @ after @ before.inverted_safe() @ frame @ pose_matrix(pose)
    x, y, z = matrix.translation
    return Pose(x, y, z, wrap_degrees(math.degrees(math.atan2(matrix[1][0], matrix[0][0]))))
