"""Samples the answers of a batch of episodes, with a key-value cache that is kept from turn to turn.

Shapes: B rows (episodes), b of them at once, C new tokens a row, H hidden, V vocabulary. Each row has random numbers of
its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from .data import Completion, PromptTokens
from .free_text import FreeTextDecoder
from .kv_cache import SlotCache
from .policies.base import (
    TokenConstraint,
    TrainablePolicy,
    Unconstrained,
    allowed_mask,
    constrained_logprobs,
    draw_tokens,
)


class Sampler:
    """Runs prompts and generates answers for `rows` episodes that take their turns together.

    With `captured` free text is sampled by `free_text.py`, whose steps are captured on cards.
    """

    def __init__(self, policy: TrainablePolicy, rows: int, temperature: float, captured: bool = False):
        self.policy, self.temperature, self.captured = policy, temperature, captured
        self.cache = SlotCache(rows)
        self.positions = np.zeros(rows, int)  # of the next token
        self.pending: list[list[int]] = [[] for _ in range(rows)]  # sampled, and not yet run through the model
        self.outputs = torch.empty(0)  # (B, H) after the last token of each row

    @torch.inference_mode()
    def prefill(self, prompts: Sequence[PromptTokens]) -> None:
        """Run each row's prompt. Rows that begin with the same one are run once."""
        leaders: dict[PromptTokens, int] = {}
        followers: dict[int, list[int]] = {}
        for row, prompt in enumerate(prompts):
            leader = leaders.setdefault(prompt, row) if not self.cache.lengths[row] else row
            if leader != row:
                followers.setdefault(leader, []).append(row)
        following = {row for rows in followers.values() for row in rows}
        rows = np.array([row for row in range(len(prompts)) if row not in following])
        self._run(rows, [[*self.pending[row], *prompts[row].ids] for row in rows], [prompts[row] for row in rows])
        for leader, copies in followers.items():
            self.cache.copy(leader, copies)
            self.positions[copies] = self.positions[leader]
            self.outputs[copies] = self.outputs[leader].clone()

    @torch.inference_mode()
    def generate(self, constraints: Sequence[TokenConstraint], seeds: Sequence[Sequence[int]]) -> list[Completion]:
        """One answer a row, drawn with the row's own seed."""
        generators = [np.random.default_rng(seed) for seed in seeds]
        if self.captured and isinstance(constraints[0], Unconstrained):
            return self._free_text(constraints[0], constraints, generators)
        completions = [Completion() for _ in constraints]
        self.pending = [[] for _ in constraints]
        live = [row for row, constraint in enumerate(constraints) if not constraint.done]
        while live:
            self._sample(live, constraints, generators, completions)
            for row in live:
                constraint = constraints[row]
                while not constraint.done and len(constraint.allowed_ids) == 1:
                    self._append(row, int(constraint.allowed_ids[0]), 0.0, constraint, completions[row])
            live = [row for row in live if not constraints[row].done]
            if live:
                self._run(np.array(live), [self.pending[row] for row in live], [])
        return completions

    def _free_text(
        self, first: Unconstrained, constraints: Sequence[TokenConstraint], generators: Sequence[np.random.Generator]
    ) -> list[Completion]:
        """One answer a row, all under constraints like the first."""
        cache = self.cache.fixed(first.max_tokens, self.policy.device)
        decoder = FreeTextDecoder(self.policy, cache, self.outputs, self.positions, first, generators, self.temperature)
        tokens, logprobs = decoder.decode()
        completions = [Completion() for _ in constraints]
        for row, (constraint, completion) in enumerate(zip(constraints, completions, strict=True)):
            for token, logprob in zip(tokens[row], logprobs[row], strict=True):
                if constraint.done:
                    break
                self._append(row, token, logprob, constraint, completion)
            if not constraint.done:
                self._append(row, int(constraint.allowed_ids[0]), 0.0, constraint, completion)
        self.pending = [completion.ids[-1:] for completion in completions]  # the others have been run
        lengths = cache.lengths.cpu().numpy()
        self.positions += lengths - self.cache.lengths
        self.cache.lengths = lengths
        return completions

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows alone, in this order."""
        index = np.array(rows, int)
        self.cache.keep(index)
        self.positions = self.positions[index]
        self.pending = [self.pending[row] for row in rows]
        if len(self.outputs):
            self.outputs = self.outputs[list(rows)]

    def _sample(
        self,
        rows: Sequence[int],
        constraints: Sequence[TokenConstraint],
        generators: Sequence[np.random.Generator],
        completions: Sequence[Completion],
    ) -> None:
        """Draw the next token of each row from its allowed ids."""
        logits = self.policy.logits(self.outputs[list(rows)])  # (b, V)
        mask = allowed_mask([constraints[row].allowed_ids for row in rows], logits.shape[1]).to(logits.device)
        logprobs = constrained_logprobs(logits, mask, self.temperature)
        drawn = torch.tensor([generators[row].random() for row in rows], dtype=torch.float64)[:, None]
        last = torch.tensor([int(constraints[row].allowed_ids[-1]) for row in rows])[:, None]
        tokens = draw_tokens(logprobs, drawn.to(logprobs.device), last.to(logprobs.device))
        sampled = zip(rows, tokens[:, 0].tolist(), logprobs.gather(1, tokens)[:, 0].tolist(), strict=True)
        for row, token, logprob in sampled:
            self._append(row, token, logprob, constraints[row], completions[row])

    def _append(
        self, row: int, token: int, logprob: float, constraint: TokenConstraint, completion: Completion
    ) -> None:
        completion.append(token, logprob, constraint.allowed_ids)
        self.pending[row].append(token)
        constraint.advance(token)

    def _run(self, rows: np.ndarray, tokens: Sequence[Sequence[int]], prompts: Sequence[PromptTokens]) -> None:
        """Run tokens behind the rows' last ones and keep the output after each row's last."""
        counts = np.array([len(row_tokens) for row_tokens in tokens])
        padded = np.full((len(tokens), counts.max()), self.policy.pad)
        for k, row_tokens in enumerate(tokens):
            padded[k, : len(row_tokens)] = row_tokens
        device = self.policy.device
        ids = torch.from_numpy(padded).to(device)
        start = torch.from_numpy(self.positions[rows]).to(device)
        images = [image for prompt in prompts for image in prompt.images]
        grids = [grid for prompt in prompts for grid in prompt.grids]
        positions = self.policy.positions(ids, grids) + start[None, :, None]
        attention_mask = self.cache.prepare(rows, ids.shape[1], device)
        hidden = self.policy.hidden(ids, images, positions, self.cache, attention_mask)
        self.cache.lengths[rows] += counts
        if not len(self.outputs):
            self.outputs = hidden.new_zeros(len(self.positions), hidden.shape[-1])
        self.outputs[rows] = hidden[np.arange(len(rows)), counts - 1]
        for k, row in enumerate(rows):
            self.positions[row] = int(positions[:, k, : counts[k]].max()) + 1
            self.pending[row] = []
