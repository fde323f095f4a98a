"""From nothing to a layout in a few clicks, and what the panel says on the way."""

from __future__ import annotations

import json

import bpy
import numpy as np
import pytest

from metaspatial_addon.blender.turns import turn_visibility, turns
from metaspatial_addon.core.task import read_layout
from metaspatial_addon.ui.overlay.handler import read_room
from metaspatial_addon.ui.panels.menus import METASPATIAL_MT_arrange_furniture
from metaspatial_addon.ui.screen import Notice
from metaspatial_addon.ui.state import job, preferences, wishes
from metaspatial_addon.ui.state.job_status import status
from metaspatial_addon.ui.state.scene import example
from metaspatial_addon.ui.state.turn_cache import turn_summary
from metaspatial_addon.worker import models
from tests.ui.jobs import generate, say_turn, until_idle, wait_until


def test_the_example_is_laid_out_without_a_fault_by_the_next_click(scene, folder):
    before = {obj: obj.matrix_world.copy() for obj in scene.objects}
    assert bpy.ops.metaspatial.example_scene() == {"FINISHED"}
    made = bpy.context.scene
    assert made.name == example.NAME and made != scene and {obj: obj.matrix_world for obj in scene.objects} == before
    settings = made.metaspatial
    assert len(settings.items.objects) == sum(example.ITEMS.values()) and settings.prompt == example.PROMPT
    assert [wishes.words(wish) for wish in wishes.shown(settings)] == ["desk_oak against window wall"]
    settings.randomise, settings.seed, settings.turns = False, 3, 2
    assert bpy.ops.metaspatial.generate_layout() == {"FINISHED"}
    wait_until(lambda: job.tick() is None or not status.busy, 120)
    assert status.notice is None, status.notice
    best = turn_visibility.shown(made)
    assert len(best.objects) == sum(example.ITEMS.values())
    assert best[turns.KEY]["reward"] > 0.9


def test_a_room_of_dimensions_is_drawn_and_made_real(scene):
    settings = scene.metaspatial
    assert not bpy.ops.metaspatial.make_room.poll()
    settings.room_source, settings.size = "SIZE", (4, 3, 2.5)
    drawn = {tuple(np.round(point, 3)) for point in read_room(scene).lines}
    assert {(x, y, z) for x in (-2, 2) for y in (-1.5, 1.5) for z in (0, 2.5)} <= drawn

    assert bpy.ops.metaspatial.make_room() == {"FINISHED"}
    assert not len(read_room(scene).lines), "its objects show it"
    assert settings.room_source == "FLOOR" and settings.height == pytest.approx(2.5)
    assert settings.floor.dimensions[:2] == pytest.approx((4, 3))
    walls = [obj for obj in scene.objects if obj.name.startswith("Wall")]
    assert len(walls) == 4 and all(wall.dimensions.z == pytest.approx(2.5) for wall in walls)
    room = np.array([corner for wall in walls for corner in wall.bound_box])
    assert np.abs(room[:, :2]).max(axis=0) == pytest.approx((2.1, 1.6))


def test_another_answer_to_the_same_wish_has_a_new_seed(scene, recorded):
    settings = scene.metaspatial
    settings.randomise, settings.seed, settings.prompt = False, 5, "calm"
    assert not bpy.ops.metaspatial.another.poll()
    worker = generate()
    say_turn(worker)
    worker.says_done()
    until_idle()
    first = worker.sent[-1]
    assert bpy.ops.metaspatial.another() == {"FINISHED"}
    job.tick(), job.tick()
    second = worker.sent[-1]
    assert first["seed"] == 5 != second["seed"] == settings.seed
    same = first.keys() - {"seed", "job", "folder"}
    assert {key: first[key] for key in same} == {key: second[key] for key in same}
    say_turn(worker)
    worker.says_done()
    until_idle()
    assert len(turns.runs(scene)) == 2, "the layout that was there stays"


def test_plain_words_find_the_operators(scene):
    entries = []

    class Layout:
        def operator(self, name):
            entries.append(name)

        def separator(self):
            pass

    METASPATIAL_MT_arrange_furniture.draw(type("Menu", (), {"layout": Layout()})(), bpy.context)
    labels = [bpy.ops.metaspatial.generate_layout.get_rna_type().name]
    for name in entries:
        module, _, operator = name.partition(".")
        rna = getattr(getattr(bpy.ops, module), operator).get_rna_type()
        labels.append(rna.name)
        assert rna.description
    text = f"{METASPATIAL_MT_arrange_furniture.bl_label} {' '.join(labels)}".lower()
    assert all(word in text for word in ("arrange", "furniture", "layout", "library", "example", "walls"))


def test_tidying_and_free_places_are_asked_for_as_the_panel_says(scene, recorded):
    chosen = preferences.of(bpy.context)
    sent = generate().sent[-1]
    assert "tidy" not in sent and sent["policy"] == {"kind": "builtin"}, "both are on where nothing is said"
    job.cancel()
    chosen.tidy = chosen.free_places = False
    sent = generate().sent[-1]
    assert sent["tidy"] is sent["policy"]["free_places"] is False
    assert models.open_policy(sent["policy"]).free_places is False
    chosen.tidy = chosen.free_places = True


def test_an_export_under_another_ending_says_so_and_leaves_nothing_behind(scene, recorded, tmp_path):
    worker = generate()
    say_turn(worker)
    worker.says_done()
    until_idle()
    path = tmp_path / "layout.json"
    with pytest.raises(RuntimeError, match=r"layout\.json does not end in \.glb"):
        bpy.ops.metaspatial.export_layout(filepath=str(path), file_format="GLB")
    assert not list(tmp_path.glob("layout*"))
    assert bpy.ops.metaspatial.export_layout(filepath=str(path), file_format="LAYOUT") == {"FINISHED"}
    written, copies = json.loads(path.read_text()), turn_visibility.shown(scene).objects
    assert set(read_layout(path).poses) == {placement["id"] for placement in written["placements"]}
    assert {entry["name"] for entry in written["objects"].values()} == {"Bed", "Lamp"}
    matrices = [[value for row in copy.matrix_world for value in row] for copy in copies]
    assert all(any(entry["matrix"] == pytest.approx(m) for m in matrices) for entry in written["objects"].values())
    assert len(written["frame"]) == 16


def test_what_was_said_of_another_file_vanishes_with_it(scene):
    status.notify(Notice("ERROR", "Choose the floor object"))
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    assert status.notice is None


def test_runs_of_one_name_are_counted(scene):
    names = [turns.new_run(scene, "Living room").name for _ in range(3)]
    assert names == ["MetaSpatial · Living room", "MetaSpatial · Living room 2", "MetaSpatial · Living room 3"]
    assert all(len(turns.new_run(scene, "ä" * 60).name.encode()) <= 63 for _ in range(11))


def test_a_turn_says_why_an_item_stays(scene, recorded):
    worker = generate()
    say_turn(worker)
    worker.outbox[0]["notes"] = {"bed_1": "it is animated"}
    worker.says_done()
    until_idle()
    assert "bed_1 stays where it is: it is animated" in turn_summary(turn_visibility.shown(scene)).notes
