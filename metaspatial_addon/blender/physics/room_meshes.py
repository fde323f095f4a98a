"""The room as meshes: floor, walls with their doors and windows, ceiling.

Walls stand outside the floor polygon, their inner faces exactly on its edges, and are one object each with the
outward normal as the custom property `outward`, so that a renderer can hide those towards its camera.
Openings are left out while a wall is built: no booleans.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import bpy
import numpy as np

from ...core.task import Opening, Room

WALL_THICKNESS_M = 0.1
"""Metres of wall beyond the floor's edge."""

OUTWARD = "outward"
"""Custom property of a wall object: unit vector (x, y) away from the room."""

COLOURS = {
    "floor": (0.55, 0.41, 0.28, 1.0),
    "wall": (0.86, 0.84, 0.80, 1.0),
    "ceiling": (0.93, 0.93, 0.92, 1.0),
    "door": (0.48, 0.33, 0.21, 1.0),
    "glass": (0.66, 0.82, 0.93, 1.0),
}

_Point = tuple[float, float, float]


@dataclass(frozen=True)
class RoomObjects:
    """Objects of one room; `walls[k]` stands on the floor's edge k."""

    floor: bpy.types.Object
    walls: tuple[bpy.types.Object, ...]
    ceiling: bpy.types.Object

    @property
    def all(self) -> tuple[bpy.types.Object, ...]:
        return (self.floor, *self.walls, self.ceiling)


def make_materials(prefix: str) -> dict[str, bpy.types.Material]:
    """One plain material for each part of a room."""
    materials = {}
    for part, colour in COLOURS.items():
        material = bpy.data.materials.new(f"{prefix}{part}")
        material.diffuse_color = colour
        if material.node_tree is None:  # from Blender 5.0 on a material always has nodes
            material.use_nodes = True
        shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
        shader.inputs["Base Color"].default_value = colour
        shader.inputs["Roughness"].default_value = 0.1 if part == "glass" else 0.7
        materials[part] = material
    return materials


def build_room(
    room: Room, collection: bpy.types.Collection, materials: dict[str, bpy.types.Material], prefix: str
) -> RoomObjects:
    """Meshes and objects of a room, linked to `collection`. The caller removes them."""

    def add(name: str, builder: _MeshBuilder) -> bpy.types.Object:
        object_ = bpy.data.objects.new(f"{prefix}{name}", builder.mesh(f"{prefix}{name}", materials))
        collection.objects.link(object_)
        return object_

    floor, ceiling = _MeshBuilder(), _MeshBuilder()
    floor.face([(x, y, 0.0) for x, y in room.floor], "floor")
    ceiling.face([(x, y, room.height) for x, y in reversed(room.floor)], "ceiling")
    walls = []
    for k in range(len(room.floor)):
        edge = room.walls[k]
        object_ = add(f"wall_{k}", _build_wall(room, k))
        object_[OUTWARD] = (-edge.inward[0], -edge.inward[1])
        walls.append(object_)
    return RoomObjects(add("floor", floor), tuple(walls), add("ceiling", ceiling))


class _MeshBuilder:
    """Faces with the name of their material, collected into one mesh."""

    def __init__(self) -> None:
        self.points: list[_Point] = []
        self.faces: list[tuple[int, ...]] = []
        self.parts: list[str] = []

    def face(self, corners: Sequence[_Point], part: str) -> None:
        start = len(self.points)
        self.points.extend(corners)
        self.faces.append(tuple(range(start, start + len(corners))))
        self.parts.append(part)

    def prism(self, base: Sequence[tuple[float, float]], low: float, high: float, part: str) -> None:
        """An upright prism over counter-clockwise corners."""
        bottom, top = [(x, y, low) for x, y in base], [(x, y, high) for x, y in base]
        self.face(bottom[::-1], part)
        self.face(top, part)
        for i in range(len(base)):
            j = (i + 1) % len(base)
            self.face([bottom[i], bottom[j], top[j], top[i]], part)

    def mesh(self, name: str, materials: dict[str, bpy.types.Material]) -> bpy.types.Mesh:
        mesh = bpy.data.meshes.new(name)
        mesh.from_pydata(self.points, [], self.faces)
        slots = sorted(set(self.parts))
        for part in slots:
            mesh.materials.append(materials[part])
        mesh.polygons.foreach_set("material_index", np.array([slots.index(p) for p in self.parts], dtype=np.int32))
        mesh.update()
        return mesh


def _turn(room: Room, corner: int) -> float:
    """Angle in radians by which the outline turns at a corner, positive where it bulges outwards."""
    n = len(room.floor)
    (ax, ay), (bx, by) = room.walls[(corner - 1) % n].direction, room.walls[corner % n].direction
    return math.atan2(ax * by - ay * bx, ax * bx + ay * by)


def _build_wall(room: Room, k: int) -> _MeshBuilder:
    edge = room.walls[k]
    # Neighbouring walls meet in a mitre: outer ends run on past convex corners and stop short at reflex ones.
    reach = [WALL_THICKNESS_M * math.tan(max(min(_turn(room, c), 2.6), -2.6) / 2) for c in (k, k + 1)]
    reach = [max(r, -0.45 * edge.length) for r in reach]
    openings = [o for o in room.openings if o.wall == k]
    builder = _MeshBuilder()

    def base(start: float, end: float, inner: float, outer: float) -> list[tuple[float, float]]:
        def at(along: float, out: float) -> tuple[float, float]:
            mitre = -reach[0] if along == 0.0 else reach[1] if along == edge.length else 0.0
            x, y = edge.at(along + mitre * out / WALL_THICKNESS_M)
            return x - edge.inward[0] * out, y - edge.inward[1] * out

        return [at(start, outer), at(end, outer), at(end, inner), at(start, inner)]

    cuts = {0.0, edge.length}
    for o in openings:
        cuts.update(min(max(c, 0.0), edge.length) for c in (o.offset, o.offset + o.width))
    breaks = sorted(cuts)
    for start, end in zip(breaks, breaks[1:], strict=False):
        middle = 0.5 * (start + end)
        over = [o for o in openings if o.offset < middle < o.offset + o.width]
        for low, high in _solid(over, room.height):
            builder.prism(base(start, end, 0.0, WALL_THICKNESS_M), low, high, "wall")
    for o in openings:
        top = min(o.sill + o.height, room.height)
        if top > o.sill:
            part, depth = ("door", 0.04) if o.kind == "door" else ("glass", 0.01)
            start, end = max(o.offset, 1e-4), min(o.offset + o.width, edge.length - 1e-4)
            builder.prism(
                base(start, end, 0.5 * (WALL_THICKNESS_M - depth), 0.5 * (WALL_THICKNESS_M + depth)), o.sill, top, part
            )
    return builder


def _solid(openings: Sequence[Opening], height: float) -> list[tuple[float, float]]:
    """Heights between which a wall stands where these openings are cut into it."""
    pieces, reached = [], 0.0
    for o in sorted(openings, key=lambda o: o.sill):
        if o.sill > reached:
            pieces.append((reached, min(o.sill, height)))
        reached = max(reached, o.sill + o.height)
    if reached < height:
        pieces.append((reached, height))
    return [(low, high) for low, high in pieces if high > low]
