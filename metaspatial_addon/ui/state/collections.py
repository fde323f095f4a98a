"""The collections that the add-on makes in an artist's scene, one of a kind: for openings, for furniture."""

from __future__ import annotations

import bpy


def own_collection(scene: bpy.types.Scene, name: str) -> bpy.types.Collection:
    """The scene's collection of that name, numbered or not; a new one where it has none."""
    for child in scene.collection.children:
        if child.name.startswith(name):
            return child
    made = bpy.data.collections.new(name)
    scene.collection.children.link(made)
    return made
