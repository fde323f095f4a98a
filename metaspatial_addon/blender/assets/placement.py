"""Assets of libraries as objects of the artist's scene, in rows beside the room.

Runs in the artist's Blender, on a click. What is appended names no file that it came from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import bpy
import numpy as np

from ..frames import world_matrix
from ..meshes import scratch_scene
from .library import LIBRARY_FOLDER, AssetLibrary

_APART = 0.3
"""Metres between two assets, and between two rows."""
_ROW = 6.0
"""Metres of a row's length, at least."""
_SHELF, _WALL = 0.75, 1.4
"""Metres above the floor: where items that stand on furniture, and that hang on a wall, are put."""
_TOUCH = 0.05
"""Metres below the ceiling at which what hangs from it is put: what touches the ceiling counts as placed there."""


@dataclass(frozen=True)
class Pick:
    """An asset that was ticked; an empty `file` is our own furniture, whose `name` is that of a mesh."""

    name: str
    file: str
    is_collection: bool
    category: str
    count: int


def append_assets(picks: Sequence[Pick], unit: float) -> tuple[list[tuple[bpy.types.Object, Pick]], list[str]]:
    """New objects that no scene has yet, each with its pick; and the names of what could not be had.

    They are as large as they really are in a scene with `unit` units to a metre. A collection comes as an instance of
    it. Objects of one pick share their data.
    """
    made, missing = [], []
    for file in dict.fromkeys(pick.file for pick in picks):
        wanted = [pick for pick in picks if pick.file == file]
        blocks = _load(file, wanted)
        for pick in wanted:
            block = blocks.get((pick.name, pick.is_collection))
            if block is None:
                missing.append(pick.name)
                continue
            first = _as_object(block, pick.name)
            for obj in (first, *(first.copy() for _ in range(pick.count - 1))):
                obj.scale *= unit
                made.append((obj, pick))
    return made, missing


def _load(file: str, picks: Iterable[Pick]) -> Mapping[tuple[str, bool], bpy.types.ID]:
    """The data-blocks of picks from one file, by name and whether they are collections: those that could be had."""
    path = file or str(LIBRARY_FOLDER / "furniture.blend")
    names = dict.fromkeys((pick.name, pick.is_collection) for pick in picks)
    with scratch_scene() as (_, kept):
        try:
            with bpy.data.libraries.load(path, link=False) as (held, wanted):
                singles = held.objects if file else held.meshes
                there = [(name, whole) for name, whole in names if name in (held.collections if whole else singles)]
                wanted.collections = [name for name, whole in there if whole]
                setattr(wanted, "objects" if file else "meshes", [name for name, whole in there if not whole])
        except (OSError, RuntimeError):
            return {}
        loaded = [*wanted.collections, *(wanted.objects if file else wanted.meshes)]
        there.sort(key=lambda entry: not entry[1])
        # Copies: what is appended remembers its file, and the .blend is to hold no path.
        copies = {entry: block.copy() for entry, block in zip(there, loaded, strict=True) if block is not None}
        for obj in copies.values():
            if isinstance(obj, bpy.types.Object):
                matrix = world_matrix(obj)
                obj.parent = None
                obj.matrix_basis = matrix
                obj.location = (0, 0, 0)
        kept.update(copies.values())
    for (name, _), block in copies.items():
        block.name = name
    return copies


def _as_object(block: bpy.types.ID, name: str) -> bpy.types.Object:
    if isinstance(block, bpy.types.Object):
        return block
    obj = bpy.data.objects.new(name, block if isinstance(block, bpy.types.Mesh) else None)
    if isinstance(block, bpy.types.Collection):
        obj.instance_type, obj.instance_collection = "COLLECTION", block
    return obj


def mounts() -> dict[str, str]:
    """By category what its items stand or hang on, in our furniture library."""
    return {asset.category: asset.mount for asset in AssetLibrary().assets.values()}


def stand_in_rows(
    boxes: Sequence[np.ndarray], mounts: Sequence[str], start: np.ndarray, length: float, height: float, unit: float
) -> np.ndarray:
    """How far to move objects (N, 3) so that they stand in rows: from `start` (3,) along x, the next row further to -y.

    `boxes`: points (K, 3) of each. `length`: of a row, `height`: of the room. All in scene units, of which a metre has
    `unit`. What hangs on a wall or stands on furniture is put at the height where it will be.
    """
    moves = np.zeros((len(boxes), 3))
    x, y, floor = start
    deepest = 0.0
    for k, (box, mount) in enumerate(zip(boxes, mounts, strict=True)):
        low = box.min(axis=0)
        width, depth, tall = np.ptp(box, axis=0)
        if x > start[0] and x + width > start[0] + max(length, _ROW * unit):
            x, y, deepest = start[0], y - deepest - _APART * unit, 0.0
        above = {"surface": _SHELF * unit, "wall": _WALL * unit, "ceiling": max(height - tall - _TOUCH * unit, 0.0)}
        moves[k] = np.array([x, y - depth, floor + above.get(mount, 0.0)]) - low
        x, deepest = x + width + _APART * unit, max(deepest, depth)
    return moves
