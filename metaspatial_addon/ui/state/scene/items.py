"""Which objects of the scene are the items to lay out, by the scene's settings."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import bpy
from bpy.types import Context, Object, Scene

from ....blender.meshes import GEOMETRY
from ....blender.scene_io.pieces import pieces
from ....blender.turns import turn_properties, turn_visibility
from ....prompts.names import base_name
from .index import SceneIndex


def chosen_roots(context: Context, index: SceneIndex) -> list[Object]:
    """The root objects of the items, the artist's own: a turn's copy that is selected stands for its original.

    With nothing visible selected while a turn is shown, it is the items of that turn. `index`: of the context's scene.
    """
    scene, settings = context.scene, context.scene.metaspatial
    if settings.items_source == "SELECTED":
        layer = context.view_layer
        chosen = [obj for obj in layer.objects.selected if obj.visible_get(view_layer=layer)]
        if not chosen and turn_visibility.hides(scene):
            return turn_roots(turn_visibility.shown(scene), index)
    else:
        chosen = [] if settings.items is None else list(settings.items.all_objects)
    room, holder = set(wall_objects(settings)), settings.floor
    while holder is not None:  # what holds the floor holds the room
        room.add(holder)
        holder = holder.parent
    originals = dict.fromkeys(turn_properties.original(obj) or obj for obj in chosen)
    items = {
        obj: None
        for obj in originals
        if obj in index
        and obj not in room
        and obj.metaspatial.opening == "NONE"
        and turn_properties.item_id(obj) is None
    }
    unit = 1.0 / (scene.unit_settings.scale_length or 1.0)

    def below(obj: Object) -> list[Object]:
        return [child for child in index.children(obj) if child not in room and child.metaspatial.opening == "NONE"]

    roots = dict.fromkeys(_highest(obj, items) for obj in items)
    found = [piece for root in roots for piece in pieces(root, below, unit)]
    return [root for root in found if any(map(has_faces, index.tree(root)))]


def turn_roots(turn: bpy.types.Collection | None, index: SceneIndex) -> list[Object]:
    """The items of a turn that the scene still has, also those that were to stay where they are."""
    roots = [] if turn is None else [item.object for item in turn_properties.items(turn) if item.asked]
    return [root for root in roots if root is not None and root in index]


def same_named(scene: Scene, obj: Object) -> list[Object]:
    """The other objects of the scene whose names differ in numbers alone from that of `obj`; no copies of turns."""
    name = base_name(obj.name)
    return [
        other
        for other in scene.objects
        if other != obj and name and base_name(other.name) == name and turn_properties.item_id(other) is None
    ]


def wall_objects(settings: Any) -> list[Object]:
    """The objects of the walls, where these make the room. `settings`: `scene.metaspatial`."""
    if settings.room_source != "WALLS" or settings.walls is None:
        return []
    return list(settings.walls.all_objects)


def has_faces(obj: Object) -> bool:
    """Whether an object has faces of its own, or instances a collection."""
    return obj.type in GEOMETRY or (obj.instance_type == "COLLECTION" and obj.instance_collection is not None)


def _highest(obj: Object, among: Collection[Object]) -> Object:
    """The highest of an object and those of its ancestors that are in `among` without a gap."""
    while obj.parent in among:
        obj = obj.parent
    return obj
