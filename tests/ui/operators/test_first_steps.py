"""From nothing to a layout in a few clicks: the example, real rooms, another answer, operators found by plain words."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from metaspatial_addon.blender.turns import turn_visibility, turns
from metaspatial_addon.ui.overlay.handler import read_room
from metaspatial_addon.ui.panels.menus import METASPATIAL_MT_arrange_furniture
from metaspatial_addon.ui.state import job
from metaspatial_addon.ui.state.job_status import status
from metaspatial_addon.ui.state.scene import example
from tests.ui.jobs import generate, say_turn, until_idle, wait_until


def test_the_example_is_laid_out_without_a_fault_by_the_next_click(scene, folder):
    before = {obj: obj.matrix_world.copy() for obj in scene.objects}
    assert bpy.ops.metaspatial.example_scene() == {"FINISHED"}
    made = bpy.context.scene
    assert made.name == example.NAME and made != scene and {obj: obj.matrix_world for obj in scene.objects} == before
    settings = made.metaspatial
    assert len(settings.items.objects) == sum(example.ITEMS.values()) and settings.prompt == example.PROMPT
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
