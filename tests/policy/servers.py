"""A chat server that answers by a script, step by step."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Step = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ScriptedServer

    def _run(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with self.server.lock:
            self.server.seen.append((self.command, self.path, dict(self.headers), json.loads(body) if body else None))
            step = self.server.steps.pop(0) if len(self.server.steps) > 1 else self.server.steps[0]
        step(self)

    do_GET = do_POST = _run

    def log_message(self, format: str, *args: object) -> None:
        pass


class ScriptedServer(ThreadingHTTPServer):
    """Answers request k with step k, the last step over and over, and remembers what it was sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.steps: list[Step] = []
        self.seen: list[tuple[str, str, dict[str, str], dict | None]] = []
        self.lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has hung up is no news here."""


def send(status: int, content: object = "", **headers: str) -> Step:
    """A step that answers in full."""
    data = (content if isinstance(content, str) else json.dumps(content)).encode("utf-8")

    def step(handler: Handler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return step


def chat(text: str, **choice: object) -> Step:
    return send(
        200, {"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop", **choice}]}
    )


class HalfDeafTLSServer:
    """Answers the first connection with something that is no TLS, and never answers a later one's handshake.

    `over` hangs up on those.
    """

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._socket.getsockname()[1]}/v1"
        self.over = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        first, second = (self._socket.accept()[0] for _ in range(2))
        with first, second, self._socket:
            first.recv(1)
            first.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            self.over.wait(60)
