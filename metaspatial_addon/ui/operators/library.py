"""From Library: what the prompt asks for is picked from the asset libraries, ticked by the artist, and added."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from bpy.types import Operator
from mathutils import Vector

from ...blender.assets.library import LIBRARY_FOLDER
from ...blender.assets.placement import Pick, append_assets, mounts, stand_in_rows
from ...blender.assets.search import OURS
from ..overlay.room_rectangle import room_rectangle, units_per_metre, world_corners
from ..state import job
from ..state.collections import own_collection
from ..state.identifiers import Operators

COLLECTION = "MetaSpatial Items"
_BESIDE = 0.6
"""Metres between the room and what is added."""


def library_folders(preferences: bpy.types.Preferences) -> list[dict[str, str]]:
    """The artist's asset libraries that are on this machine, as {name, folder}."""
    return [
        {"name": library.name, "folder": bpy.path.abspath(library.path)}
        for library in preferences.filepaths.asset_libraries
        if library.path and getattr(library, "enabled", True) and Path(bpy.path.abspath(library.path)).is_dir()
    ]


def list_found(window_manager: bpy.types.WindowManager, found: Iterable[Mapping[str, Any]]) -> None:
    """Put what the worker found in place of the list to tick."""
    settings = window_manager.metaspatial
    settings.assets.clear()
    settings.asset_index = 0
    for entry in found:
        line = settings.assets.add()
        line.name, line.library, line.file = entry["name"], entry["library"], entry["file"]
        line.kind = "COLLECTION" if entry["kind"] == "collection" else "OBJECT"
        line.category, line.count, line.ticked = entry["category"], entry["count"], entry["ticked"]


def add_assets(context: bpy.types.Context, picks: list[Pick]) -> tuple[int, list[str]]:
    """Add assets to the scene's items, in rows beside the room; how many objects came, and what could not be had."""
    scene, unit = context.scene, units_per_metre(context.scene)
    made, missing = append_assets(picks, unit)
    if made:
        settings, target, rectangle = scene.metaspatial, own_collection(scene, COLLECTION), room_rectangle(scene)
        around = world_corners(target.all_objects)
        if rectangle is not None:
            around = np.concatenate([rectangle, around])
        start, length = np.zeros(3), 0.0
        if len(around):
            (x, y, z), (far, _, _) = around.min(axis=0), around.max(axis=0)
            start = np.array([x, y - _BESIDE * unit, z if rectangle is None else rectangle[0, 2]])
            length = far - x
        for thing, _ in made:
            target.objects.link(thing)
        context.view_layer.update()
        boxes = [world_corners([thing]) for thing, _ in made]
        known = mounts()
        held = [known.get(pick.category, "floor") for _, pick in made]
        height = (settings.size[2] if settings.room_source == "SIZE" else settings.height) * unit
        for (thing, pick), move in zip(made, stand_in_rows(boxes, held, start, length, height, unit), strict=True):
            thing.location += Vector(move)
            thing.metaspatial.category = pick.category
        settings.items_source, settings.items = "COLLECTION", target
    return len(made), missing


class METASPATIAL_OT_pick_assets(Operator):
    """Look in our furniture and in your asset libraries for what the words ask for"""

    bl_idname = Operators.PICK_ASSETS
    bl_label = "Pick From Library"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if job.current.busy:
            cls.poll_message_set("Something is running: wait for it, or cancel it")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        words = context.window_manager.metaspatial.words.strip() or context.scene.metaspatial.prompt.strip()
        if not words:
            self.report({"ERROR"}, 'Write what you want in the room, such as "a double bed and two nightstands"')
            return {"CANCELLED"}
        message = {"type": "assets", "prompt": words, "libraries": library_folders(context.preferences)}
        job.ask(message, "", lambda answer: _hear(answer["found"]))
        return {"FINISHED"}


def _hear(found: list[dict[str, Any]]) -> None:
    list_found(bpy.context.window_manager, found)
    if not found:
        text = 'No furniture was recognised in those words: name what you want, such as "a desk and two chairs"'
        job.current.say(job.Notice("INFO", text))
    job.redraw_panels()


class METASPATIAL_OT_add_assets(Operator):
    """Add the ticked assets to the scene, in rows beside the room, as the items to be laid out"""

    bl_idname = Operators.ADD_ASSETS
    bl_label = "Add to Scene"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.mode != "OBJECT":
            cls.poll_message_set("Only in Object Mode")
            return False
        if not any(line.ticked for line in context.window_manager.metaspatial.assets):
            cls.poll_message_set("Pick from the library first, and tick what is to be added")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        lines = context.window_manager.metaspatial.assets
        count, missing = add_assets(
            context,
            [
                Pick(line.name, line.file, line.kind == "COLLECTION", line.category, line.count)
                for line in lines
                if line.ticked
            ],
        )
        if missing:
            self.report({"WARNING"}, f"Not found in its library any more: {', '.join(missing)}")
        if not count:
            return {"CANCELLED"}
        lines.clear()
        self.report({"INFO"}, f"Added {count} objects")
        return {"FINISHED"}


class METASPATIAL_OT_add_library(Operator):
    """Show the furniture of MetaSpatial in Blender's asset browser, as a library in your preferences"""

    bl_idname = Operators.ADD_LIBRARY
    bl_label = "Show in Asset Browser"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if has_our_library(context.preferences):
            cls.poll_message_set("It is one of your asset libraries")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.preferences.filepaths.asset_libraries.new(name=OURS, directory=str(LIBRARY_FOLDER))
        context.preferences.is_dirty = True
        return {"FINISHED"}


def has_our_library(preferences: bpy.types.Preferences) -> bool:
    """Whether our furniture is one of the artist's asset libraries."""
    return any(Path(entry["folder"]).resolve() == LIBRARY_FOLDER.resolve() for entry in library_folders(preferences))


register, unregister = bpy.utils.register_classes_factory(
    (METASPATIAL_OT_pick_assets, METASPATIAL_OT_add_assets, METASPATIAL_OT_add_library)
)
