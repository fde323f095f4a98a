"""An item's mesh, wherever it comes from: the furniture library, a file of another program, or a plain box.

Called by the stage, which caches meshes. The scenes, the selection and the windows of the open file are left alone, and
of an import nothing stays but the one mesh with its materials and images.
"""

from __future__ import annotations

import logging
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix, Vector

from ...core.errors import InputError
from ...core.task import Item
from ..assets.conversion import convert
from ..assets.import_file import FORMATS
from ..assets.library import AssetLibrary
from ..meshes import mesh_points, remove_blocks, scratch_scene

log = logging.getLogger(__name__)

_BOX_FACES = ((0, 3, 2, 1), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7))


def has_usd() -> bool:
    """Whether this Blender reads and writes USD (Debian's does not)."""
    return bool(bpy.app.build_options.usd)


def load_item(item: Item, library: AssetLibrary) -> bpy.types.Mesh:
    """One new mesh of the item with its materials: origin at the middle of the underside of `item.size`, front to -y.

    A box (asset None) fills the size; anything else keeps its proportions and is scaled to fit inside, centred,
    standing on z = 0; what hangs from the ceiling touches the top of its size instead, what hangs on a wall its back.
    The caller owns the mesh. A file that cannot be read, or shows nothing, is logged, and a box takes its place. Raises
    InputError for an asset that is missing or of an unknown kind, RuntimeError where no process can be started for it.
    """
    if item.asset is None:
        return _box(item)
    known = library.find(item.asset) is not None
    mesh = library.mesh(item.asset).copy() if known else _load_file(item, library)
    if mesh is None:
        return _box(item)
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


def _load_file(item: Item, library: AssetLibrary) -> bpy.types.Mesh | None:
    """The mesh of the item's file; None for one that cannot be read, which is logged. Raises InputError."""
    path = _file(item, library)
    converted = convert(path)
    for note in converted.notes:
        log.warning("%s", note)
    if converted.blend is None:
        log.warning("%s: a plain box takes the place of %s", converted.failure, item.id)
        return None
    with scratch_scene() as (_, kept):
        with bpy.data.libraries.load(str(converted.blend), link=False) as (held, wanted):
            wanted.meshes = list(held.meshes)
        mesh = wanted.meshes[0].copy()  # a copy does not name the file that it came from
        kept.add(mesh)
    return mesh


def _file(item: Item, library: AssetLibrary) -> Path:
    """The file that an item's asset names. Raises InputError."""
    path = Path(str(item.asset)).expanduser()
    kind = path.suffix.lower()
    if kind not in FORMATS:
        expected = f"an asset of {library.root} or a file of {', '.join(FORMATS)}"
        raise InputError(item.id, "asset", expected, item.asset)
    if not path.is_file():
        raise InputError(path, "asset", f"an existing file for item {item.id}")
    if kind.startswith(".usd") and not has_usd():
        raise InputError(path, "asset", "a .glb, .gltf, .obj or .blend file: this Blender was built without USD")
    return path
