"""Results by number of items and shape of the room, and relations counted by predicate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headless.evaluation.metrics import COUNTS, STATED, counts_of
from headless.evaluation.results import Results
from headless.evaluation.strata import number_part, room_shape, stratify
from metaspatial_addon.core.evidence import Evidence
from metaspatial_addon.core.faults import RelationScore
from metaspatial_addon.core.task import Item, Room, Task
from metaspatial_addon.scoring.score import Score

FLOORS = {
    "rectangle": ((0, 0), (4, 0), (4, 3), (0, 3)),
    "L": ((0, 0), (4, 0), (4, 2), (2, 2), (2, 4), (0, 4)),
    "T, U, Z": ((0, 0), (6, 0), (6, 4), (4, 4), (4, 2), (2, 2), (2, 4), (0, 4)),
    "slanted": ((0, 0), (4, 0), (3, 3), (0, 3)),
}


def task_of(name: str, shape: str, items: int) -> Task:
    return Task(
        name, "", Room("bedroom", FLOORS[shape], 2.6), tuple(Item(f"i{k}", "", (1, 1, 1)) for k in range(items))
    )


@pytest.mark.parametrize("shape", FLOORS)
def test_a_room_has_the_shape_of_its_walls(shape):
    assert room_shape(Room("bedroom", FLOORS[shape], 2.6)) == shape


@pytest.mark.parametrize(
    ("items", "part"), [(0, "1 to 3"), (3, "1 to 3"), (4, "4 to 7"), (20, "13 to 20"), (90, "41 and more")]
)
def test_items_that_stand_already_do_not_count(items, part):
    task = task_of("t", "L", items)
    there = Item("there", "", (1, 1, 1), locked=True)
    assert number_part(replace(task, items=(*task.items, there))) == part


def test_each_part_is_measured_on_its_own_tasks():
    tasks = [task_of("a", "L", 5), task_of("b", "L", 15), task_of("c", "slanted", 6), task_of("not measured", "L", 2)]
    results = Results()
    for task, reward in zip(tasks[:3], (0.2, 0.6, 0.9), strict=True):
        counts = counts_of(task, Score.of(task, 1.0, Evidence()))
        counts[COUNTS.index("reward")] = reward
        results.add("row", task, 0, counts)
    strata = {
        sorting: {name: (p.tasks, p.rows["row"]["reward"].value) for name, p in parts.items()}
        for sorting, parts in stratify(results, tasks).items()
    }
    assert strata["number of items"] == {"4 to 7": (2, pytest.approx(0.55)), "13 to 20": (1, 0.6)}
    assert strata["shape of the room"] == {"L": (2, pytest.approx(0.4)), "slanted": (1, 0.9)}


def test_relations_are_counted_by_predicate_without_the_negated_ones():
    task = task_of("t", "rectangle", 2)
    scores = (
        RelationScore("i0", "next_to", "i1", 1.0),
        RelationScore("i1", "next_to", "i0", 0.1),
        RelationScore("i0", "facing", "i1", 0.9),
        RelationScore("i1", "facing", "i0", 0.0, negated=True),
    )
    counts = dict(zip(COUNTS, counts_of(task, Score.of(task, 1.0, Evidence(relations=scores))), strict=True))
    found = {name: tuple(int(counts[c]) for c in pair) for name, pair in STATED.items() if counts[pair[0]]}
    assert found == {"next_to": (2, 1), "facing": (1, 1)} and counts["relations"] == 4
    assert np.isfinite(list(counts.values())).all()
