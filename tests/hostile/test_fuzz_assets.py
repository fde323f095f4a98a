"""Assets with parts that nobody should write: refused with what is wrong, or opened by a process that may crash, and in
either case the next one is read.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

bpy = pytest.importorskip("bpy")

from hypothesis import given, settings
from hypothesis import strategies as st

from metaspatial_addon.blender.assets import conversion
from metaspatial_addon.blender.assets.gltf import check_gltf
from metaspatial_addon.blender.assets.library import LIBRARY_FOLDER, AssetLibrary
from tests.hostile.assets import gltf_content
from tests.hostile.fuzzing import PROFILE, bounded_memory, documents, edited, mangled, read

IMPORTS = settings(PROFILE, max_examples=PROFILE.max_examples // 3)
"""An import takes some ten milliseconds."""


@pytest.fixture(autouse=True, scope="module")
def bounds():
    with bounded_memory():
        yield
    conversion.end_process()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("assets")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack("<I", len(data)) + kind + data


def glb() -> bytes:
    """The triangle as a binary file."""
    content = gltf_content()
    content["buffers"] = [{"byteLength": 36}]
    text = json.dumps(content).encode()
    points = struct.pack("<9f", 0, 0, 0, 1, 0, 0, 0, 1, 0)
    body = chunk(b"JSON", text + b" " * (-len(text) % 4)) + chunk(b"BIN\0", points)
    return b"glTF" + struct.pack("<II", 2, 12 + len(body)) + body


OBJ = b"""mtllib a.mtl
o chair
v 0 0 0
v 1 0 0
v 0 1 0
v 1 1 1
vt 0 0
vt 1 0
vn 0 0 1
usemtl cloth
s 1
f 1/1/1 2/2/1 3/1/1
f -1 -2 -3 -4
l 1 2 3
curv 0 1 1 2
"""
CATALOG = {
    "schema": "metaspatial.catalog/1",
    "assets": json.loads((LIBRARY_FOLDER / "catalog.json").read_text(encoding="utf-8"))["assets"][:2],
}


@PROFILE
@given(data=documents(gltf_content()))
def test_text_gltf(folder, data):
    (folder / "a.gltf").write_bytes(data)
    read(lambda: check_gltf(folder / "a.gltf"))


@PROFILE
@given(data=mangled(glb()))
def test_binary_gltf(folder, data):
    (folder / "a.glb").write_bytes(data)
    read(lambda: check_gltf(folder / "a.glb"))


@PROFILE
@given(data=documents(CATALOG))
def test_catalogs(folder, data):
    (folder / "catalog.json").write_bytes(data)
    read(lambda: AssetLibrary(folder))


@IMPORTS
@given(
    asset=st.tuples(st.just(".gltf"), edited(gltf_content()).map(lambda content: json.dumps(content).encode()))
    | st.tuples(st.just(".glb"), mangled(glb()))
    | st.tuples(st.just(".obj"), mangled(OBJ))
)
def test_imports(folder, asset):
    kind, data = asset
    path = folder / f"asset{kind}"
    path.write_bytes(data)
    converted = conversion.convert(path)
    assert (converted.blend is None) == bool(converted.failure)
    assert "\n" not in converted.failure and "Traceback" not in converted.failure
