"""Files for others: the .blend of a scene, glTF and USD of a turn, the layout as JSON.

Each is written beside its place, flushed to disk and renamed, so that nobody reads half a file, and names no folder of
this machine. A file that cannot be written raises OSError with its name.
"""

from __future__ import annotations

import gzip
import logging
import os
import re
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import bpy

from ...core.errors import InputError
from ...core.files import written_beside
from ...core.task import Layout, layout_to_json, write_json
from ..flat_copies import flat_copies
from ..meshes import scratch_scene
from ..pictures import FROM_FILES, file_users, is_picture
from ..turns.turns import is_room, runs
from .item_mesh import has_usd

log = logging.getLogger(__name__)

BUILTIN_FONT = "<builtin>"
_PATH_LENGTH = 1023
"""Bytes that a path may have in Blender, whose buffers hold one more."""
_LONG_PATH = re.compile(rb"//image \d+ x{900,}")
"""What `_full_paths` makes."""


def save_blend(path: str | os.PathLike[str], scene: bpy.types.Scene) -> None:
    """Write one scene with all it needs, images included, as a compressed .blend.

    Images are packed and output paths reset in the open file too: for a process of our own, not the artist's.
    Raises OSError, and InputError for a folder that is not there.
    """
    for image in bpy.data.images:
        _pack(image)
    for font in bpy.data.fonts:
        _pack_font(font)
    for owner, field in file_users():
        _forget_folder(owner, field)
    for mesh in bpy.data.meshes:
        _forget_selection(mesh)
    for layer in scene.view_layers:
        layer.update()  # 5.2 crashes on writing a layer that was never brought up to date
    with written_beside(path) as part, _full_paths() as paths:
        try:
            bpy.data.libraries.write(str(part), {scene}, path_remap="NONE", compress=False)
        except RuntimeError as error:
            raise OSError(str(error)) from error
        # A remnant of a buffer may be part of a path only: it is overwritten.
        content = _LONG_PATH.sub(lambda match: paths.get(match[0], b"").ljust(len(match[0]), b"\0"), part.read_bytes())
        part.write_bytes(gzip.compress(content, 6))


def export_glb(path: str | os.PathLike[str], turn: bpy.types.Collection, scene: bpy.types.Scene) -> None:
    """Write a turn of `scene`, in real metres, as binary glTF. Ids and custom properties go along as extras."""
    _export(
        path,
        turn,
        scene,
        bpy.ops.export_scene.gltf,
        export_format="GLB",
        use_active_scene=True,
        export_extras=True,
        export_apply=True,
        export_animations=False,
    )


def export_usd(path: str | os.PathLike[str], turn: bpy.types.Collection, scene: bpy.types.Scene) -> None:
    """Write a turn of `scene`, in real metres, as USD. Raises InputError where this Blender has no USD."""
    if not has_usd():
        raise InputError(path, "", "a format other than USD: this Blender was built without it")
    _export(path, turn, scene, bpy.ops.wm.usd_export)


def export_layout(
    path: str | os.PathLike[str], layout: Layout, scene: Mapping[str, Any] = types.MappingProxyType({})
) -> None:
    """Write a layout as `metaspatial.layout/1`. `scene`: `frame` and `objects` of the scene that it is of."""
    write_json(path, {**layout_to_json(layout), **scene})


def _export(
    path: str | os.PathLike[str],
    turn: bpy.types.Collection,
    scene: bpy.types.Scene,
    operator: Callable[..., set[str]],
    **options: object,
) -> None:
    """Export the turn and its run's room from a scene that holds nothing else."""
    shown = [turn, *(c for run in runs(scene) if turn in run.children.values() for c in run.children if is_room(c))]
    with scratch_scene() as (stage, _), written_beside(path) as part:
        with _own_names(flat_copies(stage, shown, scene.unit_settings.scale_length)):
            try:
                with _in_window(stage):
                    finished = operator(filepath=str(part), **options) == {"FINISHED"}
            except RuntimeError as error:
                raise OSError(str(error)) from error
        if not finished:
            raise OSError("Blender could not write it")


@contextmanager
def _own_names(copies: list[tuple[bpy.types.Object, bpy.types.Object]]) -> Iterator[None]:
    """Give copies the names of their originals until the end of the block: exporters write the names of objects."""
    names = {original: original.name for _, original in copies}
    try:
        for number, original in enumerate(names):
            original.name = f"\N{INFORMATION SEPARATOR ONE}{number}"
        for copy, original in copies:
            copy.name = names[original]
        yield
    finally:
        for number, (copy, _) in enumerate(copies):
            copy.name = f"\N{INFORMATION SEPARATOR TWO}{number}"
        for original, name in names.items():
            original.name = name


@contextmanager
def _in_window(scene: bpy.types.Scene) -> Iterator[None]:
    """Show a scene in the window until the end of the block: the glTF exporter works on the window's scene."""
    window = bpy.context.window or bpy.context.window_manager.windows[0]
    before, layer = window.scene, window.view_layer
    try:
        with bpy.context.temp_override(window=window):
            window.scene = scene
            yield
    finally:
        window.scene = before
        window.view_layer = layer


def _pack(image: bpy.types.Image) -> None:
    """Pack an image into the file and drop the path of the folder that it came from."""
    if image.source not in FROM_FILES:
        return
    if image.source not in ("FILE", "TILED"):
        log.warning("Image %s is left out: only still pictures can be packed", image.name)
    elif image.packed_file is None and not is_picture(image):
        log.warning("Image %s is left out: its file is missing, or no picture", image.name)
    elif image.packed_file is None:
        try:
            image.pack()
        except RuntimeError:
            log.warning("Image %s cannot be packed", image.name)
    path = f"//textures/{bpy.path.basename(image.filepath_raw) or image.name}"
    _set_path(image, "filepath_raw", path)
    for packed in image.packed_files:
        _set_path(packed, "filepath", path)


def _pack_font(font: bpy.types.VectorFont) -> None:
    if font.filepath != BUILTIN_FONT and font.packed_file is None:
        try:
            font.pack()
        except RuntimeError:
            log.warning("Font %s is missing", font.name)


def _forget_folder(owner: Any, field: str) -> None:
    """Keep the name of a file alone; of a folder nothing."""
    path = getattr(owner, field)
    if path and path != BUILTIN_FONT:
        _set_path(owner, field, "//" if field != "filepath" else f"//{bpy.path.basename(path)}")


def _forget_selection(mesh: bpy.types.Mesh) -> None:
    """Drop what is selected in Edit Mode.

    Blender 5.0 gives the edges that it finds for a mesh a selection of the wrong type: of its buffer it would write
    eight times as much as it holds, and with it whatever this process had there before.
    """
    for attribute in [attribute for attribute in mesh.attributes if attribute.name.startswith(".select_")]:
        mesh.attributes.remove(attribute)


def _set_path(owner: bpy.types.bpy_struct, field: str, path: str) -> None:
    """Set a path, and overwrite what a longer one before it leaves behind in Blender's buffer."""
    setattr(owner, field, "x" * _PATH_LENGTH)
    setattr(owner, field, path)


@contextmanager
def _full_paths() -> Iterator[dict[bytes, bytes]]:
    """Give packed images paths that fill their buffers, for the time of writing; by each its real one.

    Blender copies what it writes, and its copy of a packed image takes memory as it comes: behind a short path,
    whatever this process had there before (a folder, a prompt, a key) would go into the file.
    """
    packed = [(part, part.filepath) for image in bpy.data.images for part in image.packed_files]
    full = [f"//image {number} ".ljust(_PATH_LENGTH, "x") for number in range(len(packed))]
    try:
        for (part, _), path in zip(packed, full, strict=True):
            part.filepath = path
        yield {path.encode(): before.encode() for path, (_, before) in zip(full, packed, strict=True)}
    finally:
        for part, before in packed:
            _set_path(part, "filepath", before)
