"""Preferences, the key that is kept out of them, and the self-check."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import bpy
import pytest

import metaspatial_addon
from metaspatial_addon.ui.state import api_key, folders, job, preferences, recent
from metaspatial_addon.ui.state.identifiers import ROOT, Operators, root_package
from metaspatial_addon.ui.state.job_status import status

KEY = "sk-very-secret-0123456789"
posix = pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")


@pytest.fixture(autouse=True)
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user of Blender without any files yet."""
    (tmp_path / "user").mkdir()
    monkeypatch.setenv("BLENDER_USER_RESOURCES", str(tmp_path / "user"))
    monkeypatch.delenv(api_key.VARIABLE, raising=False)
    for module in (api_key, recent):
        module.load()
    return tmp_path / "user"


@pytest.fixture
def addon() -> Iterator[preferences.METASPATIAL_AP_preferences]:
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    metaspatial_addon.register()
    yield preferences.of(bpy.context)
    metaspatial_addon.unregister()


@pytest.mark.parametrize(
    ("package", "root"),
    [
        ("bl_ext.user_default.metaspatial.metaspatial_addon.ui", "bl_ext.user_default.metaspatial"),
        ("bl_ext.user_default.metaspatial.metaspatial_addon", "bl_ext.user_default.metaspatial"),
        ("metaspatial_addon.ui", "metaspatial_addon"),
        ("metaspatial.metaspatial_addon.ui", "metaspatial"),
    ],
)
def test_the_root_package_is_the_manifests(package: str, root: str) -> None:
    assert root_package(package) == root


def test_a_key_is_kept_from_session_to_session_and_removed(user: Path) -> None:
    assert api_key.read_key() == ""
    api_key.store_key(f" {KEY}\n")
    assert api_key.read_key() == api_key.stored_key() == KEY
    api_key.store_key("")
    assert api_key.read_key() == ""
    assert not [path for path in user.rglob("*") if path.is_file()]


@posix
def test_a_key_is_never_readable_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    modes = []
    replace = os.replace

    def watched(source: str, target: Path) -> None:
        modes.append(stat.S_IMODE(os.stat(source).st_mode))
        replace(source, target)

    monkeypatch.setattr(os, "replace", watched)
    previous = os.umask(0)
    try:
        api_key.store_key("one")
        api_key.store_key("two")
    finally:
        os.umask(previous)
    path = folders.user_folder() / "key"
    assert modes == [0o600, 0o600]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == "two"
    assert list(path.parent.iterdir()) == [path]


def test_the_old_key_survives_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    api_key.store_key("old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError):
        api_key.store_key("new")
    assert api_key.read_key() == "old"
    assert [path.name for path in folders.user_folder().iterdir()] == ["key"]


def test_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    api_key.store_key("stored")
    assert not api_key.from_environment()
    monkeypatch.setenv(api_key.VARIABLE, "from outside")
    assert api_key.from_environment()
    assert api_key.read_key() == "from outside"
    assert api_key.stored_key() == "stored"


def test_no_file_of_blender_holds_the_key(addon: preferences.METASPATIAL_AP_preferences, user: Path) -> None:
    addon.key = KEY
    addon.server_model = "a model that is kept"
    assert addon.key == KEY
    bpy.ops.wm.save_userpref()
    blend = user / "scene.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(blend), compress=False)
    saved = (user / "config" / "userpref.blend").read_bytes()
    assert b"a model that is kept" in saved
    holders = [path.name for path in user.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
    assert holders == ["key"]


def test_clear_key(addon: preferences.METASPATIAL_AP_preferences) -> None:
    clear = bpy.ops.metaspatial.clear_key
    assert not clear.poll()
    addon.key = KEY
    assert clear() == {"FINISHED"}
    assert addon.key == api_key.read_key() == ""


def test_recent_prompts_are_the_last_twenty_without_doubles() -> None:
    for k in range(25):
        recent.remember(f"prompt {k}")
    recent.remember("  prompt 20\n")
    recent.remember("   ")
    expected = ["prompt 20", *(f"prompt {k}" for k in (24, 23, 22, 21, *range(19, 4, -1)))]
    assert recent.prompts() == expected
    recent.load()
    assert recent.prompts() == expected


@pytest.mark.parametrize("content", ["", "{", "{}", "[1, null]", "\x00"])
def test_a_spoiled_file_of_prompts_is_no_obstacle(content: str) -> None:
    (folders.user_folder() / "recent_prompts.json").write_text(content)
    recent.load()
    assert recent.prompts() == []
    recent.remember("a room")
    recent.load()
    assert recent.prompts() == ["a room"]


def test_the_preferences_are_listed_under_the_root_package(addon: preferences.METASPATIAL_AP_preferences) -> None:
    assert bpy.context.preferences.addons[ROOT].preferences == addon
    assert (addon.model, addon.server_url, addon.samples) == ("BUILTIN", "http://localhost:8000/v1", 0)


def checks() -> dict[str, tuple[str, str]]:
    return {check.name: (check.state, check.message) for check in bpy.context.window_manager.metaspatial.checks}


def run_job(seconds: float = 60.0) -> None:
    """What the window's timer does."""
    until = time.monotonic() + seconds
    while status.busy:
        assert time.monotonic() < until, "the job does not end"
        time.sleep(min(job.tick() or 0.0, 0.02))


def test_the_self_check_tests_every_part(addon: preferences.METASPATIAL_AP_preferences) -> None:
    assert bpy.ops.metaspatial.self_check() == {"FINISHED"}
    assert [state for state, _ in checks().values()] == ["OK", "OK", "WAITING", "WAITING", "WAITING"]
    assert not bpy.ops.metaspatial.self_check.poll(), "one at a time"
    run_job()
    assert list(checks()) == ["Blender", "Furniture", "Background", "Built-in model", "Renderer"]
    assert {state for state, _ in checks().values()} == {"OK"}


def test_the_self_check_says_what_is_missing(addon: preferences.METASPATIAL_AP_preferences) -> None:
    addon.model = "LOCAL"
    assert bpy.ops.metaspatial.self_check() == {"FINISHED"}
    run_job()
    state, message = checks()["Local model"]
    assert state == "FAILED"
    assert "folder" in message
    assert {checks()[name][0] for name in ("Blender", "Furniture", "Background", "Renderer")} == {"OK"}


def test_test_connection_says_that_nothing_answers(addon: preferences.METASPATIAL_AP_preferences) -> None:
    addon.model, addon.server_url, addon.server_model = "SERVER", "http://localhost:9/v1", "any"
    assert bpy.ops.metaspatial.test_connection() == {"FINISHED"}
    run_job()
    state, message = checks()["Server"]
    assert state == "FAILED"
    assert "localhost:9" in message
    assert status.notice[:2] == ("ERROR", message)


def test_a_check_that_cannot_begin_says_why(addon: preferences.METASPATIAL_AP_preferences) -> None:
    addon.model, addon.server_url = "SERVER", " "
    with pytest.raises(RuntimeError, match="address"):
        bpy.ops.metaspatial.test_connection()
    assert not status.busy
    assert "address" in status.notice.sentence
    assert bpy.ops.metaspatial.dismiss_notice() == {"FINISHED"}
    assert status.notice is None


def test_every_operator_that_the_preferences_show_is_there(addon: preferences.METASPATIAL_AP_preferences) -> None:
    for operator in (Operators.SELF_CHECK, Operators.OPEN_LOG, Operators.CLEAR_KEY, Operators.TEST_CONNECTION):
        group, _, name = operator.partition(".")
        assert getattr(getattr(bpy.ops, group), name).get_rna_type().description
