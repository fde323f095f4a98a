"""From Library: assets that the worker found, listed to be ticked, and added to the scene as its items."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from bpy.types import Context, Preferences, Scene, WindowManager
from mathutils import Vector

from ....blender.assets.library import LIBRARY_FOLDER
from ....blender.assets.placement import Pick, append_assets, mounts, stand_in_rows
from ....blender.assets.search import OURS
from ....blender.boxes import world_corners
from ...overlay.room_rectangle import room_rectangle, units_per_metre
from .collections import own_collection

COLLECTION = "MetaSpatial Items"
ROOM_GAP_M = 0.6
"""Distance between the room and what is added."""


def library_folders(preferences: Preferences) -> list[dict[str, str]]:
    """The artist's asset libraries that are on this machine, as {name, folder}."""
    return [
        {"name": library.name, "folder": bpy.path.abspath(library.path)}
        for library in preferences.filepaths.asset_libraries
        if library.path and getattr(library, "enabled", True) and Path(bpy.path.abspath(library.path)).is_dir()
    ]


def has_our_library(preferences: Preferences) -> bool:
    """Whether our furniture is one of the artist's libraries. Compares paths alone: a button asks in each redraw."""
    return any(
        os.path.normpath(bpy.path.abspath(library.path)) == os.path.normpath(LIBRARY_FOLDER)
        for library in preferences.filepaths.asset_libraries
        if library.path and getattr(library, "enabled", True)
    )


def add_our_library(preferences: Preferences) -> None:
    """Make our furniture one of the artist's asset libraries."""
    preferences.filepaths.asset_libraries.new(name=OURS, directory=str(LIBRARY_FOLDER))
    preferences.is_dirty = True


def list_assets(window_manager: WindowManager, assets: Iterable[Mapping[str, Any]]) -> None:
    """Put what the worker found in place of the list to tick."""
    settings = window_manager.metaspatial
    settings.assets.clear()
    settings.asset_index = 0
    for asset in assets:
        line = settings.assets.add()
        line.name, line.library, line.file = asset["name"], asset["library"], asset["file"]
        line.kind = "COLLECTION" if asset["kind"] == "collection" else "OBJECT"
        line.category, line.count, line.ticked = asset["category"], asset["count"], asset["ticked"]
        line.reason = asset.get("reason", "")


def add_ticked_assets(context: Context) -> tuple[int, list[str]]:
    """Add the assets that are ticked to the scene's items, in rows beside the room.

    Returns how many objects were added, and the names of the assets that are not in their library any more. The list is
    emptied when any were added.
    """
    lines = context.window_manager.metaspatial.assets
    picks = [
        Pick(line.name, line.file, line.kind == "COLLECTION", line.category, line.count)
        for line in lines
        if line.ticked
    ]
    added, missing = add_picks(context, picks)
    if added:
        lines.clear()
    return added, missing


def add_picks(context: Context, picks: Sequence[Pick]) -> tuple[int, list[str]]:
    """Add assets as `add_ticked_assets` does."""
    scene, unit = context.scene, units_per_metre(context.scene)
    added, missing = append_assets(picks, unit)
    if not added:
        return 0, missing
    collection = own_collection(scene, COLLECTION)
    start, length = _first_row(scene, collection, unit)
    for obj, _ in added:
        collection.objects.link(obj)
    context.view_layer.update()
    settings = scene.metaspatial
    boxes = [world_corners([obj]) for obj, _ in added]
    mount_of = mounts()
    height = (settings.size[2] if settings.room_source == "SIZE" else settings.height) * unit
    moves = stand_in_rows(
        boxes, [mount_of.get(pick.category, "floor") for _, pick in added], start, length, height, unit
    )
    for (obj, pick), move in zip(added, moves, strict=True):
        obj.location += Vector(move)
        obj.metaspatial.category = pick.category
    settings.items_source, settings.items = "COLLECTION", collection
    return len(added), missing


def _first_row(scene: Scene, collection: bpy.types.Collection, unit: float) -> tuple[np.ndarray, float]:
    """Where a row begins that is in front of the room and of what the collection holds (3,), and its length."""
    rectangle = room_rectangle(scene)
    corners = world_corners(collection.all_objects)
    if rectangle is not None:
        corners = np.concatenate([rectangle, corners])
    if not len(corners):
        return np.zeros(3), 0.0
    (x, y, z), (far, _, _) = corners.min(axis=0), corners.max(axis=0)
    return np.array([x, y - ROOM_GAP_M * unit, z if rectangle is None else rectangle[0, 2]]), far - x
