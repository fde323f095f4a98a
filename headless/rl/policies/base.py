"""What rollouts and learner need of a model, whatever its class: `compact` has the embedded model, `chat` others.

Shapes: b rows, C new tokens, S cached tokens, H hidden, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from metaspatial_addon.core.conversation import Conversation
from metaspatial_addon.core.task import Task

from ..data import Grid, PromptTokens, TokenBudget
from ..kv_cache import FixedSlots, SlotCache


class TokenConstraint(Protocol):
    """Walks one answer token by token: the ids that may come next, until it is done. `AnswerGrammar` is one."""

    allowed_ids: np.ndarray
    done: bool

    def advance(self, token: int) -> None: ...


class Unconstrained:
    """Any of `tokens` until one of `ends` closes the answer; the last of `max_tokens` must be the first of `ends`."""

    def __init__(self, tokens: np.ndarray, ends: Sequence[int], max_tokens: int):
        self.tokens, self.ends, self.max_tokens = tokens, ends, max_tokens
        self._left, self._closing = max_tokens, np.array(ends[:1])
        self.allowed_ids, self.done = tokens if max_tokens > 1 else self._closing, False

    def advance(self, token: int) -> None:
        self._left -= 1
        self.done = token in self.ends
        if self._left == 1:
            self.allowed_ids = self._closing


class TrainablePolicy(Protocol):
    """A model that answers and learns. Placeholders of images are never among the ids that it may choose."""

    model: torch.nn.Module
    device: torch.device
    pad: int
    """The id that pads rows."""
    sees_images: bool
    """Whether it was trained with images: a conversation with others has none."""

    def tokenize(self, messages: Conversation) -> PromptTokens:
        """The tokens of the messages since the last answer, up to where the next answer begins."""
        ...

    def constraint(self, conversation: Conversation, max_tokens: int) -> TokenConstraint:
        """The constraint of the next answer, of at most `max_tokens` where the answer's form sets no end."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """The text of an answer, whether or not its closing token is among the ids."""
        ...

    def encode(self, text: str) -> list[int]:
        """The ids of an answer of this text, its closing token included."""
        ...

    def positions(self, ids: torch.Tensor, grids: Sequence[Grid]) -> torch.Tensor:
        """(3, b, C) positions in time, height and width, from 0. No image is cut by the ends of a row."""
        ...

    def hidden(
        self,
        ids: torch.Tensor,
        images: Sequence[bytes],
        positions: torch.Tensor,
        cache: SlotCache | FixedSlots | None = None,
        attention_mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """(b, C, H) the decoder's outputs for ids (b, C), with the images of all rows in order.

        With a `cache` the ids follow what is in it, and `attention_mask` (b, 1, C, S) says what each attends to;
        without one each attends to those before it in its row.
        """
        ...

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """(…, H) to (…, V), in float32."""
        ...

    def pose_items(self, ids: Sequence[int], task: Task) -> list[str | None]:
        """For each token of an answer the id of the item whose pose it is part of, None for other tokens."""
        ...

    def token_budget(self, max_tokens: int, pixels: int) -> TokenBudget | None:
        """The budget of an episode with at most `max_tokens` before an answer and renders of `pixels`; None where the
        model is shown no renders, so that the rollout's own count comes early enough."""
        ...

    def merged_adapters(self) -> AbstractContextManager[None]:
        """Until the end of the block adapters are part of the weights, where that rounds nothing away; nothing learns
        meanwhile."""
        ...

    def reference(self) -> AbstractContextManager[TrainablePolicy]:
        """The model as the run began with it, from which the KL divergence is measured."""
        ...

    def save(self, folder: Path, main: bool = True) -> None:
        """Write what `load` reads. Where several processes learn together all call this, and `main` writes."""
        ...

    def load(self, folder: Path) -> None:
        """Read the weights of a folder that `save` wrote."""
        ...


def allowed_mask(allowed_ids: Sequence[np.ndarray], vocabulary: int) -> torch.Tensor:
    """(N, V) bool, true for the ids that each of N tokens may be; (1, V) where all may be the same."""
    rows: dict[int, int] = {}
    equal: dict[bytes, int] = {}  # arrays that came from other processes are copies
    for ids in allowed_ids:
        if id(ids) not in rows:
            rows[id(ids)] = equal.setdefault(ids.tobytes(), len(equal))
    index = [rows[id(ids)] for ids in allowed_ids]
    table = np.zeros((len(equal), vocabulary), bool)
    for ids, row in zip(allowed_ids, index, strict=True):
        if not table[row].any():
            table[row, ids] = True
    return torch.from_numpy(table if len(table) == 1 else table[index])


def constrained_logprobs(logits: torch.Tensor, mask: torch.Tensor, temperature: float) -> torch.Tensor:
    """Log-probabilities (N, V) at a temperature, normalised over the ids that `mask` allows, -inf elsewhere.

    Sampler and learner both call this, so that they use the same distribution.
    """
    return torch.log_softmax((logits / temperature).masked_fill(~mask, -torch.inf), dim=-1)


def draw_tokens(logprobs: torch.Tensor, uniforms: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
    """(b, 1) ids drawn from log-probabilities (b, V) by the inverse of the cumulative distribution, each by its row's
    uniform number in [0, 1), (b, 1). `last` (b, 1) is the row's last id that is allowed."""
    edges = logprobs.double().exp().cumsum(dim=1)
    places = torch.searchsorted(edges, uniforms * edges[:, -1:], right=True)
    return torch.minimum(places, last)  # rounding may lead beyond the last
