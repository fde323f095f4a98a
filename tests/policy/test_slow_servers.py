"""Servers that are slow or hostile: every request ends in time, in little memory, with a text that is safe to show."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from metaspatial_addon.core.conversation import Message
from metaspatial_addon.policy import endpoint
from metaspatial_addon.policy.base import PolicyError, request_threads
from metaspatial_addon.policy.endpoint import EndpointPolicy
from metaspatial_addon.policy.http_replies import DEEPEST, LARGEST_REPLY
from tests.policy.asking import HELLO, KEY, ask, failure
from tests.policy.servers import HalfDeafTLSServer, Handler, chat, send
from tests.worker.waiting import wait_until

CHECKOUT = Path(__file__).parents[2]
LIMIT = 0.3  # seconds that a request may take
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
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            if self._hears:
                hear(connection)
            self._talk(connection, self.over)

    def close(self) -> None:
        self.over.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def hear(connection: socket.socket) -> None:
    """Receive a whole request with a body that its headers announce."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            missing = int(line.split(b":")[1]) - len(body)
            while missing > 0:
                missing -= len(connection.recv(65536))


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


def redirects_for_ever(connection: socket.socket, over: threading.Event) -> None:
    """Each redirect, to another address, comes in time."""
    if not over.wait(0.15):
        place = str(time.monotonic()).encode()
        connection.sendall(b"HTTP/1.1 307 Go\r\nContent-Length: 0\r\nLocation: /v1/" + place + b"\r\n\r\n")


@pytest.fixture
def raw(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., RawServer]]:
    """raw(talk) -> a running server."""
    monkeypatch.delenv("METASPATIAL_API_KEY", raising=False)
    monkeypatch.setattr(endpoint, "BACK_OFF", 0.01)
    servers = []

    def run(talk: Talk, **options: bool) -> RawServer:
        servers.append(RawServer(talk, **options))
        return servers[-1]

    yield run
    for server in servers:
        server.close()


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


# --- one time limit for all that a request waits for

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
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
        from metaspatial_addon.policy.endpoint import EndpointPolicy
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


# --- memory


@pytest.fixture
def peaks() -> Callable[..., tuple[int, list[str]]]:
    """peaks(*urls) -> the most memory in bytes that a process takes for a request to each, and what each ended with."""

    def measure(*urls: str) -> tuple[int, list[str]]:
        program = """
            import json, sys, tracemalloc
            from metaspatial_addon.core.conversation import Message
            from metaspatial_addon.policy.base import PolicyError
            from metaspatial_addon.policy.endpoint import EndpointPolicy

            def ask(url):
                try:
                    return EndpointPolicy(url, "m", timeout=20, tries=1).answer([(Message("user", "x"),)], [1])[0].text
                except PolicyError as error:
                    return str(error)

            ask(sys.argv[1])  # what is imported and made once counts for nothing
            tracemalloc.start()
            texts = [ask(url)[:300] for url in sys.argv[1:]]
            print(json.dumps([tracemalloc.get_traced_memory()[1], texts]))
        """
        command = [sys.executable, "-c", textwrap.dedent(program), *urls]
        done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        peak, texts = json.loads(done.stdout)
        return peak, texts

    return measure


def whole(body: bytes, *headers: bytes) -> Talk:
    """A reply with this body."""
    return says(b"\r\n".join([OK.strip(), *headers, b"Content-Length: %d" % len(body), b"", body]))


BOMB = zlib.compressobj(9, wbits=31)
BOMB_BYTES = b"".join(BOMB.compress(b" " * 2**20) for _ in range(40)) + BOMB.flush()
LARGE = {
    "redirect": (
        drips(b"HTTP/1.1 307 Go\r\nLocation: ?\r\nContent-Length: 1500000000\r\n\r\n" + b"x" * 100_000, b"x"),
        "307",
    ),
    "redirects": (floods(b"HTTP/1.1 307 Go\r\nLocation: ?\r\nContent-Length: 1500000000\r\n\r\n", b"x"), "307"),
    "error": (floods(b"HTTP/1.1 500 No\r\n\r\n", b"words "), "words"),
    "values": (whole(b"[" + b"[],[]," * (31 * 2**20 // 6) + b"0]"), "more than a model's answer can hold"),
    "fewer values": (whole(b"[" + b"[],[]," * 300_000 + b"0]"), "more than a model's answer can hold"),
    "body": (floods(OK + b"\r\n", b"[],"), "more than a model's answer can hold"),
    "chunks": (floods(CHUNKED, b"1000\r\n" + b"1.5," * 1024 + b"\r\n"), "more than a model's answer can hold"),
    "headers": (floods(OK + b"X-Large: ", b"x"), "cannot be reached"),
    "many headers": (floods(OK, b"X-Large: %s\r\n" % (b"x" * 60_000)), "more than 256 KB before its reply"),
    "interim replies": (floods(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "cannot be reached"),
    "bomb": (whole(BOMB_BYTES, b"Content-Encoding: gzip"), "more than a model's answer can hold"),
    "wide text": (whole(ANSWER[:-1] + b',"t":"' + b"a" * 2_000_000 + '😀"}'.encode()), "x"),
    "too wide": (whole(ANSWER[:-1] + b',"t":"' + b"a" * 7_000_000 + '😀"}'.encode()), "more than a model's answer can"),
    "long words": (whole(b'{"error": "%s"}' % (b"a" * 7_000_000)), "holds no answer"),
}


def test_memory_is_limited_whatever_a_server_sends(raw, peaks):
    peak, texts = peaks(*(raw(talk).url for talk, _ in LARGE.values()))
    assert peak < 4 * LARGEST_REPLY
    for text, (way, (_, words)) in zip(texts, LARGE.items(), strict=True):
        assert words in text, way


def test_a_long_answer_is_read(raw):
    text = "line with ä, \"quotes\" and [1, 2, {'a': 3}]\n" * 20_000
    server = raw(whole(json.dumps({"choices": [{"message": {"content": text}}]}).encode()))
    assert EndpointPolicy(server.url, "m").answer([HELLO], [1])[0].text == text


@pytest.mark.parametrize("text", ["[" * DEEPEST * 2 + "]" * DEEPEST * 2, '{"a":' * 5000 + "1" + "}" * 5000])
def test_nesting_is_limited(start, text):
    assert "no JSON" in failure(start(send(200, text)))
    failure(start(send(400, text)))


def test_nesting_within_texts_counts_for_nothing(start):
    assert ask(start(chat('\\"' + "[{" * 1000))).text == '\\"' + "[{" * 1000


@pytest.mark.parametrize("number", ["1" + "0" * 400, "-1" + "0" * 4000, "1e400", "-1e-400", "NaN", "1" + "0" * 5000])
def test_numbers_beyond_what_python_calculates_with(start, number):
    usage = f'"usage": {{"prompt_tokens": {number}}}'
    logprobs = f'"logprobs": {{"content": [{{"token": "x", "logprob": {number}}}]}}'
    reply = f'{{"choices": [{{"message": {{"content": "x"}}, {logprobs}}}], {usage}}}'
    policy = EndpointPolicy(start(send(200, reply)).url, "m")
    if len(number) > 4300:  # more digits than Python reads
        with pytest.raises(PolicyError, match="no JSON"):
            policy.answer([HELLO], [1])
        return
    assert policy.answer([HELLO], [1])[0].text == "x"
    policy.prompt_tokens(HELLO)
    assert "holds no answer" in failure(start(send(200, f'{{"choices": {number}}}')))
    failure(start(send(400, f'{{"error": {number}}}')))


@pytest.mark.parametrize("wait", ["1" + "0" * 300, "1e400", "nan", "-5", "Fri, 99 Foo 2026", "x" * 1000, "1" * 5000])
def test_a_time_to_wait_that_makes_no_sense(start, wait):
    assert len(failure(start(send(429, Retry_After=wait)), tries=2)) < 300


# --- compressed replies


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


# --- what is shown

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


# --- TLS, with which the client's own sockets speak as well


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a certificate for 127.0.0.1 and model.example, and its key."""
    if (openssl := shutil.which("openssl")) is None:
        pytest.skip("no openssl to make a certificate with")
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    made = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    made += [
        "-addext",
        "subjectAltName=IP:127.0.0.1,DNS:model.example",
        "-keyout",
        str(path),
        "-out",
        str(path.with_suffix(".crt")),
    ]
    subprocess.run(made, check=True, capture_output=True, timeout=60)
    path.write_text(path.read_text() + path.with_suffix(".crt").read_text())
    return path


@pytest.fixture
def secure(start, certificate: Path) -> Callable[..., str]:
    """secure(*steps) -> the address of a scripted server that speaks TLS."""

    def run(*steps: Callable[[Handler], None]) -> str:
        server = start(*steps)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        return server.url.replace("http:", "https:")

    return run


def test_a_large_request_and_reply_through_tls(secure, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.with_suffix(".crt")))
    large = Message("user", "x" * 3_000_000)
    policy = EndpointPolicy(secure(chat("y" * 500_000)), "m", timeout=20)
    assert policy.answer([(large,)], [1])[0].text == "y" * 500_000


def test_a_request_through_a_proxy_and_tls(secure, certificate, raw, monkeypatch):
    def proxy(connection: socket.socket, over: threading.Event) -> None:
        with socket.create_connection(("127.0.0.1", port)) as server:
            connection.sendall(b"HTTP/1.1 200 Connected\r\nX-Proxy: y\r\n\r\n")
            threading.Thread(target=_forward, args=(connection, server), daemon=True).start()
            _forward(server, connection)

    port = int(secure(chat("x")).removesuffix("/v1").rpartition(":")[2])
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.with_suffix(".crt")))
    monkeypatch.setenv("https_proxy", raw(proxy).url.removesuffix("/v1"))
    monkeypatch.delenv("no_proxy", raising=False)
    assert EndpointPolicy("https://model.example/v1", "m", timeout=10).answer([HELLO], [1])[0].text == "x"


def _forward(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)


def test_a_request_through_tls_ends_in_time(secure, certificate, monkeypatch):
    def drip(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not ended.wait(0.03):
            handler.wfile.write(b" ")

    ended = threading.Event()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.with_suffix(".crt")))
    assert "did not answer within" in message_of(secure(drip))
    ended.set()


def test_a_certificate_that_nobody_vouches_for(secure):
    assert "cannot be trusted" in message_of(secure(chat("x")))
