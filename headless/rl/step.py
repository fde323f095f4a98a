"""One training step of multi-turn GRPO, from the tasks to the new weights: read it from top to bottom.

Shapes: B episodes, T turns at most, b rows of a microbatch, L tokens.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from headless.taskgen.make import make_task

from . import metrics
from .actor import Actor
from .advantages import discounted_returns, flat_groups, hold_last, turn_advantages
from .clock import Clock
from .config import TrainConfig
from .environments import Environments, EpisodeSettings
from .learner import Microbatch, Row, logprobs_of
from .losses import DIVIDES_BY_DEVIATION, BatchSize, Tokens, policy_loss
from .records import TurnLog
from .rollouts import Episode, Sampling, play
from .trajectory import microbatches


@dataclass
class Trainer:
    """What a step works with. `drawn` counts the tasks drawn so far; `records` takes down every turn, if given."""

    config: TrainConfig
    actor: Actor
    optimiser: torch.optim.Optimizer
    environments: Environments
    drawn: int = 0
    records: TurnLog | None = None


@dataclass(frozen=True)
class Played:
    """Healthy episodes and their rewards (B, T), held after their ends; `played` (B, T) turns, `groups` (B,)."""

    episodes: list[Episode]
    rewards: torch.Tensor
    played: torch.Tensor
    groups: torch.Tensor

    @classmethod
    def of(cls, episodes: list[Episode], turns: int) -> Played:
        rewards = torch.zeros(len(episodes), turns)
        played = torch.zeros(len(episodes), turns, dtype=torch.bool)
        for k, episode in enumerate(episodes):
            rewards[k, : len(episode.scores)] = torch.tensor([score.reward for score in episode.scores])
            played[k, : len(episode.scores)] = True
        groups = torch.tensor([episode.group for episode in episodes], dtype=torch.long)
        return cls(episodes, hold_last(rewards, played), played, groups)


def train_step(trainer: Trainer, number: int) -> dict[str, float]:
    """Step `number`, counted from 0: play, judge, learn. Returns what is to be logged."""
    config, actor, clock = trainer.config, trainer.actor, Clock()
    torch.manual_seed(config.seed * 1_000_003 + number)

    # Play the groups; those that say nothing are played again with other tasks, if so configured.
    episodes, faults, flat_share = gather(trainer, number, clock)

    # What each turn is worth: its discounted return over the group's mean at the same turn, (B, T).
    played = Played.of(episodes, config.rollout.turns)
    returns = discounted_returns(played.rewards, config.credit.discount)
    advantages = turn_advantages(
        returns, played.played, played.groups, config.credit.credit, DIVIDES_BY_DEVIATION[config.loss.kind]
    )
    rows = [
        Row(episode.trajectory, advantages[k], fault_weights(actor, episode, config.credit.fault_weight))
        for k, episode in enumerate(episodes)
    ]

    # Learn: the whole batch, microbatch by microbatch, `passes` times.
    for group in trainer.optimiser.param_groups:
        group["lr"] = learning_rate(config, number)
    with clock("update"):
        tally, norm = learn(trainer, rows, number)

    chosen = sum(int(row.trajectory.chosen().sum()) for row in rows)
    own = sum(sum(row.trajectory.own) for row in rows)
    return {
        **metrics.of_episodes(episodes, config.rollout.turns),
        "groups/without_variance": flat_share,
        **tally.means(),
        "gradient_norm": norm,
        "learning_rate": learning_rate(config, number),
        "episodes/truncated": sum(episode.truncated for episode in episodes) / len(episodes),
        "episodes/infra_faults": float(faults),
        "tokens/chosen": float(chosen),
        "tokens/episode": sum(map(len, rows)) / len(rows),
        "tokens/longest": float(max(map(len, rows))),
        **{f"seconds/{phase}": seconds for phase, seconds in clock.seconds.items()},
        "seconds/step": clock.total,
        "trajectories_per_second": len(rows) / clock.total,
        "tokens_per_second": own / clock.total,
        **metrics.memory(actor.device),
    }


def settings_of(config: TrainConfig, number: int, actor: Actor) -> tuple[EpisodeSettings, Sampling]:
    """How the episodes of a step are played and sampled."""
    rollout, reward = config.rollout, config.reward
    budget = actor.budget(rollout.context - rollout.answer_tokens, rollout.pixels)
    return (
        EpisodeSettings(rollout.turns, reward.weights_at(number), reward.render, rollout.pictures, budget),
        Sampling(rollout.temperature, rollout.answer_tokens, rollout.context),
    )


def gather(trainer: Trainer, number: int, clock: Clock) -> tuple[list[Episode], int, float]:
    """The step's episodes, how many more a fault of the machine cost, and the share of groups without variance.

    An episode that failed is left out of its group; groups of the last try stay as they are. Raises RuntimeError where
    nothing is left.
    """
    config, rollout = trainer.config, trainer.config.rollout
    settings, sampling = settings_of(config, number, trainer.actor)
    kept: list[Episode] = []
    faults = met = flat_met = 0
    for attempt in range(rollout.resample + 1):
        missing = rollout.tasks - len({episode.group for episode in kept})
        if not missing:
            break
        flight = []
        for _ in range(missing):
            task, _ = make_task("train", config.seed, trainer.drawn)
            flight += [
                Episode(task, trainer.drawn, (config.seed, number, trainer.drawn, member))
                for member in range(rollout.group)
            ]
            trainer.drawn += 1
        play(trainer.actor, trainer.environments, flight, settings, sampling, clock)
        if trainer.records is not None:
            with clock("record"):
                trainer.records.write(number + 1, flight, settings)
        healthy = [episode for episode in flight if not episode.fault and episode.scores]
        faults += sum(bool(episode.fault) for episode in flight)
        if not healthy:
            continue
        played = Played.of(healthy, rollout.turns)
        flat = flat_groups(discounted_returns(played.rewards, config.credit.discount), played.played, played.groups)
        met, flat_met = met + missing, flat_met + len(flat)
        last = attempt == rollout.resample
        kept += [episode for episode in healthy if last or episode.group not in flat]
    if not kept:
        raise RuntimeError(
            f"no episode of step {number + 1} has a result: {faults} failed, and the others began with more tokens "
            f"than rollout.context ({rollout.context}) has room for beside rollout.answer_tokens"
        )
    return kept, faults, flat_met / met


def learn(trainer: Trainer, rows: list[Row], number: int) -> tuple[metrics.TokenTally, float]:
    """Move the weights; sums over the tokens of the last pass, and the gradient's norm before it was clipped.

    Raises RuntimeError where the gradient is not finite; the weights then stay.
    """
    config, actor = trainer.config, trainer.actor
    learner = config.learner
    parameters = [p for p in actor.model.parameters() if p.requires_grad]
    size = BatchSize(len(rows), sum(int(row.trajectory.chosen().sum()) for row in rows))
    packed = [
        Microbatch.of([rows[k] for k in index], actor.pad)
        for index in microbatches([len(row) for row in rows], learner.microbatch_tokens)
    ]
    start: list[torch.Tensor] = []  # (b, L) log-probabilities at the weights of the first pass, which played
    reference: list[torch.Tensor | None] = []  # (b, L)
    for once in range(learner.passes):
        tally = metrics.TokenTally(size.tokens)
        for k, batch in enumerate(packed):
            with torch.autocast(actor.device.type, torch.bfloat16, enabled=learner.bf16):
                new, entropy = logprobs_of(actor, batch, config.rollout.temperature)  # (b, L)
                if once == 0:
                    start.append(new.detach())
                    reference.append(reference_logprobs(trainer, batch))
            tokens = Tokens(new, start[k], batch.mask, batch.advantages, batch.sampler, reference[k], batch.weights)
            loss, watched = policy_loss(tokens, config.loss, size)
            loss.backward()
            tally.loss += loss.item()
            tally.clipped_low += watched.clipped_low
            tally.clipped_high += watched.clipped_high
            tally.kl += watched.kl
            tally.entropy += entropy.sum().item()
            tally.add_gap((start[k] - batch.sampler)[batch.mask])
        norm = torch.nn.utils.clip_grad_norm_(parameters, learner.gradient_norm).item()
        if not math.isfinite(norm):
            raise RuntimeError(f"step {number + 1}: the gradient is {norm}; the last checkpoint is whole")
        trainer.optimiser.step()
        trainer.optimiser.zero_grad(set_to_none=True)
    return tally, norm


@torch.no_grad()
def reference_logprobs(trainer: Trainer, batch: Microbatch) -> torch.Tensor | None:
    """Log-probabilities (b, L) of the model that the run began with, None where no KL is asked for."""
    if not trainer.config.loss.kl:
        return None
    with trainer.actor.reference() as reference:
        return logprobs_of(reference, batch, trainer.config.rollout.temperature)[0]


def fault_weights(actor: Actor, episode: Episode, weight: float) -> np.ndarray:
    """(L,) `weight` for tokens that tell the pose of an item which that turn left at fault, else 1."""
    trajectory = episode.trajectory
    weights = np.ones(len(trajectory), np.float32)
    if weight == 1.0:
        return weights
    turns = np.array(trajectory.turns)
    for turn, score in enumerate(episode.scores):
        places = np.flatnonzero(turns == turn)
        faulty = metrics.at_fault(score.evidence)
        items = actor.poses([trajectory.ids[k] for k in places], episode.task)
        weights[[k for k, item in zip(places, items, strict=True) if item in faulty]] = weight
    return weights


def learning_rate(config: TrainConfig, number: int) -> float:
    """Warm-up, a plateau, and a linear fall to 0 over the last `decay_steps`."""
    learner = config.learner
    rise = (number + 1) / max(learner.warmup_steps, 1)
    fall = (config.steps - number) / max(learner.decay_steps, 1)
    return learner.learning_rate * min(rise, 1.0, fall)
