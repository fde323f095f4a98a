"""The loop: ask, place, look, score, feed back, stop. The button, the commands and training all run this one.

`LayoutEnv` holds one episode in the Gym shape and asks nobody; training drives it. `play` asks a policy turn by turn
and reports each phase, so that its caller can show progress and cancel between phases by closing it.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from ..core.conversation import Conversation, Message
from ..core.errors import InputError
from ..core.evidence import Evidence
from ..core.task import Layout, Pose, Task
from ..policy.base import Policy, PolicyError
from ..prompts.answer import USABLE
from ..prompts.compact import CompactFormat
from ..prompts.full import FullFormat, PromptFormat
from ..scoring.judge import Judge
from ..scoring.score import Score
from ..scoring.weights import DEFAULT, Weights
from .repair import effort, lock_faultless_items, merge_unmoved
from .scorer import InfraFault, Pictures, Renders, Scorer, attempt
from .turn import Candidate, Observation, Outcome, Turn

if TYPE_CHECKING:
    import bpy

    from ..blender.physics.stage import Stage

NO_BETTER = 1e-6
"""Rewards that differ by less are the same: they come from floating-point renders."""


class LayoutEnv:
    """One episode after another on a stage, in the Gym shape; whoever drives it brings the answers.

    `step(text)` is `take(weigh(text))`; a driver with several samples weighs them all and takes one. Environments
    that share a stage may be stepped in any order. With `pictures` False the conversation has none, even if there is
    a renderer; otherwise it has the rendering's own plans, which need no renderer, or else renders. An episode is over
    when a usable turn has nothing left to mend, or is no better than the best one before it, or is the empty list, and
    after `turns` turns.

    An episode may begin from a layout that stands already (`start`). The conversation then holds it as the assistant's
    first answer, with the feedback that a turn would have got, so that the first turn is asked to mend it. The start
    is no turn, but turns are measured by it: one that is no better ends the episode, and is never the best.
    """

    def __init__(
        self,
        stage: Stage,
        renderer: Pictures | None = None,
        prompt_format: PromptFormat | None = None,
        judge: Judge | None = None,
        weights: Weights | Literal["paper"] = DEFAULT,
        turns: int = 3,
        pictures: bool = True,
    ):
        if turns < 1:
            raise ValueError(f"turns: expected at least 1, got {turns}")
        self.scorer = Scorer(stage, renderer, judge, weights)
        self.prompt_format = prompt_format if prompt_format is not None else FullFormat()
        self.most_turns, self.pictures = turns, pictures
        self.turns: list[Turn] = []
        self.done = True
        self.conversation: Conversation = ()
        self.timings = _no_timings()
        self.image_names: dict[bytes, str] = {}
        """File names of all pictures of the episode, those of the empty room and of the start included."""
        self.start_score: Score | None = None
        """The score of the layout that the episode began from, if it did."""
        self.start_images: dict[str, bytes] = {}
        """The start's pictures, as `Turn.images`."""

    @property
    def best(self) -> Turn | None:
        """The usable turn of the highest reward, the earliest of equals; none that is no better than the start."""
        usable = [turn for turn in self.turns if turn.status == "ok" and not self._no_better(turn, self.start_score)]
        return max(usable, key=lambda turn: turn.score.reward or 0.0, default=None)

    def reset(
        self,
        task: Task,
        seed: int = 0,
        meshes: Mapping[str, bpy.types.Mesh] | None = None,
        start: Layout | None = None,
        minimal: bool = False,
    ) -> Observation:
        """Begin an episode. `meshes` are the items' own, by id, where they do not come from `asset`.

        `start` is a layout to go on from; it must place every item that is not locked. With `minimal` only those items
        may move that have a fault in it, whatever an answer says; where none may, the episode is over at once.

        Raises InputError for a task with nothing to place, for a start that leaves an item out and for an asset that
        cannot be read, and InfraFault.
        """
        if not task.movable:
            raise InputError(f"task {task.id}", "items", "at least one that is not locked")
        missing = [item.id for item in task.movable if start is not None and item.id not in start.poses]
        if missing:
            raise InputError(f"start of task {task.id}", "placements", f"a pose for {missing[0]}")
        if minimal and start is None:
            raise ValueError("minimal: expected a start whose faults are to be mended")
        self.task, self.seed, self._meshes = task, seed, meshes
        self.asked = task
        self.layout: Layout | None = None
        self.start_score, self.start_images = None, {}
        self.turns, self.conversation, self.image_names, self.done = [], (), {}, False
        self._measured: dict[tuple[tuple[str, Pose], ...], Evidence] = {}
        self._look: Renders | None = None
        self.timings = _no_timings()
        self.scorer.open(task, meshes)
        opening, evidence = Layout(task.id), None
        if start is not None:
            start = Layout(task.id, {item.id: start.poses[item.id] for item in task.movable})
            with self.timed("physics"):
                evidence = self._evidence(start)
            if minimal:
                self.asked = lock_faultless_items(task, start, evidence)
                opening = Layout(task.id, {i.id: start.poses[i.id] for i in self.asked.locked if i.id in start.poses})
        shown: tuple[bytes, ...] = ()
        if self.pictures:
            with self.timed("render"):
                shown = self._pictures(opening, None)
        for kind, image in zip(("top", "view"), shown, strict=False):
            self.image_names[image] = f"room_{kind}.png"
        self.conversation = self.prompt_format.first(self.asked, shown)
        if start is not None:
            self._begin_from(start, self.scorer.score(task, USABLE, evidence))
        return Observation(self.conversation)

    def _begin_from(self, start: Layout, score: Score) -> None:
        """Go on as if a layout that stands had been the first answer."""
        seen = self._seen("start", start, USABLE, score)
        self.start_score, self.start_images = seen.score, seen.images
        self._name(seen.images)
        said = Message("assistant", self.prompt_format.answer_text(self.asked, start))
        self.conversation = (*self.conversation, said, seen.message)
        self.layout, self._look = start, seen.look
        self.done = not self.asked.movable

    def weigh(self, text: str, seed: int | None = None) -> Candidate:
        """Read an answer and score it by physics, without changing the episode. Raises InfraFault."""
        self._check_running()
        answer = self.prompt_format.read(text, self.asked, self.layout)
        if self.asked is not self.task and answer.layout is not None:
            answer = merge_unmoved(self.task, answer, answer.layout.poses, self.layout)
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
        before = self.best.score if self.best is not None else self.start_score
        asked = (*self.conversation, Message("assistant", candidate.text))
        images: dict[str, bytes] = {}
        if answer.layout is None:
            message = self.prompt_format.correction(self.asked, answer.problems)
        else:
            seen = self._seen(f"turn_{number:02d}", answer.layout, answer.grade, score)
            score, images, message = seen.score, seen.images, seen.message
            self.layout, self._look = answer.layout, seen.look
        turn = Turn(
            number,
            score.status,
            score,
            asked,
            replace(candidate, score=score),
            samples or (candidate,),
            images,
            self.timings,
        )
        self.turns.append(turn)
        self._name(images)
        self.conversation = (*asked, message)
        self.timings = _no_timings()
        self.done = number >= self.most_turns or self._at_rest(turn, before)
        info = {"status": turn.status, "score": score.to_json(), "turn": turn}
        return Observation((message,)), score.reward or 0.0, self.done, info

    def _seen(self, name: str, layout: Layout, grade: float, score: Score) -> _Seen:
        """Look at a layout that physics has scored: pictures (their files begin with `name`) and what is said of it."""
        look, images = None, {}
        with self.timed("render"):
            if self.scorer.renderer is not None:
                look = self._looked(layout)
                evidence = replace(score.evidence, view=look.view)
                score = self.scorer.score(self.task, grade, evidence, look.grade)
                images = {f"{name}_top.png": look.top, f"{name}_view.png": look.room}
            shown = self._pictures(layout, look) if self.pictures else ()
        images |= {f"{name}_shown_{k}.png": image for k, image in enumerate(shown, 1) if image not in images.values()}
        return _Seen(score, look, images, self.prompt_format.feedback(self.asked, layout, score.to_json(), shown))

    def _name(self, images: dict[str, bytes]) -> None:
        """Remember the pictures' file names, the first of equal ones."""
        self.image_names |= {image: name for name, image in images.items() if image not in self.image_names}

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

    def _looked(self, layout: Layout) -> Renders:
        """Pictures of a layout; those of the layout that stands are not rendered again."""
        if self._look is not None and layout == self.layout:
            return self._look
        self.scorer.open(self.task, self._meshes)
        return self.scorer.look(self.task, layout, self.seed)

    def _pictures(self, layout: Layout, look: Renders | None) -> tuple[bytes, ...]:
        """What the policy is shown: the rendering's own drawings, else renders, else nothing."""
        drawn = self.prompt_format.draw_images(self.task, layout)
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

    def _at_rest(self, turn: Turn, before: Score | None) -> bool:
        """Whether a turn ends the episode; `before` is the best score until then. One that could not be used is asked
        for again."""
        if turn.candidate is None or turn.status != "ok":
            return False
        if turn.candidate.answer.done or turn.score.evidence.clean:
            return True
        return self._no_better(turn, before)

    @staticmethod
    def _no_better(turn: Turn, before: Score | None) -> bool:
        return before is not None and (turn.reward or 0.0) <= (before.reward or 0.0) + NO_BETTER


@dataclass(frozen=True)
class _Seen:
    """A layout as it was looked at: its score with the render's part, its pictures, and the feedback about it."""

    score: Score
    look: Renders | None
    images: dict[str, bytes]
    message: Message


def _no_timings() -> dict[str, float]:
    return {"model": 0.0, "physics": 0.0, "render": 0.0}


@dataclass(frozen=True)
class Progress:
    """A phase begins: `phase` is model, physics or render, in turn `turn` of at most `turns`."""

    turn: int
    turns: int
    phase: Literal["model", "physics", "render"]


def play(
    env: LayoutEnv,
    policy: Policy,
    task: Task,
    seed: int = 0,
    samples: int = 1,
    temperature: float | None = None,
    meshes: Mapping[str, bpy.types.Mesh] | None = None,
    start: Layout | None = None,
    minimal: bool = False,
) -> Iterator[Progress | Turn | Outcome]:
    """Play an episode: a `Progress` before each phase, a `Turn` after each turn, the `Outcome` at the end.

    Every turn asks for `samples` answers; physics scores them all and the best goes on to the pictures. A failure of
    the policy (which has made its own retries) or an InfraFault makes a last turn without a score. To cancel, close
    the iterator. Raises InputError as `LayoutEnv.reset` does.

    With `start` the policy mends a layout that stands; with `minimal` it moves only what has a fault there, and of
    nearly equal answers the one that moves least is taken.
    """
    if samples < 1:
        raise ValueError(f"samples: expected at least 1, got {samples}")
    number = 1
    try:
        if env.pictures and env.scorer.renderer is not None:
            yield Progress(number, env.most_turns, "render")
        elif start is not None:
            yield Progress(number, env.most_turns, "physics")
        env.reset(task, seed, meshes, start, minimal)
        while not env.done:
            number = len(env.turns) + 1
            yield Progress(number, env.most_turns, "model")
            seeds = [sample_seed(task.id, seed, number, k) for k in range(samples)]
            with env.timed("model"):
                replies = policy.answer([env.conversation] * samples, seeds, temperature)
            yield Progress(number, env.most_turns, "physics")
            weighed = tuple(env.weigh(reply.text, s) for reply, s in zip(replies, seeds, strict=True))
            best = max(weighed, key=lambda candidate: _rank(candidate, task, start if minimal else None))
            if env.scorer.renderer is not None and best.answer.layout is not None:
                yield Progress(number, env.most_turns, "render")
            env.take(best, weighed)
            yield env.turns[-1]
    except (PolicyError, InfraFault) as error:
        failed = Turn(
            number,
            "infra_fault",
            Score.infra(task),
            env.conversation,
            timings=env.timings,
            failure=str(error),
        )
        yield failed
        yield Outcome((*env.turns, failed), env.best, str(error), env.start_score)
        return
    yield Outcome(tuple(env.turns), env.best, start=env.start_score)


def _rank(candidate: Candidate, task: Task, start: Layout | None) -> tuple[bool, float]:
    """What the best of several samples has most of. Where a start is given, moving away from it has a small cost."""
    reward, layout = candidate.score.reward or 0.0, candidate.answer.layout
    moved = 0.0 if start is None or layout is None else effort(task, start, layout)
    return candidate.score.status == "ok", reward - moved


def prompt_format_of(policy: Policy) -> PromptFormat:
    """The rendering that a policy reads."""
    return CompactFormat() if policy.rendering == "compact" else FullFormat()


def sample_seed(task: str, seed: int, turn: int, sample: int) -> int:
    """The policy's seed (31 bits) for one sample: no two of a run are the same but by chance."""
    digest = hashlib.blake2b(f"{task}\n{seed}\n{turn}\n{sample}".encode(errors="backslashreplace"), digest_size=4)
    return int.from_bytes(digest.digest(), "big") >> 1
