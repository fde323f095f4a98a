"""Plain furniture for the tests of the scorer, in the item's frame: origin mid-underside, front towards -y, metres."""

from __future__ import annotations

from collections.abc import Iterable

import bmesh
import bpy

Box = tuple[float, float, float, float, float, float]
"""x, y, z of the low corner, then of the high one."""


def boxes(parts: Iterable[Box]) -> bpy.types.Mesh:
    """Closed boxes as one mesh."""
    points, faces = [], []
    for x0, y0, z0, x1, y1, z1 in parts:
        n = len(points)
        points += [(x, y, z) for z in (z0, z1) for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))]
        corners = ((0, 3, 2, 1), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7))
        faces += [tuple(n + i for i in face) for face in corners]
    mesh = bpy.data.meshes.new("solid")
    mesh.from_pydata(points, [], faces)
    return mesh


def box(width: float, depth: float, height: float) -> bpy.types.Mesh:
    return boxes([(-width / 2, -depth / 2, 0, width / 2, depth / 2, height)])


def table(width: float = 1.4, depth: float = 0.8, height: float = 0.75) -> bpy.types.Mesh:
    """A 4 cm top on four 6 cm legs."""
    x, y, under = width / 2, depth / 2, height - 0.04
    legs = [(sx, sy, 0, sx + 0.06, sy + 0.06, under) for sx in (-x, x - 0.06) for sy in (-y, y - 0.06)]
    return boxes([(-x, -y, under, x, y, height), *legs])


def chair() -> bpy.types.Mesh:
    """0.44 m wide and deep, 0.9 m high; its seat ends at 0.46 m, its back is 4 cm thick, at +y."""
    legs = [(x, y, 0, x + 0.04, y + 0.04, 0.42) for x in (-0.22, 0.18) for y in (-0.22, 0.18)]
    return boxes([(-0.22, -0.22, 0.42, 0.22, 0.22, 0.46), (-0.22, 0.18, 0.46, 0.22, 0.22, 0.9), *legs])


def corner_sofa() -> bpy.types.Mesh:
    """2.4 x 1.6 m, 0.8 m high, without the quarter at its front right: x > -0.4, y < 0."""
    return boxes([(-1.2, 0, 0, 1.2, 0.8, 0.8), (-1.2, -0.8, 0, -0.4, 0, 0.8)])


def shelf() -> bpy.types.Mesh:
    """0.8 x 0.3 m, 1.2 m high, open in front; 2 cm boards with tops at 0.02, 0.42, 0.82 and 1.2 m."""
    boards = [(-0.38, -0.15, z, 0.38, 0.13, z + 0.02) for z in (0.0, 0.4, 0.8, 1.18)]
    sides = [(x, -0.15, 0, x + 0.02, 0.13, 1.2) for x in (-0.4, 0.38)]
    return boxes([*boards, *sides, (-0.4, 0.13, 0, 0.4, 0.15, 1.2)])


def lamp() -> bpy.types.Mesh:
    """0.5 x 0.85 m, 1.8 m high: a slender stand with a heavy head that leans forward. It cannot stand."""
    return boxes([(-0.05, 0.325, 0, 0.05, 0.425, 1.5), (-0.25, -0.425, 1.5, 0.25, 0.375, 1.8)])


def ball(radius: float, segments: int = 24) -> bpy.types.Mesh:
    bm = bmesh.new()
    bmesh.ops.create_uvsphere(bm, u_segments=segments, v_segments=segments, radius=radius)
    bmesh.ops.translate(bm, vec=(0, 0, radius), verts=bm.verts)
    mesh = bpy.data.meshes.new("ball")
    bm.to_mesh(mesh)
    bm.free()
    return mesh
