"""A training step: gradients, groups, and that it learns; broken on purpose, it does not."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tests.headless.rl.paper import PaperEnvironments

torch = pytest.importorskip("torch")

from accelerate import Accelerator

from headless.cli import CommandError
from headless.rl import learner, run, training_step
from headless.rl.config import CreditConfig, LearnerConfig, RolloutConfig, TrainConfig
from headless.rl.data import Trajectory
from headless.rl.logs.timer import PhaseTimer
from headless.rl.losses import LossConfig
from headless.rl.policies.compact import CompactPolicy
from headless.rl.token_credit import item_advantages
from headless.rl.training_step import Trainer, collect_episodes, learning_rate, train_step
from metaspatial_addon.prompts import vocabulary as v

FREE = RolloutConfig(tasks_per_step=2, num_generations=4, turns=2)


def worth(task, answer, turn) -> float:
    """Turn 1 wants fronts away from the wall, turn 2 the items that it moves at small x: nothing in common."""
    poses = [answer.layout.poses[i] for i in answer.changed]
    if not poses:
        return 0.0
    if turn == 1:
        return sum(90 <= pose.yaw < 270 for pose in poses) / len(poses)
    width = max(x for x, _ in task.room.floor)
    return 1 - sum(pose.x for pose in poses) / len(poses) / width


def trainer(folder, environments=None, **changes) -> Trainer:
    config = replace(TrainConfig(model=str(folder), steps=100, rollout=FREE), **changes)
    policy = CompactPolicy(folder)
    environments = environments or PaperEnvironments(worth)
    return Trainer(config, policy, environments, Accelerator(cpu=True))


def test_an_episode_whose_reward_is_no_number_is_left_out_and_named(blank_model, capsys):
    played = []

    def broken(task, answer, turn) -> float:
        played.append(turn)
        return math.nan if len(played) == 3 else worth(task, answer, turn)

    kept, faults, _ = collect_episodes(trainer(blank_model, PaperEnvironments(broken)), 0, PhaseTimer())
    assert faults == 1 and len(kept) == 7
    assert all(math.isfinite(score.reward) for episode in kept for score in episode.scores)
    assert "is left out: turn 1: reward is no finite number" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["small_model", "blank_model"])
def test_only_a_model_that_was_taught_with_pictures_gets_them_and_their_marks(name, request):
    learning = trainer(request.getfixturevalue(name))
    settings, _ = training_step.rollout_settings(learning.config, 0, learning.policy)
    assert settings.pictures == (name == "small_model")
    kept, _, _ = collect_episodes(learning, 0, PhaseTimer())
    marks = {v.TOKEN_IDS[v.mark_token(k)] for k in range(v.MARKS)}
    assert all(settings.pictures == (not marks.isdisjoint(episode.trajectory.ids)) for episode in kept)


def test_a_run_that_teaches_nothing_ends_with_a_sentence(monkeypatch, tmp_path):
    idle = {"reward/last": 0.1, "groups/without_variance": 1.0, "usable/turn_1": 0.0}
    monkeypatch.setattr(run, "train_step", lambda trainer, number: idle)
    alone = SimpleNamespace(config=TrainConfig(steps=50, save_every=100))
    with pytest.raises(CommandError, match=r"10 steps in a row taught nothing: .* \(0% of the answers could be used\)"):
        run._run_steps(alone, 0, tmp_path)


def learn_both_turns(folder, steps=45) -> tuple[float, float]:
    """Mean rewards of turns 1 and 2 over the last five steps."""
    made = trainer(
        folder,
        rollout=RolloutConfig(tasks_per_step=2, num_generations=8, turns=2, pictures=False),
        credit=CreditConfig(discount=0.0),
        loss=LossConfig("dapo"),
        learner=LearnerConfig(learning_rate=1e-2, warmup_steps=1),
    )
    figures = [train_step(made, number) for number in range(steps)][-5:]
    first, second = (float(np.mean([f[f"reward/turn_{k}"] for f in figures])) for k in (1, 2))
    return first, second


def has_learnt(rewards: tuple[float, float]) -> bool:
    """Both turns are well above where they began, at 0.5 and 0.3."""
    return rewards[0] > 0.9 and rewards[1] > 0.65


def test_both_turns_are_learnt(blank_model):
    rewards = learn_both_turns(blank_model)
    assert has_learnt(rewards), rewards


@pytest.mark.slow
def test_with_the_sign_of_the_advantage_wrong_nothing_is_learnt(blank_model, monkeypatch):
    right = training_step.turn_advantages
    monkeypatch.setattr(training_step, "turn_advantages", lambda *args: -right(*args))
    assert not has_learnt(learn_both_turns(blank_model))


@pytest.mark.slow
def test_with_the_mask_wrong_nothing_is_learnt(blank_model, monkeypatch):
    """What others wrote is learnt from, and what the model chose is not."""
    right = training_step.policy_loss
    monkeypatch.setattr(
        training_step, "policy_loss", lambda tokens, *rest: right(replace(tokens, mask=~tokens.mask), *rest)
    )
    assert not has_learnt(learn_both_turns(blank_model))


@pytest.mark.slow
def test_with_the_turn_index_wrong_nothing_is_learnt(blank_model, monkeypatch):
    """What turn 1 said is held to turn 2's reward, and the other way round."""
    right = learner.spread_over_tokens

    def swapped(advantages, turns):
        return right(advantages, torch.where(turns < 0, -1, 1 - turns))

    monkeypatch.setattr(learner, "spread_over_tokens", swapped)
    assert not has_learnt(learn_both_turns(blank_model))


def gradient(made: Trainer) -> torch.Tensor:
    """The gradient of the first batch, before it is used."""
    taken = []
    made.optimiser.step = lambda: taken.extend(p.grad.flatten().clone() for p in made.policy.model.parameters())
    train_step(made, 0)
    return torch.cat(taken)


@pytest.mark.parametrize("kind", ["grpo", "dr_grpo", "dapo", "gspo"])
def test_the_size_of_microbatches_changes_nothing(small_model, kind):
    options = {"loss": LossConfig(kind, beta=0.1), "rollout": FREE}
    found = [
        gradient(trainer(small_model, learner=LearnerConfig(microbatch_tokens=most), **options)) for most in (1, 9999)
    ]
    assert found[0].abs().max() > 1e-4
    torch.testing.assert_close(found[0], found[1], rtol=1e-3, atol=1e-6)


def test_the_first_step_is_on_the_policy_and_near_the_reference(small_model):
    figures = train_step(trainer(small_model, loss=LossConfig(beta=0.1)), 0)
    assert figures["clip/low"] == figures["clip/high"] == 0
    assert figures["kl"] == pytest.approx(0, abs=1e-6) and figures["logprob_gap/max"] < 2e-5
    assert figures["reward/turn_1"] > 0 and figures["tokens/chosen"] > 0 and figures["memory_mb"] >= 0


def test_further_passes_and_steps_leave_the_policy_and_the_reference(small_model):
    made = trainer(
        small_model, loss=LossConfig(beta=0.1), learner=LearnerConfig(1e-2, warmup_steps=1, num_iterations=3)
    )
    figures = train_step(made, 0)
    assert figures["clip/low"] + figures["clip/high"] > 0 and figures["kl"] > 1e-4
    assert figures["logprob_gap/max"] < 2e-5  # of the weights that sampled


def test_the_same_seed_gives_the_same_steps(small_model):
    runs = []
    for _ in range(2):
        made = trainer(small_model, learner=LearnerConfig(1e-3))
        figures = [train_step(made, number) for number in range(5)]
        timeless = [{k: value for k, value in f.items() if "second" not in k and k != "memory_mb"} for f in figures]
        runs.append((timeless, torch.cat([p.flatten() for p in made.policy.model.parameters()])))
    assert runs[0][0] == runs[1][0] and torch.equal(runs[0][1], runs[1][1])
    assert runs[0][0][0]["loss"] != runs[0][0][1]["loss"]


def test_episodes_that_failed_are_left_out_and_counted(small_model):
    made = trainer(small_model, PaperEnvironments(worth, broken={1: 1, 6: 2}))
    episodes, faults, _ = collect_episodes(made, 0, PhaseTimer())
    assert faults == 2 and [e.group for e in episodes] == [0, 0, 0, 1, 1, 1]
    assert train_step(made, 0)["episodes/infra_faults"] == 2
    lost = trainer(small_model, PaperEnvironments(worth, broken=dict.fromkeys(range(8), 1)))
    with pytest.raises(RuntimeError, match="step 1: 0 episodes have a result.* 8 failed, .* the lights went out"):
        train_step(lost, 0)


def test_a_context_that_is_too_short_for_any_prompt_is_named(small_model):
    short = replace(FREE, max_completion_tokens=60, max_sequence_tokens=61)
    words = r"max_sequence_tokens: expected room for a prompt and .* \(60\) after it, got 61: no episode could begin"
    with pytest.raises(CommandError, match=words):
        train_step(trainer(small_model, rollout=short), 0)


def test_groups_without_variance_are_played_again_with_other_tasks(small_model):
    seen = []

    def only_some(task, answer, turn):
        if task.id not in seen:
            seen.append(task.id)
        return worth(task, answer, turn) if seen.index(task.id) % 2 else 0.5

    plain = trainer(small_model, PaperEnvironments(only_some))
    episodes, _, flat = collect_episodes(plain, 0, PhaseTimer())
    assert flat == 0.5 and {e.group for e in episodes} == {0, 1} and plain.drawn == 2
    seen.clear()
    again = trainer(small_model, PaperEnvironments(only_some), rollout=replace(FREE, max_resamples=3))
    episodes, _, flat = collect_episodes(again, 0, PhaseTimer())
    assert {e.group for e in episodes} == {1, 3} and again.drawn == 4 and flat == 0.5


def test_groups_whose_items_fare_differently_are_kept(small_model):
    """All returns are equal, and in some episodes of the first group nothing floats."""
    by_item = CreditConfig(item_penalty=0.2)
    for credit, kept in ((by_item, {0, 2}), (CreditConfig(), {2, 3})):
        environments = PaperEnvironments(lambda *_: 0.5, sound={0: 1, 3: 1})
        made = trainer(small_model, environments, credit=credit, rollout=replace(FREE, max_resamples=1))
        environments.forget = lambda environments=environments: environments.sound.clear()  # of the first try alone
        episodes, _, _ = collect_episodes(made, 0, PhaseTimer())
        assert {episode.group for episode in episodes} == kept


def test_a_gradient_that_is_no_number_stops_the_run_before_the_weights_are_spoilt(small_model, monkeypatch):
    made = trainer(small_model)
    before = [p.clone() for p in made.policy.model.parameters()]
    right = training_step.turn_advantages
    monkeypatch.setattr(training_step, "turn_advantages", lambda *args: right(*args) * float("nan"))
    with pytest.raises(RuntimeError, match="step 1: the gradient is nan"):
        train_step(made, 0)
    assert all(torch.equal(a, b) for a, b in zip(before, made.policy.model.parameters(), strict=True))


def test_coordinates_of_items_at_fault_lose_what_those_of_sound_ones_gain(small_model):
    made = trainer(small_model, PaperEnvironments(worth, sound={0: 1, 3: 1, 5: 1}))
    episodes = collect_episodes(made, 0, PhaseTimer())[0]
    scale = np.full((len(episodes), 2), 0.5)
    assert not any(found.any() for found in item_advantages(made.policy, episodes, 0.0, scale))
    found = item_advantages(made.policy, episodes, 0.1, scale)
    for k, (episode, advantages) in enumerate(zip(episodes, found, strict=True)):
        trajectory: Trajectory = episode.trajectory
        first = np.flatnonzero((np.array(trajectory.turns) == 0) & (advantages != 0))
        told = [v.TOKENS[trajectory.ids[place]] for place in first]
        floating = episode.task.movable[0].id  # so say the environments on paper, of all but the sound episodes
        pose = said_poses(episode)[floating]
        assert told[0] == f'","yaw":{pose.yaw:.0f}' and told[1].startswith((',"x":', ',"x0":', ',"x1":'))
        assert told[3] == f',"z":{pose.z:.2f}}}' and len(told) == 4
        # Of the first group's four episodes two are at fault, of the second's three.
        share = 2 / 4 if episode.group == 0 else 3 / 4
        fault = k not in (0, 3, 5)
        assert advantages[first] == pytest.approx(-0.1 * (fault - share) / 0.5)


def test_coordinates_of_later_turns_gain_by_what_moving_an_item_mends(blank_model):
    made = trainer(blank_model, PaperEnvironments(worth, sound=dict.fromkeys(range(8), 2)))
    episodes = collect_episodes(made, 0, PhaseTimer())[0]
    found = item_advantages(made.policy, episodes, 0.1, np.full((len(episodes), 2), 0.5))
    moves = {0: [], 1: []}  # by group: (tokens' advantages, change of faults) of each item that turn 2 moves
    for episode, advantages in zip(episodes, found, strict=True):
        trajectory, floating = episode.trajectory, episode.task.movable[0].id
        second = np.flatnonzero(np.array(trajectory.turns) == 1)
        names = made.policy.pose_items([trajectory.ids[place] for place in second], episode.task)
        for item in dict.fromkeys(name for name in names if name):
            tokens = [place for place, name in zip(second, names, strict=True) if name == item]
            moves[episode.group].append((advantages[tokens], -float(item == floating)))
    changes = {change for told in moves.values() for _, change in told}
    assert changes == {-1.0, 0.0}, "some of those moved had floated, some had not"
    for told in moves.values():
        baseline = np.mean([change for _, change in told])
        for advantages, change in told:
            assert advantages == pytest.approx(-0.1 * (change - baseline) / 0.5, abs=1e-6)


def test_the_credit_of_coordinates_is_bounded_where_returns_hardly_differ(small_model):
    made = trainer(small_model, PaperEnvironments(worth, sound={0: 1, 5: 1}))
    episodes = collect_episodes(made, 0, PhaseTimer())[0]
    found = item_advantages(made.policy, episodes, 0.1, np.full((len(episodes), 2), 1e-4))
    assert max(np.abs(advantages).max() for advantages in found) == pytest.approx(0.1 * 3 / 4 / 0.05)


def said_poses(episode):
    """The poses of the first turn, in the task's names."""
    from metaspatial_addon.prompts.compact import CompactFormat

    text = next(message.text for message in episode.conversation if message.role == "assistant")
    return CompactFormat().read(text, episode.task).layout.poses


def test_the_rate_rises_stays_and_falls():
    config = TrainConfig(steps=10, learner=LearnerConfig(1.0, warmup_steps=4, lr_decay_fraction=0.2))
    rates = [learning_rate(config, number) for number in range(10)]
    assert rates == [0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1, 0.5]
    assert learning_rate(TrainConfig(learner=LearnerConfig(1.0, warmup_steps=0)), 149) == 1.0
