"""Samples answers for a flight of episodes, with keys and values kept from turn to turn.

Shapes: B rows (episodes), b of them at once, C new tokens a row, S cached tokens, K key-value heads, D per head,
H hidden, V vocabulary. The random numbers of a row are its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from .data import Completion, Prompt
from .kv_cache import SlotCache
from .policies.base import TokenConstraint, TrainablePolicy, allowed_mask, choice_logprobs


class Sampler:
    """Reads and writes for `rows` episodes that take their turns together."""

    def __init__(self, actor: TrainablePolicy, rows: int, temperature: float):
        self.actor, self.temperature = actor, temperature
        self.cache = SlotCache(rows)
        self.positions = np.zeros(rows, int)  # of the next token
        self.pending: list[list[int]] = [[] for _ in range(rows)]  # said, and not yet run through the model
        self.outputs: list[torch.Tensor | None] = [None] * rows  # (H,) after the last token

    @torch.inference_mode()
    def read(self, prompts: Sequence[Prompt]) -> None:
        """Run each row's prompt. Rows that begin with the same one are run once."""
        leaders: dict[Prompt, int] = {}
        followers: dict[int, list[int]] = {}
        for row, prompt in enumerate(prompts):
            leader = leaders.setdefault(prompt, row) if not self.cache.lengths[row] else row
            if leader != row:
                followers.setdefault(leader, []).append(row)
        behind = {row for rows in followers.values() for row in rows}
        rows = np.array([row for row in range(len(prompts)) if row not in behind])
        self._run(rows, [[*self.pending[row], *prompts[row].ids] for row in rows], [prompts[row] for row in rows])
        for leader, rows_after in followers.items():
            self.cache.copy(leader, rows_after)
            self.positions[rows_after] = self.positions[leader]
            for row in rows_after:
                self.outputs[row] = self.outputs[leader]

    @torch.inference_mode()
    def write(self, choices: Sequence[TokenConstraint], seeds: Sequence[Sequence[int]]) -> list[Completion]:
        """One answer a row, drawn with the row's own seed."""
        generators = [np.random.default_rng(seed) for seed in seeds]
        answers = [Completion() for _ in choices]
        self.pending = [[] for _ in choices]
        live = [row for row, choice in enumerate(choices) if not choice.done]
        while live:
            self._choose(live, choices, generators, answers)
            for row in live:
                said = answers[row]
                while not choices[row].done and len(choices[row].allowed_ids) == 1:
                    self._take(row, int(choices[row].allowed_ids[0]), 0.0, choices[row], said)
            live = [row for row in live if not choices[row].done]
            if live:
                self._run(np.array(live), [self.pending[row] for row in live], [])
        return answers

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows alone, in this order."""
        index = np.array(rows, int)
        self.cache.keep(index)
        self.positions = self.positions[index]
        self.pending = [self.pending[row] for row in rows]
        self.outputs = [self.outputs[row] for row in rows]

    def _choose(
        self,
        rows: Sequence[int],
        choices: Sequence[TokenConstraint],
        generators: Sequence,
        answers: Sequence[Completion],
    ) -> None:
        """Draw the next token of each row from what it may say, by the cumulative distribution."""
        logits = self.actor.logits(torch.stack([self.outputs[row] for row in rows]))  # (b, V)
        mask = allowed_mask([choices[row].allowed_ids for row in rows], logits.shape[1]).to(logits.device)
        logprobs = choice_logprobs(logits, mask, self.temperature)
        edges = logprobs.double().exp().cumsum(dim=1)
        drawn = torch.tensor([generators[row].random() for row in rows], dtype=torch.float64)[:, None]
        places = torch.searchsorted(edges, drawn.to(edges.device) * edges[:, -1:], right=True)  # (b, 1)
        last = torch.tensor([int(choices[row].allowed_ids[-1]) for row in rows])[:, None]
        tokens = torch.minimum(places, last.to(places.device))  # rounding may lead beyond the last that is allowed
        taken = zip(rows, tokens[:, 0].tolist(), logprobs.gather(1, tokens)[:, 0].tolist(), strict=True)
        for row, token, logprob in taken:
            self._take(row, token, logprob, choices[row], answers[row])

    def _take(self, row: int, token: int, logprob: float, choice: TokenConstraint, said: Completion) -> None:
        said.add(token, logprob, choice.allowed_ids)
        self.pending[row].append(token)
        choice.advance(token)

    def _run(self, rows: np.ndarray, fed: Sequence[Sequence[int]], prompts: Sequence[Prompt]) -> None:
        """Run tokens behind the rows' last ones and keep the output after each row's last."""
        counts = np.array([len(tokens) for tokens in fed])
        ids = np.full((len(fed), counts.max()), self.actor.pad)
        for k, tokens in enumerate(fed):
            ids[k, : len(tokens)] = tokens
        pictures = [picture for prompt in prompts for picture in prompt.pictures]
        device = self.actor.device
        tensor = torch.from_numpy(ids).to(device)
        start = torch.from_numpy(self.positions[rows]).to(device)
        positions = self.actor.positions(tensor, pictures) + start[None, :, None]
        seen = self.cache.aim(rows, ids.shape[1], device)
        hidden = self.actor.hidden(tensor, pictures, positions, self.cache, seen)
        self.cache.lengths[rows] += counts
        ends = [int(positions[:, k, :count].max()) + 1 for k, count in enumerate(counts)]
        for k, row in enumerate(rows):
            self.outputs[row] = hidden[k, counts[k] - 1]
            self.positions[row] = ends[k]
            self.pending[row] = []
