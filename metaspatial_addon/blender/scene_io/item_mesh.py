"""An item's mesh, wherever it comes from: the furniture library, a file of another program, or a plain box.

Called by the stage, which caches meshes. The scenes, the selection and the windows of the open file are left alone, and
of an import nothing stays but the one mesh with its materials and images.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix, Vector

from ...core.errors import InputError
from ...core.task import Item
from ..assets.library import AssetLibrary
from ..mesh_join import join_parts
from ..meshes import evaluated_parts, in_scene, mesh_points, remove_blocks, scratch_scene
from ..pictures import check_uris, own_pictures

FORMATS = (".glb", ".gltf", ".obj", ".usd", ".usda", ".usdc", ".usdz", ".blend")

_BOX_FACES = ((0, 3, 2, 1), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7))


def has_usd() -> bool:
    """Whether this Blender reads and writes USD (Debian's does not)."""
    return bool(bpy.app.build_options.usd)


def load_item(item: Item, library: AssetLibrary) -> bpy.types.Mesh:
    """One new mesh of the item with its materials: origin at the middle of the underside of `item.size`, front to -y.

    A box (asset None) fills the size; anything else keeps its proportions and is scaled to fit inside, centred,
    standing on z = 0; what hangs from the ceiling touches the top of its size instead, what hangs on a wall its back.
    The caller owns the mesh. Raises InputError for an asset that is missing, of an unknown kind, unreadable or empty.
    """
    if item.asset is None:
        return _box(item)
    known = library.find(item.asset) is not None
    mesh = library.mesh(item.asset).copy() if known else _load_file(item, library)
    mesh.name = item.id
    _fit(mesh, item)
    return mesh


def _box(item: Item) -> bpy.types.Mesh:
    width, depth, height = item.size
    mesh = bpy.data.meshes.new(item.id)
    base = ((-width / 2, -depth / 2), (width / 2, -depth / 2), (width / 2, depth / 2), (-width / 2, depth / 2))
    mesh.from_pydata([(x, y, z) for z in (0.0, height) for x, y in base], [], _BOX_FACES)
    mesh.update()
    return mesh


def _fit(mesh: bpy.types.Mesh, item: Item) -> None:
    """Scale a mesh uniformly into the item's size and move it to its place there. Raises InputError without a size."""
    points = mesh_points(mesh)
    low, high = points.min(axis=0), points.max(axis=0)
    extent = high - low
    if not np.all(np.isfinite(extent)) or extent.max() <= 1e-9:
        remove_blocks([mesh])
        raise InputError(item.asset, "asset", f"a mesh of finite size for item {item.id}")
    size = np.array(item.size)
    thick = extent > 1e-6 * extent.max()
    scale = float(np.min(size[thick] / extent[thick]))
    anchor = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])
    target = np.zeros(3)
    if item.mount == "ceiling":
        anchor[2], target[2] = high[2], size[2]
    elif item.mount == "wall":
        anchor[1], target[1] = high[1], size[1] / 2
    mesh.transform(Matrix.Translation(Vector(target - scale * anchor)) @ Matrix.Diagonal((scale, scale, scale, 1.0)))
    mesh.update()


def _load_file(item: Item, library: AssetLibrary) -> bpy.types.Mesh:
    """One mesh of all that the item's file shows. Raises InputError."""
    path = Path(str(item.asset)).expanduser()
    kind = path.suffix.lower()
    if kind not in FORMATS:
        expected = f"an asset of {library.root} or a file of {', '.join(FORMATS)}"
        raise InputError(item.id, "asset", expected, item.asset)
    if not path.is_file():
        raise InputError(path, "asset", f"an existing file for item {item.id}")
    with scratch_scene() as (scene, kept):
        with own_pictures(path):
            shown = _import_blend(path) if kind == ".blend" else _import_file(path, kind, scene)
        with in_scene(shown) as depsgraph:
            parts = evaluated_parts(depsgraph, lambda instance: None if _unrendered(instance) else item.id)
        if not parts:
            raise InputError(path, "asset", f"a file that shows at least one face, for item {item.id}")
        mesh = join_parts(parts[item.id], item.id)
        kept.add(mesh)
    return mesh


def _unrendered(instance: bpy.types.DepsgraphObjectInstance) -> bool:
    return instance.object.hide_render or (instance.parent is not None and instance.parent.hide_render)


def _import_file(path: Path, kind: str, scene: bpy.types.Scene) -> bpy.types.Scene:
    """Import a file of another program into a scene, which is returned. Raises InputError."""
    operator: Callable[..., set[str]]
    if kind == ".gltf":
        check_uris(path)
    if kind in (".glb", ".gltf"):
        operator = bpy.ops.import_scene.gltf
    elif kind == ".obj":
        operator = bpy.ops.wm.obj_import
    elif has_usd():
        operator = bpy.ops.wm.usd_import
    else:
        raise InputError(path, "asset", "a .glb, .gltf, .obj or .blend file: this Blender was built without USD")
    try:
        with in_scene(scene):
            finished = operator(filepath=str(path)) == {"FINISHED"}
    except Exception as error:  # importers written in Python let any error of theirs through on a broken file
        raise InputError(path, "asset", f"a readable {kind} file ({_last_line(error)})") from error
    if not finished:
        raise InputError(path, "asset", f"a readable {kind} file")
    return scene


def _import_blend(path: Path) -> bpy.types.Scene:
    """The first scene of a .blend, or a new one with all its objects where it has none. Raises InputError."""
    try:
        with bpy.data.libraries.load(str(path), link=False) as (held, wanted):
            wanted.scenes = held.scenes[:1]
            if not held.scenes:
                wanted.objects = held.objects
    except OSError as error:
        raise InputError(path, "asset", f"a readable .blend file ({_last_line(error)})") from error
    if wanted.scenes:
        return wanted.scenes[0]
    scene = bpy.data.scenes.new("MetaSpatial Import")
    for loaded in wanted.objects:
        scene.collection.objects.link(loaded)
    return scene


def _last_line(error: Exception) -> str:
    """What an importer's error says, which may be a whole traceback, in one line."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__
