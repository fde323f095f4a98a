"""What make installs is locked, its licences are listed, and the zip depends on the files alone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytest.importorskip("packaging", reason="packaging, which reads requirements, comes with pytest")

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tools import build_extension, list_licences

EXTRAS = {"demo": ("bpy",), "test": ("bpy", "train", "test", "test-blender", "ray"), "lint": ("lint",)}


def locked(checkout: Path, name: str) -> list[tuple[Requirement, int]]:
    """The requirements of a lock file, each with how many hashes it has."""
    text = (checkout / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    entries = re.findall(r"^([^\s#][^\\\n]*)((?:\\\n +--hash=sha256:[0-9a-f]{64} *)*)", text, re.MULTILINE)
    return [(Requirement(line), hashes.count("--hash")) for line, hashes in entries]


@pytest.mark.parametrize("name", EXTRAS)
def test_every_package_is_locked_by_version_and_hash(checkout: Path, name: str) -> None:
    entries = locked(checkout, name)
    assert len(entries) > 5
    for requirement, hashes in entries:
        assert re.fullmatch(r"==[^*]+", str(requirement.specifier)) and hashes, requirement


@pytest.mark.parametrize("name", EXTRAS)
@pytest.mark.parametrize("python", ["3.11", "3.13"])
def test_the_lock_is_of_what_pyproject_asks_for(checkout: Path, name: str, python: str) -> None:
    """But for torch, whose build depends on the machine."""
    environment = {"python_version": python, "python_full_version": f"{python}.0", "extra": ""}
    versions = {
        canonicalize_name(requirement.name): Version(str(requirement.specifier).removeprefix("=="))
        for requirement, _ in locked(checkout, name)
        if requirement.marker is None or requirement.marker.evaluate(environment)
    }
    project = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))
    asked = [line for extra in EXTRAS[name] for line in project["project"]["optional-dependencies"][extra]]
    for line in (*asked, *project["project"]["dependencies"], *project["build-system"]["requires"]):
        requirement = Requirement(line)
        if (
            requirement.name in ("metaspatial", "torch")
            or requirement.marker
            and not requirement.marker.evaluate(environment)
        ):
            continue
        assert versions[canonicalize_name(requirement.name)] in requirement.specifier, line


def test_everything_that_is_asked_for_has_a_bound_above(checkout: Path) -> None:
    project = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))
    asked = [line for extra in project["project"]["optional-dependencies"].values() for line in extra]
    for line in (*asked, *project["project"]["dependencies"], *project["build-system"]["requires"]):
        specifier = Requirement(line).specifier
        assert line.startswith("metaspatial[") or any(part.operator in ("<", "==", "<=") for part in specifier), line


def test_make_installs_what_is_locked(checkout: Path) -> None:
    makefile = (checkout / "Makefile").read_text(encoding="utf-8")
    assert "pip_locked = $(pip_install) --require-hashes --no-deps --requirement" in makefile
    for name in EXTRAS:
        assert f"$(pip_locked) requirements/{name}.txt" in makefile


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the page is of what Python 3.11 gets")
def test_the_licences_of_what_is_installed_are_listed(checkout: Path) -> None:
    for package in ("transformers", "mypy"):
        pytest.importorskip(package)
    assert list_licences.PAGE.read_text(encoding="utf-8") == list_licences.page()


def test_the_same_files_give_the_same_zip(checkout: Path, tmp_path: Path) -> None:
    """At another time, under another umask, from another folder."""
    pytest.importorskip("bpy", reason="bpy, which brings the command that builds extensions, is not installed here")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--shared", str(checkout), str(clone)], check=True)
    archives = [build_extension.build(tmp_path / "before", clone).read_bytes()]
    for path in (clone / "metaspatial_addon").rglob("*.py"):
        os.utime(path, (1, 10**9))
        path.chmod(0o600)
    before = os.umask(0o077)
    try:
        archives.append(build_extension.build(tmp_path / "after", clone).read_bytes())
    finally:
        os.umask(before)
    assert archives[0] == archives[1]
    shutil.rmtree(clone)


def test_the_manifest_says_whose_it_is(checkout: Path) -> None:
    manifest = tomllib.loads((checkout / "blender_manifest.toml").read_text(encoding="utf-8"))
    assert manifest["website"].startswith("https://")
    assert all(re.fullmatch(r"\d{4}(-\d{4})? \S.*", line) for line in manifest["copyright"])
