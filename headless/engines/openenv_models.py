"""What the OpenEnv server and its clients exchange: typed action, observation and state."""

from __future__ import annotations

from typing import Any, Literal

from openenv.core.env_server.types import Action, Observation, State
from pydantic import Field


class LayoutAction(Action):
    """A model's answer to the messages so far."""

    answer: str = Field(description="The text of the answer: <think>…</think><answer>[placements]</answer>")


class LayoutObservation(Observation):
    """The messages since the last answer, and what that one was worth.

    `reward` is None for the beginning of an episode and for a failure of the machine, which is no fault of the model's:
    leave such an episode out.
    """

    messages: list[dict[str, Any]] = Field(
        default_factory=list,
        description="Chat messages, none at the end; pictures are content parts image_url, PNG in a data URL",
    )
    status: Literal["ok", "model_fault", "infra_fault"] = Field(
        default="ok", description="model_fault: the answer could not be used; infra_fault: the machine failed"
    )
    terms: dict[str, float] = Field(default_factory=dict, description="The terms of the reward by name, 1 is best")
    score: dict[str, Any] | None = Field(default=None, description="The score with all evidence, see docs/formats.md")
    fault: str = Field(default="", description="What failed, for infra_fault")


class LayoutState(State):
    """The task of the session's episode and the rewards of its turns."""

    split: str = ""
    index: int = 0
    task: str = Field(default="", description="The task's id")
    rewards: list[float] = Field(default_factory=list)
