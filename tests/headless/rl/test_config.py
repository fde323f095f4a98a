"""Configurations: read, written back, and refused with the key's name."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

from headless.rl.config import read_config, write_config
from metaspatial_addon.core.errors import InputError

TINY = Path(__file__).parents[3] / "headless" / "configs" / "tiny.toml"


@pytest.fixture(autouse=True)
def at_home(checkout, monkeypatch):
    """Paths in the configurations are from the root of the checkout."""
    monkeypatch.chdir(checkout)


def test_the_shipped_configuration_is_the_one_of_the_proof():
    config = read_config(str(TINY))
    rollout = config.rollout
    assert (config.steps, rollout.tasks, rollout.group, rollout.turns) == (300, 4, 8, 3)
    assert config.reward.render and rollout.pictures and config.credit.credit == "turn"


def test_a_resolved_file_reads_back_as_the_same(tmp_path):
    changes = ["steps=7", "loss.kind=gspo", "loss.clip_low=3e-4", "loss.clip_high=4e-4", "reward.weights.view=0"]
    changes += ["credit.fault_penalty=0"]
    config = read_config(str(TINY), changes)
    assert config.steps == 7 and config.loss.kind == "gspo" and config.reward.weights.view == 0
    write_config(config, tmp_path / "config.toml")
    assert read_config(str(tmp_path / "config.toml")) == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("stepz=3", "stepz: expected one of model, rendering, seed, steps"),
        ("rollout.gruop=3", "rollout.gruop: expected one of tasks, group"),
        ("steps=2.5", "steps: expected a value of type int, got 2.5"),
        ("steps=true", "steps: expected a value of type int, got True"),
        ("steps=-1", "steps: expected a number that is not negative, got -1"),
        ("steps=0", "steps: expected at least 1, got 0"),
        ("rollout=3", "rollout: expected a table, got 3"),
        ("rollout.group=1", "rollout.group: expected at least 2"),
        ("rollout.temperature=0", "rollout.temperature: expected a number above 0"),
        ("rollout.temperature=nan", "rollout.temperature: expected a number that is not negative"),
        ("rollout.pictures=1", "rollout.pictures: expected a value of type bool, got 1"),
        ("rollout.context=200", "rollout.answer_tokens: expected less than rollout.context (200)"),
        ("loss.kind=ppo", "loss.kind: expected one of grpo, dr_grpo, dapo, gspo, got 'ppo'"),
        ("loss.kind=gspo", "loss.clip_high: expected some 4e-4 for gspo"),
        ("loss={kind='gspo', clip_high=0.05, clip_low=0.01}", "credit.fault_penalty: expected 0 for gspo"),
        ("loss.clip_high=0.1", "loss.clip_high: expected at least loss.clip_low (0.2), got 0.1"),
        ("loss.clip_low=1", "loss.clip_low: expected a number between 0 and 1"),
        ("loss.importance_cap=0.5", "loss.importance_cap: expected at least 1"),
        ("credit.credit=token", "credit.credit: expected one of turn, episode"),
        ("credit.discount=1.5", "credit.discount: expected at most 1"),
        ("learner.passes=0", "learner.passes: expected at least 1"),
        ("learner.decay=1.5", "learner.decay: expected at most 1, a share of all steps, got 1.5"),
        ("reward.stages=3", "reward.stages: expected a list of tables"),
        ("reward.stages=[{step=1}, {stap=1}]", "reward.stages[1].stap: expected one of step, weights"),
        ("reward.stages=[{step=5}, {step=5}]", "reward.stages: expected each at a later step"),
        ("reward.weights.collision=-1", "reward.weights.collision: expected a number that is not negative"),
        ("reward.weights.clutter=1", "reward.weights.clutter: expected one of format, collision"),
        ("model=assets/models/huge", "model: expected a model's folder"),
        ("model=Qwen/Qwen2.5-VL-3B-Instruct", "model: expected a model's folder"),
        ("lora.rank=8", "lora.rank: expected 0 for the compact rendering"),
        ("rendering=full", "lora.rank: expected at least 1 for the full rendering"),
        ("steps", "--set: steps: expected key=value"),
        ("steps.more=1", "steps.more: expected steps to be a table"),
    ],
)
def test_what_cannot_work_is_one_clear_error(change, message):
    with pytest.raises(InputError) as caught:
        read_config(str(TINY), [change])
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_weights_of_the_terms_change_by_stages(tmp_path):
    path = tmp_path / "staged.toml"
    path.write_text(
        'model = "assets/models/tiny"\n'
        "[[reward.stages]]\nstep = 10\nweights = { format = 1.0, collision = 0.0 }\n"
        "[[reward.stages]]\nstep = 20\nweights = { format = 0.0, collision = 2.0 }\n"
    )
    config = read_config(str(path))
    found = [(w.format, w.collision) for w in map(config.reward.weights_at, (0, 10, 15, 20, 99))]
    assert found == [(1, 0), (1, 0), (0.5, 1), (0, 2), (0, 2)]
    write_config(config, tmp_path / "config.toml")
    assert read_config(str(tmp_path / "config.toml")) == config


@pytest.mark.parametrize("name", ["qwen2_5_vl_3b_lora", "qwen2_5_vl_7b_lora", "qwen3_vl_4b_lora"])
def test_configurations_of_pretrained_models_read(name, tmp_path):
    path = str(TINY.with_name(f"{name}.toml"))
    config = read_config(path)
    assert config.rendering == "full" and config.lora.rank and config.model.startswith("Qwen/Qwen")
    with pytest.raises(InputError, match="reward.render: expected true"):
        read_config(path, ["reward.render=false"])
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(InputError, match="model: expected one of qwen2_5_vl, qwen3_vl, got 'bert'"):
        read_config(path, [f"model={tmp_path}"])
    (tmp_path / "config.json").write_text('{"model_type": "qwen3_vl"}')
    with pytest.raises(InputError, match="metaspatial.json"):
        read_config(path, [f"model={tmp_path}", "rendering=compact", "lora.rank=0"])


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(InputError, match="nowhere.toml: expected a readable text file"):
        read_config(str(tmp_path / "nowhere.toml"))
    broken = tmp_path / "broken.toml"
    broken.write_text("steps = = 3")
    with pytest.raises(InputError, match="broken.toml: expected TOML"):
        read_config(str(broken))
