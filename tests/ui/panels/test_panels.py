"""The sidebar: what it shows, drawn into a layout that writes down what it is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import numpy as np
import pytest

import metaspatial_addon
from metaspatial_addon.blender.turns import turn_collections, turn_visibility, turns
from metaspatial_addon.core.lexicon.lexicon import Lexicon
from metaspatial_addon.prompts.png import write_png
from metaspatial_addon.ui import text
from metaspatial_addon.ui.panels import items, main
from metaspatial_addon.ui.panels import turns as turn_panels
from metaspatial_addon.ui.screen import Notice, ProgressBar, list_turn
from metaspatial_addon.ui.state import job_status, preferences, recent
from metaspatial_addon.ui.state.identifiers import Operators
from metaspatial_addon.ui.state.job_status import status
from metaspatial_addon.ui.state.scene import listed_turns
from tests.blender.turns.arrivals import MOVE, arrival, box, copy_of, let_arrive
from tests.ui.panels.drawing import EVIDENCE, Drawn, add_turn, draw

PICTURE = write_png(np.zeros((8, 8, 3), np.uint8))


@pytest.fixture(autouse=True)
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[bpy.types.Scene]:
    monkeypatch.setenv("BLENDER_USER_RESOURCES", str(tmp_path))
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    metaspatial_addon.register()
    bpy.ops.mesh.primitive_plane_add(size=4)
    bpy.context.object.name = "Floor"
    bpy.context.object.select_set(False)
    yield bpy.context.scene
    metaspatial_addon.unregister()


def add(name: str, select: bool = True) -> bpy.types.Object:
    mesh = bpy.data.meshes.get("Box")
    if mesh is None:
        mesh = bpy.data.meshes.new("Box")
        mesh.from_pydata([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 1)], [], [(0, 1, 2), (0, 2, 3)])
    obj = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(obj)
    obj.select_set(select)
    return obj


@pytest.fixture
def run(scene: bpy.types.Scene) -> bpy.types.Collection:
    return turns.new_run(scene, "a calm bedroom")


def test_prompt_and_generate_come_first(scene: bpy.types.Scene) -> None:
    scene.metaspatial.floor = bpy.data.objects["Floor"]
    add("Bed")
    drawn = draw(main.METASPATIAL_PT_main)
    assert drawn.fields() == ["prompt"]
    assert drawn.buttons() == [Operators.GENERATE_LAYOUT, Operators.FIX_BROKEN]
    assert drawn.texts() == ["Prompt"]


def test_what_is_missing_is_said_where_the_button_is(scene: bpy.types.Scene) -> None:
    drawn = draw(main.METASPATIAL_PT_main)
    assert "No floor yet" in drawn.texts()
    assert drawn.buttons()[-1] == Operators.SET_FLOOR
    scene.metaspatial.floor = bpy.data.objects["Floor"]
    assert draw(main.METASPATIAL_PT_main).texts()[-1] == "Select the furniture to lay out"
    scene.metaspatial.items_source = "COLLECTION"
    assert "collection" in draw(main.METASPATIAL_PT_main).texts()[-1]


def test_a_running_job_shows_its_progress_and_cancel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "state", job_status.RUNNING)
    monkeypatch.setattr(status, "progress", ProgressBar("Turn 2 of 3: physics", 0.5))
    drawn = draw(main.METASPATIAL_PT_main)
    assert drawn.buttons() == [Operators.CANCEL]
    (bar,) = [options for kind, _, options in drawn.calls if kind == "progress"]
    assert (bar["text"], bar["factor"]) == ("Turn 2 of 3: physics", 0.5)


def test_a_notice_is_wrapped_and_has_the_button_that_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    sentence = "The model server at localhost:8000 refused the connection. Start it, or choose another model."
    monkeypatch.setattr(status, "notice", Notice("ERROR", sentence, Operators.OPEN_LOG))
    drawn = draw(main.METASPATIAL_PT_main)
    assert drawn.buttons()[-2:] == [Operators.DISMISS_NOTICE, Operators.OPEN_LOG]
    lines = drawn.texts()[2:]
    assert " ".join(lines) == sentence
    assert len(lines) > len(draw(main.METASPATIAL_PT_main, width=600).texts()[2:]) > 1


def test_lines_fit_and_lose_nothing() -> None:
    words = "Ein Sofa,\n\n  zwei   Sessel und Donaudampfschifffahrtsgesellschaftskapitänskajütentisch 寝室の机"
    for width in (5, 60, 150, 1000):
        lines = text.wrap(words, width, 11.0)
        assert "".join("".join(lines).split()) == "".join(words.split())
        text.blf.size(0, 11.0)
        assert all(text.blf.dimensions(0, line)[0] <= width or len(line) == 1 for line in lines)
    assert text.wrap(words, 1000, 11.0)[:2] == ("Ein Sofa,", "")
    assert text.wrap("", 100, 11.0) == ()


def test_items_have_lock_category_and_front(scene: bpy.types.Scene) -> None:
    bed = add("OfficeChair_02.001")
    add("Not Selected", select=False)
    bed.metaspatial.front = "+X"
    drawn = draw(items.METASPATIAL_PT_items)
    assert drawn.fields() == ["items_source", "locked", "category", "carry", "others_are_obstacles"]
    (category,) = [options for kind, what, options in drawn.calls if kind == "prop" and what[1] == "category"]
    assert category["placeholder"] == "office chair"
    (front,) = [options for kind, what, options in drawn.calls if what == Operators.ROTATE_FRONT]
    assert (front["text"], front["properties"].object_name) == ("+X", "OfficeChair_02.001")
    assert draw(items.METASPATIAL_PT_items, function="draw_header_preset").texts() == ["1"]


def test_a_renamed_item_is_guessed_anew(scene: bpy.types.Scene) -> None:
    obj = add("Sofa")

    def shown() -> tuple[str, str]:
        fields = [options for kind, what, options in draw(items.METASPATIAL_PT_items).calls if kind == "prop"]
        (category,) = [options for options in fields if "placeholder" in options]
        return category["placeholder"], category["icon"]

    assert shown() == ("sofa", "NONE")
    obj.name = "Schreibtisch"
    assert shown() == ("desk", "NONE")
    obj.name = "Gizmo.004"
    assert shown() == ("gizmo", "QUESTION"), "unknown"
    obj.data.name = "SM_Bookcase"
    assert shown() == ("bookcase", "SHADERFX"), "guessed by its mesh"
    obj.metaspatial.category = "my own"
    assert shown() == ("bookcase", "NONE"), "stated"


def test_a_stated_category_is_offered_to_items_of_the_same_name(scene: bpy.types.Scene) -> None:
    chairs = [add(name) for name in ("Thing_01", "Thing_02", "Thing.003", "Other Thing")]
    assert Operators.SAME_CATEGORY not in draw(items.METASPATIAL_PT_items).buttons()
    chairs[0].metaspatial.category = "armchair"
    assert draw(items.METASPATIAL_PT_items).buttons().count(Operators.SAME_CATEGORY) == 1
    assert bpy.ops.metaspatial.same_category(object_name="Thing_01") == {"FINISHED"}
    assert [obj.metaspatial.category for obj in chairs] == ["armchair", "armchair", "armchair", ""]
    assert Operators.SAME_CATEGORY not in draw(items.METASPATIAL_PT_items).buttons()


def test_many_items_are_counted_and_not_all_listed(scene: bpy.types.Scene) -> None:
    for k in range(30):
        add(f"Chair {k}")
    drawn = draw(items.METASPATIAL_PT_items)
    assert drawn.fields().count("locked") == items.MAX_ROWS
    assert drawn.texts()[-1] == f"and {30 - items.MAX_ROWS} more"


def test_found_assets_are_ticked_before_they_are_added(scene: bpy.types.Scene) -> None:
    scene.metaspatial.items_source = "LIBRARY"
    drawn = draw(items.METASPATIAL_PT_items)
    assert Operators.PICK_ASSETS in drawn.buttons()
    assert Operators.ADD_ASSETS not in drawn.buttons()
    bpy.context.window_manager.metaspatial.assets.add().name = "Double Bed"
    assert Operators.ADD_ASSETS in draw(items.METASPATIAL_PT_items).buttons()


@pytest.mark.parametrize(
    ("source", "fields"),
    [
        ("FLOOR", ["room_source", "floor", "shown_height", "room_type"]),
        ("WALLS", ["room_source", "walls", "shown_height", "room_type"]),
        ("SIZE", ["room_source", "shown_size", "room_type"]),
    ],
)
def test_the_room_asks_only_for_what_it_needs(scene: bpy.types.Scene, source: str, fields: list[str]) -> None:
    scene.metaspatial.room_source = source
    assert draw(main.METASPATIAL_PT_room).fields() == fields


def test_a_selected_door_shows_what_it_is(scene: bpy.types.Scene) -> None:
    scene.metaspatial.floor = bpy.data.objects["Floor"]
    bpy.ops.metaspatial.add_door()
    assert draw(main.METASPATIAL_PT_room).fields()[-1] == "opening"


def test_a_key_of_the_environment_is_told_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    preferences.of(bpy.context).model = "SERVER"
    drawn = draw(main.METASPATIAL_PT_model)
    assert "key" in drawn.fields()
    monkeypatch.setenv("METASPATIAL_API_KEY", "sk-secret")
    drawn = draw(main.METASPATIAL_PT_model)
    assert "key" not in drawn.fields()
    assert any("METASPATIAL_API_KEY" in text for text in drawn.texts())
    assert "sk-secret" not in repr(drawn.calls)


def test_turns_appear_with_the_first_one(scene: bpy.types.Scene) -> None:
    assert not turn_panels.METASPATIAL_PT_turns.poll(bpy.context)
    add_turn(turns.new_run(scene, "one"), 0.5)
    assert turn_panels.METASPATIAL_PT_turns.poll(bpy.context)


def test_the_picked_turn_tells_its_faults_and_reasoning(run: bpy.types.Collection) -> None:
    add_turn(run, 0.5)
    drawn = draw(turn_panels.METASPATIAL_PT_turns)
    assert drawn.buttons()[2:4] == [Operators.ACCEPT_TURN, Operators.REFINE_FROM_HERE]
    assert {Operators.SHOW_ORIGINALS, Operators.SHOW_REASONING} <= {*drawn.buttons()}
    assert "2 Faults" in drawn.texts()
    assert "The bed goes first." in drawn.texts()
    rows = [o for kind, what, o in drawn.calls if what == Operators.SELECT_FAULT]
    assert " ".join(row["text"] for row in rows if row["properties"].index == 0) == "Bed overlaps Desk by 0.20 m"
    assert {row["properties"].index for row in rows} == {0, 1}


def test_what_is_moved_by_hand_is_told_beside_the_count_of_before(scene: bpy.types.Scene) -> None:
    bed = box("Bed")
    turn = let_arrive(arrival({bed: MOVE}))
    said = "You moved something after this was measured. Refine From Here measures it again"
    assert said not in " ".join(draw(turn_panels.METASPATIAL_PT_turns).texts())
    copy_of(turn, bed).location.x += 0.5
    assert said in " ".join(draw(turn_panels.METASPATIAL_PT_turns).texts())


def test_a_turn_without_a_layout_says_why(run: bpy.types.Collection) -> None:
    add_turn(run, 0.1, status="model_fault", evidence={}, problems=["no answer block"])
    drawn = draw(turn_panels.METASPATIAL_PT_turns)
    assert "no answer block" in drawn.texts()
    assert Operators.SELECT_FAULT not in drawn.buttons()


def row(run: bpy.types.Collection, turn: bpy.types.Collection) -> list[tuple[str, str]]:
    """Text and icon of what the list shows of a turn."""
    drawn = Drawn()
    turn_panels.METASPATIAL_UL_turns.draw_item(None, bpy.context, drawn, run, turn, 0, None, "")
    return [(options.get("text", ""), options.get("icon", "")) for _, _, options in drawn.calls]


def test_the_list_marks_best_accepted_and_shown(scene: bpy.types.Scene, run: bpy.types.Collection) -> None:
    worse, best = add_turn(run, 0.5), add_turn(run, 0.834, evidence={**EVIDENCE, "overlaps": [], "unreachable": []})
    turn_visibility.show(scene, best)
    turn_collections.accept(scene, worse)
    turn_visibility.show(scene, best)
    assert row(run, worse) == [
        ("", "HIDE_ON"),
        ("Turn 1", ""),
        ("", "CHECKMARK"),
        ("50%", ""),
        ("2", "ERROR"),
    ]
    assert row(run, best) == [("", "HIDE_OFF"), ("Turn 2", ""), ("", "SOLO_ON"), ("83%", "")]


def test_the_list_has_turns_alone_by_number(run: bpy.types.Collection) -> None:
    for _ in range(3):
        add_turn(run, 0.5)
    run.children.link(bpy.data.collections.new("The artist's own"))
    second = turns.turns(run)[1]
    run.children.unlink(second)
    run.children.link(second)
    stand_in = SimpleNamespace(bitflag_filter_item=1 << 30)
    flags, order = turn_panels.METASPATIAL_UL_turns.filter_items(stand_in, bpy.context, run, "children")
    assert [child.name for child in run.children] == ["Turn 01", "Turn 03", "The artist's own", "Turn 02"]
    assert flags == [1 << 30, 1 << 30, 0, 1 << 30]
    assert order == [0, 2, 3, 1]


def test_picking_a_turn_shows_it(scene: bpy.types.Scene, run: bpy.types.Collection) -> None:
    first, second = add_turn(run, 0.5), add_turn(run, 0.6)
    turn_visibility.show(scene, second)
    list_turn(scene, second)
    assert turn_visibility.shown(scene) == second
    scene.metaspatial.turn_index = 0
    assert turn_visibility.shown(scene) == first
    assert listed_turns.listed_turn(scene) == first


def test_the_newest_run_is_listed_until_another_is_picked(scene: bpy.types.Scene) -> None:
    one, two = turns.new_run(scene, "one"), turns.new_run(scene, "two")
    assert listed_turns.listed_run(scene) == two
    scene.metaspatial.run = one
    assert listed_turns.listed_run(scene) == one
    turn_collections.clear(scene)
    assert listed_turns.listed_run(scene) is None
    assert listed_turns.listed_turn(scene) is None


def test_a_recent_prompt_is_used_again(scene: bpy.types.Scene) -> None:
    assert draw(main.METASPATIAL_MT_recent_prompts).texts() == ["No prompt was used yet"]
    recent.remember("a bedroom\nwith a desk")
    recent.remember("a kitchen")
    drawn = draw(main.METASPATIAL_MT_recent_prompts)
    labels = [options["text"] for _, _, options in drawn.calls]
    assert labels == ["a kitchen", "a bedroom with a desk"]
    assert bpy.ops.metaspatial.use_prompt(index=1) == {"FINISHED"}
    assert scene.metaspatial.prompt == "a bedroom\nwith a desk"


def test_set_floor_takes_the_active_object(scene: bpy.types.Scene) -> None:
    scene.metaspatial.room_source = "SIZE"
    assert bpy.ops.metaspatial.set_floor() == {"FINISHED"}
    assert (scene.metaspatial.room_source, scene.metaspatial.floor) == ("FLOOR", bpy.data.objects["Floor"])
    bpy.context.view_layer.objects.active = None
    assert not bpy.ops.metaspatial.set_floor.poll()


def test_nothing_is_worked_out_again(run: bpy.types.Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Redraws read no record and guess no category that an earlier one has."""
    for k in range(30):
        add(f"Office Chair {k}")
    made = [add_turn(run, k / 10) for k in range(3)]

    def draw_all() -> list[Any]:
        list_of_items, list_of_turns = draw(items.METASPATIAL_PT_items), draw(turn_panels.METASPATIAL_PT_turns)
        return [list_of_items.calls, list_of_turns.calls, [row(run, turn) for turn in made]]

    first = draw_all()

    def fail(*_: object) -> None:
        raise AssertionError("worked out again")

    monkeypatch.setattr(json, "loads", fail)
    monkeypatch.setattr(Lexicon, "spoken", fail)
    monkeypatch.setattr(text.blf, "dimensions", fail)
    assert repr(draw_all()) == repr(first)


def test_long_names_are_cut_in_their_middle() -> None:
    name = "SM_Chair_Dining_Oak_Upholstered_LOD0_Variant_17"
    cut = text.cut_in_middle(name, 120, 11)
    before, after = cut.split("…")
    assert name.startswith(before) and name.endswith(after) and abs(len(before) - len(after)) <= 1
    assert text.cut_in_middle("Bed", 120, 11) == "Bed"
    assert len(text.cut_in_middle(name, 1, 11)) == text.LEAST_LETTERS + 1


def test_pictures_of_turns_stand_side_by_side(scene: bpy.types.Scene, run: bpy.types.Collection) -> None:
    def thumbnails() -> list[tuple[str, int, bool, str]]:
        """Label, number, whether pressed in, and icon of each button under a picture."""
        calls = draw(turn_panels.METASPATIAL_PT_turns).calls
        buttons = [options for _, what, options in calls if what == Operators.SHOW_TURN]
        return [(o["text"], o["properties"].number, o["depress"], o["icon"]) for o in buttons]

    made = [add_turn(run, reward) for reward in (0.5, 0.9, 0.7)]
    turn_visibility.show(scene, made[2])
    assert thumbnails() == [], "pictures none"
    for turn in made[:2]:
        assert thumbnails() == [], "one picture is beside nothing"
        turn_collections.set_images(turn, PICTURE, PICTURE)
    assert thumbnails() == [("1", 1, False, "NONE"), ("2", 2, False, "SOLO_ON")]
    turn_visibility.show(scene, made[0])
    assert thumbnails()[0] == ("1", 1, True, "NONE")
    turn_collections.delete_turn(scene, made[1])
    assert thumbnails() == []


def test_pictures_side_by_side_fit_the_sidebar(run: bpy.types.Collection) -> None:
    for count in range(1, turn_panels.MAX_THUMBNAILS + 3):
        turn_collections.set_images(add_turn(run, 0.5), PICTURE, PICTURE)
        for width in (200, 260, 900):
            calls = draw(turn_panels.METASPATIAL_PT_turns, width=width).calls
            scales = [o["scale"] for kind, _, o in calls if kind == "template_icon"]
            thumbnails = scales[: -len(listed_turns.turn_images(turns.turns(run)[0]))]
            columns = min(count, turn_panels.THUMBNAILS_IN_ROW)
            assert len(thumbnails) == (min(count, turn_panels.MAX_THUMBNAILS) if count > 1 else 0)
            assert all(scale * text.ICON_PX * columns < width for scale in thumbnails)
