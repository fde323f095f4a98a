"""What every policy offers: conversations with images in, replies out.

`episode` asks through this interface alone, so the embedded model, a server and a local model are interchangeable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from ..core.conversation import Conversation


class PolicyError(RuntimeError):
    """A policy could not answer, through no fault of the model: an infra fault, never scored.

    The message is one or two sentences that a user can act on: what failed and what to do next.
    """


@dataclass(frozen=True)
class Reply:
    """One answer of a policy.

    `token_ids` and `logprobs` (natural logarithm, at the temperature sampled with) belong to the sampled tokens, the
    closing end-of-turn token included; None where the policy does not know them. `finish` is "length" when the answer
    was cut off at the policy's limit.
    """

    text: str
    token_ids: tuple[int, ...] | None = None
    logprobs: tuple[float, ...] | None = None
    finish: Literal["stop", "length"] = "stop"


class Policy(Protocol):
    """Whoever answers conversations.

    `name` goes into records; `rendering` says which form of the conversation it reads; with `sees_images` False the
    caller need not render pictures for it.
    """

    name: str
    rendering: Literal["full", "compact"]
    sees_images: bool

    def answer(
        self, conversations: Sequence[Conversation], seeds: Sequence[int], temperature: float | None = None
    ) -> list[Reply]:
        """One reply for each conversation, in order, sampled with its own seed.

        `temperature` None means the policy's own default, 0 means greedy. Raises `PolicyError`.
        """
        ...
