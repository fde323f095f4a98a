"""What went wrong with a server, in sentences that a user can act on. The key is in none of them."""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..base import ContextTooShort, PolicyError
from .connections import retry_after_seconds
from .replies import LARGEST_ERROR, UnknownEncoding, one_line, parse, read_body, shortened

KEY_VARIABLE = "METASPATIAL_API_KEY"
LONGEST_QUOTE = 50
"""Characters of a server's own words that an error quotes, so that it fits a panel."""

_TELLING = ("error", "detail", "message", "msg", "param", "loc", "type", "code")
"""Fields of an error that say what is wrong. Others may repeat the request."""

_CONTEXT = re.compile(
    r"context[ _](?:length|window|size)|exceed_context|(?:prompt|input|request) is too long|reduce the length",
    re.IGNORECASE,
)
"""What servers say of a conversation that their model's context does not hold."""


class TryAgain(Exception):
    """A failure that may pass. `message` is for the user if it does not; `pause` (s) is what the server asked for."""

    def __init__(self, message: str, pause: float | None = None):
        super().__init__(message)
        self.message, self.pause = message, pause


@dataclass(frozen=True)
class Refusal:
    """An error's body. `words`: the server's own description in one line; "" where there is none that can be read.
    `names`: all that the error says is wrong, in which a part of the request may be named."""

    words: str = ""
    names: str = ""


@dataclass(frozen=True)
class Failures:
    """The errors of one server. `host` names it, `model` is the model asked there, `key` is left out of all texts."""

    host: str
    model: str
    key: str = field(repr=False)

    @property
    def model_name(self) -> str:
        """The model's name, short enough for a sentence."""
        return shortened(one_line(self.model), LONGEST_QUOTE)

    def refusal(self, status: int, words: str, retry_after: str | None) -> Exception:
        """The error for an HTTP status other than 200; `words` are the server's own."""
        quote = f' It says: "{self.quote(words)}".' if words else ""
        if status in (400, 413, 422, 500) and _CONTEXT.search(words):
            return ContextTooShort(
                f"The context of {self.model_name} on {self.host} is too short for this room.{quote} Give it a longer "
                "one there, or lay out fewer items."
            )
        if status == 403 and self.key:
            return PolicyError(
                f"{self.host} did not accept the API key (HTTP 403).{quote} Check that it may use {self.model}."
            )
        if status in (401, 403):  # without the server's words: many repeat part of the key
            remedy = f"Enter the key in the preferences or set {KEY_VARIABLE}."
            if self.key:
                return PolicyError(f"{self.host} did not accept the API key (HTTP {status}). {remedy}")
            return PolicyError(f"{self.host} wants an API key, and none is set (HTTP {status}). {remedy}")
        if status == 404:
            return PolicyError(
                f'{self.host} knows no model "{self.model}" or nothing at this URL (HTTP 404).{quote} '
                "Check the name and the URL, which usually ends in /v1."
            )
        if status == 429:
            return TryAgain(
                f"{self.host} is busy or your quota is used up (HTTP 429).{quote}", retry_after_seconds(retry_after)
            )
        if status >= 500 or status == 408:
            return TryAgain(
                f"{self.host} failed (HTTP {status}).{quote} Look at the server's own log.",
                retry_after_seconds(retry_after),
            )
        if status == 413:
            return PolicyError(f"The request is too large for {self.host} (HTTP 413).{quote} Send smaller pictures.")
        return PolicyError(f"{self.host} refused the request (HTTP {status}).{quote} Check the model and its settings.")

    def unreachable(self, error: Exception, timeout: float) -> Exception:
        """The error for a connection that could not be made, broke, or took longer than `timeout` seconds."""
        # urllib wraps what fails before the request is out in a URLError, and lets the rest through as it is.
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(reason, TimeoutError):
            return PolicyError(
                f"{self.host} did not answer within {timeout:g} seconds. "
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
            return TryAgain(
                f"{self.host} broke off the connection before its reply was complete. "
                "Check that the server is still running."
            )
        return PolicyError(
            f"{self.host} cannot be reached ({self.quote(str(reason))}). Check the URL and your network connection."
        )

    def read(self, error: urllib.error.HTTPError) -> Refusal:
        """What the body of an error says. Raises TimeoutError."""
        if error.code == 401:  # see `refusal`
            return Refusal()
        try:
            data, _ = read_body(error.fp, LARGEST_ERROR)  # type: ignore[arg-type]
        except TimeoutError:
            raise
        except (OSError, http.client.HTTPException, UnknownEncoding):
            return Refusal()
        try:
            content = parse(data)
        except ValueError:
            text = data.decode("utf-8", "replace")
            text = "" if text.lstrip().startswith("<") else text
            return Refusal(self.one_line(text), text)
        names = " ".join(_told(content))
        for name in ("error", "detail", "message"):
            if isinstance(content, dict) and name in content:
                content = content[name]
        return Refusal(self.one_line(content if isinstance(content, str) else json.dumps(content)), names)

    def quote(self, text: str) -> str:
        """The beginning of `text` in one line, without the key."""
        return shortened(self.one_line(text), LONGEST_QUOTE)

    def one_line(self, text: str) -> str:
        """The beginning of `text` in one printable line without the key, which some servers repeat."""
        return self.without_key(one_line(text))

    def without_key(self, text: str) -> str:
        """A text of the server's, which may repeat what it was sent."""
        return text.replace(self.key, "…") if self.key else text


def _told(content: Any) -> Iterator[str]:
    """The texts of an error's telling fields, at any depth; those that name a parameter come first."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for entry in content:
            yield from _told(entry)
    elif isinstance(content, dict):
        for name in sorted(_TELLING, key=lambda name: name not in ("param", "loc")):
            yield from _told(content.get(name))
