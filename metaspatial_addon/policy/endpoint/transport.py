"""Sockets for HTTP requests that end in time, whatever a server sends or leaves out.

A time limit of the standard library holds for each read anew: a server that sends a byte a second never meets it. Here
every wait, from the TCP connect to the last byte, ends at one deadline, and soon after the request is cancelled. Used
by `connections`.
"""

from __future__ import annotations

import errno
import functools
import http.client
import io
import os
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LARGEST_HEAD = 256 * 2**10
"""Most bytes of all that comes before a reply's body: status line, headers, interim replies, a proxy's own reply."""

_LOOK = 0.1  # seconds between looks at whether a request that waits was cancelled
_CONNECTING = (errno.EINPROGRESS, errno.EWOULDBLOCK)  # the latter on Windows
_PIECE = 65536  # bytes handed to a socket at once; TLS wants a piece that did not fit to be offered again unchanged


class Patience:
    """How long one request may wait: `seconds` from now on, and no longer than until `cancelled` is set."""

    def __init__(self, seconds: float, cancelled: threading.Event):
        self._until = time.monotonic() + seconds
        self._cancelled = cancelled

    @property
    def left(self) -> float:
        """Seconds until the deadline, negative after it."""
        return self._until - time.monotonic()

    def check(self) -> None:
        """Raise TimeoutError after the deadline, and ConnectionAbortedError once the request is cancelled."""
        if self._cancelled.is_set():
            raise ConnectionAbortedError("cancelled")
        if self.left <= 0:
            raise TimeoutError

    def wait(self, connection: socket.socket, event: int) -> None:
        """Wait until the socket can be read (`selectors.EVENT_READ`) or written. Raises as `check` does."""
        with selectors.DefaultSelector() as selector:
            selector.register(connection, event)
            while not selector.select(max(0.0, min(self.left, _LOOK))):
                self.check()


class Channel:
    """A connection to a server: what `http.client` uses of a socket (`sendall`, `makefile`, `close`).

    Every method raises OSError: TimeoutError after the deadline, ConnectionAbortedError once cancelled. Reading raises
    HTTPException where more than LARGEST_HEAD bytes come before `head_is_read` was called.
    """

    def __init__(self, host: str, port: int, patience: Patience):
        self._patience = patience
        self._socket = _connected(host, port, patience)
        self._head_left: int | None = LARGEST_HEAD
        self._readers, self._closed = 0, False

    def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Make the TLS handshake with `host`, whose certificate is checked as the context says. Raises SSLError."""
        secure = context.wrap_socket(self._socket, server_hostname=host, do_handshake_on_connect=False)
        self._socket = secure
        self._when_ready(secure.do_handshake, selectors.EVENT_READ)

    def sendall(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            piece = rest[:_PIECE]
            rest = rest[self._when_ready(functools.partial(self._socket.send, piece), selectors.EVENT_WRITE) :]

    def makefile(self, mode: str) -> io.BufferedReader:
        """A stream of what is received. The socket stays open until both the stream and the channel are closed."""
        assert mode == "rb"
        self._readers += 1
        return io.BufferedReader(_Reader(self))

    def receive_into(self, buffer: memoryview) -> int:
        """Receive at least one byte. Returns how many were received, 0 at the end of the stream."""
        count = self._when_ready(lambda: self._socket.recv_into(buffer), selectors.EVENT_READ)
        if self._head_left is not None:
            self._head_left -= count
            if self._head_left < 0:
                raise http.client.HTTPException(f"more than {LARGEST_HEAD >> 10} KB before its reply")
        return count

    def head_is_read(self) -> None:
        """From here on a body is received, whose size its reader limits."""
        self._head_left = None

    def close(self) -> None:
        self._closed = True
        if not self._readers:
            self._socket.close()

    def reader_closed(self) -> None:
        """A stream that `makefile` returned was closed."""
        self._readers -= 1
        if self._closed and not self._readers:
            self._socket.close()

    def _when_ready(self, operation: Callable[[], T], event: int) -> T:
        """The result of an operation of the socket, tried again whenever `event` or what TLS asks for has come."""
        while True:
            self._patience.check()
            try:
                return operation()
            except ssl.SSLWantReadError:
                wanted = selectors.EVENT_READ
            except ssl.SSLWantWriteError:
                wanted = selectors.EVENT_WRITE
            except BlockingIOError:
                wanted = event
            self._patience.wait(self._socket, wanted)


class _Reader(io.RawIOBase):
    def __init__(self, channel: Channel):
        super().__init__()
        self._channel = channel

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        return self._channel.receive_into(buffer)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._channel.reader_closed()


def _connected(host: str, port: int, patience: Patience) -> socket.socket:
    """A connected non-blocking socket. Only the name look-up, which nothing can break off, may take longer than
    `patience` allows. Raises OSError."""
    failure = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM):
        try:
            connection = socket.socket(family, kind, protocol)
        except OSError as error:  # as where there is no IPv6
            failure = error
            continue
        try:
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            code = connection.connect_ex(address)
            if code in _CONNECTING:
                patience.wait(connection, selectors.EVENT_WRITE)
                code = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        except BaseException:
            connection.close()
            raise
        if code == 0:
            return connection
        connection.close()
        failure = OSError(code, os.strerror(code))
    raise failure
