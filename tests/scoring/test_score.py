"""Terms, weights and the score: every fault costs, deeper ones cost more, and nothing unmeasured is counted."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaspatial_addon.core.evidence import Evidence, ViewMeasure
from metaspatial_addon.core.faults import (
    Blocked,
    Cramped,
    Outside,
    Overlap,
    RelationScore,
    Unreachable,
    Unstable,
    Unsupported,
)
from metaspatial_addon.core.task import Item, Task
from metaspatial_addon.scoring.score import Score
from metaspatial_addon.scoring.terms import terms, view_term
from metaspatial_addon.scoring.weights import DEFAULT, Weights, total
from tests.scoring.samples import CLEAN, IDS, TASK, evidences, metres, shares, worsened

VIEW = ViewMeasure(dict.fromkeys(IDS, 0.8), dict.fromkeys(IDS, 0.8), 0.3, 1.0)


def reward(evidence, **options):
    return Score.of(TASK, 1.0, evidence, **options).reward


def test_a_faultless_layout_earns_one():
    assert reward(CLEAN) == pytest.approx(1.0)
    assert reward(replace(CLEAN, view=VIEW), judge=1.0) == pytest.approx(1.0)
    assert terms(TASK, 1.0, CLEAN) == dict.fromkeys(
        ("format", "collision", "bounds", "support", "access", "function", "relations"), 1.0
    )


def test_default_weights_sum_to_one():
    assert sum(vars(DEFAULT).values()) == pytest.approx(1.0)


@pytest.mark.parametrize("view", [None, VIEW])
@pytest.mark.parametrize("judge", [None, 0.5])
@pytest.mark.parametrize("depth", [0.0101, 0.011, 0.05, 0.5])
def test_one_collision_among_twelve_costs_at_least_two_hundredths(view, judge, depth):
    clean = replace(CLEAN, view=view)
    hit = replace(clean, detected=(Overlap(IDS[0], IDS[1], depth),))
    assert reward(clean, judge=judge) - reward(hit, judge=judge) >= 0.02


@pytest.mark.parametrize(
    ("fault", "half"),
    [
        (Overlap(IDS[0], IDS[1], 0.4), Overlap(IDS[0], IDS[1], 0.2)),
        (Outside(IDS[0], 0.4, 0.5), Outside(IDS[0], 0.2, 0.25)),
        (Unsupported(IDS[0], 0.4), Unsupported(IDS[0], 0.2)),
        (Unstable(IDS[0], 0.4, 60), Unstable(IDS[0], 0.2, 30)),
        (Blocked("door_1", (IDS[0],), 0.6), Blocked("door_1", (IDS[0],), 0.3)),
    ],
)
def test_half_a_repair_is_worth_something(fault, half):
    whole, less = (reward(replace(CLEAN, detected=(f,))) for f in (fault, half))
    assert whole + 0.001 < less < reward(CLEAN) - 0.001


@pytest.mark.parametrize(
    ("tipping", "instead"),
    [
        (IDS[:2], Overlap(IDS[0], IDS[1], 0.0101)),
        (IDS[:1], Unsupported(IDS[0], 0.0101)),
        (IDS[:1], Outside(IDS[0], 0.0101, 0.0)),
    ],
)
def test_no_other_fault_is_a_cure_for_what_tips_over(tipping, instead):
    """Items with such faults are left out of the rigid-body run."""
    unstable = replace(CLEAN, detected=tuple(Unstable(i, 5.0, 180.0) for i in tipping))
    assert reward(replace(CLEAN, detected=(instead,))) < reward(unstable) < reward(CLEAN)


@given(evidences(), st.sampled_from(IDS), st.floats(0.0101, 50), st.lists(metres, min_size=2, max_size=4))
def test_leaving_the_room_is_no_cure_for_overlaps(rest, item, distance, depths):
    others = [i for i in IDS if i != item]
    hits = tuple(Overlap(*sorted((item, other)), depth) for other, depth in zip(others, depths, strict=False))
    stays = replace(rest, detected=rest.detected + hits)
    leaves = replace(rest, detected=(*rest.detected, Outside(item, distance, 1.0)))
    assert reward(leaves) < reward(stays)


def test_other_faults_cost_too():
    assert reward(replace(CLEAN, detected=(Unreachable(IDS[0]),))) < 0.999
    assert reward(replace(CLEAN, walkable=0.5)) < 0.98
    worst = replace(CLEAN, relations=tuple(replace(r, score=0.0) for r in CLEAN.relations))
    assert terms(TASK, 1.0, worst)["relations"] == 0


@given(worsened(), st.booleans(), st.one_of(st.none(), shares))
def test_no_fault_ever_raises_the_reward(pair, rendered, judge):
    before, after, name = pair
    view = VIEW if rendered else None
    worse, better = (Score.of(TASK, 1.0, replace(e, view=view), judge=judge) for e in (after, before))
    assert worse.reward <= better.reward + 1e-12
    if len(after.detected) > len(before.detected):
        assert worse.reward < better.reward


@given(evidences(), shares)
def test_terms_and_rewards_lie_in_the_unit_interval(evidence, grade):
    score = Score.of(TASK, grade, evidence)
    assert all(0 <= value <= 1 for value in score.terms.values())
    assert 0 <= score.reward <= 1


@given(evidences(), shares, shares)
def test_an_unusable_answer_never_earns_more_than_a_usable_one_of_that_grade(evidence, low, high):
    low, high = sorted((low, high))
    assert Score.unusable(TASK, low).reward <= Score.of(TASK, high, evidence).reward


def test_an_unusable_answer_earns_its_grade_times_the_format_weight():
    score = Score.unusable(TASK, 0.6)
    assert (score.status, score.reward) == ("model_fault", pytest.approx(0.036))
    measured = ("collision", "bounds", "support", "access", "function", "relations")
    assert score.terms == {"format": 0.6, **dict.fromkeys(measured, 0)}
    assert score.counts["items"] == 12


def test_an_infra_fault_has_no_reward():
    score = Score.infra(TASK)
    assert (score.status, score.reward, score.terms) == ("infra_fault", None, {})
    assert json.loads(json.dumps(score.to_json()))["reward"] is None


@given(evidences(), shares)
def test_what_is_not_measured_does_not_count(evidence, value):
    """A view or judge as good as the rest leaves the reward where it is."""
    found = terms(TASK, 1.0, evidence)
    mean = total(found)
    assert total({**found, "view": mean, "judge": mean}) == pytest.approx(mean)
    assert (total({**found, "judge": value}) >= mean - 1e-9) is (value >= mean - 1e-9)


def test_view_and_judge_are_separate_terms():
    assert {"view", "judge"} & terms(TASK, 1.0, CLEAN).keys() == set()
    assert terms(TASK, 1.0, replace(CLEAN, view=VIEW), 0.25)["judge"] == 0.25
    hidden = replace(VIEW, visible={**VIEW.visible, IDS[0]: 0.0})
    turned_away = replace(VIEW, fronts={**VIEW.fronts, IDS[0]: 0.0})
    assert view_term(hidden) == view_term(turned_away) < view_term(VIEW) == pytest.approx(1.0)
    assert view_term(replace(VIEW, balance=0.2)) < view_term(VIEW)
    assert view_term(ViewMeasure({}, {}, 0.0, 0.0)) == pytest.approx(0.6)
    alone = {IDS[0]: 1.0}  # one item can fill no more of the frame, and that is enough
    assert view_term(ViewMeasure(alone, alone, ViewMeasure.LOOMING, 1.0)) == pytest.approx(1.0)


def test_fewer_items_make_a_fault_weigh_more():
    small = Task("small", "", TASK.room, TASK.items[:4])
    hit = Evidence((Overlap(IDS[0], IDS[1], 0.1),))
    assert Score.of(small, 1.0, hit).reward < Score.of(TASK, 1.0, hit).reward


def test_locked_items_do_not_dilute():
    locked = tuple(replace(item, locked=True) for item in TASK.items[2:])
    hit = Evidence((Overlap(IDS[0], IDS[1], 0.1),))
    alone = Task("t", "", TASK.room, TASK.items[:2])
    assert terms(replace(alone, items=alone.items + locked), 1.0, hit) == terms(alone, 1.0, hit)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), float("inf")])
def test_grades_out_of_range_are_refused(value):
    with pytest.raises(ValueError, match="answer_grade"):
        Score.of(TASK, value, CLEAN)
    with pytest.raises(ValueError, match="judge"):
        Score.of(TASK, 1.0, CLEAN, judge=value)
    with pytest.raises(ValueError, match="grade"):
        Score.unusable(TASK, value)


@pytest.mark.parametrize("weights", [{"bounds": -1.0}, {"view": float("nan")}, {"format": float("inf")}])
def test_bad_weights_are_refused(weights):
    with pytest.raises(ValueError, match=next(iter(weights))):
        Weights(**weights)


def test_weights_of_nothing_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        Weights(format=0, collision=0, bounds=0, support=0, access=0, function=0, relations=0)


def test_stages_are_weights():
    format_only = Weights(collision=0, bounds=0, support=0, access=0, function=0, relations=0, view=0, judge=0)
    assert reward(replace(CLEAN, detected=(Overlap(IDS[0], IDS[1], 1.0),)), weights=format_only) == 1.0
    with pytest.raises(KeyError):
        total({"speed": 1.0})


def test_the_score_as_json_has_the_documented_fields():
    vase = Item("vase_1", "vase", (0.1, 0.1, 0.3), "surface")
    task = Task("bedroom-000017", "", TASK.room, (*TASK.items[:11], vase))
    found = Evidence(
        (
            Overlap("item_0", "item_1", 0.23),
            Overlap("item_1", "item_2", 0.1),
            Outside("item_2", 0.1, 0.2),
            Unsupported("item_3", 0.4),
            Unstable("vase_1", 0.31, 64.0),
            Blocked("door_1", ("item_4",), 0.6),
            Unreachable("item_5"),
            Cramped("item_5", "open", 0.75, 0.4),
        ),
        relations=(RelationScore("item_6", "near", "item_7", 0.0), RelationScore("item_7", "near", "item_8", 1.0)),
        view=VIEW,
    )
    data = json.loads(json.dumps(Score.of(task, 1.0, found).to_json()))
    assert list(data) == ["task", "status", "reward", "terms", "evidence", "counts"]
    assert (data["task"], data["status"]) == ("bedroom-000017", "ok")
    assert list(data["terms"]) == [
        *("format", "collision", "bounds", "support", "access", "function", "relations", "view")
    ]
    assert data["evidence"] == {
        "overlaps": [{"a": "item_0", "b": "item_1", "depth": 0.23}, {"a": "item_1", "b": "item_2", "depth": 0.1}],
        "outside": [{"id": "item_2", "distance": 0.1, "share": 0.2}],
        "unsupported": [{"id": "item_3", "gap": 0.4}],
        "unstable": [{"id": "vase_1", "drift": 0.31, "tilt": 64.0}],
        "blocked": [{"opening": "door_1", "by": ["item_4"], "share": 0.6}],
        "unreachable": [{"id": "item_5"}],
        "cramped": [{"id": "item_5", "need": "open", "wanted": 0.75, "has": 0.4}],
        "relations": [{"subject": "item_6", "predicate": "near", "object": "item_7", "score": 0.0}],
    }
    assert data["counts"] == {
        "items": 12,
        "colliding": 3,
        "outside": 1,
        "unsupported": 1,
        "unstable": 1,
        "unreachable": 1,
        "cramped": 1,
    }
