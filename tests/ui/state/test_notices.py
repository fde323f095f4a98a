"""Notices go with what they say: a step that is done, another scene, another file."""

from __future__ import annotations

import bpy
import pytest

import metaspatial_addon
from metaspatial_addon.blender.turns import turn_visibility
from metaspatial_addon.ui.operators.library import _show_answer
from metaspatial_addon.ui.panels import main
from metaspatial_addon.ui.state import job, preferences
from metaspatial_addon.ui.state.job_status import status
from metaspatial_addon.ui.state.self_check import _show_model
from tests.ui.jobs import generate, say_turn, until_idle
from tests.ui.panels.drawing import draw


def told() -> bool:
    """Whether the panel shows the notice that there is."""
    assert status.notice is not None
    words = " ".join(draw(main.METASPATIAL_PT_main, width=2000).texts())
    return status.notice.sentence in words


def refused(words: str) -> None:
    with pytest.raises(RuntimeError, match=words):
        bpy.ops.metaspatial.generate_layout()
    assert words in status.notice.sentence and told()
    bpy.data.objects["Plant"].location.x += 1  # is none of the items
    assert told()


def test_what_is_missing_is_told_until_it_is_there(scene, recorded):
    settings, chosen = scene.metaspatial, preferences.of(bpy.context)
    furniture = list(bpy.context.selected_objects)
    for obj in furniture:
        obj.select_set(False)
    refused("Select the furniture")
    furniture[0].select_set(True)
    assert not told()
    floor, settings.floor = settings.floor, None
    refused("Choose the floor")
    settings.floor = floor
    assert not told()
    for obj in bpy.context.selected_objects:
        obj.metaspatial.locked = True
    refused("All items are locked")
    furniture[0].metaspatial.locked = False
    furniture[0].update_tag()  # as a click on the lock does
    assert not told()
    chosen.model, chosen.server_url = "SERVER", ""
    refused("Enter the address")
    chosen.server_url = "http://localhost:1/v1"
    assert not told()


def test_what_is_missing_in_one_scene_is_not_told_in_another(scene, recorded):
    scene.metaspatial.floor = None
    refused("Choose the floor")
    bpy.context.window.scene = bpy.data.scenes.new("Other")
    assert not told()
    bpy.context.window.scene = scene
    assert told()


def test_how_a_layout_ended_is_told_in_its_scene(scene, recorded):
    worker = generate()
    say_turn(worker)
    worker.says_done(note="As good as it gets")
    until_idle()
    assert told()
    other = bpy.data.scenes.new("Other")
    bpy.context.window.scene = other
    assert not told()
    bpy.context.window.scene = scene
    assert told()


def test_a_deleted_scene_is_told_of_in_the_others(scene, recorded):
    generate()
    bpy.context.window.scene = bpy.data.scenes.new("Other")
    bpy.data.scenes.remove(scene)
    job.tick()
    assert told()


def test_what_stayed_on_accept_is_told_until_a_turn_is_shown_again(scene, recorded):
    worker = generate()
    say_turn(worker)
    worker.says_done()
    until_idle()
    bpy.data.objects["Bed"].metaspatial.locked = True
    assert bpy.ops.metaspatial.accept_turn() == {"FINISHED"}
    assert "Bed stays" in status.notice.sentence and told()
    bpy.data.objects["Lamp"].select_set(True)
    assert told(), "a click in the viewport is no step"
    turn_visibility.show(scene, turn_visibility.all_turns(scene)[0])
    assert not told()


def test_how_a_model_answered_is_told_until_it_is_another(scene):
    chosen = preferences.of(bpy.context)
    chosen.model = "SERVER"
    for setting, value in (("server_model", "another"), ("key", "sk-1"), ("model", "BUILTIN")):
        _show_model("Server", {"ok": False, "message": "The server wants a key"})
        assert told()
        setattr(chosen, setting, value)
        assert not told(), setting


def test_words_that_name_no_furniture_are_told_of_until_there_are_others(scene):
    scene.metaspatial.prompt = "quux"
    _show_answer({"found": []})
    assert told()
    scene.metaspatial.prompt = "a desk"
    assert not told()


@pytest.mark.parametrize(
    "leave",
    [
        lambda: bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True),
        lambda: (metaspatial_addon.unregister(), metaspatial_addon.register()),
    ],
    ids=["another file", "disabled and enabled"],
)
def test_another_file_and_the_end_of_the_addon_leave_no_notice(scene, recorded, leave):
    scene.metaspatial.floor = None
    refused("Choose the floor")
    leave()
    assert status.notice is None
