"""The furniture library: what catalog.json promises, furniture.blend holds."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import NamedTuple

import bpy
import numpy as np
import pytest
from mathutils import Vector
from mathutils.bvhtree import BVHTree
from mathutils.geometry import convex_hull_2d

from metaspatial_addon.core.furniture import FURNITURE

LIBRARY = Path(__file__).parents[3] / "assets" / "furniture"
PROCTHOR = Path(__file__).parents[3].parent / "shared" / "data" / "procthor" / "asset_sizes.json"
CATALOG = json.loads((LIBRARY / "catalog.json").read_text(encoding="utf-8"))["assets"]
ENTRIES = [vars(FURNITURE.categories[entry["category"]]) | entry for entry in CATALOG]
BY_NAME = {entry["name"]: entry for entry in ENTRIES}
TABLES = {"dining table": 0.62, "desk": 0.62, "vanity table": 0.62, "play table": 0.45}
CHAIRS = {"dining chair": 0.48, "office chair": 0.48, "kids chair": 0.32}
# The classes of ProcTHOR that hold the same kinds of things as our categories.
SAME_KIND = {
    "double bed": "Bed",
    "single bed": "Bed",
    "dresser": "Dresser",
    "sofa": "Sofa",
    "armchair": "ArmChair",
    "coffee table": "CoffeeTable",
    "side table": "SideTable",
    "nightstand": "SideTable",
    "tv stand": "TVStand",
    "tv": "Television",
    "bookcase": "ShelvingUnit",
    "floor lamp": "FloorLamp",
    "dining table": "DiningTable",
    "dining chair": "Chair",
    "fridge": "Fridge",
    "microwave": "Microwave",
    "trash bin": "GarbageCan",
    "toilet": "Toilet",
    "washing machine": "WashingMachine",
    "laundry basket": "LaundryHamper",
    "desk": "Desk",
    "laptop": "Laptop",
    "plant": "HousePlant",
    "table lamp": "DeskLamp",
    "picture": "Painting",
    "coffee machine": "CoffeeMachine",
    "bar stool": "Stool",
}


class Asset(NamedTuple):
    """What a test needs of one asset object."""

    vertices: np.ndarray  # (N, 3) metres
    triangles: np.ndarray  # (M, 3) vertex indices
    polygon_edges: np.ndarray  # edge index of every polygon corner
    edges: int
    materials: list[str]  # of each triangle
    catalog: str
    tags: set[str]
    author: str
    license: str
    description: str
    preview: np.ndarray  # pixels, flat

    @property
    def tree(self) -> BVHTree:
        return BVHTree.FromPolygons(self.vertices.tolist(), self.triangles.tolist())


def read(made: bpy.types.Object) -> Asset:
    mesh = made.data
    mesh.calc_loop_triangles()
    vertices = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", vertices)
    triangles = np.empty(3 * len(mesh.loop_triangles), np.int32)
    mesh.loop_triangles.foreach_get("vertices", triangles)
    slots = np.empty(len(mesh.loop_triangles), np.int32)
    mesh.loop_triangles.foreach_get("material_index", slots)
    corners = np.empty(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("edge_index", corners)
    names = [material.name for material in mesh.materials]
    about = made.asset_data
    preview = np.array(made.preview.image_pixels_float[:]) if made.preview else np.empty(0)
    return Asset(
        vertices.reshape(-1, 3).astype(np.float64),
        triangles.reshape(-1, 3),
        corners,
        len(mesh.edges),
        [names[slot] for slot in slots],
        about.catalog_id,
        {tag.name for tag in about.tags},
        about.author,
        about.license,
        about.description,
        preview,
    )


@pytest.fixture(scope="module")
def assets() -> dict[str, Asset]:
    """All assets of the library file, read once; nothing of it stays in the session."""
    with bpy.data.libraries.load(str(LIBRARY / "furniture.blend"), link=True, assets_only=True) as (held, wanted):
        wanted.objects = held.objects
    found = {made.name: read(made) for made in wanted.objects}
    for library in [made.library for made in wanted.objects[:1]]:
        bpy.data.libraries.remove(library)
    return found


def islands(asset: Asset) -> np.ndarray:
    """The number of the separate closed solid that each triangle belongs to."""
    label = np.arange(len(asset.vertices))
    while True:
        lowest = label[asset.triangles].min(axis=1)
        before = label.copy()
        np.minimum.at(label, asset.triangles.ravel(), np.repeat(lowest, 3))
        label = label[label]
        if (label == before).all():
            return label[asset.triangles[:, 0]]


def volumes(asset: Asset) -> tuple[np.ndarray, np.ndarray]:
    """Signed volume below each triangle and the centre of its tetrahedron with the origin."""
    a, b, c = (asset.vertices[asset.triangles[:, k]] for k in range(3))
    return np.einsum("ij,ij->i", a, np.cross(b, c)) / 6, (a + b + c) / 4


def test_catalog_is_well_formed() -> None:
    assert len(BY_NAME) == len(ENTRIES)
    assert len({entry["category"] for entry in ENTRIES}) >= 60
    for entry in ENTRIES:
        assert entry["name"].startswith(entry["category"].replace(" ", "_") + "_")
        assert entry["rooms"]
        assert entry["words"] and entry["weight"] > 0
        steps = (0.05, 0.05, 0.01) if entry["mount"] == "floor" else (0.01, 0.01, 0.01)
        for length, step in zip(entry["size"], steps, strict=True):
            assert length > 0 and abs(length / step - round(length / step)) < 1e-6, entry["name"]
        if entry["mount"] == "ceiling":
            assert entry["size"][2] <= 0.8
        assert not entry["covering"] or entry["size"][2] <= 0.02


def test_sizes_lie_within_those_of_the_table() -> None:
    for entry in CATALOG:
        row = FURNITURE.categories[entry["category"]]
        for length, (least, most) in zip(entry["size"], (row.width, row.depth, row.height), strict=True):
            assert least <= length <= most, entry["name"]


def test_every_asset_is_in_the_file(assets: dict[str, Asset]) -> None:
    assert set(assets) == set(BY_NAME)


def test_the_builders_still_make_what_the_file_holds(assets: dict[str, Asset], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(LIBRARY))
    # Bytecode beside the sources would be packaged.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    from pieces import BUILDERS, Piece

    plain = bpy.data.materials.new("plain")
    for name, entry in BY_NAME.items():
        piece = Piece(name, entry["size"])
        BUILDERS[entry["category"]](piece, name[len(entry["category"]) + 1 :])
        mesh = piece.mesh(lambda _: plain)
        vertices = np.empty(3 * len(mesh.vertices), np.float32)
        mesh.vertices.foreach_get("co", vertices)
        bpy.data.meshes.remove(mesh)
        assert vertices.size == assets[name].vertices.size, f"{name}: run assets/furniture/build.py"
        assert np.allclose(vertices.reshape(-1, 3), assets[name].vertices, atol=1e-4), f"{name}: run build.py"
    bpy.data.materials.remove(plain)


@pytest.mark.parametrize("name", BY_NAME)
def test_bounding_box_is_the_size_and_the_origin_is_under_its_middle(name: str, assets: dict[str, Asset]) -> None:
    width, depth, height = BY_NAME[name]["size"]
    vertices = assets[name].vertices
    assert np.allclose(vertices.min(axis=0), (-width / 2, -depth / 2, 0), atol=1e-4)
    assert np.allclose(vertices.max(axis=0), (width / 2, depth / 2, height), atol=1e-4)


def test_assets_are_described_for_the_asset_browser(assets: dict[str, Asset]) -> None:
    lines = (LIBRARY / "blender_assets.cats.txt").read_text(encoding="utf-8").splitlines()
    catalogs = {line.split(":")[0]: line.split(":")[1] for line in lines if line.count(":") == 2}
    for name, asset in assets.items():
        entry = BY_NAME[name]
        assert catalogs[asset.catalog] == "Furniture/" + entry["rooms"][0].replace("'", "").title()
        assert {entry["category"], entry["mount"], *entry["rooms"], *entry["words"]} <= asset.tags
        assert (asset.author, asset.license) == ("MetaSpatial", "CC0")
        assert asset.description
        assert asset.preview.size == 128 * 128 * 4, name
        opacity = asset.preview[3::4]
        assert 0.02 < (opacity > 0.5).mean() < 0.9, name
        assert asset.preview.reshape(-1, 4)[opacity > 0.5, :3].std() > 0.005, name


def test_meshes_are_closed_and_face_outward(assets: dict[str, Asset]) -> None:
    for name, asset in assets.items():
        assert set(np.unique(asset.triangles)) == set(range(len(asset.vertices))), f"{name}: loose vertices"
        uses = np.bincount(asset.polygon_edges, minlength=asset.edges)
        assert (uses == 2).all(), f"{name}: open edges"
        volume, _ = volumes(asset)
        per_island = np.bincount(islands(asset), volume)
        assert per_island.min() > -1e-12, f"{name}: a part is inside out"
        assert len(asset.triangles) <= 8000, name


def test_pieces_that_carry_have_a_flat_top(assets: dict[str, Asset]) -> None:
    for name, entry in BY_NAME.items():
        if not entry["carries"]:
            continue
        width, depth, height = entry["size"]
        tree = assets[name].tree
        hits = 0
        for x in np.linspace(-0.5, 0.5, 22)[1:-1]:
            for y in np.linspace(-0.5, 0.5, 22)[1:-1]:
                place = tree.ray_cast(Vector((x * width, y * depth, height + 1)), Vector((0, 0, -1)))[0]
                hits += place is not None and abs(place.z - height) < 2e-3
        assert hits >= 0.8 * 400, f"{name}: {hits / 400:.0%} of its top is flat"


@pytest.mark.parametrize("name", [name for name, entry in BY_NAME.items() if entry["category"] in TABLES])
def test_chairs_fit_under_tables(name: str, assets: dict[str, Asset]) -> None:
    entry = BY_NAME[name]
    width, depth, height = entry["size"]
    asset = assets[name]
    low = asset.vertices[asset.triangles]
    low = low[(low[..., 2] < TABLES[entry["category"]] - 1e-3).any(axis=1)]
    x, y = np.abs(low[..., 0]), np.abs(low[..., 1])
    allowed = (x > width / 2 - 0.0801) & (y > depth / 2 - 0.0801)
    if entry["category"] == "desk":
        allowed |= low[..., 0] > width / 2 - 0.3501  # a pedestal at the right end
    if name == "dining_table_round":
        allowed |= np.hypot(x, y) < 0.28  # the column and its base
    assert allowed.all()
    top = assets[name].tree.ray_cast(Vector((0, -depth * 0.3, 0)), Vector((0, 0, 1)))[0]
    assert top is not None and height - top.z <= 0.14


@pytest.mark.parametrize("name", [name for name, entry in BY_NAME.items() if entry["category"] in CHAIRS])
def test_seats_are_low_and_their_backs_at_the_rear(name: str, assets: dict[str, Asset]) -> None:
    entry = BY_NAME[name]
    depth, limit = entry["size"][1], CHAIRS[entry["category"]]
    seat = assets[name].tree.ray_cast(Vector((0, -depth * 0.2, 2)), Vector((0, 0, -1)))[0]
    assert seat is not None and limit - 0.06 <= seat.z <= limit + 1e-4
    above = assets[name].vertices[assets[name].vertices[:, 2] > limit + 1e-3]
    assert len(above) and above[:, 1].min() > depth / 2 - depth / 3 - 1e-4


def test_fronts_face_the_viewer(assets: dict[str, Asset]) -> None:
    """Backs of seats and heads of beds are at +y; screens, mirrors and oven doors look to -y."""
    backed = {"dining chair", "office chair", "kids chair", "sofa", "loveseat", "armchair", "double bed", "single bed"}
    looking = {
        "tv": "screen",
        "monitor": "screen lit",
        "laptop": "screen lit",
        "mirror": "mirror",
        "microwave": "screen",
        "floor mirror": "mirror",
        "washing machine": "screen",
        "printer": "screen lit",
    }
    for name, entry in BY_NAME.items():
        asset, category = assets[name], entry["category"]
        if category in backed:
            high = asset.vertices[asset.vertices[:, 2] > 0.8 * entry["size"][2]]
            assert high[:, 1].mean() > 0.15 * entry["size"][1], name
        if category in looking:
            shown = np.array([material == looking[category] for material in asset.materials])
            a, b, c = (asset.vertices[asset.triangles[shown, k]] for k in range(3))
            area = np.cross(b - a, c - a) / 2
            depth = (a + b + c)[:, 1] / 3
            forward, backward = np.maximum(-area[:, 1], 0), np.maximum(area[:, 1], 0)
            assert np.average(depth, weights=forward) < np.average(depth, weights=backward), name
            assert forward.sum() > 0.3 * np.linalg.norm(area, axis=1).sum(), name


def test_standing_pieces_do_not_topple(assets: dict[str, Asset]) -> None:
    """Tilting a piece by 6 degrees leaves its centre of mass over its feet."""
    toppling = {}
    for name, entry in BY_NAME.items():
        if entry["mount"] not in {"floor", "surface"} or entry["covering"]:
            continue
        asset = assets[name]
        volume, centres = volumes(asset)
        middle = (volume[:, None] * centres).sum(axis=0) / volume.sum()
        feet = asset.vertices[asset.vertices[:, 2] < 2e-3, :2]
        hull = feet[convex_hull_2d([tuple(foot) for foot in feet])]
        sides = np.roll(hull, -1, axis=0) - hull
        towards = middle[:2] - hull
        inside = (sides[:, 0] * towards[:, 1] - sides[:, 1] * towards[:, 0]) / np.linalg.norm(sides, axis=1)
        margin = np.abs(inside).min() if (inside > 0).all() or (inside < 0).all() else 0.0
        if math.degrees(math.atan2(margin, middle[2])) < 6:
            toppling[name] = margin, middle[2]
    assert not toppling


def test_file_is_small_portable_and_of_the_oldest_supported_blender() -> None:
    path = LIBRARY / "furniture.blend"
    assert sum(file.stat().st_size for file in LIBRARY.rglob("*") if file.is_file()) < 20e6
    zstandard = pytest.importorskip("zstandard")
    with path.open("rb") as stream:
        content = zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True).read()
    assert content.startswith(b"BLENDER") and content[9:12] == b"402"
    for folder in (b"/home/", b"/root/", b"/tmp/", b"/work/", b"/Users/", b":\\Users"):
        assert folder not in content


@pytest.mark.parametrize("name", [name for name, entry in BY_NAME.items() if entry["category"] in SAME_KIND])
def test_sizes_agree_with_procthor(name: str) -> None:
    """Every length lies within those of the same kind of thing there, widened by half."""
    if not PROCTHOR.exists():
        pytest.skip("ProcTHOR's asset sizes are not beside the checkout")
    known = json.loads(PROCTHOR.read_text(encoding="utf-8"))[SAME_KIND[BY_NAME[name]["category"]]]
    for length, axis in zip(BY_NAME[name]["size"], "xzy", strict=True):
        if axis == "z" and BY_NAME[name]["mount"] == "wall":
            continue  # Ours are at least 0.05 m deep, so that they stand out from the wall.
        lengths = [entry["boundingBox"][axis] for entry in known]
        assert min(lengths) / 1.5 <= length <= 1.5 * max(lengths), (axis, length, min(lengths), max(lengths))
