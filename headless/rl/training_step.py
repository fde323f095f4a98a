"""One training step of multi-turn GRPO, from the tasks to the new weights: read it from top to bottom.

Shapes: B episodes, T turns at most, b rows of a microbatch, L tokens.
"""

from __future__ import annotations

import gc
import math
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object

from headless.taskgen.make import make_task

from .advantages import discounted_returns, pad_with_last, turn_advantages, turn_deviations, zero_variance_groups
from .config import TrainConfig
from .data import microbatches
from .envs.base import Environments, EpisodeSettings
from .learner import Learning, Microbatch, Row, logprobs_of
from .logs import metrics
from .logs.clock import Clock
from .logs.records import TurnLog
from .losses import BatchSize, Tokens, policy_loss
from .policies.base import TrainablePolicy
from .rollout import Episode, Sampling, play
from .sharding import gathered, shard, whole
from .token_credit import token_advantages


@dataclass
class Trainer:
    """What a step works with. `drawn` counts the tasks drawn so far; `records` takes down every turn, if given.

    Where several processes learn together, each plays its share of the tasks; then all know all episodes, and each
    learns from its share of these. Together they do what one would, but for the order of sums.
    """

    config: TrainConfig
    actor: TrainablePolicy
    environments: Environments
    accelerator: Accelerator
    drawn: int = 0
    records: TurnLog | None = None

    def __post_init__(self) -> None:
        self.learning: torch.nn.Module = Learning(self.actor)
        if self.config.learner.fsdp:
            shard(self.learning, self.actor.device, self.ranks)
        else:
            self.learning = self.accelerator.prepare(self.learning)
        # AdamW for what learns; its rate is set at each step.
        self.optimiser = torch.optim.AdamW(
            self.parameters(), betas=(0.9, 0.99), weight_decay=self.config.learner.weight_decay
        )

    def parameters(self) -> list[torch.nn.Parameter]:
        """What learns."""
        return [p for p in self.learning.parameters() if p.requires_grad]

    def close(self) -> None:
        """Part from the other processes. The wrapped model goes first: were it the last to hold on to the process
        group, taking that down could wait for ever, for a thread of the group's that waits for Python."""
        del self.learning
        self.accelerator.free_memory()
        gc.collect()
        self.accelerator.end_training()

    @property
    def rank(self) -> int:
        return self.accelerator.process_index

    @property
    def ranks(self) -> int:
        return self.accelerator.num_processes


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
        return cls(episodes, pad_with_last(rewards, played), played, groups)


def train_step(trainer: Trainer, number: int) -> dict[str, float]:
    """Step `number`, counted from 0: play, judge, learn. Returns what is to be logged."""
    config, actor, clock = trainer.config, trainer.actor, Clock()
    torch.manual_seed(config.seed * 1_000_003 + number)

    # Play the groups; those that say nothing are played again with other tasks, if so configured.
    episodes, faults, flat_share = gather(trainer, number, clock)

    # What each turn is worth: its discounted return over the group's mean at the same turn, (B, T).
    played = Played.of(episodes, config.rollout.turns)
    returns = discounted_returns(played.rewards, config.credit.discount)
    credit, divides = config.credit.advantage_level, config.loss.scales_rewards
    advantages = turn_advantages(returns, played.played, played.groups, credit, divides)

    # What the coordinates of each item are worth beyond that, by the item's own faults.
    scale = turn_deviations(returns, played.played, played.groups, credit) if divides else torch.ones_like(returns)
    beyond = token_advantages(actor, episodes, config.credit.item_penalty, scale.numpy())
    rows = [Row(episode.trajectory, advantages[k], beyond[k]) for k, episode in enumerate(episodes)]

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


def settings_of(config: TrainConfig, number: int, actor: TrainablePolicy) -> tuple[EpisodeSettings, Sampling]:
    """How the episodes of a step are played and sampled."""
    rollout, reward = config.rollout, config.reward
    budget = actor.budget(rollout.max_sequence_tokens - rollout.max_completion_tokens, rollout.pixels)
    return (
        EpisodeSettings(rollout.turns, reward.weights_at(number), reward.render, rollout.pictures, budget),
        Sampling(rollout.temperature, rollout.max_completion_tokens, rollout.max_sequence_tokens),
    )


def gather(trainer: Trainer, number: int, clock: Clock) -> tuple[list[Episode], int, float]:
    """The step's episodes, of all processes; how many more a fault of the machine cost; and the share of groups
    without variance.

    An episode that failed is left out of its group; groups of the last try stay as they are. Raises RuntimeError where
    fewer are left than there are processes.
    """
    config, rollout = trainer.config, trainer.config.rollout
    settings, sampling = settings_of(config, number, trainer.actor)
    kept: list[Episode] = []
    faults = met = flat_met = 0
    for attempt in range(rollout.max_resamples + 1):
        missing = rollout.tasks_per_step - len({episode.group for episode in kept})
        if not missing:
            break
        flight = []
        for drawn in range(trainer.drawn + trainer.rank, trainer.drawn + missing, trainer.ranks):
            task, _ = make_task("train", config.seed, drawn)
            flight += [
                Episode(task, drawn, (config.seed, number, drawn, member)) for member in range(rollout.num_generations)
            ]
        trainer.drawn += missing
        with torch.no_grad(), whole(trainer.learning):
            trainer.learning(play, trainer.environments, flight, settings, sampling, clock)
        with clock("waiting"):
            flight = sorted(gather_object(flight), key=lambda episode: episode.group)
        if trainer.records is not None:
            with clock("record"):
                trainer.records.write(number + 1, flight, settings)
        healthy = [episode for episode in flight if not episode.fault and episode.scores]
        faults += sum(bool(episode.fault) for episode in flight)
        if not healthy:
            continue
        played = Played.of(healthy, rollout.turns)
        flat = zero_variance_groups(
            discounted_returns(played.rewards, config.credit.discount), played.played, played.groups
        )
        met, flat_met = met + missing, flat_met + len(flat)
        last = attempt == rollout.max_resamples
        kept += [episode for episode in healthy if last or episode.group not in flat]
    if len(kept) < trainer.ranks:
        raise RuntimeError(
            f"step {number + 1}: {len(kept)} episodes have a result, and each of {trainer.ranks} processes needs one: "
            f"{faults} failed, and any others began with more tokens than rollout.max_sequence_tokens "
            f"({rollout.max_sequence_tokens}) has room for beside rollout.max_completion_tokens"
        )
    return kept, faults, flat_met / met


def learn(trainer: Trainer, rows: list[Row], number: int) -> tuple[metrics.TokenTally, float]:
    """Move the weights; sums over the tokens of the last pass, and the gradient's norm before it was clipped.

    Of the `rows`, those of all processes, each process learns from its share, and gradients are added up.

    Raises RuntimeError where the gradient is not finite; that pass then leaves the weights.
    """
    config, actor = trainer.config, trainer.actor
    learner = config.learner
    size = BatchSize(len(rows), sum(int(row.trajectory.chosen().sum()) for row in rows))
    mine = rows[trainer.rank :: trainer.ranks]
    packed = [
        Microbatch.of([mine[k] for k in index], actor.pad)
        for index in microbatches([len(row) for row in mine], learner.microbatch_tokens)
    ]
    # Processes keep step, or one would wait for a layer that another no longer asks for: who has fewer microbatches
    # runs the last one again, for nothing.
    own = len(packed)
    packed += packed[-1:] * (max(gather_object([own])) - own)
    start: list[torch.Tensor] = []  # (b, L) log-probabilities at the weights of the first pass, which played
    reference: list[torch.Tensor | None] = []  # (b, L)
    for once in range(learner.num_iterations):
        tally = metrics.TokenTally(size.tokens)
        for k, batch in enumerate(packed):
            waits = nullcontext() if k == len(packed) - 1 else trainer.accelerator.no_sync(trainer.learning)
            with waits:  # gradients are exchanged once a pass; those of a sharded model, with each microbatch
                with torch.autocast(actor.device.type, torch.bfloat16, enabled=learner.bf16):
                    new, entropy = trainer.learning(logprobs_of, batch, config.rollout.temperature)  # (b, L)
                    if once == 0:
                        start.append(new.detach())
                        reference.append(reference_logprobs(trainer, batch))
                tokens = Tokens(new, start[k], batch.mask, batch.advantages, batch.sampler, reference[k])
                loss, watched = policy_loss(tokens, config.loss, size)
                # Exchanged gradients are means, and these losses are parts of one.
                (loss * (trainer.ranks if k < own else 0)).backward()
            if k >= own:
                continue
            tally.loss += loss.item()
            tally.clipped_low += watched.clipped_low
            tally.clipped_high += watched.clipped_high
            tally.kl += watched.kl
            tally.entropy += entropy.sum().item()
            tally.add_gap((start[k] - batch.sampler)[batch.mask])
        norm = gathered(torch.nn.utils.clip_grad_norm_(trainer.parameters(), learner.max_grad_norm)).item()
        if not math.isfinite(norm):
            raise RuntimeError(f"step {number + 1}: the gradient is {norm}; the last checkpoint is whole")
        trainer.optimiser.step()
        trainer.optimiser.zero_grad(set_to_none=True)
    return metrics.TokenTally.together(gather_object([tally])), norm


@torch.no_grad()
def reference_logprobs(trainer: Trainer, batch: Microbatch) -> torch.Tensor | None:
    """Log-probabilities (b, L) of the model that the run began with, None where no KL is asked for."""
    if not trainer.config.loss.beta:
        return None
    with trainer.actor.reference() as reference:
        call = trainer.learning if reference is trainer.actor else Learning(reference)
        return call(logprobs_of, batch, trainer.config.rollout.temperature)[0]


def learning_rate(config: TrainConfig, number: int) -> float:
    """Warm-up, a plateau, and a linear fall to 0 over the last `decay` share of all steps."""
    learner = config.learner
    rise = (number + 1) / max(learner.warmup_steps, 1)
    fall = (config.steps - number) / max(config.steps * learner.lr_decay_fraction, 1)
    return learner.learning_rate * min(rise, 1.0, fall)
