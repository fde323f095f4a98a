"""Where a parent holds several pieces of furniture, and where it is one: game assets come under one root empty, a room
as an instance of one collection. Told apart by boxes and names, in the artist's window and in the worker alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import bpy
import numpy as np

from ...prompts.names import read_name
from ..boxes import has_shape, local_corners, world_corners
from ..frames import world_matrix

Children = Callable[[bpy.types.Object], Sequence[bpy.types.Object]]

TOUCH = 0.05
"""Metres between two boxes whose objects belong together."""
_STANDS = 0.1
"""Metres above the lowest part up to which another part stands on the floor as well."""


def pieces(root: bpy.types.Object, children: Children, unit: float) -> list[bpy.types.Object]:
    """The roots of the pieces of furniture below an empty, or `root` alone where it is one piece itself.

    `children`: the objects right below one. `unit`: scene units in a metre. They are several where at least two groups
    of parts stand apart on the floor, or stand there under names of different kinds. An empty that is itself named as
    furniture is one piece, and so are objects with faces, whatever hangs on them.
    """
    if has_shape(root) or _kind(root.name):
        return [root]
    boxes = {}
    for child in children(root):
        shown = [obj for obj in _tree(child, children) if has_shape(obj)]
        if shown:
            boxes[child] = _bounds(world_corners(shown))
    if not _are_several(list(boxes.values()), [_kind(child.name) for child in boxes], unit):
        inner = pieces(next(iter(boxes)), children, unit) if len(boxes) == 1 else []
        return inner if len(inner) > 1 else [root]
    return [piece for child in boxes for piece in pieces(child, children, unit)]


def instanced_pieces(obj: bpy.types.Object, unit: float) -> int:
    """How many pieces of furniture a collection instance shows; 1 for one piece and for any other object."""
    if obj.instance_type != "COLLECTION" or obj.instance_collection is None or _kind(obj.name):
        return 1
    own = set(obj.instance_collection.all_objects)
    matrix = np.array(world_matrix(obj))
    tops = [part for part in own if part.parent not in own]
    boxes, kinds = [], []
    for top in tops:
        shown = [part for part in own if part == top or _is_below(part, top)]
        corners = [
            local_corners(part) @ np.array(world_matrix(part))[:3, :3].T + world_matrix(part).translation[:]
            for part in shown
            if has_shape(part)
        ]
        if corners:
            boxes.append(_bounds(np.concatenate(corners) @ matrix[:3, :3].T))
            kinds.append(_kind(top.name))
    return len(boxes) if _are_several(boxes, kinds, unit) else 1


def _are_several(boxes: Sequence[np.ndarray], kinds: Sequence[str], unit: float) -> bool:
    """Whether boxes (2, 3) that stand on the floor are of several pieces, by their gaps or by their kinds."""
    if len(boxes) < 2:
        return False
    low, high = np.array(boxes).transpose(1, 0, 2)
    standing = low[:, 2] <= low[:, 2].min() + _STANDS * unit
    if len({kind for kind, stands in zip(kinds, standing, strict=True) if stands and kind}) > 1:
        return True
    gaps = np.maximum(low[:, None] - high[None], low[None] - high[:, None]).max(axis=2)
    group = np.arange(len(boxes))
    for k in range(len(boxes)):  # whatever touches k comes into one group with it
        touching = np.isin(group, group[gaps[k] <= TOUCH * unit])
        group[touching] = group[k]
    return len(set(group[standing].tolist())) > 1


def _kind(name: str) -> str:
    """The kind of furniture that an object's name speaks of; empty where it does of none."""
    categories = read_name(name).categories
    return categories[0] if categories else ""


def _tree(root: bpy.types.Object, children: Children) -> list[bpy.types.Object]:
    tree = [root]
    for obj in tree:  # grows while it is iterated
        tree += children(obj)
    return tree


def _is_below(obj: bpy.types.Object, top: bpy.types.Object) -> bool:
    parent = obj.parent
    while parent is not None and parent != top:
        parent = parent.parent
    return parent is not None


def _bounds(corners: np.ndarray) -> np.ndarray:
    """(2, 3): the least and greatest coordinates of points (N, 3)."""
    return np.array([corners.min(axis=0), corners.max(axis=0)])
