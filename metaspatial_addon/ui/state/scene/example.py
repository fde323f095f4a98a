"""A small bedroom that is still to be furnished, in a scene of its own: for the first click on Generate Layout."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_n as n_
from bpy.types import Context, Scene

from ....blender.assets.library import AssetLibrary
from ....blender.assets.placement import Pick
from .furniture import add_picks
from .openings import add_opening
from .room_objects import make_room

NAME = "MetaSpatial Example"
PROMPT = n_("A calm bedroom; the desk by the window.")
SIZE_M = (4.2, 3.6, 2.7)
ITEMS = {
    "double bed": 1,
    "nightstand": 2,
    "wardrobe": 1,
    "desk": 1,
    "office chair": 1,
    "table lamp": 2,
    "rug": 1,
    "potted plant": 1,
}
"""How many of each category."""
_OPENINGS = (("DOOR", (-1.2, -1.8)), ("WINDOW", (2.1, 0.4)))
"""Where they are, in metres from the middle of the room."""


def make_example(context: Context) -> Scene:
    """Make the scene and show it; the artist's own stays as it is. Raises InputError without our furniture."""
    by_weight = sorted(AssetLibrary().assets.values(), key=lambda asset: -asset.weight)
    names = {category: next(a.name for a in by_weight if a.category == category) for category in ITEMS}
    scene = bpy.data.scenes.new(NAME)
    context.window.scene = scene
    settings = scene.metaspatial
    settings.size, settings.room_type = SIZE_M, "bedroom"
    make_room(scene)
    for kind, (x, y) in _OPENINGS:
        scene.cursor.location = x, y, 0
        for obj in context.view_layer.objects.selected:
            obj.select_set(False)
        add_opening(context, kind)
    scene.cursor.location = 0, 0, 0
    add_picks(context, [Pick(names[category], "", False, category, count) for category, count in ITEMS.items()])
    context.view_layer.update()
    settings.prompt = iface_(PROMPT)  # last: it is read as wishes about the items
    return scene
