"""The interface of environments: completions in, rewards and the next messages out. `rollout` uses nothing else.

Completions are handed in as they come and results taken as they are ready, so that environments may work in this
process, in others, or on other machines.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, Protocol

from metaspatial_addon.core.conversation import Conversation
from metaspatial_addon.core.engines import ViewMethod
from metaspatial_addon.core.task import Task
from metaspatial_addon.scoring.score import Score
from metaspatial_addon.scoring.weights import Weights

from ..data import TokenBudget


@dataclass(frozen=True)
class EpisodeSettings:
    """Options of an episode. `render` measures the view term, by `view_method`; `pictures` puts images into the
    conversation.

    An episode is truncated when its next prompt would not fit `budget`; no image is rendered for that prompt.
    """

    turns: int = 3
    weights: Weights | Literal["paper"] = Weights()
    render: bool = True
    pictures: bool = True
    budget: TokenBudget | None = None
    view_method: ViewMethod = "renders"


@dataclass(frozen=True)
class StepResult:
    """What an environment returns for the beginning of an episode (without a `score`) and for each completion.

    `messages` are those since the last completion, none when the episode is over. A `fault` is a failure of the
    machine: the episode has no result. `truncated`: it is over because the next prompt would not fit the budget.
    `seconds` by phase: physics, render.
    """

    messages: Conversation = ()
    score: Score | None = None
    done: bool = False
    fault: str = ""
    truncated: bool = False
    seconds: dict[str, float] = field(default_factory=dict)


class Environments(Protocol):
    """Any number of episodes at a time, by numbers of the caller's.

    `asynchronous`: whether they run while this process does other things.
    """

    asynchronous: bool

    def begin(self, episode: int, task: Task, settings: EpisodeSettings) -> None:
        """Ask for a new episode."""
        ...

    def answer(self, episode: int, text: str) -> None:
        """Hand in the completion for an episode's last result."""
        ...

    def collect(self) -> list[tuple[int, StepResult]]:
        """Results since the last call, by episode; waits for at least one if any is due."""
        ...

    def forget(self, below: float = math.inf) -> None:
        """Drop the episodes of lower numbers, those that are not over included. They are lower than all others that
        have begun since the last of them."""
        ...
