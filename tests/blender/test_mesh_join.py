"""Joined meshes are those that Blender's own operator makes."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from metaspatial_addon.blender.mesh_join import join_parts

FIELDS = {"FLOAT2": "vector", "FLOAT_VECTOR": "vector", "BYTE_COLOR": "color", "FLOAT_COLOR": "color"}


@pytest.fixture(autouse=True)
def empty_file():
    bpy.ops.wm.read_factory_settings(use_empty=True)


def ball(seed, uv_layers=(), colours=(), materials=(), own_normals=False) -> bpy.types.Mesh:
    """A sphere with random attributes."""
    import bmesh  # outside Blender it is there once bpy is

    rng = np.random.default_rng(seed)
    mesh = bpy.data.meshes.new("ball")
    bm = bmesh.new()
    bmesh.ops.create_icosphere(bm, subdivisions=2, radius=1 + seed)
    bm.to_mesh(mesh)
    bm.free()
    for name in uv_layers:
        layer = mesh.uv_layers.new(name=name)
        layer.data.foreach_set("uv", rng.random(2 * len(mesh.loops)).astype(np.float32))
    for name, domain, kind in colours:
        colour = mesh.color_attributes.new(name, kind, domain)
        colour.data.foreach_set("color", rng.random(4 * len(colour.data)).astype(np.float32))
    for material in materials:
        mesh.materials.append(material)
    if materials:
        slots = rng.integers(0, len(materials), len(mesh.polygons))
        mesh.polygons.foreach_set("material_index", slots.astype(np.int32))
    mesh.polygons.foreach_set("use_smooth", rng.random(len(mesh.polygons)) < 0.5)
    sharp = mesh.attributes.get("sharp_edge") or mesh.attributes.new("sharp_edge", "BOOLEAN", "EDGE")
    sharp.data.foreach_set("value", rng.random(len(mesh.edges)) < 0.2)
    weight = mesh.attributes.new("weight", "FLOAT", "POINT")
    weight.data.foreach_set("value", rng.random(len(mesh.vertices)).astype(np.float32))
    if own_normals:
        mesh.normals_split_custom_set_from_vertices([tuple(rng.normal(size=3)) for _ in mesh.vertices])
    mesh.update()
    return mesh


def balls() -> list[bpy.types.Mesh]:
    a, b, c = (bpy.data.materials.new(name) for name in "abc")
    return [
        ball(1, ["UVMap"], [("Colour", "CORNER", "BYTE_COLOR")], [a, b]),
        ball(2, ["UVMap", "Second"], (), [b, c], own_normals=True),
        ball(3, (), [("Colour", "CORNER", "BYTE_COLOR"), ("Points", "POINT", "FLOAT_COLOR")], [None]),
        ball(4, ["UVMap"], (), [c, None, a]),
    ]


def joined_by_blender(parts: list[bpy.types.Mesh]) -> bpy.types.Mesh:
    objects = [bpy.data.objects.new("part", part) for part in parts]
    for obj in objects:
        bpy.context.scene.collection.objects.link(obj)
        obj.select_set(True)
    bpy.context.view_layer.objects.active = objects[0]
    bpy.ops.object.join()
    return parts[0]


def contents(mesh: bpy.types.Mesh) -> dict[str, object]:
    """All that a render shows of a mesh, as numbers and names."""
    held: dict[str, object] = {}
    for attribute in mesh.attributes:
        if not attribute.name.startswith("."):
            values = [getattr(element, FIELDS.get(attribute.data_type, "value")) for element in attribute.data]
            held[attribute.name] = np.array([v if isinstance(v, (bool, int, float)) else tuple(v) for v in values])
    held["faces"] = [tuple(polygon.vertices) for polygon in mesh.polygons]
    held["edges"] = [tuple(edge.vertices) for edge in mesh.edges]
    held["normals"] = np.array([tuple(normal.vector) for normal in mesh.corner_normals])
    held["materials"] = [material and material.name for material in mesh.materials]
    held["UV layer"] = mesh.uv_layers.active and mesh.uv_layers.active.name
    held["default colour"] = mesh.attributes.default_color_name
    return held


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0), (1, 3), (2, 1), (1, 0)])
def test_attributes_materials_and_normals_are_as_blender_joins_them(order):
    parts = balls()
    again = [parts[k].copy() for k in order]  # with the same materials
    joined = join_parts([parts[k] for k in order], "joined")
    expected = contents(joined_by_blender(again))
    held = contents(joined)
    assert joined.name == "joined" and not joined.validate()
    assert held.keys() == expected.keys()
    for name, domain in (("Colour", "loops"), ("Points", "vertices")):
        lacking = [np.full(len(getattr(p, domain)), name not in p.attributes) for p in (parts[k] for k in order)]
        if name in expected:
            # What a part lacks is white: up to 4.5 by Blender's operator too, which makes it transparent from 5.0 on.
            expected[name][np.concatenate(lacking)] = 1.0
    # Materials read the active UV layer; from 5.2 on Blender's operator leaves none where the first part has none.
    expected["UV layer"] = "UVMap"
    for name, value in expected.items():
        if isinstance(value, np.ndarray):
            # Blender keeps custom normals as two angles of 16 bits each, and up to 4.4 encodes them anew.
            assert np.allclose(held[name], value, atol=5e-4), name
        else:
            assert held[name] == value, name


def test_a_part_without_materials_takes_none_of_anothers():
    """Blender 4.2's own operator gives it one."""
    material = bpy.data.materials.new("a")
    bare, painted = ball(1), ball(2, materials=[material])
    bare_faces = len(bare.polygons)
    joined = join_parts([bare, painted], "joined")
    worn = [joined.materials[face.material_index] for face in joined.polygons]
    assert worn == [None] * bare_faces + [material] * (len(worn) - bare_faces)


def test_one_part_is_itself_and_none_is_refused():
    part = ball(1)
    assert join_parts([part], "one") is part and part.name == "one"
    with pytest.raises(ValueError, match="no parts"):
        join_parts([], "none")


def test_normals_kept_as_vectors_are_joined_with_parts_that_have_none_of_their_own():
    free, plain = ball(1), ball(2)
    attribute = free.attributes.new("custom_normal", "FLOAT_VECTOR", "CORNER")
    attribute.data.foreach_set("vector", np.tile([0.0, 0.6, 0.8], len(free.loops)).astype(np.float32))
    expected = [tuple(normal.vector) for part in (free, plain) for normal in part.corner_normals]
    joined = join_parts([free, plain], "joined")
    assert np.allclose([tuple(normal.vector) for normal in joined.corner_normals], expected, atol=2e-3)
