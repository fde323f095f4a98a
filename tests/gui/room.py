"""Scenes for the tests in real windows: a room with default furniture beside it, and a crowd around it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import bpy
import numpy as np

FURNITURE = Path(__file__).parents[2] / "assets" / "furniture" / "furniture.blend"
WIDTH, DEPTH = 4.2, 3.6
"""Metres of the room's floor, whose middle is the world's origin."""
PIECES = (
    "double_bed_oak",
    "nightstand_oak",
    "nightstand_oak",
    "wardrobe_oak",
    "desk_oak",
    "office_chair_black",
    "rug_beige",
    "table_lamp_ceramic",
)
GAP_M = 0.3
CROWD_CELL_M = 1.5


def furnish(scene: bpy.types.Scene | None = None) -> list[bpy.types.Object]:
    """A floor named Floor, set as the room's, and in a row beside it the furniture, selected; returns the furniture.

    Meshes that the scene had, as Blender's first cube, are removed.
    """
    return _furnish(scene, PIECES, WIDTH, DEPTH)


def restaurant(scene: bpy.types.Scene | None = None) -> list[bpy.types.Object]:
    """The same with a floor of 16 x 13 m and 120 pieces: tables, four chairs to each, and plants."""
    return _furnish(scene, ("dining_table_oak", *["dining_chair_oak"] * 4, "plant_fig") * 20, 16.0, 13.0)


def _furnish(
    scene: bpy.types.Scene | None, pieces: Sequence[str], width: float, depth: float
) -> list[bpy.types.Object]:
    scene = scene or bpy.context.scene
    bpy.data.batch_remove([obj for obj in scene.objects if obj.type == "MESH"])
    mesh = bpy.data.meshes.new("Floor")
    x, y = width / 2, depth / 2
    mesh.from_pydata([(-x, -y, 0), (x, -y, 0), (x, y, 0), (-x, y, 0)], [], [(0, 1, 2, 3)])
    floor = bpy.data.objects.new("Floor", mesh)
    scene.collection.objects.link(floor)
    with bpy.data.libraries.load(str(FURNITURE), link=False) as (_, wanted):
        wanted.meshes = list(dict.fromkeys(pieces))
    meshes = dict(zip(dict.fromkeys(pieces), wanted.meshes, strict=True))
    furniture = []
    at = -x
    for name in pieces:
        piece = bpy.data.objects.new(name, meshes[name])
        scene.collection.objects.link(piece)
        corners = np.array(piece.bound_box)
        (low, _, _), (high, back, _) = corners.min(axis=0), corners.max(axis=0)
        piece.location = (at - low, -y - 0.6 - back, 0)
        at += high - low + GAP_M
        furniture.append(piece)
    for obj in scene.objects:
        obj.select_set(obj in furniture)
    bpy.context.view_layer.objects.active = furniture[0]
    if hasattr(scene, "metaspatial"):  # else the add-on is not enabled
        scene.metaspatial.floor = floor
    return furniture


def crowded(scene: bpy.types.Scene | None = None, objects: int = 500, faces: int = 2_000_000) -> list[bpy.types.Object]:
    """A furnished room and, around it, so many objects with so many faces in all, each with a mesh of its own.

    The furniture stays selected; returns the objects around it.
    """
    scene = scene or bpy.context.scene
    furnish(scene)
    side = math.isqrt(faces // objects - 1) + 1
    count = side + 1
    row, column = np.divmod(np.arange(count * count), count)
    points = np.column_stack([column / side - 0.5, row / side - 0.5, 0.2 * np.sin(column / 3) + 0.2])
    first = (np.arange(side)[:, None] * count + np.arange(side)).reshape(-1)
    mesh = bpy.data.meshes.new("Crowd")
    quads = np.column_stack([first, first + 1, first + count + 1, first + count])
    mesh.from_pydata(points.tolist(), [], quads.tolist())
    made: list[bpy.types.Object] = []
    ring = 0
    while len(made) < objects:
        ring += 1
        for i in range(-ring, ring + 1):
            for j in range(-ring, ring + 1) if abs(i) == ring else (-ring, ring):
                place = i * CROWD_CELL_M, j * CROWD_CELL_M
                if len(made) < objects and (abs(place[0]) > WIDTH / 2 + 1 or abs(place[1]) > DEPTH / 2 + 4):
                    obj = bpy.data.objects.new(f"Crowd {len(made)}", mesh if not made else mesh.copy())
                    obj.location = (*place, 0)
                    scene.collection.objects.link(obj)
                    made.append(obj)
    return made
