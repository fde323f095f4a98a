"""Scores layouts by physics, renders and a judge on one stage. Used by `env` and by `headless/score.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from ..core.errors import BUGS
from ..core.evidence import Evidence, ViewMeasure
from ..core.task import Layout, Task
from ..scoring.judge import Judge, JudgeFault
from ..scoring.paper import paper_score, paper_score_of_unusable
from ..scoring.score import Score
from ..scoring.user_terms import UserTerm
from ..scoring.weights import DEFAULT, Weights

if TYPE_CHECKING:  # bpy is imported by the first measurement
    import bpy

    from ..blender.physics.stage import Stage

Result = TypeVar("Result")

ATTEMPTS = 2

# What Blender, its files and its memory raise when they fail. Any other exception is a bug, and is not caught.
_FAILURES = (RuntimeError, ReferenceError, OSError, MemoryError)


class InfraFault(RuntimeError):
    """Physics, a render or the judge failed, and again when retried: the turn has no score."""


def attempt(what: str, call: Callable[[], Result]) -> Result:
    """Return the call's result; a failure of Blender or of the machine is retried once. Raises InfraFault."""
    for number in range(1, ATTEMPTS + 1):
        try:
            return call()
        except BUGS:
            raise
        except _FAILURES as error:
            if number == ATTEMPTS:
                raise InfraFault(f"{what} failed {ATTEMPTS} times: {type(error).__name__}: {error}") from error
    raise AssertionError


class LayoutRenderer(Protocol):
    """What an episode needs of a renderer: PNG of two views, and the measured part of the view term."""

    def top_view(self, stage: Stage, task: Task, layout: Layout) -> bytes: ...

    def room_view(self, stage: Stage, task: Task, layout: Layout) -> bytes: ...

    def measure_view(self, stage: Stage, task: Task, layout: Layout) -> ViewMeasure: ...


@dataclass(frozen=True)
class Renders:
    """PNG of the top and of the perspective view, the measured view, and a judge's grade in [0, 1]."""

    top: bytes
    room: bytes
    view: ViewMeasure
    judge_grade: float | None = None


class Scorer:
    """Measures and scores layouts on one stage, for any number of episodes. `weights` may be the preset "paper", which
    has no `user_terms`.

    `measure_view` and `render` need a renderer, and so does a judge.
    """

    def __init__(
        self,
        stage: Stage,
        renderer: LayoutRenderer | None = None,
        judge: Judge | None = None,
        weights: Weights | Literal["paper"] = DEFAULT,
        user_terms: Sequence[UserTerm] = (),
    ):
        if judge is not None and renderer is None:
            raise ValueError("judge: expected a renderer, since it grades renders")
        self.stage, self.renderer, self.judge, self.weights = stage, renderer, judge, weights
        self.user_terms = user_terms

    def open(self, task: Task, meshes: Mapping[str, bpy.types.Mesh] | None = None) -> None:
        """Build a task on the stage, unless it is there already. Raises InputError and InfraFault."""
        if self.stage.task is not task:
            attempt("building the room", lambda: self.stage.open(task, meshes))

    def physics(self, task: Task, layout: Layout) -> Evidence:
        """Measure a layout of the open task without a render. Raises InfraFault."""
        from ..blender.physics.measure import measure

        return attempt("physics", lambda: measure(self.stage, task, layout))

    def measure_view(self, task: Task, layout: Layout) -> ViewMeasure:
        """Measure what is visible in a layout of the open task, without images for people. Raises InfraFault."""
        renderer = self._need_renderer()
        return attempt("rendering", lambda: renderer.measure_view(self.stage, task, layout))

    def render(self, task: Task, layout: Layout, seed: int = 0) -> Renders:
        """Render a layout of the open task, measure the view, and ask the judge if there is one. Raises InfraFault."""
        renderer = self._need_renderer()
        renders = attempt(
            "rendering",
            lambda: Renders(
                renderer.top_view(self.stage, task, layout),
                renderer.room_view(self.stage, task, layout),
                renderer.measure_view(self.stage, task, layout),
            ),
        )
        if self.judge is None:
            return renders
        try:
            return replace(renders, judge_grade=self.judge.grade(task, renders.top, renders.room, seed).score)
        except JudgeFault as error:
            raise InfraFault(str(error)) from error

    def _need_renderer(self) -> LayoutRenderer:
        if self.renderer is None:
            raise ValueError("this scorer has no renderer")
        return self.renderer

    def score(
        self, task: Task, layout: Layout, grade: float, evidence: Evidence, judge_grade: float | None = None
    ) -> Score:
        """The score of a usable answer with that layout. `grade` is that of its format, `judge_grade` the judge's, both
        in [0, 1]. Raises InputError for a user's term that fails."""
        if isinstance(self.weights, Weights):
            return Score.of(task, grade, evidence, self.weights, judge_grade, layout, self.user_terms)
        return paper_score(task, grade, evidence, judge_grade)

    def score_unusable(self, task: Task, grade: float) -> Score:
        """The score of an answer without a layout, whose format has a grade in [0, 1]."""
        if isinstance(self.weights, Weights):
            return Score.unusable(task, grade, self.weights, self.user_terms)
        return paper_score_of_unusable(task, grade)
