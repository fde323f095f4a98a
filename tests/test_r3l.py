"""R3L's problems become tasks that mean the same: their own solution satisfies nearly all of our relations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from headless.evaluation.public.r3l import r3l_layout, r3l_task
from metaspatial_addon.core.faults import RelationScore
from metaspatial_addon.core.geometry import OrientedBox
from metaspatial_addon.core.relations import relation_scores
from metaspatial_addon.core.task import task_from_json, task_to_json
from metaspatial_addon.episode.env import LayoutEnv
from metaspatial_addon.episode.play import play, prompt_format_of
from metaspatial_addon.policy.builtin.policy import BuiltinPolicy

DATA = Path(__file__).parents[2] / "shared" / "data" / "r3l"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="R3L's problems are not beside this checkout")


@pytest.mark.parametrize("name, items, corner", [("bedroom_0", 7, (6, 5)), ("kitchen_12x9_detailed", 43, (12, 9))])
def test_problem_becomes_a_valid_task(name, items, corner):
    task = r3l_task(DATA / f"{name}.json")
    assert task_from_json(task_to_json(task)) == task
    assert len(task.items) == items and task.room.floor[2] == corner and task.room.type == name.split("_")[0]


def test_relations_keep_their_meaning():
    task = r3l_task(DATA / "bedroom_0.json")
    found = {(r.subject, r.predicate, r.object) for r in task.relations}
    assert {
        ("bed-0", "against", "wall_2"),
        ("office-desk-0", "corner", "room"),
        ("gaming-chair-0", "facing", "office-desk-0"),
        ("gaming-chair-0", "in_front_of", "office-desk-0"),
        ("wardrobe-0", "left_of", "bed-0"),
        ("armchair-0", "near", "sectional-sofa-0"),
        ("armchair-0", "facing", "coffee-table-0"),
    } <= found


def test_their_solution_satisfies_our_relations():
    path = DATA / "kitchen_12x9_detailed.json"
    task, layout = r3l_task(path), r3l_layout(path)
    scores = relation_scores(task, layout)
    missed = [(s.subject, s.predicate, s.object) for s in scores if s.score < RelationScore.SATISFIED]
    assert len(scores) > 60 and not missed


def test_their_solution_stands_in_the_room():
    path = DATA / "kitchen_12x9_detailed.json"
    task, layout = r3l_task(path), r3l_layout(path)
    corners = np.concatenate([OrientedBox.of(i, layout.poses[i.id]).corners for i in task.items])
    assert corners.min() > -0.02 and np.all(corners.max(axis=0) < np.array((12.02, 9.02)))


@pytest.mark.parametrize("name", ["bedroom_0", "kitchen_12x9_detailed"])
def test_the_embedded_model_plays_a_full_episode(name):
    pytest.importorskip("bpy")
    from metaspatial_addon.blender.physics.stage import Stage

    task = r3l_task(DATA / f"{name}.json")
    policy = BuiltinPolicy()
    with Stage() as stage:
        env = LayoutEnv(stage, prompt_format=prompt_format_of(policy), max_turns=3, show_images=False)
        *_, outcome = play(env, policy, task, seed=3, samples=2)
    assert not outcome.failure
    assert [turn.status for turn in outcome.turns] == ["ok"] * len(outcome.turns)
    assert set(outcome.best.layout.poses) == {item.id for item in task.movable}
    assert outcome.best.reward == max(turn.reward for turn in outcome.turns) > 0
