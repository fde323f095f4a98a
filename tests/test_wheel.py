"""What `pip install .` brings: the wheel alone, in an environment of its own, runs the commands."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import numpy
import pytest

from metaspatial_addon.core.shipped import ASSETS, shipped

SLOW = pytest.mark.slow


def run(*command: str | os.PathLike[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the files that git tracks, without a network."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=checkout, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (checkout / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(checkout / name, source / name)
    offline = ("--no-index", "--no-deps", "--no-build-isolation")
    done = run(sys.executable, "-m", "pip", "wheel", *offline, "--wheel-dir", built, ".", cwd=source)
    assert done.returncode == 0, done.stderr
    (path,) = built.glob("metaspatial-*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of a new environment with the wheel. bpy and numpy are those of this one: a line of a .pth shows
    their folder, and not the editable packages that it has."""
    pytest.importorskip("bpy", reason="bpy is not installed here")
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    done = run(sys.executable, "-m", "pip", "--python", python, "install", "--no-index", "--no-deps", wheel, cwd=folder)
    assert done.returncode == 0, done.stderr
    (packages,) = folder.glob("**/site-packages")
    (packages / "bpy.pth").write_text(f"{Path(numpy.__file__).parents[1]}\n")
    found = run(
        python, "-c", "import headless.cli as a, metaspatial_addon as b; print(a.__file__, b.__file__)", cwd=folder
    )
    assert all(Path(path).is_relative_to(folder) for path in found.stdout.split()), found
    return python.parent


@SLOW
def test_the_wheel_has_what_the_program_reads(wheel: Path, checkout: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    tracked = subprocess.run(["git", "ls-files"], cwd=checkout, capture_output=True, text=True, check=True).stdout
    for name in tracked.splitlines():
        inside = f"metaspatial_addon/{name}" if name.startswith("assets/") else name
        if name.startswith(("metaspatial_addon/", "headless/")) or name.startswith("assets/") and name[-3:] != ".py":
            assert inside in names
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"metaspatial_addon", "headless", "metaspatial"}


@SLOW
def test_it_lays_out_and_scores_a_room(installed: Path, tmp_path: Path) -> None:
    task = ("--task", "assets/tasks/demo.json")
    laid = run(
        installed / "metaspatial", "generate", *task, "--turns", "1", "--no-pictures", "--out", "out", cwd=tmp_path
    )
    assert laid.returncode == 0, laid.stderr
    assert {"layout.json", "scene.blend", "turns.jsonl"} <= {path.name for path in (tmp_path / "out").iterdir()}
    scored = run(installed / "metaspatial", "score", *task, "--layout", "out/layout.json", "--no-render", cwd=tmp_path)
    assert scored.returncode == 0, scored.stderr
    turn = json.loads((tmp_path / "out" / "turns.jsonl").read_text().splitlines()[-1])
    assert json.loads(scored.stdout)["terms"]["collision"] == turn["terms"]["collision"]


@SLOW
def test_its_commands_say_what_they_are_called(installed: Path, tmp_path: Path) -> None:
    for name in ("generate", "score", "tasks", "train", "evaluate", "pretrain", "serve"):
        said = run(installed / "metaspatial", name, "--help", cwd=tmp_path)
        assert said.stdout.startswith(f"usage: metaspatial {name} "), said.stderr
    missing = run(installed / "metaspatial", "pretend", cwd=tmp_path)
    assert missing.returncode == 2 and "expected one of generate, score" in missing.stderr


def test_shipped_files_are_found_from_elsewhere(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Path(shipped("assets/tasks/demo.json")).samefile(ASSETS / "tasks" / "demo.json")
    assert Path(shipped("headless/configs/tiny.toml")).samefile(checkout / "headless" / "configs" / "tiny.toml")
    assert shipped("assets/none.json") == "assets/none.json"
    assert shipped("README.md") == "README.md"


def test_a_file_of_the_user_goes_before_a_shipped_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "assets" / "tasks").mkdir(parents=True)
    (tmp_path / "assets" / "tasks" / "demo.json").write_text("{}")
    assert shipped("assets/tasks/demo.json") == "assets/tasks/demo.json"
