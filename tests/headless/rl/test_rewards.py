"""Other rewards than the default one, from the configuration: a judge behind a server, the paper's formula, and
functions of the user's own."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

pytest.importorskip("bpy")
pytest.importorskip("torch")
pytest.importorskip("tensorboard")

from headless import train
from headless.rl.logs.records import read_recorded
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.policy.base import PolicyError
from metaspatial_addon.scoring.weights import Weights
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


TERMS = """
from metaspatial_addon.core.evidence import Evidence
from metaspatial_addon.core.task import Layout, Task

def half(task, layout, evidence):
    assert isinstance(task, Task) and isinstance(layout, Layout) and isinstance(evidence, Evidence)
    return 0.5

def clean(task, layout, evidence):
    return evidence.clean

def too_much(task, layout, evidence):
    return 3

def fails(task, layout, evidence):
    return {}["nothing"]
"""


@pytest.fixture
def own_terms(tmp_path, monkeypatch):
    """Names a module with the functions above, in the working folder."""
    name = f"rewards_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(TERMS)
    monkeypatch.chdir(tmp_path)
    return name


@pytest.mark.parametrize("workers", ["0", "1"])
def test_functions_of_the_users_own_are_terms(small_model, tmp_path, own_terms, workers):
    terms = f"reward.terms=[{{function='{own_terms}:half', weight=1.0}}, {{function='{own_terms}:clean'}}]"
    command = arguments(small_model, tmp_path / "run", "--set", "steps=1", "--set", terms, "--workers", workers)
    train.main(command)
    [metrics] = rows(tmp_path / "run")
    assert metrics["terms/half/turn_1"] == 0.5 and metrics["terms/clean/turn_1"] == metrics["clean/turn_1"]
    weights = asdict(Weights(judge=0.0)) | {"half": 1.0, "clean": 0.1}
    recorded = read_recorded(tmp_path / "run" / "turns.jsonl", "1-0")
    for line in (line for episode in recorded for line in episode.lines):
        assert set(line["terms"]) == set(weights) - {"judge"}
        total = sum(weights[name] * value for name, value in line["terms"].items()) / sum(weights.values())
        assert line["reward"] == pytest.approx(total, abs=1e-5)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("too_much", "a number from 0 to 1"),
        ("fails", "KeyError: 'nothing'"),
        ("missing", "a function that can be imported"),
        ("collision", "none of them that of a term of reward.weights"),
    ],
)
def test_a_term_that_cannot_be_used_is_named(small_model, tmp_path, own_terms, function, message):
    term = f"reward.terms=[{{function='{own_terms}:{function}'}}]"
    with pytest.raises(InputError, match=message) as raised:
        train.main(arguments(small_model, tmp_path / "run", "--set", "steps=1", "--set", term))
    assert "reward.terms" in str(raised.value)


@pytest.mark.parametrize("text", ["os.system", "os:system:x", "", "my rewards:f"])
def test_only_module_and_function_are_taken(small_model, tmp_path, text):
    with pytest.raises(InputError, match="module:function"):
        train.main(arguments(small_model, tmp_path, "--set", f"reward.terms=[{{function='{text}'}}]"))
