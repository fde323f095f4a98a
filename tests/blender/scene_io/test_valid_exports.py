"""Exports are valid to the Khronos glTF validator and to USD's own: `make test-exports` installs both."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

bpy = pytest.importorskip("bpy")

from metaspatial_addon.blender.assets.library import AssetLibrary
from metaspatial_addon.blender.physics.stage import Stage
from metaspatial_addon.blender.rendering.visibility import open_room
from metaspatial_addon.blender.scene_io import blend_file
from metaspatial_addon.blender.scene_io.item_mesh import has_usd
from metaspatial_addon.blender.turns import turns
from metaspatial_addon.core.task import Layout, Pose, read_task
from tests.blender.scene_io.test_exports import SCENES, a_turn

VALIDATE_GLTF = """
const validator = require("gltf-validator"), fs = require("fs");
const files = process.argv.slice(1);
Promise.all(files.map(file => validator.validateBytes(new Uint8Array(fs.readFileSync(file)))))
  .then(reports => console.log(JSON.stringify(reports.map(report => report.issues.messages))));
"""
VALIDATE_USD = """
import json, sys
from pxr import Usd, UsdValidation
context = UsdValidation.ValidationContext(UsdValidation.ValidationRegistry().GetOrLoadAllValidators())
print(json.dumps([[e.GetMessage() for e in context.Validate(Usd.Stage.Open(file))] for file in sys.argv[1:]]))
"""


def furnished(checkout: Path) -> tuple[bpy.types.Scene, bpy.types.Collection]:
    """The demo's room with the library's furniture, all in the middle, as a turn of a scene of our own."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    task = read_task(checkout / "assets" / "tasks" / "demo.json")
    with Stage(AssetLibrary()) as stage:
        stage.open(task)
        run = turns.new_run(scene, task.id)
        turns.add_room(run, open_room(stage).all)
        bodies = {item_id: body.object for item_id, body in stage.bodies.items()}
        layout = Layout(task.id, {item.id: Pose(2, 2, 0, 0) for item in task.movable})
        turn = turns.add_turn(run, turns.from_stage(run, bodies, layout.everywhere(task)), {})
    return scene, turn


def exported(folder: Path, checkout: Path, kind: str) -> list[Path]:
    """Each scene of the export tests in metres and in feet, and a furnished room."""
    write = blend_file.export_glb if kind == "glb" else blend_file.export_usd
    made = [(f"{make.__name__}_{unit}", (make, unit)) for make in SCENES for unit in (1.0, 0.3048)]
    paths = []
    for name, how in (*made, ("furnished", None)):
        scene, turn = furnished(checkout) if how is None else a_turn(*how)
        paths.append(folder / f"{name}.{kind}")
        write(paths[-1], turn, scene)
    return paths


def said(command: list[str], paths: list[Path], cwd: Path) -> list[list]:
    done = subprocess.run(
        [*command, *map(str, paths)], cwd=cwd, capture_output=True, text=True, check=True, timeout=120
    )
    return json.loads(done.stdout)


def test_gltf_is_valid(checkout: Path, tmp_path: Path) -> None:
    place = checkout / ".venv-exports"
    if shutil.which("node") is None or not (place / "node_modules" / "gltf-validator").is_dir():
        pytest.skip("the Khronos validator is not installed here: make test-exports")
    reports = said(["node", "-e", VALIDATE_GLTF], exported(tmp_path, checkout, "glb"), place)
    assert [issue for report in reports for issue in report if issue["severity"] <= 1] == []


def test_usd_is_valid(checkout: Path, tmp_path: Path) -> None:
    python = checkout / ".venv-exports" / "bin" / "python"
    if not python.exists():
        pytest.skip("USD's validator is not installed here: make test-exports")
    if not has_usd():
        pytest.skip("this Blender was built without USD")
    reports = said([str(python), "-c", VALIDATE_USD], exported(tmp_path, checkout, "usdc"), checkout)
    assert [message for report in reports for message in report] == []
