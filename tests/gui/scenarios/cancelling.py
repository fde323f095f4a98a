"""Jobs that end early: Cancel in each phase, and processes that are killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from tests.gui.session import Bench, blenders, until
from tests.gui.studio import CANCEL, Studio, moved, sentence

IDLE = 2.0
"""Seconds from Cancel to idle, the worker gone."""
ORPHAN = 5.0
"""Seconds that a worker may outlive its Blender."""
LONG = {"preferences.samples": 32, "preferences.picture_size": 1024}
"""Makes every phase last long enough to be met."""


def cancel(bench: Bench) -> str:
    studio = Studio(bench, **LONG)
    before = studio.objects()
    figures = []
    for phase in ("model", "physics"):
        studio.generate()
        studio.sidebar.find(CANCEL)
        studio.phase(phase)
        clicked = studio.sidebar.press(CANCEL)
        _idle(studio, clicked)
        figures.append(f"{phase} {time.monotonic() - clicked:.2f} s")
        assert studio.objects() == before, f"cancelled during {phase}: the scene has changed"
    studio.session.picture("cancelled")
    _works_again(studio)
    return f"idle after Cancel: {', '.join(figures)}"


def kill_worker(bench: Bench) -> str:
    studio = Studio(bench, **LONG)
    before = studio.objects()
    studio.generate()
    studio.phase("physics")
    killed = time.monotonic()
    for pid in studio.session.children():
        os.kill(pid, signal.SIGKILL)
    _idle(studio, killed)
    seconds = time.monotonic() - killed
    notice = studio.job()["notice"]
    studio.session.picture("killed")
    sentence(notice)
    assert studio.objects() == before, "the scene has changed"
    _works_again(studio)
    return f"idle {seconds:.2f} s after kill -9 on the worker: {notice}"


def kill_blender(bench: Bench) -> str:
    figures = []
    for phase in ("model", "pictures"):
        studio = Studio(bench, name=phase, **LONG)
        studio.generate()
        if phase == "pictures":  # they follow when the job is over
            studio.first_turn()
        else:
            studio.phase(phase)
        workers = studio.session.children()
        assert workers, blenders()
        killed = time.monotonic()
        studio.session.process.kill()
        studio.session.process.wait()
        until(_no_worker(studio), ORPHAN, f"the worker ends by itself: {workers}")
        figures.append(f"{phase} {time.monotonic() - killed:.1f} s")
    return f"worker gone after kill -9 on Blender: {', '.join(figures)}"


def _no_worker(studio: Studio) -> Callable[[], bool]:
    return lambda: not studio.session.children()


def _idle(studio: Studio, since: float) -> None:
    """The job has ended and no worker goes on, soon enough."""
    left = IDLE - (time.monotonic() - since)
    until(lambda: studio.job()["state"] == "IDLE" and not studio.session.children(), left, "idle without a worker")


def _works_again(studio: Studio) -> None:
    for path, value in (("preferences.picture_size", 128), ("preferences.samples", 0), ("scene.turns", 1)):
        studio.session.ask("assign", path=path, value=value)
    before = studio.originals()
    studio.generate()
    notice = studio.finish()["notice"]
    assert not notice, notice
    assert len(studio.turns()) == 1, studio.turns()
    assert not moved(before, studio.originals())
