"""When a worker counts as hung: not while a slow model answers, for however long, but when it says nothing."""

from __future__ import annotations

import os
import signal
import threading

import bpy
import pytest

from metaspatial_addon.blender.turns import turn_visibility
from metaspatial_addon.ui.state import job, preferences
from metaspatial_addon.ui.state.job_status import status
from tests.episode.scripted import NONSENSE
from tests.policy.servers import Handler, ScriptedServer, chat
from tests.ui.jobs import wait_until
from tests.worker.waiting import wait_gone

LIMIT = 3.5
"""Seconds of silence that these tests allow while a model answers."""
SAMPLES = 12
REPLY = 2.0
"""Seconds that the server takes for a reply. Four requests run at a time: all samples take 6 seconds."""


@pytest.fixture
def server(scene, monkeypatch):
    """The model behind a server that is asked for one turn of many samples; it answers once `go_on` is set."""
    monkeypatch.setitem(job.SILENCE_LIMITS_S, "model", LIMIT)
    server = ScriptedServer()
    server.over = threading.Event()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    chosen, settings = preferences.of(bpy.context), scene.metaspatial
    chosen.model, chosen.server_url, chosen.server_model, chosen.samples = "SERVER", server.url, "m", SAMPLES
    chosen.engine, chosen.picture_size, settings.turns = "CYCLES", 128, 1
    yield server
    server.over.set()
    server.shutdown()
    server.server_close()


def test_a_worker_whose_model_answers_slowly_is_not_ended(server, scene):
    def answer_late(handler: Handler) -> None:
        server.over.wait(REPLY)
        chat(NONSENSE)(handler)

    server.steps = [answer_late]
    assert bpy.ops.metaspatial.generate_layout() == {"FINISHED"}
    wait_until(lambda: job.tick() is None or not status.busy, 90)
    assert len(server.seen) == SAMPLES
    assert len(turn_visibility.all_turns(scene)) == 1, status.notice


def test_a_worker_that_hangs_while_the_model_answers_is_ended(server, scene):
    server.steps = [lambda handler: server.over.wait(60)]
    assert bpy.ops.metaspatial.generate_layout() == {"FINISHED"}
    wait_until(lambda: job.tick() is None or bool(server.seen), 60)
    pid = job.current.worker.pid
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: job.tick() is None or not status.busy, 30)
    assert "did not answer any more and was stopped" in str(status.notice)
    wait_gone(pid)
