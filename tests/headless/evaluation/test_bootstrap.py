"""What is counted, the measures made of it, and their bootstrap intervals: alone, between rows and between runs."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headless.evaluation.bootstrap import Interval, draws
from headless.evaluation.metrics import COUNTS, MEASURES, counts_of
from headless.evaluation.results import SCHEMA, Results, check_comparable, dump, read_run
from headless.taskgen.make import make_task
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.evidence import Evidence
from metaspatial_addon.core.faults import Blocked, Overlap, RelationScore
from metaspatial_addon.scoring.score import Score

MADE = [make_task("test", 6, index)[0] for index in range(3)]
TASK = MADE[0]
REWARD = next(measure for measure in MEASURES if measure.name == "reward")


def measures(counts: np.ndarray) -> dict[str, float]:
    return {measure.name: float(measure.of(counts)) for measure in MEASURES}


def test_items_openings_and_rooms_are_counted():
    a, b, c, d = (item.id for item in TASK.items[:4])
    evidence = Evidence(
        (Overlap(a, b, 0.2), Overlap(a, c, 0.07), Overlap(c, d, 0.02), Blocked(TASK.room.openings[0].id, (a,), 0.5)),
        relations=(RelationScore(a, "near", b, 0.9), RelationScore(b, "near", a, 0.1)),
    )
    good = counts_of(TASK, Score.of(TASK, 1.0, evidence), (1.0, 3.0))
    bad = counts_of(TASK, Score.unusable(TASK, 0.1), (2.0,))
    found, items = measures(good + bad), len(TASK.items)
    assert (found["usable"], found["clean"], found["relations"], found["seconds"]) == (0.5, 0.0, 0.5, 2.0)
    colliding = [found[f"colliding_{depth}cm"] * items for depth in (1, 5, 10)]
    assert colliding == pytest.approx([4, 3, 2])
    assert found["blocked"] == pytest.approx(1 / len(TASK.room.openings))
    assert found["format"] == pytest.approx(0.55) and np.isnan(found["view"])
    pairs = (items + 6) * (items + 5) / 2
    assert found["coll"] == pytest.approx((3 / pairs + 1) / 2) and found["cons"] == pytest.approx((1 / items + 1) / 2)


def test_a_measure_of_nothing_is_none():
    interval = Interval.of(float(REWARD.of(np.zeros(len(COUNTS)))), REWARD.of(np.zeros((9, len(COUNTS)))))
    assert interval == Interval(None, None, None) and not interval.apart(interval) and REWARD.format(None) == "–"


values = st.lists(st.floats(0, 1), min_size=1, max_size=30)


def reward_interval(rewards: list[float] | np.ndarray, seed: int = 0) -> Interval:
    rewards = np.asarray(rewards)
    return Interval.of(float(rewards.mean()), draws(len(rewards), seed) @ rewards / len(rewards))


@given(values)
def test_an_interval_lies_within_what_the_tasks_gave(rewards):
    interval = reward_interval(rewards)
    assert min(rewards) - 1e-5 <= interval.low <= interval.high <= max(rewards) + 1e-5


@given(st.integers(1, 50), st.integers(0, 5))
def test_each_draw_has_as_many_tasks_and_a_seed_repeats_it(tasks, seed):
    drawn = draws(tasks, seed)
    assert (drawn.sum(axis=1) == tasks).all() and (drawn >= 0).all()
    assert (drawn == draws(tasks, seed)).all()


def test_nineteen_of_twenty_intervals_hold_the_truth():
    rng, truth, trials = np.random.default_rng(0), 0.3, 300
    weights = draws(80)
    samples = (rng.random((trials, 80)) < truth).astype(float)
    held = [i.low <= truth <= i.high for i in (Interval.of(float(s.mean()), weights @ s / 80) for s in samples)]
    assert 0.90 <= np.mean(held) <= 0.99


def results_of(rewards: dict[int, float], row: str = "r") -> Results:
    """Rewards by number of the task, of a usable answer each."""
    results = Results()
    for index, reward in rewards.items():
        counts = np.zeros(len(COUNTS))
        counts[COUNTS.index("tasks")], counts[COUNTS.index("reward")] = 1, reward
        results.add(row, MADE[index], 0, counts)
    return results


def test_a_difference_is_paired():
    here, there = results_of({0: 0.3, 1: 0.6, 2: 0.9}), results_of({0: 0.2, 1: 0.5, 2: 0.8})
    versus = here.against(there)["r"]["reward"]
    assert (versus.difference.low, versus.difference.value, versus.difference.high) == pytest.approx((0.1, 0.1, 0.1))
    assert versus.change.value == pytest.approx(0.2) and not versus.here.apart(versus.there)
    assert (
        results_of({0: 0.9, 1: 0.9}).against(results_of({0: 0.1, 1: 0.2}))["r"]["reward"].to_json()["intervals_apart"]
    )


def test_a_change_from_almost_nothing_has_no_interval():
    versus = results_of({0: 0.1, 1: 0.2, 2: 0.1}).against(results_of({0: 0.0, 1: 0.0, 2: 0.1}))["r"]["reward"]
    assert versus.change.value == pytest.approx(3.0) and versus.change.low is versus.change.high is None
    assert versus.difference.low is not None


def test_tasks_that_only_one_run_has_do_not_count():
    versus = results_of({0: 0.3, 1: 0.9}).against(results_of({0: 0.2, 2: 0.8}))["r"]["reward"]
    assert (versus.here.value, versus.there.value) == (0.3, 0.2)


def test_seeds_of_a_task_count_together_and_apart():
    results = results_of({0: 0.2, 1: 0.4})
    results.add("r", MADE[0], 1, 2 * results.rows["r"][MADE[0].id][0])
    assert results.intervals()["r"]["reward"].value == pytest.approx((0.2 + 0.4 + 0.4) / 4)
    assert results.by_seed()["r"][0]["reward"] == pytest.approx(0.3)


def saved(tmp_path, results: Results, **changed) -> str:
    head = {"schema": SCHEMA, "policy": "p", "pictures": False}
    data = json.loads(dump(head, results)) | changed
    (tmp_path / "metrics.json").write_text(json.dumps(data))
    return str(tmp_path / "metrics.json")


def test_a_run_is_read_as_it_was_written(tmp_path):
    results = results_of({0: 0.25, 1: 0.5})
    run = read_run(saved(tmp_path, results))
    assert run.counts.tasks == results.tasks and run.counts.values_json() == results.values_json()
    check_comparable(run, MADE, pictures=False)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"schema": "x"}, "schema: expected metaspatial.evaluation/1"),
        ({"columns": ["a"]}, "columns: expected those of this version"),
        ({"values": [{"row": "r"}]}, "values: expected what evaluate.py wrote"),
        ({"tasks": {}}, "tasks: expected at least one of this run's tasks"),
        ({"tasks": {TASK.id: "another"}}, f"tasks.{TASK.id}: expected the task of that id to be the same"),
        ({"pictures": True}, "pictures: expected a run measured as this one is; it was measured with pictures"),
    ],
)
def test_a_run_that_cannot_be_compared_is_refused(tmp_path, changed, expected):
    path = saved(tmp_path, results_of({0: 0.25}), **changed)
    with pytest.raises(InputError, match=expected):
        check_comparable(read_run(path), MADE, pictures=False)
