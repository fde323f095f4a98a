"""The collections that the add-on makes in an artist's scene, one of a kind: for openings, for furniture."""

from __future__ import annotations

import re

import bpy

KIND = "metaspatial_kind"
"""Custom property of such a collection: what it was made for, whatever the artist calls it since."""


def own_collection(scene: bpy.types.Scene, kind: str) -> bpy.types.Collection:
    """The scene's own collection for `kind`, which is also its first name; a new one where the scene has none."""
    local = [child for child in scene.collection.children_recursive if child.library is None]
    for child in local:
        if child.get(KIND) == kind:
            return child
    for child in local:  # of a file from before there were marks; an empty one may be anybody's
        if KIND not in child and child.objects and re.fullmatch(rf"{re.escape(kind)}(\.\d{{3}})?", child.name):
            child[KIND] = kind
            return child
    collection = bpy.data.collections.new(kind)
    collection[KIND] = kind
    scene.collection.children.link(collection)
    return collection
