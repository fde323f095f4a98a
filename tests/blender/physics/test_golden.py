"""The scorer on golden scenes: it finds what is there and nothing else."""

from __future__ import annotations

import bpy
import pytest

from metaspatial_addon.blender.physics.measure import measure
from metaspatial_addon.blender.physics.stage import Stage
from metaspatial_addon.core.evidence import Evidence
from metaspatial_addon.core.faults import Blocked, Outside, Overlap, Unreachable, Unstable, Unsupported
from metaspatial_addon.core.task import Layout, Pose
from metaspatial_addon.prompts.answer import read_answer
from tests.blender.physics.golden import ANSWERS, BOX, SCENES, Fault, Scene


@pytest.fixture(scope="module")
def stage():
    with Stage() as stage:
        yield stage


def faults(evidence: Evidence) -> dict[Fault, float | None]:
    found: dict[Fault, float | None] = {("overlap", o.a, o.b): o.depth for o in evidence.of_kind(Overlap)}
    found |= {("outside", o.id): o.distance for o in evidence.of_kind(Outside)}
    found |= {("unsupported", u.id): u.gap for u in evidence.of_kind(Unsupported)}
    found |= {("unstable", u.id): None for u in evidence.of_kind(Unstable)}
    found |= {("blocked", b.opening, *sorted(b.by)): None for b in evidence.of_kind(Blocked)}
    found |= {("unreachable", u.id): None for u in evidence.of_kind(Unreachable)}
    found |= {("relation", r.subject, r.predicate, r.object): None for r in evidence.unsatisfied}
    return found


@pytest.mark.parametrize("name", SCENES)
def test_scene(stage, name):
    scene = SCENES[name]
    task, meshes = scene.task(), scene.meshes()
    try:
        stage.open(task, meshes)
        found = faults(measure(stage, task, scene.layout()))
    finally:
        stage.open(Scene({"a": (BOX, (2, 2))}).task())
        bpy.data.batch_remove(list(meshes.values()))
    assert set(found) == set(scene.faults)
    for fault, size in scene.faults.items():
        if size is not None:
            assert found[fault] == pytest.approx(size, abs=0.003, rel=0.015), fault


@pytest.mark.parametrize("name", ANSWERS)
def test_answer(name):
    case = ANSWERS[name]
    task = Scene({"a": (BOX, (2, 2)), "b": (BOX, (3, 2))}).task()
    before = Layout(task.id, {"a": Pose(2, 2), "b": Pose(3, 2)}) if case.later else None
    answer = read_answer(case.text, task, before)
    assert (answer.status == "ok") == case.usable == (answer.layout is not None)
    assert case.grade[0] <= answer.grade <= case.grade[1]
    assert answer.done == case.later


def test_there_are_enough():
    assert len(SCENES) + len(ANSWERS) >= 44
