"""Every request ends in time, however slowly its server sends, and at once when it is not wanted any more."""

from __future__ import annotations

import gzip
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from metaspatial_addon.core.conversation import Message
from metaspatial_addon.policy.base import PolicyError, request_threads
from metaspatial_addon.policy.endpoint.policy import EndpointPolicy
from tests.policy.asking import HELLO
from tests.policy.endpoint.raw_servers import (
    ANSWER,
    CHUNKED,
    LIMIT,
    OK,
    drips,
    message_of,
    silent,
)
from tests.policy.servers import HalfDeafTLSServer
from tests.worker.waiting import wait_until

CHECKOUT = Path(__file__).parents[3]


def redirects_for_ever(connection: socket.socket, over: threading.Event) -> None:
    """Each redirect, to another address, comes in time."""
    if not over.wait(0.15):
        place = str(time.monotonic()).encode()
        connection.sendall(b"HTTP/1.1 307 Go\r\nContent-Length: 0\r\nLocation: /v1/" + place + b"\r\n\r\n")


ZIPPED = gzip.compress(os.urandom(1000))
SLOW = {
    "nothing": silent,
    "status line": drips(b"HTTP/1.1 200 ", b"O"),
    "header": drips(OK + b"X-Slow: ", b"x"),
    "headers": drips(OK, b"X-Slow: x\r\n"),
    "interim replies": drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "chunk size": drips(CHUNKED + b"1;", b"x"),
    "chunks": drips(CHUNKED, b"1\r\n \r\n"),
    "trailer": drips(CHUNKED + b"1\r\n \r\n0\r\nX-Slow: ", b"x"),
    "trailers": drips(CHUNKED + b"1\r\n \r\n0\r\n", b"X-Slow: x\r\n"),
    "body": drips(OK + b"Content-Length: 100000\r\n\r\n", b" "),
    "body without length": drips(OK + b"\r\n", b" "),
    "compressed body": drips(OK + b"Content-Encoding: gzip\r\n\r\n" + ZIPPED[:100], *(b"%c" % b for b in ZIPPED[100:])),
    "body of an error": drips(b"HTTP/1.1 500 No\r\nContent-Length: 100000\r\n\r\n", b"x"),
    "body of a refusal": drips(b"HTTP/1.1 400 No\r\n\r\n", b"x"),
    "body of a redirect": drips(b"HTTP/1.1 307 Go\r\nLocation: /v1/chat/completions?\r\n\r\n", b"x"),
    "redirects": redirects_for_ever,
}


@pytest.mark.parametrize("way", SLOW)
def test_a_request_ends_in_time_however_slowly_its_server_sends(raw, way):
    server = raw(SLOW[way])
    text = message_of(server.url)
    if way == "body of a redirect":  # which is not read: the same redirect comes again, at once
        assert "refused the request (HTTP 307)" in text
    else:
        assert f"did not answer within {LIMIT} seconds" in text
        assert server.connections == 1 or way == "redirects"


def test_a_request_ends_in_time_where_the_server_does_not_take_it(raw):
    server = raw(silent, hears=False)
    text = message_of(server.url, conversation=(Message("user", "x" * 20_000_000),))
    assert "did not answer within" in text


@pytest.mark.parametrize("talk", [silent, drips(b"\x16\x03\x03\x40\x00", b"x")])
def test_a_request_ends_in_time_in_a_tls_handshake(raw, talk):
    text = message_of(raw(talk, hears=False).url.replace("http:", "https:"))
    assert "did not answer within" in text


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the queue is longer or connections are refused")
def test_a_request_ends_in_time_in_a_tcp_connect():
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        queued = [socket.socket() for _ in range(3)]
        for one in queued:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        assert "did not answer within" in message_of(f"http://127.0.0.1:{full.getsockname()[1]}/v1")
        for one in queued:
            one.close()


@pytest.mark.parametrize("talk", [silent, drips(b"HTTP/1.1 200 ", b"O"), drips(OK, b"X-Slow: x\r\n")])
def test_a_request_ends_in_time_at_a_slow_proxy(raw, talk, monkeypatch):
    monkeypatch.setenv("https_proxy", raw(talk).url.removesuffix("/v1"))
    monkeypatch.delenv("no_proxy", raising=False)
    assert "model.example did not answer within" in message_of("https://model.example/v1")


def test_a_request_ends_in_time_in_a_name_look_up(monkeypatch):
    found = threading.Event()

    def look_up(*args: object) -> list:
        found.wait(10)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    began = time.monotonic()
    with pytest.raises(PolicyError, match="model.example did not answer within"):
        EndpointPolicy("http://model.example/v1", "m", timeout=LIMIT).answer([HELLO], [1])
    assert time.monotonic() - began < LIMIT + 1
    found.set()
    wait_until(lambda: not request_threads())


def test_a_request_that_is_tried_again_has_its_time_again(raw):
    def talk(connection: socket.socket, over: threading.Event) -> None:
        over.wait(0.4)
        if server.connections == 3:
            connection.sendall(OK + b"\r\n" + ANSWER)

    server = raw(talk)
    assert EndpointPolicy(server.url, "m", timeout=1.0).answer([HELLO], [1])[0].text == "x"


# --- an end at once


@pytest.mark.parametrize("way", ["nothing", "body", "interim replies"])
def test_a_refusal_ends_a_batch_while_another_request_waits(raw, way):
    def talk(connection: socket.socket, over: threading.Event) -> None:
        with lock:
            first = not served
            served.append(connection)
        if first:
            SLOW[way](connection, over)
            return
        refused.append(time.monotonic())
        connection.sendall(b"HTTP/1.1 401 No\r\nContent-Length: 100000\r\n\r\n")
        over.wait(30)

    served: list[socket.socket] = []
    refused: list[float] = []
    lock = threading.Lock()
    server = raw(talk)
    with pytest.raises(PolicyError, match="wants an API key"):
        EndpointPolicy(server.url, "m", parallel=2).answer([HELLO] * 2, [1, 2])
    assert time.monotonic() - refused[0] < 1
    assert not request_threads()


def test_a_failure_ends_a_batch_while_another_request_is_in_a_tls_handshake():
    server = HalfDeafTLSServer()
    began = time.monotonic()
    with pytest.raises(PolicyError, match="does not speak HTTPS"):
        EndpointPolicy(server.url, "m", parallel=2).answer([HELLO] * 2, [1, 2])
    assert time.monotonic() - began < 2
    assert not request_threads()
    server.over.set()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal for one process")
@pytest.mark.parametrize("way", ["nothing", "interim replies", "body"])
def test_an_interrupt_ends_the_process_at_once(raw, way):
    program = """
        from metaspatial_addon.core.conversation import Message
        from metaspatial_addon.policy.endpoint.policy import EndpointPolicy
        import sys
        EndpointPolicy(sys.argv[1], "m").answer([(Message("user", "x"),)] * 4, range(4))
    """
    server = raw(SLOW[way])
    command = [sys.executable, "-c", textwrap.dedent(program), server.url]
    process = subprocess.Popen(command, cwd=CHECKOUT, stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: server.connections == 4, 20)
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        _, words = process.communicate(timeout=20)
        assert time.monotonic() - began < 2
        assert "KeyboardInterrupt" in words
    finally:
        process.kill()
