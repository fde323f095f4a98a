"""The first minute of an artist: a prompt typed and Generate Layout clicked; and, before that, three clicks alone."""

from __future__ import annotations

import time

from tests.gui.session import Bench, until
from tests.gui.sidebar import Sidebar
from tests.gui.studio import GENERATE, PROMPT, Studio, moved

WISH = "A calm bedroom with the desk by the window"
LIMIT = 30
"""Seconds from the click to the first turn shown, and from the open tab to a layout without faults."""
FRESH_CLICKS = ("metaspatial.example_scene", GENERATE)
"""What a person clicks in the opened tab who has only Blender's first cube."""


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


def fresh_profile(bench: Bench) -> str:
    """From Blender's default scene: N, the tab, Example Scene, Generate Layout, and a good layout is there."""
    session = bench.start()
    sidebar = Sidebar(session)
    began = time.monotonic()
    for operator in FRESH_CLICKS:
        clicked = sidebar.press(operator)
    good = until(
        lambda: [t for t in session.ask("turns") if t["shown"] and not t["faults"]], 90, "a turn without faults"
    )
    whole, waited = time.monotonic() - began, time.monotonic() - clicked
    session.picture("good")
    assert good[0]["copies"] > 0, good
    assert whole <= LIMIT, f"the layout came {whole:.1f} s after the tab was open"
    return (
        f"{1 + len(FRESH_CLICKS)} clicks, the tab's included; turn {good[0]['number']} without faults {waited:.1f} s "
        f"after the last, {whole:.1f} s after the first"
    )
