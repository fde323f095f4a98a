"""The environment in Gymnasium's form, which importing this module registers as "MetaSpatial/Layout-v0":

gymnasium.make("headless.engines.gymnasium_env:MetaSpatial/Layout-v0")
"""

from __future__ import annotations

import string
from typing import Any, Literal

import gymnasium
import numpy as np
from gymnasium import spaces

from metaspatial_addon.core.conversation import Conversation
from metaspatial_addon.core.task import Layout, Task
from metaspatial_addon.episode.play import RENDER_PIXELS
from metaspatial_addon.policy.endpoint.dialect import chat_message
from metaspatial_addon.prompts.full import FullFormat
from metaspatial_addon.prompts.png import read_png

from .splits import TaskSplits

ID = "MetaSpatial/Layout-v0"
LONGEST_ACTION, LONGEST_OBSERVATION = 2**16, 2**20
"""Characters of their texts."""


class AnyText(spaces.Text):
    """Texts of any characters, up to a length. Samples are of printable ASCII ones."""

    def __init__(self, max_length: int):
        super().__init__(max_length, min_length=0, charset=string.printable)

    def contains(self, x: Any) -> bool:
        return isinstance(x, str) and len(x) <= self.max_length


class LayoutGymEnv(gymnasium.Env[dict[str, Any], str]):
    """Lays out one room an episode. Physics and renders run in this process: `gymnasium.make_vec` with
    `vectorization_mode="async"` has one process for each environment.

    An action is the text of an answer, an observation the text of the messages since the last one, with `pixels` above
    0 also their two renders of that width and height. The reward is that of the turn, from 0 to 1. `info` holds the
    same messages as chat completions have them, `task`, and after an answer `status`, `terms` and `score`, which
    docs/formats.md describes.

    `reset` draws a task of `split` by its seed; `options={"index": 7}` names one, `options={"task": task}` brings one.
    A failure of the machine raises `InfraFault`: it has no reward. See `TaskSplits` for `tasks`, `split` and `seed`.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 1}

    def __init__(
        self,
        tasks: str = "typical",
        split: str = "train",
        seed: int = 1,
        turns: int = 3,
        pixels: int = 0,
        render_mode: Literal["rgb_array"] | None = None,
    ):
        from metaspatial_addon.blender.physics.stage import Stage
        from metaspatial_addon.blender.rendering.render import Renderer
        from metaspatial_addon.episode.env import LayoutEnv

        self._splits, self._split = TaskSplits(tasks, seed), split
        self._splits.count(split)
        self._stage = Stage()
        self._renderer = Renderer("cycles", pixels=pixels)
        self._env = LayoutEnv(self._stage, self._renderer, FullFormat(), max_turns=turns, show_images=pixels > 0)
        self._pixels, self.render_mode = pixels, render_mode
        parts: dict[str, spaces.Space[Any]] = {"text": AnyText(LONGEST_OBSERVATION)}
        if pixels:
            parts["images"] = spaces.Sequence(spaces.Box(0, 255, (pixels, pixels, 3), np.uint8))
        self.observation_space = spaces.Dict(parts)
        self.action_space = AnyText(LONGEST_ACTION)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Begin an episode. Raises InputError and IndexError for a task that is not there, and InfraFault."""
        super().reset(seed=seed)
        options = options or {}
        task: Task | None = options.get("task")
        if task is None:
            drawn = int(self.np_random.integers(self._splits.count(self._split)))
            task = self._splits.task(self._split, options.get("index", drawn))
        messages, _ = self._env.reset(task)
        return self._observation(messages), {"messages": self._chat(messages), "task": task.id}

    def step(self, action: str) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Answer the last observation. Raises ValueError where the episode is over, and InfraFault."""
        messages, reward, terminated, truncated, info = self._env.step(action)
        score = info["score"]
        said = {"messages": self._chat(messages), "task": self._env.task.id, "status": info["status"]}
        said |= {"terms": score["terms"], "score": score}
        return self._observation(messages), reward, terminated, truncated, said

    def render(self) -> np.ndarray | None:
        """A perspective view of the layout that stands, height x width x 3, in the mode "rgb_array"."""
        if self.render_mode is None:
            return None
        task = self._env.task
        layout = self._env.layout or Layout(task.id)
        return read_png(self._renderer.room_view(self._stage, task, layout, self._pixels or RENDER_PIXELS))

    def close(self) -> None:
        """Remove the scene of this environment."""
        self._renderer.close()
        self._stage.clear()

    def _observation(self, messages: Conversation) -> dict[str, Any]:
        parts: dict[str, Any] = {"text": "\n\n".join(message.text for message in messages)}
        if self._pixels:
            parts["images"] = tuple(read_png(png) for message in messages for png in message.images)
        return parts

    def _chat(self, messages: Conversation) -> list[dict[str, Any]]:
        return [chat_message(message) for message in messages]


gymnasium.register(ID, entry_point=LayoutGymEnv)
