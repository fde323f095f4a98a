"""One episode as the model met it: flat token ids, what it said itself, and the pictures as PNG.

Token in, token out: what was sampled is what is learnt from, and nothing is ever tokenised again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Prompt:
    """What the model reads next: token ids, among them the placeholders of the pictures (PNG), in order."""

    ids: tuple[int, ...]
    pictures: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Completion:
    """One sampled answer, its closing token included.

    Each token has the log-probability that it was sampled with and the ids that it was chosen from, among which the
    log-probabilities are normalised; a token that was forced had no other and has 0. Ids are in rising order.
    """

    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    allowed_ids: list[np.ndarray] = field(default_factory=list)

    def add(self, token: int, logprob: float, allowed: np.ndarray) -> None:
        self.ids.append(token)
        self.logprobs.append(logprob)
        self.allowed_ids.append(allowed)


@dataclass
class Trajectory:
    """All lists are by token. `own` is true for the model's own, `turns` is their turn from 0 and -1 elsewhere.

    `logprobs` and `allowed` are the sampler's, 0 and None elsewhere.
    """

    ids: list[int] = field(default_factory=list)
    own: list[bool] = field(default_factory=list)
    turns: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    allowed_ids: list[np.ndarray | None] = field(default_factory=list)
    pictures: list[bytes] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.ids)

    def hear(self, prompt: Prompt) -> None:
        """Add what the model was told: tokens and pictures together."""
        count = len(prompt.ids)
        self._add(list(prompt.ids), False, -1, [0.0] * count, [None] * count)
        self.pictures += prompt.pictures

    def say(self, said: Completion, turn: int) -> None:
        """Add what the model answered in a turn, counted from 0."""
        self._add(said.ids, True, turn, said.logprobs, said.allowed_ids)

    def _add(
        self, ids: list[int], own: bool, turn: int, logprobs: list[float], allowed: Sequence[np.ndarray | None]
    ) -> None:
        self.ids += ids
        self.own += [own] * len(ids)
        self.turns += [turn] * len(ids)
        self.logprobs += logprobs
        self.allowed_ids += allowed

    def chosen(self) -> np.ndarray:
        """(L,) whether the model chose the token: its own, and not the only one that it could say.

        Where there is no choice the log-probability is 0 whatever the weights: nothing to learn, nothing to count.
        """
        return np.array([allowed is not None and len(allowed) > 1 for allowed in self.allowed_ids])


def microbatches(lengths: Sequence[int], most: int) -> Iterator[list[int]]:
    """Indices of rows of like length, longest first, so that rows x longest is at most `most` tokens.

    A row that is longer than that is alone.
    """
    order = sorted(range(len(lengths)), key=lambda k: (-lengths[k], k))
    while order:
        size = max(1, most // lengths[order[0]])
        yield order[:size]
        order = order[size:]
