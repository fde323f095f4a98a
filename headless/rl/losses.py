"""The policy-gradient losses: grpo, dr_grpo, dapo and gspo, as TRL 1.16 computes them (held by `test_trl.py`).

Shapes: b rows of a microbatch, L tokens. A batch is cut into microbatches whose losses add up to the batch's, so every
mean is a sum over the microbatch divided by a count of the whole batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from headless.config import bounded

LossType = Literal["grpo", "dr_grpo", "dapo", "gspo"]


@dataclass(frozen=True)
class LossConfig:
    """What the loss is made of.

    `loss_type`: grpo (arXiv 2402.03300), dr_grpo (2503.20783), dapo (2503.14476) or gspo (2507.18071). The ratio is
    clipped to [1 - `epsilon`, 1 + `epsilon_high`]: 0.2 and 0.2, or 0.28 above for dapo's clip-higher; gspo's ratio is a
    mean over the sequence and its paper takes 3e-4 and 4e-4. `beta` weighs the KL divergence from the reference, 0 for
    none, and `use_bias_correction_kl` multiplies it by the ratio, which makes its gradient unbiased (DeepSeek-V3.2).
    dr_grpo divides by `max_completion_length` tokens an episode. Tokens whose log-probability at the sampler differs by
    more than `gap_threshold` from the learner's weigh exp(difference), at most `importance_cap`.
    """

    loss_type: LossType = "grpo"
    epsilon: float = bounded(0.2, above=0, below=1)
    epsilon_high: float = 0.2
    beta: float = 0.0
    use_bias_correction_kl: bool = True
    max_completion_length: int = bounded(1024, at_least=1)
    gap_threshold: float = 1e-3
    importance_cap: float = bounded(2.0, at_least=1)

    @property
    def scales_rewards(self) -> bool:
        """Whether advantages are divided by the group's standard deviation: Dr. GRPO's are not."""
        return self.loss_type != "dr_grpo"


@dataclass(frozen=True)
class BatchSize:
    """Counts of the whole batch that microbatches add up to: its rows, and its tokens of mask 1."""

    rows: int
    tokens: int


@dataclass(frozen=True)
class Tokens:
    """What the loss needs of each token, (b, L) all of them.

    `mask` is 1 where the model chose and 0 elsewhere. Log-probabilities: `new` of the weights that learn, `old` of
    those at the start of the batch, `sampler` as they were sampled with, `reference` of the model to stay close to.
    """

    new: torch.Tensor
    old: torch.Tensor
    mask: torch.Tensor
    advantages: torch.Tensor
    sampler: torch.Tensor | None = None
    reference: torch.Tensor | None = None


@dataclass(frozen=True)
class LossStatistics:
    """Sums over the microbatch's tokens, for the log: how many were clipped below and above, and the KL."""

    clipped_low: float
    clipped_high: float
    kl: float


def policy_loss(tokens: Tokens, config: LossConfig, batch: BatchSize) -> tuple[torch.Tensor, LossStatistics]:
    """The microbatch's share of the loss, and what to watch.

    l = -min(rho A, clip(rho, 1 - epsilon, 1 + epsilon_high) A), with rho = exp(new - old) a token; for gspo one rho a
    row, exp(mean of new - old over its tokens). Then beta k3 is added, and it is summed up:

        grpo, gspo   mean over rows of the mean over a row's tokens
        dr_grpo      sum over tokens / (rows x max_completion_length)
        dapo         sum over tokens / tokens of the batch
    """
    mask, advantages = tokens.mask, tokens.advantages
    lengths = mask.sum(dim=1, keepdim=True).clamp(min=1)  # (b, 1)
    shift = tokens.new - tokens.old
    if config.loss_type == "gspo":
        shift = (shift * mask).sum(dim=1, keepdim=True) / lengths  # (b, 1)
    ratio = shift.exp()  # (b, L) or (b, 1)
    clipped = ratio.clamp(1 - config.epsilon, 1 + config.epsilon_high)
    each = -torch.minimum(ratio * advantages, clipped * advantages)  # (b, L)
    if tokens.sampler is not None:
        each = each * importance(tokens.old, tokens.sampler, config)
    watched_kl = 0.0
    if tokens.reference is not None:
        distance = k3(tokens.new, tokens.reference)
        watched_kl = (distance.detach() * mask).sum().item()
        each = each + config.beta * (distance * ratio if config.use_bias_correction_kl else distance)
    each = each * mask
    if config.loss_type in ("grpo", "gspo"):
        loss = (each.sum(dim=1, keepdim=True) / lengths).sum() / batch.rows
    elif config.loss_type == "dr_grpo":
        loss = each.sum() / (batch.rows * config.max_completion_length)
    else:
        loss = each.sum() / max(batch.tokens, 1)
    low = (ratio < 1 - config.epsilon) & (advantages < 0)
    high = (ratio > 1 + config.epsilon_high) & (advantages > 0)
    return loss, LossStatistics((low * mask).sum().item(), (high * mask).sum().item(), watched_kl)


def k3(new: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """exp(d) - d - 1 with d = reference - new: never negative, its mean is KL(new || reference) (Schulman 2020)."""
    difference = reference - new
    return difference.exp() - difference - 1


def importance(old: torch.Tensor, sampler: torch.Tensor, config: LossConfig) -> torch.Tensor:
    """What a token weighs since another program sampled it than the one that learns: min(exp(old - sampler), cap).

    1 where the two differ by no more than the threshold. No gradient flows through it.
    """
    gap = (old - sampler).detach()
    return torch.where(gap.abs() > config.gap_threshold, gap.exp().clamp(max=config.importance_cap), 1.0)
