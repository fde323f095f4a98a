"""Items brought to another size, and instances of several pieces of furniture made real."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import bpy
import numpy as np
from bpy.types import Context, Object, Scene
from mathutils import Matrix, Vector

from ....blender.boxes import has_shape, world_corners
from ....blender.frames import world_matrix
from ....blender.turns import turn_collections, turn_properties
from .index import SceneIndex


def scale_items(scene: Scene, factors: Mapping[Object, float], objects: bool) -> list[str]:
    """Multiply the sizes of items, by root object, in layouts alone or of the `objects` themselves.

    An object is scaled about the middle of its underside. Returns a sentence for each that could not be.
    """
    kept = []
    index = SceneIndex(scene)
    for root, factor in factors.items():
        if not objects:
            root.metaspatial.scale *= factor
            root.update_tag()
        elif root.library is not None:
            kept.append(f"{root.name} keeps its size: it is linked")
        elif any(root.lock_scale):
            kept.append(f"{root.name} keeps its size: it is locked")
        else:
            corners = world_corners(obj for obj in index.tree(root) if has_shape(obj))
            x, y = corners.min(axis=0)[:2] / 2 + corners.max(axis=0)[:2] / 2
            about = Matrix.Translation(Vector((x, y, corners[:, 2].min())))
            root.matrix_world = about @ Matrix.Scale(factor, 4) @ about.inverted() @ root.matrix_world
    return kept


@contextmanager
def scales_followed(turn: bpy.types.Collection) -> Iterator[None]:
    """After the block, originals that it scaled as a turn's copies were are no more to be scaled in layouts."""
    originals = map(turn_properties.original, turn_collections.item_roots(turn).values())
    before = {obj: _size(obj) for obj in originals if obj is not None}
    yield
    for obj, size in before.items():
        ratio = _size(obj) / size if size > 0 else 1.0
        if abs(ratio - 1.0) > 1e-4:
            rest = obj.metaspatial.scale / ratio
            obj.metaspatial.scale = 1.0 if abs(rest - 1.0) < 1e-3 else rest


def _size(obj: Object) -> float:
    """The mean factor by which an object's transform scales lengths."""
    return float(abs(np.linalg.det(np.array(world_matrix(obj))[:3, :3])) ** (1 / 3))


def make_real(context: Context, obj: Object) -> list[Object]:
    """Objects in place of a collection instance, selected in its place; their parents among each other are kept."""
    layer = context.view_layer
    before = set(context.scene.objects)
    for other in list(layer.objects.selected):
        other.select_set(False)
    obj.select_set(True)
    layer.objects.active = obj
    with context.temp_override(selected_objects=[obj], selected_editable_objects=[obj], object=obj, active_object=obj):
        bpy.ops.object.duplicates_make_real(use_base_parent=False, use_hierarchy=True)
    made = [new for new in context.scene.objects if new not in before]
    obj.instance_type = "NONE"
    obj.select_set(False)
    for new in made:
        new.select_set(True)
    return made
