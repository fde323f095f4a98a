"""Task and layout files: what is written is read back, and bad input names its file, field and expectation."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.reading import read_json
from metaspatial_addon.core.task import (
    Layout,
    Pose,
    layout_from_json,
    layout_to_json,
    read_layout,
    read_task,
    task_from_json,
    task_to_json,
    wrap_degrees,
    write_json,
)

# The example of docs/formats.md, with a locked item and a wall relation.
TASK = {
    "schema": "metaspatial.task/1",
    "id": "bedroom-000017",
    "prompt": "A calm bedroom; the desk by the window.",
    "room": {
        "type": "bedroom",
        "floor": [[0, 0], [4.2, 0], [4.2, 3.6], [0, 3.6]],
        "height": 2.7,
        "openings": [
            {
                "id": "door_1",
                "kind": "door",
                "wall": 0,
                "offset": 0.6,
                "width": 0.9,
                "sill": 0,
                "height": 2.05,
                "hinge": "end",
            }
        ],
    },
    "items": [
        {
            "id": "bed_1",
            "category": "double bed",
            "size": [1.6, 2.05, 0.55],
            "mount": "floor",
            "asset": "double_bed",
            "covering": False,
            "locked": False,
            "pose": None,
        },
        {
            "id": "nightstand_1",
            "category": "nightstand",
            "size": [0.45, 0.4, 0.5],
            "mount": "floor",
            "asset": None,
            "covering": False,
            "locked": True,
            "pose": {"x": 0.3, "y": 0.2, "z": 0.0, "yaw": 180.0},
        },
    ],
    "relations": [
        {"subject": "nightstand_1", "predicate": "next_to", "object": "bed_1"},
        {"subject": "bed_1", "predicate": "against", "object": "wall_3"},
    ],
}
LAYOUT = {
    "schema": "metaspatial.layout/1",
    "task": "bedroom-000017",
    "placements": [{"id": "bed_1", "x": 2.1, "y": 2.57, "z": 0.0, "yaw": 180.0}],
}


def changed(data, path, value):
    """A copy of `data` with the entry at `path` (keys and indices) set, or removed when `value` is ..."""
    data = copy.deepcopy(data)
    holder = data
    for key in path[:-1]:
        holder = holder[key]
    if value is ...:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return data


def test_a_task_is_written_as_it_was_read():
    task = task_from_json(TASK)
    assert task_to_json(task) == TASK
    assert [item.id for item in task.movable] == ["bed_1"]
    assert [item.id for item in task.locked] == ["nightstand_1"]
    assert task.item("bed_1").asset == "double_bed"


def test_a_short_task_gets_the_defaults():
    short = copy.deepcopy(TASK)
    short["items"] = [{"id": "chair_1", "category": "chair", "size": [0.5, 0.5, 0.9]}]
    del short["relations"], short["room"]["openings"]
    item = task_from_json(short).items[0]
    assert (item.mount, item.asset, item.covering, item.locked, item.pose) == ("floor", None, False, False, None)


def test_files_are_read_back_and_written_whole(tmp_path):
    write_json(tmp_path / "task.json", TASK)
    write_json(tmp_path / "layout.json", LAYOUT)
    assert read_task(tmp_path / "task.json") == task_from_json(TASK)
    assert layout_to_json(read_layout(tmp_path / "layout.json")) == LAYOUT
    assert sorted(path.name for path in tmp_path.iterdir()) == ["layout.json", "task.json"]


@pytest.mark.parametrize(
    ("path", "value", "field", "expected"),
    [
        (["schema"], "metaspatial.task/2", "schema", "metaspatial.task/1"),
        (["id"], "", "id", "a text that is not empty"),
        (["prompt"], ..., "prompt", "to be present"),
        (["colour"], 1, "colour", "only schema, id, prompt"),
        (["room"], [], "room", "an object"),
        (["room", "floor"], [[0, 0], [1, 0]], "room.floor", "at least 3 corners"),
        (["room", "floor"], [[0, 0], [0, 3], [3, 3], [3, 0]], "room.floor", "counter-clockwise"),
        (["room", "floor"], [[0, 0], [2, 2], [2, 0], [0, 2]], "room.floor", "simple polygon"),
        (["room", "floor"], [[0, 0]] * 10_001, "room.floor", "at most 10,000 corners"),
        (["room", "floor", 1], [4.2], "room.floor[1]", "a corner [x, y]"),
        (["room", "floor", 1, 0], "4.2", "room.floor[1][0]", "a finite number"),
        (["room", "height"], 0, "room.height", "from 0.001 to 1000"),
        (["room", "openings", 0, "wall"], 4, "room.openings[0].wall", "from 0 to 3"),
        (["room", "openings", 0, "wall"], True, "room.openings[0].wall", "a wall number"),
        (["room", "openings", 0, "offset"], 3.5, "room.openings[0].offset", "4.20 m"),
        (["room", "openings", 0, "kind"], "hatch", "room.openings[0].kind", "one of door, window"),
        (["items"], [], "items", "at least one item"),
        (["items", 0, "size"], [1, 2], "items[0].size", "width, depth and height"),
        (["items", 0, "size", 2], -1, "items[0].size[2]", "from 0.001 to 1000"),
        (["items", 0, "size", 2], float("nan"), "items[0].size[2]", "a finite number"),
        (["items", 0, "size", 2], 1e-7, "items[0].size[2]", "from 0.001 to 1000"),
        (["items", 0, "size", 2], 10**400, "items[0].size[2]", "from 0.001 to 1000"),
        (["items", 0, "category"], "bed" * 10**6, "items[0].category", "at most 200 characters"),
        (["items", 0, "asset"], "a" * 5000, "items[0].asset", "at most 4,096 characters"),
        (["prompt"], "a" * 10_001, "prompt", "at most 10,000 characters"),
        (["items"], [{}] * 1001, "items", "at most 1,000 entries"),
        (["room", "openings"], [{}] * 1001, "room.openings", "at most 1,000 entries"),
        (["relations"], [{}] * 10_001, "relations", "at most 10,000 entries"),
        (["room", "floor", 1, 0], 1e5, "room.floor[1][0]", "from -1000 to 1000"),
        (["items", 0, "mount"], "shelf", "items[0].mount", "one of floor, surface, wall, ceiling"),
        (["items", 0, "covering"], 1, "items[0].covering", "true or false"),
        (["items", 0, "id"], "nightstand_1", "items[1].id", "an id used once"),
        (["items", 0, "id"], "wall_2", "items[0].id", "an id other than"),
        (["items", 1, "pose"], None, "items[1].pose", "since the item is locked"),
        (["items", 1, "pose", "yaw"], float("inf"), "items[1].pose.yaw", "a finite number"),
        (["relations", 0, "subject"], "sofa_1", "relations[0].subject", "the id of an item"),
        (["relations", 0, "object"], "nightstand_1", "relations[0].object", "the id of another item"),
        (["relations", 0, "predicate"], "besides", "relations[0].predicate", "one of next_to"),
        (["relations", 1, "object"], "wall_9", "relations[1].object", "wall or wall_0"),
    ],
)
def test_bad_tasks_name_file_field_and_what_was_expected(path, value, field, expected):
    with pytest.raises(InputError) as caught:
        task_from_json(changed(TASK, path, value), "room.json")
    assert caught.value.field == field
    assert str(caught.value).startswith(f"room.json: {field}: expected ")
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (["schema"], "metaspatial.task/1", "schema"),
        (["placements"], {}, "placements"),
        (["placements", 0, "x"], "2.1", "placements[0].x"),
        (["placements", 0, "z"], ..., "placements[0].z"),
        (["placements", 0, "id"], 7, "placements[0].id"),
    ],
)
def test_bad_layouts_name_the_field(path, value, field):
    with pytest.raises(InputError) as caught:
        layout_from_json(changed(LAYOUT, path, value), "layout.json")
    assert caught.value.field == field


@pytest.mark.parametrize("path", [["id"], ["prompt"], ["room", "type"], ["items", 0, "id"], ["items", 0, "category"]])
def test_text_that_no_file_can_hold_is_refused(path):
    with pytest.raises(InputError, match="lone surrogates") as caught:
        task_from_json(json.loads(json.dumps(changed(TASK, path, "a\ud800b"))), "t.json")
    str(caught.value).encode()


def test_a_layout_lists_each_id_once():
    with pytest.raises(InputError, match="used once"):
        layout_from_json({**LAYOUT, "placements": LAYOUT["placements"] * 2})


def test_files_that_are_missing_or_no_json(tmp_path):
    with pytest.raises(InputError, match="none.json: expected a readable file"):
        read_json(tmp_path / "none.json")
    for text in ("{", "[" * 200_000, "\ufeff{}"):
        (tmp_path / "bad.json").write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match="bad.json: expected JSON"):
            read_json(tmp_path / "bad.json")


def test_everywhere_has_locked_items_at_their_own_pose_and_leaves_out_what_is_not_placed():
    task = task_from_json(TASK)
    layout = Layout(task.id, {"bed_1": Pose(1, 1), "nightstand_1": Pose(9, 9)})
    assert layout.everywhere(task) == {"bed_1": Pose(1, 1), "nightstand_1": Pose(0.3, 0.2, 0.0, 180.0)}
    assert list(Layout(task.id).everywhere(task)) == ["nightstand_1"]


@given(st.floats(-1e5, 1e5))
def test_angles_are_wrapped_into_one_turn(angle):
    assert 0 <= wrap_degrees(angle) < 360


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
paths = st.sampled_from(
    [
        ["id"],
        ["room"],
        ["room", "floor"],
        ["room", "floor", 0],
        ["room", "floor", 0, 0],
        ["room", "height"],
        ["room", "openings"],
        ["room", "openings", 0],
        ["room", "openings", 0, "wall"],
        ["items"],
        ["items", 0],
        ["items", 0, "size"],
        ["items", 0, "mount"],
        ["items", 1, "pose"],
        ["items", 1, "pose", "x"],
        ["relations"],
        ["relations", 0],
        ["relations", 0, "object"],
        ["relations", 0, "predicate"],
    ]
)


@given(paths, json_values)
def test_any_value_anywhere_is_read_or_refused(path, value):
    try:
        task = task_from_json(changed(TASK, path, value))
    except InputError:
        return
    assert task_from_json(json.loads(json.dumps(task_to_json(task)))).id == task.id


@pytest.mark.parametrize(
    ("scene", "field"),
    [
        ({"frame": [1.0] * 15}, "frame"),
        ({"frame": [1.0] * 15 + ["1"]}, "frame[15]"),
        ({"objects": []}, "objects"),
        ({"objects": {"bed_1": {"name": "Bed"}}}, "objects.bed_1.matrix"),
        ({"objects": {"bed_1": {"name": 3, "matrix": [0] * 16}}}, "objects.bed_1.name"),
    ],
)
def test_what_a_layout_says_of_its_scene_is_checked_and_not_needed(scene, field):
    layout = {"schema": "metaspatial.layout/1", "task": "t", "placements": []}
    whole = {"frame": [0.0] * 16, "objects": {"bed_1": {"name": "Bed", "matrix": [0] * 16}}}
    assert layout_from_json({**layout, **whole}) == layout_from_json(layout)
    with pytest.raises(InputError) as caught:
        layout_from_json({**layout, **scene})
    assert caught.value.field == field
