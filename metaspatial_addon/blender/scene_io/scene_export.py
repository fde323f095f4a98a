"""A scene's items as a .blend for another process: written in the artist's Blender, opened in the worker's.

The artist's scene, objects, selection, undo steps and file path stay as they are: for the time of writing, a
collection that is in no scene holds the objects, with the settings of the scene that they need.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

import bpy
from idprop.types import IDPropertyGroup

from ...core.files import named
from ..immovable import FIRST_FRAME, first_frame
from ..turns.turn_properties import item_id
from ..turns.turn_visibility import hidden_originals, unrendered_originals

_KEY = "metaspatial_handover"
_NAME = "MetaSpatial Handover"
_RENDER = ("use_simplify", "simplify_subdivision")
"""Render settings that decide which mesh a modifier makes."""


def export_scene(
    path: Path,
    scene: bpy.types.Scene,
    objects: Iterable[bpy.types.Object],
    shown: Collection[bpy.types.Object] = (),
) -> None:
    """Write objects, their children in the scene and all that they depend on, with the scene's units and frame.

    What the artist does not see is hidden in the copy, except what is in `shown` (walls, which are often hidden to look
    into a room) and originals that are hidden only because a turn is shown. Raises OSError that names the file.
    """
    layer = bpy.context.view_layer if bpy.context.scene == scene else scene.view_layers[0]
    chosen = _with_children(scene, objects)
    seen = {*shown, *hidden_originals(scene)}
    rendered = {*shown, *unrendered_originals(scene)}
    settings = {
        "path": str(path),
        "frame": scene.frame_current,
        "subframe": scene.frame_subframe,
        "first_frame": first_frame(scene),
        "scale_length": scene.unit_settings.scale_length,
        "render": {name: getattr(scene.render, name) for name in _RENDER},
        # By place among the collection's objects: a linked object may have the name of a local one.
        "hidden": [k for k, o in enumerate(chosen) if o not in seen and not o.visible_get(view_layer=layer)],
        "shown": [k for k, o in enumerate(chosen) if o in shown],
        "rendered": [k for k, o in enumerate(chosen) if o in rendered],
    }
    held = bpy.data.collections.new(_NAME)
    try:
        for obj in chosen:
            held.objects.link(obj)
        held[_KEY] = settings
        bpy.data.libraries.write(str(path), {held}, path_remap="ABSOLUTE")
    except (OSError, RuntimeError) as error:
        raised = named(error if isinstance(error, OSError) else OSError(str(error)), path)
        raise raised if isinstance(raised, OSError) else OSError(str(raised)) from error  # its folder has gone
    finally:
        bpy.data.collections.remove(held)


def _with_children(scene: bpy.types.Scene, objects: Iterable[bpy.types.Object]) -> list[bpy.types.Object]:
    """The objects and all below them in the scene, but for the copies that turns show."""
    children: dict[bpy.types.Object, list[bpy.types.Object]] = {}
    for obj in scene.objects:
        if obj.parent is not None and item_id(obj) is None:
            children.setdefault(obj.parent, []).append(obj)
    chosen, waiting = {}, list(objects)[::-1]
    while waiting:
        obj = waiting.pop()
        if obj not in chosen:
            chosen[obj] = True
            waiting += children.get(obj, [])
    return list(chosen)


def open_exported_scene(path: Path, name: str) -> bpy.types.Scene:
    """Open an exported scene as this process's file: a new scene of that name, with the objects as they stood.

    Raises OSError for a file that cannot be opened or is none.
    """
    try:
        bpy.ops.wm.open_mainfile(filepath=str(path), load_ui=False, use_scripts=False)
    except RuntimeError as error:
        raise OSError(f"{path}: {error}") from error
    # A file of somebody else may have one as well, which an object that is handed over instances.
    marked = (c for c in bpy.data.collections if c.library is None and isinstance(c.get(_KEY), IDPropertyGroup))
    held = next((c for c in marked if c[_KEY].get("path") == str(path)), None)
    if held is None:
        raise OSError(f"{path} is no scene that was handed over")
    settings = held[_KEY].to_dict()
    scene = bpy.data.scenes.new(name)
    bpy.context.window.scene = scene  # of other scenes Blender works out no transforms
    scene.collection.children.link(held)
    scene.unit_settings.scale_length = settings["scale_length"]
    for render_setting, value in settings["render"].items():
        setattr(scene.render, render_setting, value)
    objects, layer = list(held.objects), scene.view_layers[0]
    for k in settings["shown"]:
        objects[k].hide_viewport = False
    for k in settings["rendered"]:
        objects[k].hide_render = False
    for k in settings["hidden"]:
        objects[k].hide_set(True, view_layer=layer)
    scene[FIRST_FRAME] = settings["first_frame"]
    scene.frame_set(settings["frame"], subframe=settings["subframe"])
    return scene
