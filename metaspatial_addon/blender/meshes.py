"""Meshes of what a scene shows, and what is made on the way removed again. Used on imported files (`items.py`) and on
an artist's objects (`scene_items.py`).

Hierarchies, modifiers, collection instances and instances made by geometry nodes all arrive as the instances
of an evaluated dependency graph, so that walking those covers every case.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import bmesh
import bpy
import numpy as np

from .mesh_join import UV_NAME

GEOMETRY = frozenset(("MESH", "CURVE", "SURFACE", "FONT", "META"))
NOWHERE = 1e8
"""Units of a coordinate from which a vertex is nowhere: Blender makes the largest number of infinity."""
_SURFACE = {"MATERIAL", "NODETREE", "IMAGE", "TEXTURE"}

Owner = TypeVar("Owner", bound=Hashable)


def data_blocks() -> Iterator[bpy.types.ID]:
    """Every data-block of the open file."""
    for prop in bpy.types.BlendData.bl_rna.properties:
        # Blender 5.2 has one more, of all kinds together.
        if prop.type == "COLLECTION" and prop.fixed_type.identifier != "ID":
            yield from getattr(bpy.data, prop.identifier)


@contextmanager
def scratch_scene() -> Iterator[tuple[bpy.types.Scene, set[bpy.types.ID]]]:
    """A temporary scene and a set of data-blocks to keep.

    On leaving, whatever came into the file meanwhile is removed again (the scene itself, objects, cameras,
    actions, images, libraries), except what was put into the set and what that needs.
    """
    before = {block.session_uid for block in data_blocks()}
    kept: set[bpy.types.ID] = set()
    scene = bpy.data.scenes.new("MetaSpatial Import")
    try:
        yield scene, kept
    finally:
        new = [block for block in data_blocks() if block.session_uid not in before]
        users = bpy.data.user_map(subset=new)
        needed, grown = set(kept), True
        while grown:
            grown = False
            for block in new:
                if block not in needed and users.get(block, set()) & needed:
                    needed.add(block)
                    grown = True
        bpy.data.batch_remove([block for block in new if block not in needed])
        _forget_origin(needed - kept)


def _forget_origin(blocks: Iterable[bpy.types.ID]) -> None:
    """Replace appended data-blocks by copies, which do not name the file that they came from, as Blender 4.2's do."""
    marked = [block for block in blocks if block.library_weak_reference is not None]
    names = [(block.copy(), block.name) for block in marked]
    for block, (copy, _) in zip(marked, names, strict=True):
        block.user_remap(copy)
    bpy.data.batch_remove(marked)
    for copy, name in names:
        copy.name = name


def remove_blocks(blocks: Iterable[bpy.types.ID]) -> None:
    """Remove data-blocks, and with them the materials, node groups and images that only they used."""
    gone, users, grown = set(blocks), bpy.data.user_map(key_types=_SURFACE), True
    while grown:
        grown = False
        for block, used_by in users.items():
            if block not in gone and used_by and used_by <= gone and not block.use_fake_user:
                gone.add(block)
                grown = True
    bpy.data.batch_remove(gone)


@contextmanager
def in_scene(scene: bpy.types.Scene) -> Iterator[bpy.types.Depsgraph]:
    """Operators act on `scene`, whatever the windows show; yields its evaluated dependency graph."""
    layer = bpy.context.view_layer if bpy.context.scene == scene else scene.view_layers[0]
    with bpy.context.temp_override(
        scene=scene,
        view_layer=layer,
        collection=scene.collection,
        layer_collection=layer.layer_collection,
        active_object=None,
        object=None,
        selected_objects=[],
        selected_editable_objects=[],
    ):
        yield bpy.context.evaluated_depsgraph_get()


def evaluated_parts(
    depsgraph: bpy.types.Depsgraph, owner: Callable[[bpy.types.DepsgraphObjectInstance], Owner | None]
) -> dict[Owner, list[bpy.types.Mesh]]:
    """New meshes, in world space and with their materials: one for each visible instance with faces, by its `owner`.

    Instances whose owner is None are left out.
    """
    parts: dict[Owner, list[bpy.types.Mesh]] = {}
    for instance in depsgraph.object_instances:
        if not has_own_mesh(instance):
            continue
        name = owner(instance)
        if name is None:
            continue
        part = instance_mesh(instance, depsgraph)
        _drop_unseen(part)
        if not part.polygons:
            bpy.data.meshes.remove(part)
            continue
        matrix = instance.matrix_world.copy()
        part.transform(matrix)
        if matrix.determinant() < 0:
            part.flip_normals()
        if part.uv_layers.active is not None:
            # Joining matches layers by name, and materials read the active one.
            part.uv_layers.active.name = UV_NAME
        parts.setdefault(name, []).append(part)
    return parts


def has_own_mesh(instance: bpy.types.DepsgraphObjectInstance) -> bool:
    """Whether an instance is shown as a mesh that can be copied.

    Curves and texts come twice, as themselves and as the mesh that they make; only the former can be copied. What their
    own geometry nodes instance comes once.
    """
    shown = instance.object
    scattered = instance.parent is not None and instance.parent.original == shown.original
    twin = shown.type == "MESH" and shown.original.type != "MESH" and not scattered
    return shown.type in GEOMETRY and not twin and instance.show_self


def instance_mesh(instance: bpy.types.DepsgraphObjectInstance, depsgraph: bpy.types.Depsgraph) -> bpy.types.Mesh:
    """A new mesh of what an instance shows, in the instance's space."""
    shown = instance.object
    # With all layers an object is evaluated anew, which for a mesh made by nodes gives the object, not the mesh.
    own = shown.data == shown.original.evaluated_get(depsgraph).data
    return bpy.data.meshes.new_from_object(shown, preserve_all_data_layers=own, depsgraph=depsgraph)


def _drop_unseen(mesh: bpy.types.Mesh) -> None:
    """Remove vertices without a face, which nobody sees, and those that are nowhere, with their faces."""
    kept = np.zeros(len(mesh.vertices), bool)
    corners = np.empty(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("vertex_index", corners)
    kept[corners] = True
    kept &= (np.abs(mesh_points(mesh)) < NOWHERE).all(axis=1)  # false for what is no number, too
    if kept.all():
        return
    work = bmesh.new()
    work.from_mesh(mesh)
    unseen = [vertex for vertex, keep in zip(work.verts, kept, strict=True) if not keep]
    bmesh.ops.delete(work, geom=unseen, context="VERTS")
    bmesh.ops.delete(work, geom=[v for v in work.verts if not v.link_faces], context="VERTS")
    work.to_mesh(mesh)
    work.free()


def mesh_points(mesh: bpy.types.Mesh) -> np.ndarray:
    """Vertex positions, (N, 3) float64 metres."""
    points = np.empty(len(mesh.vertices) * 3, dtype=np.float32)
    mesh.vertices.foreach_get("co", points)
    return points.reshape(-1, 3).astype(np.float64)


def mesh_triangles(mesh: bpy.types.Mesh) -> np.ndarray:
    """Vertex numbers (M, 3) of a mesh's triangles."""
    mesh.calc_loop_triangles()
    corners = np.empty(3 * len(mesh.loop_triangles), dtype=np.int32)
    mesh.loop_triangles.foreach_get("vertices", corners)
    return corners.reshape(-1, 3).astype(np.int64)
