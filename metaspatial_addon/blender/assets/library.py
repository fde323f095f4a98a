"""The furniture library: `catalog.json` lists its assets, `furniture.blend` holds one mesh for each.

What all assets of a category share (mount, covering, rooms, words) is in the table of `core/furniture.py`; an entry of
the catalog may have its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ...core.errors import InputError
from ...core.furniture import FURNITURE, UNKNOWN
from ...core.reading import FieldReader, read_json
from ...core.shipped import ASSETS
from ...core.task import LEAST_METRES, LONGEST_NAME, MOST_METRES, MOUNTS
from ..meshes import remove_blocks, scratch_scene

CATALOG_SCHEMA = "metaspatial.catalog/1"
MAX_ASSETS, MAX_WORDS, MOST_WEIGHT = 10_000, 100, 1000
"""Assets of a catalog; names that an asset lists as its rooms or words; how much more often it may be drawn."""
LIBRARY_FOLDER = ASSETS / "furniture"


@dataclass(frozen=True)
class Asset:
    """One piece of furniture as the catalog describes it; `size` is width, depth, height in metres at yaw 0.

    `carries`: smaller things stand on it. `words`: what people call it as well."""

    name: str
    category: str
    size: tuple[float, float, float]
    mount: str = "floor"
    covering: bool = False
    carries: bool = False
    rooms: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    weight: float = 1.0


def _read_asset(read: FieldReader, field: str, raw: Any) -> Asset:
    if not isinstance(raw, dict) or not {"name", "category", "size"} <= raw.keys():
        raise read.fail(field, "an object with name, category and size", raw)
    size = raw["size"]
    if not isinstance(size, list) or len(size) != 3:
        raise read.fail(f"{field}.size", "three positive metres", size)
    width, depth, height = (
        read.number(side, f"{field}.size[{k}]", LEAST_METRES, MOST_METRES) for k, side in enumerate(size)
    )
    category = read.text(raw["category"], f"{field}.category", LONGEST_NAME)
    row = FURNITURE.categories.get(category, FURNITURE.categories[UNKNOWN])

    def names(key: str, usual: tuple[str, ...]) -> tuple[str, ...]:
        if key not in raw:
            return usual
        listed = read.list(raw[key], f"{field}.{key}", MAX_WORDS)
        return tuple(read.text(name, f"{field}.{key}[{k}]", LONGEST_NAME) for k, name in enumerate(listed))

    return Asset(
        read.text(raw["name"], f"{field}.name", LONGEST_NAME),
        category,
        (width, depth, height),
        read.choice(raw.get("mount", row.mount), f"{field}.mount", MOUNTS),
        read.flag(raw.get("covering", row.covering), f"{field}.covering"),
        read.flag(raw.get("carries", False), f"{field}.carries"),
        names("rooms", row.rooms),
        names("words", row.words),
        read.number(raw.get("weight", 1.0), f"{field}.weight", 0, MOST_WEIGHT),
    )


class AssetLibrary:
    """The assets of a folder, by name. Its meshes are read when one is first asked for, and kept."""

    def __init__(self, root: str | Path = LIBRARY_FOLDER):
        """Raises InputError when the catalog is missing or malformed."""
        self.root = Path(root)
        catalog = self.root / "catalog.json"
        data = read_json(catalog)
        if not isinstance(data, dict) or data.get("schema") != CATALOG_SCHEMA:
            raise InputError(catalog, "schema", CATALOG_SCHEMA)
        read = FieldReader(catalog)
        listed = read.list(data.get("assets"), "assets", MAX_ASSETS)
        assets = [_read_asset(read, f"assets[{k}]", raw) for k, raw in enumerate(listed)]
        self.assets = {asset.name: asset for asset in assets}
        self._meshes: dict[str, bpy.types.Mesh] = {}

    def find(self, name: str) -> Asset | None:
        """The asset of that name, or None."""
        return self.assets.get(name)

    def mesh(self, name: str) -> bpy.types.Mesh:
        """The library's own mesh of an asset, to be copied and not changed. Raises InputError, KeyError."""
        asset = self.assets[name]
        kept = self._meshes.get(asset.name)
        if kept is None or not _alive(kept):
            self._read()
            kept = self._meshes[asset.name]
        return kept

    def clear(self) -> None:
        """Remove every mesh that was read, with the materials and images that nothing else uses."""
        remove_blocks(mesh for mesh in self._meshes.values() if _alive(mesh))
        self._meshes.clear()

    def _read(self) -> None:
        """Append all meshes at once: opening the file costs as much as half of them, and materials come only once."""
        path = self.root / "furniture.blend"
        with scratch_scene() as (_, kept):
            try:
                with bpy.data.libraries.load(str(path), link=False) as (held, wanted):
                    missing = sorted(self.assets.keys() - set(held.meshes))
                    names = [] if missing else list(self.assets)
                    wanted.meshes = list(names)
            except OSError as error:
                raise InputError(path, "", f"the library's .blend file ({error})") from error
            if missing:
                raise InputError(path, "", f"a mesh named {missing[0]}, as the catalog says")
            self._meshes = dict(zip(names, wanted.meshes, strict=True))
            kept.update(wanted.meshes)


def _alive(block: bpy.types.ID) -> bool:
    """Whether a reference outlived the loading of another file and undo."""
    try:
        return bool(block.name)
    except ReferenceError:
        return False
