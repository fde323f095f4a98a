"""Other rewards than the default one, from the configuration: a judge behind a server, and the paper's formula."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("bpy")
pytest.importorskip("torch")
pytest.importorskip("tensorboard")

from headless import train
from headless.rl.logs.records import read_recorded
from metaspatial_addon.policy.base import PolicyError
from tests.headless.rl.test_train import arguments, rows
from tests.policy.conftest import start  # noqa: F401 (a fixture)
from tests.policy.servers import chat

GRADES = json.dumps({"function": 5, "arrangement": 4, "balance": 3, "fit": 4})


@pytest.mark.parametrize("workers", [0, 1])
def test_a_judge_grades_renders_of_every_turn_the_last_too(start, small_model, tmp_path, workers):  # noqa: F811
    server = start(chat(GRADES))
    judge = f"reward.judge={{model='eye', url='{server.url}'}}"
    small = ("steps=1", "rollout.turns=1", "rollout.pixels=48", judge)
    sets = [option for change in small for option in ("--set", change)]
    train.main(arguments(small_model, tmp_path, *sets, "--workers", str(workers)))
    [metrics] = rows(tmp_path)
    assert metrics["terms/judge/turn_1"] == 0.75
    recorded = read_recorded(tmp_path / "turns.jsonl", "1-0")
    assert all(line["terms"]["judge"] == 0.75 for episode in recorded for line in episode.lines)
    assert len(server.seen) == sum(len(episode.lines) for episode in recorded) == 2
    parts = [part for _, _, _, body in server.seen for part in body["messages"][1]["content"]]
    images = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    assert len(images) == 2 * len(server.seen)
    assert all(len(image) > 500 for image in images)


def test_the_papers_formula_can_be_learnt_from(small_model, tmp_path):
    train.main(arguments(small_model, tmp_path, "--set", "steps=1", "--set", "reward.weights=paper"))
    [metrics] = rows(tmp_path)
    format_, collision, relations = (metrics[f"terms/{term}/turn_1"] for term in ("format", "collision", "relations"))
    expected = 0.5 * format_ - 0.2 * (1 - collision) - 0.2 * (1 - relations)
    assert metrics["reward/turn_1"] == pytest.approx(expected, abs=1e-4)
    assert "terms/bounds/turn_1" not in metrics


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_judges_address_that_cannot_be_used_is_refused_before_a_worker_is_there(small_model, tmp_path, workers):
    judge = "reward.judge={model='eye', url='localhost'}"
    with pytest.raises(PolicyError, match="must look like http"):
        train.main(arguments(small_model, tmp_path, "--set", judge, "--workers", workers))
    assert not list(tmp_path.glob("worker_*.log"))
