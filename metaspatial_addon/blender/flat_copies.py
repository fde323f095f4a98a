"""Copies of objects without parents, modifiers and instances, in metres: what is handed to exporters.

Exporters write an object by its place under a parent, which they do not all bring up to date, and leave out scales of
collections. A copy stands where its original is seen, whatever that came about by.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import bpy
from mathutils import Matrix

from .meshes import GEOMETRY, has_own_mesh, instance_mesh

SHEAR = 1e-6
"""Largest entry of a matrix that location, rotation and scale may fail to express, in units of its scale."""


def flat_copies(
    stage: bpy.types.Scene, collections: Sequence[bpy.types.Collection], metres: float
) -> list[tuple[bpy.types.Object, bpy.types.Object]]:
    """A copy in `stage`, an empty scene, of all that is seen of collections, each with its original.

    `metres` is the length of a unit of the originals. A copy has the custom properties (numbers and texts) of the
    original and of what that is parented to, the nearest first.
    """
    copies = []
    with _evaluated(stage, collections) as depsgraph:
        for instance in depsgraph.object_instances:
            original = instance.object.original
            if original.type == "EMPTY" or instance.object.type in GEOMETRY and not has_own_mesh(instance):
                continue
            data, matrix = original.data, Matrix.Scale(metres, 4) @ instance.matrix_world
            if original.type in GEOMETRY:
                location, rotation, scale = matrix.decompose()
                spare = Matrix.LocRotScale(location, rotation, scale) - matrix
                sheared = max(abs(value) for row in spare for value in row) > SHEAR * max(map(abs, scale))
                if sheared or not _is_plain(original):
                    data = instance_mesh(instance, depsgraph)
                if sheared:
                    data.transform(Matrix.Translation(-location) @ matrix)
                    if matrix.determinant() < 0:
                        data.flip_normals()
                    matrix = Matrix.Translation(location)
            copy = bpy.data.objects.new(original.name, data)
            copy.matrix_world = matrix
            for owner in (instance.parent, original):
                _add_properties(copy, owner.original if owner is not None else None)
            copies.append((copy, original))
    for copy, _ in copies:
        stage.collection.objects.link(copy)
    return copies


@contextmanager
def _evaluated(stage: bpy.types.Scene, collections: Sequence[bpy.types.Collection]) -> Iterator[bpy.types.Depsgraph]:
    """Show collections in a scene, hidden objects too, until the end of the block."""
    hidden = [(obj, obj.hide_viewport, obj.hide_render) for part in collections for obj in part.all_objects]
    for collection in collections:
        stage.collection.children.link(collection)
    for obj, *_ in hidden:
        obj.hide_viewport = obj.hide_render = False
    try:
        stage.view_layers[0].update()
        yield stage.view_layers[0].depsgraph
    finally:
        for obj, in_viewport, in_render in hidden:
            obj.hide_viewport, obj.hide_render = in_viewport, in_render
        for collection in collections:
            stage.collection.children.unlink(collection)


def _is_plain(obj: bpy.types.Object) -> bool:
    """Whether an object is seen as its own mesh, which copies may share."""
    own_materials = all(slot.link == "DATA" for slot in obj.material_slots)
    return obj.type == "MESH" and not obj.modifiers and obj.data.shape_keys is None and own_materials


def _add_properties(copy: bpy.types.Object, owner: bpy.types.Object | None) -> None:
    """Give a copy the custom properties of an object and, where these have none of the name, of its parents."""
    found: dict[str, object] = {}
    while owner is not None:
        found = {**{key: value for key, value in owner.items() if isinstance(value, (bool, int, float, str))}, **found}
        owner = owner.parent
    for key, value in found.items():
        copy[key] = value
