"""TLS, with which the client's own sockets speak as well."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from metaspatial_addon.core.conversation import Message
from metaspatial_addon.policy.endpoint.policy import EndpointPolicy
from tests.policy.asking import HELLO
from tests.policy.endpoint.raw_servers import (
    message_of,
)
from tests.policy.servers import Handler, chat


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
