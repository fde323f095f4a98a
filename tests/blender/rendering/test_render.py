"""Pictures of the stage: framed to the room, the same every time, and without a trace in the file."""

from __future__ import annotations

import logging
import struct

import bpy
import numpy as np
import pytest

from metaspatial_addon.blender.physics.stage import Stage
from metaspatial_addon.blender.rendering import engines, render_scene
from metaspatial_addon.blender.rendering.contact_sheet import contact_sheet
from metaspatial_addon.blender.rendering.render import HALF_FIELD, Renderer, frame_room
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.task import Item, Layout, Pose
from metaspatial_addon.core.temporary import LOCK
from metaspatial_addon.prompts.png import read_png, write_png
from tests.blender.rooms import SHAPES, furnished, room, task

PIXELS = 96


def blocks() -> dict[str, int]:
    return {
        name: len(kind)
        for name in dir(bpy.data)
        if isinstance(kind := getattr(bpy.data, name), bpy.types.bpy_prop_collection)
    }


@pytest.fixture
def renderer():
    with Renderer("cycles", samples=2, threads=2) as made:
        yield made


@pytest.fixture
def stage():
    with Stage() as made:
        yield made


def chunks(png: bytes) -> list[bytes]:
    at, kinds = 8, []
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        kinds.append(kind)
        at += 12 + length
    return kinds


def test_both_views_hold_pixels_and_nothing_else(stage, renderer):
    some_task, layout = furnished()
    stage.open(some_task)
    for view in (renderer.top_view, renderer.room_view):
        png = view(stage, some_task, layout, PIXELS)
        assert chunks(png) == [b"IHDR", b"IDAT", b"IEND"]
        assert read_png(png).shape == (PIXELS, PIXELS, 3)
        assert view(stage, some_task, layout, PIXELS) == png


def test_nothing_is_left_behind_or_changed(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = blocks()
    some_task, layout = furnished("L")
    with Stage() as stage, Renderer("cycles", samples=1) as renderer:
        stage.open(some_task)
        stage.place(layout)
        objects = [*stage.room.all, *(b.object for b in stage.bodies.values())]
        state = [(o.users_scene, o.hide_render, [(s.link, s.material) for s in o.material_slots]) for o in objects]
        renderer.top_view(stage, some_task, layout, 32)
        renderer.room_view(stage, some_task, layout, 32)
        renderer.measure_view(stage, some_task, layout)
        assert state == [
            (o.users_scene, o.hide_render, [(s.link, s.material) for s in o.material_slots]) for o in objects
        ]
        during = blocks()
        renderer.room_view(stage, some_task, layout, 32)
        assert blocks() == during
        assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {LOCK}
    assert blocks() == before
    assert not list(tmp_path.iterdir())


def test_an_artists_mesh_keeps_its_lack_of_materials(stage, renderer):
    mesh = bpy.data.meshes.new("theirs")
    mesh.from_pydata(
        [(-0.2, -0.2, 0), (0.2, -0.2, 0), (0, 0.2, 0), (0, 0, 0.4)], [], [(0, 2, 1), (0, 1, 3), (1, 2, 3), (2, 0, 3)]
    )
    try:
        some_task, layout = task((Item("a", "thing", (0.4, 0.4, 0.4)), Pose(1, 1)))
        stage.open(some_task, {"a": mesh})
        renderer.room_view(stage, some_task, layout, 32)
        assert len(mesh.materials) == 0
    finally:
        stage.clear()
        bpy.data.meshes.remove(mesh)


def test_a_failed_render_leaves_the_stage_as_it_was(stage, renderer, monkeypatch):
    some_task, layout = furnished()
    stage.open(some_task)
    stage.place(layout)
    renderer.room_view(stage, some_task, layout, 32)

    def fail(*_: object) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr(renderer.render_scene, "render", fail)
    with pytest.raises(RuntimeError, match="no memory"):
        renderer.room_view(stage, some_task, layout, 32)
    assert all(len(o.users_scene) == 1 for o in stage.room.all)
    assert all(slot.link == "DATA" for slot in stage.room.floor.material_slots)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_whole_room_is_in_the_perspective_picture(shape):
    a_room = room(shape)
    turn, place, hidden = frame_room(a_room)
    assert place[2] > a_room.height > 1.6
    spread = []
    for k in range(len(a_room.floor)):
        edge = a_room.walls[k]
        outside = np.dot(np.array(place[:2]) - edge.at(0.0), edge.inward) < 0
        assert not (k not in hidden and outside), "a wall that is shown turns its back"
        for corner in (edge.at(0.0), edge.at(edge.length)):
            heights = (0.0,) if k in hidden else (0.0, a_room.height)
            spread += [(*corner, z) for z in heights]
    u, v, w = ((np.array(spread) - place) @ turn).T
    assert np.all(w < 0)
    x, y = np.abs(u / -w / HALF_FIELD), np.abs(v / -w / HALF_FIELD)
    assert max(x.max(), y.max()) < 0.97
    assert max(x.max(), y.max()) > 0.85, "the room does not fill the picture"


def test_no_standing_wall_hides_the_floor_of_an_l_shaped_room():
    a_room = room("L")
    _, place, hidden = frame_room(a_room)
    # Walls 2 and 3 bound the notch: seen from its side they would cover the floor behind them.
    notch = np.dot(np.array(place[:2]) - a_room.floor[3], (1, 1)) > 0
    assert not notch or {2, 3} <= hidden


def test_moving_and_leaving_out_items_shows(stage, renderer):
    box = Item("a", "sofa", (1.0, 0.8, 0.8))
    some_task, layout = task((box, Pose(1, 1)))
    stage.open(some_task)
    here = read_png(renderer.room_view(stage, some_task, layout, PIXELS)).astype(int)
    there = read_png(renderer.room_view(stage, some_task, Layout("test", {"a": Pose(3, 2)}), PIXELS)).astype(int)
    empty = read_png(renderer.room_view(stage, some_task, Layout("test", {}), PIXELS)).astype(int)

    def green(pixels: np.ndarray) -> int:
        return int((pixels[:, :, 1] - pixels[:, :, [0, 2]].max(axis=2) > 15).sum())

    assert green(here) > 100 and green(there) > 100 and green(empty) == 0
    assert np.abs(here - there).max() > 60


def test_the_picture_is_neither_washed_out_nor_dark(stage, renderer):
    some_task, layout = furnished()
    stage.open(some_task)
    pixels = read_png(renderer.room_view(stage, some_task, layout, PIXELS)).astype(float).mean(axis=2)
    assert (pixels > 252).mean() < 0.02
    assert (pixels < 8).mean() < 0.02
    assert 120 < pixels.mean() < 225
    assert pixels.std() > 20


def test_unknown_engines_are_refused():
    with pytest.raises(ValueError, match="engine: expected one of auto, cycles, eevee, workbench"):
        Renderer("arnold")


@pytest.mark.parametrize("wanted", ["eevee", "workbench"])
def test_an_engine_that_cannot_run_gives_way_to_cycles(wanted, monkeypatch, caplog):
    monkeypatch.setattr(engines, "opengl", lambda: None)
    with caplog.at_level(logging.WARNING):
        assert Renderer(wanted).engine == "CYCLES"
    assert "using Cycles instead" in caplog.text


@pytest.mark.parametrize(
    ("graphics", "engine"),
    [(None, "CYCLES"), ("llvmpipe (LLVM 15.0.6, 256 bits)", "CYCLES"), ("NVIDIA RTX 4090", engines.eevee())],
)
def test_auto_takes_eevee_only_with_a_graphics_card(graphics, engine, monkeypatch, caplog):
    monkeypatch.setattr(engines, "opengl", lambda: graphics)
    monkeypatch.setattr(engines, "may_have_card", lambda: True)
    assert Renderer().engine == engine
    assert not caplog.records


def test_auto_tries_nothing_where_there_is_no_card(monkeypatch):
    monkeypatch.setattr(engines, "may_have_card", lambda: False)
    monkeypatch.setattr(engines, "opengl", lambda: pytest.fail("a child process was started"))
    assert Renderer("auto").engine == "CYCLES"


def test_a_probe_that_dies_means_no_opengl(monkeypatch):
    monkeypatch.setattr(engines, "_PROBE", "import os; os.abort()")
    assert engines.opengl.__wrapped__() is None
    monkeypatch.setattr(engines, "_PROBE", "import time; time.sleep(60)")
    monkeypatch.setattr(engines, "PROBE_SECONDS", 0.5)
    assert engines.opengl.__wrapped__() is None


@pytest.mark.slow
def test_workbench_shows_the_room(stage):
    if engines.opengl() is None:
        pytest.skip("no OpenGL on this machine")
    some_task, layout = furnished()
    stage.open(some_task)
    with Renderer("workbench") as renderer:
        assert renderer.engine == "BLENDER_WORKBENCH"
        pixels = read_png(renderer.room_view(stage, some_task, layout, PIXELS))
    assert pixels.std() > 20


def test_a_contact_sheet_holds_every_picture_under_its_caption(tmp_path):
    red, blue = (np.zeros((40, 60, 3), np.uint8) + np.array(c, np.uint8) for c in ((250, 0, 0), (0, 0, 250)))
    page = tmp_path / "sheet.png"
    contact_sheet([[write_png(red), write_png(blue)], [write_png(blue)]], page, ["Turn 1 · reward 0.71", "Turn 2"])
    pixels = read_png(page.read_bytes()).astype(int)
    assert ((pixels == (250, 0, 0)).all(axis=2)).sum() == 40 * 60
    assert ((pixels == (0, 0, 250)).all(axis=2)).sum() == 2 * 40 * 60
    top = int(np.argwhere((pixels == (250, 0, 0)).all(axis=2))[0][0])
    assert pixels[:top].min() < 120, "no caption above the first row"


def test_a_contact_sheet_refuses_what_is_no_picture(tmp_path):
    with pytest.raises(InputError, match="row 1: expected an 8-bit PNG"):
        contact_sheet([[b"GIF89a"]], tmp_path / "sheet.png")
    with pytest.raises(ValueError, match="captions: expected one for each of 1 rows, got 2"):
        contact_sheet([[write_png(np.zeros((2, 2, 3), np.uint8))]], tmp_path / "sheet.png", ["a", "b"])


def test_a_render_in_strips_is_the_same_and_may_be_broken_off(stage, monkeypatch):
    some_task, layout = furnished()
    stage.open(some_task)
    looks = []

    def stop_at_third():
        looks.append(1)
        if len(looks) == 3:
            raise TimeoutError

    monkeypatch.setattr(render_scene, "STRIP", 100 * 8 * 30)
    with Renderer("cycles", samples=4, threads=2, pixels=100) as renderer:
        whole = renderer.room_view(stage, some_task, layout)
        renderer.between = lambda: looks.append(1)
        strips = read_png(renderer.room_view(stage, some_task, layout)).astype(int)
        assert len(looks) == 4
        looks.clear()
        renderer.between = stop_at_third
        with pytest.raises(TimeoutError):
            renderer.room_view(stage, some_task, layout)
        renderer.between = None
        assert renderer.room_view(stage, some_task, layout) == whole, "nothing of it stays"
    assert np.abs(strips - read_png(whole)).mean() < 2
