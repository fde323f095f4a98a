"""What's New: the newest entry of the changelog, told once after an update."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import bpy
import pytest

import metaspatial_addon
from metaspatial_addon.ui.panels import main
from metaspatial_addon.ui.state import folders, preferences, whats_new
from metaspatial_addon.ui.state.identifiers import Operators
from tests.ui.panels.drawing import draw

CHANGELOG = """# Changelog

## 0.2.0 (2027-01-01)
- The first point, over
  two lines, with `code`.
- The second.

## 0.1.0
- Old.
"""


@pytest.fixture(autouse=True)
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("BLENDER_USER_RESOURCES", str(tmp_path))
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    yield
    metaspatial_addon.unregister()


def register(changelog: Path, content: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Enable the add-on with that changelog, as Blender does at its start."""
    changelog.write_text(content, encoding="utf-8")
    monkeypatch.setattr(whats_new, "CHANGELOG", changelog)
    metaspatial_addon.unregister()
    metaspatial_addon.register()


def test_an_entry_is_read_without_its_marks() -> None:
    entry = whats_new.newest_entry(CHANGELOG)
    assert entry == ("0.2.0", ("The first point, over two lines, with code.", "The second."))
    assert whats_new.newest_entry("# Changelog\n") is None


def test_the_changelog_of_this_version_has_an_entry() -> None:
    metaspatial_addon.register()
    assert whats_new.newest is not None
    assert whats_new.newest.version == metaspatial_addon.__version__
    assert whats_new.newest.points


def test_it_is_told_once_after_an_update(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changelog, old = tmp_path / "CHANGELOG.md", CHANGELOG[CHANGELOG.index("## 0.1.0") :]
    register(changelog, old, monkeypatch)
    assert not whats_new.unseen(), "nothing is new to who has just installed it"
    register(changelog, old, monkeypatch)
    assert not whats_new.unseen()
    for _ in range(2):
        register(changelog, CHANGELOG, monkeypatch)
        assert whats_new.unseen(), "until it is dismissed"
    drawn = draw(main.METASPATIAL_PT_main)
    assert "Updated to 0.2.0" in drawn.texts() and Operators.DISMISS_UPDATE in drawn.buttons()
    group, _, name = Operators.DISMISS_UPDATE.partition(".")
    assert getattr(getattr(bpy.ops, group), name)() == {"FINISHED"}
    assert not whats_new.unseen()
    register(changelog, CHANGELOG, monkeypatch)
    assert not whats_new.unseen()
    assert Operators.DISMISS_UPDATE not in draw(main.METASPATIAL_PT_main).buttons()
    shown = draw(preferences.METASPATIAL_AP_preferences, owner=preferences.of(bpy.context)).texts()
    assert {"Version 0.2.0", "The second."} <= {*shown}


def test_a_changelog_or_folder_that_cannot_be_read_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whats_new, "CHANGELOG", tmp_path / "none.md")
    metaspatial_addon.register()
    assert whats_new.newest is None and not whats_new.unseen()
    (folders.user_folder() / "version").write_bytes(b"\xff\xfe")
    register(tmp_path / "CHANGELOG.md", CHANGELOG, monkeypatch)
    assert whats_new.newest is not None and not whats_new.unseen()
