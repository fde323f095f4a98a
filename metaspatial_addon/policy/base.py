"""The interface of all policies: conversations with images in, replies out.

`episode` uses this interface alone, so the embedded model, a server and a local model are interchangeable.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from ..core.conversation import Conversation

OnProgress = Callable[[], None]
"""Called while a policy works, see `Policy.answer`."""

DEFAULT_MAX_TOKENS = 4096
"""Most tokens of an answer, its thoughts included, of models that are not ours."""

BUILTIN_SAMPLES, FEWEST_SAMPLES, MOST_PLACED = 8, 2, 320
"""Answers a turn that the embedded model is asked for at use: fewer where all of them would place more items than
MOST_PLACED. The time of an answer grows faster than the number of items."""

REQUEST_THREAD = "endpoint"
"""Name of the threads that ask a server."""


class PolicyError(RuntimeError):
    """A policy could not answer, through no fault of the model: an infra fault, never scored.

    The message is one or two sentences that a user can act on: what failed and what to do next.
    """


class ContextTooShort(PolicyError):
    """A conversation and its answer do not fit the context of the model."""


@dataclass(frozen=True)
class Reply:
    """One completion.

    `token_ids` and `logprobs` (natural logarithm, at the temperature sampled with) belong to the sampled tokens, the
    closing end-of-turn token included; None where the policy does not know them. `notes` are sentences for the user:
    that a limit ended the text, or what a server would not take. `cut_off`: a limit ended an answer that had begun.
    """

    text: str
    token_ids: tuple[int, ...] | None = None
    logprobs: tuple[float, ...] | None = None
    notes: tuple[str, ...] = ()
    cut_off: bool = False


def builtin_samples(items: int) -> int:
    """Answers a turn that the embedded model is asked for at use, with so many items to place."""
    return min(BUILTIN_SAMPLES, max(FEWEST_SAMPLES, MOST_PLACED // max(items, 1)))


def request_threads() -> list[threading.Thread]:
    """Threads that still ask a server: after a request was broken off, those in a name look-up. No Blender operator may
    run beside them."""
    return [thread for thread in threading.enumerate() if thread.name == REQUEST_THREAD]


def still_thinking(text: str) -> bool:
    """Whether the answer of a text that a limit ended had not begun."""
    return "</think>" not in text if "<think>" in text else not text.strip()


def cut_off_note(model: str, limit: str, text: str, remedy: str = "") -> str:
    """A sentence on an answer that a limit ended: it may never have begun, for thinking. `limit`: what was used up."""
    remedy = remedy or "Allow more in the preferences (Most Tokens) or with --max-tokens"
    if still_thinking(text):
        return f"{model} used up {limit} by thinking, before it answered. {remedy}."
    return f"{model} used up {limit} before its answer was complete. {remedy}."


class Policy(Protocol):
    """A model, wherever it runs.

    `name` goes into records; `prompt_format` is the form of the conversation that it reads; with `sees_images` False
    the caller need not render images for it.
    """

    name: str
    prompt_format: Literal["full", "compact"]
    sees_images: bool

    def answer(
        self,
        conversations: Sequence[Conversation],
        seeds: Sequence[int],
        temperature: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> list[Reply]:
        """One reply for each conversation, in order, sampled with its own seed.

        `temperature` None means the policy's own default, 0 means greedy. `on_progress` is called in the calling
        thread again and again, usually several times a second, for as long as the policy is at work: a caller that
        hears nothing for long may take the process as hung. A PolicyError that it raises cancels the answer.
        Raises PolicyError.
        """
        ...
