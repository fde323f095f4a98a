"""The items as the panel lists them: looked up when something changed that concerns them, and not at each redraw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from bpy.types import Collection, Context, Object

from ...blender.scene_io.item_names import naming
from ...blender.scene_io.pieces import instanced_pieces
from ...core.scale import ScaleDoubt
from ...prompts.names import Naming, Size, base_name, read_name
from .scene.index import SceneIndex, SceneView, current_view
from .scene.item_boxes import carried_counts, doubts, item_size
from .scene.items import chosen_roots


@dataclass(frozen=True)
class ListedItems:
    """The root objects that would be laid out now, and what their boxes tell.

    Attributes:
        roots: the objects.
        carried: how many of them rest on one and go along with it.
        doubts: those whose size is far from usual or larger than the room.
        sets: how many pieces of furniture those show that are one instance of several.
        trees: the objects of each, the root first.
        sizes: width, depth and height of each in metres.
        collections: those that each is in.
    """

    roots: list[Object]
    carried: Mapping[Object, int] = field(default_factory=dict)
    doubts: list[ScaleDoubt] = field(default_factory=list)
    sets: Mapping[Object, int] = field(default_factory=dict)
    trees: Mapping[Object, Sequence[Object]] = field(default_factory=dict)
    sizes: Mapping[Object, Size] = field(default_factory=dict)
    collections: Mapping[Object, Sequence[Collection]] = field(default_factory=dict)

    def naming(self, root: Object) -> Naming:
        """What an item is taken for where its category is not stated."""
        return naming(self.trees[root], self.sizes[root], self.collections[root])

    @property
    def categories(self) -> dict[str, str]:
        """By the items' names, what each is: as it was stated, else what it is taken for."""
        return {root.name: root.metaspatial.category.strip() or self.naming(root).category for root in self.roots}

    def alike(self, root: Object) -> list[Object]:
        """The other items whose names differ from that of one in numbers alone."""
        name = base_name(root.name)
        return [other for other in self.roots if other != root and name and base_name(other.name) == name]


_listed: WeakKeyDictionary[SceneView, ListedItems] = WeakKeyDictionary()


def listed_items(context: Context) -> list[Object]:
    """The root objects that would be laid out now."""
    return listed(context).roots


def listed(context: Context) -> ListedItems:
    """The items that would be laid out now."""
    view = current_view(context.scene, context.view_layer)
    if view not in _listed:
        _listed[view] = look_at(context, chosen_roots(context, view.index), view.index)
    return _listed[view]


def look_at(context: Context, roots: list[Object], index: SceneIndex) -> ListedItems:
    """Items and what their boxes tell. `index`: of the context's scene."""
    scene = context.scene
    unit = scene.unit_settings.scale_length or 1.0
    trees = {root: index.tree(root) for root in roots}
    sizes = {root: item_size(root, index, unit) for root in roots}
    collections = {root: index.collections(root) for root in roots}
    categories = {
        root: root.metaspatial.category.strip() or naming(trees[root], sizes[root], collections[root]).category
        for root in roots
    }
    sets = {root: count for root in roots if (count := instanced_pieces(root, 1 / unit)) > 1}
    carried = carried_counts(scene, roots, index) if scene.metaspatial.carry else {}
    return ListedItems(roots, carried, doubts(scene, categories, sizes), sets, trees, sizes, collections)


def register() -> None:
    """Read the words for furniture now, and not while a panel draws: the first name takes longest."""
    read_name("chair")


def unregister() -> None:
    _listed.clear()
