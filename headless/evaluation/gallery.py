"""Pictures of what came of the tasks: sheets of the best, middle and worst layouts, and one of every failure.

Rendered after everything is measured, the sheets first and then failures from the worst on, so that Ctrl-C leaves a
report with the pictures that matter most.
"""

from __future__ import annotations

import textwrap
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from headless import cli
from metaspatial_addon.blender.physics.stage import Stage
from metaspatial_addon.blender.rendering.contact_sheet import contact_sheet
from metaspatial_addon.blender.rendering.render import Renderer
from metaspatial_addon.core.task import Layout, Task
from metaspatial_addon.episode.scorer import InfraFault, Scorer, attempt

from .runner import PROGRESS_EVERY, Result

FOLDER = "pictures"
PIXELS = 320
SAMPLES = 8
"""Samples a pixel at 512 px; smaller pictures get more."""
SHEET = 4
"""Layouts on a sheet, at most."""
CAPTION = 75
"""Letters over two pictures, at most."""


@dataclass(frozen=True)
class Failure:
    """A task whose result has a fault: the worst of its seeds, and how many of them have one."""

    worst: Result
    faulty: int
    seeds: int


@dataclass
class Gallery:
    """File names of pictures, relative to the report: of sheets by their title, of failures by (task id, seed)."""

    sheets: dict[str, str] = field(default_factory=dict)
    failures: dict[tuple[str, int], str] = field(default_factory=dict)


def failures_of(results: Sequence[Result]) -> list[Failure]:
    """The tasks with a fault, worst first."""
    by_task: dict[str, list[Result]] = {}
    for result in results:
        by_task.setdefault(result.task.id, []).append(result)
    found = []
    for of_task in by_task.values():
        faulty = [result for result in of_task if not is_clean(result)]
        if faulty:
            found.append(Failure(min(faulty, key=_merit), len(faulty), len(of_task)))
    return sorted(found, key=lambda failure: _merit(failure.worst))


def is_clean(result: Result) -> bool:
    """Whether an answer could be used and has no fault."""
    return result.score.status == "ok" and result.score.evidence.clean


def picked(results: Sequence[Result], most: int = SHEET) -> dict[str, list[Result]]:
    """Results for the sheets, by title: best first, of one seed, those without a layout left out. None is on two."""
    if not results:
        return {}
    shown = [r for r in results if r.seed == results[0].seed and r.turn.layout is not None]
    ranked = sorted(shown, key=_merit, reverse=True)
    count = min(most, len(ranked) // 3)
    if not count:
        return {"All": ranked} if ranked else {}
    middle = (len(ranked) - count) // 2
    return {
        "Best": ranked[:count],
        "Middle": ranked[middle : middle + count],
        "Worst": ranked[len(ranked) - count :],
    }


def _merit(result: Result) -> tuple[bool, float, str]:
    """The order of results; ties are settled by the task's id."""
    return result.score.status == "ok", result.score.reward or 0.0, result.task.id


def take_pictures(stage: Stage, results: Sequence[Result], failures: Sequence[Failure], folder: Path) -> Gallery:
    """Render sheets and failures into `folder` / FOLDER. On Ctrl-C what is there already is kept."""
    sheets = picked(results)
    shown = [*(result for chosen in sheets.values() for result in chosen), *(failure.worst for failure in failures)]
    gallery, shot = Gallery(), _Camera(stage, shown)
    (folder / FOLDER).mkdir(exist_ok=True)
    try:
        for title, chosen in sheets.items():
            name = f"{FOLDER}/{title.lower()}.png"
            rows = [(views, caption(result)) for result in chosen if (views := shot.take(result))]
            if rows:
                contact_sheet([views for views, _ in rows], folder / name, [told for _, told in rows])
                gallery.sheets[title] = name
        for number, failure in enumerate(failures, 1):
            result = failure.worst
            if views := shot.take(result):
                name = f"{FOLDER}/failure_{number:04d}.png"
                contact_sheet([views], folder / name, [caption(result)])
                gallery.failures[result.task.id, result.seed] = name
    except KeyboardInterrupt:
        cli.progress("interrupted: the pictures taken so far are kept")
    finally:
        shot.renderer.close()
    return gallery


def caption(result: Result) -> str:
    """One line over the pictures of a layout, in letters that every font has."""
    faults = "; ".join(fault.name for fault in result.score.evidence.faults()) or "no fault"
    told = textwrap.shorten(f"{result.task.id}, {result.score.reward:.3f}: {faults}", CAPTION, placeholder=" ...")
    return told.encode("ascii", "replace").decode()


class _Camera:
    """Takes the top and the perspective view of results, each once, and says how long it will still take."""

    def __init__(self, stage: Stage, shown: Sequence[Result]):
        self._scorer = Scorer(stage)
        self.renderer = Renderer("cycles", samples=SAMPLES)
        self._taken: dict[tuple[str, int], list[bytes]] = {}
        self._total = len({(r.task.id, r.seed) for r in shown if r.turn.layout is not None})
        self._began = self._shown = time.monotonic()

    def take(self, result: Result) -> list[bytes]:
        """PNG of both views; none where there is no layout, or where rendering failed."""
        key = result.task.id, result.seed
        if result.turn.layout is None:
            return []
        if key not in self._taken:
            try:
                self._taken[key] = self._render(result.task, result.turn.layout)
            except InfraFault as error:
                cli.progress(f"{result.task.id}, seed {result.seed}: {error}")
                self._taken[key] = []
            self._tell()
        return self._taken[key]

    def _render(self, task: Task, layout: Layout) -> list[bytes]:
        self._scorer.open(task)
        stage = self._scorer.stage
        views = (self.renderer.top_view, self.renderer.room_view)
        return attempt("rendering", lambda: [view(stage, task, layout, PIXELS) for view in views])

    def _tell(self) -> None:
        now, done = time.monotonic(), len(self._taken)
        if now - self._shown > PROGRESS_EVERY:
            self._shown = now
            left = (now - self._began) / done * (self._total - done) / 60
            cli.progress(f"{done}/{self._total} layouts rendered, {left:.1f} min left")
