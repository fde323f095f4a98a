"""The parts of an episode: answers that were evaluated, turns, the outcome.

Made by `env`; read by the button, the commands and training.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ..core.conversation import Conversation
from ..core.task import Layout
from ..prompts.answer import Answer
from ..scoring.score import Score
from .tidy import Move

AFRESH = "This layout was made afresh: no answer that mends the one before was better."
"""A note of a turn."""


@dataclass(frozen=True)
class Candidate:
    """An answer that was read and scored by physics alone, before it is committed to the episode."""

    text: str
    answer: Answer
    score: Score
    seed: int | None = None
    """The seed that the policy sampled it with, where known."""
    tidied: tuple[Move, ...] = ()
    """The small moves that were made after the answer; `answer.layout` is the layout after them."""


@dataclass(frozen=True)
class Turn:
    """One turn of an episode. `images` are PNG by file name; `conversation` ends with the answer.

    `samples` are all candidates of the turn, `candidate` the one that was committed (none after an infra fault).
    """

    number: int
    status: Literal["ok", "model_fault", "infra_fault"]
    score: Score
    conversation: Conversation
    candidate: Candidate | None = None
    samples: tuple[Candidate, ...] = ()
    rejected: bool = False
    """Whether it was no better than the layout that stood, so that the conversation goes on from that one."""
    images: dict[str, bytes] = field(default_factory=dict)
    timings: dict[str, float] = field(default_factory=dict)
    """Seconds by phase: model, physics (of all samples), render (the judge included)."""
    failure: str = ""
    """What failed, for an infra fault."""
    notes: tuple[str, ...] = ()
    """Sentences of the policy about its replies, see `Reply.notes`."""

    @property
    def reward(self) -> float | None:
        return self.score.reward

    @property
    def layout(self) -> Layout | None:
        return None if self.candidate is None else self.candidate.answer.layout


@dataclass(frozen=True)
class Outcome:
    """The result of an episode: its turns, the best usable one, and what failed if a failure ended it.

    `start_score` is that of the layout that the episode began from, if it began from one. `best` is a turn that is
    better; where there is none, the start is the layout to keep, and `note` says so.
    """

    turns: tuple[Turn, ...]
    best: Turn | None
    failure: str = ""
    start_score: Score | None = None

    @property
    def note(self) -> str:
        """A sentence for the user where an episode began from a layout and found none better; else empty."""
        if self.start_score is None or self.best is not None or self.failure:
            return ""
        if not self.turns and self.start_score.evidence.clean:
            return "Nothing is at fault: there is nothing to mend."
        if not self.turns:
            return "Everything at fault is locked: unlock an item and try again."
        return "No answer was better than what stands: try again with another seed or more samples."
