"""Metrics of a step do not depend on the order of answers, and no term is lost or diluted."""

from __future__ import annotations

import itertools

import pytest

pytest.importorskip("torch")

from headless.rl.data import Episode
from headless.rl.logs.metrics import UpdateStatistics, episode_metrics
from headless.taskgen.make import make_task
from metaspatial_addon.core.evidence import Evidence, ViewMeasure
from metaspatial_addon.scoring.paper import paper_score, paper_score_of_unusable
from metaspatial_addon.scoring.score import Score

TASK, _ = make_task("train", 1, 0)
SEEN = Evidence(view=ViewMeasure({"a": 1.0}, {"a": 1.0}, 0.2, 1.0))


def metrics_of(*scores: Score) -> dict[str, float]:
    """Of episodes of one turn each."""
    episodes = [Episode(TASK, 0, (k,), scores=[score]) for k, score in enumerate(scores)]
    for episode in episodes:
        episode.trajectory.turns, episode.trajectory.allowed_ids = [0], [None]
    return episode_metrics(episodes, 1)


def test_the_order_of_answers_changes_no_metric():
    usable, unusable = Score.of(TASK, 1.0, SEEN), Score.unusable(TASK, 0.1)
    orders = [metrics_of(*order) for order in itertools.permutations((usable, unusable, unusable, usable))]
    assert "terms/view/turn_1" in orders[0]
    assert all(metrics == pytest.approx(orders[0]) for metrics in orders)


def test_a_term_is_the_mean_of_the_answers_that_have_it():
    usable, unusable = Score.of(TASK, 1.0, SEEN), Score.unusable(TASK, 0.5)
    metrics = metrics_of(unusable, usable)
    assert metrics["terms/view/turn_1"] == usable.terms["view"]  # nothing is seen of a layout that is not there
    assert metrics["terms/collision/turn_1"] == pytest.approx(0.5)  # which earns nothing for standing free
    assert metrics["terms/format/turn_1"] == pytest.approx(0.75)
    assert metrics["usable/turn_1"] == metrics["clean/turn_1"] == 0.5
    assert "terms/view/turn_1" not in metrics_of(unusable)


def test_the_papers_reward_has_metrics_of_its_own_terms():
    metrics = metrics_of(paper_score_of_unusable(TASK, 0.2), paper_score(TASK, 1.0, SEEN, judge=0.5))
    assert metrics["terms/judge/turn_1"] == 0.5 and metrics["terms/relations/turn_1"] == 0.5


def test_sums_of_processes_add_up():
    parts = [UpdateStatistics(10, loss=1.0, kl=2.0, max_gap=0.1), UpdateStatistics(10, loss=0.5, kl=3.0, max_gap=0.4)]
    merged = UpdateStatistics.merged(parts)
    assert merged == UpdateStatistics(10, loss=1.5, kl=5.0, max_gap=0.4)
    assert merged.metrics()["kl"] == 0.5
