"""Pictures follow their turns: the best first and small, until something else is asked for; a model that reads renders
gets them in their own size."""

from __future__ import annotations

import base64

import bpy
import pytest

from metaspatial_addon.blender.physics.stage import Stage
from metaspatial_addon.episode.env import LayoutEnv
from metaspatial_addon.prompts.png import read_png
from metaspatial_addon.worker import jobs, turn_pictures
from tests.episode.scripted import CROSSED, PARTED, SAME, TASK, Painter, Scripted, run
from tests.policy.servers import chat
from tests.worker.rooms import FURNITURE, job_folder, layout_request


class Sized(Painter):
    """Says the size as well."""

    samples, between = 16, None

    def top_view(self, stage, task, layout, pixels=None):
        return super().top_view(stage, task, layout) if pixels is None else b"top %d" % pixels

    def room_view(self, stage, task, layout, pixels=None):
        return super().room_view(stage, task, layout) if pixels is None else b"view %d" % pixels


@pytest.fixture
def stage():
    with Stage() as stage:
        yield stage


def followed(stage, outcome, renderer, pixels=512, is_idle=lambda: True):
    """Number, and top view, of each message."""
    messages = turn_pictures.pictures_that_follow(outcome, stage, TASK, renderer, pixels, is_idle)
    return [(message["number"], base64.b64decode(message["top"])) for message in messages]


def test_the_best_comes_first_small_and_then_large(stage):
    outcome = run(LayoutEnv(stage), Scripted(CROSSED, PARTED, SAME))
    assert outcome.best.number == 2
    small, large = b"top %d" % turn_pictures.SMALL_PIXELS, b"top 512"
    assert followed(stage, outcome, Sized()) == [(2, small), (2, large), (3, small), (1, small)]
    assert followed(stage, outcome, Sized(), 64) == [(2, b"top 64"), (3, b"top 64"), (1, b"top 64")]


def test_they_end_where_something_else_is_asked_for_or_cannot_be_rendered(stage, capsys):
    outcome = run(LayoutEnv(stage), Scripted(CROSSED, PARTED, SAME))
    still_idle = iter([True, True, True, False])
    assert len(followed(stage, outcome, Sized(), is_idle=lambda: next(still_idle))) == 1

    class Broken(Sized):
        def top_view(self, *_):
            raise RuntimeError("no graphics card")

    assert followed(stage, outcome, Broken()) == [] and "no graphics card" in capsys.readouterr().err


def test_turns_whose_model_saw_renders_have_theirs(stage):
    assert followed(stage, run(LayoutEnv(stage, Painter()), Scripted(CROSSED, PARTED, SAME)), Sized()) == []


def test_a_turn_waits_for_no_picture_and_the_job_ends_before_them(tmp_path):
    messages = []
    runner = jobs.JobRunner(messages.append, lambda: True)
    runner.run(layout_request(job_folder(tmp_path / "job"), turns=1, samples=1, pictures=40))
    _, turn, done, *pictures = (message for message in messages if message["type"] not in ("progress", "alive"))
    assert (turn["type"], done["type"]) == ("turn", "done") and "view" in turn["record"]["terms"]
    assert {message["type"] for message in pictures} == {"pictures"}
    assert read_png(base64.b64decode(pictures[-1]["view"])).shape == (40, 40, 3)
    assert "MetaSpatial Render: scene" not in bpy.data.scenes


def test_a_model_that_reads_renders_gets_them_in_its_own_size(tmp_path, serve, monkeypatch):
    monkeypatch.setattr(jobs, "RENDER_PIXELS", 48)
    names = list(FURNITURE)
    rows = ", ".join(f'{{"id": "{name}", "x": {1 + k}, "y": 2, "z": 0, "yaw": 0}}' for k, name in enumerate(names))
    server = serve(chat(f"<answer>[{rows}]</answer>"))
    policy = {"kind": "server", "url": server.url, "model": "m", "sees_images": True, "max_tokens": 99}
    folder, messages = job_folder(tmp_path / "job"), []
    request = layout_request(folder, turns=1, samples=1, pictures=2048, policy=policy)
    jobs.JobRunner(messages.append, lambda: True).run(request)
    (turn,) = (message for message in messages if message["type"] == "turn")
    assert turn["top"] and turn["record"]["images"] == [turn["top"], turn["view"]]
    assert read_png((folder / turn["view"]).read_bytes()).shape == (48, 48, 3)
    assert messages[-1]["type"] == "done"
