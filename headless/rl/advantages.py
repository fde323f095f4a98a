"""Advantages: from the rewards of a group's turns to what each token is worth. Called by `training_step`.

Shapes: B episodes, T turns at most, L tokens. `groups` (B,) says of which task each episode is: a number, the same for
all episodes of one group, whose size may differ where episodes were left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch

AdvantageLevel = Literal["turn", "episode", "best"]
Normalize = Literal["reward", "terms"]

DEVIATION_EPSILON = 1e-4
"""Added to a deviation that is divided by, as in TRL and DeepSeekMath."""
RETURN_TOLERANCE = 1e-6
"""Returns that differ by less are equal: rewards come from floating-point renders."""


def pad_with_last(rewards: torch.Tensor, played: torch.Tensor) -> torch.Tensor:
    """Rewards (B, T) in which a turn that was not played has that of the last one before it.

    The layout of that turn still stands. Without it an episode that is free of faults after turn 1, and so over, would
    return less than one that needs three turns for the same. `played` (B, T) holds a first stretch of each row.
    """
    last = (played.sum(dim=1, keepdim=True) - 1).clamp(min=0)  # (B, 1)
    return torch.where(played, rewards, rewards.gather(1, last))


def discounted_returns(rewards: torch.Tensor, discount: float) -> torch.Tensor:
    """R_k = sum over j >= k of discount^(j - k) r_j, (B, T): Kevin (arXiv 2507.11948)."""
    returns = rewards.clone()
    for k in reversed(range(rewards.shape[1] - 1)):
        returns[:, k] += discount * returns[:, k + 1]
    return returns


def turn_advantages(
    returns: torch.Tensor,
    played: torch.Tensor,
    groups: torch.Tensor,
    level: AdvantageLevel = "turn",
    divide_by_deviation: bool = True,
) -> torch.Tensor:
    """A_k = R_k less its baseline, the mean of the group's R_k at the same turn; (B, T), 0 for what was not played.

    Episodes that were over before turn k have no part in its baseline. With `level` "episode" every turn gets the
    advantage of R_1, the outcome of the whole episode; with "best" the turns of the group's first episode with the
    highest R_1 have advantage 1, all others 0: rejection sampling (RAFT, arXiv 2304.06767). `divide_by_deviation`
    divides by the group's unbiased standard deviation at that turn plus `DEVIATION_EPSILON` (GRPO, arXiv 2402.03300;
    Dr. GRPO, arXiv 2503.20783, does not).
    """
    if level == "best":
        members = [(groups == group).nonzero()[:, 0] for group in groups.unique()]
        chosen = torch.zeros_like(returns)
        chosen[[int(rows[returns[rows, 0].argmax()]) for rows in members]] = 1.0
        return chosen * played
    centered, deviations = center_by_group(returns, played, groups, level)
    return (centered / (deviations + DEVIATION_EPSILON) if divide_by_deviation else centered) * played


def term_advantages(
    returns: Mapping[str, torch.Tensor],
    weights: Mapping[str, float],
    played: torch.Tensor,
    groups: torch.Tensor,
    level: AdvantageLevel = "turn",
) -> torch.Tensor:
    """The weighted sum of the advantages that each term of the reward has by itself, divided by its standard deviation
    over the batch; (B, T): GDPO (arXiv 2601.05242).

    `returns` (B, T) are those of each term. Where one reward of all terms is divided by its deviation, terms that vary
    much hide those that vary little, and a good answer in one term looks like a good one in another.
    """
    parts = [weights[name] * turn_advantages(of_term, played, groups, level) for name, of_term in returns.items()]
    summed = torch.stack(parts).sum(dim=0)
    deviation = summed[played].square().mean().sqrt()  # its mean is 0 in every group
    return summed / (deviation + DEVIATION_EPSILON)


def turn_deviations(
    returns: torch.Tensor, played: torch.Tensor, groups: torch.Tensor, level: AdvantageLevel = "turn"
) -> torch.Tensor:
    """What `turn_advantages` divides by, (B, T)."""
    return center_by_group(returns, played, groups, level)[1] + DEVIATION_EPSILON


def center_by_group(
    returns: torch.Tensor, played: torch.Tensor, groups: torch.Tensor, level: AdvantageLevel
) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns less their baselines, and the standard deviations of those that are in the baseline; (B, T) both."""
    if level == "episode":
        returns = returns[:, :1].expand_as(returns)
        played_in_baseline = played[:, :1].expand_as(played)
    else:
        played_in_baseline = played
    present = played_in_baseline.to(returns.dtype)  # (B, T)
    member = (groups[:, None] == groups[None, :]).to(returns.dtype)  # (B, B)
    count = member @ present  # (B, T) episodes of the row's group at that turn
    centered = returns - (member @ (returns * present)) / count.clamp(min=1)
    variance = (member @ (centered.square() * present)) / (count - 1).clamp(min=1)
    return centered, variance.sqrt()


def zero_variance_groups(
    every_returns: Sequence[torch.Tensor], played: torch.Tensor, groups: torch.Tensor
) -> list[int]:
    """The groups from which nothing can be learnt: at every turn all their returns are equal, those of the reward or
    those of each term, (B, T) each."""
    returns, played = torch.cat([*every_returns], dim=1), played.repeat(1, len(every_returns))
    without_variance = []
    for group in groups.unique().tolist():
        rows = groups == group
        most = returns[rows].where(played[rows], -torch.inf).amax(dim=0)
        least = returns[rows].where(played[rows], torch.inf).amin(dim=0)
        if not bool((most - least > RETURN_TOLERANCE).any()):
            without_variance.append(int(group))
    return without_variance


def spread_over_tokens(advantages: torch.Tensor, turn_index: torch.Tensor) -> torch.Tensor:
    """Advantages (B, T) by turn to (B, L) by token; `turn_index` (B, L) counts from 0 and is -1 where no turn is."""
    return torch.where(turn_index >= 0, advantages.gather(1, turn_index.clamp(min=0)), 0.0)
