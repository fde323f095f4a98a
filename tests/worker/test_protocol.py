"""The messages' form, and the error that names the wrong field of a request."""

from __future__ import annotations

from pathlib import Path

import pytest

from metaspatial_addon.core.errors import InputError
from metaspatial_addon.worker.protocol import check_request, decode, encode

LOCAL = {"kind": "local", "folder": "/m", "adapter": "", "packages": "", "max_tokens": 4096}
LAYOUT = {
    "type": "layout",
    "job": 1,
    "folder": "/nowhere",
    "mode": "refine",
    "room": {"source": "floor", "floor": "Floor", "height": 2.7},
    "room_type": "bedroom",
    "items": [{"name": "Bed", "locked": False, "category": "", "front": "-Y", "scale": 1.0}],
    "obstacles": ["Piano"],
    "carry": True,
    "separate": [],
    "openings": [{"name": "Door", "kind": "door"}],
    "scene_name": "Scene",
    "prompt": "",
    "wishes": [],
    "policy": {"kind": "server", "url": "http://localhost/v1", "model": "m", "sees_images": True, "max_tokens": 4096},
    "turns": 3,
    "samples": 8,
    "seed": 7,
    "engine": "auto",
    "pictures": 512,
    "start": {"Bed": [0.0] * 16},
}


def test_a_message_is_one_line_of_ascii_and_comes_back():
    message = {"type": "turn", "name": "Sessel Ä\n椅子", "text": "\ud800 half a character", "matrix": [0.1, -0.0]}
    line = encode(message)
    assert line.isascii() and line.count(b"\n") == 1 and line.endswith(b"\n")
    assert decode(line) == message


@pytest.mark.parametrize("line", [b"", b"Read blend: x", b"[1]", b"3", b'{"job": 1}', b'{"type": 1}', b"\xff\xfe{}"])
def test_chatter_is_no_message(line):
    with pytest.raises(ValueError):
        decode(line)


@pytest.mark.parametrize(
    "request_",
    [
        LAYOUT,
        {**LAYOUT, "room": {"source": "walls", "walls": ["A", "B"]}, "policy": {"kind": "builtin"}},
        {**LAYOUT, "room": {"source": "size", "size": [4, 3.5, 2.7]}},
        {"type": "assets", "job": 2, "prompt": "x", "libraries": [{"name": "Mine", "folder": "/l"}]},
        {"type": "check", "job": 3, "policy": LOCAL},
        {"type": "quit"},
    ],
)
def test_a_request_of_the_right_shape_passes(request_):
    check_request(request_)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"type": "dance"}, "type"),
        ({"job": "1"}, "job"),
        ({"turns": True}, "turns"),
        ({"turns": 0}, "turns"),
        ({"samples": 0}, "samples"),
        ({"pictures": 0}, "pictures"),
        ({"policy": {**LOCAL, "max_tokens": 0}}, "policy.max_tokens"),
        ({"mode": "guess"}, "mode"),
        ({"room": {"source": "moon"}}, "room.source"),
        ({"room": None}, "room.source"),
        ({"room": {"source": "floor", "height": 2.7}}, "room.floor"),
        ({"room": {"source": "size", "size": [1, "2", 3]}}, "room.size[1]"),
        ({"items": [{"name": "Bed", "locked": 0, "category": "", "front": "-Y", "scale": 1.0}]}, "items[0].locked"),
        ({"items": [{"name": "Bed", "locked": False, "category": "", "front": "up", "scale": 1.0}]}, "items[0].front"),
        ({"items": [{**LAYOUT["items"][0], "scale": 0}]}, "items[0].scale"),
        (
            {"policy": {"kind": "server", "url": "x", "model": None, "sees_images": True, "max_tokens": 4096}},
            "policy.model",
        ),
        ({"start": {"Bed": [0.0] * 15}}, "start.Bed"),
        ({"start": []}, "start"),
        ({"start": {"Bed": [float("nan")] * 16}}, "start.Bed[0]"),
        ({"start": {"Bed": [1e300] * 16}}, "start.Bed[0]"),
        ({"seed": 10**30}, "seed"),
        ({"turns": 10**6}, "turns"),
        ({"pictures": 100_000}, "pictures"),
        ({"prompt": "x" * 10_001}, "prompt"),
        ({"room": {"source": "size", "size": [4, 0, 2.7]}}, "room"),
        ({"room": {"source": "floor", "floor": "Floor", "height": 1e6}}, "room"),
    ],
)
def test_an_error_names_the_field(changed, field):
    with pytest.raises(InputError, match="request") as caught:
        check_request({**LAYOUT, **changed})
    assert caught.value.field == field


def test_every_field_is_asked_for():
    for name in LAYOUT.keys() - {"type"}:
        with pytest.raises(InputError) as caught:
            check_request({key: value for key, value in LAYOUT.items() if key != name})
        assert caught.value.field.split(".")[0] == name


def test_the_window_needs_no_bpy_for_it():
    for name in ("client", "protocol"):
        text = Path(__file__).parents[2].joinpath("metaspatial_addon", "worker", f"{name}.py").read_text("utf-8")
        assert "import bpy" not in text
