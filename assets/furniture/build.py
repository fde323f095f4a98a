"""Builds furniture.blend and blender_assets.cats.txt from catalog.json and the table of furniture; every mesh is
generated here.

    python assets/furniture/build.py          with the bpy module
    blender -b -P assets/furniture/build.py   with Blender itself

Build with Blender 4.2, the oldest version supported, so that every later one opens the file.
"""

from __future__ import annotations

import json
import sys
import uuid
from pathlib import Path

import bpy

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]
# Bytecode beside the sources would land in the packaged library.
sys.dont_write_bytecode = True

from pieces import BUILDERS, Piece
from pieces.palette import material
from pieces.previews import PreviewStudio

from metaspatial_addon.core.furniture import FURNITURE

AUTHOR, LICENSE = "MetaSpatial", "CC0"
# Catalog ids are derived from the room's name, so that a rebuild keeps them.
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "furniture.metaspatial")
MOUNT_WORDS = {
    "floor": "stands on the floor",
    "surface": "stands on furniture",
    "wall": "hangs on a wall",
    "ceiling": "hangs from the ceiling",
}


def catalog_id(room: str) -> str:
    """The asset catalog of a room."""
    return str(uuid.uuid5(NAMESPACE, room))


def room_path(room: str) -> str:
    """The room's name as it shows in the asset browser."""
    return f"Furniture/{room.replace(chr(39), '').title()}"


def write_catalogs(rooms: list[str], path: Path) -> None:
    """The asset browser's catalog file: one entry for each room."""
    lines = ["# Asset catalogs of the MetaSpatial furniture library.", "VERSION 1", ""]
    lines.append(f"{uuid.uuid5(NAMESPACE, 'Furniture')}:Furniture:Furniture")
    for room in rooms:
        lines.append(f"{catalog_id(room)}:{room_path(room)}:{room_path(room).replace('/', '-')}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def build(entry: dict) -> bpy.types.Object:
    """The asset object of one catalog entry, together with its category's row; in no scene yet."""
    piece = Piece(entry["name"], entry["size"])
    variant = entry["name"][len(entry["category"]) + 1 :]
    BUILDERS[entry["category"]](piece, variant)
    made = bpy.data.objects.new(entry["name"], piece.mesh(material))
    made.asset_mark()
    made.asset_data.author = AUTHOR
    made.asset_data.license = LICENSE
    made.asset_data.catalog_id = catalog_id(entry["rooms"][0])
    width, depth, height = entry["size"]
    made.asset_data.description = (
        f"{entry['category'].capitalize()}, {width:g} x {depth:g} x {height:g} m, {MOUNT_WORDS[entry['mount']]}"
    )
    for tag in dict.fromkeys((entry["category"], variant, entry["mount"], *entry["rooms"], *entry["words"])):
        made.asset_data.tags.new(tag)
    return made


def arrange(scene: bpy.types.Scene, objects: list[bpy.types.Object], categories: list[str]) -> None:
    """Stand the assets in rows, one room after the other, for whoever opens the file."""
    across = along = deepest = 0.0
    for made, category, following in zip(objects, categories, [*categories[1:], ""], strict=True):
        made.location = (across + made.dimensions.x / 2, -along - made.dimensions.y / 2, 0)
        across += made.dimensions.x + 0.4
        deepest = max(deepest, made.dimensions.y)
        scene.collection.objects.link(made)
        if across > 16 and category != following:
            across, along, deepest = 0.0, along + deepest + 0.6, 0.0


def main() -> None:
    """Build, photograph and save the whole library."""
    catalog = json.loads((HERE / "catalog.json").read_text(encoding="utf-8"))
    entries = [vars(FURNITURE.categories[entry["category"]]) | entry for entry in catalog["assets"]]
    bpy.ops.wm.read_factory_settings(use_empty=True)
    studio = PreviewStudio()
    objects = [build(entry) for entry in entries]
    for made, entry in zip(objects, entries, strict=True):
        studio.photograph(made, hangs=entry["mount"] == "ceiling")
    studio.close()
    shown = bpy.data.scenes.new("Furniture")
    shown.render.filepath = "//"
    arrange(shown, objects, [entry["category"] for entry in entries])
    write_catalogs(
        list(dict.fromkeys(room for entry in entries for room in entry["rooms"])), HERE / "blender_assets.cats.txt"
    )
    bpy.data.libraries.write(str(HERE / "furniture.blend"), {shown, *objects}, path_remap="RELATIVE", compress=True)
    print(f"{len(objects)} assets, {(HERE / 'furniture.blend').stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
