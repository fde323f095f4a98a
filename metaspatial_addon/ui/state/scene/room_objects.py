"""The room of given dimensions as real objects: a floor and four walls."""

from __future__ import annotations

import bpy
from bpy.types import Collection, Object, Scene

from ...overlay.room_rectangle import units_per_metre
from .collections import own_collection

COLLECTION = "MetaSpatial Room"
WALL_THICKNESS_M = 0.1
_FACES = ((3, 2, 1, 0), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7))


def make_room(scene: Scene) -> Object:
    """Make the floor and walls of the scene's dimensions, about the world's origin, and take them for its room.

    The walls stand outside the floor; the two towards Blender's first view are drawn as wires, so that one looks in.
    Returns the floor.
    """
    settings, unit = scene.metaspatial, units_per_metre(scene)
    width, depth, height = (side * unit for side in settings.size)
    x, y, t = width / 2, depth / 2, WALL_THICKNESS_M * unit
    collection = own_collection(scene, COLLECTION)
    floor = _plane(collection, "Floor", x, y)
    for name, low, high, near in (
        ("Wall Front", (-x - t, -y - t), (x + t, -y), True),
        ("Wall Right", (x, -y), (x + t, y), True),
        ("Wall Back", (-x - t, y), (x + t, y + t), False),
        ("Wall Left", (-x - t, -y), (-x, y), False),
    ):
        wall = _block(collection, name, low, high, height)
        wall.display_type = "WIRE" if near else "TEXTURED"
    settings.room_source, settings.floor, settings.height = "FLOOR", floor, settings.size[2]
    return floor


def _plane(collection: Collection, name: str, x: float, y: float) -> Object:
    return _mesh(collection, name, [(-x, -y, 0), (x, -y, 0), (x, y, 0), (-x, y, 0)], [(0, 1, 2, 3)])


def _block(
    collection: Collection, name: str, low: tuple[float, float], high: tuple[float, float], height: float
) -> Object:
    outline = ((low[0], low[1]), (high[0], low[1]), (high[0], high[1]), (low[0], high[1]))
    return _mesh(collection, name, [(*corner, z) for z in (0.0, height) for corner in outline], _FACES)


def _mesh(collection: Collection, name: str, corners: list, faces: object) -> Object:
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(corners, [], faces)
    obj = bpy.data.objects.new(name, mesh)
    collection.objects.link(obj)
    return obj
