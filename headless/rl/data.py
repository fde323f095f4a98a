"""Episodes and the tokens that they are made of: what passes between environments, sampler and learner. No torch here.

Token in, token out: what was sampled is what is learnt from, and nothing is ever tokenised again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from metaspatial_addon.core.conversation import Conversation
from metaspatial_addon.core.task import Task
from metaspatial_addon.scoring.score import Score

Grid = tuple[int, int, int]
"""Frames, rows and columns of the patches of an image."""


@dataclass(frozen=True)
class PromptTokens:
    """What the model reads next: token ids, among them the placeholders of the images, and the images (PNG) in order.

    `grids` are those of the images, for models whose positions depend on them.
    """

    ids: tuple[int, ...]
    images: tuple[bytes, ...] = ()
    grids: tuple[Grid, ...] = ()


@dataclass(frozen=True)
class Completion:
    """One sampled answer, its closing token included.

    Each token has the log-probability that it was sampled with and the ids that it was chosen from, in rising order,
    among which the log-probabilities are normalised; a forced token had no other and has log-probability 0.
    """

    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    allowed_ids: list[np.ndarray] = field(default_factory=list)

    def append(self, token: int, logprob: float, allowed_ids: np.ndarray) -> None:
        self.ids.append(token)
        self.logprobs.append(logprob)
        self.allowed_ids.append(allowed_ids)


@dataclass
class Trajectory:
    """An episode as token ids; all lists but those of images are by token.

    `completion_mask` is true for the model's own tokens, `turns` are their turns from 0, -1 elsewhere. `logprobs` and
    `allowed_ids` are the sampler's, 0 and None elsewhere. `images` (PNG) and their `grids` are in order.
    """

    ids: list[int] = field(default_factory=list)
    completion_mask: list[bool] = field(default_factory=list)
    turns: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    allowed_ids: list[np.ndarray | None] = field(default_factory=list)
    images: list[bytes] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.ids)

    def append_prompt(self, prompt: PromptTokens) -> None:
        """Add tokens that the model reads, with their images."""
        count = len(prompt.ids)
        self._append(prompt.ids, False, -1, [0.0] * count, [None] * count)
        self.images += prompt.images
        self.grids += prompt.grids

    def append_completion(self, completion: Completion, turn: int) -> None:
        """Add what the model answered in a turn, counted from 0."""
        self._append(completion.ids, True, turn, completion.logprobs, completion.allowed_ids)

    def _append(
        self,
        ids: Sequence[int],
        own: bool,
        turn: int,
        logprobs: Sequence[float],
        allowed_ids: Sequence[np.ndarray | None],
    ) -> None:
        self.ids += ids
        self.completion_mask += [own] * len(ids)
        self.turns += [turn] * len(ids)
        self.logprobs += logprobs
        self.allowed_ids += allowed_ids

    def chosen(self) -> np.ndarray:
        """(L,) whether the model chose the token: its own, and not the only one that was allowed.

        Where there is no choice the log-probability is 0 whatever the weights: nothing to learn, nothing to count.
        """
        return np.array([allowed is not None and len(allowed) > 1 for allowed in self.allowed_ids])


@dataclass
class Episode:
    """One episode of a group. `seed` are the numbers that set its random choices apart from all others of the run.

    `scores` and `timings` (the environment's seconds by phase) are by turn. `fault` says what failed, for an episode
    without a result; `truncated` that an answer or the episode was longer than it may be.
    """

    task: Task
    group: int
    seed: tuple[int, ...]
    trajectory: Trajectory = field(default_factory=Trajectory)
    scores: list[Score] = field(default_factory=list)
    timings: list[dict[str, float]] = field(default_factory=list)
    conversation: Conversation = ()
    fault: str = ""
    truncated: bool = False

    def chosen_tokens(self) -> np.ndarray:
        """(T,) how many tokens the model chose in each turn."""
        turns = np.array(self.trajectory.turns)[self.trajectory.chosen()]
        return np.bincount(turns, minlength=len(self.scores))


@dataclass(frozen=True)
class TokenBudget:
    """Counts a conversation's tokens where no model is and before its images are rendered.

    At most `tokens` are left when an answer begins. `tokenizer` is the path of a tokenizer.json. The chat template adds
    `message_tokens` to a message, by its role, `opening_tokens` before an answer and `image_tokens` for an image, its
    placeholders included. What an answer was cut into when it was sampled may differ: the rollout counts again.
    """

    tokens: int
    tokenizer: str
    message_tokens: dict[str, int]
    opening_tokens: int
    image_tokens: int

    def fits(self, conversation: Conversation) -> bool:
        """Whether an answer to the conversation may begin; images are counted, not read. True where the tokenizer is
        not on this machine."""
        tokenizer = _tokenizer(self.tokenizer)
        if tokenizer is None:
            return True
        count = self.opening_tokens
        for message in conversation:
            text = len(tokenizer.encode(message.text, add_special_tokens=False))
            count += self.message_tokens[message.role] + text + self.image_tokens * len(message.images)
        return count <= self.tokens


@cache
def _tokenizer(path: str) -> Any:
    """None where it cannot be loaded."""
    try:
        from tokenizers import Tokenizer

        return Tokenizer.from_file(path)
    except Exception:  # tokenizers raises Exception itself for a file that is not there
        return None


def microbatches(lengths: Sequence[int], max_tokens: int) -> Iterator[list[int]]:
    """Indices of rows of like length, longest first, so that rows x longest is at most `max_tokens`.

    A row that is longer than that is alone.
    """
    order = sorted(range(len(lengths)), key=lambda k: (-lengths[k], k))
    while order:
        size = max(1, max_tokens // lengths[order[0]])
        yield order[:size]
        order = order[size:]
