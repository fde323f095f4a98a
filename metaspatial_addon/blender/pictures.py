"""Pictures that scenes and assets name: what is one, and where those of an asset may come from.

A file from elsewhere may name any file of this machine as its picture. What is packed into a scene is passed on.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy

log = logging.getLogger(__name__)

MOST_PIXELS = 2**26
"""Of a picture of an asset. Decoded, one has four times as many bytes, with more than 8 bits a colour sixteen times."""
FROM_FILES = ("FILE", "TILED", "SEQUENCE", "MOVIE")


def is_picture(image: bpy.types.Image) -> bool:
    """Whether an image that comes from a file can be decoded."""
    if image.source not in FROM_FILES:
        return True
    decoded = min(image.size) > 0
    image.buffers_free()
    return decoded


@contextmanager
def own_pictures(asset: Path) -> Iterator[None]:
    """Remove what an asset's import brings, until the end of the block, of images that are none, or are read from
    outside the asset's folder. What is packed in a .blend came with it."""
    before = {image.session_uid for image in bpy.data.images}
    yield
    for image in [image for image in bpy.data.images if image.session_uid not in before]:
        held = image.packed_file is not None and asset.suffix.lower() == ".blend"
        if not held and not all(is_below(asset.parent, path) for path in _read_from(image)):
            log.warning("%s: its picture %s is left out: it lies outside the asset's folder", asset.name, image.name)
        elif image.size[0] * image.size[1] > MOST_PIXELS:
            log.warning("%s: its picture %s is left out: it has over %d pixels", asset.name, image.name, MOST_PIXELS)
        elif not is_picture(image):
            log.warning("%s: its picture %s is left out: it cannot be read as one", asset.name, image.name)
        else:
            continue
        bpy.data.images.remove(image)


def _read_from(image: bpy.types.Image) -> list[str]:
    """The files that an image is read from, as far as they are named."""
    path = bpy.path.abspath(image.filepath_raw)
    if image.source == "TILED":
        return [path.replace("<UDIM>", str(t.number)).replace("<UVTILE>", _uv_tile(t.number)) for t in image.tiles]
    return [path] if image.source in FROM_FILES else []


def _uv_tile(number: int) -> str:
    """The name of a tile by its column and row, of its UDIM number."""
    row, column = divmod(number - 1001, 10)
    return f"u{column + 1}_v{row + 1}"


def is_below(folder: Path, path: str | os.PathLike[str]) -> bool:
    """Whether a file lies in a folder or below it, links followed; one that does not exist counts as lying there."""
    return not os.path.exists(path) or Path(path).resolve().is_relative_to(folder.resolve())


def file_users() -> Iterable[tuple[Any, str]]:
    """What of the open file names a file or folder outside it, but for images: owner and field."""
    blocks = ("fonts", "sounds", "movieclips", "volumes", "cache_files", "texts")
    for name in blocks:
        yield from ((block, "filepath") for block in getattr(bpy.data, name))
    for scene in bpy.data.scenes:
        yield scene.render, "filepath"
        yield scene.render.bake, "filepath"
        for strip in _strips(scene):
            yield from ((strip, field) for field in ("filepath", "directory") if hasattr(strip, field))
    for obj in bpy.data.objects:
        for modifier in obj.modifiers:
            settings = getattr(modifier, "domain_settings", None)
            for owner in (modifier, settings):
                yield from ((owner, f) for f in ("filepath", "bake_directory", "cache_directory") if hasattr(owner, f))
        yield from ((system.point_cache, "filepath") for system in obj.particle_systems)
    for tree in _node_trees():
        for node in tree.nodes:
            yield from ((node, field) for field in ("filepath", "base_path", "directory") if hasattr(node, field))


def _strips(scene: bpy.types.Scene) -> Iterable[Any]:
    editor = scene.sequence_editor
    if editor is None:
        return ()
    return editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all  # the latter before 4.4


def _node_trees() -> Iterator[bpy.types.NodeTree]:
    for owners in (bpy.data.materials, bpy.data.worlds, bpy.data.lights, bpy.data.linestyles, bpy.data.scenes):
        for owner in owners:
            tree = getattr(owner, "node_tree", None)
            if tree is not None:
                yield tree
    yield from bpy.data.node_groups
