"""Compressed replies."""

from __future__ import annotations

import gzip
import socket
import threading
import zlib

import pytest

from metaspatial_addon.policy.endpoint.policy import EndpointPolicy
from tests.policy.asking import HELLO
from tests.policy.endpoint.raw_servers import (
    ANSWER,
    OK,
    message_of,
    says,
    whole,
)


@pytest.mark.parametrize(
    "name, compress", [("gzip", gzip.compress), ("X-GZip", gzip.compress), ("deflate", zlib.compress)]
)
def test_compressed_replies_are_read_although_none_was_asked_for(raw, name, compress):
    server = raw(whole(compress(ANSWER), b"Content-Encoding: " + name.encode()))
    assert EndpointPolicy(server.url, "m").answer([HELLO], [1])[0].text == "x"


def test_what_a_compressed_error_says_is_read(raw):
    words = gzip.compress(b'{"error": {"message": "no such thing"}}')
    server = raw(says(b"HTTP/1.1 400 No\r\nContent-Encoding: gzip\r\n\r\n" + words))
    assert "no such thing" in message_of(server.url)


def test_a_compressed_reply_that_breaks_off_is_tried_again(raw):
    def talk(connection: socket.socket, over: threading.Event) -> None:
        data = gzip.compress(ANSWER)
        connection.sendall(OK + b"Content-Encoding: gzip\r\n\r\n" + data[: 20 if server.connections == 1 else None])

    server = raw(talk)
    assert EndpointPolicy(server.url, "m").answer([HELLO], [1])[0].text == "x"


@pytest.mark.parametrize(
    "name, data", [(b"br", b"\x0b\x02"), (b"gzip", b"no gzip"), (b"\x1b[31mzip", b""), (b"gzip, br", b"")]
)
def test_an_encoding_that_cannot_be_read(raw, name, data):
    assert "encoding that cannot be read" in message_of(raw(whole(data, b"Content-Encoding: " + name)).url)
