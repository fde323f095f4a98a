"""What the learner computes from trajectories: microbatches, and the log-probabilities of what was chosen.

Shapes: b rows, L tokens, N chosen tokens in all rows, P pictures, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from torch.utils.checkpoint import checkpoint

from .advantages import spread_over_tokens
from .data import Trajectory
from .policies.base import TrainablePolicy, allowed_mask, choice_logprobs

Result = TypeVar("Result")

CHUNK = 1024
"""Tokens whose probabilities over the whole vocabulary are held at once; what more there are is computed twice."""


@dataclass(frozen=True)
class Row:
    """A trajectory to learn from: what each of its turns is worth (T,), and each token beyond its turn (L,)."""

    trajectory: Trajectory
    advantages: torch.Tensor
    beyond: np.ndarray

    def __len__(self) -> int:
        return len(self.trajectory)


@dataclass(frozen=True)
class Microbatch:
    """Rows padded on the right, where causal attention never looks. All tensors (b, L); `mask` is true where the model
    chose, and `allowed` what it chose from, row by row. Pictures are PNG until the model reads them."""

    ids: torch.Tensor
    mask: torch.Tensor
    allowed_ids: list[np.ndarray]
    pictures: list[bytes]
    sampler: torch.Tensor
    advantages: torch.Tensor

    @classmethod
    def of(cls, rows: Sequence[Row], pad: int) -> Microbatch:
        size = len(rows), max(map(len, rows))
        ids = torch.full(size, pad)
        mask = torch.zeros(size, dtype=torch.bool)
        turns = torch.full(size, -1)
        sampler, beyond = torch.zeros(size), torch.zeros(size)
        for k, row in enumerate(rows):
            trajectory, length = row.trajectory, len(row)
            ids[k, :length] = torch.tensor(trajectory.ids)
            mask[k, :length] = torch.from_numpy(trajectory.chosen())
            turns[k, :length] = torch.tensor(trajectory.turns)
            sampler[k, :length] = torch.tensor(trajectory.logprobs)
            beyond[k, :length] = torch.from_numpy(row.beyond)
        allowed = [
            allowed
            for row in rows
            for allowed in row.trajectory.allowed_ids
            if allowed is not None and len(allowed) > 1
        ]
        pictures = [picture for row in rows for picture in row.trajectory.pictures]
        advantages = spread_over_tokens(torch.stack([row.advantages for row in rows]), turns)
        return cls(ids, mask, allowed, pictures, sampler, advantages + beyond)


def logprobs_of(actor: TrainablePolicy, batch: Microbatch, temperature: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probability of each chosen token (b, L), 0 elsewhere, as the sampler takes it; and the entropy (N,)."""
    ids = batch.ids.to(actor.device)
    hidden = actor.hidden(ids, batch.pictures, actor.positions(ids, batch.pictures))  # (b, L, H)
    before = hidden[:, :-1][batch.mask[:, 1:]]  # (N, H) outputs from which the chosen tokens were drawn
    targets = ids[batch.mask]
    chosen, entropy = [], []
    for start in range(0, len(targets), CHUNK):
        part = slice(start, start + CHUNK)
        arguments = actor, before[part], targets[part], batch.allowed_ids[part], temperature
        found = checkpoint(_choice, *arguments, use_reentrant=False) if len(targets) > CHUNK else _choice(*arguments)
        chosen.append(found[0])
        entropy.append(found[1])
    return torch.zeros(batch.mask.shape).masked_scatter(batch.mask, torch.cat(chosen).cpu()), torch.cat(entropy).cpu()


class Learning(torch.nn.Module):
    """Whatever is done with the model, as one module: it is wrapped where several processes learn together, and then
    has to be called through. `learning(logprobs_of, batch, temperature)` is `logprobs_of(actor, batch, temperature)`.
    """

    def __init__(self, actor: TrainablePolicy):
        super().__init__()
        self.model, self._actor = actor.model, actor

    def forward(self, call: Callable[..., Result], *arguments: Any) -> Result:
        return call(self._actor, *arguments)


def _choice(
    actor: TrainablePolicy, before: torch.Tensor, targets: torch.Tensor, allowed: list[np.ndarray], temperature: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probabilities (n,) of the targets and entropies (n,) of what they were drawn from."""
    logits = actor.logits(before)  # (n, V)
    logprobs = choice_logprobs(logits, allowed_mask(allowed, logits.shape[1]).to(logits.device), temperature)
    with torch.no_grad():
        entropy = torch.special.entr(logprobs.exp()).sum(dim=1)
    return logprobs.gather(1, targets[:, None])[:, 0], entropy
