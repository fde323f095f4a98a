"""The first minute of an artist: the zip dropped on a fresh Blender, a prompt typed, Generate Layout clicked."""

from __future__ import annotations

import time

from tests.gui.session import Bench, until
from tests.gui.studio import PROMPT, Studio, moved

WISH = "A calm bedroom with the desk by the window"
LIMIT = 30
"""Seconds from the click to the first turn shown."""


def first_layout(bench: Bench) -> str:
    studio = Studio(bench, **{"scene.prompt": "", "preferences.picture_size": 512})
    session = studio.session
    studio.press_in_viewport("Home")
    session.picture("before")
    before = studio.originals()
    studio.sidebar.write(PROMPT, WISH)
    assert session.ask("prompt") == WISH
    clicked = studio.generate()
    session.picture("working")
    until(lambda: studio.turns(), 120, f"a turn is shown: {studio.job()}")
    first = time.monotonic() - clicked
    job = studio.finish()
    whole = time.monotonic() - clicked
    assert not job["notice"], job["notice"]
    turns = studio.turns()
    session.ask("smooth")
    studio.press_in_viewport("KP_Decimal", "alt+a")  # frames what is selected, which the turn's objects are
    studio.desktop.scroll(*studio.sidebar.viewport(), 3)
    until(lambda: session.ask("seconds_since_redraw") > 1, 30, "the view is smooth and at rest")
    session.picture("turns")
    assert [turn["number"] for turn in turns] == list(range(1, len(turns) + 1)), turns
    assert [turn["shown"] for turn in turns].count(True) == 1, turns
    assert all(turn["copies"] == turns[0]["copies"] > 0 for turn in turns), turns
    assert not moved(before, studio.originals()), "originals stay where they are before Accept"
    assert first <= LIMIT, f"the first turn came {first:.1f} s after the click"
    return f"first turn after {first:.1f} s, {len(turns)} turns after {whole:.1f} s"
