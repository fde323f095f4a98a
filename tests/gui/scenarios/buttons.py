"""The buttons around Generate Layout: doors, the library, fixing, refining, comparing, pictures and export."""

from __future__ import annotations

import json

from tests.gui.session import Bench, until
from tests.gui.studio import ACCEPT, Studio, moved

COUNTS = {"add_door": 1, "add_window": 2}


def doors_and_library(bench: Bench) -> str:
    studio = Studio(bench, **{"scene.prompt": "A bedroom with a single bed, two chairs and a bookcase"})
    session, before = studio.session, set(studio.objects())
    for operator, count in COUNTS.items():
        studio.sidebar.press(f"metaspatial.{operator}")
        until(lambda count=count: len(set(studio.objects()) - before) == count, 5, f"{operator} adds a marker")
    session.ask("assign", path="scene.items_source", value="LIBRARY")
    studio.sidebar.press("metaspatial.pick_assets")
    until(lambda: studio.sidebar.has("metaspatial.add_assets"), 60, f"what was found is listed: {studio.job()}")
    session.picture("found")
    marked = set(studio.objects())
    studio.sidebar.press("metaspatial.add_assets")
    until(lambda: len(set(studio.objects()) - marked) == 4, 10, "a bed, two chairs and a bookcase are added")
    studio.generate()
    job = studio.finish()
    assert not job["notice"], job["notice"]
    assert studio.turns()[-1]["copies"] == 4, studio.turns()
    session.picture("laid_out")
    return "a door, a window, and four pieces of the library laid out"


def after_a_turn(bench: Bench) -> str:
    studio = Studio(bench, **{"scene.turns": 1})
    session, start = studio.session, studio.originals()
    studio.generate()
    studio.finish()
    until(lambda: studio.sidebar.has("metaspatial.show_pictures"), 60, "its pictures follow a turn")
    for button in ("refine_from_here", "fix_broken"):
        session.ask("start_timing")
        studio.sidebar.press(f"metaspatial.{button}")
        until(lambda: studio.job()["ticks"], 5, f"{button} starts a job")  # which may be over at once
        studio.finish()
    turns = studio.turns()
    assert len(turns) >= 2, f"refining makes a turn: {turns}, {studio.job()['notice']}"
    session.ask("operator", name="metaspatial.compare_turns", number=1)
    session.picture("compared")
    studio.sidebar.press("metaspatial.show_originals")
    until(lambda: not any(turn["shown"] for turn in studio.turns()), 5, "the originals are shown")
    assert not moved(start, studio.originals()), "originals stay where they are before Accept"
    session.ask("operator", name="metaspatial.show_turn", number=1)
    studio.sidebar.press(ACCEPT)
    until(lambda: moved(start, studio.originals()), 5, "Accept moves the originals")
    written = []
    for kind, suffix in (("GLB", "glb"), ("LAYOUT", "json")):
        path = session.home / f"room.{suffix}"
        session.ask("operator", name="metaspatial.export_layout", filepath=str(path), file_format=kind)
        written.append(f"{path.stat().st_size / 1000:.0f} kB of {suffix}")
    assert json.loads((session.home / "room.json").read_text())["placements"]
    studio.sidebar.press("metaspatial.show_pictures")
    session.ask("version")
    session.picture("pictures")
    return f"{len(turns)} turns refined and fixed, compared, accepted; {', '.join(written)}"
