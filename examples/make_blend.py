"""Make studio.blend, a room with furniture of plain boxes in disorder: python examples/make_blend.py STUDIO.blend"""

import math
import sys

import bpy

from metaspatial_addon.blender.scene_io.blend_file import save_blend

BOXES = {  # width, depth, height and x, y in metres, rotation in degrees
    "Double Bed": ((1.6, 2.05, 0.55), (2.2, 2.0), 30),
    "Nightstand": ((0.45, 0.4, 0.55), (2.9, 1.6), 0),
    "Wardrobe": ((1.2, 0.6, 2.0), (0.4, 1.2), 120),
    "Desk": ((1.2, 0.6, 0.74), (3.4, 3.1), 75),
    "Office Chair": ((0.55, 0.55, 0.9), (3.3, 2.9), 0),
    "Bookcase": ((0.8, 0.3, 1.8), (1.1, 3.4), 200),
}

bpy.ops.wm.read_factory_settings(use_empty=True)
scene = bpy.context.scene
scene.name = "Studio"


def add_box(name, size, x, y, rotation):
    """A box on the floor with its origin at the middle of its underside."""
    width, depth, height = (length / 2 for length in size)
    corners = [(sx * width, sy * depth, z) for z in (0, 2 * height) for sy in (-1, 1) for sx in (-1, 1)]
    faces = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(corners, [], faces if height else faces[1:2])
    obj = bpy.data.objects.new(name, mesh)
    obj.location, obj.rotation_euler.z = (x, y, 0), math.radians(rotation)
    scene.collection.objects.link(obj)


add_box("Floor", (4.4, 3.8, 0), 2.2, 1.9, 0)
for name, (size, (x, y), rotation) in BOXES.items():
    add_box(name, size, x, y, rotation)
save_blend(sys.argv[1], scene)
