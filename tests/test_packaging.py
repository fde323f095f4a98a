"""What users install: versions agree, the zip holds what the add-on needs, and set-up says what is missing."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

import metaspatial_addon

CHECKOUT = Path(__file__).parents[1]


def tool(name: str) -> ModuleType:
    """A script of tools/, as a module."""
    spec = importlib.util.spec_from_file_location(name, CHECKOUT / "tools" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def toml(name: str) -> dict:
    return tomllib.loads((CHECKOUT / name).read_text(encoding="utf-8"))


def test_versions_agree() -> None:
    version = metaspatial_addon.__version__
    assert toml("blender_manifest.toml")["version"] == version
    assert toml("pyproject.toml")["project"]["version"] == version
    assert f"## {version}" in (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_torch_is_pinned_alike_everywhere() -> None:
    train = toml("pyproject.toml")["project"]["optional-dependencies"]["train"]
    (torch,) = [requirement for requirement in train if requirement.startswith("torch")]
    assert f"install) {torch}\n" in (CHECKOUT / "Makefile").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    pytest.importorskip("bpy", reason="bpy, which brings the command that builds extensions, is not installed here")
    return zipfile.ZipFile(tool("build_extension").build(tmp_path_factory.mktemp("extension")))


def test_the_zip_holds_the_addon_and_its_assets(archive: zipfile.ZipFile) -> None:
    names = set(archive.namelist())
    tracked = subprocess.run(["git", "ls-files"], cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    modules = {name for name in tracked.splitlines() if name.startswith("metaspatial_addon/") and name.endswith(".py")}
    assert len(modules) > 100
    assert modules | {"__init__.py", "blender_manifest.toml", "LICENSE", "CHANGELOG.md"} <= names
    assert "metaspatial_addon/core/furniture.toml" in names
    for folder in ("assets/furniture", "assets/models/tiny"):
        kept = {
            path.relative_to(CHECKOUT).as_posix()
            for path in (CHECKOUT / folder).rglob("*")
            if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts
        }
        assert {name for name in kept if not name.endswith(".blend1")} <= names


def test_the_zip_holds_nothing_that_lies_about_in_the_checkout(archive: zipfile.ZipFile, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--shared", str(CHECKOUT), str(clone)], check=True)
    before = set(zipfile.ZipFile(tool("build_extension").build(tmp_path / "before", clone)).namelist())
    stray = (
        "runs/grpo/checkpoint-000001/model.safetensors",
        "report/report.html",
        "my_room.json",
        "apikey.txt",
        ".env",
        "metaspatial_addon/core/mine.py",
        "assets/furniture/mine.glb",
        "assets/models/large/model.safetensors",
    )
    for name in stray:
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_text("secret")
    assert set(zipfile.ZipFile(tool("build_extension").build(tmp_path / "after", clone)).namelist()) == before
    assert {name.split("/")[0] for name in before} == {name.split("/")[0] for name in archive.namelist()}


def test_without_git_no_zip_is_built(tmp_path: Path) -> None:
    (tmp_path / "blender_manifest.toml").write_bytes((CHECKOUT / "blender_manifest.toml").read_bytes())
    with pytest.raises(SystemExit, match="git cannot list its files"):
        tool("build_extension").listed_files(tmp_path)


def test_the_zip_holds_nothing_that_belongs_to_development(archive: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in archive.namelist()}
    assert tops <= {
        "__init__.py",
        "blender_manifest.toml",
        "LICENSE",
        "README.md",
        "CHANGELOG.md",
        "metaspatial_addon",
        "assets",
    }
    assert not [name for name in archive.namelist() if name.startswith("assets/") and name.endswith(".py")]


def test_a_missing_system_library_is_named_with_its_package() -> None:
    check_bpy = tool("check_bpy")
    error = "libXrender.so.1: cannot open shared object file: No such file or directory"
    said = check_bpy.advice(error, present=lambda name: name not in {"libXrender.so.1", "libSM.so.6"})
    assert "apt-get install libsm6 libxrender1" in said


def test_a_library_outside_the_table_is_named_too() -> None:
    said = tool("check_bpy").advice("libfoo.so.2: cannot open shared object file: No such file", present=lambda _: True)
    assert "libfoo.so.2" in said
    assert "apt-get" not in said


def test_another_import_error_is_passed_on() -> None:
    assert "numpy.core.multiarray failed" in tool("check_bpy").advice("numpy.core.multiarray failed to import")


def find_python(*versions: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [CHECKOUT / "tools" / "find_python.sh", *versions],
        env={"PATH": os.environ["PATH"], "HOME": "/nowhere", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def fake_python(folder: Path, name: str, version: str) -> Path:
    """A program that answers like a Python of `version`, whatever it is asked."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho {version} {path}\n")
    path.chmod(0o755)
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="the set-up scripts are for a Unix shell")
class TestFindPython:
    def test_a_version_without_bpy_is_refused_with_the_reason(self, tmp_path: Path) -> None:
        result = find_python("3.11", "3.13", PYTHON=str(fake_python(tmp_path, "python3", "3.12")))
        assert result.returncode == 1
        assert "3.11 or 3.13" in result.stderr
        assert "(3.12)" in result.stderr
        assert "apt-get install python3.11-venv" in result.stderr

    def test_a_shim_of_a_version_that_is_not_active_is_passed_over(self, tmp_path: Path) -> None:
        shim = tmp_path / "python3.11"
        shim.write_text("#!/bin/sh\necho 'pyenv: python3.11: command not found' >&2\nexit 127\n")
        shim.chmod(0o755)
        working = tmp_path / "versions" / "3.11.9" / "bin"
        working.mkdir(parents=True)
        found = fake_python(working, "python3.11", "3.11")
        fake_python(tmp_path, "python3", "3.12")
        result = find_python("3.11", PATH=str(tmp_path), PYENV_ROOT=str(tmp_path))
        assert str(found) in result.stdout, result.stderr

    def test_the_named_python_is_taken(self, tmp_path: Path) -> None:
        named = fake_python(tmp_path, "mine", "3.13")
        assert str(named) in find_python("3.11", "3.13", PYTHON=str(named)).stdout
