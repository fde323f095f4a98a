"""Environments without Blender: the reward is counted from the answer alone."""

from __future__ import annotations

import math
from collections.abc import Callable

from headless.rl.envs.base import EpisodeSettings, StepResult
from metaspatial_addon.core.evidence import Evidence
from metaspatial_addon.core.faults import Unsupported
from metaspatial_addon.core.task import Layout, Task
from metaspatial_addon.prompts.answer import Answer
from metaspatial_addon.prompts.compact import CompactFormat
from metaspatial_addon.scoring.score import Score
from metaspatial_addon.scoring.terms import counts

FORMAT = CompactFormat()


class PaperEnvironments:
    """Plays on paper: `worth(task, answer, turn)` is the reward. Says after each turn that the first item floats.

    An episode listed in `over` ends after that many turns, one in `broken` fails in that turn (from 1). In those
    listed in `sound` nothing floats from that turn on.
    """

    asynchronous = False

    def __init__(
        self, worth: Callable[[Task, Answer, int], float], over=None, broken=None, sound=None, prompt_format=FORMAT
    ):
        self.format = prompt_format
        self.worth, self.over, self.broken, self.sound = worth, over or {}, broken or {}, sound or {}
        self.episodes: dict[int, list] = {}
        self.told: list[tuple[int, StepResult]] = []

    def begin(self, episode: int, task: Task, settings: EpisodeSettings) -> None:
        layout = Layout(task.id)
        shown = self.format.draw_images(task, layout) if settings.pictures else ()
        self.episodes[episode] = [task, settings, None, 0]
        self.told.append((episode, StepResult(self.format.first(task, shown))))

    def answer(self, episode: int, text: str) -> None:
        task, settings, layout, turn = self.episodes[episode]
        answer = self.format.read(text, task, layout)
        layout, turn = answer.layout, turn + 1
        self.episodes[episode][2:] = layout, turn
        if self.broken.get(episode) == turn:
            self.told.append((episode, StepResult(done=True, fault="the lights went out")))
            return
        floats = turn < self.sound.get(episode, turn + 1)
        floating = (Unsupported(task.movable[0].id, 0.3),) if floats else ()
        evidence = Evidence(floating)
        score = Score(
            task.id,
            "ok",
            self.worth(task, answer, turn),
            {"format": 1.0},
            evidence,
            counts(task, evidence),
        )
        shown = self.format.draw_images(task, layout) if settings.pictures else ()
        message = self.format.feedback(task, layout or Layout(task.id), score.to_json(), shown)
        done = turn >= min(settings.turns, self.over.get(episode, settings.turns))
        self.told.append((episode, StepResult((message,), score, done, seconds={"physics": 0.25})))

    def collect(self) -> list[tuple[int, StepResult]]:
        """One at a time, the last first: whoever waits must not count on an order."""
        return [self.told.pop()] if self.told else []

    def forget(self, below=math.inf) -> None:
        self.episodes = {number: episode for number, episode in self.episodes.items() if number >= below}
