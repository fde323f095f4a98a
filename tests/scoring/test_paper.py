"""The preset `paper`: its formula on our evidence, and the ways to game the authors' code, closed."""

from __future__ import annotations

import json
from dataclasses import replace
from math import comb

import pytest
from hypothesis import given

from metaspatial_addon.core.faults import Outside, Overlap
from metaspatial_addon.core.task import Relation
from metaspatial_addon.prompts.answer import read_answer
from metaspatial_addon.scoring.paper import paper_score, paper_score_of_unusable
from tests.scoring.samples import CLEAN, IDS, TASK, evidences, shares, worsened

BAD_CONS = replace(CLEAN, relations=tuple(replace(r, score=0.0) for r in CLEAN.relations))
POSES = [{"id": i, "x": 0.5 + 0.6 * k, "y": 1.0, "z": 0.0, "yaw": 0.0} for k, i in enumerate(IDS)]


def of_answer(placements):
    """The paper's reward of an answer with those placements, with no fault in it and the judge content."""
    answer = read_answer(f"<think>x</think><answer>{json.dumps(placements)}</answer>", TASK)
    if answer.status == "ok":
        return paper_score(TASK, answer.grade, CLEAN, judge=0.4)
    return paper_score_of_unusable(TASK, answer.grade)


def test_the_formula():
    found = replace(BAD_CONS, detected=tuple(Overlap(IDS[0], i, 0.1) for i in IDS[1:4]))
    expected = 0.6 + 0.5 - 0.2 * 3 / comb(18, 2) - 0.2 * 4 / 12
    score = paper_score(TASK, 1.0, found, judge=0.6)
    assert score.reward == pytest.approx(expected)
    assert score.terms == {
        "format": 1.0,
        "collision": pytest.approx(1 - 3 / 153),
        "relations": pytest.approx(8 / 12),
        "judge": 0.6,
    }


def test_without_a_judge_its_summand_is_left_out():
    score = paper_score(TASK, 1.0, CLEAN)
    assert score.reward == 0.5 and "judge" not in score.terms


def test_every_relation_of_an_item_must_hold():
    task = replace(TASK, relations=(*TASK.relations, Relation(IDS[0], "far", IDS[5])))
    one_fails = replace(CLEAN, relations=(*CLEAN.relations, replace(CLEAN.relations[0], predicate="far", score=0.1)))
    assert paper_score(task, 1.0, one_fails).terms["relations"] == pytest.approx(11 / 12)


def test_an_item_without_relations_violates_none():
    assert paper_score(replace(TASK, relations=()), 1.0, replace(CLEAN, relations=())).terms["relations"] == 1


def test_answers_keyed_by_id_earn_no_bonus():
    """In the authors' code an object with as many keys as items earned 0.7 unseen."""
    keyed = of_answer({pose["id"]: {k: v for k, v in pose.items() if k != "id"} for pose in POSES})
    assert keyed.status == "model_fault"
    assert keyed.reward < 0 < of_answer(POSES).reward


def test_repeated_ids_do_not_stand_for_the_others():
    """In the authors' code they left every other item where a solver had put it."""
    repeated = of_answer([POSES[0]] * len(POSES))
    assert repeated.status == "model_fault"
    assert repeated.reward < of_answer(POSES).reward


def test_a_wrong_id_is_worth_no_more_than_a_missing_one():
    wrong = of_answer([*POSES[:-1], {**POSES[-1], "id": "sofa_9"}])
    missing = of_answer(POSES[:-1])
    assert wrong.status == missing.status == "model_fault"
    assert wrong.reward <= missing.reward


@pytest.mark.parametrize("text", ["7", "null", "[]", "NaN", '"x"', "[[[[", "{}"])
def test_other_json_is_a_fault_of_the_model_and_no_exception(text):
    answer = read_answer(f"<answer>{text}</answer>", TASK)
    assert paper_score_of_unusable(TASK, answer.grade).reward < 0


def test_no_grade_of_the_judge_has_a_meaning_of_its_own():
    """In the authors' code a sum of 0 meant failure (0.5) and a sum of 10 skipped physics (0.7)."""
    rewards = [paper_score(TASK, 1.0, BAD_CONS, judge=points / 50).reward for points in range(51)]
    steps = [b - a for a, b in zip(rewards, rewards[1:], strict=False)]
    assert steps == pytest.approx([0.02] * 50)


def test_standing_outside_the_room_costs():
    assert paper_score(TASK, 1.0, replace(CLEAN, detected=(Outside(IDS[0], 3.0, 1.0),))).reward < 0.5


def test_a_pair_counts_once():
    once, twice = ((Overlap("item_0", "item_1", 0.1),) * n for n in (1, 2))
    assert paper_score(TASK, 1.0, replace(CLEAN, detected=once)).reward == (
        paper_score(TASK, 1.0, replace(CLEAN, detected=twice)).reward
    )


@given(worsened())
def test_no_fault_ever_raises_it(pair):
    before, after, _ = pair
    assert paper_score(TASK, 1.0, after).reward <= paper_score(TASK, 1.0, before).reward + 1e-12


@given(evidences(), shares)
def test_no_layout_is_never_better_than_a_layout(evidence, grade):
    assert paper_score_of_unusable(TASK, grade).reward <= paper_score(TASK, grade, evidence).reward


@pytest.mark.parametrize("value", [-1.0, 10.0, float("nan")])
def test_grades_out_of_range_are_refused(value):
    with pytest.raises(ValueError, match="grade"):
        paper_score(TASK, value, CLEAN)
    with pytest.raises(ValueError, match="judge"):
        paper_score(TASK, 1.0, CLEAN, judge=value)
    with pytest.raises(ValueError, match="grade"):
        paper_score_of_unusable(TASK, value)
