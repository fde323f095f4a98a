"""The items as the panel lists them: looked up when something changed, and not at each redraw."""

from __future__ import annotations

from collections.abc import Hashable

import bpy
from bpy.app.handlers import persistent
from bpy.types import Context, Object

from ...blender.turns import turn_visibility
from .request import chosen_roots

_HANDLERS = ("depsgraph_update_post", "undo_post", "redo_post", "load_post")

_found: tuple[Hashable, list[Object]] | None = None


def listed_items(context: Context) -> list[Object]:
    """The root objects that would be laid out now."""
    global _found
    scene, settings = context.scene, context.scene.metaspatial
    # Blender tells of other changes by its handlers; not of these, when a script makes them.
    state = (
        scene.session_uid,
        context.view_layer.name,
        len(scene.objects),
        len(context.view_layer.objects.selected),
        settings.items_source,
        settings.items,
        settings.room_source,
        settings.floor,
        settings.walls,
        turn_visibility.shown(scene) if turn_visibility.hides(scene) else None,
    )
    if _found is None or _found[0] != state:
        _found = state, chosen_roots(context)
    return _found[1]


@persistent
def _forget(*_: object) -> None:
    global _found
    _found = None


def register() -> None:
    for name in _HANDLERS:
        getattr(bpy.app.handlers, name).append(_forget)


def unregister() -> None:
    for name in _HANDLERS:
        getattr(bpy.app.handlers, name).remove(_forget)
    _forget()
