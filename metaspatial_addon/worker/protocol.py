"""Messages between the window and its worker as lines, each one JSON object of a shape of `messages.py`."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator, Mapping
from typing import IO, Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

from ..core.errors import InputError
from ..core.reading import LARGEST_JSON, parse_json
from ..core.task import MOST_METRES
from .messages import REQUESTS, LayoutRequest

LONGEST_TEXT = 10_000
"""Characters of a text in a request: a prompt, the name of an object, a folder, an address."""
LARGEST_NUMBER = 2**31 - 1
"""In a request. Beyond, Blender's and the generators' numbers overflow."""
MOST_TURNS, MOST_SAMPLES, MOST_PIXELS, MOST_TOKENS = 100, 1000, 8192, 2**20
"""Of a layout: turns, answers in each turn, the width and height of its images, and tokens of an answer."""
MOST_SCALE = 1e4
"""Of an item in a layout."""

_PLAIN = {
    str: f"a text of at most {LONGEST_TEXT:,} characters",
    bool: "true or false",
    int: f"a whole number of at most {LARGEST_NUMBER}",
    float: f"a finite number of at most {LARGEST_NUMBER}",
}


def encode(message: Mapping[str, Any]) -> bytes:
    """A message as a line. ASCII alone: names and a model's text may hold what UTF-8 cannot."""
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """The message in a line. Raises ValueError for anything but an object with a type, within the limits of JSON."""
    message = parse_json(line, "message", allow_nan=True)
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise ValueError("expected an object with a type")
    return message


def read_messages(stream: IO[bytes]) -> Iterator[dict[str, Any] | None]:
    """The messages in a stream's lines; None for a line that holds none. Of one that is longer than a message may be no
    more is kept than that."""
    while line := stream.readline(LARGEST_JSON + 1):
        long = len(line) > LARGEST_JSON
        while len(line) > LARGEST_JSON and not line.endswith(b"\n"):
            line = stream.readline(LARGEST_JSON + 1)
        try:
            yield None if long else decode(line)
        except ValueError:
            yield None


def check_request(message: Mapping[str, Any]) -> None:
    """Check that a request has the fields and types of its shape. Raises InputError, which names the field."""
    shape = REQUESTS.get(message["type"])
    if shape is None:
        raise InputError("request", "type", f"one of {', '.join(REQUESTS)}", message["type"])
    _check(message, shape, "")
    if shape is LayoutRequest:
        for name, most in (("turns", MOST_TURNS), ("samples", MOST_SAMPLES), ("pictures", MOST_PIXELS)):
            _expect(0 < message[name] <= most, name, f"a number above 0 and of at most {most}", message[name])
        max_tokens = message["policy"].get("max_tokens", 1)
        _expect(0 < max_tokens <= MOST_TOKENS, "policy.max_tokens", f"from 1 to {MOST_TOKENS}", max_tokens)
        for k, item in enumerate(message["items"]):
            expected = f"a number above 0 and of at most {MOST_SCALE}"
            _expect(0 < item["scale"] <= MOST_SCALE, f"items[{k}].scale", expected, item["scale"])
        for name, matrix in message["start"].items():
            _expect(len(matrix) == 16, f"start.{name}", "16 numbers", matrix)
        room = message["room"]
        _expect(len(room.get("size", "wdh")) == 3, "room.size", "3 numbers", room.get("size"))
        for metres in (*room.get("size", ()), room.get("height", 1)):
            _expect(0 < metres <= MOST_METRES, "room", f"metres, above 0 and at most {MOST_METRES}", metres)


def _check(value: Any, hint: Any, where: str) -> None:
    """Check a value against a type hint of the shapes above. `where` is the path of its field."""
    kind, inner = get_origin(hint), get_args(hint)
    if is_typeddict(hint):
        _expect(isinstance(value, dict), where, "an object", value)
        for name, field in get_type_hints(hint, include_extras=True).items():
            path = f"{where}.{name}" if where else name
            if get_origin(field) is NotRequired:
                field = get_args(field)[0]
                if name not in value:
                    continue
            _expect(name in value, path, "a value", None)
            _check(value[name], field, path)
    elif kind is Literal:
        _expect(value in inner, where, f"one of {', '.join(map(repr, inner))}", value)
    elif kind in (Union, types.UnionType):
        _check(value, _of_kind(value, inner, where), where)
    elif kind is list:
        _expect(isinstance(value, list), where, "a list", value)
        for k, entry in enumerate(value):
            _check(entry, inner[0], f"{where}[{k}]")
    elif kind is dict:
        _expect(isinstance(value, dict), where, "an object", value)
        for name, entry in value.items():
            _check(entry, inner[1], f"{where}.{name}")
    else:
        accepted = (int, float) if hint is float else hint
        right = isinstance(value, accepted) and (hint is bool or not isinstance(value, bool))
        if right and hint in (int, float):
            right = abs(value) <= LARGEST_NUMBER  # false for what is no number, too
        elif right and hint is str:
            right = len(value) <= LONGEST_TEXT
        _expect(right, where, _PLAIN[hint], value)


def _of_kind(value: Any, shapes: tuple[type, ...], where: str) -> type:
    """The shape of a value among several that differ in the literal of their first field."""
    name = next(iter(get_type_hints(shapes[0])))
    by_literal = {get_args(get_type_hints(shape)[name])[0]: shape for shape in shapes}
    given = value.get(name) if isinstance(value, dict) else None
    _expect(isinstance(given, str) and given in by_literal, f"{where}.{name}", f"one of {', '.join(by_literal)}", given)
    return by_literal[given]


def _expect(right: bool, where: str, expected: str, got: Any) -> None:
    if not right:
        raise InputError("request", where, expected, got)
