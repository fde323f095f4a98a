"""Enabling and disabling the add-on: everything is there, and afterwards nothing is left."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import pytest

import metaspatial_addon
from metaspatial_addon import ui
from metaspatial_addon.ui.state import job, properties
from metaspatial_addon.ui.state.identifiers import ROOT, Lists, Menus, Operators, Panels
from metaspatial_addon.ui.state.job_status import status
from tests.worker.waiting import our_threads, wait_gone, wait_until

BASES = (
    bpy.types.Operator,
    bpy.types.Panel,
    bpy.types.Menu,
    bpy.types.UIList,
    bpy.types.PropertyGroup,
    bpy.types.AddonPreferences,
)


@pytest.fixture(autouse=True)
def disabled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty file of a user without files, and the add-on disabled before and after."""
    monkeypatch.setenv("BLENDER_USER_RESOURCES", str(tmp_path))
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    yield
    metaspatial_addon.unregister()


def registered() -> set[type]:
    """The add-on's classes that Blender knows."""
    return {c for base in BASES for c in base.__subclasses__() if c.is_registered and c.__name__.startswith("META")}


def traces() -> dict[str, Any]:
    """All that an add-on could leave behind, counted."""
    handlers = {
        name: len(value) for name in dir(bpy.app.handlers) if isinstance(value := getattr(bpy.app.handlers, name), list)
    }
    data = {name: len(value) for name in dir(bpy.data) if hasattr(value := getattr(bpy.data, name), "foreach_get")}
    return {
        "handlers": handlers,
        "data": data,
        "types": len(dir(bpy.types)),
        "classes": registered(),
        "addons": sorted(bpy.context.preferences.addons.keys()),
        "threads": our_threads(),
        "owners": [hasattr(o, "metaspatial") for o in (bpy.types.Scene, bpy.types.Object, bpy.types.WindowManager)],
    }


def identifiers() -> set[str]:
    return {*Operators, *Panels, *Lists, *Menus}


def test_every_identifier_has_a_class_and_every_class_an_identifier() -> None:
    metaspatial_addon.register()
    unnamed = (bpy.types.PropertyGroup, bpy.types.AddonPreferences)
    assert {c.bl_idname for c in registered() if not issubclass(c, unnamed)} == identifiers()


def test_every_operator_and_property_explains_itself() -> None:
    metaspatial_addon.register()
    for name in Operators:
        group, _, verb = name.partition(".")
        about = getattr(getattr(bpy.ops, group), verb).get_rna_type()
        assert about.name and about.description, name
        assert not about.description.endswith("."), name
    for owner in (bpy.types.Scene, bpy.types.Object):
        for each in owner.bl_rna.properties["metaspatial"].fixed_type.properties:
            if each.identifier not in ("rna_type", "name") and not each.is_hidden:
                assert each.description, each.identifier
                assert not each.description.endswith("."), each.identifier


def test_nothing_starts_by_itself() -> None:
    metaspatial_addon.register()
    assert not bpy.app.timers.is_registered(job.tick)
    assert job.current.worker is None
    assert not our_threads()


def test_disabling_leaves_nothing() -> None:
    before = traces()
    metaspatial_addon.register()
    assert traces() != before
    metaspatial_addon.unregister()
    assert traces() == before


def test_fifty_times_do_not_grow() -> None:
    metaspatial_addon.register()
    enabled = traces()
    metaspatial_addon.unregister()
    disabled = traces()
    for _ in range(50):
        metaspatial_addon.register()
        assert traces() == enabled
        metaspatial_addon.unregister()
        assert traces() == disabled


def test_disabling_ends_what_runs() -> None:
    before = traces()
    metaspatial_addon.register()
    assert bpy.ops.metaspatial.self_check() == {"FINISHED"}
    job.tick()
    worker = job.current.worker
    assert worker.alive
    metaspatial_addon.unregister()
    assert not status.busy
    assert job.current.worker is None
    wait_gone(worker.pid)
    wait_until(lambda: not our_threads())
    assert not bpy.app.timers.is_registered(job.tick)
    assert traces() == before


def test_a_part_that_cannot_be_registered_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = traces()

    def fail() -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(ui.items, "register", fail)
    with pytest.raises(RuntimeError, match="broken"):
        metaspatial_addon.register()
    assert traces() == before


def test_settings_survive_disabling_and_saving(tmp_path: Path) -> None:
    metaspatial_addon.register()
    scene = bpy.context.scene
    scene.metaspatial.prompt = "a calm bedroom"
    scene.metaspatial.floor = bpy.data.objects["Cube"]
    bpy.data.objects["Cube"].metaspatial.front = "+X"
    blend = str(tmp_path / "a.blend")
    bpy.ops.wm.save_as_mainfile(filepath=blend)
    bpy.ops.wm.open_mainfile(filepath=blend)
    metaspatial_addon.unregister()
    metaspatial_addon.register()
    assert bpy.context.scene.metaspatial.prompt == "a calm bedroom"
    assert bpy.context.scene.metaspatial.floor == bpy.data.objects["Cube"]
    assert bpy.data.objects["Cube"].metaspatial.front == "+X"


def test_no_addon_entry_is_left_where_a_script_registered_it() -> None:
    assert ROOT not in bpy.context.preferences.addons
    metaspatial_addon.register()
    assert ROOT in bpy.context.preferences.addons
    metaspatial_addon.unregister()
    assert ROOT not in bpy.context.preferences.addons


def test_lengths_are_kept_in_metres_and_shown_in_the_scenes_units() -> None:
    metaspatial_addon.register()
    scene = bpy.context.scene
    settings = scene.metaspatial
    scene.unit_settings.scale_length = 0.01
    assert settings.height == pytest.approx(2.7)
    assert settings.shown_height == pytest.approx(270)
    settings.shown_height = 300
    settings.shown_size = (500, 400, 250)
    assert settings.height == pytest.approx(3.0)
    assert settings.size[:] == pytest.approx((5.0, 4.0, 2.5))


def test_nothing_but_settings_is_kept_on_scenes_and_objects() -> None:
    """No progress, key or path in the .blend."""
    metaspatial_addon.register()
    for owner in (bpy.types.Scene, bpy.types.Object):
        for each in owner.bl_rna.properties["metaspatial"].fixed_type.properties:
            assert each.subtype not in ("FILE_PATH", "DIR_PATH", "PASSWORD"), each.identifier


def test_identifiers_are_written_in_one_place() -> None:
    """Operators are named by the enumeration, so that a renamed one is missed nowhere."""
    names = identifiers()
    for path in Path(properties.__file__).parents[1].rglob("*.py"):
        if path.stem == "identifiers":
            continue
        literals = {n.value for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Constant)}
        assert not literals & names, path.name
