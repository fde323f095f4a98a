"""The items as the panel lists them: looked up when something changed that concerns them, and not at each redraw."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from bpy.types import Context, Object

from .scene.index import SceneView, current_view
from .scene.items import chosen_roots

_listed: WeakKeyDictionary[SceneView, list[Object]] = WeakKeyDictionary()


def listed_items(context: Context) -> list[Object]:
    """The root objects that would be laid out now."""
    view = current_view(context.scene, context.view_layer)
    if view not in _listed:
        _listed[view] = chosen_roots(context, view.index)
    return _listed[view]
