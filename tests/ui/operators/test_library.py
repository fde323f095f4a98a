"""From Library in the window: the list to tick, what is added to the scene, and our furniture as an asset library."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest

from metaspatial_addon.blender.assets.library import LIBRARY_FOLDER, AssetLibrary
from metaspatial_addon.blender.assets.placement import stand_in_rows
from metaspatial_addon.blender.assets.search import find_assets
from metaspatial_addon.blender.boxes import world_corners
from metaspatial_addon.blender.meshes import data_blocks
from metaspatial_addon.blender.scene_io.scene_to_task import SceneOptions, scene_to_task
from metaspatial_addon.ui.operators import library
from metaspatial_addon.ui.state import properties
from metaspatial_addon.ui.state.scene import furniture

CATALOG = AssetLibrary().assets


@pytest.fixture
def scene():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    properties.register()
    library.register()
    bpy.context.window_manager.metaspatial.assets.clear()
    yield bpy.context.scene
    library.unregister()
    properties.unregister()


def tick(name: str, category: str, count: int = 1, file: str | Path = "", kind: str = "OBJECT", ticked=True) -> None:
    line = bpy.context.window_manager.metaspatial.assets.add()
    line.name, line.category, line.count, line.file, line.kind = name, category, count, str(file), kind
    line.ticked = ticked


def extent(*objects: bpy.types.Object) -> np.ndarray:
    bpy.context.view_layer.update()
    return np.ptp(world_corners(objects), axis=0)


@pytest.fixture
def artists_library(tmp_path: Path) -> Path:
    """A .blend with an asset object that hangs on another, and an asset collection of two objects."""
    bpy.ops.wm.read_factory_settings(use_empty=True)

    def cube(name: str, size: tuple[float, float, float], at=(0.0, 0.0, 0.0), parent=None) -> bpy.types.Object:
        mesh = bpy.data.meshes.new(name)
        mesh.from_pydata(
            [(x, y, z) for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (0, 1)],
            [],
            [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)],
        )
        mesh.materials.append(bpy.data.materials.new(f"{name} paint"))
        obj = bpy.data.objects.new(name, mesh)
        obj.scale, obj.location, obj.parent = size, at, parent
        return obj

    holder = bpy.data.objects.new("Holder", None)
    holder.scale = (2, 2, 2)
    piano = cube("Grand Piano", (0.75, 1.0, 0.5), (5, 5, 5), holder)
    corner = bpy.data.collections.new("Sofa Corner")
    corner.objects.link(cube("Left", (1, 2, 1), (-1, 0, 0)))
    corner.objects.link(cube("Right", (1, 1, 1), (1, 0, 0)))
    for obj in (holder, piano):
        bpy.context.scene.collection.objects.link(obj)
    for block in (piano, corner):
        block.asset_mark()
    path = tmp_path / "studio.blend"
    bpy.data.libraries.write(str(path), {piano, holder, corner})
    return path


def test_ours_are_added_at_their_size_in_rows_beside_the_room(scene) -> None:
    scene.metaspatial.room_source = "SIZE"
    scene.metaspatial.size = (4.0, 3.0, 2.5)
    tick("double_bed_oak", "double bed")
    tick("nightstand_oak", "nightstand", 2)
    tick("wardrobe_white", "wardrobe", ticked=False)
    assert bpy.ops.metaspatial.add_assets() == {"FINISHED"}
    items = scene.metaspatial.items
    assert scene.metaspatial.items_source == "COLLECTION" and items.name == "MetaSpatial Items"
    bed, one, two = items.objects
    assert one.data == two.data and one.name == "nightstand_oak"
    assert [obj.metaspatial.category for obj in items.objects] == ["double bed", "nightstand", "nightstand"]
    assert np.allclose(extent(bed), CATALOG["double_bed_oak"].size, atol=0.02)
    corners = [world_corners([obj]) for obj in items.objects]
    assert all(box[:, 1].max() <= -1.5 - 0.5 and abs(box[:, 2].min()) < 1e-4 for box in corners)
    assert all(a[:, 0].max() < b[:, 0].min() for a, b in zip(corners, corners[1:], strict=False))
    assert not bpy.context.window_manager.metaspatial.assets


def test_what_is_added_next_stands_beside_the_first_and_comes_into_the_same_collection(scene) -> None:
    for name, category in (("sofa_grey", "sofa"), ("desk_oak", "desk")):
        tick(name, category)
        bpy.ops.metaspatial.add_assets()
    sofa, desk = scene.metaspatial.items.objects
    bpy.context.view_layer.update()
    assert world_corners([desk])[:, 1].max() < world_corners([sofa])[:, 1].min()


def test_sizes_are_real_in_a_scene_of_other_units(scene) -> None:
    scene.unit_settings.scale_length = 0.01
    tick("desk_oak", "desk")
    bpy.ops.metaspatial.add_assets()
    (desk,) = scene.metaspatial.items.objects
    assert np.allclose(extent(desk), np.array(CATALOG["desk_oak"].size) * 100, atol=2)


def test_added_items_are_a_task_with_the_right_mounts(scene) -> None:
    scene.metaspatial.room_source = "SIZE"
    hung = next(asset.name for asset in CATALOG.values() if asset.mount == "ceiling")
    chosen = {"desk_oak": "floor", "laptop_black": "surface", "picture_landscape": "wall", hung: "ceiling"}
    for name in chosen:
        tick(name, CATALOG[name].category)
    bpy.ops.metaspatial.add_assets()
    snapshot = scene_to_task(scene, SceneOptions(size=(4, 3.5, 2.7), objects=scene.metaspatial.items.objects))
    assert {item.id: item.mount for item in snapshot.task.items} == chosen
    snapshot.free()


def test_objects_and_collections_of_the_artists_libraries_are_added(artists_library: Path, scene) -> None:
    tick("Grand Piano", "grand piano", 1, artists_library)
    tick("Sofa Corner", "sofa", 2, artists_library, "COLLECTION")
    assert bpy.ops.metaspatial.add_assets() == {"FINISHED"}
    objects = {obj.name: obj for obj in scene.metaspatial.items.objects}
    piano, sofa = objects["Grand Piano"], objects["Sofa Corner"]
    assert piano.parent is None and np.allclose(extent(piano), (1.5, 2, 1), atol=1e-4)
    assert sofa.instance_collection.name == "Sofa Corner" and np.allclose(extent(sofa), (3, 2, 1), atol=1e-4)
    assert objects["Sofa Corner.001"].instance_collection == sofa.instance_collection
    assert "Holder" not in bpy.data.objects and "Left" not in scene.objects
    assert bpy.data.materials["Grand Piano paint"].users == 1


def test_no_path_comes_into_the_file(artists_library: Path, scene, tmp_path: Path) -> None:
    tick("Grand Piano", "grand piano", 1, artists_library)
    tick("Sofa Corner", "sofa", 1, artists_library, "COLLECTION")
    tick("rug_blue", "rug")
    tick("desk_oak", "desk")
    bpy.ops.metaspatial.add_assets()
    assert not bpy.data.libraries
    assert [block.name for block in data_blocks() if block.library_weak_reference is not None] == []
    saved = tmp_path / "saved.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(saved), compress=False)
    assert b"studio.blend" not in saved.read_bytes() and b"furniture.blend" not in saved.read_bytes()


def test_what_is_gone_is_told_and_the_rest_is_added(scene, tmp_path: Path, capfd) -> None:
    tick("No Such Thing", "obj")
    tick("Chair", "chair", 1, tmp_path / "gone.blend")
    before = {block.session_uid for block in data_blocks()}
    assert bpy.ops.metaspatial.add_assets() == {"CANCELLED"}
    assert {block.session_uid for block in data_blocks()} == before
    tick("desk_oak", "desk")
    assert bpy.ops.metaspatial.add_assets() == {"FINISHED"}
    assert [obj.name for obj in scene.metaspatial.items.objects] == ["desk_oak"]


def test_the_worker_s_finds_become_the_list(scene) -> None:
    tick("old", "old")
    assets = find_assets("a bedroom with two armchairs", [], lambda done: None)
    furniture.list_assets(bpy.context.window_manager, assets)
    lines = bpy.context.window_manager.metaspatial.assets
    assert [(line.name, line.category, line.count, line.ticked) for line in lines] == [
        (entry["name"], entry["category"], entry["count"], entry["ticked"]) for entry in assets
    ]
    bpy.ops.metaspatial.add_assets()
    assert len(scene.metaspatial.items.objects) == 2


def test_nothing_ticked_nothing_to_add(scene) -> None:
    tick("desk_oak", "desk", ticked=False)
    assert not bpy.ops.metaspatial.add_assets.poll()


def test_our_furniture_becomes_an_asset_library_on_a_click_and_once(scene) -> None:
    libraries = bpy.context.preferences.filepaths.asset_libraries
    before = len(libraries)
    assert bpy.ops.metaspatial.add_library() == {"FINISHED"}
    assert len(libraries) == before + 1 and Path(libraries[-1].path).resolve() == LIBRARY_FOLDER.resolve()
    assert not bpy.ops.metaspatial.add_library.poll()
    libraries.remove(libraries[-1])


def test_rows_turn_over_and_start_anew() -> None:
    boxes = [np.array([(5.0, 5, 5), (7.0, 6, 6)])] * 4
    moves = stand_in_rows(boxes, ["floor", "floor", "wall", "floor"], np.array([1.0, -2.0, 0.5]), 5.0, 2.7, 1.0)
    stands = [box + move for box, move in zip(boxes, moves, strict=True)]
    assert np.allclose([box[:, 0].min() for box in stands], [1.0, 3.3, 1.0, 3.3])
    assert np.allclose([box[:, 1].max() for box in stands], [-2, -2, -3.3, -3.3])
    assert np.allclose([box[:, 2].min() for box in stands], [0.5, 0.5, 1.9, 0.5])
