"""A model behind an OpenAI-compatible server: vLLM, llama.cpp, Ollama, `transformers serve`, a paid service.

Standard library only, so that it runs in a stock Blender. Every way in which a server can fail becomes one
`PolicyError` that names the server and says what to do next; the key appears in none of them.
"""

from __future__ import annotations

import base64
import email.utils
import http.client
import json
import os
import random
import socket
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Any, Literal

from ..core.conversation import Conversation, Message
from .base import PolicyError, Reply

KEY_VARIABLE = "METASPATIAL_API_KEY"
LONGEST_PAUSE = 60.0  # seconds; a server that asks for more is reported rather than waited for
LARGEST_REPLY = 32 * 2**20  # bytes
LONGEST_QUOTE = 50  # characters of a server's words that an error repeats, so that it fits a panel
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class _TryAgain(Exception):
    """A failure that may pass: `message` is what to say when it does not, `pause` what the server asked for (s)."""

    def __init__(self, message: str, pause: float | None = None):
        super().__init__(message)
        self.message, self.pause = message, pause


class _SameServer(urllib.request.HTTPRedirectHandler):
    """Follows redirects on one server and refuses all others, so that neither key nor pictures go elsewhere."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        old, new = urllib.parse.urlsplit(req.full_url), urllib.parse.urlsplit(newurl)
        upgraded = (_server(old), _server(new)) == (("http", old.hostname, 80), ("https", old.hostname, 443))
        if _server(old) != _server(new) and not upgraded:
            raise PolicyError(
                f"{old.netloc} sends requests on to another server, {new.hostname}. Nothing was sent there. "
                "If you trust it, enter its address as the URL."
            )
        # The standard handler turns a POST into a GET; a chat request has to stay what it is.
        return urllib.request.Request(newurl, data=req.data, headers=dict(req.header_items()), method=req.get_method())

    def http_error_308(self, req, fp, code, msg, headers):
        return self.http_error_302(req, fp, code, msg, headers)


class EndpointPolicy:
    """Chat completions over HTTP.

    `url` is the server's base address ("http://localhost:8000/v1"); `key` defaults to the environment variable
    METASPATIAL_API_KEY and may be absent. `timeout` (seconds) holds for each request, `tries` counts the first one,
    `back_off` (seconds) doubles with each further try. `cancelled` is asked before each try, from threads of this
    class, and must not touch bpy. With `logprobs` the server is asked for log-probabilities. Raises `PolicyError` on
    an address or a key that cannot be used.
    """

    rendering: Literal["full", "compact"] = "full"

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
        back_off: float = 1.0,
        parallel: int = 4,
        logprobs: bool = False,
        cancelled: Callable[[], bool] = lambda: False,
    ):
        self._base, self._query, self.host = _address(url)
        self._key = _checked_key(key if key is not None else os.environ.get(KEY_VARIABLE, ""))
        self.model, self.name = model, f"endpoint:{model}@{self.host}"
        self.sees_images, self.max_new_tokens, self.logprobs = sees_images, max_new_tokens, logprobs
        self.timeout, self.tries, self.back_off, self.parallel = timeout, tries, back_off, parallel
        self._cancelled = cancelled
        self._limit_field = "max_tokens"
        proxies: dict[str, str] | None = {} if urllib.parse.urlsplit(self._base).hostname in LOOPBACK else None
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler(proxies),
            urllib.request.HTTPSHandler(context=ssl.create_default_context()),
            _SameServer(),
        )

    def answer(
        self, conversations: Sequence[Conversation], seeds: Sequence[int], temperature: float | None = None
    ) -> list[Reply]:
        """One reply for each conversation, up to `parallel` requests at a time.

        `temperature` None leaves it to the server. The first failure that retries do not mend ends the whole batch.
        """
        jobs = list(zip(conversations, seeds, strict=True))
        if not jobs:
            return []
        stop = threading.Event()
        with ThreadPoolExecutor(min(self.parallel, len(jobs)), thread_name_prefix="endpoint") as pool:
            futures = [pool.submit(self._one, conversation, seed, temperature, stop) for conversation, seed in jobs]
            failed = [future for future in wait(futures, return_when=FIRST_EXCEPTION).done if future.exception()]
            if failed:
                stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
        if failed:
            failed[0].result()
        return [future.result() for future in futures]

    def list_models(self) -> list[str]:
        """Names of the models that the server offers, sorted: what Test Connection asks. Raises `PolicyError`."""
        listed = self._request("GET", "/models", None, random.Random(0), threading.Event())
        entries = listed.get("data") if isinstance(listed, dict) else listed
        if not isinstance(entries, list):
            raise PolicyError(
                f"{self.host} answered, but not with a list of models. Check the URL: it usually ends in /v1."
            )
        return sorted(str(entry["id"]) for entry in entries if isinstance(entry, dict) and "id" in entry)

    def prompt_tokens(self, conversation: Conversation) -> int | None:
        """How many tokens the server counts in a conversation that the model has answered, pictures included where
        they reached it; None where it does not say. Raises `PolicyError`."""
        body = {"model": self.model, "messages": [self._message(message) for message in conversation]}
        answer = self._request("POST", "/chat/completions", body, random.Random(0), threading.Event())
        self._reply(answer)
        usage = answer.get("usage")
        count = usage.get("prompt_tokens") if isinstance(usage, dict) else None
        return count if isinstance(count, int) else None

    def _one(self, conversation: Conversation, seed: int, temperature: float | None, stop: threading.Event) -> Reply:
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [self._message(message) for message in conversation],
            "seed": int(seed),
        }
        if temperature is not None:
            body["temperature"] = float(temperature)
        if self.logprobs:
            body["logprobs"] = True
        return self._reply(self._request("POST", "/chat/completions", body, random.Random(int(seed)), stop))

    def _message(self, message: Message) -> dict[str, Any]:
        if not message.images or not self.sees_images:
            return {"role": message.role, "content": message.text}
        urls = [f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}" for png in message.images]
        pictures = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
        return {"role": message.role, "content": [*pictures, {"type": "text", "text": message.text}]}

    def _request(
        self, method: str, path: str, body: dict[str, Any] | None, jitter: random.Random, stop: threading.Event
    ) -> Any:
        """Parsed JSON of the server's answer, after as many tries as are allowed."""
        for attempt in range(1, self.tries + 1):
            if self._cancelled() or stop.is_set():
                raise PolicyError(f"The request to {self.host} was cancelled.")
            try:
                return self._once(method, path, body)
            except _TryAgain as failure:
                if attempt == self.tries:
                    raise PolicyError(failure.message + f" Tried {attempt} times." * (attempt > 1)) from None
                pause = failure.pause
                if pause is None:
                    pause = min(LONGEST_PAUSE, self.back_off * 2 ** (attempt - 1)) * jitter.uniform(0.5, 1.0)
                elif pause > LONGEST_PAUSE:
                    raise PolicyError(
                        f"{failure.message} It asks to wait {pause:.0f} seconds: try again then."
                    ) from None
            until = time.monotonic() + pause
            while not self._cancelled() and (left := until - time.monotonic()) > 0:
                if stop.wait(min(left, 0.1)):
                    break
        raise PolicyError(f"No request was sent to {self.host}: `tries` must be at least 1.")

    def _once(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        """One request. Raises `_TryAgain` for what may pass and `PolicyError` for what will not."""
        limit_field = self._limit_field
        payload = None if body is None else json.dumps({**body, limit_field: self.max_new_tokens}).encode("utf-8")
        headers = {"Accept": "application/json", "Content-Type": "application/json", "User-Agent": "MetaSpatial"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        request = urllib.request.Request(
            self._base + path + self._query,
            data=payload,
            headers=headers,
            method=method,
        )
        try:
            with self._opener.open(request, timeout=self.timeout) as response:
                return self._json(self._read(response))
        except urllib.error.HTTPError as error:
            words = self._words(error)
            if error.code == 400 and "max_completion_tokens" in words and limit_field == "max_tokens":
                self._limit_field = "max_completion_tokens"  # what OpenAI's newer models call the same limit
                return self._once(method, path, body)
            raise self._refusal(error.code, words, error.headers.get("Retry-After")) from None
        except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: a host name no DNS can hold
            # urllib wraps what fails before the request is out in a URLError, and lets the rest through as it is.
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            raise self._unreachable(reason) from None

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        """The whole body. The socket's own timeout starts anew with every piece, hence the clock."""
        until, pieces, size = time.monotonic() + self.timeout, [], 0
        while piece := response.read1(65536):
            pieces.append(piece)
            size += len(piece)
            if time.monotonic() > until:
                raise TimeoutError
            if size > LARGEST_REPLY:
                raise PolicyError(f"{self.host} sent more than {LARGEST_REPLY >> 20} MB. Check the URL.")
        if response.length:  # bytes that were announced and never came
            raise http.client.IncompleteRead(b"".join(pieces), response.length)
        return b"".join(pieces)

    def _json(self, data: bytes) -> Any:
        text = data.decode("utf-8", "replace").strip()
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            if text.startswith(("{", "[")) and not text.endswith(("}", "]")):
                raise _TryAgain(f"The reply of {self.host} was cut off midway. Try again.") from None
            raise PolicyError(
                f"{self.host} answered with something that is no JSON ({self._quote(text)}). "
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
            listed = (choice.get("logprobs") or {}).get("content") or []
            logprobs = tuple(float(token["logprob"]) for token in listed) or None
        except (LookupError, TypeError, AttributeError, ValueError):
            raise PolicyError(
                f"The reply of {self.host} holds no answer ({self._quote(json.dumps(answer))}). "
                "Check that the URL is an OpenAI-compatible server's and that the model can chat."
            ) from None
        return Reply(content, logprobs=logprobs, finish="length" if choice.get("finish_reason") == "length" else "stop")

    def _refusal(self, status: int, words: str, retry_after: str | None) -> Exception:
        """The error for an HTTP status other than 200; `words` is what the server said about it."""
        said = f' It says: "{self._quote(words)}".' if words else ""
        if status == 403 and self._key:
            return PolicyError(
                f"{self.host} did not accept the API key (HTTP 403).{said} Check that it may use {self.model}."
            )
        if status in (401, 403):  # without the server's words: many repeat part of the key
            have = "did not accept the API key" if self._key else "wants an API key, and none is set"
            return PolicyError(
                f"{self.host} {have} (HTTP {status}). Enter the key in the preferences or set {KEY_VARIABLE}."
            )
        if status == 404:
            return PolicyError(
                f'{self.host} knows no model "{self.model}" or nothing at this URL (HTTP 404).{said} '
                "Check the name and the URL, which usually ends in /v1."
            )
        if status == 429:
            return _TryAgain(f"{self.host} is busy or your quota is used up (HTTP 429).{said}", _pause(retry_after))
        if status >= 500 or status == 408:
            return _TryAgain(
                f"{self.host} failed (HTTP {status}).{said} Look at the server's own log.", _pause(retry_after)
            )
        if status == 413:
            return PolicyError(f"The request is too large for {self.host} (HTTP 413).{said} Send smaller pictures.")
        return PolicyError(f"{self.host} refused the request (HTTP {status}).{said} Check the model and its settings.")

    def _unreachable(self, reason: object) -> Exception:
        """The error for a connection that could not be made or broke."""
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
        """What the server says about an error, in one line; empty when that is unreadable."""
        try:
            text = error.read(65536).decode("utf-8", "replace")
        except (OSError, http.client.HTTPException):
            return ""
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            return "" if text.lstrip().startswith("<") else self._one_line(text)
        for field in ("error", "detail", "message"):
            if isinstance(said, dict) and field in said:
                said = said[field]
        return self._one_line(said if isinstance(said, str) else json.dumps(said))

    def _quote(self, text: str) -> str:
        """The beginning of `text` in one line, without the key."""
        line = self._one_line(text)
        return line if len(line) <= LONGEST_QUOTE else line[: LONGEST_QUOTE - 1] + "…"

    def _one_line(self, text: str) -> str:
        """`text` in one line without the key, which some servers repeat."""
        line = " ".join(text.split())
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


def _server(parts: urllib.parse.SplitResult) -> tuple[str, str | None, int]:
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def _pause(retry_after: str | None) -> float | None:
    """Seconds that a Retry-After header asks for (a number or a date), None without a readable one."""
    if retry_after is None:
        return None
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
