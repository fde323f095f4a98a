"""Dataclasses as JSON and back, for messages between the trainer and its own worker processes.

The reader says which class it expects. Only dataclasses in that one's type hints, and subclasses of these, are made:
nothing that is read is executed. Numbers come back to the last digit. It is no file format: both ends are one version.
"""

from __future__ import annotations

import base64
import dataclasses
import functools
import types
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

_CLASS = "_class"  # beside an object's fields, the name of its class


def to_json(value: Any) -> Any:
    """A value of dataclasses, tuples, lists, dictionaries with text keys, bytes, texts, numbers and None."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, (tuple, list)):
        return [to_json(entry) for entry in value]
    if isinstance(value, dict):
        return {key: to_json(entry) for key, entry in value.items()}
    if dataclasses.is_dataclass(value):
        values = {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {_CLASS: type(value).__name__, **values}
    return value.item()  # a scalar of numpy


def from_json(expected: type[T], data: Any) -> T:
    """The value that `to_json` was given, of the class that is expected. Raises KeyError, TypeError and ValueError."""
    value: T = _read(expected, data)
    return value


def _read(hint: Any, data: Any) -> Any:
    origin, inner = get_origin(hint), get_args(hint)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        expected = _classes(hint)[data[_CLASS]]
        return expected(**{name: _read(field, data[name]) for name, field in _fields(expected).items()})
    if origin in (Union, types.UnionType):
        for member in inner if isinstance(data, dict) else ():
            if isinstance(member, type) and dataclasses.is_dataclass(member) and data[_CLASS] in _classes(member):
                return _read(member, data)
        return data  # None, a literal, or a plain value
    if origin is tuple:
        hints = inner[:1] * len(data) if inner[-1] is Ellipsis else inner
        return tuple(_read(member, entry) for member, entry in zip(hints, data, strict=True))
    if origin in (dict, Mapping):
        return {key: _read(inner[1], entry) for key, entry in data.items()}
    if hint is bytes:
        return base64.b64decode(data)
    if origin is Literal or hint in (str, bool, int, float):
        return data
    raise TypeError(f"no JSON form of {hint}")


@functools.cache
def _classes(base: Any) -> dict[str, Any]:
    """A dataclass and its subclasses, by name."""
    found = {base.__name__: base}
    for derived in base.__subclasses__():
        found |= _classes(derived)
    return found


@functools.cache
def _fields(expected: Any) -> dict[str, Any]:
    """The type of each field of a dataclass, by name."""
    hints = get_type_hints(expected)
    return {field.name: hints[field.name] for field in dataclasses.fields(expected)}
