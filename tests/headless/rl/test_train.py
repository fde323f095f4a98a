"""Whole runs of `train.py` with real physics and renders, on a small model."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("bpy")
torch = pytest.importorskip("torch")
pytest.importorskip("tensorboard")

from headless import cli, interruption, score, train
from headless.rl.checkpoint import checkpoints
from headless.rl.run import progress_line
from metaspatial_addon.policy.builtin.policy import BuiltinPolicy

ROOT = Path(__file__).parents[3]
SMALL = (
    "steps=5",
    "save_every=1",
    "keep=9",
    "rollout.tasks_per_step=1",
    "rollout.num_generations=2",
    "rollout.turns=2",
    "rollout.draw_by_success=true",
    "learner.learning_rate=1e-3",
    "learner.warmup_steps=2",
    "learner.lr_decay_fraction=0",
    "gallery_every=0",
)


def arguments(model: Path, folder: Path, *more: str) -> list[str]:
    sets = [option for change in (f"model={model}", *SMALL) for option in ("--set", change)]
    here = ["--workers", "0"]  # the last --workers of a command counts
    return ["--config", str(ROOT / "headless/configs/tiny.toml"), "--run", str(folder), *here, *sets, *more]


def rows(folder: Path) -> list[dict]:
    """The figures of a run but for times and memory."""
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [
        {k: value for k, value in json.loads(line).items() if "second" not in k and k != "memory_mb"} for line in lines
    ]


def turns(folder: Path) -> list[dict]:
    """The record of a run but for times."""
    lines = (folder / "turns.jsonl").read_text().splitlines()
    return [{key: value for key, value in json.loads(line).items() if key != "timings"} for line in lines]


def weights(folder: Path) -> bytes:
    return (checkpoints(folder)[-1] / "model.safetensors").read_bytes()


@pytest.fixture(scope="module")
def run(small_model, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "whole"
    train.main(arguments(small_model, folder))
    return folder


def test_a_run_leaves_figures_a_configuration_and_a_model_that_answers(run):
    figures = rows(run)
    assert [row["step"] for row in figures] == [1, 2, 3, 4, 5]
    terms = [f"terms/{t}" for t in ("format", "collision", "bounds", "support", "access", "relations", "view")]
    counts = [f"faulty/{count}" for count in ("colliding", "outside", "unsupported", "unstable")]
    for name in (
        *(f"{name}/turn_{k}" for name in ("reward", *terms, *counts, "usable", "tokens") for k in (1, 2)),
        "groups/without_variance",
        "clip/low",
        "clip/high",
        "kl",
        "entropy",
        "tokens/episode",
        "tokens/longest",
        "episodes/truncated",
        "episodes/infra_faults",
        "logprob_gap/mean",
        "logprob_gap/max",
        "gradient_norm",
    ):
        assert name in figures[0], name
    whole = json.loads((run / "metrics.jsonl").read_text().splitlines()[0])
    phases = [whole[f"seconds/{p}"] for p in ("prefill", "decode", "physics", "render", "update", "record")]
    assert all(phase > 0 for phase in phases) and sum(phases) <= whole["seconds/step"]
    assert whole["memory_mb"] > 100 and "seconds/waiting" in whole
    kinds = {name for name in figures[-1] if name.startswith("success/")}
    progress = json.loads((checkpoints(run)[-1] / "training.json").read_text())
    assert kinds == {f"success/{kind}" for kind in progress["success"]} and kinds > {*figures[0]} & kinds
    assert whole["trajectories_per_second"] > 0 and whole["tokens_per_second"] > 0
    assert list(run.glob("events.out.tfevents.*")) and "num_generations = 2" in (run / "config.toml").read_text()
    assert [path.name[-2:] for path in checkpoints(run)] == ["01", "02", "03", "04", "05"]
    assert BuiltinPolicy(checkpoints(run)[-1]).sees_images
    earlier = (checkpoints(run)[0] / "model.safetensors").read_bytes()
    assert earlier != weights(run)


def test_every_turn_of_a_run_is_on_record(run):
    lines = turns(run)
    episodes = list(dict.fromkeys(line["episode"] for line in lines))
    assert episodes == [f"{step}-{step - 1}-{member}" for step in range(1, 6) for member in range(2)]
    assert [line["task_json"]["id"] for line in lines if line["turn"] == 1] == [
        next(line["task"] for line in lines if line["episode"] == episode) for episode in episodes
    ]
    last = {line["episode"]: line["reward"] for line in lines}
    for step, row in enumerate(rows(run), 1):
        of_step = [reward for episode, reward in last.items() if episode.startswith(f"{step}-")]
        assert row["reward/last"] == pytest.approx(sum(of_step) / 2, abs=1e-5)


def test_the_turns_of_a_run_can_be_scored_again(run, tmp_path):
    score.main(["--run", str(run), "--engine", "cycles", "--out", str(tmp_path / "same.jsonl")])
    again = [json.loads(line) for line in (tmp_path / "same.jsonl").read_text().splitlines()]
    recorded = turns(run)
    assert [(line["episode"], line["turn"], line["reward"]) for line in recorded] == [
        (line["episode"], line["turn"], line["recorded_reward"]) for line in again
    ]
    for then, now in zip(recorded, again, strict=True):
        assert now["reward"] == pytest.approx(then["reward"], abs=0.005) and now["counts"] == then["counts"]
    (tmp_path / "weights.json").write_text('{"collision": 0.0, "bounds": 0.0}')
    weights = ["--weights", str(tmp_path / "weights.json"), "--no-render", "--out", str(tmp_path / "other.jsonl")]
    score.main(["--run", str(run), *weights])
    other = [json.loads(line) for line in (tmp_path / "other.jsonl").read_text().splitlines()]
    assert all(line["reward"] != line["recorded_reward"] for line in other)
    term = ["--term", "headless.evaluation.natural:natural=0.3", "--no-render", "--out", str(tmp_path / "own.jsonl")]
    score.main(["--run", str(run), *term])
    own = [json.loads(line) for line in (tmp_path / "own.jsonl").read_text().splitlines()]
    assert all(0 <= line["terms"]["natural"] <= 1 for line in own)
    for wrong in ("headless.evaluation.natural:natural", "a:b=none", "a:b=-1"):
        with pytest.raises(cli.CommandError, match="--term: expected MODULE:FUNCTION=WEIGHT, with a weight above 0"):
            score.main(["--run", str(run), "--term", wrong])


def test_the_same_seed_gives_the_same_run(run, small_model, tmp_path):
    train.main(arguments(small_model, tmp_path, "--set", "steps=3"))
    assert rows(tmp_path) == rows(run)[:3]


def test_a_run_that_was_stopped_goes_on_bit_by_bit(run, small_model, tmp_path):
    train.main(arguments(small_model, tmp_path, "--set", "steps=3"))
    with pytest.raises(cli.CommandError, match="checkpoint-000003: add --resume"):
        train.main(arguments(small_model, tmp_path))
    train.main(arguments(small_model, tmp_path, "--resume"))
    assert rows(tmp_path) == rows(run) and weights(tmp_path) == weights(run) and turns(tmp_path) == turns(run)


def test_validation_changes_nothing_that_is_learnt_and_keeps_its_best_checkpoint(run, small_model, tmp_path, capsys):
    validated = [f"validation.{key}" for key in ("every=2", "tasks=3")]
    train.main(
        arguments(small_model, tmp_path, *(word for key in validated for word in ("--set", key)), "--set", "keep=1")
    )
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    measured = {line["step"]: line["validation/reward"] for line in lines if "validation/reward" in line}
    assert list(measured) == [0, 2, 4] and all(0 < reward < 1 for reward in measured.values())
    assert {line["validation/infra_faults"] for line in lines if line["step"] in measured} == {0.0}
    learnt = [{name: line[name] for name in row} for line, row in zip(lines[1:], rows(run), strict=True)]
    assert learnt == rows(run) and weights(tmp_path) == weights(run)
    best = max((2, 4), key=measured.get)
    assert {path.name[-1] for path in checkpoints(tmp_path)} == {str(best), "5"}
    assert "before the first step: validation  reward 0." in capsys.readouterr().err


def test_a_run_goes_on_whose_vision_tower_never_saw_a_picture(small_model, tmp_path):
    blind = ("--set", "rollout.pictures=false", "--set", "steps=1")
    train.main(arguments(small_model, tmp_path, *blind))
    train.main(arguments(small_model, tmp_path, *blind[:2], "--set", "steps=2", "--resume"))
    assert [row["step"] for row in rows(tmp_path)] == [1, 2]


def test_a_run_that_was_killed_while_it_saved_goes_on_bit_by_bit(run, small_model, tmp_path):
    dying = f"""
import os, signal
from headless import train
from headless.rl import checkpoint
save = checkpoint.torch.save
def dies_at_the_third(state, path):
    save(state, path)
    if (path.parents[1] / "checkpoint-000002").exists():
        os.kill(os.getpid(), signal.SIGKILL)
checkpoint.torch.save = dies_at_the_third
train.main({arguments(small_model, tmp_path)!r})
"""
    done = subprocess.run([sys.executable, "-c", dying], cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert len(rows(tmp_path)) == 3 and len(checkpoints(tmp_path)) == 2
    with (tmp_path / "turns.jsonl").open("a") as file:  # as if it had been killed while it wrote the next step's
        file.write('{"episode": "4-3-0", "truncated": false, "task": "bed')
    train.main(arguments(small_model, tmp_path, "--resume"))
    assert rows(tmp_path) == rows(run) and weights(tmp_path) == weights(run) and turns(tmp_path) == turns(run)
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("seed=9", "seed: expected 1, as the run was begun, got 9: choose another folder for a run with another"),
        ("steps=4", "steps: expected at least the 5 that are done, got 4"),
    ],
)
def test_a_run_does_not_go_on_as_another(run, small_model, change, words):
    before = (run / "config.toml").read_bytes()
    with pytest.raises(cli.CommandError, match=words):
        train.main(arguments(small_model, run, "--resume", "--set", change))
    assert (run / "config.toml").read_bytes() == before


def test_a_run_goes_on_with_another_setting_only_where_the_command_names_it(small_model, tmp_path):
    run = tmp_path / "run"
    train.main(arguments(small_model, run, "--set", "steps=1"))
    longer = arguments(small_model, run, "--resume", "--set", "steps=2")
    other = tmp_path / "other.toml"
    other.write_text((ROOT / "headless/configs/tiny.toml").read_text() + "\n[reward.weights]\nview = 0.2\n")
    longer[longer.index("--config") + 1] = str(other)
    words = "reward.weights.view: expected 0.05, as the run was begun, got 0.2: name it by --set to change it"
    with pytest.raises(cli.CommandError, match=words):
        train.main(longer)
    assert not (run / "changes.jsonl").exists()
    train.main([*longer, "--set", "reward.weights.view=0.2", "--set", "rollout.temperature=0.5"])
    changes = [json.loads(line) for line in (run / "changes.jsonl").read_text().splitlines()]
    assert {change.pop("step") for change in changes} == {1}
    assert [tuple(change.values()) for change in changes] == [
        ("steps", 1, 2),
        ("rollout.temperature", 1.0, 0.5),
        ("reward.weights.view", 0.05, 0.2),
    ]
    assert "view = 0.2" in (run / "config.toml").read_text()


def test_a_mistyped_folder_begins_no_run(small_model, tmp_path):
    with pytest.raises(cli.CommandError, match="there is no such folder: look for its name"):
        train.main(arguments(small_model, tmp_path / "grop", "--resume"))
    with pytest.raises(cli.CommandError, match="holds no checkpoint: look for its name, or leave --resume out"):
        train.main(arguments(small_model, tmp_path, "--resume"))
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as POSIX has them")
def test_a_signal_stops_a_run_after_the_step_at_hand_with_a_checkpoint(run, small_model, tmp_path, capsys, monkeypatch):
    from headless.rl import run as run_module

    def signalled(trainer, number):
        if number == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return train_step(trainer, number)

    train_step = run_module.train_step
    monkeypatch.setattr(run_module, "train_step", signalled)
    few = ("--set", "save_every=5")
    with interruption.watched(lambda interrupt: None), pytest.raises(interruption.Interrupted) as ended:
        train.main(arguments(small_model, tmp_path, *few))
    assert interruption.exit_code(ended.value) == 128 + signal.SIGTERM
    assert "stopping after this step, with a checkpoint" in capsys.readouterr().err
    assert [path.name for path in checkpoints(tmp_path)] == ["checkpoint-000003"]
    monkeypatch.undo()
    train.main(arguments(small_model, tmp_path, *few, "--resume"))
    assert f"{tmp_path}: going on from checkpoint-000003" in capsys.readouterr().err
    assert rows(tmp_path) == rows(run) and weights(tmp_path) == weights(run)


@pytest.mark.parametrize("name", ["optimiser.pt", "training.json"])
def test_a_run_whose_newest_checkpoint_is_cut_short_goes_on_from_the_one_before(
    run, small_model, tmp_path, capsys, name
):
    train.main(arguments(small_model, tmp_path, "--set", "steps=3"))
    last = checkpoints(tmp_path)[-1]
    (last / name).write_bytes((last / name).read_bytes()[:-5])
    train.main(arguments(small_model, tmp_path, "--resume"))
    said = f"{tmp_path}: checkpoint-000003 has files missing or cut short: going on from checkpoint-000002"
    assert said in capsys.readouterr().err.splitlines()
    assert rows(tmp_path) == rows(run) and weights(tmp_path) == weights(run) and turns(tmp_path) == turns(run)


def test_the_newest_checkpoints_and_the_best_are_kept(run, small_model, tmp_path):
    train.main(arguments(small_model, tmp_path, "--set", "keep=1"))
    kept = [int(path.name[-6:]) for path in checkpoints(tmp_path)]
    rewards = [row["reward/last"] for row in rows(run)]
    assert kept == sorted({5, max(range(5), key=lambda k: rewards[k]) + 1})


@pytest.mark.slow
def test_groups_are_shown_in_pictures_and_scenes(small_model, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train.main(arguments(small_model, tmp_path, "--set", "gallery_every=2", "--set", "steps=3"))
    shown = tmp_path / "gallery"
    assert sorted(path.name for path in shown.iterdir()) == ["step_000001", "step_000002"]
    for folder in shown.iterdir():
        names = {path.name for path in folder.iterdir()}
        assert names == {"contact_sheet.png", "rollouts.html", "scene.blend", "task.json", "turns.jsonl"}
    assert turns(shown / "step_000002")[0]["episode"].startswith("2-1-")
    board = EventAccumulator(str(tmp_path), size_guidance={"images": 0})
    board.Reload()
    assert [picture.step for picture in board.Images("rollouts")] == [1, 2]


def test_the_line_for_whoever_watches_tells_rewards_faults_and_the_time_left(run):
    figures = json.loads((run / "metrics.jsonl").read_text().splitlines()[0])
    line = progress_line(20, 50, figures, 120.0)
    assert line.startswith(f"step 20/50  reward {figures['reward/turn_1']:.3f} {figures['reward/turn_2']:.3f}  ")
    for count in ("colliding", "outside", "unsupported", "unstable"):
        assert f"{count} {figures[f'faulty/{count}/turn_1']:.1%}" in line
    assert line.endswith("60 min left") and "usable 100.0%  groups without variance " in line
    none_usable = progress_line(20, 50, {**figures, "usable/turn_1": 0.0}, 120.0)
    assert "usable 0.0%" in none_usable and "colliding" not in none_usable, "nothing was measured"


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_check_tells_the_cost_and_writes_nothing(small_model, tmp_path, capsys, workers):
    train.main(arguments(small_model, tmp_path / "none", "--check", "--workers", workers))
    told = capsys.readouterr().err
    assert "weights learn" in told and "s a step" in told and "MB of memory" in told
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(("cores", "learners", "workers"), [(2, 1, 2), (1, 1, 0), (8, 2, 4), (4, 4, 0)])
def test_episodes_are_played_in_one_process_a_core(monkeypatch, cores, learners, workers):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(learners))
    assert train.own_cores() == workers


def test_a_missing_package_is_named_with_the_command_that_installs_it(small_model, tmp_path):
    hidden = f"""
import sys
sys.modules["torch"] = None
from headless import cli, train
sys.argv = ["train.py", *{arguments(small_model, tmp_path)!r}]
cli.run(train.main)
"""
    done = subprocess.run(
        [sys.executable, "-c", hidden], cwd=ROOT, capture_output=True, text=True, timeout=60, env=os.environ
    )
    assert done.returncode == 2 and "torch is not installed" in done.stderr and "-m pip install" in done.stderr


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        pytest.param("qwen2_5_vl", "qwen2_5_vl_3b_lora", marks=pytest.mark.slow),
        pytest.param("qwen2_5_vl", "qwen2_5_vl_7b_lora", marks=pytest.mark.slow),
        ("qwen3_vl", "qwen3_vl_4b_lora"),
    ],
)
def test_configurations_of_pretrained_models_step_on_a_small_model_of_their_class(kind, config, tmp_path):
    from tests.policy.models import build

    model = build(kind, tmp_path / "model")
    changes = (
        f"model={model}",
        "steps=1",
        "save_every=1",
        "rollout.tasks_per_step=1",
        "rollout.num_generations=2",
        "rollout.turns=2",
        "rollout.pixels=96",
        "rollout.max_completion_tokens=24",
        "learner.warmup_steps=1",
        "gallery_every=0",
    )
    sets = [option for change in changes for option in ("--set", change)]
    folder = tmp_path / "run"
    path = str(ROOT / f"headless/configs/{config}.toml")
    train.main(["--config", path, "--run", str(folder), "--workers", "0", *sets])
    [first] = rows(folder)
    assert first["usable/turn_1"] == 0 and first["episodes/truncated"] > 0  # random weights say nothing usable
    assert first["logprob_gap/max"] < 0.5
    said = turns(folder)[0]
    assert said["conversation"][1]["images"] == ["room_top.png", "room_view.png"] and said["settings"]["pixels"] == 96
    assert (checkpoints(folder)[-1] / "adapter_model.safetensors").is_file()
    train.main(["--config", path, "--run", str(folder), *sets, "--merge"])
    assert (folder / "merged" / "model.safetensors").is_file() and (folder / "merged" / "tokenizer.json").is_file()
