"""What an episode is made of: what a policy is told, answers that were weighed, turns as they happened, the outcome.

Made by `episode`; read by the button, the commands and training.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ..core.conversation import Conversation
from ..core.task import Layout
from ..prompts.answer import Answer
from ..scoring.score import Score


@dataclass(frozen=True)
class Observation:
    """What a policy is told since its last answer."""

    messages: Conversation

    @property
    def text(self) -> str:
        return "\n\n".join(message.text for message in self.messages)

    @property
    def images(self) -> tuple[bytes, ...]:
        return tuple(image for message in self.messages for image in message.images)


@dataclass(frozen=True)
class Candidate:
    """An answer read and scored by physics alone; nothing has happened to the episode yet."""

    text: str
    answer: Answer
    score: Score
    seed: int | None = None
    """The seed that the policy sampled it with, where one is known."""


@dataclass(frozen=True)
class Turn:
    """One turn as it happened. `images` are PNG by file name; `conversation` ends with the answer."""

    number: int
    status: Literal["ok", "model_fault", "infra_fault"]
    score: Score
    conversation: Conversation
    candidate: Candidate | None = None
    samples: tuple[Candidate, ...] = ()
    images: dict[str, bytes] = field(default_factory=dict)
    timings: dict[str, float] = field(default_factory=dict)
    """Seconds by phase: model, physics (of all samples), render (the judge included)."""
    failure: str = ""
    """What failed, for an infra fault."""

    @property
    def reward(self) -> float | None:
        return self.score.reward

    @property
    def layout(self) -> Layout | None:
        return None if self.candidate is None else self.candidate.answer.layout


@dataclass(frozen=True)
class Outcome:
    """How an episode ended: its turns, the best usable one, and what failed if a failure cut it short.

    `start` is the score of the layout that it began from, if it did. No turn that is no better than that is `best`:
    where there is none, the layout that stands is the one to keep, and `note` says so.
    """

    turns: tuple[Turn, ...]
    best: Turn | None
    failure: str = ""
    start: Score | None = None

    @property
    def note(self) -> str:
        """A sentence for people about an episode that began from a layout and has found nothing better; else empty."""
        if self.start is None or self.best is not None or self.failure:
            return ""
        if not self.turns and self.start.evidence.clean:
            return "Nothing is at fault: there is nothing to mend."
        if not self.turns:
            return "Everything at fault is locked: unlock an item and try again."
        return "No answer was better than what stands: try again with another seed or more samples."
