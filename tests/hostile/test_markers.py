"""Nothing of this machine leaves it: user, home, folders, keys and other files are marked, and looked for in whatever
is written."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

bpy = pytest.importorskip("bpy")

from metaspatial_addon.blender.scene_io import blend_file
from metaspatial_addon.blender.turns import turns
from tests.blender.scenes import add_box, add_floor
from tests.hostile.test_named_files import png
from tests.policy.servers import ScriptedServer, send

CHECKOUT = Path(__file__).parents[2]
MARKERS = {
    "user": "marker-of-a-user",
    "home": "marker-of-a-home",
    "folder": "marker-of-a-folder",
    "key": "marker-of-a-key",
    "variable": "marker-of-a-variable",
    "content": "marker-of-a-file",
    "model": "marker-of-a-model",
    "password": "marker-of-a-password",
}


def contents(path: Path) -> Iterator[bytes]:
    """The bytes of a file as they are, and what is compressed in them."""
    data = path.read_bytes()
    yield data
    if data[:2] == b"\x1f\x8b":
        yield gzip.decompress(data)
    if data[:4] == b"\x89PNG":
        at = 8
        while at + 8 <= len(data):
            length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
            chunk = data[at + 8 : at + 8 + length]
            if kind in (b"zTXt", b"iTXt", b"eXIf"):
                yield chunk
                for start in range(len(chunk)):
                    if chunk[start : start + 1] == b"\x78":
                        try:
                            yield zlib.decompress(chunk[start:])
                        except zlib.error:
                            continue
            at += 12 + length


def found(folder: Path, *markers: str) -> list[tuple[str, str]]:
    """Which files below a folder hold which of the markers, as ASCII or as UTF-16."""
    hits = []
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    for path in files:
        for data in contents(path):
            hits += [(path.name, m) for m in markers if m.encode() in data or m.encode("utf-16-le") in data]
    return hits


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """A folder of a person, with a picture and a file of theirs."""
    folder = tmp_path / MARKERS["home"] / MARKERS["folder"]
    folder.mkdir(parents=True)
    (folder / "secret.txt").write_text(MARKERS["content"])
    (folder / "cloth.png").write_bytes(png())
    return folder


@pytest.fixture
def scene(private: Path) -> Path:
    """A scene that names files of that folder wherever Blender has a field for a path."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    add_floor()
    table = add_box("Table", (1.2, 0.8, 0.75), (1, 1, 0))
    add_box("Chair", (0.5, 0.5, 0.9), (3, 2, 0))
    material = bpy.data.materials.new("Cloth")
    material.use_nodes = True
    node = material.node_tree.nodes.new("ShaderNodeTexImage")
    node.image = bpy.data.images.load(str(private / "cloth.png"))
    shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    material.node_tree.links.new(node.outputs[0], shader.inputs["Base Color"])
    table.data.materials.append(material)
    secret = bpy.data.images.new("Secret", 1, 1)
    secret.source, secret.filepath, secret.use_fake_user = "FILE", str(private / "secret.txt"), True
    scene.render.filepath = str(private / "render")
    text = bpy.data.texts.new("notes")
    text.filepath = str(private / "secret.txt")
    text.use_fake_user = True
    bpy.data.volumes.new("Smoke").filepath = str(private / "secret.vdb")
    table.modifiers.new("Cache", "MESH_CACHE").filepath = str(private / "secret.mdd")
    path = private / "room.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path), relative_remap=False)
    return path


def command(private: Path, script: str, *argv: object) -> str:
    """Run a command as that person, from their folder; what it printed. It must end well."""
    home = private.parent
    (home / "tmp").mkdir(exist_ok=True)
    environment = {
        **os.environ,
        **dict.fromkeys(("USER", "LOGNAME", "USERNAME", "HOSTNAME"), MARKERS["user"]),
        **dict.fromkeys(("HOME", "USERPROFILE", "XDG_CONFIG_HOME", "BLENDER_USER_RESOURCES"), str(home)),
        "METASPATIAL_API_KEY": MARKERS["key"],
        "OPENAI_API_KEY": MARKERS["key"],
        "SOME_TOKEN": MARKERS["variable"],
        "TMPDIR": str(home / "tmp"),
        "PYTHONPATH": str(CHECKOUT),
    }
    done = subprocess.run(
        [sys.executable, str(CHECKOUT / "headless" / script), *map(str, argv)],
        cwd=private,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def all_markers() -> list[str]:
    """What was marked, and the names of this machine that cannot be."""
    names = (socket.gethostname(), str(Path.home()))
    return [*MARKERS.values(), *(name for name in names if len(name) > 6)]  # "/root" is also a prim of USD


def test_a_layout_of_a_scene_holds_nothing_of_the_machine(scene: Path, private: Path, tmp_path: Path) -> None:
    model = private / MARKERS["model"] / "mine"
    shutil.copytree(CHECKOUT / "assets" / "models" / "tiny", model)
    options = ("--prompt", "A calm room.", "--policy", "builtin", "--model", model, "--samples", 1, "--turns", 1)
    command(
        private,
        "generate.py",
        "--blend",
        scene,
        *options,
        "--no-pictures",
        "--export",
        "glb",
        "--out",
        tmp_path / "out",
    )
    assert {"scene.blend", "scene.glb", "turns.jsonl"} <= {path.name for path in (tmp_path / "out").iterdir()}
    assert found(tmp_path / "out", *all_markers()) == []


@pytest.mark.slow
def test_pictures_and_exports_hold_nothing_of_the_machine(scene: Path, private: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("--prompt", "A calm room.", "--samples", 1, "--turns", 1, "--engine", "cycles")
    command(private, "generate.py", "--blend", scene, *options, "--out", out)
    assert len(list(out.glob("*.png"))) >= 3
    bpy.ops.wm.open_mainfile(filepath=str(out / "scene.blend"))
    scene_written = bpy.context.scene
    (turn,) = turns.turns(turns.runs(scene_written)[0])
    for ending in ("usda", "usdc"):
        blend_file.export_usd(out / f"scene.{ending}", turn, scene_written)
    assert found(out, *all_markers()) == []


@pytest.mark.slow
@pytest.mark.parametrize("status", [200, 401])
def test_a_servers_key_and_address_stay_out(private: Path, tmp_path: Path, status: int) -> None:
    """The key in the header, a password in the address's query, and a server that repeats both in its answers."""
    task = private / "task.json"
    shutil.copy(CHECKOUT / "assets" / "tasks" / "demo.json", task)
    server = ScriptedServer()
    message = {"content": f"<answer>[]</answer> Bearer {MARKERS['key']}"}
    said = {"choices": [{"message": message, "finish_reason": "stop"}]}
    server.steps = [send(200, said) if status == 200 else send(status, {"error": f"wrong key {MARKERS['key']}"})]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"{server.url}?code={MARKERS['password']}"
    options = ("--policy", "endpoint", "--model", "m", "--url", url, "--turns", 1, "--no-pictures")
    try:
        command(private, "generate.py", "--task", task, *options, "--out", tmp_path / "out")
    except AssertionError as error:  # no layout comes of such answers
        assert MARKERS["key"] not in str(error) and MARKERS["password"] not in str(error)
    finally:
        server.shutdown()
    assert server.seen
    assert found(tmp_path / "out", *all_markers()) == []


@pytest.mark.slow
def test_scores_and_reports_hold_nothing_of_the_machine(private: Path, tmp_path: Path) -> None:
    model = private / MARKERS["model"] / "mine"
    shutil.copytree(CHECKOUT / "assets" / "models" / "tiny", model)
    tasks = private / "tasks.jsonl"
    command(private, "tasks.py", "--rooms", "bedroom", "--count", 2, "--seed", 1, "--out", tasks)
    out = tmp_path / "out"
    (out / "scores").mkdir(parents=True)
    command(private, "score.py", "--pairs", tasks, "--no-render", "--out", out / "scores" / "scores.jsonl")
    options = ("--policy", "builtin", "--model", model, "--samples", 1, "--turns", 1)
    command(private, "evaluate.py", "--tasks", tasks, *options, "--out", out / "report")
    assert (out / "report" / "report.html").exists()
    lines = [json.loads(line) for line in (out / "scores" / "scores.jsonl").read_text().splitlines()]
    assert [line["status"] for line in lines] == ["ok", "ok"]
    assert found(out, *all_markers()) == []
