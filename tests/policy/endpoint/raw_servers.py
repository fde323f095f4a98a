"""Servers that do with a connection what no HTTP library would, and the error that comes of it."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from metaspatial_addon.core.conversation import Message
from metaspatial_addon.policy.base import PolicyError, request_threads
from metaspatial_addon.policy.endpoint.policy import EndpointPolicy
from tests.policy.asking import HELLO

LIMIT = 0.3  # seconds that a request may take
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
ANSWER = json.dumps({"choices": [{"message": {"content": "x"}}]}).encode()

Talk = Callable[[socket.socket, threading.Event], None]
"""What a server does with a connection whose request has arrived, until the event is set or the client hangs up."""


class RawServer:
    """Handles each connection as `talk` says, after the request has arrived where `hears` is True."""

    def __init__(self, talk: Talk, hears: bool = True):
        self._talk, self._hears = talk, hears
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.over = threading.Event()
        self.connections = 0
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.connections += 1
                self._threads.append(threading.Thread(target=self._serve, args=(connection,), daemon=True))
                self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            if self._hears:
                hear(connection)
            self._talk(connection, self.over)

    def close(self) -> None:
        """End all of its threads: beside Blender's operators, which later tests run, none may run Python."""
        self.over.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()


def hear(connection: socket.socket) -> None:
    """Receive a whole request with the body that it announces. Raises ConnectionError where the client hangs up."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _received(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            missing = int(line.split(b":")[1]) - len(body)
            while missing > 0:
                missing -= len(_received(connection))


def _received(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise ConnectionError("the client hung up")
    return data


def drips(start: bytes, *units: bytes) -> Talk:
    """Send `start`, then one of the units after another, over and over."""

    def talk(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(start)
        while True:
            for unit in units:
                if over.wait(0.03):
                    return
                connection.sendall(unit)

    return talk


def floods(start: bytes, unit: bytes) -> Talk:
    """Send `start`, then the unit as often and as fast as it can be sent."""

    def talk(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(start)
        many = unit * (65536 // len(unit) + 1)
        while not over.is_set():
            connection.sendall(many)

    return talk


def says(data: bytes) -> Talk:
    """Send this and hang up."""

    def talk(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(data)

    return talk


def silent(connection: socket.socket, over: threading.Event) -> None:
    over.wait(30)


def whole(body: bytes, *headers: bytes) -> Talk:
    """A reply with this body."""
    return says(b"\r\n".join([OK.strip(), *headers, b"Content-Length: %d" % len(body), b"", body]))


def message_of(url: str, timeout: float = LIMIT, conversation: tuple[Message, ...] = HELLO, **options: object) -> str:
    """The text of the error that a request ends with, in time and without a thread left behind."""
    policy = EndpointPolicy(url, "m", timeout=timeout, **options)  # type: ignore[arg-type]
    began = time.monotonic()
    with pytest.raises(PolicyError) as caught:
        policy.answer([conversation], [1])
    assert time.monotonic() - began < timeout + 1
    assert not request_threads()
    text = str(caught.value)
    assert text.isprintable() and len(text) <= 250, text
    return text
