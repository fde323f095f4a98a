"""What rollouts and learner need of a model, whatever its class; `compact` is that of the embedded model.

Shapes: b rows, C new tokens, L tokens, H hidden, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from metaspatial_addon.core.conversation import Conversation
from metaspatial_addon.core.task import Task

from ..budget import Budget
from ..data import Prompt

if TYPE_CHECKING:
    from ..kv_cache import SlotCache


class TokenConstraint(Protocol):
    """Walks one answer: the ids that may come next, until it is done. `AnswerGrammar` is one."""

    allowed_ids: np.ndarray
    done: bool

    def advance(self, token: int) -> None: ...


class TrainablePolicy(Protocol):
    """A model that answers and learns. Placeholders of pictures are never among the ids that it may say."""

    model: torch.nn.Module
    device: torch.device
    pad: int
    """The id that fills up rows."""

    def prompt(self, messages: Conversation) -> Prompt:
        """The tokens of what was said since the last answer, up to where the next begins."""
        ...

    def choices(self, conversation: Conversation, longest: int) -> TokenConstraint:
        """What may be answered to a conversation, in at most `longest` tokens where an answer may have any length."""
        ...

    def text(self, ids: Sequence[int]) -> str:
        """The answer that the ids spell, its closing token among them or not."""
        ...

    def positions(self, ids: torch.Tensor, pictures: Sequence[bytes]) -> torch.Tensor:
        """(3, b, C) positions in time, height and width, from 0. No picture is cut by the ends of a row."""
        ...

    def hidden(
        self,
        ids: torch.Tensor,
        pictures: Sequence[bytes],
        positions: torch.Tensor,
        cache: SlotCache | None = None,
        seen: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """(b, C, H) the decoder's outputs for ids (b, C), with the pictures of all rows in order.

        With a `cache` the ids go on behind what is in it, and each sees what `seen` (b, 1, C, S) tells; without one
        each sees those before it in its row.
        """
        ...

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """(…, H) to (…, V), in float32."""
        ...

    def poses(self, ids: Sequence[int], task: Task) -> list[str | None]:
        """For each token of an answer the id of the item whose pose it tells, None for other tokens."""
        ...

    def budget(self, tokens: int, pixels: int) -> Budget | None:
        """That of an episode with at most `tokens` before an answer and renders of `pixels`; None where the model is
        shown no renders, so that its rollout counts early enough."""
        ...

    def reference(self) -> AbstractContextManager[TrainablePolicy]:
        """The model as the run began with it, to stay close to."""
        ...

    def save(self, folder: Path, main: bool = True) -> None:
        """Write what `load` reads. Where several processes learn together all call this, and `main` writes."""
        ...

    def load(self, folder: Path) -> None:
        """Take the weights of a folder that `save` wrote."""
        ...


def allowed_mask(allowed: Sequence[np.ndarray], vocabulary: int) -> torch.Tensor:
    """(N, V) bool, true for the ids that each of N tokens may be; (1, V) where all may be the same."""
    rows: dict[int, int] = {}
    same: dict[bytes, int] = {}  # what came from other processes are copies
    for ids in allowed:
        if id(ids) not in rows:
            rows[id(ids)] = same.setdefault(ids.tobytes(), len(same))
    index = [rows[id(ids)] for ids in allowed]
    table = np.zeros((len(same), vocabulary), bool)
    for ids, row in zip(allowed, index, strict=True):
        if not table[row].any():
            table[row, ids] = True
    return torch.from_numpy(table if len(table) == 1 else table[index])


def choice_logprobs(logits: torch.Tensor, mask: torch.Tensor, temperature: float) -> torch.Tensor:
    """Log-probabilities (N, V) at a temperature among the ids that `mask` allows, -inf elsewhere.

    Sampler and learner both call this one, so that they speak of the same distribution.
    """
    return torch.log_softmax((logits / temperature).masked_fill(~mask, -torch.inf), dim=-1)
