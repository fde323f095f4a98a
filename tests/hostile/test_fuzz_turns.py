"""Turns of a .blend whose custom properties hold what nobody should write: they are drawn, compared, accepted, exported
and removed without a traceback, and no object of the artist's is lost or leaves the scene's reach.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

bpy = pytest.importorskip("bpy")

from hypothesis import given
from hypothesis import strategies as st
from mathutils import Matrix

import metaspatial_addon
from metaspatial_addon.blender.frames import is_within_reach, matrix_to_list, world_matrix
from metaspatial_addon.blender.scene_io import blend_file
from metaspatial_addon.blender.turns import compare, turn_collections, turn_properties, turn_visibility, turns
from metaspatial_addon.core.task import read_layout
from metaspatial_addon.ui.operators.turns import METASPATIAL_OT_accept_turn
from metaspatial_addon.ui.overlay import handler
from metaspatial_addon.ui.panels import main, wishes
from metaspatial_addon.ui.panels import turns as turn_panels
from metaspatial_addon.ui.state import request
from metaspatial_addon.ui.state.scene import items, listed_turns
from metaspatial_addon.ui.state.scene.index import SceneIndex
from tests.blender.turns.arrivals import MOVE, arrival, box, let_arrive
from tests.hostile.fuzzing import PROFILE, bounded_memory, documents, edited, read
from tests.ui.panels.drawing import EVIDENCE, Drawn, draw

IDENTITY = matrix_to_list(Matrix.Identity(4))
OBJECT = "@"
"""Stands before the name of an object that is to be a property's value."""

RECORD = {
    "status": "ok",
    "reward": 0.5,
    "evidence": {**EVIDENCE, "relations": [{"subject": "Bed", "predicate": "against", "object": "wall", "score": 0.1}]},
    "think": "hm",
    "failure": "",
    "problems": ["it is cut off"],
    "rejected": True,
    "tidied": ["Bed was moved by 0.1 m"],
    "notes": ["a limit of tokens ended it"],
    "layout": {
        "schema": "metaspatial.layout/1",
        "task": "scene",
        "placements": [{"id": "Bed", "x": 1, "y": 2, "z": 0, "yaw": 90}],
    },
}
TASK = {
    "task": {"relations": [{"subject": "Bed", "predicate": "against", "object": "wall"}]},
    "frame": IDENTITY,
    "notes": {"Lamp": "animated or driven"},
    "wishes": [{"words": "Bed against wall", "relation": 0, "reason": ""}],
}
PROPERTIES = {
    "run": {"kind": "run", "id": "abc"},
    "turn": {"kind": "turn", "turn": 1, "status": "ok", "reward": 0.5, "terms": {"bounds": 1.0}, "accepted": True},
    "items": [{"id": "Bed", "object": "@Bed", "asked": True}, {"id": "Lamp", "object": "@Lamp", "asked": False}],
    "arriving": False,
    "top": "@Bed",
    "hidden": [{"object": "@Bed", "layers": "ViewLayer", "render": True, "selected": True}],
    "copy": {"metaspatial_turn": "Bed", "metaspatial_at": IDENTITY, "metaspatial_of": "@Bed"},
    "location": [1.0, 2.0, 0.0],
    "scale": [1.0, 1.0, 1.0],
}
TEXTS = st.tuples(*(documents(kept).map(lambda data: data.decode("utf-8", "replace")) for kept in (RECORD, TASK)))


@pytest.fixture(autouse=True, scope="module")
def bounds():
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    metaspatial_addon.register()
    with bounded_memory():
        yield
    metaspatial_addon.unregister()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("turns")


def fresh_scene() -> tuple[bpy.types.Scene, bpy.types.Collection]:
    """A bed, and a lamp that stays, with the bed's turn."""
    scene = bpy.context.scene
    bpy.data.batch_remove([*bpy.data.collections, *bpy.data.objects, *bpy.data.meshes])
    for key in list(scene.keys()):
        if key.startswith("metaspatial_"):
            del scene[key]
    bed, lamp = box("Bed"), box("Lamp", (3, 0, 0))
    return scene, let_arrive(arrival({bed: MOVE}, others=[lamp]))


def as_property(value: Any) -> Any:
    """A value in which names after OBJECT are the objects, without lone surrogates, which crash Blender's own code."""
    if isinstance(value, dict):
        return {as_property(key): as_property(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [as_property(entry) for entry in value]
    if not isinstance(value, str):
        return value
    return bpy.data.objects.get(value[1:]) if value.startswith(OBJECT) else value.encode(errors="ignore").decode()


def keep(block: bpy.types.ID, key: str, value: Any) -> None:
    """Give a data-block a property; none where Blender has no such property."""
    try:
        block[key] = as_property(value)
    except (TypeError, ValueError, OverflowError, KeyError, UnicodeEncodeError):
        block.pop(key, None)


def place(copy: bpy.types.Object, field: str, value: Any) -> None:
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        setattr(copy, field, value)


def spoil(scene: bpy.types.Scene, turn: bpy.types.Collection, properties: Any, texts: tuple[str, str]) -> None:
    """Put fuzzed properties where those of a turn are."""
    held = properties.get("turn")
    if isinstance(held, dict):
        held = dict(zip(("record", "task"), texts, strict=True)) | held
    run = turns.runs(scene)[0]
    keep(turn, turns.KEY, held)
    keep(turn, turn_properties.ITEMS, properties.get("items"))
    keep(turn, turn_properties.TOP, properties.get("top"))
    if properties.get("arriving"):
        keep(turn, "metaspatial_arriving", properties["arriving"])
    keep(scene, "metaspatial_hid", properties.get("hidden"))
    copy = turn.objects[0]
    place(copy, "location", properties.get("location"))
    place(copy, "scale", properties.get("scale"))
    held = properties.get("copy")
    for key, value in held.items() if isinstance(held, dict) else ():
        if key:
            keep(copy, key, value)
    keep(run, turns.KEY, properties.get("run"))


def use(scene: bpy.types.Scene, folder: Path) -> None:
    """What the panel, the viewport and the operators do with turns."""
    layer = bpy.context.view_layer
    run = listed_turns.listed_run(scene)
    for panel in (main.METASPATIAL_PT_main, wishes.METASPATIAL_PT_wishes):
        draw(panel)
    if run is not None:
        draw(turn_panels.METASPATIAL_PT_turns)
        draw(turn_panels.METASPATIAL_MT_compare)
        turn_panels.METASPATIAL_UL_turns.filter_items(SimpleFlag(), bpy.context, run, "children")
        turn_collections.run_id(run)
    for turn in turn_visibility.all_turns(scene):
        turn_panels.METASPATIAL_UL_turns.draw_item(None, bpy.context, Drawn(), run, turn, 0, None, "")
        compare.moves(turn, None), compare.moves(turn, turn), items.turn_roots(turn, SceneIndex(scene))
        for fault in compare.faults(turn):
            listed_turns.select_fault(bpy.context, turn, fault)
        request.read_start(scene, "refine", turn)
        METASPATIAL_OT_accept_turn.poll(bpy.context)
        layout = read(lambda turn=turn: compare.turn_layout(turn))
        if layout is not None:
            blend_file.export_layout(folder / "layout.json", layout, compare.turn_scene(turn))
            read_layout(folder / "layout.json")
    handler.read_shapes(scene, layer, SceneIndex(scene))
    for turn in turn_visibility.all_turns(scene):
        turn_collections.show(scene, turn)
        listed_turns.accept(scene, turn)
        turn_collections.accepted(scene)
    turn_collections.discard_unfinished()
    for turn in turn_visibility.all_turns(scene):
        turn_collections.delete_turn(scene, turn)
    turn_collections.clear(scene)


class SimpleFlag:
    """In place of a list of Blender's."""

    bitflag_filter_item = 1


@PROFILE
@given(properties=edited(PROPERTIES) | edited({"turn": PROPERTIES["turn"]}), texts=TEXTS)
def test_turns(folder, properties, texts):
    scene, turn = fresh_scene()
    spoil(scene, turn, properties, texts)
    read(lambda: use(scene, folder))
    assert {"Bed", "Lamp"} <= {obj.name for obj in scene.objects}
    assert all(is_within_reach(world_matrix(bpy.data.objects[name])) for name in ("Bed", "Lamp"))
    assert not turn_visibility.hides(scene)


def test_an_undamaged_turn_is_read():
    scene, turn = fresh_scene()
    spoil(scene, turn, PROPERTIES, (json.dumps(RECORD), json.dumps(TASK)))
    assert [turn.name for turn in turn_visibility.all_turns(scene)] == [turn.name]
    assert list(compare.turn_layout(turn).poses) == ["Bed"] and len(compare.faults(turn)) == 3
