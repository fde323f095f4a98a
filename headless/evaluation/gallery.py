"""Renders of results: sheets of the best, middle and worst layouts, and one of every failure.

They are rendered after everything is measured, the sheets first and then failures from the worst on, so that Ctrl-C
leaves a report with those that matter most.
"""

from __future__ import annotations

import textwrap
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from headless import cli, interruption
from metaspatial_addon.blender.physics.stage import Stage
from metaspatial_addon.blender.rendering.contact_sheet import contact_sheet
from metaspatial_addon.blender.rendering.render import Renderer
from metaspatial_addon.episode.scorer import InfraFault, Scorer, attempt

from .runner import PROGRESS_EVERY, Result

FOLDER = "pictures"
PIXELS = 320
RENDER_SAMPLES = 8
"""Samples a pixel at 512 px; smaller renders get more."""
SHEET = 4
"""Layouts on a sheet, at most."""
CAPTION = 75
"""Characters over two renders, at most."""


@dataclass(frozen=True)
class Failure:
    """A task whose result has a fault: the worst of its seeds, and how many of them have one."""

    worst: Result
    faulty: int
    seeds: int


@dataclass
class Gallery:
    """Names of image files relative to the report: of sheets by their title, of failures by (task id, seed)."""

    sheets: dict[str, str] = field(default_factory=dict)
    failures: dict[tuple[str, int], str] = field(default_factory=dict)


def failures_of(results: Sequence[Result]) -> list[Failure]:
    """The tasks with a fault, worst first."""
    by_task: dict[str, list[Result]] = {}
    for result in results:
        by_task.setdefault(result.task.id, []).append(result)
    failures = []
    for of_task in by_task.values():
        faulty = [result for result in of_task if not is_clean(result)]
        if faulty:
            failures.append(Failure(min(faulty, key=_rank), len(faulty), len(of_task)))
    return sorted(failures, key=lambda failure: _rank(failure.worst))


def is_clean(result: Result) -> bool:
    """Whether an answer could be used and has no fault."""
    return result.score.status == "ok" and result.score.evidence.clean


def picked(results: Sequence[Result], most: int = SHEET) -> dict[str, list[Result]]:
    """Results for the sheets, by title: best first, of one seed, those without a layout left out. None is on two."""
    if not results:
        return {}
    placed = [r for r in results if r.seed == results[0].seed and r.turn.layout is not None]
    ranked = sorted(placed, key=_rank, reverse=True)
    count = min(most, len(ranked) // 3)
    if not count:
        return {"All": ranked} if ranked else {}
    middle = (len(ranked) - count) // 2
    return {
        "Best": ranked[:count],
        "Middle": ranked[middle : middle + count],
        "Worst": ranked[len(ranked) - count :],
    }


def _rank(result: Result) -> tuple[bool, float, str]:
    """The order of results, best last; ties are settled by the task's id."""
    return result.score.status == "ok", result.score.reward or 0.0, result.task.id


def render_gallery(stage: Stage, results: Sequence[Result], failures: Sequence[Failure], folder: Path) -> Gallery:
    """Render sheets and failures into `folder` / FOLDER. On a signal what is there already is kept."""
    sheets = picked(results)
    wanted = [*(result for chosen in sheets.values() for result in chosen), *(failure.worst for failure in failures)]
    total = len({(result.task.id, result.seed) for result in wanted if result.turn.layout is not None})
    rendered: dict[tuple[str, int], list[bytes]] = {}
    gallery, scorer = Gallery(), Scorer(stage)
    began = reported = time.monotonic()

    def views(result: Result) -> list[bytes]:
        """PNG of both views, rendered once; none where there is no layout, or where rendering failed."""
        nonlocal reported
        key, task, layout = (result.task.id, result.seed), result.task, result.turn.layout
        if layout is None:
            return []
        if key not in rendered:
            try:
                scorer.open(task)
                both = (renderer.top_view, renderer.room_view)
                rendered[key] = attempt("rendering", lambda: [view(stage, task, layout) for view in both])
            except InfraFault as error:
                cli.progress(f"{task.id}, seed {result.seed}: {error}")
                rendered[key] = []
            if time.monotonic() - reported > PROGRESS_EVERY:
                reported = time.monotonic()
                left = (reported - began) / len(rendered) * (total - len(rendered)) / 60
                cli.progress(f"{len(rendered)}/{total} layouts rendered, {left:.1f} min left")
        return rendered[key]

    (folder / FOLDER).mkdir(exist_ok=True)
    try:
        with interruption.patient(), Renderer("cycles", samples=RENDER_SAMPLES, pixels=PIXELS) as renderer:
            for title, chosen in sheets.items():
                rows = [(images, caption(result)) for result in chosen if (images := views(result))]
                if rows:
                    gallery.sheets[title] = name = f"{FOLDER}/{title.lower()}.png"
                    contact_sheet([images for images, _ in rows], folder / name, [line for _, line in rows])
            for number, failure in enumerate(failures, 1):
                result = failure.worst
                if images := views(result):
                    gallery.failures[result.task.id, result.seed] = name = f"{FOLDER}/failure_{number:04d}.png"
                    contact_sheet([images], folder / name, [caption(result)])
    except KeyboardInterrupt:
        cli.progress("interrupted: the images rendered so far are kept")
    return gallery


def caption(result: Result) -> str:
    """One line over the renders of a layout, in ASCII, which every font has."""
    faults = "; ".join(fault.name for fault in result.score.evidence.faults()) or "no fault"
    line = textwrap.shorten(f"{result.task.id}, {result.score.reward:.3f}: {faults}", CAPTION, placeholder=" ...")
    return line.encode("ascii", "replace").decode()
