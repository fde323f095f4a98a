"""Which turn an artist looks at: one collection is shown, and the originals that it stands for are hidden meanwhile.

What was hidden is remembered on the scene, so that it comes back even when the turns were deleted by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import bpy

from . import turns

ORIGINAL = "metaspatial_of"
"""On a turn's copies: the artist's object that a copy stands for. A pointer survives renames, saving and undo."""

_HID = "metaspatial_hid"
"""On scenes: the objects that are hidden for a turn, each with what of it was visible before, and if it was selected,
which hiding ends."""


def all_turns(scene: bpy.types.Scene) -> list[bpy.types.Collection]:
    """The turns of all runs of a scene, oldest first."""
    return [turn for run in turns.runs(scene) for turn in turns.turns(run)]


def shown(scene: bpy.types.Scene) -> bpy.types.Collection | None:
    """The turn that the scene shows, if it shows one."""
    root = scene.view_layers[0].layer_collection
    if root is None:  # from 5.2 on, until a new scene's first update
        return None
    for run in turns.runs(scene):
        layer = turns.layer_of(root, run)
        showing = {child.collection for child in layer.children if not child.exclude} if layer is not None else ()
        for turn in turns.turns(run):
            if turn in showing:
                return turn
    return None


def hides(scene: bpy.types.Scene) -> bool:
    """Whether originals are hidden for a turn."""
    return bool(scene.get(_HID))


def hidden_originals(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """The artist's objects that would be visible but for the shown turn."""
    there = set(scene.objects)
    return [entry["object"] for entry in _remembered(scene) if entry["object"] in there and entry["layers"]]


def unrendered_originals(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """The artist's objects that would be rendered but for the shown turn."""
    there = set(scene.objects)
    return [entry["object"] for entry in _remembered(scene) if entry["object"] in there and entry["render"]]


def show(scene: bpy.types.Scene, turn: bpy.types.Collection | None) -> None:
    """Show a turn in place of its originals and of all other turns; None shows the originals alone."""
    for _ in show_in_steps(scene, turn):
        pass


def show_in_steps(scene: bpy.types.Scene, turn: bpy.types.Collection | None) -> Iterator[None]:
    """`show`, in small steps. Where it is left off, what is hidden is remembered all the same."""
    view_layers = list(scene.view_layers)
    for view_layer in view_layers:
        if view_layer.layer_collection is None:
            view_layer.update()
    if turn is None:  # the originals come back before the turn goes, so that there is always something to see
        yield from _hide_only(scene, view_layers, ())
    for other in all_turns(scene):
        if other != turn:
            _exclude(view_layers, other, True)
    if turn is not None:
        yield from _hide_only(scene, view_layers, dict.fromkeys(copy.get(ORIGINAL) for copy in turn.objects))
        _reveal(scene, view_layers, turn)


def restore_all() -> None:
    """Show the originals in every scene of the file; the turns stay in it."""
    for scene in bpy.data.scenes:
        if scene.library is None and (hides(scene) or shown(scene) is not None):
            show(scene, None)


def _hide_only(
    scene: bpy.types.Scene, view_layers: list[bpy.types.ViewLayer], wanted: Iterable[bpy.types.Object | None]
) -> Iterator[None]:
    """Hide these of the scene's objects, and bring back the others that were hidden before. Yields after each."""
    there, wanted = set(scene.objects), dict.fromkeys(wanted)
    members = [(view_layer, set(view_layer.objects)) for view_layer in view_layers]
    before = _remembered(scene)
    known = {entry["object"] for entry in before}
    new = []
    for obj in (obj for obj in wanted if obj in there and obj not in known):
        seen = [layer.name for layer, among in members if obj in among and not obj.hide_get(view_layer=layer)]
        if seen or not obj.hide_render:
            selected = obj in members[0][1] and obj.select_get(view_layer=view_layers[0])
            new.append(
                {
                    "object": obj,
                    "layers": "\n".join(seen),
                    "render": not obj.hide_render,
                    "selected": selected,
                }
            )
    _remember(scene, [*before, *new])
    for entry in new:
        obj = entry["object"]
        for layer, among in members:
            if layer.name in entry["layers"].split("\n") and obj in among:
                obj.hide_set(True, view_layer=layer)
        if entry["render"]:
            obj.hide_render = True
        yield
    gone = [entry for entry in before if entry["object"] is not None and entry["object"] not in wanted]
    for entry in gone:
        obj, names = entry["object"], set(entry["layers"].splitlines())
        renamed = not names <= {layer.name for layer in view_layers}
        for layer, among in members:
            if (layer.name in names or renamed) and obj in among:
                obj.hide_set(False, view_layer=layer)
        if entry["render"]:
            obj.hide_render = False
        if entry["selected"] and obj in members[0][1]:
            obj.select_set(True, view_layer=view_layers[0])
        yield
    _remember(scene, [entry for entry in (*before, *new) if entry["object"] in wanted])


def _remembered(scene: bpy.types.Scene) -> list[dict[str, Any]]:
    """What is hidden for a turn; an object that was removed from the file since is None."""
    return [entry.to_dict() for entry in scene.get(_HID, ())]


def _remember(scene: bpy.types.Scene, entries: list[dict[str, Any]]) -> None:
    if entries:
        scene[_HID] = entries
    elif _HID in scene:
        del scene[_HID]


def _exclude(view_layers: list[bpy.types.ViewLayer], collection: bpy.types.Collection, exclude: bool) -> None:
    for view_layer in view_layers:
        layer = turns.layer_of(view_layer.layer_collection, collection)
        if layer is not None and layer.exclude != exclude:
            layer.exclude = exclude


def _reveal(scene: bpy.types.Scene, view_layers: list[bpy.types.ViewLayer], turn: bpy.types.Collection) -> None:
    """Show a turn's collection, also where the artist has switched its run off meanwhile."""
    run = next(run for run in turns.runs(scene) if turn in turns.turns(run))
    if any(layer.exclude for view_layer in view_layers if (layer := turns.layer_of(view_layer.layer_collection, run))):
        _exclude(view_layers, run, False)  # includes what is in it, too
        for other in turns.turns(run):
            _exclude(view_layers, other, other != turn)
    _exclude(view_layers, turn, False)
    for collection in (run, turn):
        collection.hide_viewport = collection.hide_render = False
        for view_layer in view_layers:
            layer = turns.layer_of(view_layer.layer_collection, collection)
            if layer is not None:
                layer.hide_viewport = False
