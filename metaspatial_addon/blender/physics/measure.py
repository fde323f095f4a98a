"""Everything that can be measured about a layout without a picture."""

from __future__ import annotations

from dataclasses import replace

from ...core.detectors.measure import measure_solids
from ...core.evidence import Evidence
from ...core.faults import Overlap
from ...core.task import Layout, Task
from .collisions import overlap_depth
from .settle import find_unstable
from .stage import Stage


def measure(stage: Stage, task: Task, layout: Layout, simulate: bool = True) -> Evidence:
    """The evidence about a layout of the task that is open on the stage; `view` is left out.

    Places the layout first, where that has not been done. `simulate=False` leaves out the rigid-body run.
    """
    if stage.task is not task:
        stage.open(task)
    stage.place(layout)
    evidence, supports = measure_solids(task, layout, stage.placed, overlap_depth)
    if not simulate:
        return evidence
    overlapping = {item_id for overlap in evidence.of_kind(Overlap) for item_id in overlap.items}
    return replace(evidence, detected=(*evidence.detected, *find_unstable(supports, overlapping)))
