"""Assets that crash Blender, never end or fill the memory cost one item: a box takes its place, the rest goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

bpy = pytest.importorskip("bpy")

from metaspatial_addon.blender.assets import conversion
from metaspatial_addon.blender.assets.library import AssetLibrary
from metaspatial_addon.blender.scene_io.item_mesh import load_item
from metaspatial_addon.core.task import Item
from tests.hostile.assets import TRIANGLE, blend, gltf, gltf_content, usd, usd_instances

needs_usd = pytest.mark.skipif(not bpy.app.build_options.usd, reason="this Blender was built without USD")


@pytest.fixture(autouse=True)
def empty_file():
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)


@pytest.fixture(autouse=True, scope="module")
def process():
    yield
    conversion.end_process()


def load(path: Path):
    return load_item(Item("chair_1", "chair", (1.0, 1.0, 0.5), asset=str(path)), AssetLibrary())


def is_box(mesh) -> bool:
    return (len(mesh.vertices), len(mesh.polygons)) == (8, 6)


@needs_usd
@pytest.mark.parametrize(("counts", "indices"), [("2000000000", "0, 1, 2"), ("3", "0, 1, 2000000000")])
def test_a_crash_costs_one_item(tmp_path, caplog, counts, indices):
    sound = usd(tmp_path / "sound.usda")
    assert not is_box(load(sound))
    crashing = usd(tmp_path / "crashing.usda", counts, indices)
    assert is_box(load(crashing))
    (line,) = caplog.messages
    assert line.startswith(str(crashing)) and "a plain box takes the place of chair_1" in line
    assert "Blender crashes on it" in line or bpy.app.version >= (5, 1)  # which finds no face in it
    assert not is_box(load(gltf(tmp_path / "next.gltf", gltf_content())))
    start = time.perf_counter()
    assert is_box(load(crashing)), "what came of a file is kept"
    assert time.perf_counter() - start < 0.5


@needs_usd
@pytest.mark.parametrize("count", [20_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_a_million_instances_are_refused_in_time(tmp_path, caplog, count):
    assert is_box(load(usd_instances(tmp_path / "many.usda", count)))
    assert "at most 10,000 objects and instances" in caplog.text


def test_an_import_that_does_not_end_is_broken_off(tmp_path, caplog, monkeypatch):
    load(gltf(tmp_path / "first.gltf", gltf_content()))
    monkeypatch.setattr(conversion, "SECONDS", 1)
    start = time.perf_counter()
    assert is_box(load(gltf(tmp_path / "endless.gltf", gltf_content(nodes=60_000))))
    assert time.perf_counter() - start < 5
    assert "it takes Blender more than 1 seconds" in caplog.text


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux")
def test_an_asset_that_fills_the_memory_is_broken_off(tmp_path, caplog, monkeypatch):
    conversion.end_process()
    monkeypatch.setattr(conversion, "MOST_MEMORY", 300 * 2**20)
    large = tmp_path / "large.obj"
    with large.open("w") as file:
        file.writelines(f"v {k} {k % 7} 0\n" for k in range(500_000))
        file.writelines(f"f {k} {k + 1} {k + 2}\n" for k in range(1, 499_999))
    assert is_box(load(large))
    conversion.end_process()
    assert str(large) in caplog.text and "a plain box" in caplog.text


def test_what_a_blend_links_from_outside_its_folder_is_left_out(tmp_path, caplog):
    folder = tmp_path / "asset"
    folder.mkdir()
    secret, own = blend(tmp_path / "secret.blend", "secret"), blend(folder / "own.blend", "own")
    inner = blend(folder / "inner.blend", "inner", linked=secret)
    assets = [
        blend(folder / f"{name}.blend", name, linked=at) for name, at in (("a", secret), ("b", own), ("c", inner))
    ]
    assert [len(load(asset).polygons) for asset in assets] == [1, 2, 2]
    assert "what it links from secret.blend is left out" in caplog.text


@needs_usd
@pytest.mark.skipif(not hasattr(bpy.utils, "expose_bundled_modules"), reason="this Blender's Python has no USD")
@pytest.mark.parametrize("way", ["references", "payload", "subLayers"])
def test_a_usd_takes_nothing_from_outside_its_folder(tmp_path, caplog, way):
    folder = tmp_path / "asset"
    folder.mkdir()
    usd(tmp_path / "secret.usda")
    text = f'#usda 1.0\ndef "r" (\n    {way} = @../secret.usda@</mesh>\n)\n{{\n}}\n'
    if way == "subLayers":
        text = "#usda 1.0\n(\n    subLayers = [@../secret.usda@]\n)\n"
    (folder / "asset.usda").write_text(text)
    assert is_box(load(folder / "asset.usda"))
    assert "references to files in its own folder" in caplog.text


def broken(**changes) -> dict:
    """The triangle's glTF with fields replaced, by their dotted path."""
    content = gltf_content()
    for path, value in changes.items():
        *parents, last = path.split("__")
        holder = content
        for key in parents:
            holder = holder[int(key) if key.isdigit() else key]
        holder[int(last) if last.isdigit() else last] = value
    return content


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (broken(asset={}), "asset.version: expected 2.0"),
        (broken(nodes__0__mesh=7), "nodes[0].mesh: expected the number of one of the 1 meshes, got 7"),
        (broken(nodes__0__children=[0]), "nodes[0]: expected a node with at most 200 ancestors"),
        (
            broken(nodes=[{"children": [1]}, {"children": [2]}, {"children": [1]}]),
            "children[0]: expected a node without",
        ),
        (broken(scenes__0__nodes=["a"]), "scenes[0].nodes[0]: expected the number of one of the 1 nodes, got 'a'"),
        (broken(accessors__0__count=4), "accessors[0].count: expected elements that end within bufferViews[0], got 4"),
        (broken(accessors__0__count=2_000_000_000), "accessors[0].count: expected a whole number from 0 to 50000000"),
        (broken(accessors__0__componentType=3), "accessors[0].componentType: expected the number of a type"),
        (broken(bufferViews__0__byteLength=99), "bufferViews[0].byteLength: expected a whole number from 0 to 36"),
        (broken(buffers__0__uri="missing.bin"), "buffers[0].uri: expected a file of at least 36 bytes"),
        (broken(meshes=3), "meshes: expected a list, got 3"),
        (broken(meshes__0__primitives__0__attributes=[]), "meshes[0].primitives[0].attributes: expected an object"),
        (broken(meshes__0__primitives__0__material=9), "meshes[0].primitives[0].material: expected the number"),
        (broken(buffers__0__uri="data:application/octet-stream;base64,AAAA"), ".gltf file ("),
    ],
)
def test_a_broken_gltf_is_named_with_what_is_wrong(tmp_path, caplog, content, said):
    path = gltf(tmp_path / "chair.gltf", content)
    assert is_box(load(path))
    (line,) = caplog.messages
    assert line.startswith(f"{path}: ") and said in line and "Location" not in line and "\n" not in line


def test_a_batch_goes_on_after_an_asset_that_crashes(tmp_path, checkout):
    """And nothing of the process that opened it stays in the temporary folder."""
    crashing = gltf(tmp_path / "chair.gltf", broken(nodes__0__mesh=7))
    if bpy.app.build_options.usd:
        crashing = usd(tmp_path / "chair.usda", "2000000000")
    room = {"type": "office", "floor": [[0, 0], [4, 0], [4, 4], [0, 4]], "height": 2.5}
    lines = []
    for k, asset in enumerate((str(crashing), "double_bed_oak", str(gltf(tmp_path / "sound.gltf", gltf_content())))):
        items = [{"id": "desk_1", "category": "desk", "size": [1.2, 0.6, 0.74], "asset": asset}]
        task = {"schema": "metaspatial.task/1", "id": f"t{k}", "prompt": "", "room": room, "items": items}
        answer = '<answer>[{"id": "desk_1", "x": 2, "y": 2, "z": 0, "yaw": 0}]</answer>'
        lines.append(json.dumps({"task": task, "answer": answer}))
    (tmp_path / "pairs.jsonl").write_text("\n".join(lines))
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    done = subprocess.run(
        [sys.executable, "headless/score.py", "--pairs", str(tmp_path / "pairs.jsonl"), "--no-render"],
        cwd=checkout,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["status"] for line in done.stdout.splitlines()] == ["ok"] * 3
    assert done.stderr.count("a plain box takes the place of desk_1") == 1 and "Traceback" not in done.stderr
    assert list(temporary.iterdir()) == []


def test_the_everyday_path_starts_no_process(tmp_path, monkeypatch):
    """Our own furniture is opened here; a file that was opened before is not opened again, at another size either."""
    monkeypatch.setattr(conversion.subprocess, "Popen", None)
    load_item(Item("chair_1", "chair", (1.0, 1.0, 1.0), asset="double_bed_oak"), AssetLibrary())
    monkeypatch.undo()
    path = gltf(tmp_path / "chair.gltf", gltf_content())
    load(path)
    conversion.end_process()
    monkeypatch.setattr(conversion.subprocess, "Popen", None)
    mesh = load_item(Item("chair_2", "chair", (2.0, 2.0, 0.5), asset=str(path)), AssetLibrary())
    assert len(mesh.vertices) == len(TRIANGLE)
