"""Layouts that need no model, to measure one beside: random, packed, planned, and the task generator's own."""

from __future__ import annotations

from random import Random

from metaspatial_addon.core.task import Layout, Pose, Task
from metaspatial_addon.policy.planner.plan import plan

from .packer import packed_layout

RANDOM, PACKER, PLANNER = "random placement", "wall-and-grid packer", "planner"
GENERATOR = "the generator's layouts"
BASELINES = (RANDOM, PACKER, PLANNER, GENERATOR)


def baseline_layouts(task: Task, known: Layout, seeds: tuple[int, ...]) -> list[tuple[str, int, Layout]]:
    """Every baseline's layouts of a task, with their seeds; those that draw nothing have one, of the first seed."""
    drawn = [(RANDOM, seed, random_layout(task, seed)) for seed in seeds]
    still = ((PACKER, packed_layout(task)), (PLANNER, plan(task).layout), (GENERATOR, known))
    return [*drawn, *((name, seeds[0], layout) for name, layout in still if layout.poses)]  # public lists have none


def random_layout(task: Task, seed: int) -> Layout:
    """Every movable item anywhere in the floor's bounding rectangle, at a right angle, at a height of its mount."""
    rng = Random(f"random/{seed}/{task.id}")
    xs, ys = zip(*task.room.floor, strict=True)
    poses = {}
    for item in task.movable:
        heights = {"floor": 0.0, "surface": 0.75, "wall": 1.4, "ceiling": task.room.height - item.size[2]}
        poses[item.id] = Pose(
            rng.uniform(min(xs), max(xs)),
            rng.uniform(min(ys), max(ys)),
            heights[item.mount],
            rng.choice((0.0, 90.0, 180.0, 270.0)),
        )
    return Layout(task.id, poses)
