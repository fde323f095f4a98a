"""Public inputs become valid tasks, and natural relations are counted where they hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from headless.evaluation.natural import natural, natural_relations
from headless.evaluation.public import public_tasks
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.evidence import Evidence
from metaspatial_addon.core.task import Item, Layout, Pose, Room, Task, task_from_json, task_to_json

DATA = Path(__file__).parents[4] / "shared" / "data"
LAYOUTGPT = DATA / "layoutgpt"
SCENEEVAL = DATA / "sceneeval" / "annotations_100-349.csv"


@pytest.mark.skipif(not LAYOUTGPT.is_dir(), reason="LayoutGPT's lists are not beside this checkout")
def test_lists_of_layoutgpt_are_rooms_of_a_likely_size():
    tasks = [task for path in sorted(LAYOUTGPT.glob("*.json")) for task in public_tasks(path)]
    assert len(tasks) == 476
    for task in tasks:
        assert task_from_json(task_to_json(task)) == task
    areas = sorted(task.room.floor[2][0] * task.room.floor[2][1] for task in tasks)
    assert 8 < areas[len(areas) // 2] < 30
    beds = [item.size for task in tasks for item in task.items if item.category == "double bed"]
    assert all(width <= depth for width, depth, _ in beds)
    assert {item.mount for task in tasks for item in task.items} == {"floor", "ceiling"}


@pytest.mark.skipif(not SCENEEVAL.is_file(), reason="SceneEval's rows are not beside this checkout")
def test_rows_of_sceneeval_say_what_they_say_as_relations():
    tasks = {task.id: task for task in public_tasks(SCENEEVAL)}
    assert len(tasks) == 250
    for task in tasks.values():
        assert task_from_json(task_to_json(task)) == task
    first = {(r.subject, r.predicate, r.object) for r in tasks["sceneeval-100"].relations}
    assert first == {("nightstand_1", "right_of", "bed_1"), ("wardrobe_1", "corner", "room")}
    gaming = {(r.subject, r.predicate, r.object) for r in tasks["sceneeval-144"].relations}
    assert ("couch_1", "facing", "TV_1") in gaming


def test_another_file_is_one_clear_error(tmp_path):
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(InputError, match="lists of LayoutGPT, a problem of R3L or rows of SceneEval"):
        public_tasks(tmp_path / "x.json")
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="row 2: expected the columns of SceneEval"):
        public_tasks(tmp_path / "x.csv")


def test_what_belongs_together_is_counted_where_it_stands_together():
    room = Room("bedroom", ((0.0, 0.0), (5.0, 0.0), (5.0, 4.0), (0.0, 4.0)), 2.6)
    items = (
        Item("bed", "double bed", (1.6, 2.0, 0.5)),
        Item("stand", "nightstand", (0.4, 0.4, 0.5)),
        Item("desk", "desk", (1.2, 0.6, 0.75)),
        Item("chair", "office chair", (0.5, 0.5, 0.9)),
    )
    task = Task("t", "", room, items)
    good = {"bed": Pose(2, 3), "stand": Pose(3.1, 3.8), "desk": Pose(4.7, 1, 0, 270), "chair": Pose(4.1, 1, 0, 90)}
    assert natural_relations(task, Layout("t", good)) == (3, 3)  # the bed at a wall, the stand, the chair
    bad = {**good, "stand": Pose(0.5, 0.5), "chair": Pose(4.1, 1, 0, 270)}
    assert natural_relations(task, Layout("t", bad)) == (1, 3)
    assert natural(task, Layout("t", bad), Evidence()) == 1 / 3 and natural(task, Layout("t", good), Evidence()) == 1
    sideways = {**good, "bed": Pose(0.8, 2.0, 0.0, 180.0)}
    assert natural_relations(task, Layout("t", sideways))[0] == 2
