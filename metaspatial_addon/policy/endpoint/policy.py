"""The endpoint policy: vLLM, llama.cpp, Ollama, `transformers serve`, a paid service.

Every failure of a server becomes a PolicyError that names the server and says what to do next.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import http.client
import json
import os
import queue
import random
import re
import threading
import time
import urllib.error
import urllib.parse
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal, TypeVar

from ...core.conversation import Conversation
from ..base import DEFAULT_MAX_TOKENS, REQUEST_THREAD, OnProgress, PolicyError, Reply
from .completion import read_completion
from .connections import InFlight, Request, build_opener
from .dialect import ADAPTABLE, Chat, Dialect
from .failures import KEY_VARIABLE, Failures, TryAgain
from .replies import LARGEST_ERROR, LARGEST_REPLY, TooLarge, UnknownEncoding, parse, read_body, shortened
from .transport import Patience

T = TypeVar("T")

BACK_OFF = 1.0  # seconds before the second try; doubles with each further one
LONGEST_PAUSE = 60.0  # seconds; a server that asks for more is reported rather than waited for
LONGEST_ID = 200  # characters of a model's name; paths of model folders are names as well
_POLL = 0.2  # seconds between looks at requests in flight
_TO_END = 0.5  # seconds in which threads end after their requests were cancelled


class EndpointPolicy:
    """Chat completions over HTTP.

    `url` is the server's base address ("http://localhost:8000/v1"); `key` defaults to the environment variable
    METASPATIAL_API_KEY and may be absent. `timeout` (seconds) holds for each request as a whole, however slowly its
    server sends; `tries` counts the first one, and pauses between tries double from `BACK_OFF` seconds on. At most
    `parallel` requests run at a time, each in a thread. All threads have ended when a method returns. When one raises,
    a thread in a name look-up may still run: see `base.request_threads`. Raises PolicyError for an address or a key
    that cannot be used.

    What the server refuses by name, as a seed, is left out or put otherwise from then on, and the next reply has a
    note on it. With `needs_images` this does not go for pictures: an answer without them would be worth nothing.
    """

    prompt_format: Literal["full", "compact"] = "full"

    def __init__(
        self,
        url: str,
        model: str,
        *,
        key: str | None = None,
        sees_images: bool = True,
        needs_images: bool = False,
        max_new_tokens: int = DEFAULT_MAX_TOKENS,
        timeout: float = 180.0,
        tries: int = 4,
        parallel: int = 4,
    ):
        self._base, self._query, self.host = _address(url)
        self._key = _checked_key(key if key is not None else os.environ.get(KEY_VARIABLE, ""))
        self.model, self.name = model, f"endpoint:{model}@{self.host}"
        self.sees_images, self.needs_images, self.max_new_tokens = sees_images, needs_images, max_new_tokens
        self.timeout, self.tries, self.parallel = timeout, tries, parallel
        self.dialect = Dialect()
        self._notes: dict[str, None] = {}  # on what the server refused; a dict keeps their order
        self._noted: set[str] = set()
        self._failures = Failures(self.host, model, self._key)
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
            chat = self._chat(conversation, seed, temperature)
            return self._reply(self._complete(chat, in_flight, random.Random(int(seed))))

        pairs = zip(conversations, seeds, strict=True)
        replies = self._run([functools.partial(complete, *pair) for pair in pairs], on_progress)
        return [replace(reply, notes=(*self._new_notes(), *reply.notes)) for reply in replies]

    def list_models(self) -> list[str]:
        """Names of the models that the server offers, sorted: what Test Connection asks. Raises PolicyError."""
        [listed] = self._run([functools.partial(self._request, "GET", "/models", None)])
        entries = listed.get("data") if isinstance(listed, dict) else listed
        if not isinstance(entries, list):
            raise PolicyError(
                f"{self.host} answered, but not with a list of models. Check the URL: it usually ends in /v1."
            )
        names = [entry["id"] for entry in entries if isinstance(entry, dict) and isinstance(entry.get("id"), str)]
        return sorted(shortened(self._failures.one_line(name), LONGEST_ID) for name in names)

    def prompt_tokens(self, conversation: Conversation) -> int | None:
        """How many tokens the server counts in a conversation that the model has answered, images included where
        they reached it; None where it does not say. Raises PolicyError."""
        [answer] = self._run([functools.partial(self._complete, self._chat(conversation))])
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
                    raise self._failures.unreachable(TimeoutError(), self.timeout)
                if on_progress is not None:
                    on_progress()
        finally:
            in_flight.closed.set()
            until = time.monotonic() + _TO_END
            for thread in threads:
                thread.join(max(until - time.monotonic(), 0.0))
        return [results[index] for index in range(len(calls))]

    def _chat(self, conversation: Conversation, seed: int | None = None, temperature: float | None = None) -> Chat:
        if not self.sees_images:
            conversation = tuple(replace(message, images=()) for message in conversation)
        return Chat(self.model, conversation, self.max_new_tokens, seed, temperature)

    def _complete(self, chat: Chat, in_flight: InFlight, jitter: random.Random | None = None) -> Any:
        """Parsed JSON of the completion of a chat. Raises PolicyError."""
        return self._request("POST", "/chat/completions", chat, in_flight, jitter)

    def _adapt(self, dialect: Dialect, chat: Chat, status: int, refusal: str) -> bool:
        """Whether a request in this dialect, which the server refused in these words, can be put otherwise: from now
        on all are."""
        without_model = re.sub(
            rf"(?<!\w){re.escape(self.model)}(?!\w)", "", refusal
        )  # it may be called after its vision
        adapted = dialect.adapted(without_model, chat) if status in ADAPTABLE else None
        if adapted is None or (self.needs_images and adapted[0].images == 0):
            return False
        self.dialect, note = adapted
        if note:
            self._notes[f"{self.host} {note}."] = None
        return True

    def _new_notes(self) -> tuple[str, ...]:
        """Notes that no reply has had yet."""
        new = tuple(note for note in self._notes if note not in self._noted)
        self._noted.update(new)
        return new

    def _reply(self, answer: Any) -> Reply:
        reply = read_completion(answer, self._failures, None if self.dialect.limit is None else self.max_new_tokens)
        return replace(reply, text=self._failures.without_key(reply.text))  # it goes into records

    def _request(
        self,
        method: str,
        path: str,
        chat: Chat | None,
        in_flight: InFlight,
        jitter: random.Random | None = None,
    ) -> Any:
        """Parsed JSON of the server's answer, after as many tries as are allowed. `jitter` shortens the pauses."""
        for attempt in range(1, self.tries + 1):
            try:
                with in_flight.request(self.timeout) as patience:
                    return self._once(method, path, chat, patience)
            except TryAgain as failure:
                if attempt == self.tries:
                    tried = f"{failure.message} Tried {attempt} times." if attempt > 1 else failure.message
                    raise PolicyError(tried) from None
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

    def _once(self, method: str, path: str, chat: Chat | None, patience: Patience) -> Any:
        """One request. Raises `TryAgain` for a failure that may pass, and PolicyError for any other."""
        dialect = self.dialect
        payload = None if chat is None else json.dumps(dialect.body(chat)).encode("utf-8")
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
                    refusal = self._failures.read(error)
                if chat is not None and self._adapt(dialect, chat, error.code, refusal.names):
                    return self._once(method, path, chat, patience)
                wait = error.headers.get("Retry-After")
                raise self._failures.refusal(error.code, refusal.words, wait) from None
            if not whole:
                raise TooLarge
            return self._json(data)
        except TooLarge:
            raise PolicyError(f"{self.host} sent more than a model's answer can hold. Check the URL.") from None
        except UnknownEncoding as encoding:
            raise PolicyError(
                f"{self.host} sent a reply in an encoding that cannot be read ({self._failures.quote(str(encoding))}). "
                "Turn compression off there."
            ) from None
        except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: a host name no DNS can hold
            raise self._failures.unreachable(error, self.timeout) from None

    def _json(self, data: bytes) -> Any:
        """Parsed JSON of a whole body. Raises TooLarge, `TryAgain` and PolicyError."""
        try:
            return parse(data)
        except ValueError:
            if data.lstrip()[:1] in (b"{", b"[") and data.rstrip()[-1:] not in (b"}", b"]"):
                raise TryAgain(f"The reply of {self.host} was cut off midway. Try again.") from None
            raise PolicyError(
                f"{self.host} answered with something that is no JSON "
                f"({self._failures.quote(data[:LARGEST_ERROR].decode('utf-8', 'replace'))}). "
                "Check the URL: it usually ends in /v1."
            ) from None


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
