"""Reads JSON and TOML that may come from anywhere: limits on size, depth and number first, then the parser.

Every other reader stands on this one, so that no input can take much time or memory, overflow the parser's stack or
bring a number that is not finite. What is refused raises InputError, in one sentence. docs/formats.md lists the limits.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO

from .errors import InputError

LARGEST_JSON = 16 * 2**20
"""Bytes of a JSON document, or of one line of JSON lines. The longest of our own have about one megabyte."""
MOST_VALUES = 1_000_000
"""Lists, objects and their entries in a JSON document: with LARGEST_JSON some 200 MB of memory at most."""
DEEPEST = 100
"""Levels of lists, objects and tables. Parsers of some Pythons overflow the stack of a thread at some thousands."""
MOST_DIGITS = 100
"""Digits of a number in a row: the conversion of longer ones takes more than linear time, and may overflow."""
LARGEST_TOML = 128 * 2**10
"""Bytes of a TOML file. Our own largest has 67 kB."""
MOST_KEY_PARTS = 8
"""Parts of a dotted TOML key. The parser's time grows with their square, and again with the lines that have them."""

_LONG_NUMBER = re.compile(rf"(?<!\d)\d{{{MOST_DIGITS + 1}}}")
_LONG_TOML_NUMBER = re.compile(rf"(?<!\w)\d\w{{{MOST_DIGITS}}}")  # as well with underscores, hexadecimal, octal, binary
_EXPONENT = re.compile(r"[eE]\+?\d{3}")
"""Where it is found, a number may be too large for a float."""
# A string, closed or not, so that no second attempt starts within it.
_JSON_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
# Strings of the four kinds, and comments.
_TOML_STRING = re.compile(
    r'"""[^"\\]*+(?:(?:\\.|"(?!""))[^"\\]*+)*+(?:""")?'
    r"|'''[^']*+(?:'(?!'')[^']*+)*+(?:''')?"
    r'|"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"?'
    r"|'[^'\n]*+'?"
    r"|\#[^\n]*+",
    re.DOTALL,
)
_LONG_KEY = re.compile(rf"\.(?:[^].,={{}}[\n]*+\.){{{MOST_KEY_PARTS - 1}}}")
_NO_BRACKETS = re.compile(r"[^][{}]++")

Pairs = Callable[[list[tuple[str, Any]]], Any]


def read_bytes(path: str | os.PathLike[str], most: int) -> bytes:
    """The content of a file of at most so many bytes; no more is read of one that never ends. Raises InputError."""
    try:
        with open(path, "rb") as file:
            data = file.read(most + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a zero byte
        raise InputError(path, "", f"a readable file ({getattr(error, 'strerror', None) or error})") from error
    if len(data) > most:
        raise InputError(path, "", f"a file of at most {most:,} bytes")
    return data


def read_json(path: str | os.PathLike[str]) -> Any:
    """Parsed JSON of a file. Raises InputError for a missing file or text that is no JSON."""
    return parse_json(read_bytes(path, LARGEST_JSON), path)


def read_lines(file: BinaryIO, source: object) -> Iterator[tuple[int, bytes]]:
    """The lines of a file of JSON lines that are not blank, each with its number from 1. Raises InputError for one that
    is longer than a JSON document may be."""
    for number in itertools.count(1):
        line = file.readline(LARGEST_JSON + 1)
        if not line:
            return
        if len(line) > LARGEST_JSON:
            raise InputError(f"{source}, line {number}", "", f"JSON of at most {LARGEST_JSON:,} bytes")
        if line.strip():
            yield number, line


def parse_json(
    data: bytes | str,
    source: object,
    *,
    most_bytes: int = LARGEST_JSON,
    allow_nan: bool = False,
    pairs: Pairs | None = None,
) -> Any:
    """Parsed JSON. `source` (a file, or a file and line) opens the message of the InputError that bad data raises.

    `pairs` makes an object of its keys and values (default: a dict). With `allow_nan` numbers need not be finite, as in
    messages between our own processes.
    """
    if len(data) > most_bytes:
        raise InputError(source, "", f"JSON of at most {most_bytes:,} bytes")
    try:
        text = data if isinstance(data, str) else data.decode("utf-8")
        _check_json(text)
        if allow_nan:
            return json.loads(text, object_pairs_hook=pairs)
        number = _finite if _EXPONENT.search(text) else None
        return json.loads(text, object_pairs_hook=pairs, parse_constant=_finite, parse_float=number)
    except (ValueError, RecursionError) as error:
        raise InputError(source, "", f"JSON ({error})") from error


def _check_json(text: str) -> None:
    """Raise ValueError for JSON that the parser is not to be given."""
    opened = text.count("[") + text.count("{")
    if opened + text.count(",") > MOST_VALUES:
        raise ValueError(f"it has more than {MOST_VALUES:,} values")
    if opened > DEEPEST or _LONG_NUMBER.search(text):
        _check_bare(_JSON_STRING.sub(" ", text), _LONG_NUMBER)


def _check_bare(text: str, long_number: re.Pattern[str]) -> None:
    """Raise ValueError for a text without its strings that is nested too deeply or has a number of too many digits."""
    depth = 0
    for bracket in _NO_BRACKETS.sub("", text):
        depth += 1 if bracket in "[{" else -1
        if depth > DEEPEST:
            raise ValueError(f"it is nested deeper than {DEEPEST} levels")
    if long_number.search(text):
        raise ValueError(f"a number has more than {MOST_DIGITS} digits")


def _finite(digits: str) -> float:
    """A number. Raises ValueError for one that is not finite, NaN and Infinity included."""
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits[:20]} is no finite number")
    return number


def read_toml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The table of a TOML file. Raises InputError."""
    try:
        text = read_bytes(path, LARGEST_TOML).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(path, "", f"a readable file in UTF-8 ({error})") from error
    return parse_toml(text, path)


def parse_toml(text: str, source: object, field: str = "") -> dict[str, Any]:
    """The table of a TOML text. `source` and `field` are named by the InputError that bad text raises."""
    try:
        _check_toml(text)
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a plain ValueError for a number of thousands of digits
        raise InputError(source, field, f"TOML ({error})") from error


def _check_toml(text: str) -> None:
    """Raise ValueError for TOML that the parser is not to be given."""
    if len(text) > LARGEST_TOML:
        raise ValueError(f"it has more than {LARGEST_TOML:,} characters")
    bare = _TOML_STRING.sub(" ", text)
    _check_bare(bare, _LONG_TOML_NUMBER)
    if _LONG_KEY.search(bare):
        raise ValueError(f"a key has more than {MOST_KEY_PARTS} parts")


class FieldReader:
    """Walks parsed JSON and raises InputError with the full path of the field at fault."""

    def __init__(self, source: object):
        self.source = source

    def fail(self, path: str, expected: str, got: object = None) -> InputError:
        return InputError(self.source, path, expected, got)

    def object(self, value: Any, path: str, required: Iterable[str], optional: Iterable[str] = ()) -> dict:
        if not isinstance(value, dict):
            raise self.fail(path, "an object", value)
        for name in required:
            if name not in value:
                raise self.fail(f"{path}.{name}" if path else name, "this field to be present")
        unknown = sorted(set(value) - {*required, *optional})
        if unknown:
            raise self.fail(f"{path}.{unknown[0]}" if path else unknown[0], f"only {', '.join((*required, *optional))}")
        return value

    def list(self, value: Any, path: str, most: int, of: str = "entries") -> list:
        if not isinstance(value, list):
            raise self.fail(path, "a list", value)
        if len(value) > most:
            raise self.fail(path, f"at most {most:,} {of}", len(value))
        return value

    def text(self, value: Any, path: str, most: int, *, empty: bool = False) -> str:
        """A text of at most `most` characters."""
        if not isinstance(value, str) or not (value or empty):
            raise self.fail(path, "a text" if empty else "a text that is not empty", value)
        if len(value) > most:
            raise self.fail(path, f"a text of at most {most:,} characters", value)
        if value.encode(errors="ignore").decode() != value:
            raise self.fail(path, "a text without lone surrogates, which no file can hold", value)
        return value

    def flag(self, value: Any, path: str) -> bool:
        if not isinstance(value, bool):
            raise self.fail(path, "true or false", value)
        return value

    def choice(self, value: Any, path: str, among: tuple[str, ...]) -> str:
        if value not in among:
            raise self.fail(path, f"one of {', '.join(among)}", value)
        return value

    def number(self, value: Any, path: str, least: float, most: float) -> float:
        """A number from `least` to `most`."""
        usable = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not usable or not least <= value <= most:
            raise self.fail(path, f"a finite number from {least:g} to {most:g}", value)
        return float(value)
