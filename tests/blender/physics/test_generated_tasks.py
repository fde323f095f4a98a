"""The task generator, which has boxes alone, and the scorer, which has the meshes, agree on what is free of faults."""

from __future__ import annotations

import pytest

from headless.taskgen.make import make_task
from metaspatial_addon.blender.physics.measure import measure
from metaspatial_addon.blender.physics.stage import Stage
from metaspatial_addon.core.faults import Cramped


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_scorer_finds_no_fault_in_200_generated_layouts(split):
    faulty = {}
    with Stage() as stage:
        for index in range(100):
            task, layout = make_task(split, 21, index)
            evidence = measure(stage, task, layout)
            if any(not isinstance(fault, Cramped) for fault in evidence.faults()):
                faulty[task.id] = {kind: found for kind, found in evidence.to_json().items() if found}
    assert faulty == {}
