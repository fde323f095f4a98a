"""Small things of which the tests of snapshots make scenes."""

from __future__ import annotations

import bpy


def add(name: str, data=None, at=(0, 0, 0), parent=None, collection=None) -> bpy.types.Object:
    thing = bpy.data.objects.new(name, data)
    (collection or bpy.context.scene.collection).objects.link(thing)
    thing.location, thing.parent = at, parent
    return thing


def box_mesh(size, base=True) -> bpy.types.Mesh:
    """A box around the z axis, standing on z = 0 or around the origin."""
    w, d, h = size
    low = 0 if base else -h / 2
    mesh = bpy.data.meshes.new("box")
    corners = [(-w / 2, -d / 2), (w / 2, -d / 2), (w / 2, d / 2), (-w / 2, d / 2)]
    mesh.from_pydata(
        [(x, y, low + z) for z in (0, h) for x, y in corners],
        [],
        [(0, 3, 2, 1), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)],
    )
    return mesh


def add_box(name: str, size, at=(0, 0, 0), **where) -> bpy.types.Object:
    return add(name, box_mesh(size), at, **where)


def add_floor(corners=((0, 0), (5, 0), (5, 4), (0, 4)), at=(0, 0, 0), turn=0.0, name="Floor") -> bpy.types.Object:
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata([(x, y, 0) for x, y in corners], [], [tuple(range(len(corners)))])
    floor = add(name, mesh, at)
    floor.rotation_euler.z = turn
    return floor
