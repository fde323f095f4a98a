"""From a layout to its score: physics, renders and a judge on one stage. Used by `episode` and `headless/score.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from ..core.evidence import Evidence, ViewMeasure
from ..core.task import Layout, Task
from ..scoring.judge import Judge, JudgeFault
from ..scoring.paper import paper_score, paper_score_of_unusable
from ..scoring.score import Score
from ..scoring.weights import DEFAULT, Weights

if TYPE_CHECKING:  # bpy is imported when something is measured, not before
    import bpy

    from ..blender.physics.stage import Stage

Result = TypeVar("Result")

ATTEMPTS = 2

# What Blender, its files and its memory raise when they fail. Any other exception is a bug of ours, and shown as one.
_FAILURES = (RuntimeError, ReferenceError, OSError, MemoryError)


class InfraFault(RuntimeError):
    """Physics, a render or the judge failed twice, through no fault of the answer: the turn has no score."""


def attempt(what: str, call: Callable[[], Result]) -> Result:
    """The call's result; a failure is tried again once. Raises InfraFault."""
    for number in range(1, ATTEMPTS + 1):
        try:
            return call()
        except _FAILURES as error:
            if number == ATTEMPTS:
                raise InfraFault(f"{what} failed {ATTEMPTS} times: {type(error).__name__}: {error}") from error
    raise AssertionError


class Pictures(Protocol):
    """What an episode needs of a renderer."""

    def top_view(self, stage: Stage, task: Task, layout: Layout) -> bytes: ...

    def room_view(self, stage: Stage, task: Task, layout: Layout) -> bytes: ...

    def measure_view(self, stage: Stage, task: Task, layout: Layout) -> ViewMeasure: ...


@dataclass(frozen=True)
class Renders:
    """PNG of the top and the perspective view, the measured part of the view term, and a judge's grade in [0, 1]."""

    top: bytes
    room: bytes
    view: ViewMeasure
    grade: float | None = None


class Scorer:
    """Measures and scores layouts on one stage, for any number of episodes. `weights` may be the preset "paper".

    With a renderer scores have the view term and `look` works; a judge needs the renderer.
    """

    def __init__(
        self,
        stage: Stage,
        renderer: Pictures | None = None,
        judge: Judge | None = None,
        weights: Weights | Literal["paper"] = DEFAULT,
    ):
        if judge is not None and renderer is None:
            raise ValueError("a judge needs a renderer: it looks at pictures")
        self.stage, self.renderer, self.judge, self.weights = stage, renderer, judge, weights

    def open(self, task: Task, meshes: Mapping[str, bpy.types.Mesh] | None = None) -> None:
        """Build a task on the stage, unless it stands there already. Raises InputError and InfraFault."""
        if self.stage.task is not task:
            attempt("building the room", lambda: self.stage.open(task, meshes))

    def physics(self, task: Task, layout: Layout) -> Evidence:
        """Evidence without a render, of the task that is open. Raises InfraFault."""
        from ..blender.physics.measure import measure

        return attempt("physics", lambda: measure(self.stage, task, layout))

    def view(self, task: Task, layout: Layout) -> ViewMeasure:
        """What renders of the open task's layout show, without pictures to look at. Raises InfraFault."""
        renderer = self._need_renderer()
        return attempt("rendering", lambda: renderer.measure_view(self.stage, task, layout))

    def look(self, task: Task, layout: Layout, seed: int = 0) -> Renders:
        """Pictures of the open task's layout, what they show, and the judge's grade. Raises InfraFault."""
        renderer = self._need_renderer()

        def render() -> Renders:
            return Renders(
                renderer.top_view(self.stage, task, layout),
                renderer.room_view(self.stage, task, layout),
                renderer.measure_view(self.stage, task, layout),
            )

        look = attempt("rendering", render)
        if self.judge is None:
            return look
        try:
            return replace(look, grade=self.judge.grade(task, look.top, look.room, seed).score)
        except JudgeFault as error:
            raise InfraFault(str(error)) from error

    def _need_renderer(self) -> Pictures:
        if self.renderer is None:
            raise ValueError("this scorer has no renderer")
        return self.renderer

    def score(self, task: Task, grade: float, evidence: Evidence, judged: float | None = None) -> Score:
        """The score of a usable answer whose form has a grade in [0, 1]."""
        if isinstance(self.weights, Weights):
            return Score.of(task, grade, evidence, self.weights, judged)
        return paper_score(task, grade, evidence, judged)

    def unusable(self, task: Task, grade: float) -> Score:
        """The score of an answer without a layout."""
        if isinstance(self.weights, Weights):
            return Score.unusable(task, grade, self.weights)
        return paper_score_of_unusable(task, grade)
