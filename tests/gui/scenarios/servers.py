"""The model behind a server: a real one, and servers that fail in each known way."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.gui.session import Bench, until
from tests.gui.studio import Studio, sentence
from tests.policy.servers import Handler, ScriptedServer, Step, chat, send

SERVER = {"preferences.model": "SERVER", "preferences.server_model": "some-model", "scene.turns": 1}


def real_server(bench: Bench) -> str:
    """transformers serve with a small random model, which answers nonsense: the panel says so, and nothing breaks."""
    assert bench.server, "this scenario wants --server URL MODEL"
    url, model = bench.server
    studio = Studio(bench, **{**SERVER, "preferences.server_url": url, "preferences.server_model": model})
    before = studio.originals()
    studio.sidebar.open_below("metaspatial.others_are_obstacles")  # the panel Model
    studio.sidebar.press("metaspatial.test_connection")
    until(lambda: studio.job()["notice"] and studio.job()["state"] == "IDLE", 60, "Test Connection says how it went")
    connected = studio.job()["notice"]
    sentence(connected)
    studio.generate()
    notice = studio.finish(240)["notice"]
    studio.session.picture("nonsense")
    sentence(notice)
    after = studio.originals()
    assert before == after, "the scene has changed"
    return f"{connected} / {notice}"


def failing_servers(bench: Bench) -> str:
    studio = Studio(bench, **SERVER)
    _make_impatient(studio)
    before = studio.objects()
    notices = []
    for name, steps in FAULTS.items():
        with _server(steps) as url:
            studio.session.ask("assign", path="preferences.server_url", value=url)
            studio.generate()
            notice = studio.finish(60)["notice"]
        studio.session.picture(name)
        sentence(notice)
        notices.append(f"{name}: {notice}")
        assert studio.objects() == before, "the scene has changed"
    assert len(set(notices)) == len(notices)
    return "\n    ".join(["one sentence each:", *notices])


def _make_impatient(studio: Studio) -> None:
    """This profile's copy of the add-on waits 3 seconds for a server, not 180."""
    (source,) = studio.session.home.rglob("metaspatial_addon/policy/endpoint/policy.py")
    text = source.read_text()
    assert "timeout: float = 180.0" in text
    source.write_text(text.replace("timeout: float = 180.0", "timeout: float = 3.0"))


def _cut_off(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "5000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [{"mess')
    handler.close_connection = True


def _never(handler: Handler) -> None:
    time.sleep(20)


FAULTS: dict[str, Step | None] = {
    "refused": None,
    "unauthorised": send(401, {"error": {"message": "invalid api key"}}),
    "timeout": _never,
    "not_json": send(200, "<html>It works!</html>"),
    "nonsense": chat("I would rather talk about the weather."),
    "cut_off": _cut_off,
}


@contextmanager
def _server(step: Step | None) -> Iterator[str]:
    """The URL of a server that answers so; of none at all for None."""
    server = ScriptedServer()
    if step is None:
        server.server_close()
        yield server.url
        return
    server.steps = [step]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield server.url
    server.shutdown()
    server.server_close()
