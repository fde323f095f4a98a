"""A room in a Blender window with the sidebar open at our tab: where most scenarios begin, and their common steps."""

from __future__ import annotations

import time
from typing import Any

from tests.gui.session import Bench, Session, until
from tests.gui.sidebar import Sidebar

GENERATE, CANCEL, ACCEPT = "metaspatial.generate_layout", "metaspatial.cancel", "metaspatial.accept_turn"
PROMPT = "metaspatial.prompt"
CLOSE = 1e-6
"""Largest difference between two matrices that count as equal."""
Objects = dict[str, dict[str, Any]]


class Studio:
    """A session whose scene is furnished, and its sidebar."""

    def __init__(self, bench: Bench, scene: str = "furnish", name: str = "session", **settings: Any) -> None:
        self.session: Session = bench.start(name)
        self.desktop = bench.desktop
        self.session.ask("build", function=scene)
        settings = {
            "scene.prompt": "A calm bedroom",
            "scene.seed": 7,
            "scene.randomise": False,
            "preferences.picture_size": 256,
            **settings,
        }
        for path, value in settings.items():
            self.session.ask("assign", path=path, value=value)
        self.sidebar = Sidebar(self.session)

    def generate(self) -> float:
        """Click Generate Layout. Returns when, by time.monotonic."""
        clicked = self.sidebar.press(GENERATE)
        until(lambda: self.job()["state"] != "IDLE" or self.job()["notice"], 5, "the click starts a job")
        return clicked

    def job(self) -> dict[str, Any]:
        return self.session.ask("job")

    def turns(self) -> list[dict[str, Any]]:
        return self.session.ask("turns")

    def finish(self, seconds: float = 120) -> dict[str, Any]:
        """Wait for the end of the job; returns its last state."""
        until(lambda: self.job()["state"] == "IDLE", seconds, "the job has ended")
        return self.job()

    def first_turn(self, seconds: float = 90) -> None:
        until(self.turns, seconds, f"a turn is shown; the job: {self.job()}")

    def phase(self, phase: str, seconds: float = 60) -> None:
        """Wait until the panel says that the job is at that phase."""

        def there() -> bool:
            job = self.job()
            assert job["state"] != "IDLE", f"the job ended before the phase {phase}: {job['notice']}"
            return phase in job["progress"].lower()

        until(there, seconds, f"the panel tells of the phase {phase}")

    def objects(self) -> Objects:
        return self.session.ask("objects")

    def originals(self) -> Objects:
        """Every object but the copies of turns."""
        return {name: state for name, state in self.objects().items() if not state["copy"]}

    def press_in_viewport(self, *keys: str) -> None:
        """Press keys with the mouse over the 3D view."""
        self.desktop.move(*self.sidebar.viewport())
        time.sleep(0.1)
        self.desktop.key(*keys)
        self.session.ask("version")  # answered after the keys have had their effect


def moved(before: Objects, after: Objects) -> list[str]:
    """Objects of `before` that stand elsewhere in `after`, or are gone."""
    return sorted(
        name
        for name, state in before.items()
        if name not in after or any(not _same(state[key], after[name][key]) for key in ("own", "world"))
    )


def _same(one: list[float] | None, other: list[float] | None) -> bool:
    if one is None or other is None:
        return True
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) <= CLOSE


def sentence(notice: str) -> None:
    """A notice in the panel is one clear sentence or two, not a traceback."""
    assert 10 < len(notice) < 400, f"no clear sentence: {notice!r}"
    for trace in ("Traceback", "Error(", "Errno", "<urlopen", "Exception", "\n"):
        assert trace not in notice, f"the notice holds {trace!r}: {notice!r}"
