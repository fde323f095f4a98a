"""All detectors on the solids of one layout. Called with boxes by `boxes.py`, and with meshes by `blender/physics`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..access import measure_access
from ..evidence import Evidence
from ..relations import relation_scores
from ..task import Layout, Task
from .bounds import find_outside
from .needs import measure_needs
from .overlaps import find_overlaps
from .solid import SolidT
from .support import Support, find_unsupported, measure_support


def measure_solids(
    task: Task,
    layout: Layout,
    solids: Sequence[SolidT],
    measure_depth: Callable[[SolidT, SolidT, float], float] | None = None,
) -> tuple[Evidence, tuple[Support[SolidT], ...]]:
    """The evidence about a layout whose placed items are `solids`, and what supports them.

    `measure_depth` is that of `find_overlaps`. What a rigid-body simulation and renders show is left out.
    """
    supports = measure_support(solids, task)
    access = measure_access(task, layout)
    cramped, function = measure_needs(task, layout)
    detected = (
        *find_overlaps(solids, measure_depth),
        *find_outside(solids, task.room),
        *find_unsupported(supports),
        *access.faults,
        *cramped,
    )
    return Evidence(detected, relation_scores(task, layout), access.walkable, function), supports
