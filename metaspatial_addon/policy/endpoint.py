"""A model behind an OpenAI-compatible server: vLLM, llama.cpp, Ollama, `transformers serve`, a paid service.

Standard library only, so that it runs in a stock Blender. Every failure of a server becomes a
PolicyError that names the server and says what to do next; the key is in none of them.
"""

from __future__ import annotations

import base64
import collections
import contextlib
import functools
import http.client
import json
import os
import queue
import random
import socket
import ssl
import threading
import time
import urllib.error
import urllib.parse
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

from ..core.conversation import Conversation, Message
from .base import REQUEST_THREAD, OnProgress, PolicyError, Reply
from .connections import InFlight, Request, build_opener, retry_after_seconds
from .http_replies import (
    LARGEST_ERROR,
    LARGEST_REPLY,
    TooLarge,
    UnknownEncoding,
    one_line,
    parse,
    read_body,
    shortened,
    summary,
)
from .http_transport import Patience

T = TypeVar("T")

KEY_VARIABLE = "METASPATIAL_API_KEY"
BACK_OFF = 1.0  # seconds before the second try; doubles with each further one
LONGEST_PAUSE = 60.0  # seconds; a server that asks for more is reported rather than waited for
LONGEST_QUOTE = 50  # characters of a server's own words that an error quotes, so that it fits a panel
LONGEST_ID = 200  # characters of a model's name; paths of model folders are names as well
_POLL = 0.2  # seconds between looks at requests in flight
_TO_END = 0.5  # seconds in which threads end after their requests were cancelled


class _TryAgain(Exception):
    """A failure that may pass. `message` is for the user if it does not; `pause` (s) is what the server asked for."""

    def __init__(self, message: str, pause: float | None = None):
        super().__init__(message)
        self.message, self.pause = message, pause


class EndpointPolicy:
    """Chat completions over HTTP.

    `url` is the server's base address ("http://localhost:8000/v1"); `key` defaults to the environment variable
    METASPATIAL_API_KEY and may be absent. `timeout` (seconds) holds for each request as a whole, however slowly its
    server sends; `tries` counts the first one, and pauses between tries double from `BACK_OFF` seconds on. At most
    `parallel` requests run at a time, each in a thread. All threads have ended when a method returns. When one raises,
    a thread in a name look-up may still run: see `base.request_threads`. Raises PolicyError for an address or a key
    that cannot be used.
    """

    prompt_format: Literal["full", "compact"] = "full"

    def __init__(
        self,
        url: str,
        model: str,
        *,
        key: str | None = None,
        sees_images: bool = True,
        max_new_tokens: int = 4096,
        timeout: float = 180.0,
        tries: int = 4,
        parallel: int = 4,
    ):
        self._base, self._query, self.host = _address(url)
        self._key = _checked_key(key if key is not None else os.environ.get(KEY_VARIABLE, ""))
        self.model, self.name = model, f"endpoint:{model}@{self.host}"
        self.sees_images, self.max_new_tokens = sees_images, max_new_tokens
        self.timeout, self.tries, self.parallel = timeout, tries, parallel
        self._limit_field = "max_tokens"
        self._opener = build_opener(self._base)

    def answer(
        self,
        conversations: Sequence[Conversation],
        seeds: Sequence[int],
        temperature: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> list[Reply]:
        """See `Policy.answer`. `temperature` None leaves it to the server.

        The first failure that retries do not overcome ends the whole batch, without waiting for other requests.
        """

        def complete(conversation: Conversation, seed: int, in_flight: InFlight) -> Reply:
            body = {**self._chat(conversation), "seed": int(seed)}
            if temperature is not None:
                body["temperature"] = float(temperature)
            return self._reply(self._request("POST", "/chat/completions", body, in_flight, random.Random(int(seed))))

        pairs = zip(conversations, seeds, strict=True)
        return self._run([functools.partial(complete, *pair) for pair in pairs], on_progress)

    def list_models(self) -> list[str]:
        """Names of the models that the server offers, sorted: what Test Connection asks. Raises PolicyError."""
        [listed] = self._run([functools.partial(self._request, "GET", "/models", None)])
        entries = listed.get("data") if isinstance(listed, dict) else listed
        if not isinstance(entries, list):
            raise PolicyError(
                f"{self.host} answered, but not with a list of models. Check the URL: it usually ends in /v1."
            )
        names = [entry["id"] for entry in entries if isinstance(entry, dict) and isinstance(entry.get("id"), str)]
        return sorted(shortened(self._one_line(name), LONGEST_ID) for name in names)

    def prompt_tokens(self, conversation: Conversation) -> int | None:
        """How many tokens the server counts in a conversation that the model has answered, images included where
        they reached it; None where it does not say. Raises PolicyError."""
        [answer] = self._run([functools.partial(self._request, "POST", "/chat/completions", self._chat(conversation))])
        self._reply(answer)
        usage = answer.get("usage")
        count = usage.get("prompt_tokens") if isinstance(usage, dict) else None
        return count if isinstance(count, int) else None

    def _run(self, calls: Sequence[Callable[[InFlight], T]], on_progress: OnProgress | None = None) -> list[T]:
        """Results of the calls, in order. The first exception of one, or of `on_progress`, breaks off all others.

        Threads are daemons: one in a name look-up cannot be woken, and does not keep the process.
        """
        in_flight, waiting = InFlight(), collections.deque(enumerate(calls))
        finished: queue.SimpleQueue[tuple[int, T | None, Exception | None]] = queue.SimpleQueue()

        def work() -> None:
            while not in_flight.closed.is_set():
                try:
                    index, call = waiting.popleft()
                except IndexError:
                    return
                try:
                    finished.put((index, call(in_flight), None))
                except Exception as error:
                    finished.put((index, None, error))

        count = min(self.parallel, len(calls))
        threads = [threading.Thread(target=work, name=REQUEST_THREAD, daemon=True) for _ in range(count)]
        results: dict[int, Any] = {}
        try:
            for thread in threads:
                thread.start()
            while len(results) < len(calls):
                with contextlib.suppress(queue.Empty):
                    index, results[index], error = finished.get(timeout=_POLL)
                    if error is not None:
                        try:
                            raise error
                        finally:
                            del error  # its traceback refers to this frame: a cycle would keep the server's reply
                if in_flight.overdue:
                    raise self._unreachable(TimeoutError())
                if on_progress is not None:
                    on_progress()
        finally:
            in_flight.closed.set()
            until = time.monotonic() + _TO_END
            for thread in threads:
                thread.join(max(until - time.monotonic(), 0.0))
        return [results[index] for index in range(len(calls))]

    def _chat(self, conversation: Conversation) -> dict[str, Any]:
        return {"model": self.model, "messages": [self._message(message) for message in conversation]}

    def _message(self, message: Message) -> dict[str, Any]:
        if not message.images or not self.sees_images:
            return {"role": message.role, "content": message.text}
        urls = [f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}" for png in message.images]
        images = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
        return {"role": message.role, "content": [*images, {"type": "text", "text": message.text}]}

    def _request(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None,
        in_flight: InFlight,
        jitter: random.Random | None = None,
    ) -> Any:
        """Parsed JSON of the server's answer, after as many tries as are allowed. `jitter` shortens the pauses."""
        for attempt in range(1, self.tries + 1):
            try:
                with in_flight.request(self.timeout) as patience:
                    return self._once(method, path, body, patience)
            except _TryAgain as failure:
                if attempt == self.tries:
                    raise PolicyError(failure.message + f" Tried {attempt} times." * (attempt > 1)) from None
                pause = failure.pause
                if pause is None:
                    share = (jitter or random.Random(0)).uniform(0.5, 1.0)
                    pause = min(LONGEST_PAUSE, BACK_OFF * 2 ** (attempt - 1)) * share
                elif pause > LONGEST_PAUSE:
                    raise PolicyError(
                        f"{failure.message} It asks to wait {pause:.9g} seconds: try again then."
                    ) from None
            if in_flight.closed.wait(pause):
                raise PolicyError(f"The request to {self.host} was cancelled.")
        raise PolicyError(f"No request was sent to {self.host}: `tries` must be at least 1.")

    def _once(self, method: str, path: str, body: dict[str, Any] | None, patience: Patience) -> Any:
        """One request. Raises `_TryAgain` for a failure that may pass, and PolicyError for any other."""
        limit_field = self._limit_field
        payload = None if body is None else json.dumps({**body, limit_field: self.max_new_tokens}).encode("utf-8")
        headers = {"Accept": "application/json", "Content-Type": "application/json", "User-Agent": "MetaSpatial"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        request = Request(self._base + path + self._query, patience, data=payload, headers=headers, method=method)
        try:
            try:
                with self._opener.open(request) as response:
                    data, whole = read_body(response, LARGEST_REPLY)
            except urllib.error.HTTPError as error:
                with contextlib.closing(error):
                    words = self._words(error)
                if error.code == 400 and "max_completion_tokens" in words and limit_field == "max_tokens":
                    self._limit_field = "max_completion_tokens"  # what OpenAI's newer models call the same limit
                    return self._once(method, path, body, patience)
                raise self._refusal(error.code, words, error.headers.get("Retry-After")) from None
            if not whole:
                raise TooLarge
            return self._json(data)
        except TooLarge:
            raise PolicyError(f"{self.host} sent more than a model's answer can hold. Check the URL.") from None
        except UnknownEncoding as encoding:
            raise PolicyError(
                f"{self.host} sent a reply in an encoding that cannot be read ({self._quote(str(encoding))}). "
                "Turn compression off there."
            ) from None
        except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: a host name no DNS can hold
            raise self._unreachable(error) from None

    def _json(self, data: bytes) -> Any:
        """Parsed JSON of a whole body. Raises TooLarge, `_TryAgain` and PolicyError."""
        try:
            return parse(data)
        except ValueError:
            if data.lstrip()[:1] in (b"{", b"[") and data.rstrip()[-1:] not in (b"}", b"]"):
                raise _TryAgain(f"The reply of {self.host} was cut off midway. Try again.") from None
            raise PolicyError(
                f"{self.host} answered with something that is no JSON "
                f"({self._quote(data[:LARGEST_ERROR].decode('utf-8', 'replace'))}). "
                "Check the URL: it usually ends in /v1."
            ) from None

    def _reply(self, answer: Any) -> Reply:
        try:
            choice = answer["choices"][0]
            content = choice["message"].get("content") or ""
            if isinstance(content, list):  # some servers answer in parts, as requests may
                content = "".join(part.get("text") or "" for part in content)
            if not isinstance(content, str):
                raise TypeError
        except (LookupError, TypeError, AttributeError):
            raise PolicyError(
                f"The reply of {self.host} holds no answer ({self._quote(json.dumps(summary(answer)))}). "
                "Check that the URL is an OpenAI-compatible server's and that the model can chat."
            ) from None
        return Reply(content)

    def _refusal(self, status: int, words: str, retry_after: str | None) -> Exception:
        """The error for an HTTP status other than 200; `words` are the server's own, see `_words`."""
        quote = f' It says: "{self._quote(words)}".' if words else ""
        if status == 403 and self._key:
            return PolicyError(
                f"{self.host} did not accept the API key (HTTP 403).{quote} Check that it may use {self.model}."
            )
        if status in (401, 403):  # without the server's words: many repeat part of the key
            have = "did not accept the API key" if self._key else "wants an API key, and none is set"
            return PolicyError(
                f"{self.host} {have} (HTTP {status}). Enter the key in the preferences or set {KEY_VARIABLE}."
            )
        if status == 404:
            return PolicyError(
                f'{self.host} knows no model "{self.model}" or nothing at this URL (HTTP 404).{quote} '
                "Check the name and the URL, which usually ends in /v1."
            )
        if status == 429:
            return _TryAgain(
                f"{self.host} is busy or your quota is used up (HTTP 429).{quote}", retry_after_seconds(retry_after)
            )
        if status >= 500 or status == 408:
            return _TryAgain(
                f"{self.host} failed (HTTP {status}).{quote} Look at the server's own log.",
                retry_after_seconds(retry_after),
            )
        if status == 413:
            return PolicyError(f"The request is too large for {self.host} (HTTP 413).{quote} Send smaller pictures.")
        return PolicyError(f"{self.host} refused the request (HTTP {status}).{quote} Check the model and its settings.")

    def _unreachable(self, error: Exception) -> Exception:
        """The error for a connection that could not be made or broke."""
        # urllib wraps what fails before the request is out in a URLError, and lets the rest through as it is.
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(reason, TimeoutError):
            return PolicyError(
                f"{self.host} did not answer within {self.timeout:g} seconds. "
                "Check that the server is not overloaded, or allow a longer timeout."
            )
        if isinstance(reason, socket.gaierror):
            return PolicyError(
                f"The server {self.host} cannot be found. Check the URL's spelling and your network connection."
            )
        if isinstance(reason, ConnectionRefusedError):
            return PolicyError(
                f"Nothing answers at {self.host} (connection refused). Start the server, or check the port in the URL."
            )
        if isinstance(reason, ssl.SSLCertVerificationError):
            return PolicyError(
                f"The certificate of {self.host} cannot be trusted ({reason.verify_message}). "
                "Check the URL and this computer's clock."
            )
        if isinstance(reason, ssl.SSLError):
            return PolicyError(
                f"{self.host} does not speak HTTPS as expected. Check whether its URL starts with http:// or https://."
            )
        if isinstance(reason, (ConnectionError, http.client.IncompleteRead, http.client.BadStatusLine)):
            return _TryAgain(
                f"{self.host} broke off the connection before its reply was complete. "
                "Check that the server is still running."
            )
        return PolicyError(
            f"{self.host} cannot be reached ({self._quote(str(reason))}). Check the URL and your network connection."
        )

    def _words(self, error: urllib.error.HTTPError) -> str:
        """The server's own description of an error, in one line; "" where there is none that can be read. Raises
        TimeoutError."""
        if error.code == 401:  # see `_refusal`
            return ""
        try:
            data, _ = read_body(error.fp, LARGEST_ERROR)  # type: ignore[arg-type]
        except TimeoutError:
            raise
        except (OSError, http.client.HTTPException, UnknownEncoding):
            return ""
        try:
            content = parse(data)
        except ValueError:
            text = data.decode("utf-8", "replace")
            return "" if text.lstrip().startswith("<") else self._one_line(text)
        for field in ("error", "detail", "message"):
            if isinstance(content, dict) and field in content:
                content = content[field]
        return self._one_line(content if isinstance(content, str) else json.dumps(content))

    def _quote(self, text: str) -> str:
        """The beginning of `text` in one line, without the key."""
        return shortened(self._one_line(text), LONGEST_QUOTE)

    def _one_line(self, text: str) -> str:
        """The beginning of `text` in one printable line without the key, which some servers repeat."""
        line = one_line(text)
        return line.replace(self._key, "…") if self._key else line


def _address(url: str) -> tuple[str, str, str]:
    """Base address without a final slash, query ("?…" or ""), and the host as errors name it."""
    url = url.strip()
    try:
        parts = urllib.parse.urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or any(c.isspace() or not c.isprintable() for c in url):
        raise PolicyError("The server's URL cannot be used. It must look like http://localhost:8000/v1.")
    if "@" in parts.netloc:
        raise PolicyError(f"Leave the password out of the URL of {parts.hostname}, and set {KEY_VARIABLE} instead.")
    path = parts.path.rstrip("/").removesuffix("/chat/completions") or "/v1"
    return f"{parts.scheme}://{parts.netloc}{path}", f"?{parts.query}" if parts.query else "", parts.netloc


def _checked_key(key: str) -> str:
    """The key without surrounding blanks. Python's own error for an unsendable header would repeat it in full."""
    key = key.strip()
    if not all("!" <= character <= "~" for character in key):
        raise PolicyError("The API key has blanks or unusual characters in it. Copy it again from where it was issued.")
    return key
