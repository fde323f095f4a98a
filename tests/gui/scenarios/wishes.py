"""Wishes in the panel: the typed prompt is read, a wish is added by hand, and the turn says which it meets."""

from __future__ import annotations

from tests.gui.session import Bench, until
from tests.gui.studio import PROMPT, Studio

WISH = "The bed against the north wall and the wardrobe against the east wall. The piano by the window"
READ = ["double_bed_oak against north wall", "wardrobe_oak against east wall"]


def wishes(bench: Bench) -> str:
    studio = Studio(bench, **{"scene.prompt": "", "scene.turns": 2})
    session = studio.session
    studio.sidebar.write(PROMPT, WISH)
    until(lambda: session.ask("wishes")["words"] == READ, 10, f"the prompt is read: {session.ask('wishes')}")
    assert "not among the items" in session.ask("wishes")["not_understood"]
    studio.sidebar.press("metaspatial.add_wish")
    until(lambda: len(session.ask("wishes")["words"]) == 3, 5, "a wish is added by hand")
    session.picture("read")
    studio.sidebar.press("metaspatial.remove_wish")
    until(lambda: session.ask("wishes")["words"] == READ, 5, "and taken away again")
    studio.generate()
    job = studio.finish()
    assert not job["notice"], job["notice"]
    met = session.ask("wishes")["met"]
    session.picture("met")
    assert met == "2 of 2 wishes met", met
    return met
