"""The extension comes and goes, and leaves nothing behind."""

from __future__ import annotations

import time
from pathlib import Path

from tests.gui.session import Bench, Session, until
from tests.gui.studio import Studio

TIMES = 50
GROWTH = 8.0
"""Megabytes that the process may grow by from the tenth to the fiftieth time."""
NOTHING = {"classes": [], "properties": [], "handlers": [], "timers": []}


def enable_fifty_times(bench: Bench) -> str:
    studio = Studio(bench)
    session = studio.session
    first = session.ask("traces")
    session.ask("reload", times=10, timeout=120)
    warm = _traces_at_rest(session)
    session.ask("reload", times=TIMES - 10, timeout=240)
    last = _traces_at_rest(session)
    growth = last.pop("megabytes") - warm.pop("megabytes")
    first.pop("megabytes")
    assert warm == last == first, f"{first}\n{last}"
    assert growth <= GROWTH, f"{growth:.1f} MB more"
    assert studio.sidebar.has("metaspatial.generate_layout"), "the panel is still there"
    return f"{TIMES} times: {growth:+.1f} MB, the same {len(last['classes'])} classes, handlers and timers"


def remove(bench: Bench) -> str:
    """Disable while a job runs, enable, use, remove."""
    studio = Studio(bench, **{"scene.turns": 1, "preferences.picture_size": 128, "preferences.key": "sk-1234567890"})
    session = studio.session
    studio.generate()
    until(session.children, 30, "a worker starts")
    session.ask("operator", name="preferences.addon_disable", module="bl_ext.user_default.metaspatial")
    until(lambda: not session.children(), 2, "disabling ends the worker")
    _nothing_left(session.ask("traces"))
    session.ask("operator", name="preferences.addon_enable", module="bl_ext.user_default.metaspatial")
    studio.generate()
    studio.finish()
    assert studio.turns()
    files = our_files(session.home)
    session.ask("operator", name="extensions.package_uninstall", repo_index=1, pkg_id="metaspatial")
    until(lambda: not our_files(session.home), 20, f"removing leaves no file: {our_files(session.home)}")
    until(lambda: not session.children(), 2, "removing ends the worker")
    _nothing_left(session.ask("traces"))
    left = [path for path in Path("/tmp").glob("metaspatial*") if path.is_dir()]
    assert not left, left
    session.picture("removed")
    return f"no class, property, handler, timer, process; none of its {len(files)} files"


def _traces_at_rest(session: Session) -> dict:
    """With the least memory of five seconds: of 1.2 GB some 15 MB come and go while Blender draws and cleans up."""
    looks = []
    for _ in range(5):
        time.sleep(1)
        looks.append(session.ask("traces"))
    return min(looks, key=lambda look: look["megabytes"])


def our_files(home: Path) -> list[str]:
    return sorted(str(path) for path in home.rglob("*") if "metaspatial" in str(path.relative_to(home)))


def _nothing_left(traces: dict) -> None:
    traces.pop("megabytes")
    assert traces == NOTHING, traces
