"""The release check, and that what forges run is what the project has."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

import pytest

from tools.check_release import check

NAMES = ("blender_manifest.toml", "pyproject.toml", "CHANGELOG.md")


@pytest.fixture
def released(checkout: Path, tmp_path: Path) -> Path:
    """A copy of the files that hold the version, 1.2.3 in each."""
    for name in NAMES:
        text = Path(shutil.copy(checkout / name, tmp_path / name)).read_text(encoding="utf-8")
        text = re.sub(r'^version = ".*"$', 'version = "1.2.3"', text, flags=re.MULTILINE)
        (tmp_path / name).write_text(re.sub(r"^## .*$", "## 1.2.3 (1 May 2027)", text, count=1, flags=re.MULTILINE))
    return tmp_path


def test_this_checkout_has_one_version(checkout: Path) -> None:
    assert check(checkout)


def test_a_tag_of_the_version_gives_the_newest_notes(released: Path) -> None:
    assert check(released, "v1.2.3").startswith("- ")


@pytest.mark.parametrize("name", NAMES)
def test_a_version_that_differs_is_named(released: Path, name: str) -> None:
    path = released / name
    path.write_text(path.read_text(encoding="utf-8").replace("1.2.3", "1.2.4"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"1\.2\.4"):
        check(released)


def test_a_tag_of_another_version_and_an_unreleased_one_are_refused(released: Path) -> None:
    with pytest.raises(ValueError, match=r"expected v1\.2\.3"):
        check(released, "v1.2.4")
    path = released / "CHANGELOG.md"
    path.write_text(path.read_text(encoding="utf-8").replace("(1 May 2027)", "(not yet released)"), encoding="utf-8")
    with pytest.raises(ValueError, match="expected the date"):
        check(released, "v1.2.3")


def test_workflows_try_each_blender_from_the_oldest_on(checkout: Path) -> None:
    """The oldest is the manifest's minimum, and every version has its make target."""
    workflow = (checkout / ".github" / "workflows" / "checks.yml").read_text(encoding="utf-8")
    versions = [tuple(map(int, v.split("."))) for v in re.findall(r'bpy: "([\d.]+)"', workflow)]
    manifest = tomllib.loads((checkout / "blender_manifest.toml").read_text(encoding="utf-8"))
    oldest = tuple(map(int, manifest["blender_version_min"].split(".")[:2]))
    assert min(versions) == oldest
    makefile = (checkout / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^test-bpy-([\d.]+):", makefile, re.MULTILINE)
    assert sorted(versions) == sorted(tuple(map(int, target.split("."))) for target in targets)


def test_workflows_run_make_targets_that_exist(checkout: Path) -> None:
    makefile = (checkout / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([\w.-]+):", makefile, re.MULTILINE))
    for path in (checkout / ".github" / "workflows").glob("*.yml"):
        for target in re.findall(r"\bmake ([\w.-]+(?:\$\{\{[^}]*\}\})?)", path.read_text(encoding="utf-8")):
            prefix = target.partition("$")[0]
            assert any(name.startswith(prefix) for name in targets), f"{path.name}: make {target}"
