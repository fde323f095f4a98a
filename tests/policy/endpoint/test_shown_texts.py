"""What a server says is shown printable and short."""

from __future__ import annotations

import json

import pytest

from metaspatial_addon.policy.endpoint.policy import EndpointPolicy
from tests.policy.asking import KEY, failure
from tests.policy.endpoint.raw_servers import (
    message_of,
    says,
)
from tests.policy.servers import send

ESCAPES = "\x1b]0;owned\x07\x1b[2J\x9b31m\r\n\u202etxt\ud800\x00\u2028end"
SAYINGS = {
    "text": ESCAPES.replace("\ud800", ""),
    "error": json.dumps({"error": ESCAPES}),
    "message": json.dumps({"error": {"message": ESCAPES}}),
    "list": json.dumps([ESCAPES]),
}


@pytest.mark.parametrize("status", [200, 400, 403, 404, 413, 429, 500])
@pytest.mark.parametrize("saying", SAYINGS)
def test_what_a_server_says_is_shown_printable(start, status, saying):
    text = failure(start(send(status, SAYINGS[saying])), key=KEY, tries=1)
    assert text.isprintable() and ("owned" in text or status == 200)


def test_a_status_line_and_a_header_are_not_shown_as_they_are(raw):
    heads = (
        b"\x1b[31mHTTP/9 red",
        b"HTTP/1.1 \x1b[31m red",
        b"HTTP/1.1 307 \x1b[31m\r\nLocation: http://e\x9b31m\x1b[x.example/",
        b"HTTP/1.1 307 Go\r\nLocation: http://" + b"x" * 5000 + b".example/",
        b"HTTP/1.1 307 Go\r\nLocation: ftp://\x1b[31m/",
    )
    for head in heads:
        text = message_of(raw(says(head + b"\r\n\r\n")).url, tries=1)
        assert text.isprintable() and "x" * 300 not in text, head


def test_names_of_models_are_shown_printable_and_short(start):
    entries = [{"id": ESCAPES}, {"id": "/models/" + "x" * 1000}, {"id": 5}, {"id": ["x"]}, {}, 3, {"id": f"a {KEY}"}]
    names = EndpointPolicy(start(send(200, {"data": entries})).url, "m", key=KEY).list_models()
    assert len(names) == 3 and all(name.isprintable() and len(name) <= 200 and KEY not in name for name in names)
