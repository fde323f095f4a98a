"""The environment with typed tools, for `environment_factory` of TRL's GRPOTrainer.

with layout_tools(workers=4) as factory:
    rows = Dataset.from_list(prompts(512))
    GRPOTrainer(model, args=arguments, train_dataset=rows, environment_factory=factory).train()
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from headless.rl.envs.base import EpisodeSettings, StepResult
from headless.rl.envs.sessions import Sessions
from metaspatial_addon.core.conversation import Message
from metaspatial_addon.core.task import Layout, Pose
from metaspatial_addon.prompts.full import FRAME, FullFormat

from .splits import TaskSplits
from .workers import worker_sessions

INSTRUCTIONS = f"""{FRAME}

Give every item its place by the tool place, and change one by the tool move. Then call done: the layout is judged, \
and you are told what is wrong with it. Repair that by move and call done again, until nothing is at fault."""

Content = str | list[dict[str, Any]]
"""What a tool or a prompt says: text, or content blocks where there are pictures."""


def prompts(count: int, split: str = "train", first: int = 0) -> list[dict[str, Any]]:
    """The rows of a data set for tasks `first` to `first + count - 1` of a split; `LayoutTools.reset` adds the task."""
    prompt = [{"role": "user", "content": INSTRUCTIONS}]
    return [{"prompt": prompt, "split": split, "index": first + k} for k in range(count)]


class LayoutTools:
    """The room of one rollout at a time. Its public methods but `reset` and `get_reward` are the model's tools."""

    def __init__(self, sessions: Sessions, splits: TaskSplits, settings: EpisodeSettings):
        self._sessions, self._splits, self._settings = sessions, splits, settings
        self._episode: int | None = None

    def reset(self, split: str, index: int, **_: Any) -> Content:
        """Begin the episode of a row of `prompts`; returns the room and the items. Other columns are left alone.

        Raises InputError and IndexError for a task that is not there.
        """
        if self._episode is not None:
            self._sessions.end(self._episode)
        self._task = self._splits.task(split, index)
        self._poses: dict[str, Pose] = {}
        self._judged: dict[str, Pose] | None = None
        self._rewards: list[float] = []
        self._episode, self._result = self._sessions.begin(self._task, self._settings)
        said = self._result.messages[-1] if self._result.messages else Message("user", self._result.fault)
        return _content(f"\n\n{said.text}", said.images)

    def place(self, item: str, x: float, y: float, yaw: float, z: float = 0.0) -> str:
        """
        Give an item its place.

        Args:
            item: The item's id.
            x: Centre of the item in metres.
            y: Centre of the item in metres.
            yaw: Rotation in degrees, counter-clockwise.
            z: Height of its underside above the floor in metres.

        Returns:
            How many items are still to be placed.
        """
        if item in self._poses:
            raise ValueError(f"{item} has its place already: use move")
        self._set(item, x, y, yaw, z)
        left = len(self._task.movable) - len(self._poses)
        return f"{item} is placed; {left} to go." if left else f"{item} is placed, as are all others: call done."

    def move(self, item: str, x: float, y: float, yaw: float, z: float = 0.0) -> str:
        """
        Move an item that was placed.

        Args:
            item: The item's id.
            x: Centre of the item in metres.
            y: Centre of the item in metres.
            yaw: Rotation in degrees, counter-clockwise.
            z: Height of its underside above the floor in metres.

        Returns:
            That it was moved.
        """
        if item not in self._poses:
            raise ValueError(f"{item} has no place yet: use place")
        self._set(item, x, y, yaw, z)
        return f"{item} is moved."

    def done(self) -> Content:
        """
        Hand in the layout to be judged.

        Returns:
            Its score and what is wrong with it.
        """
        self._check_running()
        missing = [item.id for item in self._task.movable if item.id not in self._poses]
        if missing:
            raise ValueError(f"{', '.join(missing)}: not placed yet")
        result = self._hand_in()
        if result.fault or result.score is None:
            raise RuntimeError("the layout could not be judged")
        faults = [fault.sentence() for fault in result.score.evidence.faults()]
        lines = [f"Score: {result.score.reward or 0.0:.2f}.", *(f"- {fault}" for fault in faults)]
        lines.append("That was the last turn." if result.done else "Move what is at fault and call done again.")
        images = [image for message in result.messages for image in message.images]
        return _content("\n".join(lines), tuple(images))

    def get_reward(self) -> float | None:
        """The reward of the best layout that was handed in. One that was changed since is handed in now.

        None where the machine failed: TRL then leaves the rollout out of its group.
        """
        if self._poses != self._judged and not self._result.done:
            self._hand_in()
        return None if self._result.fault else max(self._rewards)

    def _set(self, item: str, x: float, y: float, yaw: float, z: float) -> None:
        self._check_running()
        if item not in {movable.id for movable in self._task.movable}:
            raise ValueError(f"{item}: expected one of {', '.join(movable.id for movable in self._task.movable)}")
        self._poses[item] = Pose(float(x), float(y), float(z), float(yaw) % 360)

    def _check_running(self) -> None:
        if self._result.done:
            raise ValueError("the last turn is over: nothing can be changed any more")

    def _hand_in(self) -> StepResult:
        """Play a turn whose answer lists all that was placed."""
        assert self._episode is not None
        text = FullFormat().answer_text(self._task, Layout(self._task.id, self._poses))
        self._result = self._sessions.answer(self._episode, text)
        self._judged = dict(self._poses)
        if self._result.score is not None:
            self._rewards.append(self._result.score.reward or 0.0)
        return self._result


@contextmanager
def layout_tools(
    tasks: str = "typical",
    seed: int = 1,
    turns: int = 3,
    pixels: int = 0,
    render: bool = True,
    workers: int = os.cpu_count() or 1,
) -> Iterator[Callable[[], LayoutTools]]:
    """Yield an `environment_factory`, whose environments share `workers` processes with Blender.

    `tasks` and `seed` are those of `TaskSplits`. `turns` is how often `done` may be called; `render` measures the view
    term; with `pixels` above 0 the model is shown renders of that size, for models that read pictures.
    """
    settings = EpisodeSettings(turns, render=render, pictures=pixels > 0)
    with worker_sessions(workers, pixels) as sessions:
        yield partial(LayoutTools, sessions, TaskSplits(tasks, seed), settings)


def _content(text: str, images: tuple[bytes, ...]) -> Content:
    """Text alone, or content blocks with the images before it."""
    if not images:
        return text
    from PIL import Image

    blocks: list[dict[str, Any]] = [{"type": "image", "image": Image.open(io.BytesIO(png))} for png in images]
    return [*blocks, {"type": "text", "text": text}]
