"""The artist goes on working while a job runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.gui.layouts import LayoutServer
from tests.gui.session import Bench, until
from tests.gui.studio import ACCEPT, Studio, moved, sentence


def edit_meanwhile(bench: Bench) -> str:
    """Moves, renames and deletes objects, undoes, goes to Edit Mode: the job ends well; Accept moves the rest."""
    with _waiting_job(bench) as (studio, server):
        session = studio.session
        first, second, third = session.ask("selected")[:3]
        start = studio.originals()
        session.ask("select", names=[first])
        studio.press_in_viewport("g", "x", "1", "Return")
        by_hand = studio.originals()
        assert moved(start, by_hand) == [first], "the artist's move works as ever"
        session.ask("rename", name=second, to="Renamed meanwhile")
        session.ask("select", names=[third])
        studio.press_in_viewport("Delete")
        assert third not in studio.originals()
        studio.press_in_viewport("ctrl+z")
        assert third in studio.originals(), "Ctrl-Z brings the deleted object back"
        studio.press_in_viewport("ctrl+shift+z")
        session.ask("select", names=[first])
        studio.press_in_viewport("Tab")
        assert session.ask("mode") == "EDIT_MESH"
        server.let_go()
        until(lambda: "Object Mode" in studio.job()["progress"], 60, "the turn waits for Object Mode, and says so")
        session.picture("waiting")
        assert session.ask("mode") == "EDIT_MESH" and not studio.turns()
        studio.press_in_viewport("Tab")
        job = studio.finish()
        turns = studio.turns()
        assert turns and turns[0]["copies"] == len(by_hand) - 4, f"{turns}; {job}"  # floor, camera, light, the deleted
        session.picture("edited")
        studio.sidebar.press(ACCEPT)
        session.ask("version")
        after = studio.originals()
        assert third not in after, "what the artist deleted stays deleted"
        renamed = {"Renamed meanwhile": by_hand[second]}
        assert moved(renamed, after), "Accept finds an object that was renamed"
        return f"{len(turns)} turns in spite of move, rename, delete, undo, redo and Edit Mode"


def open_meanwhile(bench: Bench) -> str:
    """Opens another file: the job ends, the worker too, and the file is as it was saved."""
    with _waiting_job(bench) as (studio, server):
        session = studio.session
        before = studio.objects()
        blend = session.home / "other.blend"
        session.ask("operator", name="wm.save_as_mainfile", filepath=str(blend), copy=True)
        session.ask("operator", name="wm.open_mainfile", filepath=str(blend))
        until(lambda: studio.job()["state"] == "IDLE" and not session.children(), 2, "the job and the worker end")
        notice = studio.job()["notice"]
        sentence(notice)
        session.picture("opened")
        assert studio.objects() == before and not studio.turns()
        server.let_go()
        studio.generate()
        studio.finish()
        assert studio.turns(), "the next click works"
        return notice


def render_meanwhile(bench: Bench) -> str:
    """Render > Render Image while a job runs: the turn waits until the artist's render is over, and says so."""
    with _waiting_job(bench) as (studio, server):
        session = studio.session
        session.ask("make_renders_long")
        session.ask("operator", name="render.render", how="INVOKE_DEFAULT")
        until(lambda: session.ask("rendering"), 30, "the render begins")
        server.let_go()
        until(lambda: "render to end" in studio.job()["progress"], 90, "the turn waits for the render, and says so")
        session.picture("rendering")
        assert session.ask("rendering") and not studio.turns()
        studio.press_in_viewport("Escape")
        until(lambda: not session.ask("rendering"), 30, "Escape ends the render")
        job = studio.finish()
        assert studio.turns() and not job["notice"], job
        return f"{len(studio.turns())} turns after the render"


@contextmanager
def _waiting_job(bench: Bench) -> Iterator[tuple[Studio, LayoutServer]]:
    """A furnished room, and a job whose model does not answer before it is let go."""
    server = LayoutServer()
    settings = {"preferences.model": "SERVER", "preferences.server_url": server.url, "scene.turns": 2}
    settings |= {"preferences.server_model": "grid", "preferences.server_sees_images": False}
    try:
        studio = Studio(bench, **settings)
        studio.generate()
        assert server.asked.wait(60), f"the model is never asked: {studio.job()}"
        yield studio, server
    finally:
        server.close()
