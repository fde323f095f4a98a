"""Several meshes as one, by numpy. Blender's own operator looks through the whole file for every mesh that it joins,
so that a scene of many items would take time that grows with its square.
"""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np

UV_NAME = "UVMap"
"""The UV layer that materials read, in every mesh of an item."""

_TOPOLOGY = {".edge_verts": "POINT", ".corner_vert": "POINT", ".corner_edge": "EDGE"}
"""Attributes that hold numbers of other elements, and the domain of those."""

_FIELDS: dict[str, tuple[str, type[np.generic], int]] = {
    "FLOAT": ("value", np.float32, 1),
    "INT": ("value", np.int32, 1),
    "INT8": ("value", np.int32, 1),
    "BOOLEAN": ("value", np.bool_, 1),
    "FLOAT2": ("vector", np.float32, 2),
    "FLOAT_VECTOR": ("vector", np.float32, 3),
    "FLOAT_COLOR": ("color", np.float32, 4),
    "BYTE_COLOR": ("color", np.float32, 4),
    "QUATERNION": ("value", np.float32, 4),
    "FLOAT4X4": ("value", np.float32, 16),
    "INT16_2D": ("value", np.int32, 2),
    "INT32_2D": ("value", np.int32, 2),
}
"""Types of attributes that are joined: the field of an element, its numbers' type, and how many it has."""


def join_parts(parts: Sequence[bpy.types.Mesh], name: str) -> bpy.types.Mesh:
    """All parts as one mesh of that name, with materials, UV layers, colours, normals and other attributes.

    Of several parts it is a new mesh, and the parts stay as they are: call it within `scratch_scene`, which removes
    them. A single part is itself renamed. Raises ValueError without parts.
    """
    if not parts:
        raise ValueError("no parts to join")
    if len(parts) == 1:
        parts[0].name = name
        return parts[0]
    mesh = bpy.data.meshes.new(name)
    sizes = {
        "POINT": np.array([len(part.vertices) for part in parts]),
        "EDGE": np.array([len(part.edges) for part in parts]),
        "CORNER": np.array([len(part.loops) for part in parts]),
        "FACE": np.array([len(part.polygons) for part in parts]),
    }
    starts = {domain: np.cumsum(counts) - counts for domain, counts in sizes.items()}
    mesh.vertices.add(int(sizes["POINT"].sum()))
    mesh.edges.add(int(sizes["EDGE"].sum()))
    mesh.loops.add(int(sizes["CORNER"].sum()))
    mesh.polygons.add(int(sizes["FACE"].sum()))
    corners = [_numbers(p.polygons, "loop_start", np.int32) + s for p, s in zip(parts, starts["CORNER"], strict=True)]
    mesh.polygons.foreach_set("loop_start", np.concatenate(corners).astype(np.int32))
    slots: dict[bpy.types.Material | None, int] = {}
    numbers = [np.array([slots.setdefault(m, len(slots)) for m in part.materials or (None,)]) for part in parts]
    _join_attributes(mesh, parts, sizes, starts, numbers)
    for material in slots:
        mesh.materials.append(material)
    if UV_NAME in mesh.uv_layers:
        mesh.uv_layers[UV_NAME].active = mesh.uv_layers[UV_NAME].active_render = True
    mesh.attributes.default_color_name = parts[0].attributes.default_color_name
    mesh.update()
    # Up to Blender 4.4 custom normals are no attribute, and `_join_attributes` leaves out those of other forms.
    if any(part.has_custom_normals for part in parts) and "custom_normal" not in mesh.attributes:
        normals = [_numbers(part.corner_normals, "vector", np.float32, 3) for part in parts]
        mesh.normals_split_custom_set(np.concatenate(normals).tolist())
    return mesh


def _numbers(elements: bpy.types.bpy_prop_collection, field: str, kind: type[np.generic], width: int = 1) -> np.ndarray:
    """A field of all elements: (N,), or (N, width)."""
    values = np.empty(len(elements) * width, dtype=kind)
    elements.foreach_get(field, values)
    return values.reshape(-1, width) if width > 1 else values


def _join_attributes(
    mesh: bpy.types.Mesh,
    parts: Sequence[bpy.types.Mesh],
    sizes: dict[str, np.ndarray],
    starts: dict[str, np.ndarray],
    slots: Sequence[np.ndarray],
) -> None:
    """Copy the attributes, which hold all but the faces' own beginnings: positions, edges, corners, sharpness, UV.

    `sizes`, `starts`: by domain, how many elements each part has, and the number of its first in the joined mesh.
    `slots`: for each part, the joined mesh's material slots in place of its own.
    What a part lacks is zero on it, white where it is a colour; of attributes that share a name but not their type the
    first part's counts. Custom normals are left out unless zero on a part means none.
    """
    kinds: dict[str, tuple[str, str]] = {}
    normal_forms: set[tuple[str, str]] = set()
    for part in parts:
        for attribute in part.attributes:
            # Other names with a dot in front are what is selected or hidden in Edit Mode.
            if not attribute.name.startswith(".") or attribute.name in _TOPOLOGY:
                kinds.setdefault(attribute.name, (attribute.data_type, attribute.domain))
                if attribute.name == "custom_normal":
                    normal_forms.add((attribute.data_type, attribute.domain))
    kinds["material_index"] = ("INT", "FACE")
    if normal_forms - {("INT16_2D", "CORNER")}:  # vectors: a part without them would have normals of zero
        del kinds["custom_normal"]
    for name, (kind, domain) in kinds.items():
        if kind not in _FIELDS:
            continue
        field, number, width = _FIELDS[kind]
        values = []
        for k, part in enumerate(parts):
            own = part.attributes.get(name)
            if own is not None and (own.data_type, own.domain) == (kind, domain):
                joined = _numbers(own.data, field, number, width).ravel()
            else:
                joined = np.full(sizes[domain][k] * width, field == "color", dtype=number)
            if name in _TOPOLOGY:
                joined = joined + starts[_TOPOLOGY[name]][k]
            elif name == "material_index":
                joined = slots[k][np.clip(joined, 0, len(slots[k]) - 1)]
            values.append(joined)
        target = mesh.attributes.get(name) or mesh.attributes.new(name, kind, domain)
        target.data.foreach_set(field, np.concatenate(values).astype(number))
