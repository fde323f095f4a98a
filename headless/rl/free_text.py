"""Samples free text on the device: the host starts one step after the other, and learns the tokens at the end.

A step has fixed shapes and is captured as a CUDA graph on cards. Its arithmetic and random numbers are those of
`Sampler`, so that both sample the same tokens, but for rounding. Rows whose answer has ended are run to the end of the
longest one; what they write lies behind their ends, where it is never read.

Shapes: B rows, N tokens at most, S slots of the cache, H hidden, V vocabulary, E closing tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from .cuda_graph import CapturedStep
from .kv_cache import FixedSlots
from .policies.base import TrainablePolicy, Unconstrained, allowed_mask, constrained_logprobs, draw_tokens

CHECKED_EVERY = 16
"""Steps after which the host asks whether all answers have ended, which waits for the device."""


class FreeTextDecoder:
    """The tensors of a step. `outputs` (B, H) are those of the rows' last tokens, `positions` (B,) their next ones. All
    rows answer under constraints like this one, each with random numbers of its own."""

    def __init__(
        self,
        policy: TrainablePolicy,
        cache: FixedSlots,
        outputs: torch.Tensor,
        positions: np.ndarray,
        constraint: Unconstrained,
        generators: Sequence[np.random.Generator],
        temperature: float,
    ):
        device, rows = policy.device, len(generators)
        count = constraint.max_tokens - 1  # the last one is not chosen
        self._policy, self._cache, self._temperature = policy, cache, temperature
        self._outputs = outputs.clone()
        self._positions = torch.tensor(positions, device=device)[:, None]  # (B, 1)
        self._mask = allowed_mask([constraint.tokens], policy.logits(outputs[:1]).shape[1]).to(device)  # (1, V)
        self._last = torch.full((rows, 1), int(constraint.tokens[-1]), device=device)
        self._ends = torch.tensor(constraint.ends, device=device)  # (E,)
        self._uniforms = torch.from_numpy(np.stack([generator.random(count) for generator in generators])).to(device)
        self._number = torch.zeros(1, dtype=torch.long, device=device)
        self._ended = torch.zeros(rows, dtype=torch.bool, device=device)
        self._tokens = torch.zeros(rows, count, dtype=torch.long, device=device)
        self._logprobs = torch.zeros(rows, count, device=device)

    def decode(self) -> tuple[list[list[int]], list[list[float]]]:
        """Tokens and log-probabilities of each row; those behind a closing token mean nothing."""
        step, count = CapturedStep(self._step, self._policy.device), self._tokens.shape[1]
        for number in range(count):
            step()
            if number % CHECKED_EVERY == CHECKED_EVERY - 1 and self._ended.all():
                break
        return self._tokens.tolist(), self._logprobs.tolist()

    def _step(self) -> None:
        """Draw the next token of each row and run it."""
        logprobs = constrained_logprobs(self._policy.logits(self._outputs), self._mask, self._temperature)
        tokens = draw_tokens(logprobs, self._uniforms.index_select(1, self._number), self._last)  # (B, 1)
        self._tokens.index_copy_(1, self._number, tokens)
        self._logprobs.index_copy_(1, self._number, logprobs.gather(1, tokens))
        self._number += 1
        self._ended |= (tokens == self._ends).any(dim=1)
        positions, mask = self._positions.expand(3, -1, 1), self._cache.attention_mask()
        self._outputs.copy_(self._policy.hidden(tokens, [], positions, self._cache, mask)[:, 0])
        self._cache.lengths += ~self._ended
        self._positions += ~self._ended[:, None]
