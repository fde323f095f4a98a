"""The collections that the add-on makes in an artist's scene, one of a kind: for openings, for furniture."""

from __future__ import annotations

import bpy

KIND = "metaspatial_kind"
"""Custom property of such a collection: what it was made for, whatever the artist calls it since."""


def own_collection(scene: bpy.types.Scene, kind: str) -> bpy.types.Collection:
    """The scene's own collection for `kind`, which is also its first name; a new one where the scene has none."""
    for child in scene.collection.children_recursive:
        if child.get(KIND) == kind and child.library is None:
            return child
    collection = bpy.data.collections.new(kind)
    collection[KIND] = kind
    scene.collection.children.link(collection)
    return collection
