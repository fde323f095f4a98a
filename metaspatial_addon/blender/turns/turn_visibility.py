"""Which turn a scene shows: one collection is visible, and the originals that it stands for are hidden meanwhile.

What was hidden is kept on the scene, so that it comes back even when the turns were deleted by hand.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass

import bpy

from . import turn_properties, turns

_HIDDEN = "metaspatial_hid"
"""On scenes: the objects that are hidden for a turn, each as the fields of `_Hidden`, `layers` as lines of a text."""


@dataclass(frozen=True)
class _Hidden:
    """An object that is hidden for a turn, and how it was before: the names of the view layers that showed it, whether
    it was rendered, and whether it was selected in the first view layer, which hiding ends."""

    object: bpy.types.Object
    layers: tuple[str, ...]
    render: bool
    selected: bool


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
    return bool(scene.get(_HIDDEN))


def hidden_originals(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """The artist's objects that would be visible but for the shown turn."""
    return [hidden.object for hidden in _hidden_in_scene(scene) if hidden.layers]


def unrendered_originals(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """The artist's objects that would be rendered but for the shown turn."""
    return [hidden.object for hidden in _hidden_in_scene(scene) if hidden.render]


def _hidden_in_scene(scene: bpy.types.Scene) -> list[_Hidden]:
    """What is hidden for a turn and was not unlinked or removed since."""
    members = set(scene.objects)
    return [hidden for hidden in _read_hidden(scene) if hidden.object in members]


def show(scene: bpy.types.Scene, turn: bpy.types.Collection | None) -> None:
    """Show a turn in place of its originals and of all other turns; None shows the originals alone."""
    for _ in show_in_steps(scene, turn):
        pass


def show_in_steps(scene: bpy.types.Scene, turn: bpy.types.Collection | None) -> Generator[None, None, None]:
    """`show`, in small steps. Where it is left off, what is hidden is kept on the scene all the same."""
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
        yield from _hide_only(scene, view_layers, dict.fromkeys(map(turn_properties.original, turn.objects)))
        _reveal(scene, view_layers, turn)


def restore_all() -> None:
    """Show the originals in every scene of the file; the turns stay in it."""
    for scene in bpy.data.scenes:
        if scene.library is None and (hides(scene) or shown(scene) is not None):
            show(scene, None)


def _hide_only(
    scene: bpy.types.Scene, view_layers: Sequence[bpy.types.ViewLayer], wanted: Iterable[bpy.types.Object | None]
) -> Iterator[None]:
    """Hide these of the scene's objects, and bring back the others that were hidden before. Yields after each step."""
    wanted, members = dict.fromkeys(wanted), set(scene.objects)
    layers = [(view_layer, set(view_layer.objects)) for view_layer in view_layers]
    before = _read_hidden(scene)
    known = {hidden.object for hidden in before}
    new = []
    for obj in wanted:
        if obj is None or obj not in members or obj in known:
            continue
        names = tuple(layer.name for layer, objects in layers if obj in objects and not obj.hide_get(view_layer=layer))
        if names or not obj.hide_render:
            selected = obj in layers[0][1] and obj.select_get(view_layer=layers[0][0])
            new.append(_Hidden(obj, names, not obj.hide_render, selected))
    _write_hidden(scene, [*before, *new])
    yield from _set_hidden(layers, new, True)
    yield from _set_hidden(layers, [hidden for hidden in before if hidden.object not in wanted], False)
    _write_hidden(scene, [hidden for hidden in (*before, *new) if hidden.object in wanted])


def _set_hidden(
    layers: Sequence[tuple[bpy.types.ViewLayer, set[bpy.types.Object]]], entries: Sequence[_Hidden], hide: bool
) -> Iterator[None]:
    """Hide objects, or show and select them as they were before. `layers`: the view layers with their objects."""
    existing = {view_layer.name for view_layer, _ in layers}
    for hidden in entries:
        obj = hidden.object
        renamed = not hide and not existing.issuperset(hidden.layers)
        for view_layer, objects in layers:
            if (view_layer.name in hidden.layers or renamed) and obj in objects:
                obj.hide_set(hide, view_layer=view_layer)
        if not hide and hidden.selected and obj in layers[0][1]:
            obj.select_set(True, view_layer=layers[0][0])
        yield
    # In a second round: where the two kinds of hiding take turns, Blender looks through the whole scene at each.
    for hidden in entries:
        if hidden.render:
            hidden.object.hide_render = hide
            yield


def _read_hidden(scene: bpy.types.Scene) -> list[_Hidden]:
    """What is hidden for a turn. An entry that `_write_hidden` did not write is left out."""
    found = []
    for entry in turn_properties.groups(scene.get(_HIDDEN)):
        obj, layers = entry.get("object"), entry.get("layers")
        if isinstance(obj, bpy.types.Object) and isinstance(layers, str):
            shown_in = tuple(layers.splitlines())
            found.append(_Hidden(obj, shown_in, bool(entry.get("render")), bool(entry.get("selected"))))
    return found


def _write_hidden(scene: bpy.types.Scene, entries: Sequence[_Hidden]) -> None:
    """Keep on the scene what is hidden for a turn."""
    if entries:
        scene[_HIDDEN] = [{**vars(hidden), "layers": "\n".join(hidden.layers)} for hidden in entries]
    elif _HIDDEN in scene:
        del scene[_HIDDEN]


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
