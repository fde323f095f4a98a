"""Judging by boxes alone and judging the meshes of boxes: the same faults."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

pytest.importorskip("bpy")

from headless.pretraining.perturb import perturb
from headless.taskgen.make import make_task
from metaspatial_addon.blender.physics.measure import measure
from metaspatial_addon.blender.physics.stage import Stage
from metaspatial_addon.core.detectors.boxes import measure_boxes
from metaspatial_addon.core.faults import Fault, RelationScore, Unstable
from metaspatial_addon.core.task import Item, Layout, Pose, Room, Task


@pytest.fixture(scope="module")
def stage():
    with Stage() as stage:
        yield stage


def rounded(fault: Fault) -> tuple:
    """A fault whose numbers are compared to a millimetre."""
    return fault.key, *(round(v, 3) if isinstance(v, float) else v for v in vars(fault).values())


def agree(stage: Stage, task: Task, layout: Layout) -> int:
    """Assert the same faults by boxes and by meshes; their number. Relations are of boxes in both."""
    by_mesh = [f for f in measure(stage, task, layout).faults() if not isinstance(f, (Unstable, RelationScore))]
    by_box = [f for f in measure_boxes(task, layout).faults() if not isinstance(f, RelationScore)]
    assert list(map(rounded, by_box)) == list(map(rounded, by_mesh))
    return len(by_box)


def test_perturbed_layouts_of_plain_boxes_have_the_same_faults(stage):
    faults = 0
    for index in range(40):
        task, layout = make_task("train", 5, index)
        task = replace(task, items=tuple(replace(item, asset=None) for item in task.items))
        rng = Random(index)
        perturbed, _ = perturb(task, layout, rng)
        turned = {
            i: replace(pose, yaw=(pose.yaw + rng.choice((0, 0, 30))) % 360) for i, pose in perturbed.poses.items()
        }
        faults += agree(stage, task, perturbed) + agree(stage, task, Layout(task.id, turned))
    assert faults > 100


@pytest.mark.parametrize("height", [0.005, 0.02, 0.03, 0.5])
def test_what_lies_on_coverings_is_held_by_both(stage, height):
    """Two rugs on each other, a third that floats, and a stool at some height over all of them."""
    rugs = tuple(Item(f"rug_{k}", "rug", (2, 2, 0.015), covering=True) for k in range(3))
    task = Task(
        "t", "", Room("room", ((0, 0), (4, 0), (4, 4), (0, 4)), 2.5), (*rugs, Item("a", "box", (0.4, 0.4, 0.4)))
    )
    poses = {
        "rug_0": Pose(2, 2),
        "rug_1": Pose(2, 2, 0.015, 20),
        "rug_2": Pose(2, 2, 0.4),
        "a": Pose(2, 2.5, height, 10),
    }
    assert agree(stage, task, Layout("t", poses)) > 0
