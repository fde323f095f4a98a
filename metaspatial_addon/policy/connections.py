"""HTTP connections for `endpoint`: they can be broken off from another thread, and redirects stay on one server."""

from __future__ import annotations

import contextlib
import email.utils
import functools
import http.client
import socket
import ssl
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .base import PolicyError

LOOPBACK = ("localhost", "127.0.0.1", "::1")


class InFlight:
    """Requests that run in threads: their sockets and deadlines.

    `closed` is set once no result is wanted any more.
    """

    def __init__(self) -> None:
        self.closed = threading.Event()
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._deadlines: dict[int, float] = {}  # by thread, on the monotonic clock

    @property
    def overdue(self) -> bool:
        """Whether a request has taken longer than it may."""
        now = time.monotonic()
        with self._lock:
            return any(deadline < now for deadline in self._deadlines.values())

    @contextmanager
    def deadline(self, seconds: float) -> Iterator[None]:
        """What this thread does inside may take so many seconds in all."""
        thread = threading.get_ident()
        with self._lock:
            self._deadlines[thread] = time.monotonic() + seconds
        try:
            yield
        finally:
            with self._lock:
                del self._deadlines[thread]

    def add(self, connection: socket.socket) -> None:
        """Shut this socket down when the requests are closed."""
        with self._lock:
            self._sockets.append(connection)
        if self.closed.is_set():
            self.close()

    def close(self) -> None:
        """Break off all requests: threads that wait for a server wake up with an error."""
        self.closed.set()
        with self._lock:
            for connection in self._sockets:
                with contextlib.suppress(OSError):  # closed already
                    connection.shutdown(socket.SHUT_RDWR)
            self._sockets.clear()


class Request(urllib.request.Request):
    """A request that is broken off with others."""

    def __init__(self, url: str, in_flight: InFlight, **options: Any):
        super().__init__(url, **options)
        self.in_flight = in_flight


class _Connection(http.client.HTTPConnection):
    def __init__(self, host: str, in_flight: InFlight, **options: Any):
        super().__init__(host, **options)
        self._in_flight = in_flight

    def connect(self) -> None:
        super().connect()
        self._in_flight.add(self.sock)


class _SecureConnection(http.client.HTTPSConnection):
    def __init__(self, host: str, in_flight: InFlight, **options: Any):
        super().__init__(host, **options)
        self._in_flight = in_flight

    def connect(self) -> None:
        super().connect()
        self._in_flight.add(self.sock)


class _Handler(urllib.request.HTTPHandler):
    def http_open(self, req: Any) -> Any:
        return self.do_open(functools.partial(_Connection, in_flight=req.in_flight), req)


class _SecureHandler(urllib.request.HTTPSHandler):
    def __init__(self) -> None:
        self._tls = ssl.create_default_context()
        super().__init__(context=self._tls)

    def https_open(self, req: Any) -> Any:
        connection = functools.partial(_SecureConnection, in_flight=req.in_flight)
        return self.do_open(connection, req, context=self._tls)


class _SameServer(urllib.request.HTTPRedirectHandler):
    """Follows redirects on one server and refuses all others, so that neither key nor images go elsewhere."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Request:
        old, new = urllib.parse.urlsplit(req.full_url), urllib.parse.urlsplit(newurl)
        upgraded = (_server(old), _server(new)) == (("http", old.hostname, 80), ("https", old.hostname, 443))
        if _server(old) != _server(new) and not upgraded:
            raise PolicyError(
                f"{old.netloc} sends requests on to another server, {new.hostname}. Nothing was sent there. "
                "If you trust it, enter its address as the URL."
            )
        # The standard handler turns a POST into a GET; a chat request has to stay what it is.
        return Request(newurl, req.in_flight, data=req.data, headers=dict(req.header_items()), method=req.get_method())

    def http_error_308(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        return self.http_error_302(req, fp, code, msg, headers)


def build_opener(url: str) -> urllib.request.OpenerDirector:
    """What opens `Request`s to the server at `url`: the system's proxies are used, except for this machine itself."""
    proxies: dict[str, str] | None = {} if urllib.parse.urlsplit(url).hostname in LOOPBACK else None
    return urllib.request.build_opener(
        urllib.request.ProxyHandler(proxies), _Handler(), _SecureHandler(), _SameServer()
    )


def retry_after_seconds(header: str | None) -> float | None:
    """Seconds that a Retry-After header asks for (a number or a date); None without a readable one."""
    if header is None:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _server(parts: urllib.parse.SplitResult) -> tuple[str, str | None, int]:
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
