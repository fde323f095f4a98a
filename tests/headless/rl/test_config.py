"""Configurations: read, written back, and refused with the key's name."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

from headless.config import write_config
from headless.rl.config import FAMILIES, RENAMED, TrainConfig, read_config
from metaspatial_addon.core.errors import InputError

TINY = Path(__file__).parents[3] / "headless" / "configs" / "tiny.toml"


@pytest.fixture(autouse=True)
def at_home(checkout, monkeypatch):
    """Paths in the configurations are from the root of the checkout."""
    monkeypatch.chdir(checkout)


def test_the_shipped_configuration_is_the_one_of_the_proof():
    config = read_config(str(TINY))
    rollout = config.rollout
    assert (config.steps, rollout.tasks_per_step, rollout.num_generations, rollout.turns) == (300, 4, 8, 3)
    assert config.reward.render and rollout.pictures and config.credit.advantage_level == "turn"


def test_a_resolved_file_reads_back_as_the_same(tmp_path):
    changes = ["steps=7", "loss.loss_type=gspo", "loss.epsilon=3e-4", "loss.epsilon_high=4e-4", "reward.weights.view=0"]
    changes += ["credit.item_penalty=0"]
    config = read_config(str(TINY), changes)
    assert config.steps == 7 and config.loss.loss_type == "gspo" and config.reward.weights.view == 0
    write_config(config, tmp_path / "config.toml")
    assert read_config(str(tmp_path / "config.toml")) == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("stepz=3", "stepz: expected one of model, rendering, tasks, seed, steps"),
        ("rollout.gruop=3", "rollout.gruop: expected one of tasks_per_step, num_generations"),
        ("steps=2.5", "steps: expected a value of type int, got 2.5"),
        ("steps=true", "steps: expected a value of type int, got True"),
        ("steps=-1", "steps: expected a number of at least 1, got -1"),
        ("steps=0", "steps: expected a number of at least 1, got 0"),
        ("rollout=3", "rollout: expected a table, got 3"),
        ("rollout.num_generations=1", "rollout.num_generations: expected a number of at least 2, got 1"),
        ("rollout.temperature=0", "rollout.temperature: expected a number above 0"),
        ("rollout.temperature=nan", "rollout.temperature: expected a finite number, got nan"),
        ("rollout.pictures=1", "rollout.pictures: expected a value of type bool, got 1"),
        (
            "rollout.max_sequence_tokens=200",
            "rollout.max_completion_tokens: expected less than rollout.max_sequence_tokens (200)",
        ),
        ("loss.loss_type=ppo", "loss.loss_type: expected one of grpo, dr_grpo, dapo, gspo, got 'ppo'"),
        ("loss.loss_type=gspo", "loss.epsilon_high: expected some 4e-4 for gspo"),
        ("loss={loss_type='gspo', epsilon_high=0.05, epsilon=0.01}", "credit.item_penalty: expected 0 for gspo"),
        ("loss.epsilon_high=0.1", "loss.epsilon_high: expected at least loss.epsilon (0.2), got 0.1"),
        ("loss.epsilon=1", "loss.epsilon: expected a number above 0 and below 1, got 1.0"),
        ("loss.importance_cap=0.5", "loss.importance_cap: expected a number of at least 1, got 0.5"),
        ("credit.advantage_level=token", "credit.advantage_level: expected one of turn, episode"),
        ("credit={normalize='terms', advantage_level='best'}", 'credit.normalize: expected "reward" beside credit.adv'),
        ("credit.normalize=terms; loss.loss_type=dr_grpo", 'credit.normalize: expected "reward" for dr_grpo'),
        ("credit.discount=1.5", "credit.discount: expected a number of at least 0 and of at most 1, got 1.5"),
        ("learner.num_iterations=0", "learner.num_iterations: expected a number of at least 1, got 0"),
        (
            "learner.lr_decay_fraction=1.5",
            "learner.lr_decay_fraction: expected a number of at least 0 and of at most 1, got 1.5",
        ),
        ("reward.stages=3", "reward.stages: expected a list of tables"),
        ("reward.stages=[{step=1}, {stap=1}]", "reward.stages[1].stap: expected one of step, weights"),
        ("reward.stages=[{step=5}, {step=5}]", "reward.stages: expected each at a later step"),
        ("reward.weights.collision=-1", "reward.weights.collision: expected a number of at least 0, got -1.0"),
        ("reward.weights.clutter=1", "reward.weights.clutter: expected one of format, collision"),
        ("model=assets/models/huge", "model: expected a model's folder"),
        ("model=Qwen/Qwen2.5-VL-3B-Instruct", "model: expected a model's folder"),
        ("reward.judge.model=eye", "reward.judge.url: expected the base address of the server"),
        ("reward={render=false, judge={model='a', url='http://b'}}", "reward.render: expected true, since the judge"),
        ("lora.rank=8", "lora.rank: expected 0 for the compact rendering"),
        ("rendering=full", "lora.rank: expected at least 1 for the full rendering"),
        ("reward.weights=best", "reward.weights: expected a table or one of paper, got 'best'"),
        ("reward={weights='paper', stages=[{step=1}]}", 'reward.stages: expected none beside reward.weights = "paper"'),
        ("seed=99999999999999999999", "seed: expected a number of at least 0 and of at most 2147483647"),
        ("steps", "--set: steps: expected key=value"),
        ("steps.more=1", "steps.more: expected steps to be a table"),
    ],
)
def test_what_cannot_work_is_one_clear_error(change, message):
    with pytest.raises(InputError) as caught:
        read_config(str(TINY), change.split("; "))
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_a_key_of_a_former_version_is_refused_with_its_new_name(old, new):
    with pytest.raises(InputError, match=f": {old}: expected its new name, {new}$"):
        read_config(str(TINY), [f"{old}=1"])
    value: object = TrainConfig()
    for name in new.split("."):
        value = getattr(value, name)  # the new name is a key


def test_the_papers_formula_can_be_the_reward(tmp_path):
    config = read_config(str(TINY), ["reward.weights=paper"])
    assert config.reward.weights_at(7) == "paper"
    write_config(config, tmp_path / "config.toml")
    assert read_config(str(tmp_path / "config.toml")) == config


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
    with pytest.raises(InputError, match=f"model: expected one of {', '.join(FAMILIES)}, got 'bert'"):
        read_config(path, [f"model={tmp_path}"])
    (tmp_path / "config.json").write_text('{"model_type": "qwen3_vl"}')
    with pytest.raises(InputError, match="metaspatial.json"):
        read_config(path, [f"model={tmp_path}", "rendering=compact", "lora.rank=0"])


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(InputError, match="nowhere.toml: expected a readable file"):
        read_config(str(tmp_path / "nowhere.toml"))
    broken = tmp_path / "broken.toml"
    broken.write_text("steps = = 3")
    with pytest.raises(InputError, match="broken.toml: expected TOML"):
        read_config(str(broken))
