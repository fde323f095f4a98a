"""Files that an asset or a scene names: none that is no picture of its own gets into what is written."""

from __future__ import annotations

import base64
import gzip
import json
import struct
import zlib
from pathlib import Path

import pytest

bpy = pytest.importorskip("bpy")

from metaspatial_addon.blender.assets.library import AssetLibrary
from metaspatial_addon.blender.scene_io import blend_file
from metaspatial_addon.blender.scene_io.item_mesh import load_item
from metaspatial_addon.core.task import Item

MARKER = b"MARKER-of-a-private-file"


def png(text: bytes = b"") -> bytes:
    """A picture of one pixel, with a comment."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    comment = chunk(b"tEXt", b"Comment\0" + text) if text else b""
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + comment
        + chunk(b"IDAT", zlib.compress(b"\0\xff\0\0"))
        + chunk(b"IEND", b"")
    )


def gltf(folder: Path, picture: str, buffer: str | None = None) -> Path:
    """A textured triangle that names a picture."""
    points = struct.pack("<9f", 0, 0, 0, 1, 0, 0, 0, 1, 0) + struct.pack("<6f", 0, 0, 1, 0, 0, 1)
    uri = buffer or "data:application/octet-stream;base64," + base64.b64encode(points).decode()
    view = {"buffer": 0, "byteOffset": 0, "byteLength": 36}, {"buffer": 0, "byteOffset": 36, "byteLength": 24}
    content = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "material": 0}]}],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
        "textures": [{"source": 0}],
        "images": [{"uri": picture}],
        "buffers": [{"byteLength": 60, "uri": uri}],
        "bufferViews": list(view),
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3", "min": [0, 0, 0], "max": [1, 1, 0]},
            {"bufferView": 1, "componentType": 5126, "count": 3, "type": "VEC2"},
        ],
    }
    path = folder / "chair.gltf"
    path.write_text(json.dumps(content))
    return path


def obj(folder: Path, picture: str) -> Path:
    (folder / "chair.mtl").write_text(f"newmtl cloth\nKd 1 1 1\nmap_Kd {picture}\n")
    path = folder / "chair.obj"
    path.write_text(
        "mtllib chair.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\nusemtl cloth\nf 1/1 2/2 3/3\n"
    )
    return path


def blend(folder: Path, picture: str, source: str = "FILE") -> Path:
    named = bpy.data.images.new("cloth", 1, 1)
    named.source, named.filepath_raw = source, picture if picture.startswith("/") else f"//{picture}"
    material = bpy.data.materials.new("cloth")
    material.use_nodes = True
    node = material.node_tree.nodes.new("ShaderNodeTexImage")
    node.image = named
    principled = next(n for n in material.node_tree.nodes if n.type == "BSDF_PRINCIPLED")
    material.node_tree.links.new(node.outputs[0], principled.inputs["Base Color"])
    mesh = bpy.data.meshes.new("chair")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    mesh.materials.append(material)
    made = bpy.data.objects.new("chair", mesh)
    path = folder / "chair.blend"
    bpy.data.libraries.write(str(path), {made})
    bpy.data.batch_remove([made, mesh, material, named])
    return path


def written(asset: Path, folder: Path) -> bytes:
    """All bytes of a scene.blend that holds the asset."""
    library = AssetLibrary()
    mesh = load_item(Item("chair", "chair", (1.0, 1.0, 0.1), asset=str(asset)), library)
    scene = bpy.data.scenes.new("Out")
    scene.collection.objects.link(bpy.data.objects.new("Chair", mesh))
    blend_file.save_blend(folder / "scene.blend", scene)
    return gzip.decompress((folder / "scene.blend").read_bytes())


@pytest.fixture
def folders(tmp_path):
    """The folder of an asset, in one with private files beside it, and one to write to."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    (tmp_path / "secret.txt").write_bytes(MARKER)
    (tmp_path / "private.png").write_bytes(png(MARKER))
    asset, out = tmp_path / "asset", tmp_path / "out"
    asset.mkdir()
    out.mkdir()
    (asset / "linked.png").symlink_to(tmp_path / "private.png")
    (asset / "fake.png").write_bytes(MARKER)
    return asset, out


@pytest.mark.parametrize("make", [gltf, obj, blend], ids=lambda make: make.__name__)
@pytest.mark.parametrize(
    "picture", ["../secret.txt", "../private.png", "{}/secret.txt", "{}/private.png", "fake.png", "linked.png"]
)
def test_a_file_that_is_no_picture_of_the_asset_stays_out(make, picture, folders):
    asset, out = folders
    content = written(make(asset, picture.format(asset.parent)), out)
    assert MARKER not in content and str(asset.parent).encode() not in content


@pytest.mark.parametrize("make", [gltf, obj, blend], ids=lambda make: make.__name__)
def test_a_picture_of_the_asset_goes_in(make, folders):
    asset, out = folders
    (asset / "textures").mkdir()
    (asset / "textures" / "own.png").write_bytes(png(b"the asset's own picture"))
    content = written(make(asset, "textures/own.png"), out)
    assert b"the asset's own picture" in content and str(asset.parent).encode() not in content


@pytest.mark.parametrize("source", ["TILED", "SEQUENCE", "MOVIE"])
def test_tiles_and_films_from_elsewhere_stay_out(source, folders):
    asset, out = folders
    (asset.parent / "private.1001.png").write_bytes(png(MARKER))
    named = "../private.<UDIM>.png" if source == "TILED" else "../private.1001.png"
    assert MARKER not in written(blend(asset, named, source), out)


@pytest.mark.parametrize("uri", ["../secret.txt", "%2e%2e/secret.txt", "..%2Fsecret.txt"])
def test_a_buffer_outside_the_folder_is_refused(uri, folders, caplog):
    asset, _ = folders
    (asset.parent / "secret.txt").write_bytes(MARKER * 10)
    mesh = load_item(Item("c", "chair", (1, 1, 1), asset=str(gltf(asset, "x.png", uri))), AssetLibrary())
    assert "buffers[0].uri: expected a file in the folder" in caplog.text and "a plain box" in caplog.text
    assert len(mesh.vertices) == 8


def test_no_path_of_this_machine_is_left_in_a_scene(tmp_path):
    """Of fonts, sounds, clips, volumes, caches, scripts, nodes and modifiers."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    private = tmp_path / "of-a-person"
    private.mkdir()
    (private / "secret.png").write_bytes(MARKER)
    named = str(private / "secret.png")
    image = bpy.data.images.load(named)
    film = bpy.data.images.new("film", 1, 1)
    film.source, film.filepath_raw, film.use_fake_user = "SEQUENCE", str(private / "film_0001.png"), True
    scene.render.filepath = scene.render.bake.filepath = str(private) + "/"
    text = bpy.data.texts.new("notes")
    text.filepath = str(private / "notes.txt")
    volume = bpy.data.volumes.new("smoke")
    volume.filepath = str(private / "smoke.vdb")
    material = bpy.data.materials.new("m")
    material.use_nodes = True
    for shown in (image, film):
        material.node_tree.nodes.new("ShaderNodeTexImage").image = shown
    for kind in ("ShaderNodeTexIES", "ShaderNodeScript"):
        node = material.node_tree.nodes.new(kind)
        node.mode = "EXTERNAL"
        node.filepath = str(private / "light.ies")
    mesh = bpy.data.meshes.new("mesh")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    mesh.materials.append(material)
    thing = bpy.data.objects.new("thing", mesh)
    thing.modifiers.new("cache", "MESH_CACHE").filepath = str(private / "anim.pc2")
    thing.modifiers.new("fluid", "FLUID").fluid_type = "DOMAIN"
    thing.modifiers["fluid"].domain_settings.cache_directory = str(private)
    scene.collection.objects.link(thing)
    scene.collection.objects.link(bpy.data.objects.new("smoke", volume))
    bpy.data.texts["notes"].use_fake_user = True
    blend_file.save_blend(tmp_path / "scene.blend", scene)
    content = gzip.decompress((tmp_path / "scene.blend").read_bytes())
    assert b"of-a-person" not in content and MARKER not in content
