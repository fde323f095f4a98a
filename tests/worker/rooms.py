"""A small furnished room, handed over to a worker process, and what there is to ask of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from metaspatial_addon.blender.scene_io.scene_export import export_scene

FURNITURE = {"Bed": (1.6, 2.0, 0.5), "Desk": (1.2, 0.6, 0.75), "Wardrobe": (1.2, 0.6, 2.0)}
"""Sizes of the objects; all of them stand in the middle of a floor of 4 x 4 m."""


def box(name: str, size: tuple[float, float, float], at: tuple[float, float, float] = (0, 0, 0)) -> bpy.types.Object:
    """A box of that size with its underside at a point, in the open scene."""
    mesh = bpy.data.meshes.new(name)
    corners = [(x, y, z) for z in (0, size[2]) for x, y in ((0, 0), (1, 0), (1, 1), (0, 1))]
    corners = [(size[0] * (x - 0.5), size[1] * (y - 0.5), z) for x, y, z in corners]
    faces = [(3, 2, 1, 0), (4, 5, 6, 7), *((k, (k + 1) % 4, (k + 1) % 4 + 4, k + 4) for k in range(4))]
    mesh.from_pydata(corners, [], faces)
    obj = bpy.data.objects.new(name, mesh)
    obj.location = at
    bpy.context.scene.collection.objects.link(obj)
    return obj


def furnish() -> list[bpy.types.Object]:
    """The open file becomes the room."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    mesh = bpy.data.meshes.new("Floor")
    mesh.from_pydata([(-2, -2, 0), (2, -2, 0), (2, 2, 0), (-2, 2, 0)], [], [(0, 1, 2, 3)])
    floor = bpy.data.objects.new("Floor", mesh)
    bpy.context.scene.collection.objects.link(floor)
    objects = [floor, *(box(name, size) for name, size in FURNITURE.items())]
    bpy.context.view_layer.update()
    return objects


def job_folder(folder: Path) -> Path:
    """A job's folder with the furnished room in it."""
    folder.mkdir()
    objects = furnish()
    export_scene(folder / "scene.blend", bpy.context.scene, objects)
    return folder


def layout_request(folder: Path, job: int = 1, **changed: Any) -> dict[str, Any]:
    """A request for two turns of the built-in model with small pictures."""
    items = [{"name": name, "locked": False, "category": "", "front": "-Y", "scale": 1.0} for name in FURNITURE]
    return {
        "type": "layout",
        "job": job,
        "folder": str(folder),
        "mode": "generate",
        "room": {"source": "floor", "floor": "Floor", "height": 2.7},
        "room_type": "bedroom",
        "items": items,
        "obstacles": [],
        "carry": True,
        "separate": [],
        "openings": [],
        "scene_name": "Scene",
        "prompt": "A bedroom.",
        "wishes": [],
        "policy": {"kind": "builtin"},
        "turns": 2,
        "samples": 2,
        "seed": 7,
        "engine": "cycles",
        "pictures": 64,
        "start": {},
        **changed,
    }
