"""A symmetry changes where things are and nothing that is measured of them."""

from __future__ import annotations

import pytest

from headless.pretraining.perturb import box_evidence
from headless.pretraining.symmetry import SYMMETRIES, transformed
from headless.taskgen.wide import make_wide_task
from metaspatial_addon.core.relations import relation_scores
from metaspatial_addon.core.task import task_from_json, task_to_json

ON_A_GRID = ("blocked", "unreachable")
"""Faults that are measured on a grid or by a hinge, which no symmetry moves along."""


@pytest.mark.parametrize("index", range(6))
def test_faults_and_relations_stay_as_they_are(index):
    task, layout = make_wide_task("validation", 5, index)
    scores = [s.score for s in relation_scores(task, layout)]
    faults = sorted(fault.key for fault in box_evidence(task, layout).faults() if fault.key not in ON_A_GRID)
    floors = set()
    for number in range(SYMMETRIES):
        moved_task, moved = transformed(task, layout, number)
        assert task_from_json(task_to_json(moved_task)) == moved_task  # counter-clockwise, openings within walls
        assert [s.score for s in relation_scores(moved_task, moved)] == pytest.approx(scores, abs=1e-4)
        found = sorted(fault.key for fault in box_evidence(moved_task, moved).faults() if fault.key not in ON_A_GRID)
        assert found == faults
        floors.add(moved_task.room.floor)
    assert transformed(task, layout, 0)[1] == layout or len(floors) > 1
