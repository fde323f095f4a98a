"""What is written for others, read back: a .blend that looks right when opened, glTF, USD, the layout."""

from __future__ import annotations

import gzip
import json
import os
import platform
import re
import signal
import subprocess
import sys

import bpy
import numpy as np
import pytest

from metaspatial_addon.blender.assets.library import AssetLibrary
from metaspatial_addon.blender.physics.stage import Stage
from metaspatial_addon.blender.rendering.presentation import add_presentation
from metaspatial_addon.blender.scene_io import blend_file
from metaspatial_addon.blender.scene_io.item_mesh import load_item
from metaspatial_addon.blender.scene_io.scene_export import export_scene
from metaspatial_addon.blender.turns import turns
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.task import Item, Layout, Opening, Pose, Room, Task, read_layout

needs_usd = pytest.mark.skipif(not bpy.app.build_options.usd, reason="this Blender was built without USD")

DOOR = Opening("door_1", "door", 0, 0.6, 0.9, 0, 2.05)
ROOM = Room("bedroom", ((0, 0), (4.2, 0), (4.2, 3.6), (0, 3.6)), 2.7, (DOOR,))
LAYOUT = Layout("t", {"bed_1": Pose(1.0, 2.5, 0, 0), "stool_1": Pose(3.0, 1.0, 0, 90)})


@pytest.fixture
def library(tmp_path):
    """One asset with a picture that lies in a folder of this machine."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    root = tmp_path / "secret_folder"
    root.mkdir()
    made = bpy.data.images.new("wood", 4, 4)
    made.filepath_raw, made.file_format = str(root / "wood.png"), "PNG"
    made.save()
    bpy.data.images.remove(made)
    mesh = bpy.data.meshes.new("stool")
    mesh.from_pydata(
        [(-0.2, -0.1, 0), (0.2, -0.1, 0), (0.2, 0.1, 0), (0, 0, 0.5)], [], [(0, 2, 1), (0, 1, 3), (1, 2, 3), (2, 0, 3)]
    )
    mesh.uv_layers.new(name="UVMap")
    material = bpy.data.materials.new("wood")
    material.use_nodes = True
    picture = material.node_tree.nodes.new("ShaderNodeTexImage")
    picture.image = bpy.data.images.load(str(root / "wood.png"))
    material.node_tree.links.new(picture.outputs[0], material.node_tree.nodes["Principled BSDF"].inputs[0])
    mesh.materials.append(material)
    bpy.data.libraries.write(str(root / "furniture.blend"), {mesh})
    (root / "catalog.json").write_text(
        json.dumps(
            {
                "schema": "metaspatial.catalog/1",
                "assets": [{"name": "stool", "category": "stool", "size": [0.4, 0.2, 0.5]}],
            }
        )
    )
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return AssetLibrary(root)


@pytest.fixture
def made(library):
    """A scene with a run of two turns, as the episode's worker leaves it; the stage is gone again."""
    task = Task(
        "t",
        "p",
        ROOM,
        (Item("bed_1", "bed", (1.6, 2.0, 0.5)), Item("stool_1", "stool", (0.4, 0.2, 0.5), asset="stool")),
    )
    scene = bpy.data.scenes.new("MetaSpatial")
    with Stage(library) as stage:
        stage.open(task)
        run = turns.new_run(scene, "t")
        room = turns.add_room(run, stage.room.all)
        objects = {item_id: body.object for item_id, body in stage.bodies.items()}
        first = turns.from_stage(run, objects, {**LAYOUT.poses, "bed_1": Pose(2, 2, 0, 0)})
        turns.add_turn(run, first, {"score": {"reward": 0.4}})
        turns.add_turn(run, turns.from_stage(run, objects, LAYOUT.everywhere(task)), {"score": {"reward": 0.9}})
        add_presentation(scene, ROOM, room.objects)
    return scene, run


def extent(path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """World bounds (low, high) of the objects that importing a file brings, by name."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    importer = bpy.ops.import_scene.gltf if path.suffix == ".glb" else bpy.ops.wm.usd_import
    importer(filepath=str(path))
    found = {}
    bpy.context.view_layer.update()
    for obj in bpy.context.scene.objects:
        if obj.type == "MESH":
            points = np.array([obj.matrix_world @ v.co for v in obj.data.vertices])
            found[re.sub(r"[^a-z0-9]+", " ", obj.name).strip()] = points.min(axis=0), points.max(axis=0)
    return found


def test_blend_opens_ready_to_look_at(made, tmp_path):
    scene, _ = made
    bpy.data.scenes.new("the artist's other scene")
    blend_file.save_blend(tmp_path / "scene.blend", scene)
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["scene.blend"]
    assert len(gzip.decompress((tmp_path / "scene.blend").read_bytes())) > 3 * (tmp_path / "scene.blend").stat().st_size
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    scene = bpy.context.scene
    assert [s.name for s in bpy.data.scenes] == ["MetaSpatial"] and scene.camera is not None
    run = turns.runs(scene)[0]
    assert [turns.read_turn(turn)["score"]["reward"] for turn in turns.turns(run)] == [0.4, 0.9]
    shown = {obj.name for obj in bpy.context.view_layer.objects}
    assert "bed_1 · 02" in shown and "bed_1 · 01" not in shown
    assert len(run.children["Room"].objects) == 6
    assert next(i for i in bpy.data.images if i.name.startswith("wood")).packed_file is not None
    scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 1, False
    scene.render.resolution_x, scene.render.resolution_y = 64, 48
    scene.render.filepath, scene.render.image_settings.file_format = str(tmp_path / "look.png"), "PNG"
    bpy.ops.render.render(write_still=True)
    picture = bpy.data.images.load(str(tmp_path / "look.png"))
    brightness = np.array(picture.pixels).reshape(-1, 4)[:, :3].mean(axis=1)
    assert 0.15 < brightness.mean() < 0.85 and brightness.std() > 0.03


def test_blend_names_no_folder_of_this_machine(made, tmp_path):
    scene, _ = made
    blend_file.save_blend(tmp_path / "scene.blend", scene)
    content = gzip.decompress((tmp_path / "scene.blend").read_bytes())
    folders = rb"secret_folder|/(?:home|root|work|Users)/|" + re.escape(str(tmp_path).encode())
    assert not re.findall(rb".{0,300}(?:" + folders + rb").{0,100}", content, re.DOTALL)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc fills what it hands out on demand")
def test_blend_holds_no_memory_that_was_never_written(made, tmp_path):
    scene, _ = made
    blend_file.save_blend(tmp_path / "scene.blend", scene)
    again = (
        "import sys, bpy; from metaspatial_addon.blender.scene_io import blend_file; "
        "bpy.ops.wm.open_mainfile(filepath=sys.argv[1]); scene = bpy.data.scenes[0]; "
        "mesh = bpy.data.meshes.new('new'); "
        "mesh.from_pydata([(i, i % 2, 0) for i in range(400)], [], [(i, i + 1, i + 2) for i in range(398)]); "
        "scene.collection.objects.link(bpy.data.objects.new('new', mesh)); blend_file.save_blend(sys.argv[2], scene)"
    )
    subprocess.run(
        [sys.executable, "-c", again, str(tmp_path / "scene.blend"), str(tmp_path / "again.blend")],
        env={**os.environ, "MALLOC_PERTURB_": str(0xFF ^ ord("Z"))},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    content = gzip.decompress((tmp_path / "again.blend").read_bytes())
    assert content.count(b"//textures/wood.png\0") >= 2, "the picture's path, and that of what is packed of it"
    assert re.findall(rb".{0,60}(?:ZZZZ|\xa5{4})+", content, re.DOTALL) == [], "memory taken, or given back"


@pytest.mark.parametrize("kind", ["glb", pytest.param("usdc", marks=needs_usd)])
@pytest.mark.parametrize("scale", [1.0, 0.01])
def test_exported_turn_has_real_metres(made, tmp_path, kind, scale):
    scene, run = made
    turn = turns.turns(run)[1]
    window = bpy.context.window.scene
    if scale != 1.0:
        scene.unit_settings.scale_length = scale
        for obj in run.all_objects:
            obj.matrix_basis = obj.matrix_basis.Scale(1 / scale, 4) @ obj.matrix_basis
    path = tmp_path / f"scene.{kind}"
    write = blend_file.export_glb if kind == "glb" else blend_file.export_usd
    names = {block.name for block in bpy.data.objects}
    write(path, turn, scene)
    assert bpy.context.window.scene == window and {block.name for block in bpy.data.objects} == names
    assert not list(tmp_path.glob("*.part*"))
    found = extent(path)
    beds = {name: bounds for name, bounds in found.items() if "bed 1" in name}
    assert len(beds) == 1, "one turn only"
    low, high = next(iter(beds.values()))
    assert np.allclose(low, (0.2, 1.5, 0), atol=1e-4) and np.allclose(high, (1.8, 3.5, 0.5), atol=1e-4)
    assert sum("wall" in name for name in found) == 4, sorted(found)


def test_layout_is_written_and_read_back(tmp_path):
    blend_file.export_layout(tmp_path / "layout.json", LAYOUT)
    assert read_layout(tmp_path / "layout.json") == LAYOUT


def test_missing_folder_and_missing_usd_are_said(made, tmp_path, monkeypatch):
    scene, run = made
    with pytest.raises(InputError, match="existing folder"):
        blend_file.save_blend(tmp_path / "nowhere" / "scene.blend", scene)
    monkeypatch.setattr(blend_file, "has_usd", lambda: False)
    with pytest.raises(InputError, match="built without"):
        blend_file.export_usd(tmp_path / "scene.usd", turns.turns(run)[0], scene)


@pytest.mark.skipif(os.name != "posix", reason="limits of a process are those of POSIX")
@pytest.mark.parametrize("kind", ["blend", "glb", "exported"])
def test_a_write_that_fails_names_the_file(made, tmp_path, kind):
    """A process may write no file larger than a kilobyte; Blender's writers say "Error: Success" then, or nothing."""
    import resource

    scene, run = made
    path = tmp_path / f"scene.{kind}"
    path.write_bytes(b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, before[1]))
    try:
        with pytest.raises(OSError) as caught:
            if kind == "blend":
                blend_file.save_blend(path, scene)
            elif kind == "glb":
                blend_file.export_glb(path, turns.turns(run)[0], scene)
            else:
                export_scene(path, scene, list(scene.objects))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    assert caught.value.errno and caught.value.filename == str(path)
    assert "Success" not in str(caught.value) and "\n" not in str(caught.value)
    assert not list(tmp_path.glob("*.part*"))
    if kind != "exported":  # that one is for a folder of its own
        assert path.read_bytes() == b"old"


def test_a_cancelled_exporter_is_an_error(made, tmp_path, monkeypatch):
    """An exporter that gives up without an error of its own returns CANCELLED."""
    scene, run = made
    stopped = staticmethod(lambda **_: {"CANCELLED"})
    monkeypatch.setattr(blend_file.bpy, "ops", type("Ops", (), {"export_scene": type("Scene", (), {"gltf": stopped})}))
    with pytest.raises(OSError, match="Blender could not write it") as caught:
        blend_file.export_glb(tmp_path / "scene.glb", turns.turns(run)[0], scene)
    assert caught.value.filename == str(tmp_path / "scene.glb") and not list(tmp_path.glob("*.part*"))


def test_failed_write_leaves_the_old_file(made, tmp_path, monkeypatch):
    scene, run = made
    path = tmp_path / "scene.glb"
    path.write_bytes(b"old")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(blend_file.os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        blend_file.export_glb(path, turns.turns(run)[0], scene)
    assert path.read_bytes() == b"old" and not list(tmp_path.glob("*.part*"))


def test_exported_glb_is_an_item_again(made, tmp_path, library):
    scene, run = made
    blend_file.export_glb(tmp_path / "scene.glb", turns.turns(run)[1], scene)
    mesh = load_item(Item("room", "room", (4.4, 3.8, 2.7), asset=str(tmp_path / "scene.glb")), library)
    points = np.array([v.co for v in mesh.vertices])
    assert np.allclose(points.max(axis=0) - points.min(axis=0), (4.4, 3.8, 2.7), atol=0.01)
