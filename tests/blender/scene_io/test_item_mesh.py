"""Items from every kind of source: shape, place, materials, what stays behind, and what is said when it fails."""

from __future__ import annotations

import json

import bpy
import numpy as np
import pytest

from metaspatial_addon.blender.assets.library import AssetLibrary
from metaspatial_addon.blender.meshes import data_blocks, mesh_points, remove_blocks
from metaspatial_addon.blender.scene_io.item_mesh import load_item
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.task import Item

needs_usd = pytest.mark.skipif(not bpy.app.build_options.usd, reason="this Blender was built without USD")


def material(name: str) -> bpy.types.Material:
    """A material with a picture on it."""
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    picture = made.node_tree.nodes.new("ShaderNodeTexImage")
    picture.image = bpy.data.images.new(f"{name} picture", 4, 4)
    picture.image.pack()
    made.node_tree.links.new(picture.outputs[0], made.node_tree.nodes["Principled BSDF"].inputs[0])
    return made


def add_box(name: str, size, at, parent=None) -> bpy.types.Object:
    bpy.ops.mesh.primitive_cube_add(size=1, location=at)
    box = bpy.context.object
    box.name, box.scale = name, size
    box.data.materials.append(material(f"{name} material"))
    if parent is not None:
        box.parent = parent
    return box


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """The same chair in every format: 0.4 wide, 0.5 deep, 1.0 high, away from the origin, back (thin) at +y.

    Built of an empty with children, a modifier, a collection instance; camera, light and animation beside it.
    """
    folder = tmp_path_factory.mktemp("sources")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    root = bpy.data.objects.new("root", None)
    bpy.context.scene.collection.objects.link(root)
    root.location = (3, -2, 1)
    add_box("seat", (0.4, 0.5, 0.1), (0, 0, 0.45), root)
    half = add_box("back", (0.2, 0.05, 0.5), (0.1, 0.225, 0.75), root)
    half.modifiers.new("mirror", "MIRROR").mirror_object = root
    leg = add_box("leg", (0.05, 0.05, 0.4), (0, 0, 0.2))
    legs = bpy.data.collections.new("leg")
    bpy.context.scene.collection.objects.unlink(leg)
    legs.objects.link(leg)
    for x in (-0.15, 0.15):
        instance = bpy.data.objects.new("leg instance", None)
        instance.instance_type, instance.instance_collection = "COLLECTION", legs
        instance.parent, instance.location = root, (x, 0, 0)
        bpy.context.scene.collection.objects.link(instance)
    root.keyframe_insert("location", frame=1)
    bpy.ops.object.camera_add()
    bpy.ops.object.light_add()
    bpy.data.worlds.new("unused")
    bpy.ops.export_scene.gltf(
        filepath=str(folder / "chair.glb"), export_cameras=True, export_lights=True, export_apply=True
    )
    bpy.ops.export_scene.gltf(filepath=str(folder / "chair.gltf"), export_format="GLTF_SEPARATE", export_apply=True)
    bpy.ops.wm.obj_export(filepath=str(folder / "chair.obj"), export_animation=False)
    if bpy.app.build_options.usd:
        bpy.ops.wm.usd_export(filepath=str(folder / "chair.usd"))
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "chair.blend"), copy=True)
    bpy.ops.wm.read_factory_settings()
    return folder


@pytest.fixture
def library(tmp_path):
    """Two assets that share a material; the file has more in it."""
    shared = material("oak")
    meshes = set()
    for name, height in (("stool", 0.5), ("lamp", 1.5)):
        mesh = bpy.data.meshes.new(name)
        mesh.from_pydata(
            [(-0.2, -0.1, 0), (0.2, -0.1, 0), (0.2, 0.1, 0), (0, 0, height)],
            [],
            [(0, 2, 1), (0, 1, 3), (1, 2, 3), (2, 0, 3)],
        )
        mesh.materials.append(shared)
        meshes.add(mesh)
    bpy.data.libraries.write(str(tmp_path / "furniture.blend"), {*meshes, bpy.data.objects.new("extra", None)})
    remove_blocks([*meshes, bpy.data.objects["extra"]])
    assets = [
        {"name": "stool", "category": "stool", "size": [0.4, 0.2, 0.5], "words": ["seat"]},
        {"name": "lamp", "category": "floor lamp", "size": [0.4, 0.2, 1.5]},
    ]
    (tmp_path / "catalog.json").write_text(json.dumps({"schema": "metaspatial.catalog/1", "assets": assets}))
    made = AssetLibrary(tmp_path)
    yield made
    made.clear()


def blocks() -> dict[str, int]:
    """How many data-blocks of each kind there are."""
    counts: dict[str, int] = {}
    for block in data_blocks():
        counts[block.id_type] = counts.get(block.id_type, 0) + 1
    return counts


def bounds(mesh) -> tuple[np.ndarray, np.ndarray]:
    points = mesh_points(mesh)
    return points.min(axis=0), points.max(axis=0)


def test_box_fills_its_size(library):
    mesh = load_item(Item("box", "box", (1.0, 0.5, 0.25)), library)
    low, high = bounds(mesh)
    assert np.allclose(low, (-0.5, -0.25, 0)) and np.allclose(high, (0.5, 0.25, 0.25))
    centre = np.array((0, 0, 0.125))
    assert all(np.dot(np.array(face.center) - centre, face.normal) > 0 for face in mesh.polygons)
    remove_blocks([mesh])


@pytest.mark.parametrize("kind", ["glb", "gltf", "obj", "blend", pytest.param("usd", marks=needs_usd)])
def test_file_becomes_one_mesh_and_leaves_nothing_else(sources, library, kind):
    before, scene = blocks(), bpy.context.scene
    selected, shown = list(bpy.context.selected_objects), [thing.name for thing in scene.objects]
    active = bpy.context.view_layer.objects.active
    # The chair is 0.4 x 0.5 x 1.0: it fits 0.8 x 2.0 x 1.5 at scale 1.5.
    mesh = load_item(Item("chair_1", "chair", (0.8, 2.0, 1.5), asset=str(sources / f"chair.{kind}")), library)
    low, high = bounds(mesh)
    assert np.allclose(low, (-0.3, -0.375, 0), atol=1e-5) and np.allclose(high, (0.3, 0.375, 1.5), atol=1e-5)
    top = mesh_points(mesh)[:, 2] > 1.4
    assert mesh_points(mesh)[top, 1].min() > 0.2, "the back stays at +y"
    assert {m.name.split(".")[0] for m in mesh.materials} >= {"seat material", "back material", "leg material"} or (
        kind in ("obj", "usd") and len(mesh.materials) >= 3
    )
    assert len(mesh.polygons) >= 6 + 2 * 6 + 2 * 6 - 6
    pictures = {node.image for m in mesh.materials for node in m.node_tree.nodes if node.type == "TEX_IMAGE"}
    assert None not in pictures
    used = len(mesh.materials)
    extra = {kind: count - before.get(kind, 0) for kind, count in blocks().items() if count != before.get(kind, 0)}
    assert extra.pop("MESH") == 1 and extra.pop("MATERIAL") == used and set(extra) <= {"IMAGE"}
    assert extra.get("IMAGE", 0) == len(pictures)
    assert bpy.context.scene == scene and [thing.name for thing in scene.objects] == shown
    assert list(bpy.context.selected_objects) == selected and bpy.context.view_layer.objects.active == active
    remove_blocks([mesh])
    assert blocks() == before


def test_blend_without_a_scene_gives_all_its_objects(tmp_path, library):
    before = blocks()
    mesh = bpy.data.meshes.new("m")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 0, 1)], [], [(0, 1, 2)])
    mirrored, hidden = bpy.data.objects.new("a", mesh), bpy.data.objects.new("b", mesh)
    mirrored.scale.x, hidden.hide_render, hidden.location.y = -1, True, 5
    bpy.data.libraries.write(str(tmp_path / "parts.blend"), {mirrored, hidden})
    bpy.data.batch_remove([mirrored, hidden, mesh])
    loaded = load_item(Item("i", "thing", (2, 2, 2), asset=str(tmp_path / "parts.blend")), library)
    low, high = bounds(loaded)
    assert np.allclose(low, (-1, 0, 0)) and np.allclose(high, (1, 0, 2)), "a flat mesh is scaled by its other sides"
    assert loaded.polygons[0].normal.y < -0.9, "mirroring keeps the side that faces outwards"
    remove_blocks([loaded])
    assert blocks() == before


def test_library_asset_is_read_once_and_copied(library):
    before = blocks()
    small = load_item(Item("a", "stool", (0.2, 0.1, 0.25), asset="stool"), library)
    large = load_item(Item("b", "stool", (0.4, 0.4, 0.5), asset="stool"), library)
    lamp = load_item(Item("c", "lamp", (0.4, 0.2, 1.5), asset="lamp"), library)
    assert np.allclose(bounds(small)[1], (0.1, 0.05, 0.25)) and np.allclose(bounds(large)[1], (0.2, 0.1, 0.5))
    assert small.materials[0] == large.materials[0] == lamp.materials[0]
    assert library.find("stool").words == ("seat",) and library.find("unknown") is None
    remove_blocks([small, large, lamp])
    library.clear()
    assert blocks() == before
    again = load_item(Item("a", "stool", (0.2, 0.1, 0.25), asset="stool"), library)
    assert np.allclose(bounds(again)[1], (0.1, 0.05, 0.25))
    remove_blocks([again])


@pytest.mark.parametrize(
    "mount, place",
    [("ceiling", ([-0.05, -0.1, 0.5], [0.05, 0.1, 1.0])), ("wall", ([-0.05, 0.3, 0.0], [0.05, 0.5, 0.5]))],
)
def test_hanging_items_touch_what_they_hang_on(tmp_path, library, mount, place):
    """A mesh of other proportions than its size does not float below the ceiling or before the wall."""
    mesh = bpy.data.meshes.new("pendant")
    mesh.from_pydata([(0, 0, 0), (0.1, 0, 0), (0.1, 0.2, 0), (0, 0.2, 0.5)], [], [(0, 1, 2), (0, 2, 3)])
    bpy.data.libraries.write(str(tmp_path / "p.blend"), {bpy.data.objects.new("pendant", mesh)})
    remove_blocks([bpy.data.objects["pendant"], mesh])
    size = (0.1, 0.2, 1.0) if mount == "ceiling" else (0.1, 1.0, 0.5)
    loaded = load_item(Item("p", "pendant lamp", size, mount=mount, asset=str(tmp_path / "p.blend")), library)
    assert np.allclose(bounds(loaded), place, atol=1e-6)
    remove_blocks([loaded])


@pytest.mark.parametrize(
    "asset, said",
    [
        ("sofa_that_is_not_there", "an asset of"),
        ("missing.glb", "existing file"),
        ("notes.txt", "an asset of"),
    ],
)
def test_an_asset_that_is_not_there_is_named(tmp_path, monkeypatch, library, asset, said):
    (tmp_path / "notes.txt").write_text("hello")
    before = blocks()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=said) as caught:
        load_item(Item("sofa_1", "sofa", (1, 1, 1), asset=asset), library)
    assert asset in str(caught.value)
    assert blocks() == before


@pytest.mark.parametrize(
    "asset, said",
    [
        ("broken.glb", "a binary glTF, which begins with glTF"),
        ("broken.gltf", "JSON"),
        ("broken.blend", "readable .blend"),
        ("empty.obj", "at least one face"),
        ("camera.blend", "at least one face"),
        ("point.obj", "finite size"),
        ("nan.blend", "at least one face"),
        pytest.param("broken.usd", "readable .usd", marks=needs_usd),
    ],
)
def test_a_box_takes_the_place_of_an_asset_that_cannot_be_read(tmp_path, monkeypatch, caplog, library, asset, said):
    camera = bpy.data.objects.new("c", bpy.data.cameras.new("c"))
    bpy.data.libraries.write(str(tmp_path / "camera.blend"), {camera})
    bpy.data.batch_remove([camera, camera.data])
    for kind in ("glb", "gltf", "blend", "usd"):
        (tmp_path / f"broken.{kind}").write_bytes(b"\x01 this is no furniture" * 40)
    (tmp_path / "empty.obj").write_text("# nothing\n")
    (tmp_path / "point.obj").write_text("v 1 1 1\nv 1 1 1\nv 1 1 1\nf 1 2 3\n")
    endless = bpy.data.objects.new("nan", bpy.data.meshes.new("nan"))
    endless.data.from_pydata([(0, 0, 0), (1, 0, float("nan")), (0, 1, 0)], [], [(0, 1, 2)])
    bpy.data.libraries.write(str(tmp_path / "nan.blend"), {endless})
    remove_blocks([endless, endless.data])
    before = blocks()
    monkeypatch.chdir(tmp_path)
    mesh = load_item(Item("sofa_1", "sofa", (1, 2, 3), asset=asset), library)
    assert np.allclose(bounds(mesh), [[-0.5, -1, 0], [0.5, 1, 3]]) and len(mesh.polygons) == 6
    (line,) = caplog.messages
    assert line.startswith(f"{asset}: ") and said in line and line.endswith("a plain box takes the place of sofa_1")
    remove_blocks([mesh])
    assert blocks() == before


@pytest.mark.parametrize(
    "content, said", [(None, "furniture.blend"), (b"no blend", "furniture.blend"), ("other", "a mesh named lamp")]
)
def test_library_without_its_meshes_is_refused(tmp_path, library, content, said):
    path = library.root / "furniture.blend"
    if content == "other":
        bpy.data.libraries.write(str(path), {bpy.data.meshes.new("other")})
    elif content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    before = blocks()
    with pytest.raises(InputError, match=said):
        load_item(Item("a", "stool", (1, 1, 1), asset="stool"), library)
    assert blocks() == before


def test_usd_without_usd_says_so(tmp_path, library, monkeypatch):
    (tmp_path / "chair.usd").write_text("#usda 1.0")
    monkeypatch.setattr("metaspatial_addon.blender.scene_io.item_mesh.has_usd", lambda: False)
    with pytest.raises(InputError, match="built without USD"):
        load_item(Item("c", "chair", (1, 1, 1), asset=str(tmp_path / "chair.usd")), library)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        '{"schema": "other"}',
        "not json",
        '{"schema": "metaspatial.catalog/1", "assets": [{"name": "a"}]}',
        '{"schema": "metaspatial.catalog/1", "assets": [{"name": "a", "category": "a", "size": [1, 0, 1]}]}',
    ],
)
def test_bad_catalog_is_refused(tmp_path, text):
    (tmp_path / "catalog.json").write_text(text)
    with pytest.raises(InputError, match="catalog.json"):
        AssetLibrary(tmp_path)
