"""Everything that can be measured about a layout without a picture."""

from __future__ import annotations

from ...core.access import measure_access
from ...core.detectors.bounds import find_outside
from ...core.detectors.support import find_unsupported, measure_support
from ...core.evidence import Evidence
from ...core.relations import relation_scores
from ...core.task import Layout, Task
from .collisions import find_overlaps
from .settle import find_unstable
from .stage import Stage


def measure(stage: Stage, task: Task, layout: Layout, simulate: bool = True) -> Evidence:
    """The evidence about a layout of the task that is open on the stage; `view` is left out.

    Places the layout first, where that has not been done. `simulate=False` leaves out the rigid-body run.
    """
    if stage.task is not task:
        stage.open(task)
    stage.place(layout)
    bodies = stage.placed
    overlaps = find_overlaps(bodies)
    supports = measure_support(bodies, task)
    overlapping = {item_id for overlap in overlaps for item_id in overlap.items}
    access = measure_access(task, layout)
    return Evidence(
        (
            *overlaps,
            *find_outside(bodies, task.room),
            *find_unsupported(supports),
            *(find_unstable(supports, overlapping) if simulate else ()),
            *access.faults,
        ),
        relations=relation_scores(task, layout),
        walkable=access.walkable,
    )
