"""Small objects of which tests make artists' scenes."""

from __future__ import annotations

import bpy
from mathutils import Matrix

from metaspatial_addon.blender.scene_io.scene_to_task import SceneTask
from metaspatial_addon.core.task import Layout


def add(name: str, data=None, at=(0, 0, 0), parent=None, collection=None) -> bpy.types.Object:
    obj = bpy.data.objects.new(name, data)
    (collection or bpy.context.scene.collection).objects.link(obj)
    obj.location, obj.parent = at, parent
    return obj


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


def add_floor(corners=((0, 0), (5, 0), (5, 4), (0, 4)), at=(0, 0, 0), rotation=0.0, name="Floor") -> bpy.types.Object:
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata([(x, y, 0) for x, y in corners], [], [tuple(range(len(corners)))])
    floor = add(name, mesh, at)
    floor.rotation_euler.z = rotation
    return floor


def root_matrices(scene_task: SceneTask, layout: Layout) -> dict[bpy.types.Object, Matrix]:
    """World transforms (4, 4) of items' root objects in a layout, which their children follow."""
    roots = {item.objects[0] for item in scene_task.items.values()}
    return {entry.object: entry.matrix for entry in scene_task.placed(layout) if entry.object in roots}
