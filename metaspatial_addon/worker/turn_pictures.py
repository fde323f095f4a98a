"""Pictures of turns that are in the window already: they follow when the layout is done, and hold up nothing.

Used by `jobs`.
"""

from __future__ import annotations

import base64
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..core.task import Task
from ..episode.turn import Outcome, Turn
from ..policy.base import request_threads

if TYPE_CHECKING:
    from ..blender.physics.stage import Stage
    from ..blender.rendering.render import Renderer

SMALL_PIXELS, SMALL_SAMPLES = 256, 8
"""Of the pictures that come first: width and height, as large as the panel shows them, and `Renderer.samples`."""


class _Awaited(Exception):
    """Something else is waiting."""


def pictures_that_follow(
    outcome: Outcome, stage: Stage, task: Task, renderer: Renderer, pixels: int, is_idle: Callable[[], bool]
) -> Iterator[dict[str, Any]]:
    """Render the turns of an episode whose model saw no renders, one message a turn.

    The best turn comes first, small and then `pixels` wide and high; the other turns small, the newest first. Ends as
    soon as `is_idle` says that something else is waiting, or where a picture cannot be rendered: turns then lack
    theirs. The stage must have the task open.
    """

    def look() -> None:
        if not is_idle() or request_threads():  # no operator of Blender runs beside a thread that asks a server
            raise _Awaited

    fine = renderer.samples
    renderer.between = look
    try:
        for turn, size in _plan(outcome, pixels):
            assert turn.layout is not None
            renderer.samples = SMALL_SAMPLES if size <= SMALL_PIXELS else fine
            files = {}
            for kind, view in (("view", renderer.room_view), ("top", renderer.top_view)):
                look()
                files[kind] = base64.b64encode(view(stage, task, turn.layout, size)).decode("ascii")
            yield {"type": "pictures", "number": turn.number, **files}
    except _Awaited:
        return
    except (RuntimeError, ReferenceError, OSError, MemoryError):
        traceback.print_exc()
    finally:
        renderer.samples, renderer.between = fine, None


def _plan(outcome: Outcome, pixels: int) -> Iterator[tuple[Turn, int]]:
    """Turns to render, and how large."""
    bare: Sequence[Turn] = [turn for turn in outcome.turns if turn.layout is not None and not any(turn.images.values())]
    small = min(SMALL_PIXELS, pixels)
    best = outcome.best
    if best is not None and best in bare:
        yield best, small
        if pixels > small:
            yield best, pixels
    yield from ((turn, small) for turn in reversed(bare) if turn is not best)
