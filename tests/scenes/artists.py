"""Scenes as artists have them, rebuilt of boxes and of our furniture: rooms, prompts, and what is put in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import bpy

from metaspatial_addon.blender.assets.library import AssetLibrary
from metaspatial_addon.blender.assets.placement import Pick, append_assets, mounts
from metaspatial_addon.blender.assets.search import find_assets
from metaspatial_addon.blender.scene_io.scene_to_task import ItemOptions
from tests.blender.scenes import add, add_box, add_floor


@dataclass
class ArtistScene:
    """A scene of the open file: its floor, the prompt, and how its furniture is to be read.

    `chosen`: names of what is laid out among other objects, which stay; all of them where empty. `rests`: by the names
    of objects, what they rest on, and are to rest on in every layout.
    """

    floor: bpy.types.Object
    prompt: str = ""
    room_type: str = "room"
    options: dict[str, ItemOptions] = field(default_factory=dict)
    other_options: ItemOptions = ItemOptions()
    openings: dict[str, str] = field(default_factory=dict)
    chosen: tuple[str, ...] = ()
    rests: dict[str, str] = field(default_factory=dict)


def room(width: float, depth: float) -> bpy.types.Object:
    return add_floor(((0, 0), (width, 0), (width, depth), (0, depth)))


def put(library: AssetLibrary, asset: str, name: str, at=(0, 0, 0), **where) -> bpy.types.Object:
    """A piece of our library under the name that an artist gave it."""
    return add(name, library.mesh(asset).copy(), at, **where)


def top(library: AssetLibrary, asset: str) -> float:
    return library.assets[asset].size[2]


def one_bed(library: AssetLibrary) -> ArtistScene:
    add_box("Bed", (1.8, 2.0, 0.6), (2, 2, 0))
    return ArtistScene(room(4, 4), "bed in the corner", "bedroom")


def corner_sofa(library: AssetLibrary) -> ArtistScene:
    add_box("Corner Sofa", (2.4, 1.8, 0.8), (1.5, 1.5, 0))
    return ArtistScene(room(3, 3), "", "living room")


def half_scale(library: AssetLibrary) -> ArtistScene:
    """A pack at half size, each mesh under an empty whose origin is a corner of the piece."""
    pack = {
        "bedDouble(Clone)": "double_bed_oak",
        "cabinetBedDrawerTable(Clone)": "nightstand_oak",
        "lampRoundTable(Clone)": "table_lamp_ceramic",
        "tableCoffee(Clone)": "coffee_table_oak",
        "loungeSofa(Clone)": "loveseat_beige",
        "cabinetTelevision(Clone)": "tv_stand_oak",
    }
    for k, (name, asset) in enumerate(pack.items()):
        width, depth, _ = library.assets[asset].size
        empty = add(name, at=(1.5 * k, -3, 0))
        empty.scale = (0.5, 0.5, 0.5)
        put(library, asset, "mesh", (width / 2, depth / 2, 0), parent=empty)
    return ArtistScene(room(6, 5), "a studio", other_options=ItemOptions(scale=2.0))


def tidy_room(library: AssetLibrary) -> ArtistScene:
    """All as loose objects: books and a lamp on a shelf, laptop and monitor on a desk, a lamp on a nightstand."""
    places = {
        "Shelf": (
            "sideboard_oak",
            (3.0, 3.3),
            {"Books": ("books_row", -0.4), "Shelf Lamp": ("table_lamp_ceramic", 0.3)},
        ),
        "Desk": ("desk_oak", (4.2, 1.2), {"Laptop": ("laptop_silver", -0.3), "Monitor": ("monitor_flat", 0.3)}),
        "Nightstand": ("nightstand_oak", (2.4, 0.4), {"Bedside Lamp": ("table_lamp_wood", 0.0)}),
        "Bed": ("double_bed_oak", (1.2, 1.2), {}),
    }
    rests = {}
    for name, (asset, (x, y), carried) in places.items():
        put(library, asset, name, (x, y, 0))
        for other, (other_asset, along) in carried.items():
            put(library, other_asset, other, (x + along, y, top(library, asset)))
            rests[other] = name
    return ArtistScene(room(5, 4), "a calm bedroom", "bedroom", rests=rests)


def bed_of_parts(library: AssetLibrary) -> ArtistScene:
    add_box("Cube", (1.6, 2.1, 0.3), (2, 2, 0))
    add_box("Cube.001", (1.5, 2.0, 0.25), (2, 2, 0.2))
    for k, x in enumerate((1.6, 2.4)):
        add_box(f"Plane.00{k + 3}", (0.6, 0.4, 0.12), (x, 2.7, 0.45))
    put(library, "wardrobe_oak", "Wardrobe", (4, 3, 0))
    rests = {"Cube.001": "Cube", "Plane.003": "Cube", "Plane.004": "Cube"}
    return ArtistScene(room(5, 4), "", "bedroom", rests=rests)


def one_root(library: AssetLibrary) -> ArtistScene:
    root = add("Root")
    for k, asset in enumerate(("single_bed_pine", "nightstand_oak", "wardrobe_oak", "desk_oak", "office_chair_black")):
        put(library, asset, f"SM_{asset.title()}", (1 + 1.1 * (k % 3), 1 + 2 * (k // 3), 0), parent=root)
    put(library, "laptop_silver", "SM_Laptop", (1, 3, top(library, "desk_oak")), parent=root)
    return ArtistScene(room(5, 4), "", "bedroom", rests={"SM_Laptop": "SM_Desk_Oak"})


def restaurant(library: AssetLibrary) -> ArtistScene:
    chair = library.mesh("dining_chair_oak").copy()
    for k in range(6):
        add_box(f"Table.{k:03d}", (0.8, 0.8, 0.75), (k, -2, 0))
        for n in range(4):
            add(f"Chair.{4 * k + n:03d}", chair, (k, -4 - n, 0))
    add_box("Counter", (2.0, 0.7, 1.1), (9, -2, 0))
    for k in range(2):
        put(library, "plant_fig", f"Plant.{k:03d}", (10 + k, -2, 0))
    return ArtistScene(room(8, 10), "four chairs at each table", "restaurant")


def hundred_metres(library: AssetLibrary) -> ArtistScene:
    """Eight pieces 100 times as large as they should be, beside a room of 5 x 4 m."""
    pieces = ("double_bed_oak", "nightstand_oak", "wardrobe_oak", "desk_oak")
    for k, asset in enumerate((*pieces, "office_chair_black", "bookcase_oak", "sofa_grey", "coffee_table_oak")):
        put(library, asset, asset.title(), (300 * k, -300, 0)).scale = (100, 100, 100)
    return ArtistScene(room(5, 4), "", "bedroom")


def from_library(library: AssetLibrary) -> ArtistScene:
    """An empty room, and beside it what From Library ticks for a prompt."""
    prompt = "cosy living room, sofa facing the TV, coffee table"
    ticked = [offer for offer in find_assets(prompt, (), lambda done: None) if offer["ticked"]]
    picks = [Pick(offer["name"], offer["file"], False, offer["category"], offer["count"]) for offer in ticked]
    above, mount_of = {"surface": 0.75, "wall": 1.4}, mounts()
    for k, (obj, pick) in enumerate(append_assets(picks, 1.0)[0]):
        bpy.context.scene.collection.objects.link(obj)
        obj.location = (3 * k, -3, above.get(mount_of[pick.category], 0))
    return ArtistScene(room(5, 4), prompt, "living room")


def held(library: AssetLibrary, folder: Path) -> ArtistScene:
    """A sofa that is linked from another file, an animated lamp and a mirror with a constraint, with three pieces that
    can be moved."""
    pack = folder / "pack.blend"
    sofa = put(library, "sofa_grey", "Sofa", (2.5, 3.4, 0))
    bpy.data.libraries.write(str(pack), {sofa})
    bpy.data.objects.remove(sofa)
    with bpy.data.libraries.load(str(pack), link=True) as (_, wanted):
        wanted.objects = ["Sofa"]
    bpy.context.scene.collection.objects.link(wanted.objects[0])
    put(library, "floor_lamp_drum", "Lamp", (4.6, 0.4, 0)).keyframe_insert("location", frame=1)
    mirror = add_box("Mirror", (0.6, 0.04, 1.2), (1.0, 0.02, 1.0))
    mirror.constraints.new("LIMIT_ROTATION")
    for k, asset in enumerate(("coffee_table_oak", "armchair_grey", "bookcase_oak")):
        put(library, asset, asset.title(), (2 * k, -3, 0))
    return ArtistScene(room(5, 4), "", "living room")


def living_and_dining(library: AssetLibrary) -> ArtistScene:
    """An L-shaped room with a door, a window, and a bookcase that stays."""
    floor = add_floor(((0, 0), (7, 0), (7, 3.5), (4, 3.5), (4, 6), (0, 6)))
    door, window = add_box("Door", (0.9, 0.1, 2.05), (1.2, 0, 0)), add_box("Window", (1.4, 0.1, 1.2), (2, 6, 0.9))
    bookcase = put(library, "bookcase_oak", "Bookcase", (5, 0.3, 0))
    bookcase.rotation_euler.z = 3.14159265
    pieces = ("sofa_grey", "coffee_table_oak", "tv_stand_oak", "dining_table_oak", "rug_beige", "floor_lamp_drum")
    for k, asset in enumerate(pieces):
        put(library, asset, asset.title(), (k * 2, -3, 0))
    put(library, "tv_medium", "Tv", (4, -3, top(library, "tv_stand_oak")))
    for k in range(4):
        put(library, "dining_chair_oak", f"Dining Chair {k}", (k, -6, 0))
    options = {"Bookcase": ItemOptions(locked=True)}
    openings = {door.name: "door", window.name: "window"}
    return ArtistScene(floor, "", "living room", options, openings=openings, rests={"Tv": "Tv_Stand_Oak"})


def hall(library: AssetLibrary) -> ArtistScene:
    kinds: Sequence[str] = ("dining_table_oak", "sofa_blue", "armchair_grey", "plant_fig", "bookcase_white")
    for k in range(40):
        put(library, kinds[k % 5], f"{kinds[k % 5].title()}.{k:03d}", (k % 8 * 3, -3 - k // 8 * 3, 0))
    return ArtistScene(room(16, 9), "", "room")


def loose_tiles(library: AssetLibrary) -> ArtistScene:
    """A chair on 25 tiles of 0.6 m, their heights less than 3 mm apart, which stay where they are."""
    for k in range(25):
        add_box(f"Tile.{k:03d}", (0.598, 0.598, 0.01 + 0.001 * (k % 3)), (0.3 + 0.6 * (k % 5), 0.3 + 0.6 * (k // 5), 0))
    add_box("Chair", (0.45, 0.5, 0.9), (1.5, 1.5, 0.012))
    return ArtistScene(room(3, 3), chosen=("Chair",))
