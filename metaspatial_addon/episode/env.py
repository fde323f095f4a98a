"""An episode: place, measure, render, score, feed back. `play.py` plays it for the button and the commands.

`LayoutEnv` holds one episode and has the shape of a Gymnasium environment; training drives it.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from ..core.conversation import Conversation, Message
from ..core.errors import InputError
from ..core.evidence import Evidence
from ..core.task import Layout, Pose, Task
from ..prompts.answer import USABLE
from ..prompts.full import FullFormat, PromptFormat
from ..scoring.judge import Judge
from ..scoring.score import Score
from ..scoring.user_terms import UserTerm
from ..scoring.weights import DEFAULT, Weights
from .repair import lock_faultless_items, merge_unmoved
from .scorer import LayoutRenderer, Renders, Scorer, attempt
from .tidy import Move, applied, small_moves
from .turn import Candidate, Turn

if TYPE_CHECKING:
    import bpy

    from ..blender.physics.stage import Stage

PATIENCE = 2
"""Turns in a row that are no better than what stands before an episode ends."""
MOST_SINGLE_MOVES = 4
"""Moves of tidying that are tried one by one where all of them together do not help."""
REWARD_TOLERANCE = 1e-6
"""Rewards that differ by no more are equal: they come from floating-point renders."""


class LayoutEnv:
    """An environment that plays one episode after another on a stage, in the shape of `gymnasium.Env`.

    An observation is the conversation's new messages, those since the last answer; an action is the text of an answer.
    `step(completion)` is `commit(evaluate(completion))`: with several samples, evaluate them all and commit one.
    Environments that share a stage may be stepped in any order.

    With `show_images` False the conversation has no images, even where there is a renderer; otherwise it has the
    plans that the prompt format draws itself, or else renders.

    Each turn edits the best layout so far: after a turn that is no better, the conversation says so, and goes on from
    the layout that stands. An episode terminates when a usable turn has no fault left or is the empty list, and when
    `PATIENCE` turns in a row are no better; it is truncated after `max_turns` turns.

    An episode may begin from an existing layout (`start`). The conversation then holds it as the assistant's first
    answer, with the feedback that a turn would have got, so that the first turn is asked to repair it. The start is no
    turn, but turns are compared with it: one that is no better is never the best.
    """

    def __init__(
        self,
        stage: Stage,
        renderer: LayoutRenderer | None = None,
        prompt_format: PromptFormat | None = None,
        judge: Judge | None = None,
        weights: Weights | Literal["paper"] = DEFAULT,
        max_turns: int = 3,
        show_images: bool = True,
        user_terms: Sequence[UserTerm] = (),
    ):
        if max_turns < 1:
            raise ValueError(f"max_turns: expected at least 1, got {max_turns}")
        self.scorer = Scorer(stage, renderer, judge, weights, user_terms)
        self.prompt_format = prompt_format if prompt_format is not None else FullFormat()
        self.max_turns, self.show_images = max_turns, show_images
        self.turns: list[Turn] = []
        self.terminated, self.truncated = True, False  # until the first reset there is no episode to step
        self.conversation: Conversation = ()
        self.timings = _no_timings()
        self.image_names: dict[bytes, str] = {}
        """File names of all images of the episode, those of the empty room and of the start included."""
        self.start_score: Score | None = None
        """The score of the layout that the episode began from, if it began from one."""
        self.start_images: dict[str, bytes] = {}
        """PNG of the start by file name, as `Turn.images`."""

    @property
    def done(self) -> bool:
        """Whether the episode is over."""
        return self.terminated or self.truncated

    @property
    def best(self) -> Turn | None:
        """The usable turn of the highest reward, the earliest of equals; none that is no better than the start."""
        usable = [turn for turn in self.turns if turn.status == "ok" and not no_better(turn.score, self.start_score)]
        return max(usable, key=lambda turn: turn.score.reward or 0.0, default=None)

    def reset(
        self,
        task: Task,
        seed: int = 0,
        meshes: Mapping[str, bpy.types.Mesh] | None = None,
        start: Layout | None = None,
        minimal: bool = False,
    ) -> tuple[Conversation, dict[str, Any]]:
        """Begin an episode.

        Args:
            task: what to lay out; at least one item must not be locked.
            seed: kept for the record, and given to the judge.
            meshes: the items' own meshes by item id, where they do not come from `asset`.
            start: a layout to go on from; it must place every item that is not locked.
            minimal: let only those items move that have a fault in `start`, whatever an answer says. Where none of
                these may move, the episode is over at once.

        Returns:
            The observation, and info: with a start, its score as JSON under "score"; else empty.

        Raises InputError for a task with nothing to place, a start that leaves an item out or an asset that cannot be
        read, and InfraFault.
        """
        if not task.movable:
            raise InputError(f"task {task.id}", "items", "at least one that is not locked")
        missing = [item.id for item in task.movable if start is not None and item.id not in start.poses]
        if missing:
            raise InputError(f"start of task {task.id}", "placements", f"a pose for {missing[0]}")
        if minimal and start is None:
            raise ValueError("minimal: expected a start whose faults are to be repaired")
        self.task, self.seed, self._meshes = task, seed, meshes
        self.prompted_task = task
        """The task as the policy is given it: with `minimal`, items without a fault are locked."""
        self.layout: Layout | None = None
        """The layout that stands: the best so far, which the next answer edits."""
        self._standing: _Feedback | None = None
        self._stalled = 0
        self.start_score, self.start_images = None, {}
        self.turns, self.conversation, self.image_names = [], (), {}
        self.terminated = self.truncated = False
        self._measured: dict[tuple[tuple[str, Pose], ...], Evidence] = {}
        self.timings = _no_timings()
        self.scorer.open(task, meshes)
        opening, evidence = Layout(task.id), Evidence()
        if start is not None:
            start = Layout(task.id, {item.id: start.poses[item.id] for item in task.movable})
            with self.timed("physics"):
                evidence = self._evidence(start)
            if minimal:
                self.prompted_task = lock_faultless_items(task, start, evidence)
                locked = self.prompted_task.locked
                opening = Layout(task.id, {item.id: start.poses[item.id] for item in locked if item.id in start.poses})
        images: tuple[bytes, ...] = ()
        if self.show_images:
            with self.timed("render"):
                images = self._prompt_images(opening, None, ())
        for kind, image in zip(("top", "view"), images, strict=False):
            self.image_names[image] = f"room_{kind}.png"
        first = self.prompt_format.first(self.prompted_task, images)
        self.conversation = tuple(replace(message, task=self.prompted_task) for message in first)
        if start is None:
            return self.conversation, {}
        feedback = self._feedback("start", start, USABLE, self.scorer.score(task, start, USABLE, evidence))
        self.start_score, self.start_images = feedback.score, feedback.images
        self._add_image_names(feedback.images)
        answer = Message("assistant", self.prompt_format.answer_text(self.prompted_task, start))
        self.conversation = (*self.conversation, answer, feedback.message)
        self.layout, self._standing = start, feedback
        self.terminated = not self.prompted_task.movable
        return self.conversation, {"score": feedback.score.to_json()}

    def evaluate(self, completion: str, seed: int | None = None) -> Candidate:
        """Read an answer and score it by physics, without changing the episode. Raises InfraFault."""
        self._check_running()
        answer = self.prompt_format.read(completion, self.prompted_task, self.layout)
        if self.prompted_task is not self.task and answer.layout is not None and self.layout is not None:
            answer = merge_unmoved(self.task, answer, answer.layout.poses, self.layout)
        if answer.layout is None:
            return Candidate(completion, answer, self.scorer.score_unusable(self.task, answer.grade), seed)
        with self.timed("physics"):
            evidence = self._evidence(answer.layout)
        return Candidate(completion, answer, self.scorer.score(self.task, answer.layout, answer.grade, evidence), seed)

    def step(self, completion: str) -> tuple[Conversation, float, bool, bool, dict[str, Any]]:
        """Answer the last observation.

        Returns:
            observation: the messages that answer back; they are made even where the episode is over.
            reward: of this turn.
            terminated: no fault is left, the turn is the empty list, or no better as those before it.
            truncated: `max_turns` ended the episode, which would have gone on.
            info: "status", "score" (as JSON) and "turn" (the `Turn`).

        Raises InfraFault; the episode then stands as before. Raises ValueError where the episode is over.
        """
        return self.commit(self.evaluate(completion))

    def commit(
        self, candidate: Candidate, samples: tuple[Candidate, ...] = (), notes: tuple[str, ...] = ()
    ) -> tuple[Conversation, float, bool, bool, dict[str, Any]]:
        """Make an evaluated answer the turn's, as `step` does. `samples` are all candidates, and `notes` what the
        policy says of its replies, for the record."""
        self._check_running()
        number, answer, score = len(self.turns) + 1, candidate.answer, candidate.score
        conversation = (*self.conversation, Message("assistant", self._as_kept(candidate)))
        images: dict[str, bytes] = {}
        rejected = False
        if answer.layout is None:
            correction = self.prompt_format.correction(self.prompted_task, answer.problems)
            stands = None if self._standing is None else self._standing.score.to_json()
            message = replace(correction, task=self.prompted_task, layout=self.layout, score=stands)
        else:
            feedback = self._feedback(f"turn_{number:02d}", answer.layout, answer.grade, score)
            score, images, message = feedback.score, feedback.images, feedback.message
            standing, layout = self._standing, self.layout
            if standing is not None and layout is not None and no_better(score, standing.score):
                rejected = True
                message = self._message(layout, standing.score, standing.shown, tried=score)
            else:
                self.layout, self._standing = answer.layout, feedback
            self._stalled = self._stalled + 1 if rejected else 0
        turn = Turn(
            number,
            score.status,
            score,
            conversation,
            replace(candidate, score=score),
            samples or (candidate,),
            rejected,
            images,
            self.timings,
            notes=notes,
        )
        self.turns.append(turn)
        self._add_image_names(images)
        self.conversation = (*conversation, message)
        self.timings = _no_timings()
        if turn.status == "ok":  # a completion that could not be used is asked for again
            self.terminated = answer.done or score.evidence.clean or self._stalled >= PATIENCE
        self.truncated = number >= self.max_turns and not self.terminated
        info = {"status": turn.status, "score": score.to_json(), "turn": turn}
        return (message,), score.reward or 0.0, self.terminated, self.truncated, info

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Add the seconds that the body takes to a phase of the turn in progress."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.timings[phase] += time.perf_counter() - start

    def _check_running(self) -> None:
        if self.done:
            raise ValueError("the episode is over: call reset")

    def _feedback(self, name: str, layout: Layout, grade: float, score: Score) -> _Feedback:
        """Render a layout that physics has scored, and write the message about it. Image files begin with `name`."""
        renders, images = None, {}
        with self.timed("render"):
            if self.scorer.renderer is not None:
                renders = self._render(layout)
                evidence = replace(score.evidence, view=renders.view)
                score = self.scorer.score(self.task, layout, grade, evidence, renders.judge_grade)
                images = {f"{name}_top.png": renders.top, f"{name}_view.png": renders.room}
            prompt_images: tuple[bytes, ...] = ()
            if self.show_images:
                prompt_images = self._prompt_images(layout, renders, score.evidence.faulty_items())
        for k, image in enumerate(prompt_images, 1):
            if image not in images.values():
                images[f"{name}_shown_{k}.png"] = image
        return _Feedback(score, renders, images, prompt_images, self._message(layout, score, prompt_images))

    def _message(self, layout: Layout, score: Score, images: tuple[bytes, ...], tried: Score | None = None) -> Message:
        """The message about the layout that stands; `tried` is the score of an answer that was rejected for it."""
        rejected = None if tried is None else tried.to_json()
        stands = score.to_json()
        message = self.prompt_format.feedback(self.prompted_task, layout, stands, images, rejected)
        return replace(message, task=self.prompted_task, layout=layout, score=stands)

    def _as_kept(self, candidate: Candidate) -> str:
        """The text of an answer; where it was tidied, as the prompt format states its layout."""
        layout, changed = candidate.answer.layout, set(candidate.answer.changed)
        if layout is None or not candidate.tidied:
            return candidate.text
        changed |= {move.item for move in candidate.tidied}
        shown = Layout(layout.task, {i.id: layout.poses[i.id] for i in self.prompted_task.movable if i.id in changed})
        return self.prompt_format.tidied_text(candidate.text, self.prompted_task, shown)

    def tidy(self, candidate: Candidate) -> Candidate:
        """The candidate after small moves that repair its measured faults, all together or else one by one, each kept
        only where the reward by physics rises; the candidate itself where none does. Raises InfraFault."""
        if candidate.answer.layout is None:
            return candidate
        stays = {item.id for item in self.prompted_task.locked}  # with a minimal repair more than the task's own
        found = small_moves(self.task, candidate.answer.layout, candidate.score.evidence)
        moves = tuple(move for move in found if move.item not in stays)
        if not moves:
            return candidate
        together = self._moved(candidate, moves)
        if together is not candidate or len(moves) == 1:
            return together
        for move in moves[:MOST_SINGLE_MOVES]:
            candidate = self._moved(candidate, (move,))
        return candidate

    def _moved(self, candidate: Candidate, moves: tuple[Move, ...]) -> Candidate:
        """The candidate after the moves where they raise the reward, else the candidate itself."""
        assert candidate.answer.layout is not None
        layout = applied(candidate.answer.layout, moves)
        with self.timed("physics"):
            score = self.scorer.score(self.task, layout, candidate.answer.grade, self._evidence(layout))
        if (score.reward or 0.0) <= (candidate.score.reward or 0.0) + REWARD_TOLERANCE:
            return candidate
        answer = replace(candidate.answer, layout=layout)
        return replace(candidate, answer=answer, score=score, tidied=(*candidate.tidied, *moves))

    def _add_image_names(self, images: dict[str, bytes]) -> None:
        """Remember the file name of each image, the first of equal images."""
        self.image_names |= {image: name for name, image in images.items() if image not in self.image_names}

    def _evidence(self, layout: Layout) -> Evidence:
        """Evidence of a layout by physics. A layout is measured once an episode."""
        key = tuple(layout.poses.items())
        if key not in self._measured:
            self.scorer.open(self.task, self._meshes)
            self._measured[key] = self.scorer.physics(self.task, layout)
        return self._measured[key]

    def _render(self, layout: Layout) -> Renders:
        """Renders of a layout; those of the layout that stands are not made again."""
        if self._standing is not None and self._standing.renders is not None and layout == self.layout:
            return self._standing.renders
        self.scorer.open(self.task, self._meshes)
        return self.scorer.render(self.task, layout, self.seed)

    def _prompt_images(self, layout: Layout, renders: Renders | None, faulty: Collection[str]) -> tuple[bytes, ...]:
        """The images that the policy sees: plans drawn by the prompt format, else renders, else none."""
        drawn = self.prompt_format.draw_images(self.task, layout, faulty)
        if drawn is not None:
            return drawn
        if renders is not None:
            return renders.top, renders.room
        renderer = self.scorer.renderer
        if renderer is None:
            return ()
        self.scorer.open(self.task, self._meshes)
        stage = self.scorer.stage
        return attempt(
            "rendering",
            lambda: (renderer.top_view(stage, self.task, layout), renderer.room_view(stage, self.task, layout)),
        )


@dataclass(frozen=True)
class _Feedback:
    """What a layout gets: its score with the view term, its renders, its images by file name, those that the policy is
    shown, and the message."""

    score: Score
    renders: Renders | None
    images: dict[str, bytes]
    shown: tuple[bytes, ...]
    message: Message


def no_better(score: Score, before: Score | None) -> bool:
    """Whether a turn's reward is not above that of the layout that stood; it is where none stood."""
    return before is not None and (score.reward or 0.0) <= (before.reward or 0.0) + REWARD_TOLERANCE


def _no_timings() -> dict[str, float]:
    return {"model": 0.0, "physics": 0.0, "render": 0.0}
