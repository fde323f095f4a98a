"""The loop: ask, place, look, score, feed back, stop. The button, the commands and training all run this one.

`LayoutEnv` holds one episode in the Gym shape and asks nobody; training drives it. `play` asks a policy turn by turn
and reports each phase, so that its caller can show progress and cancel between phases by closing it.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from .layout.answer import Answer
from .layout.compact import CompactRendering
from .layout.conversation import Conversation, Message
from .layout.errors import InputError
from .layout.evidence import Evidence
from .layout.rendering import FullRendering, Rendering
from .layout.task import Layout, Pose, Task
from .policy.base import Policy, PolicyError
from .reward.judge import Judge
from .reward.score import Score
from .reward.weights import DEFAULT, Weights
from .scorer import InfraFault, Look, Pictures, Scorer, attempt

if TYPE_CHECKING:
    import bpy

    from .blender.stage import Stage

NO_BETTER = 1e-6
"""Rewards that differ by less are the same: they come from floating-point renders."""


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


class LayoutEnv:
    """One episode after another on a stage, in the Gym shape; whoever drives it brings the answers.

    `step(text)` is `take(weigh(text))`; a driver with several samples weighs them all and takes one. Environments
    that share a stage may be stepped in any order. With `pictures` False the conversation has none, even if there is
    a renderer; otherwise it has the rendering's own plans, which need no renderer, or else renders. An episode is over
    when a usable turn has nothing left to mend, or is no better than the best one before it, or is the empty list, and
    after `turns` turns.
    """

    def __init__(
        self,
        stage: Stage,
        renderer: Pictures | None = None,
        rendering: Rendering | None = None,
        judge: Judge | None = None,
        weights: Weights | Literal["paper"] = DEFAULT,
        turns: int = 3,
        pictures: bool = True,
    ):
        if turns < 1:
            raise ValueError(f"turns: expected at least 1, got {turns}")
        self.scorer = Scorer(stage, renderer, judge, weights)
        self.rendering = rendering if rendering is not None else FullRendering()
        self.most_turns, self.pictures = turns, pictures
        self.turns: list[Turn] = []
        self.done = True
        self.conversation: Conversation = ()
        self.timings = _no_timings()
        self.image_names: dict[bytes, str] = {}
        """File names of all pictures of the episode, those of the empty room included."""

    @property
    def best(self) -> Turn | None:
        """The usable turn of the highest reward, the earliest of equals."""
        usable = [turn for turn in self.turns if turn.status == "ok"]
        return max(usable, key=lambda turn: turn.score.reward or 0.0, default=None)

    def reset(
        self, task: Task, seed: int = 0, meshes: Mapping[str, bpy.types.Mesh] | None = None
    ) -> Observation:
        """Begin an episode. `meshes` are the items' own, by id, where they do not come from `asset`.

        Raises InputError for a task with nothing to place and for an asset that cannot be read, and InfraFault.
        """
        if not task.movable:
            raise InputError(f"task {task.id}", "items", "at least one that is not locked")
        self.task, self.seed, self._meshes = task, seed, meshes
        self.layout: Layout | None = None
        self.turns, self.conversation, self.image_names, self.done = [], (), {}, False
        self._measured: dict[tuple[tuple[str, Pose], ...], Evidence] = {}
        self._look: Look | None = None
        self.timings = _no_timings()
        self.scorer.open(task, meshes)
        shown: tuple[bytes, ...] = ()
        if self.pictures:
            with self.timed("render"):
                shown = self._pictures(Layout(task.id), None)
        for kind, image in zip(("top", "view"), shown, strict=False):
            self.image_names[image] = f"room_{kind}.png"
        self.conversation = self.rendering.first(task, shown)
        return Observation(self.conversation)

    def weigh(self, text: str, seed: int | None = None) -> Candidate:
        """Read an answer and score it by physics, without changing the episode. Raises InfraFault."""
        self._check_running()
        answer = self.rendering.read(text, self.task, self.layout)
        if answer.layout is None:
            return Candidate(text, answer, self.scorer.unusable(self.task, answer.grade), seed)
        with self.timed("physics"):
            evidence = self._evidence(answer.layout)
        return Candidate(text, answer, self.scorer.score(self.task, answer.grade, evidence), seed)

    def step(self, answer_text: str) -> tuple[Observation, float, bool, dict[str, Any]]:
        """Answer the last observation: the next one, the reward, whether the episode is over, and info.

        `info` has the status, the score object and the `Turn`. Raises InfraFault; the episode then stands as before.
        """
        return self.take(self.weigh(answer_text))

    def take(
        self, candidate: Candidate, samples: tuple[Candidate, ...] = ()
    ) -> tuple[Observation, float, bool, dict[str, Any]]:
        """Make a weighed answer the turn's. `samples` are all that were weighed, for the record."""
        self._check_running()
        number, answer, score = len(self.turns) + 1, candidate.answer, candidate.score
        before, look = self.best, None
        asked = (*self.conversation, Message("assistant", candidate.text))
        images: dict[str, bytes] = {}
        if answer.layout is None:
            message = self.rendering.fault(self.task, answer.problems)
        else:
            with self.timed("render"):
                if self.scorer.renderer is not None:
                    look = self._looked(answer.layout)
                    evidence = replace(score.evidence, view=look.view)
                    score = self.scorer.score(self.task, answer.grade, evidence, look.grade)
                    images = {f"turn_{number:02d}_top.png": look.top, f"turn_{number:02d}_view.png": look.room}
                shown = self._pictures(answer.layout, look) if self.pictures else ()
            images |= {
                f"turn_{number:02d}_shown_{k}.png": image
                for k, image in enumerate(shown, 1) if image not in images.values()
            }  # fmt: skip
            message = self.rendering.feedback(self.task, answer.layout, score.to_json(), shown)
            self.layout, self._look = answer.layout, look
        turn = Turn(
            number, score.status, score, asked, replace(candidate, score=score), samples or (candidate,), images,
            self.timings,
        )  # fmt: skip
        self.turns.append(turn)
        self.image_names |= {image: name for name, image in images.items() if image not in self.image_names}
        self.conversation = (*asked, message)
        self.timings = _no_timings()
        self.done = number >= self.most_turns or self._at_rest(turn, before)
        info = {"status": turn.status, "score": score.to_json(), "turn": turn}
        return Observation((message,)), score.reward or 0.0, self.done, info

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Add what runs inside to a phase of the turn in progress."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.timings[phase] += time.perf_counter() - start

    def _check_running(self) -> None:
        if self.done:
            raise ValueError("the episode is over: call reset")

    def _evidence(self, layout: Layout) -> Evidence:
        """Physics of a layout; one that was measured in this episode is not measured again."""
        key = tuple(layout.poses.items())
        if key not in self._measured:
            self.scorer.open(self.task, self._meshes)
            self._measured[key] = self.scorer.physics(self.task, layout)
        return self._measured[key]

    def _looked(self, layout: Layout) -> Look:
        """Pictures of a layout; those of the layout that stands are not rendered again."""
        if self._look is not None and layout == self.layout:
            return self._look
        self.scorer.open(self.task, self._meshes)
        return self.scorer.look(self.task, layout, self.seed)

    def _pictures(self, layout: Layout, look: Look | None) -> tuple[bytes, ...]:
        """What the policy is shown: the rendering's own drawings, else renders, else nothing."""
        drawn = self.rendering.pictures(self.task, layout)
        if drawn is not None:
            return drawn
        if look is not None:
            return look.top, look.room
        renderer = self.scorer.renderer
        if renderer is None:
            return ()
        self.scorer.open(self.task, self._meshes)
        stage = self.scorer.stage
        return attempt(
            "rendering",
            lambda: (renderer.top_view(stage, self.task, layout), renderer.room_view(stage, self.task, layout)),
        )

    def _at_rest(self, turn: Turn, before: Turn | None) -> bool:
        """Whether a turn ends the episode. One that could not be used is asked for again."""
        if turn.candidate is None or turn.status != "ok":
            return False
        if turn.candidate.answer.done or turn.score.evidence.clean:
            return True
        return before is not None and (turn.reward or 0.0) <= (before.reward or 0.0) + NO_BETTER


def _no_timings() -> dict[str, float]:
    return {"model": 0.0, "physics": 0.0, "render": 0.0}


@dataclass(frozen=True)
class Progress:
    """A phase begins: `phase` is model, physics or render, in turn `turn` of at most `turns`."""

    turn: int
    turns: int
    phase: Literal["model", "physics", "render"]


@dataclass(frozen=True)
class Outcome:
    """How an episode ended: its turns, the best usable one, and what failed if a failure cut it short."""

    turns: tuple[Turn, ...]
    best: Turn | None
    failure: str = ""


def play(
    env: LayoutEnv,
    policy: Policy,
    task: Task,
    seed: int = 0,
    samples: int = 1,
    temperature: float | None = None,
    meshes: Mapping[str, bpy.types.Mesh] | None = None,
) -> Iterator[Progress | Turn | Outcome]:
    """Play an episode: a `Progress` before each phase, a `Turn` after each turn, the `Outcome` at the end.

    Every turn asks for `samples` answers; physics scores them all and the best goes on to the pictures. A failure of
    the policy (which has made its own retries) or an InfraFault makes a last turn without a score. To cancel, close
    the iterator. Raises InputError as `LayoutEnv.reset` does.
    """
    if samples < 1:
        raise ValueError(f"samples: expected at least 1, got {samples}")
    number = 1
    try:
        if env.pictures and env.scorer.renderer is not None:
            yield Progress(number, env.most_turns, "render")
        env.reset(task, seed, meshes)
        while not env.done:
            number = len(env.turns) + 1
            yield Progress(number, env.most_turns, "model")
            seeds = [sample_seed(task.id, seed, number, k) for k in range(samples)]
            with env.timed("model"):
                replies = policy.answer([env.conversation] * samples, seeds, temperature)
            yield Progress(number, env.most_turns, "physics")
            weighed = tuple(env.weigh(reply.text, s) for reply, s in zip(replies, seeds, strict=True))
            best = max(weighed, key=lambda candidate: (candidate.score.status == "ok", candidate.score.reward))
            if env.scorer.renderer is not None and best.answer.layout is not None:
                yield Progress(number, env.most_turns, "render")
            env.take(best, weighed)
            yield env.turns[-1]
    except (PolicyError, InfraFault) as error:
        failed = Turn(
            number, "infra_fault", Score.infra(task), env.conversation, timings=env.timings,
            failure=str(error),
        )  # fmt: skip
        yield failed
        yield Outcome((*env.turns, failed), env.best, str(error))
        return
    yield Outcome(tuple(env.turns), env.best)


def rendering_of(policy: Policy) -> Rendering:
    """The rendering that a policy reads."""
    return CompactRendering() if policy.rendering == "compact" else FullRendering()


def sample_seed(task: str, seed: int, turn: int, sample: int) -> int:
    """The policy's seed (31 bits) for one sample: no two of a run are the same but by chance."""
    digest = hashlib.blake2b(f"{task}\n{seed}\n{turn}\n{sample}".encode(errors="backslashreplace"), digest_size=4)
    return int.from_bytes(digest.digest(), "big") >> 1
