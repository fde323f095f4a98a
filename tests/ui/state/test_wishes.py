"""Wishes in the panel: read from the prompt, changed and added by hand, handed to the worker, met or not by a turn."""

from __future__ import annotations

import json

import bpy
import pytest

from metaspatial_addon.blender.turns import turns
from metaspatial_addon.core.task import Layout, layout_to_json
from metaspatial_addon.ui.panels import turns as turn_panels
from metaspatial_addon.ui.panels import wishes as wish_panels
from metaspatial_addon.ui.state import turn_cache, wishes
from tests.ui.jobs import generate
from tests.ui.panels.drawing import EVIDENCE, Drawn, add_turn, draw


@pytest.fixture
def settings(scene):
    """A bed and a lamp are the items, a plant is none."""
    return scene.metaspatial


def listed(settings) -> list[str]:
    return [wishes.words(entry) for entry in wishes.shown(settings)]


def asked() -> list[tuple[str, str, str, bool]]:
    sent = generate().sent[-1]["wishes"]
    return [(wish["subject"], wish["predicate"], wish["object"], wish["negated"]) for wish in sent]


def test_a_prompt_is_read_as_soon_as_it_is_written(settings):
    settings.prompt = "The bed in the middle, the lamp not against the north wall; the sofa by the window"
    assert listed(settings) == ["Bed in the middle of room", "Lamp not against north wall"]
    assert settings.not_understood == "the sofa by the window: this is not among the items"
    drawn = draw(wish_panels.METASPATIAL_PT_wishes)
    assert "the sofa by the window: this is not" in " ".join(drawn.texts())
    assert drawn.fields() == ["subject", "predicate", "object", "negated"]
    settings.prompt = "The lamp next to the bed"
    assert (listed(settings), settings.not_understood) == (["Lamp next to Bed"], "")


def test_what_the_artist_made_of_a_wish_stays_until_the_prompt_says_something_else(settings, recorded):
    settings.prompt = "The bed in the middle, the lamp next to the bed"
    settings.wishes[0].ticked = False
    settings.wishes[1].predicate = "far"
    settings.prompt = "Calm. The bed in the middle, the lamp next to the bed"
    assert [entry.ticked for entry in settings.wishes] == [False, True]
    assert asked() == [("Lamp", "far", "Bed", False)]
    assert listed(settings) == ["Bed in the middle of room", "Lamp far from Bed"]


def test_a_wish_that_is_removed_is_not_read_again(settings, recorded):
    settings.prompt = "The bed in the middle, the lamp next to the bed"
    settings.wish_index = 0
    assert bpy.ops.metaspatial.remove_wish() == {"FINISHED"}
    assert bpy.ops.metaspatial.read_wishes() == {"FINISHED"}
    assert listed(settings) == ["Lamp next to Bed"]
    assert asked() == [("Lamp", "next_to", "Bed", False)]


def test_the_two_selected_objects_are_wished_together_and_stay_by_hand(scene, settings, recorded):
    bpy.context.view_layer.objects.active = bpy.data.objects["Bed"]
    assert bpy.ops.metaspatial.add_wish() == {"FINISHED"}
    settings.prompt = "Something else"
    assert listed(settings) == ["Lamp next to Bed"]
    assert asked() == [("Lamp", "next_to", "Bed", False)]
    settings.wish_index = 0
    assert bpy.ops.metaspatial.remove_wish() == {"FINISHED"}
    assert not settings.wishes


def test_a_wish_about_what_there_is_not_is_shown_and_not_asked_for(settings, recorded):
    wishes.add(settings, "Bed", "next_to", "north wall")
    assert "Choose an item" in " ".join(draw(wish_panels.METASPATIAL_PT_wishes).texts())
    assert asked() == []


def test_a_turn_says_which_wishes_it_meets(scene):
    run = turns.new_run(scene, "a calm bedroom")
    relations = [
        {"subject": "Bed", "predicate": "against", "object": "wall_2"},
        {"subject": "Lamp", "predicate": "next_to", "object": "Bed"},
    ]
    unmet = {**EVIDENCE, "overlaps": [], "unreachable": [], "relations": [{**relations[1], "score": 0.2}]}
    turn = add_turn(run, 0.8, evidence=unmet, layout=layout_to_json(Layout("scene")))
    kept = turn[turns.KEY].to_dict()
    kept["task"] = json.dumps(
        {
            "task": {"relations": relations},
            "wishes": [
                {"words": "Bed against north wall", "relation": 0, "reason": ""},
                {"words": "Lamp next to Bed", "relation": 1, "reason": ""},
                {"words": "Lamp against window wall", "relation": None, "reason": "the room has no window wall"},
            ],
        }
    )
    turn[turns.KEY] = kept
    scene.metaspatial.turn_index = 0
    summary = turn_cache.turn_summary(turn)
    assert summary.wishes_met == "1 of 3 wishes met"
    assert list(summary.wishes.values()) == [True, False, False]
    texts = draw(turn_panels.METASPATIAL_PT_turns).texts()
    assert {"1 Fault", "1 of 3 wishes met"} <= set(texts)
    assert "Lamp against window wall: the room" in " ".join(texts)
    entry = wishes.add(scene.metaspatial, "Bed", "against", "north wall")
    drawn = Drawn()
    wish_panels.METASPATIAL_UL_wishes.draw_item(None, bpy.context, drawn, None, entry, 0, None, "")
    assert [options["icon"] for _, _, options in drawn.calls if "icon" in options] == ["CHECKMARK"]


def test_no_faults_never_stands_beside_a_wish_that_cannot_be_met(scene):
    run = turns.new_run(scene, "a calm bedroom")
    turn = add_turn(run, 1.0, evidence=dict.fromkeys(EVIDENCE, ()), layout=layout_to_json(Layout("scene")))
    kept = turn[turns.KEY].to_dict()
    cannot = {"words": "Lamp against window wall", "relation": None, "reason": "the room has no window wall"}
    by_itself = {"words": "Lamp on Bed", "relation": None, "reason": ""}
    turn[turns.KEY] = {**kept, "task": json.dumps({"task": {"relations": []}, "wishes": [cannot, by_itself]})}
    texts = draw(turn_panels.METASPATIAL_PT_turns).texts()
    assert "No Faults" not in texts
    assert {"Not All Wishes", "1 of 2 wishes met"} <= set(texts)
