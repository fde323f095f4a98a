"""Assets as nobody should make them, and furniture whose file is one of them."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path

import bpy

USD = '#usda 1.0\n(\n    upAxis = "Z"\n    metersPerUnit = 1\n)\n'
TRIANGLE = [(0, 0, 0), (1, 0, 0), (0, 1, 0)]


def usd(path: Path, counts: str = "3", indices: str = "0, 1, 2", rest: str = "") -> Path:
    """A mesh of three points with these faces, as text; `rest` stands before it."""
    mesh = f"""def Mesh "mesh"
{{
    int[] faceVertexCounts = [{counts}]
    int[] faceVertexIndices = [{indices}]
    point3f[] points = [(0, 0, 0), (1, 0, 0), (0, 1, 0)]
}}
"""
    path.write_text(USD + rest + mesh)
    return path


def usd_instances(path: Path, count: int) -> Path:
    """A point instancer of the mesh."""
    return usd(
        path,
        rest=f"""def PointInstancer "many"
{{
    int[] protoIndices = [{"0," * (count - 1)}0]
    point3f[] positions = [{"(0, 0, 0)," * (count - 1)}(0, 0, 0)]
    rel prototypes = </mesh>
}}
""",
    )


def gltf_content(nodes: int = 1) -> dict:
    """A triangle, shown so many times."""
    points = struct.pack("<9f", *(value for point in TRIANGLE for value in point))
    return {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": list(range(nodes))}],
        "nodes": [{"mesh": 0} for _ in range(nodes)],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "material": 0}]}],
        "materials": [{"name": "cloth"}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3", "min": [0, 0, 0], "max": [1, 1, 0]}
        ],
        "bufferViews": [{"buffer": 0, "byteLength": 36}],
        "buffers": [
            {"byteLength": 36, "uri": "data:application/octet-stream;base64," + base64.b64encode(points).decode()}
        ],
    }


def gltf(path: Path, content: dict) -> Path:
    path.write_text(json.dumps(content))
    return path


def blend(path: Path, name: str, linked: Path | None = None) -> Path:
    """A .blend with one triangle, and all objects of another file linked into its scene."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    objects = bpy.context.scene.collection.objects
    if linked is not None:
        with bpy.data.libraries.load(str(linked), link=True) as (held, wanted):
            wanted.objects = held.objects
        for obj in wanted.objects:
            objects.link(obj)
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(TRIANGLE, [], [(0, 1, 2)])
    objects.link(bpy.data.objects.new(name, mesh))
    bpy.ops.wm.save_as_mainfile(filepath=str(path), copy=True)
    return path
