"""Bodies, JSON and texts from HTTP servers that may be hostile: whatever they send, little memory is used for it.

Used by `policy`.
"""

from __future__ import annotations

import http.client
import itertools
import json
import re
import zlib
from typing import Any

LARGEST_REPLY = 8 * 2**20
"""Most bytes of a reply, compressed or not. The longest chat completions have some hundred kilobytes, the longest lists
of models about one megabyte. Reading a reply takes at most 4 times as much memory, see `parse`."""

LARGEST_ERROR = 8 * 2**10
"""Bytes that are read of the body of an error."""

DEEPEST = 100
"""Levels of lists and objects in a reply. Chat completions have about six; the parser of some Pythons overflows the
stack of a thread at some thousands."""

_LONGEST_LINE = 8 * 2**10  # characters of a text that `one_line` looks at
_TOKEN_MEMORY = 100  # bytes; measured: at most 90, in an object with many short keys that have wide characters
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[][{},:]', re.DOTALL)
_SURROGATE = re.compile(rb"\\u[dD][89abAB]")
_FOUR_BYTES = re.compile(rb"[\xf0-\xff]")  # the first byte of a character outside the Basic Multilingual Plane


class TooLarge(Exception):
    """A reply takes more than LARGEST_REPLY allows."""


class UnknownEncoding(Exception):
    """A body is compressed in a way that cannot be read. The text names the server's Content-Encoding."""


def read_body(response: http.client.HTTPResponse, limit: int) -> tuple[bytes, bool]:
    """Read at most `limit` bytes of a body, and as many after decompression: servers and proxies exist that compress
    although they were asked not to. Returns the bytes, and whether they are the whole body.

    Raises OSError and HTTPException for a connection that fails or ends too early, UnknownEncoding.
    """
    data = bytearray()
    while len(data) <= limit and (piece := response.read1(min(65536, limit + 1 - len(data)))):
        data += piece
    whole = len(data) <= limit
    if whole and response.length:  # bytes that were announced and never came
        raise http.client.IncompleteRead(bytes(data[:LARGEST_ERROR]), response.length)
    del data[limit:]
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding in ("", "identity"):
        return bytes(data), whole
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise UnknownEncoding(encoding)
    decompressor = zlib.decompressobj(wbits=32 + zlib.MAX_WBITS)  # by its first bytes either gzip or zlib
    try:
        text = decompressor.decompress(data, limit + 1)
    except zlib.error as error:
        raise UnknownEncoding(f"broken {encoding}") from error
    if len(text) > limit:
        return text[:limit], False
    if whole and not decompressor.eof:
        raise http.client.IncompleteRead(text[:LARGEST_ERROR])
    return text, whole


def parse(data: bytes) -> Any:
    """Parse JSON in UTF-8; bytes that are none become U+FFFD.

    `data`, its text and the objects made of it take at most 4 * LARGEST_REPLY bytes: this is estimated beforehand,
    from above. Raises TooLarge where it is more, ValueError for what is no JSON or nested deeper than DEEPEST.
    """
    _check(data)
    try:
        return json.loads(data.decode("utf-8", "replace"))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _check(data: bytes) -> None:
    """Raise what `parse` raises for JSON that takes too much memory or is nested too deeply."""
    # A text takes 1, 2 or 4 bytes for each of its characters, as its widest one needs.
    width = 1 if data.isascii() else 4 if _FOUR_BYTES.search(data) else 2
    inner = max(width, 4 if _SURROGATE.search(data) else 2 if b"\\u" in data else 1)
    # The bytes, the whole text, and the texts of its strings, which are moved as they grow.
    room = 4 * LARGEST_REPLY - len(data) * (1 + width + 2 * inner)
    depth = 0
    for token in _TOKEN.finditer(data):
        room -= _TOKEN_MEMORY
        if room < 0:
            raise TooLarge
        character = data[token.start()]
        if character in b"[{":
            depth += 1
            if depth > DEEPEST:
                raise ValueError("nested too deeply")
        elif character in b"]}":
            depth -= 1


def one_line(text: str) -> str:
    """The beginning of a text in one line of printable characters: nothing that a terminal would obey."""
    return " ".join("".join(c if c.isprintable() else " " for c in text[:_LONGEST_LINE]).split())


def shortened(line: str, length: int) -> str:
    """The line, cut to this many characters."""
    return line if len(line) <= length else line[: length - 1] + "…"


def summary(value: Any, levels: int = 3) -> Any:
    """The beginning of parsed JSON, small enough to be written out: the first entries of the first levels."""
    if isinstance(value, str):
        return value[:100]
    if isinstance(value, (list, dict)) and not levels:
        return "…"
    if isinstance(value, list):
        return [summary(entry, levels - 1) for entry in value[:4]]
    if isinstance(value, dict):
        return {key[:100]: summary(entry, levels - 1) for key, entry in itertools.islice(value.items(), 4)}
    return value
