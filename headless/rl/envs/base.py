"""Where episodes are played: answers in, rewards and the next messages out. `rollouts` knows this interface alone.

Answers are handed in as they come and results taken as they are ready, so that environments may work in this process,
in others, or on other machines.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

from metaspatial_addon.core.conversation import Conversation
from metaspatial_addon.core.task import Task
from metaspatial_addon.scoring.score import Score
from metaspatial_addon.scoring.weights import Weights

from ..budget import Budget


@dataclass(frozen=True)
class EpisodeSettings:
    """What an episode is played with. `render` measures the view term, `pictures` shows pictures to the model.

    Nothing is rendered for the model that does not fit `budget`: the episode is then over.
    """

    turns: int = 3
    weights: Weights | Literal["paper"] = Weights()
    render: bool = True
    pictures: bool = True
    budget: Budget | None = None


@dataclass(frozen=True)
class StepResult:
    """What an environment says after it began (without a `score`) or took an answer.

    `messages` are those since the last answer, none when the episode is over. A `fault` is one of the machine's: the
    episode has no result. `truncated`: it is over because the next prompt would not fit the budget. `seconds` by phase:
    physics, render.
    """

    messages: Conversation = ()
    score: Score | None = None
    done: bool = False
    fault: str = ""
    truncated: bool = False
    seconds: dict[str, float] = field(default_factory=dict)


class Environments(Protocol):
    """Plays any number of episodes, told apart by a number of the caller's.

    `asynchronous`: whether they are played while this process does other things.
    """

    asynchronous: bool

    def begin(self, episode: int, task: Task, settings: EpisodeSettings) -> None:
        """Ask for a new episode."""
        ...

    def answer(self, episode: int, text: str) -> None:
        """Hand in the answer to what an episode told last."""
        ...

    def collect(self) -> list[tuple[int, StepResult]]:
        """What has been told since, at least one thing if any is due."""
        ...

    def forget(self) -> None:
        """All episodes are over."""
        ...
