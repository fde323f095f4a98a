"""A scene's objects by parent, and whether a change concerns what the add-on shows of the scene.

Looking through all objects of a large scene takes as long as many redraws. So what is shown of a scene is kept with
its `SceneView`, which is another one after a change of an item, the room, an opening or a turn, not after others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import bpy
from bpy.app.handlers import persistent
from bpy.types import Collection, Depsgraph, Object, Scene, ViewLayer

from ....blender.turns import turn_properties, turn_visibility


class SceneIndex:
    """The objects of a scene: their session_uids, each one's children and collections, and those that mark openings.

    Made in one pass over the scene; `Object.children` and `users_collection` look through the whole file each time.
    """

    def __init__(self, scene: Scene) -> None:
        self.uids: set[int] = set()
        self.openings: list[Object] = []
        self._children: dict[int, list[Object]] = {}
        self._parents: dict[int, int] = {}
        for obj in scene.objects:
            self.uids.add(obj.session_uid)
            if obj.parent is not None:
                self._parents[obj.session_uid] = obj.parent.session_uid
                self._children.setdefault(obj.parent.session_uid, []).append(obj)
            if obj.metaspatial.opening != "NONE":
                self.openings.append(obj)
        self._collections: dict[int, list[Collection]] = {}
        for collection in (scene.collection, *scene.collection.children_recursive):
            for obj in collection.objects:
                self._collections.setdefault(obj.session_uid, []).append(collection)
        self._opening_uids = {obj.session_uid for obj in self.openings}

    def __contains__(self, obj: Object) -> bool:
        return obj.session_uid in self.uids

    def children(self, obj: Object) -> list[Object]:
        """The objects right below one."""
        return list(self._children.get(obj.session_uid, ()))

    def collections(self, obj: Object) -> list[Collection]:
        """The collections of the scene that an object is in."""
        return list(self._collections.get(obj.session_uid, ()))

    def tree(self, root: Object) -> list[Object]:
        """An object and all below it."""
        tree = [root]
        for obj in tree:  # grows while it is iterated
            tree += self._children.get(obj.session_uid, ())
        return tree

    def holds(self, obj: Object) -> bool:
        """Whether an object still has the parent, and marks an opening or not, as when the index was made."""
        uid, parent = obj.session_uid, obj.parent
        if uid not in self.uids:  # it is of an instanced collection
            return True
        if self._parents.get(uid) != (None if parent is None else parent.session_uid):
            return False
        return (uid in self._opening_uids) == (obj.metaspatial.opening != "NONE")


@dataclass(eq=False)
class SceneView:
    """A scene in a view layer between two changes that concern what is shown of it.

    `state`: the settings, which scripts change without any handler hearing of it, and the shown turn. `watched`:
    session_uids of the objects that decide about what is shown. `outdated`: one of these, the selection or something's
    visibility changed.
    """

    index: SceneIndex
    state: tuple[object, ...]
    watched: set[int]
    outdated: bool = False


_views: dict[tuple[int, str], SceneView] = {}
"""By session_uid of the scene and name of the view layer."""


def current_view(scene: Scene, view_layer: ViewLayer) -> SceneView:
    """The same object until a change that concerns what is shown of the scene.

    Counts on the handlers below, which Blender calls before it draws; a script must update the view layer. Does not
    look through the scene's objects unless its structure changed.
    """
    key, settings = (scene.session_uid, view_layer.name), scene.metaspatial
    turn = turn_visibility.shown(scene)
    blocks = (settings.floor, settings.walls, settings.items, settings.compare_with, turn)
    state = (
        settings.room_source,
        settings.items_source,
        settings.carry,
        *settings.size,
        *(block and block.session_uid for block in blocks),
        turn_visibility.hides(scene),
    )
    view = _views.get(key)
    if view is not None and view.state == state and not view.outdated:
        return view
    index = SceneIndex(scene) if view is None else view.index
    watched = {obj.session_uid for obj in _shown_objects(scene, view_layer, index)}
    view = _views[key] = SceneView(index, state, watched)
    return view


def _shown_objects(scene: Scene, view_layer: ViewLayer, index: SceneIndex) -> Iterator[Object]:
    """Every object that decides about what is shown: room, openings, items, turns, with all that is below these."""
    settings = scene.metaspatial
    yield from index.openings
    floor = settings.floor
    while floor is not None:
        yield floor
        floor = floor.parent
    roots: list[Object] = list(view_layer.objects.selected) if settings.items_source == "SELECTED" else []
    for collection in (settings.walls, settings.items, turn_visibility.shown(scene), settings.compare_with):
        roots += collection.all_objects if collection is not None else ()
    roots += [original for obj in roots if (original := turn_properties.original(obj)) is not None]
    for root in roots:
        for obj in index.tree(root):
            yield obj
            if obj.instance_collection is not None:
                yield from obj.instance_collection.all_objects


@persistent
def _after_update(scene: Scene, depsgraph: Depsgraph) -> None:
    """See which of the changes concern what is shown. The cost is that of the changes, not of the scene."""
    views = [(key, view) for key, view in list(_views.items()) if key[0] == scene.session_uid]
    if not views:
        return
    if depsgraph.id_type_updated("COLLECTION"):  # objects were added, removed or moved between collections
        _forget()
        return
    changed = [update.id.original for update in depsgraph.updates if isinstance(update.id, (Object, Scene))]
    for key, view in views:
        if not all(view.index.holds(obj) for obj in changed if isinstance(obj, Object)):
            del _views[key]
        # A scene changes with its selection, visibility and units.
        elif any(isinstance(block, Scene) or block.session_uid in view.watched for block in changed):
            view.outdated = True


@persistent
def _forget(*_: object) -> None:
    _views.clear()


_HANDLERS = {
    "depsgraph_update_post": _after_update,
    "frame_change_post": _after_update,
    "undo_post": _forget,
    "redo_post": _forget,
    "load_post": _forget,
}


def register() -> None:
    for name, handler in _HANDLERS.items():
        getattr(bpy.app.handlers, name).append(handler)


def unregister() -> None:
    for name, handler in _HANDLERS.items():
        getattr(bpy.app.handlers, name).remove(handler)
    _forget()
