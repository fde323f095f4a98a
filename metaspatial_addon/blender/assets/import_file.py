"""Imports the file of an asset as one mesh, with limits on what it may bring.

Runs in a process of its own (`conversion_main`): Blender's importers may crash, never end or fill the memory.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np

from ...core.errors import InputError
from ..mesh_join import join_parts
from ..meshes import evaluated_parts, in_scene, mesh_points
from ..pictures import file_users, is_below, log, own_pictures
from .gltf import LARGEST_ASSET, check_gltf

FORMATS = (".glb", ".gltf", ".obj", ".usd", ".usda", ".usdc", ".usdz", ".blend")

MOST_PARTS = 10_000
"""Objects and instances with faces that an asset shows."""
MOST_FACES = 5_000_000
"""Faces of an asset. Measured: such a mesh takes about one gigabyte, and seconds."""


def import_mesh(path: Path) -> bpy.types.Mesh:
    """One mesh of all that a file shows, with its materials; their pictures are packed. For an empty open file.

    Raises InputError for a file that is unreadable, shows no face or more than the limits allow.
    """
    kind = path.suffix.lower()
    if path.stat().st_size > LARGEST_ASSET:
        raise InputError(path, "asset", f"a file of at most {LARGEST_ASSET:,} bytes")
    scene = bpy.data.scenes.new("Asset")
    with own_pictures(path):
        shown = _import_blend(path) if kind == ".blend" else _import_file(path, kind, scene)
    seen = 0

    def owner(instance: bpy.types.DepsgraphObjectInstance) -> str | None:
        nonlocal seen
        if instance.object.hide_render or (instance.parent is not None and instance.parent.hide_render):
            return None
        seen += 1
        if seen > MOST_PARTS:
            raise InputError(path, "asset", f"at most {MOST_PARTS:,} objects and instances with faces")
        return path.stem

    with in_scene(shown) as depsgraph:
        parts = evaluated_parts(depsgraph, owner)
    if not parts:
        raise InputError(path, "asset", "a file that shows at least one face")
    faces = sum(len(part.polygons) for part in parts[path.stem])
    if faces > MOST_FACES:
        raise InputError(path, "asset", f"at most {MOST_FACES:,} faces", faces)
    mesh = join_parts(parts[path.stem], path.stem)
    mesh.validate()
    if not len(mesh.vertices) or np.ptp(mesh_points(mesh), axis=0).max() <= 1e-9:
        raise InputError(path, "asset", "a mesh of finite size")
    for material in mesh.materials:
        if material is not None:
            _make_still(material)
    for image in bpy.data.images:
        _pack(image, path)
    return mesh


def _import_file(path: Path, kind: str, scene: bpy.types.Scene) -> bpy.types.Scene:
    """Import a file of another program into a scene, which is returned. Raises InputError."""
    operator: Callable[..., set[str]]
    if kind in (".glb", ".gltf"):
        check_gltf(path)
        operator = bpy.ops.import_scene.gltf
    elif kind == ".obj":
        operator = bpy.ops.wm.obj_import
    else:
        _check_layers(path)
        operator = bpy.ops.wm.usd_import
    try:
        with in_scene(scene):
            finished = operator(filepath=str(path)) == {"FINISHED"}
    except MemoryError:
        raise
    except Exception as error:  # importers written in Python let any error of theirs through on a broken file
        raise InputError(path, "asset", f"a readable {kind} file ({_what_is_wrong(error)})") from error
    if not finished:
        raise InputError(path, "asset", f"a readable {kind} file")
    return scene


def _check_layers(path: Path) -> None:
    """Refuse a USD that takes geometry from files outside its folder. Raises InputError. Blender 4.2 and 4.3, whose
    Python has no USD, import what such a file names."""
    if not hasattr(bpy.utils, "expose_bundled_modules"):
        return
    bpy.utils.expose_bundled_modules()
    from pxr import Tf, Usd

    try:
        stage = Usd.Stage.Open(str(path))
    except Tf.ErrorException as error:
        raise InputError(path, "asset", f"a readable {path.suffix} file ({_what_is_wrong(error)})") from error
    for layer in stage.GetUsedLayers():
        if layer.realPath and not is_below(path.parent, layer.realPath):
            raise InputError(path, "asset", "references to files in its own folder or below it")


def _import_blend(path: Path) -> bpy.types.Scene:
    """The first scene of a .blend, or a new one with all its objects where it has none. What it takes from files
    outside its folder is left out. Raises InputError."""
    try:
        with bpy.data.libraries.load(str(path), link=False) as (held, wanted):
            wanted.scenes = held.scenes[:1]
            if not held.scenes:
                wanted.objects = held.objects
    except OSError as error:
        raise InputError(path, "asset", f"a readable .blend file ({_what_is_wrong(error)})") from error
    for library in list(bpy.data.libraries):
        if not is_below(path.parent, bpy.path.abspath(library.filepath)):
            log.warning("%s: what it links from %s is left out: it lies outside its folder", path.name, library.name)
            bpy.data.libraries.remove(library)
    for owner, field in file_users():  # caches are geometry too
        if not is_below(path.parent, bpy.path.abspath(getattr(owner, field))):
            setattr(owner, field, "")
    if wanted.scenes:
        return wanted.scenes[0]
    scene = bpy.data.scenes.new("Asset")
    for loaded in wanted.objects:
        if loaded is not None:
            scene.collection.objects.link(loaded)
    return scene


def _what_is_wrong(error: Exception) -> str:
    """What an importer's error says in one line: of a traceback, the line that names the exception."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = [line for line in lines if not line.startswith(("Location:", "File ", "Error: Python: Traceback"))]
    return said[-1].removeprefix("Error: ") if said else type(error).__name__


def _make_still(material: bpy.types.Material) -> None:
    """Remove what would run or change by itself: drivers, actions and scripts."""
    for owner in (material, material.node_tree):
        if owner is not None:
            owner.animation_data_clear()
    if material.node_tree is not None:
        for node in [node for node in material.node_tree.nodes if node.type == "SCRIPT"]:
            material.node_tree.nodes.remove(node)


def _pack(image: bpy.types.Image, path: Path) -> None:
    """Take a picture's file into the .blend, without the name of its folder; a film is left out."""
    if image.source in ("SEQUENCE", "MOVIE"):
        log.warning("%s: its film %s is left out: only still pictures can be packed", path.name, image.name)
        bpy.data.images.remove(image)
    elif image.source in ("FILE", "TILED"):
        if image.packed_file is None:
            image.pack()
        image.filepath_raw = f"//textures/{bpy.path.basename(image.filepath_raw) or image.name}"
