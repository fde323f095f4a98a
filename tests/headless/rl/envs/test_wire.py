"""Requests and results as JSON: all of them come back as they were, and nothing but the expected classes is made."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from headless.rl.data import TokenBudget
from headless.rl.envs import wire
from headless.rl.envs.base import EpisodeSettings, StepResult
from headless.rl.envs.pool_worker import EpisodeRequest, WorkerConfig
from headless.taskgen.make import make_task
from metaspatial_addon.core.conversation import Message
from metaspatial_addon.core.evidence import Evidence, ViewMeasure
from metaspatial_addon.core.faults import Blocked, Outside, Overlap, RelationScore
from metaspatial_addon.scoring.score import Score
from metaspatial_addon.scoring.weights import Weights

EVIDENCE = Evidence(
    detected=(Overlap("a", "b", 0.1 + 0.2), Outside("a", 1 / 3, np.float64(2 / 3)), Blocked("door", ("a", "b"), 0.5)),
    relations=(RelationScore("a", "near", "b", -0.0),),
    view=ViewMeasure({"a": 0.7}, {}, 5e-324, np.float32(0.1)),
)
SCORE = Score("t", "ok", 1 / 3, {"format": 1.0, "view": 0.1}, EVIDENCE, {"items": np.int64(3)})
RESULT = StepResult((Message("user", "Ä \ud800 \n", (b"\x89PNG\x00", b"")),), SCORE, seconds={"physics": 0.1})
REQUEST = EpisodeRequest(3, 1, make_task("train", 4, 1)[0], EpisodeSettings(), ("<answer>[]</answer>",))
BUDGET = TokenBudget(100, "/a/tokenizer.json", {"user": 3}, 2, 64)


@pytest.mark.parametrize(
    "value",
    [
        RESULT,
        StepResult(done=True, fault="physics failed"),
        StepResult(done=True, truncated=True),
        REQUEST,
        replace(REQUEST, settings=EpisodeSettings(2, "paper", False, False, BUDGET), completions=()),
        replace(REQUEST, settings=EpisodeSettings(weights=Weights(format=0.5, collision=0.1))),
        WorkerConfig("full", 48, 900),
    ],
)
def test_a_value_comes_back_as_it_was(value):
    line = json.dumps(wire.to_json(value))
    assert wire.from_json(type(value), json.loads(line)) == value


def test_numbers_keep_their_kind_and_every_digit():
    again = wire.from_json(StepResult, json.loads(json.dumps(wire.to_json(RESULT))))
    assert repr(again.score.evidence.relations[0].score) == "-0.0"
    assert again.score.evidence.view.fill == 5e-324 and again.score.reward.hex() == SCORE.reward.hex()
    assert type(again.score.counts["items"]) is int and type(again.score.evidence.view.balance) is float


@pytest.mark.parametrize(
    "data",
    [None, [], {}, {"key": 1}, "x", {**wire.to_json(REQUEST), "task": {}}, {**wire.to_json(REQUEST), "_class": "Path"}],
)
def test_other_data_is_no_request(data):
    with pytest.raises((KeyError, TypeError, ValueError)):
        wire.from_json(EpisodeRequest, data)


def test_a_type_without_a_json_form_is_refused():
    with pytest.raises(TypeError, match="no JSON form"):
        wire.from_json(object, {})
