"""HTTP requests for `policy`: each ends by its deadline or when all are cancelled; redirects stay on one server."""

from __future__ import annotations

import email.utils
import functools
import http.client
import ssl
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..base import PolicyError
from .replies import one_line, shortened
from .transport import Channel, Patience

LOOPBACK = ("localhost", "127.0.0.1", "::1")


class InFlight:
    """Requests that run in threads, and until when each may wait.

    `closed` is set once no result is wanted any more: threads that wait for a server then end with an error.
    """

    def __init__(self) -> None:
        self.closed = threading.Event()
        self._lock = threading.Lock()
        self._requests: set[Patience] = set()

    @property
    def overdue(self) -> bool:
        """Whether a request has taken longer than it may."""
        with self._lock:
            return any(patience.left < 0 for patience in self._requests)

    @contextmanager
    def request(self, seconds: float) -> Iterator[Patience]:
        """A request that may take so many seconds in all, redirects included."""
        patience = Patience(seconds, self.closed)
        with self._lock:
            self._requests.add(patience)
        try:
            yield patience
        finally:
            with self._lock:
                self._requests.remove(patience)


class Request(urllib.request.Request):
    """A request that waits no longer than `patience` allows."""

    def __init__(self, url: str, patience: Patience, **options: Any):
        super().__init__(url, **options)
        self.patience = patience


class _Connection(http.client.HTTPConnection):
    """A connection that waits no longer than `patience` allows, with TLS where a context is given."""

    def __init__(self, host: str, patience: Patience, tls: ssl.SSLContext | None = None, **options: Any):
        self.default_port = http.client.HTTP_PORT if tls is None else http.client.HTTPS_PORT
        super().__init__(host, **options)
        self._patience, self._tls = patience, tls

    def connect(self) -> None:
        self._channel = Channel(self.host, self.port, self._patience)
        self.sock: Any = self._channel  # closed with the connection, whatever fails from here on
        tunnel_to: str | None = self._tunnel_host  # type: ignore[attr-defined]
        if tunnel_to:
            self._tunnel()  # type: ignore[attr-defined]
        if self._tls is not None:
            self._channel.start_tls(self._tls, tunnel_to or self.host)

    def getresponse(self) -> http.client.HTTPResponse:
        response = super().getresponse()
        self._channel.head_is_read()
        return response


class _Handler(urllib.request.HTTPHandler):
    def http_open(self, req: Any) -> Any:
        return self.do_open(functools.partial(_Connection, patience=req.patience), req)


class _SecureHandler(urllib.request.HTTPSHandler):
    def __init__(self) -> None:
        self._tls = ssl.create_default_context()
        super().__init__(context=self._tls)

    def https_open(self, req: Any) -> Any:
        return self.do_open(functools.partial(_Connection, patience=req.patience, tls=self._tls), req)


class _SameServer(urllib.request.HTTPRedirectHandler):
    """Follows redirects on one server and refuses all others, so that neither key nor images go elsewhere."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Request:
        old, new = urllib.parse.urlsplit(req.full_url), urllib.parse.urlsplit(newurl)
        upgraded = (_server(old), _server(new)) == (("http", old.hostname, 80), ("https", old.hostname, 443))
        if _server(old) != _server(new) and not upgraded:
            raise PolicyError(
                f"{old.netloc} sends requests on to another server, {shortened(one_line(new.hostname or ''), 50)}. "
                "Nothing was sent there. "
                "If you trust it, enter its address as the URL."
            )
        # The standard handler turns a POST into a GET; a chat request has to stay what it is.
        return Request(newurl, req.patience, data=req.data, headers=dict(req.header_items()), method=req.get_method())

    def http_error_302(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        fp.close()  # the standard handler would read the whole body, however large
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_302

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
