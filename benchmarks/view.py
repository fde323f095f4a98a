"""The view term measured by rays beside the one measured by renders: time, and how rewards with either rank layouts.

    python -m benchmarks.view

Layouts are of generated rooms of both kinds: one in four has no faults, in the others every item is at random somewhere
in the room. Spearman's correlation is taken over all layouts, of the view term and of the reward.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.common import random_layout
from headless.taskgen.make import make_task
from headless.taskgen.wide import make_wide_task
from metaspatial_addon.blender.physics.measure import measure
from metaspatial_addon.blender.physics.stage import Stage
from metaspatial_addon.blender.rendering.render import Renderer
from metaspatial_addon.core.engines import ViewMethod
from metaspatial_addon.scoring.score import Score

LAYOUTS, OF_A_ROOM, SEED = 500, 4, 9
METHODS: tuple[ViewMethod, ...] = ("renders", "rays")


@dataclass(frozen=True)
class Agreement:
    """Spearman's correlations between the two methods, and the median processor time of a view in seconds."""

    layouts: int
    term: float
    reward: float
    renders: float
    rays: float


def compare(layouts: int = LAYOUTS) -> Agreement:
    """Measure so many layouts by both methods, one after the other."""
    scores: dict[ViewMethod, list[Score]] = {method: [] for method in METHODS}
    seconds: dict[ViewMethod, list[float]] = {method: [] for method in METHODS}
    with Stage() as stage, Renderer("cycles", threads=1, pixels=0) as renderer:
        for number in range(layouts // OF_A_ROOM):
            task, clean = (make_task, make_wide_task)[number % 2]("test", SEED, number)
            stage.open(task)
            for layout in (clean, *(random_layout(task, seed) for seed in range(1, OF_A_ROOM))):
                evidence = measure(stage, task, layout)
                for method in METHODS:
                    renderer.view_method = method
                    start = time.process_time()
                    view = renderer.measure_view(stage, task, layout)
                    seconds[method].append(time.process_time() - start)
                    scores[method].append(Score.of(task, 1.0, replace(evidence, view=view)))
    terms = spearman(*([score.terms["view"] for score in scores[method]] for method in METHODS))
    rewards = spearman(*([score.reward or 0.0 for score in scores[method]] for method in METHODS))
    return Agreement(len(scores["rays"]), terms, rewards, *(statistics.median(seconds[method]) for method in METHODS))


def spearman(one: Sequence[float], other: Sequence[float]) -> float:
    """Spearman's rank correlation; equal values share the mean of their ranks."""
    ranks = []
    for values in (one, other):
        _, place, count = np.unique(values, return_inverse=True, return_counts=True)
        ranks.append((np.cumsum(count) - (count - 1) / 2)[place])
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


if __name__ == "__main__":
    found = compare()
    print(f"{found.layouts} layouts: Spearman of the view term {found.term:.4f}, of the reward {found.reward:.5f}")
    print(
        f"a view by renders {found.renders * 1000:.1f} ms, by rays {found.rays * 1000:.1f} ms: "
        f"{found.renders / found.rays:.1f} x as fast",
        flush=True,
    )
    os._exit(0)  # bpy's own clean-up may crash or never end
