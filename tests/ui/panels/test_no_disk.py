"""Panels draw, and operators say whether they can run, without touching the disk: both happen at every redraw."""

from __future__ import annotations

import builtins
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy
import pytest

import metaspatial_addon
from metaspatial_addon.blender.turns import turns
from metaspatial_addon.ui.panels import items, main, menus
from metaspatial_addon.ui.panels import turns as turn_panels
from metaspatial_addon.ui.panels import wishes as wish_panels
from metaspatial_addon.ui.state import folders, preferences
from metaspatial_addon.ui.state.identifiers import Lists, Menus, Operators, Panels
from tests.blender.turns.arrivals import box
from tests.ui.panels.drawing import Drawn, add_turn, draw

OS_FUNCTIONS = (
    *("access", "listdir", "lstat", "makedirs", "mkdir", "open", "readlink", "remove", "rename", "replace", "rmdir"),
    *("scandir", "stat", "unlink", "utime"),
)


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[bpy.types.Scene]:
    """A scene that has something for every panel to draw, with the add-on of a user who has just updated it."""
    monkeypatch.setenv("BLENDER_USER_RESOURCES", str(tmp_path))
    monkeypatch.delenv("METASPATIAL_API_KEY", raising=False)
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    libraries = bpy.context.preferences.filepaths.asset_libraries
    libraries.new(name="Mine", directory=str(tmp_path))
    (folders.user_folder() / "version").write_text("0.0.1")
    metaspatial_addon.register()
    scene = bpy.context.scene
    for name in ("Office Chair", "Bed"):
        box(name).select_set(True)
    door = box("Door")
    door.metaspatial.opening = "DOOR"
    bpy.context.view_layer.objects.active = door
    add_turn(turns.new_run(scene, "a calm bedroom"), 0.5)
    scene.metaspatial.prompt = "a calm bedroom with a long prompt"
    bpy.context.window_manager.metaspatial.assets.add().name = "Double Bed"
    bpy.context.window_manager.metaspatial.checks.add().name = "Blender"
    preferences.of(bpy.context).model = "SERVER"
    yield scene
    libraries.remove(libraries[-1])
    metaspatial_addon.unregister()


@pytest.fixture
def no_disk(scene: bpy.types.Scene, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What touches the disk: nothing may have by the end. What does is written down and goes on as it would, since an
    error in a poll, which Blender prints with the file that raised it, may end the whole process."""
    bpy.context.view_layer.update()
    touched: list[str] = []

    def noting(real: Callable[..., Any]) -> Callable[..., Any]:
        def function(*given: Any, **named: Any) -> Any:
            touched.append(repr(given))
            return real(*given, **named)

        return function

    with monkeypatch.context() as patch:
        functions = [(os, name) for name in OS_FUNCTIONS]
        functions += [(builtins, "open"), (io, "open")]
        functions += [(bpy.utils, name) for name in ("extension_path_user", "user_resource")]
        for module, name in functions:
            patch.setattr(module, name, noting(getattr(module, name)))
        yield touched
    assert touched == []


PANELS = (
    main.METASPATIAL_PT_main,
    main.METASPATIAL_PT_room,
    main.METASPATIAL_PT_model,
    main.METASPATIAL_PT_export,
    main.METASPATIAL_MT_recent_prompts,
    items.METASPATIAL_PT_items,
    wish_panels.METASPATIAL_PT_wishes,
    turn_panels.METASPATIAL_PT_turns,
    turn_panels.METASPATIAL_MT_compare,
    menus.METASPATIAL_MT_arrange_furniture,
)
LISTS = (items.METASPATIAL_UL_assets, wish_panels.METASPATIAL_UL_wishes, turn_panels.METASPATIAL_UL_turns)


def test_these_are_all_panels() -> None:
    assert {cls.bl_idname for cls in PANELS} == {*Panels, *Menus}
    assert {cls.bl_idname for cls in LISTS} == {*Lists}


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.__name__)
def test_no_panel_touches_the_disk(no_disk: list[str], panel: type) -> None:
    if hasattr(panel, "poll"):
        panel.poll(bpy.context)
    functions = [name for name in ("draw", "draw_header_preset") if name in vars(panel)]
    assert [draw(panel, function=name).calls for name in functions]


@pytest.mark.parametrize("source", ["SELECTED", "COLLECTION", "LIBRARY"])
def test_no_source_of_items_touches_the_disk(no_disk: list[str], source: str) -> None:
    bpy.context.scene.metaspatial.items_source = source
    assert draw(items.METASPATIAL_PT_items).calls


def test_no_line_of_a_list_touches_the_disk(no_disk: list[str]) -> None:
    run = turns.runs(bpy.context.scene)[-1]
    drawn = Drawn()
    turn_panels.METASPATIAL_UL_turns.draw_item(None, bpy.context, drawn, run, turns.turns(run)[0], 0, None, "")
    asset = bpy.context.window_manager.metaspatial.assets[0]
    items.METASPATIAL_UL_assets.draw_item(None, bpy.context, drawn, None, asset, 0, None, "")
    wish = bpy.context.scene.metaspatial.wishes.add()
    wish_panels.METASPATIAL_UL_wishes.draw_item(None, bpy.context, drawn, None, wish, 0, None, "")
    assert drawn.calls


def test_the_preferences_touch_no_disk(no_disk: list[str]) -> None:
    drawn = draw(preferences.METASPATIAL_AP_preferences, owner=preferences.of(bpy.context))
    assert "What's New" in drawn.texts()
    assert isinstance(preferences.of(bpy.context).key, str)


def test_no_operator_touches_the_disk_to_say_whether_it_can_run(no_disk: list[str]) -> None:
    for operator in Operators:
        group, _, name = operator.partition(".")
        getattr(getattr(bpy.ops, group), name).poll()
    assert no_disk == []


def test_a_file_that_is_touched_is_noticed(no_disk: list[str], tmp_path: Path) -> None:
    for touch in (tmp_path.exists, (tmp_path / "x").mkdir, (tmp_path / "y").touch, (tmp_path / "y").read_text):
        touch()
        assert no_disk
        no_disk.clear()
