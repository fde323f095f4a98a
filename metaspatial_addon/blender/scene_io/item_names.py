"""The names around an object that may say what it is, where its own name says nothing: `Cube.003` in "Chairs"."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import bpy

from ...prompts.names import Naming, name_item

MOST_PARTS = 20
"""Parts of an item whose names are looked at."""


def naming(
    tree: Sequence[bpy.types.Object],
    size: tuple[float, float, float],
    collections: Iterable[bpy.types.Collection] | None = None,
) -> Naming:
    """What an item is, by its names and its size (width, depth, height in metres). `tree`: its objects, root first.

    `collections`: those of the root, if they are known. To find them takes a look at every object of the file.
    """
    own = name_item(tree[0].name, size)
    if own.source == "name":
        return own
    known = tree[0].users_collection if collections is None else collections
    return name_item(tree[0].name, size, names_around(tree, known))


def names_around(tree: Sequence[bpy.types.Object], collections: Iterable[bpy.types.Collection]) -> tuple[str, ...]:
    """The names of what a root object shows, then of its parts, its parents, its collections and its materials."""
    root, parts = tree[0], tree[: MOST_PARTS + 1]
    names = [block.name for block in (root.instance_collection, root.data) if block is not None]
    names += [part.name for part in parts[1:]]
    parent = root.parent
    while parent is not None:
        names.append(parent.name)
        parent = parent.parent
    names += [collection.name for collection in collections]
    names += _materials(parts)
    return tuple(dict.fromkeys(names))


def _materials(objects: Iterable[bpy.types.Object]) -> list[str]:
    slots = (slot for obj in objects for slot in obj.material_slots)
    return [slot.material.name for slot in slots if slot.material is not None]
