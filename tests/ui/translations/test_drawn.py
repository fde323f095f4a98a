"""What panels draw while Blender translates it: each label and button is a text of the tables."""

from __future__ import annotations

from typing import Any

import bpy
import pytest

from metaspatial_addon.blender.turns import turns
from metaspatial_addon.ui.panels import items, main
from metaspatial_addon.ui.panels import turns as turn_panels
from metaspatial_addon.ui.panels import wishes as wish_panels
from metaspatial_addon.ui.screen import list_turn
from metaspatial_addon.ui.state import preferences
from metaspatial_addon.ui.state.identifiers import CONTEXT
from metaspatial_addon.ui.translations.tables import ANY_CONTEXT, LANGUAGES, read_po
from tests.ui.panels.drawing import Drawn, add_turn, draw
from tests.ui.translations.texts import OPERATOR

PANELS = (
    main.METASPATIAL_PT_main,
    main.METASPATIAL_PT_room,
    main.METASPATIAL_PT_model,
    main.METASPATIAL_PT_export,
    items.METASPATIAL_PT_items,
    wish_panels.METASPATIAL_PT_wishes,
    turn_panels.METASPATIAL_PT_turns,
)


def unknown(drawn: Drawn) -> list[tuple[str, str]]:
    """What is drawn of texts that Blender looks up and the tables do not have, numbers and names of axes aside."""
    table = read_po(LANGUAGES / "de.po")
    found = []
    for kind, _, options in drawn.calls:
        text: Any = options.get("text", "")
        usual = OPERATOR if kind == "operator" else ANY_CONTEXT
        key = (options.get("text_ctxt", usual), text)
        if kind in ("label", "operator", "menu") and options.get("translate", True) and len(text) > 2:
            found += [key] if any(map(str.isalpha, text)) and key not in table else []
    return found


@pytest.mark.parametrize("room_source", ["FLOOR", "WALLS", "SIZE"])
@pytest.mark.parametrize("items_source", ["SELECTED", "COLLECTION", "LIBRARY"])
def test_panels_draw_texts_of_the_tables(scene: bpy.types.Scene, room_source: str, items_source: str) -> None:
    scene.metaspatial.room_source, scene.metaspatial.items_source = room_source, items_source
    run = turns.new_run(scene, "a calm bedroom")
    turn = add_turn(run, 0.5, notes=["Bed stays where it is: its rotation is locked"])
    add_turn(run, 0.0, status="model_fault", problems=["An entry has no id."], evidence={})
    list_turn(scene, turn)
    for panel in PANELS:
        for function in ("draw_header_preset", "draw"):
            if hasattr(panel, function):
                assert unknown(draw(panel, function=function)) == []


@pytest.mark.parametrize("model", ["BUILTIN", "PLANNER", "SERVER", "LOCAL"])
def test_preferences_draw_texts_of_the_tables(scene: bpy.types.Scene, model: str) -> None:
    options = preferences.of(bpy.context)
    options.model = model
    drawn = draw(preferences.METASPATIAL_AP_preferences, owner=options)
    assert unknown(drawn) == []
    assert ("label", "Self-Check", CONTEXT) in [(kind, o.get("text"), o.get("text_ctxt")) for kind, _, o in drawn.calls]
