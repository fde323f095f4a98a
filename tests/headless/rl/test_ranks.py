"""Several processes that learn together do what one does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("bpy")
torch = pytest.importorskip("torch")
pytest.importorskip("accelerate")

from safetensors.torch import load_file

from headless import cli, train
from headless.rl.checkpoint import checkpoints
from tests.policy.models import build

ROOT = Path(__file__).parents[3]
SMALL = (
    "steps=3",
    "save_every=1",
    "gallery_every=0",
    "rollout.tasks_per_step=2",
    "rollout.num_generations=2",
    "rollout.turns=2",
    "learner.learning_rate=1e-3",
    "learner.warmup_steps=1",
    "learner.lr_decay_fraction=0",
    "loss.beta=0.01",
)

TRAIN = str(ROOT / "headless/train.py")

pytestmark = pytest.mark.slow


def arguments(model: Path, folder: Path, *changes: str) -> list[str]:
    sets = [option for change in (f"model={model}", *SMALL, *changes) for option in ("--set", change)]
    return ["--config", str(ROOT / "headless/configs/tiny.toml"), "--run", str(folder), "--workers", "0", *sets]


def torchrun(count: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(count), "--standalone"]
    # As Blender is told: --no-python starts a program of its own, and -- ends torchrun's options.
    program = ["--no-python", "--", sys.executable, *arguments]
    return subprocess.run([*command, *program], capture_output=True, text=True, timeout=250)


def figures(folder: Path) -> list[dict[str, float]]:
    """What does not depend on who worked: neither times nor memory, nor the rounding of log-probabilities."""
    lines = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    passing = ("second", "memory", "logprob_gap")
    return [{name: value for name, value in line.items() if not any(p in name for p in passing)} for line in lines]


def episodes(folder: Path) -> list[tuple[str, int, str]]:
    lines = map(json.loads, (folder / "turns.jsonl").read_text().splitlines())
    return [(line["episode"], line["turn"], line["answer"]) for line in lines]


def test_two_processes_learn_what_one_learns(small_model, tmp_path):
    alone, both = tmp_path / "alone", tmp_path / "both"
    train.main(arguments(small_model, alone))
    done = torchrun(2, TRAIN, *arguments(small_model, both, "steps=2"))
    assert done.returncode == 0, done.stderr
    done = torchrun(2, TRAIN, *arguments(small_model, both), "--resume")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("step 3/3") == 1  # one of them reports
    assert episodes(both) == episodes(alone)
    for one, two in zip(figures(alone), figures(both), strict=True):
        assert one == pytest.approx(two, rel=1e-4, abs=1e-6)
    states = [load_file(checkpoints(folder)[-1] / "model.safetensors") for folder in (alone, both)]
    start = load_file(small_model / "model.safetensors")
    for name, tensor in states[0].items():
        torch.testing.assert_close(tensor, states[1][name], rtol=0, atol=1e-4)
    assert max((states[0][name] - start[name]).abs().max() for name in start) > 1e-3


def test_a_number_of_tasks_that_cannot_be_shared_is_refused(small_model, tmp_path):
    done = torchrun(2, TRAIN, *arguments(small_model, tmp_path / "run", "rollout.tasks_per_step=3"))
    assert done.returncode != 0
    assert "rollout.tasks_per_step: expected a multiple of the 2 processes, got 3" in done.stderr
    assert not (tmp_path / "run" / "metrics.jsonl").exists()


@pytest.mark.parametrize("how", [[], ["shard"]], ids=["whole in each", "spread over both"])
def test_a_pretrained_model_in_two_processes_learns_what_it_learns_in_one(how, tmp_path):
    """Its gradients are exchanged, and its weights and optimiser, sharded or not, are saved and read back whole."""
    model = build("qwen2_5_vl", tmp_path / "model")
    program = str(ROOT / "tests/headless/rl/spread.py")
    for folder in (tmp_path / "alone", tmp_path / "both"):
        folder.mkdir()
    subprocess.run([sys.executable, program, str(model), str(tmp_path / "alone"), "3"], check=True, timeout=250)
    for steps in ("2", "3"):  # the second time from the checkpoint of the first
        done = torchrun(2, program, str(model), str(tmp_path / "both"), steps, *how)
        assert done.returncode == 0, done.stderr
    alone = json.loads((tmp_path / "alone/figures-3.json").read_text())
    both = [step for steps in (2, 3) for step in json.loads((tmp_path / f"both/figures-{steps}.json").read_text())]
    for one, two in zip(alone, both, strict=True):
        for name in ("reward/turn_1", "reward/turn_2", "loss", "kl", "entropy", "gradient_norm", "tokens/chosen"):
            assert two[name] == pytest.approx(one[name], rel=1e-2, abs=1e-4), name
    adapters = [load_file(tmp_path / run / "checkpoint-000003/adapter_model.safetensors") for run in ("alone", "both")]
    assert adapters[0].keys() == adapters[1].keys()
    for name, tensor in adapters[0].items():
        torch.testing.assert_close(tensor, adapters[1][name], rtol=0, atol=2e-3)
    assert max(tensor.abs().max() for name, tensor in adapters[0].items() if "lora_B" in name) > 1e-2


def test_one_process_has_nobody_to_spread_a_model_over(tmp_path):
    model = build("qwen2_5_vl", tmp_path / "model")
    config = ["--config", str(ROOT / "headless/configs/qwen2_5_vl_3b_lora.toml"), "--run", str(tmp_path / "run")]
    with pytest.raises(cli.CommandError, match="learner.fsdp: there is one process"):
        train.main([*config, "--set", f"model={model}", "--set", "learner.fsdp=true"])
