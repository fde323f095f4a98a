"""The environment of an OpenEnv session. Physics and renders run in the pool of processes that all sessions share."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

from fastapi import FastAPI
from openenv.core.env_server.http_server import create_fastapi_app
from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.types import ConcurrencyConfig, EnvironmentMetadata

import metaspatial_addon
from headless.rl.envs.base import EpisodeSettings, StepResult
from headless.rl.envs.sessions import Sessions
from metaspatial_addon.core.task import task_to_json
from metaspatial_addon.policy.endpoint.dialect import chat_message

from .openenv_models import LayoutAction, LayoutObservation, LayoutState
from .splits import TaskSplits

NAME = "metaspatial"
IDLE_SECONDS = 1800.0
"""A session that has been idle for so long is closed."""
PREVIEW = 100
"""Tasks that are listed of a split."""


class LayoutEnvironment(Environment[LayoutAction, LayoutObservation, LayoutState]):
    """One session: any number of episodes, one after the other.

    `reset(split="train", index=7)` begins the episode of that task; without `index`, of the task whose number is
    `seed`. Equal tasks and answers have equal rewards, to the last digit.
    """

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self, sessions: Sessions, splits: TaskSplits, settings: EpisodeSettings):
        super().__init__()
        self._sessions, self._splits, self._settings = sessions, splits, settings
        self._episode: int | None = None
        self._over = True
        self._state = LayoutState()

    def reset(
        self,
        seed: int | None = None,
        episode_id: str | None = None,
        split: str | None = None,
        index: int | None = None,
        **other: Any,
    ) -> LayoutObservation:
        """Begin an episode. Raises InputError, IndexError, and TypeError for what `reset` does not know."""
        if other:
            raise TypeError(f"reset: expected seed, episode_id, split and index, got {', '.join(other)}")
        split = self._splits.names[0] if split is None else split
        number = (seed or 0) % self._splits.count(split) if index is None else index
        task = self._splits.task(split, number)
        self.close()
        self._state = LayoutState(episode_id=episode_id or str(uuid.uuid4()), split=split, index=number, task=task.id)
        self._episode, result = self._sessions.begin(task, self._settings)
        return self._observation(result)

    def step(self, action: LayoutAction, timeout_s: float | None = None, **_: Any) -> LayoutObservation:
        """The result of an answer. Raises ValueError where no episode is under way."""
        if self._episode is None or self._over:
            raise ValueError("the episode is over: call reset")
        result = self._sessions.answer(self._episode, action.answer)
        self._state.step_count += 1
        return self._observation(result)

    @property
    def state(self) -> LayoutState:
        """See `LayoutState`."""
        return self._state

    def close(self) -> None:
        """Drop the episode."""
        if self._episode is not None:
            self._sessions.end(self._episode)
            self._episode = None

    def get_metadata(self) -> EnvironmentMetadata:
        """What `/metadata` says."""
        return EnvironmentMetadata(
            name=NAME,
            description="Lay out furniture in a room, turn by turn; Blender's physics and renders are the reward",
            version=metaspatial_addon.__version__,
        )

    def _observation(self, result: StepResult) -> LayoutObservation:
        self._over = result.done
        messages = [chat_message(message) for message in result.messages]
        if result.fault:
            return LayoutObservation(done=True, status="infra_fault", fault=result.fault)
        if result.score is None:
            return LayoutObservation(messages=messages, done=result.done)
        score = result.score.to_json()
        self._state.rewards = [*self._state.rewards, score["reward"]]
        return LayoutObservation(
            messages=messages,
            done=result.done,
            reward=score["reward"],
            status=score["status"],
            terms={name: value for name, value in score["terms"].items() if value is not None},
            score=score,
        )

    # What follows is OpenEnv's interface for the tasks of a data set.

    def list_splits(self) -> list[str]:
        """The names of the splits."""
        return list(self._splits.names)

    def num_tasks(self, split: str) -> int:
        """See `TaskSplits.count`."""
        return self._splits.count(split)

    def get_task(self, split: str, index: int) -> dict[str, Any]:
        """A task as docs/formats.md describes it, with its split and index."""
        return {"split": split, "index": index, "task": task_to_json(self._splits.task(split, index))}

    def get_task_range(self, split: str, start: int | None = None, stop: int | None = None) -> list[dict[str, Any]]:
        """The tasks of a range, the first PREVIEW of them at most."""
        numbers = range(self._splits.count(split))[slice(start, stop)]
        return [self.get_task(split, index) for index in numbers[:PREVIEW]]

    def list_tasks(self, split: str) -> list[dict[str, Any]]:
        """The first tasks of a split."""
        return self.get_task_range(split)


def app(sessions: Sessions, splits: TaskSplits, settings: EpisodeSettings, most_sessions: int) -> FastAPI:
    """The server's application, for `most_sessions` sessions at once."""
    make: Callable[[], LayoutEnvironment] = partial(LayoutEnvironment, sessions, splits, settings)
    return create_fastapi_app(
        make,
        LayoutAction,
        LayoutObservation,
        concurrency_config=ConcurrencyConfig(max_concurrent_envs=most_sessions, session_timeout=IDLE_SECONDS),
        env_name=NAME,
        state_cls=LayoutState,
        mode="simulation",
    )
