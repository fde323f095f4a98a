"""What the learner computes from trajectories: microbatches, and the log-probabilities of the chosen tokens.

Shapes: b rows, L tokens, N chosen tokens in all rows, T turns, H hidden, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from torch.utils.checkpoint import checkpoint

from .advantages import spread_over_tokens
from .data import Grid, Trajectory
from .policies.base import TrainablePolicy, allowed_mask, constrained_logprobs

Result = TypeVar("Result")

CHUNK = 1024
"""Tokens whose probabilities over the whole vocabulary are held at once; with more, they are computed a second time in
the backward pass."""


@dataclass(frozen=True)
class Row:
    """A trajectory to learn from: the advantages of its turns (T,), and what each token gets on top by the faults of
    the item that it places (L,)."""

    trajectory: Trajectory
    turn_advantages: torch.Tensor
    item_advantages: np.ndarray

    def __len__(self) -> int:
        return len(self.trajectory)


@dataclass(frozen=True)
class Microbatch:
    """Rows padded on the right, where causal attention never looks. All tensors (b, L).

    `mask` is true where the model chose; `allowed_ids` are what it chose from, row by row. Images (PNG) and their grids
    are those of all rows in order.
    """

    ids: torch.Tensor
    mask: torch.Tensor
    allowed_ids: list[np.ndarray]
    images: list[bytes]
    grids: list[Grid]
    sampler_logprobs: torch.Tensor
    advantages: torch.Tensor

    @classmethod
    def of(cls, rows: Sequence[Row], pad: int) -> Microbatch:
        size = len(rows), max(map(len, rows))
        ids = torch.full(size, pad)
        mask = torch.zeros(size, dtype=torch.bool)
        turns = torch.full(size, -1)
        sampler_logprobs, item_advantages = torch.zeros(size), torch.zeros(size)
        for k, row in enumerate(rows):
            trajectory, length = row.trajectory, len(row)
            ids[k, :length] = torch.tensor(trajectory.ids)
            mask[k, :length] = torch.from_numpy(trajectory.chosen())
            turns[k, :length] = torch.tensor(trajectory.turns)
            sampler_logprobs[k, :length] = torch.tensor(trajectory.logprobs)
            item_advantages[k, :length] = torch.from_numpy(row.item_advantages)
        every_allowed = (allowed for row in rows for allowed in row.trajectory.allowed_ids)
        allowed_ids = [allowed for allowed in every_allowed if allowed is not None and len(allowed) > 1]
        images = [image for row in rows for image in row.trajectory.images]
        grids = [grid for row in rows for grid in row.trajectory.grids]
        advantages = spread_over_tokens(torch.stack([row.turn_advantages for row in rows]), turns)
        return cls(ids, mask, allowed_ids, images, grids, sampler_logprobs, advantages + item_advantages)


class PolicyModule(torch.nn.Module):
    """A policy as one module: `module(f, …)` is `f(policy, …)`.

    DDP and FSDP wrap a module, and synchronise what is computed within a call of it; so whatever uses the model while
    several processes learn together is called through this.
    """

    def __init__(self, policy: TrainablePolicy):
        super().__init__()
        self.model, self._policy = policy.model, policy

    def forward(self, call: Callable[..., Result], *arguments: Any) -> Result:
        return call(self._policy, *arguments)


def token_logprobs(policy: TrainablePolicy, batch: Microbatch, temperature: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probabilities (b, L) of the chosen tokens under the sampler's distribution, 0 elsewhere; entropies (N,)."""
    ids = batch.ids.to(policy.device)
    hidden = policy.hidden(ids, batch.images, policy.positions(ids, batch.grids))  # (b, L, H)
    before = hidden[:, :-1][batch.mask[:, 1:]]  # (N, H) outputs from which the chosen tokens were drawn
    targets = ids[batch.mask]
    logprobs, entropies = [], []
    for start in range(0, len(targets), CHUNK):
        part = slice(start, start + CHUNK)
        arguments = policy, before[part], targets[part], batch.allowed_ids[part], temperature
        if len(targets) > CHUNK:
            of_part = checkpoint(_chunk_logprobs, *arguments, use_reentrant=False)
        else:
            of_part = _chunk_logprobs(*arguments)
        logprobs.append(of_part[0])
        entropies.append(of_part[1])
    by_token = torch.zeros(batch.mask.shape).masked_scatter(batch.mask, torch.cat(logprobs).cpu())
    return by_token, torch.cat(entropies).cpu()


@torch.no_grad()
def reference_logprobs(
    policy: TrainablePolicy, module: torch.nn.Module, batch: Microbatch, temperature: float
) -> torch.Tensor:
    """Log-probabilities (b, L) of the model that the run began with. `module` wraps the policy."""
    with policy.reference() as reference:
        wrapped = module if reference is policy else PolicyModule(reference)
        return wrapped(token_logprobs, batch, temperature)[0]


def _chunk_logprobs(
    policy: TrainablePolicy,
    before: torch.Tensor,
    targets: torch.Tensor,
    allowed_ids: list[np.ndarray],
    temperature: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probabilities (n,) of the targets and entropies (n,) of the distributions that they were drawn from."""
    logits = policy.logits(before)  # (n, V)
    mask = allowed_mask(allowed_ids, logits.shape[1]).to(logits.device)
    logprobs = constrained_logprobs(logits, mask, temperature)
    with torch.no_grad():
        entropies = torch.special.entr(logprobs.exp()).sum(dim=1)
    return logprobs.gather(1, targets[:, None])[:, 0], entropies
