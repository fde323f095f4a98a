"""Environments in the trainer's own process: `LayoutEnv` on one stage, with real physics and renders."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace

from headless.judge import JudgeSettings, open_judge
from headless.user_terms import TermSettings, import_term
from metaspatial_addon.blender.physics.stage import Stage
from metaspatial_addon.blender.rendering.render import Renderer
from metaspatial_addon.core.conversation import Conversation, Message
from metaspatial_addon.core.task import Layout, Task
from metaspatial_addon.episode.env import LayoutEnv
from metaspatial_addon.episode.scorer import InfraFault
from metaspatial_addon.episode.turn import Candidate
from metaspatial_addon.policy.base import request_threads
from metaspatial_addon.prompts.full import IMAGES, PromptFormat

from .base import EpisodeSettings, StepResult


class SyncEnvironments:
    """`Environments` in this process, one step after the other, on one stage. Use it as a context manager.

    `pixels` is the width and height of the renders that the model and the judge see, 0 where the prompt format draws
    its own images and there is no judge. `threads` limits Cycles. Raises PolicyError for a judge's address or key that
    cannot be used, and InputError for a user's term that cannot be imported.
    """

    asynchronous = False

    def __init__(
        self,
        prompt_format: PromptFormat,
        pixels: int = 0,
        threads: int | None = None,
        judge: JudgeSettings | None = None,
        user_terms: Sequence[TermSettings] = (),
    ):
        self.prompt_format, self._pixels, self._threads = prompt_format, pixels, threads
        self._judge = None if judge is None else open_judge(judge)
        self._user_terms = [import_term(settings) for settings in user_terms]
        self._episodes: dict[int, LayoutEnv] = {}
        self._settings: dict[int, EpisodeSettings] = {}
        self._begun: list[tuple[int, Task]] = []
        self._answered: list[tuple[int, str]] = []

    def __enter__(self) -> SyncEnvironments:
        self._stage = Stage()
        self._renderer = Renderer("cycles", threads=self._threads, pixels=self._pixels)
        return self

    def __exit__(self, *_: object) -> None:
        self._renderer.close()
        self._stage.clear()

    def begin(self, episode: int, task: Task, settings: EpisodeSettings) -> None:
        """See `Environments`."""
        self._episodes[episode] = LayoutEnv(
            self._stage,
            self._renderer if settings.render else None,
            self.prompt_format,
            self._judge,
            weights=settings.weights,
            max_turns=settings.turns,
            show_images=settings.pictures,
            user_terms=self._user_terms,
        )
        self._settings[episode] = settings
        self._begun.append((episode, task))

    def answer(self, episode: int, text: str) -> None:
        """See `Environments`."""
        self._answered.append((episode, text))

    def collect(self) -> list[tuple[int, StepResult]]:
        """See `Environments`: all results that are due. Episodes of one task are stepped one after the other, so that
        its room is built once."""
        results = [(episode, self._begin(episode, task)) for episode, task in self._begun]
        rooms: dict[int, list[tuple[int, str]]] = {}
        for episode, text in self._answered:
            rooms.setdefault(id(self._episodes[episode].task), []).append((episode, text))
        for room in rooms.values():
            results += [(episode, self._step(episode, text)) for episode, text in room]
        self._begun, self._answered = [], []
        return results

    def forget(self, below: float = math.inf) -> None:
        """See `Environments`."""
        self._episodes = {number: env for number, env in self._episodes.items() if number >= below}
        self._settings = {number: settings for number, settings in self._settings.items() if number >= below}

    def _begin(self, episode: int, task: Task) -> StepResult:
        start, env, budget = time.perf_counter(), self._episodes[episode], self._settings[episode].budget
        if budget is not None:
            blank = self._blank_images(env, task, Layout(task.id))
            if not budget.fits(self.prompt_format.first(task, blank)):
                return StepResult(done=True, truncated=True)
        try:
            observation, _ = env.reset(task)
        except InfraFault as error:
            return StepResult(done=True, fault=str(error))
        return StepResult(observation, seconds={"render": time.perf_counter() - start})

    def _step(self, episode: int, text: str) -> StepResult:
        start, env, settings = time.perf_counter(), self._episodes[episode], self._settings[episode]
        budget, self._renderer.view_method = settings.budget, settings.view_method
        try:
            candidate = env.evaluate(text)
            evaluated = time.perf_counter()
            last = len(env.turns) + 1 >= env.max_turns
            truncated = not last and budget is not None and not budget.fits(self._next_prompt(env, candidate))
            if (last or truncated) and self._judge is None:  # nobody will see more images of this episode
                self._renderer.pixels = 0
            observation, *_ = env.commit(candidate)
        except InfraFault as error:
            for thread in request_threads():  # of the judge: none may run Python beside Blender's operators
                thread.join()
            return StepResult(done=True, fault=str(error))
        finally:
            self._renderer.pixels = self._pixels
        seconds = {"physics": evaluated - start, "render": time.perf_counter() - evaluated}
        over = env.done or truncated
        messages = () if over else observation
        return StepResult(messages, env.turns[-1].score, over, truncated=truncated and not env.done, seconds=seconds)

    def _next_prompt(self, env: LayoutEnv, candidate: Candidate) -> Conversation:
        """The conversation after an answer, as long as it will be, with empty images."""
        asked = (*env.conversation, Message("assistant", candidate.text))
        layout, score = candidate.answer.layout, candidate.score
        if layout is None:
            return (*asked, self.prompt_format.correction(env.task, candidate.answer.problems))
        if env.scorer.renderer is not None:
            judged = {} if self._judge is None else {"judge": 1.0}
            score = replace(score, terms={**score.terms, "view": 1.0, **judged})
        blank = self._blank_images(env, env.task, layout)
        return (*asked, self.prompt_format.feedback(env.task, layout, score.to_json(), blank))

    def _blank_images(self, env: LayoutEnv, task: Task, layout: Layout) -> tuple[bytes, ...]:
        """As many empty images as the model will be given."""
        if not env.show_images:
            return ()
        drawn = self.prompt_format.draw_images(task, layout)
        if drawn is None and env.scorer.renderer is None:
            return ()
        return (b"",) * len(IMAGES if drawn is None else drawn)
