"""One training step of multi-turn GRPO, from the tasks to the new weights: read it from top to bottom.

Shapes: B episodes, T turns at most, b rows of a microbatch, L tokens.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object

from headless import cli
from headless.training import learning_rate_factor
from metaspatial_addon.scoring.score import Score

from .advantages import (
    discounted_returns,
    pad_with_last,
    term_advantages,
    turn_advantages,
    turn_deviations,
    zero_variance_groups,
)
from .config import CreditConfig, TrainConfig
from .data import Episode, microbatches
from .envs.base import Environments, EpisodeSettings
from .feedback import FeedbackLessons, FeedbackStatistics, Lesson, feedback_loss, lessons_batch
from .learner import Microbatch, PolicyModule, Row, reference_logprobs, token_logprobs
from .logs.metrics import UpdateStatistics, episode_metrics, memory_metrics
from .logs.records import TurnWriter
from .logs.timer import PhaseTimer
from .losses import BatchSize, Tokens, policy_loss
from .policies.base import TrainablePolicy
from .rollout import SamplingParams, run_episodes
from .sharding import gathered, shard, unsharded
from .success import SuccessRates
from .tasks import TaskSource
from .token_credit import item_advantages


@dataclass
class Trainer:
    """What a step works with. `drawn` counts the tasks drawn so far, `success` has the rates by which they are drawn,
    and `records` writes every turn down, if given.

    Where several processes learn together, each plays its share of the tasks; then all know all episodes, and each
    learns from its share of these. Together they do what one would, but for the order of sums.
    """

    config: TrainConfig
    policy: TrainablePolicy
    environments: Environments
    accelerator: Accelerator
    drawn: int = 0
    success: SuccessRates = field(default_factory=SuccessRates)
    records: TurnWriter | None = None

    def __post_init__(self) -> None:
        self.tasks = TaskSource(self.config)
        self.feedback = FeedbackLessons(self.config, self.policy) if self.config.feedback.file else None
        self.module: torch.nn.Module = PolicyModule(self.policy)
        if self.config.learner.fsdp:
            shard(self.module, self.policy.device, self.ranks)
        else:
            self.module = self.accelerator.prepare(self.module)
        # AdamW for what learns; its learning rate is set at each step.
        self.optimiser = torch.optim.AdamW(
            self.parameters(), betas=(0.9, 0.99), weight_decay=self.config.learner.weight_decay
        )

    def parameters(self) -> list[torch.nn.Parameter]:
        """The parameters that learn."""
        return [p for p in self.module.parameters() if p.requires_grad]

    def close(self) -> None:
        """Leave the process group. The wrapped module is freed first: were it the last to hold the group, destroying
        that could wait for ever, for a thread of the group's that waits for the GIL."""
        del self.module
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
class EpisodeBatch:
    """Episodes that have a result, their rewards and terms (B, T), padded with the last one, the turns that were
    `played` (B, T), and their groups (B,). A term that an answer lacks, as one without a layout has no view, is 0."""

    episodes: list[Episode]
    rewards: torch.Tensor
    terms: dict[str, torch.Tensor]
    played: torch.Tensor
    groups: torch.Tensor

    @classmethod
    def of(cls, episodes: list[Episode], turns: int) -> EpisodeBatch:
        played = torch.tensor([[k < len(episode.scores) for k in range(turns)] for episode in episodes])

        def padded(value: Callable[[Score], float | None]) -> torch.Tensor:
            values = torch.zeros(len(episodes), turns)
            for k, episode in enumerate(episodes):
                values[k, : len(episode.scores)] = torch.tensor([value(score) or 0.0 for score in episode.scores])
            return pad_with_last(values, played)

        def of_term(name: str) -> torch.Tensor:
            return padded(lambda score: score.terms.get(name))

        names = dict.fromkeys(name for episode in episodes for score in episode.scores for name in score.terms)
        groups = torch.tensor([episode.group for episode in episodes], dtype=torch.long)
        return cls(
            episodes, padded(lambda score: score.reward), {name: of_term(name) for name in names}, played, groups
        )

    def returns(self, credit: CreditConfig) -> dict[str, torch.Tensor]:
        """The discounted returns that are compared within a group: of the reward, or of each term, (B, T)."""
        values = self.terms if credit.normalize == "terms" else {"reward": self.rewards}
        return {name: discounted_returns(of_turns, credit.discount) for name, of_turns in values.items()}


def train_step(trainer: Trainer, number: int) -> dict[str, float]:
    """Step `number`, counted from 0: play, score, learn. Returns the step's metrics."""
    config, policy, timer = trainer.config, trainer.policy, PhaseTimer()
    torch.manual_seed(config.seed * 1_000_003 + number)

    # Play the groups; those without variance are replaced by other tasks, if so configured.
    episodes, faults, without_variance = collect_episodes(trainer, number, timer)

    # The advantage of each turn: its discounted return over the group's mean at the same turn, (B, T).
    batch = EpisodeBatch.of(episodes, config.rollout.turns)
    level, divide = config.credit.advantage_level, config.loss.scales_rewards
    returns = discounted_returns(batch.rewards, config.credit.discount)
    if config.credit.normalize == "terms":
        weights = config.reward.term_weights_at(number)
        advantages = term_advantages(batch.returns(config.credit), weights, batch.played, batch.groups, level)
    else:
        advantages = turn_advantages(returns, batch.played, batch.groups, level, divide)

    # On top of it, the advantage of each item's pose tokens, by the item's own faults, (L,) an episode.
    scale = turn_deviations(returns, batch.played, batch.groups, level) if divide else torch.ones_like(returns)
    of_items = item_advantages(policy, episodes, config.credit.item_penalty, scale.numpy())
    rows = [Row(episode.trajectory, advantages[k], of_items[k]) for k, episode in enumerate(episodes)]

    # Learn: the whole batch, microbatch by microbatch, `num_iterations` times; and from what artists made of layouts.
    for group in trainer.optimiser.param_groups:
        group["lr"] = learning_rate(config, number)
    with timer("update"), torch_threads(config.learner.threads):
        lessons = trainer.feedback.draw(number) if trainer.feedback else []
        statistics, norm, of_lessons = update_policy(trainer, rows, lessons, number)

    chosen = sum(int(row.trajectory.chosen().sum()) for row in rows)
    own = sum(sum(row.trajectory.completion_mask) for row in rows)
    return {
        **episode_metrics(episodes, config.rollout.turns),
        "groups/without_variance": without_variance,
        **trainer.success.metrics(),
        **statistics.metrics(),
        **of_lessons.metrics(),
        "gradient_norm": norm,
        "learning_rate": learning_rate(config, number),
        "episodes/truncated": sum(episode.truncated for episode in episodes) / len(episodes),
        "episodes/infra_faults": float(faults),
        "tokens/chosen": float(chosen),
        "tokens/episode": sum(map(len, rows)) / len(rows),
        "tokens/longest": float(max(map(len, rows))),
        **{f"seconds/{phase}": seconds for phase, seconds in timer.seconds.items()},
        "seconds/step": timer.total,
        "trajectories_per_second": len(rows) / timer.total,
        "tokens_per_second": own / timer.total,
        **memory_metrics(policy.device),
    }


@contextmanager
def torch_threads(number: int) -> Iterator[None]:
    """Have torch compute with so many threads until the end of the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def rollout_settings(
    config: TrainConfig, number: int, policy: TrainablePolicy
) -> tuple[EpisodeSettings, SamplingParams]:
    """How the episodes of a step are played and sampled."""
    rollout, reward = config.rollout, config.reward
    budget = policy.token_budget(rollout.max_sequence_tokens - rollout.max_completion_tokens, rollout.pixels)
    pictures = rollout.pictures and policy.sees_images
    return (
        EpisodeSettings(rollout.turns, reward.weights_at(number), reward.render, pictures, budget, reward.view_method),
        SamplingParams(
            rollout.temperature,
            rollout.max_completion_tokens,
            rollout.max_sequence_tokens,
            config.learner.bf16,
            captured=policy.device.type == "cuda" and not config.learner.fsdp,  # which holds the weights in its own way
        ),
    )


def collect_episodes(trainer: Trainer, number: int, timer: PhaseTimer) -> tuple[list[Episode], int, float]:
    """The step's episodes, of all processes; how many more a fault of the machine cost; and the share of groups
    without variance, from which nothing can be learnt: neither their returns differ nor the faults of an item.

    An episode that failed is left out of its group; groups of the last try stay as they are. Where fewer are left than
    there are processes, raises RuntimeError if some failed, and CommandError if prompts had no room.
    """
    config, rollout = trainer.config, trainer.config.rollout
    settings, sampling = rollout_settings(config, number, trainer.policy)
    kept: list[Episode] = []
    failed: list[Episode] = []
    played_groups = groups_without_variance = 0
    for attempt in range(rollout.max_resamples + 1):
        missing = rollout.tasks_per_step - len({episode.group for episode in kept})
        if not missing:
            break
        episodes = []
        success = trainer.success if rollout.draw_by_success else None
        for drawn in range(trainer.drawn + trainer.rank, trainer.drawn + missing, trainer.ranks):
            task = trainer.tasks(drawn, config.most_items_at(number), success)
            members = range(rollout.num_generations)
            episodes += [Episode(task, drawn, (config.seed, number, drawn, member)) for member in members]
        trainer.drawn += missing
        with torch.no_grad(), unsharded(trainer.module):
            trainer.module(run_episodes, trainer.environments, episodes, settings, sampling, timer)
        leave_out_unmeasured(episodes)
        with timer("waiting"):
            episodes = sorted(gather_object(episodes), key=lambda episode: episode.group)
        if trainer.records is not None:
            with timer("record"):
                trainer.records.write(number + 1, episodes, settings)
        failed += [episode for episode in episodes if episode.fault]
        scored = [episode for episode in episodes if not episode.fault and episode.scores]
        if success is not None:
            success.add(scored)
        if not scored:
            continue
        batch = EpisodeBatch.of(scored, rollout.turns)
        equal = zero_variance_groups([*batch.returns(config.credit).values()], batch.played, batch.groups)
        flat = [episode for episode in scored if episode.group in equal]
        of_items = item_advantages(
            trainer.policy, flat, config.credit.item_penalty, np.ones((len(flat), rollout.turns))
        )
        by_items = {episode.group for episode, advantage in zip(flat, of_items, strict=True) if advantage.any()}
        without_variance = [group for group in equal if group not in by_items]
        played_groups += missing
        groups_without_variance += len(without_variance)
        last = attempt == rollout.max_resamples
        kept += [episode for episode in scored if last or episode.group not in without_variance]
    if len(kept) < trainer.ranks and failed:
        raise RuntimeError(
            f"step {number + 1}: {len(kept)} episodes have a result, and each of {trainer.ranks} processes needs one: "
            f"{len(failed)} failed, the last because {failed[-1].fault}"
        )
    if len(kept) < trainer.ranks:
        raise cli.CommandError(
            f"rollout.max_sequence_tokens: expected room for a prompt and rollout.max_completion_tokens "
            f"({rollout.max_completion_tokens}) after it, got {rollout.max_sequence_tokens}: no episode could begin"
        )
    return kept, len(failed), groups_without_variance / played_groups


def leave_out_unmeasured(episodes: list[Episode]) -> None:
    """Make a fault of the machine of each episode with a score that is no finite number, from that turn on."""
    for episode in episodes:
        for turn, score in enumerate(episode.scores):
            wrong = [
                name for name, value in {"reward": score.reward, **score.terms}.items() if not math.isfinite(value or 0)
            ]
            if wrong:
                episode.fault = f"turn {turn + 1}: {', '.join(wrong)} is no finite number"
                del episode.scores[turn:], episode.timings[turn:]
                cli.progress(f"an episode of {episode.task.id} is left out: {episode.fault}")
                break


def update_policy(
    trainer: Trainer, rows: list[Row], lessons: list[Lesson], number: int
) -> tuple[UpdateStatistics, float, FeedbackStatistics]:
    """Update the weights; returns sums over the tokens of the last pass, the gradient's norm before clipping, and sums
    over the lessons.

    Of the `rows`, those of all processes, each process learns from its share, and gradients are added up.

    Raises RuntimeError where the gradient is not finite; that pass then leaves the weights.
    """
    config, policy = trainer.config, trainer.policy
    learner, temperature = config.learner, config.rollout.temperature
    size = BatchSize(len(rows), sum(int(row.trajectory.chosen().sum()) for row in rows))
    mine = rows[trainer.rank :: trainer.ranks]
    packed = [
        Microbatch.of([mine[k] for k in index], policy.pad)
        for index in microbatches([len(row) for row in mine], learner.microbatch_tokens)
    ]
    # All processes run as many microbatches, or one would wait for a layer that another no longer asks for: who has
    # fewer runs the last one again, for nothing.
    own = len(packed)
    packed += packed[-1:] * (max(gather_object([own])) - own)
    old: list[torch.Tensor] = []  # (b, L) log-probabilities at the weights of the first pass, which played
    reference: list[torch.Tensor | None] = []  # (b, L)
    for iteration in range(learner.num_iterations):
        statistics = UpdateStatistics(size.tokens)
        of_lessons = learn_from_feedback(trainer, lessons)
        for k, batch in enumerate(packed):
            waits = nullcontext() if k == len(packed) - 1 else trainer.accelerator.no_sync(trainer.module)
            with waits:  # gradients are exchanged once a pass; those of a sharded model, with each microbatch
                with torch.autocast(policy.device.type, torch.bfloat16, enabled=learner.bf16):
                    new, entropies = trainer.module(token_logprobs, batch, temperature)  # (b, L), (N,)
                    if iteration == 0:
                        old.append(new.detach())
                        kl = config.loss.beta > 0
                        reference.append(reference_logprobs(policy, trainer.module, batch, temperature) if kl else None)
                tokens = Tokens(new, old[k], batch.mask, batch.advantages, batch.sampler_logprobs, reference[k])
                loss, loss_statistics = policy_loss(tokens, config.loss, size)
                # Exchanged gradients are means, and these losses are parts of one.
                (loss * (trainer.ranks if k < own else 0)).backward()
            if k >= own:
                continue
            statistics.loss += loss.item()
            statistics.clipped_low += loss_statistics.clipped_low
            statistics.clipped_high += loss_statistics.clipped_high
            statistics.kl += loss_statistics.kl
            statistics.entropy += entropies.sum().item()
            statistics.add_gap((old[k] - batch.sampler_logprobs)[batch.mask])
        norm = gathered(torch.nn.utils.clip_grad_norm_(trainer.parameters(), learner.max_grad_norm)).item()
        if not math.isfinite(norm):
            raise RuntimeError(f"step {number + 1}: the gradient is {norm}; the last checkpoint is whole")
        trainer.optimiser.step()
        trainer.optimiser.zero_grad(set_to_none=True)
    return UpdateStatistics.merged(gather_object([statistics])), norm, of_lessons


def learn_from_feedback(trainer: Trainer, lessons: list[Lesson]) -> FeedbackStatistics:
    """Add the gradient of the mean lesson, times its weight, to that of the episodes. Each of several processes learns
    from all lessons, and the mean of their gradients is the same."""
    config, policy, total = trainer.config, trainer.policy, FeedbackStatistics()
    for index in microbatches([2 * len(lesson) for lesson in lessons], config.learner.microbatch_tokens):
        batch, rejected_of = lessons_batch([lessons[k] for k in index], policy.pad)
        with (
            trainer.accelerator.no_sync(trainer.module),
            torch.autocast(policy.device.type, torch.bfloat16, enabled=config.learner.bf16),
        ):
            before = reference_logprobs(policy, trainer.module, batch, 1.0).sum(dim=1)
            loss, statistics = trainer.module(feedback_loss, batch, before, rejected_of, config.feedback.beta)
            (loss * config.feedback.weight / len(lessons)).backward()
        total += statistics
    return total


def learning_rate(config: TrainConfig, number: int) -> float:
    """The learning rate of step `number`, counted from 0."""
    learner = config.learner
    decay_steps = config.steps * learner.lr_decay_fraction
    return learner.learning_rate * learning_rate_factor(number, config.steps, learner.warmup_steps, decay_steps)
