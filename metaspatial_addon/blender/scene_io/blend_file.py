"""Files for others: the .blend of a scene, glTF and USD of a turn, the layout as JSON.

Each is written beside its place and renamed, so that nobody meets half a file, and names no folder of this machine.
"""

from __future__ import annotations

import gzip
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import bpy

from ...core.errors import InputError
from ...core.files import written_beside
from ...core.task import Layout, layout_to_json, write_json
from ..meshes import scratch_scene
from ..turns.turns import is_room, runs
from .items import has_usd

log = logging.getLogger(__name__)

_PATH_LENGTH = 1023  # bytes that a path may have in Blender, whose buffers hold one more


def save_blend(path: str | os.PathLike[str], scene: bpy.types.Scene) -> None:
    """Write one scene with all it needs, pictures included, as a compressed .blend.

    Pictures are packed and output paths reset in the open file too: for a process of our own, not the artist's.
    Raises OSError.
    """
    for image in bpy.data.images:
        _pack(image)
    _set_path(scene.render, "filepath", "//")
    with written_beside(path) as part, _full_paths() as paths:
        bpy.data.libraries.write(str(part), {scene}, path_remap="RELATIVE_ALL", compress=False)
        content = part.read_bytes()
        for full, packed in paths.items():
            content = content.replace(full, packed.ljust(len(full), b"\0"))
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


def export_layout(path: str | os.PathLike[str], layout: Layout) -> None:
    """Write a layout as `metaspatial.layout/1`."""
    write_json(path, layout_to_json(layout))


def _export(
    path: str | os.PathLike[str],
    turn: bpy.types.Collection,
    scene: bpy.types.Scene,
    operator: Callable[..., set[str]],
    **options: object,
) -> None:
    """Export the turn and its run's room from a scene that holds nothing else."""
    shown = [turn, *(c for run in runs(scene) if turn in run.children.values() for c in run.children if is_room(c))]
    hidden = [(obj, obj.hide_viewport, obj.hide_render) for part in shown for obj in part.all_objects]
    with scratch_scene() as (stage, _), written_beside(path) as part:
        metres = scene.unit_settings.scale_length
        for collection in shown:
            if metres == 1.0:
                stage.collection.children.link(collection)
                continue
            scaled = bpy.data.objects.new(collection.name, None)
            scaled.instance_type, scaled.instance_collection, scaled.scale = "COLLECTION", collection, [metres] * 3
            stage.collection.objects.link(scaled)
        for obj, *_ in hidden:
            obj.hide_viewport = obj.hide_render = False
        try:
            with _in_window(stage):
                operator(filepath=str(part), **options)
        except RuntimeError as error:
            raise OSError(str(error)) from error
        finally:
            for obj, in_viewport, in_render in hidden:
                obj.hide_viewport, obj.hide_render = in_viewport, in_render


@contextmanager
def _in_window(scene: bpy.types.Scene) -> Iterator[None]:
    """Show a scene for a moment: the glTF exporter sets the window's scene itself and works on that."""
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
    """Take a picture into the file and forget the folder that it came from."""
    if image.source not in ("FILE", "TILED"):
        return
    if image.packed_file is None:
        try:
            image.pack()
        except RuntimeError:
            log.warning("Picture %s is missing: %s", image.name, image.filepath)
    path = f"//textures/{bpy.path.basename(image.filepath_raw) or image.name}"
    _set_path(image, "filepath_raw", path)
    for packed in image.packed_files:
        _set_path(packed, "filepath", path)


def _set_path(owner: bpy.types.bpy_struct, field: str, path: str) -> None:
    """Set a path, and overwrite what a longer one before it leaves behind in Blender's buffer."""
    setattr(owner, field, "x" * _PATH_LENGTH)
    setattr(owner, field, path)


@contextmanager
def _full_paths() -> Iterator[dict[bytes, bytes]]:
    """Give packed pictures paths that fill their buffers for a moment; what each stands for.

    Blender copies what it writes, and its copy of a packed picture takes memory as it comes: behind a short path,
    whatever this process had there before (a folder, a prompt, a key) would go into the file.
    """
    packed = [(part, part.filepath) for image in bpy.data.images for part in image.packed_files]
    full = [f"//picture {number} ".ljust(_PATH_LENGTH, "x") for number in range(len(packed))]
    try:
        for (part, _), path in zip(packed, full, strict=True):
            part.filepath = path
        yield {path.encode(): before.encode() for path, (_, before) in zip(full, packed, strict=True)}
    finally:
        for part, before in packed:
            _set_path(part, "filepath", before)
