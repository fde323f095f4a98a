"""The one reader of configurations: TOML into frozen dataclasses, and back. Used by train.py and pretrain.py.

A dataclass declares its keys. The type hint of a field says what its value must be: bool, int, float, str, a Literal
of words, another dataclass (a table), a tuple of dataclasses (a list of tables), or a dataclass or a Literal (a table,
or a word that stands for one). `bounded` says which numbers it may be.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, field, fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.files import write_file
from metaspatial_addon.core.reading import parse_toml, read_toml

Config = TypeVar("Config")

_BOUNDS: dict[str, tuple[str, Callable[[float, float], bool]]] = {
    "at_least": ("of at least", lambda value, bound: value >= bound),
    "above": ("above", lambda value, bound: value > bound),
    "at_most": ("of at most", lambda value, bound: value <= bound),
    "below": ("below", lambda value, bound: value < bound),
}


class Check(NamedTuple):
    """What settings must fulfil together: a condition on the whole configuration, the key that is reported where it
    does not hold, and what is expected there, in which `{c}` is the configuration."""

    holds: Callable[[Any], bool]
    key: str
    expected: str


def bounded(default: float, **bounds: float) -> Any:
    """A dataclass field for a number with bounds: `at_least`, `above`, `at_most`, `below`.

    Without `at_least` or `above` it must be at least 0, as every number without `bounded`.
    """
    assert bounds.keys() <= _BOUNDS.keys(), bounds
    return field(default=default, metadata=bounds)


def read_dataclass(
    kind: type[Config],
    path: str,
    changes: Sequence[str] = (),
    renamed: Mapping[str, str] | None = None,
    checks: Sequence[Check] = (),
) -> Config:
    """The configuration of a TOML file with `key=value` changes on top.

    `renamed` maps dotted keys that a former version knew to those of today. Raises InputError that names the key.
    """
    data = read_toml(path)
    changed = [_apply(data, change) for change in changes]
    config = _Reader(path, renamed or {}, changed).table(kind, data, "")
    for check in checks:
        if not check.holds(config):
            value: Any = config
            for name in check.key.split("."):
                value = getattr(value, name)
            raise InputError(
                "--set" if check.key in changed else path, check.key, check.expected.format(c=config), value
            )
    return config


def _apply(data: dict[str, Any], change: str) -> str:
    """Set the dotted key of `key=value`, and return it. A value that is no TOML is taken as a word, so that words need
    no quotes, unless it opens a list or a table."""
    key, equals, value = change.partition("=")
    key = key.strip()
    if not equals:
        raise InputError("--set", change, "key=value")
    *parents, last = key.split(".")
    for parent in parents:
        data = data.setdefault(parent, {})
        if not isinstance(data, dict):
            raise InputError("--set", key, f"{parent} to be a table")
    try:
        data[last] = parse_toml(f"value = {value}", "--set", key)["value"]
    except InputError:
        if value.lstrip().startswith(("[", "{")):
            raise
        data[last] = value
    return key


class _Reader:
    """Fills dataclasses from the tables of one file; every error names the dotted key, and the file or, for a key that
    it changed, --set."""

    def __init__(self, source: str, renamed: Mapping[str, str], changed: Sequence[str]):
        self.source, self.renamed, self.changed = source, renamed, changed

    def _error(self, name: str, expected: str, got: object = None) -> InputError:
        inside = any(name == key or name.startswith((f"{key}.", f"{key}[")) for key in self.changed)
        return InputError("--set" if inside else self.source, name, expected, got)

    def table(self, kind: type, data: Any, prefix: str) -> Any:
        if not isinstance(data, dict):
            raise self._error(prefix.rstrip("."), "a table", data)
        hints, known = get_type_hints(kind), {f.name: f for f in fields(kind)}
        values: dict[str, Any] = {}
        for key, value in data.items():
            name = prefix + key
            if key not in known:
                raise self._error(name, self._instead(name, list(known)))
            values[key] = self.value(hints[key], value, name)
            if hints[key] in (int, float):
                self._check_bounds(values[key], known[key].metadata, name)
        try:
            return kind(**values)
        except ValueError as error:  # a dataclass may check itself, as the terms' weights do
            raise self._error(prefix.rstrip("."), f"other values ({error})") from error

    def _instead(self, name: str, known: Sequence[str]) -> str:
        """What to write in the place of an unknown key."""
        if name in self.renamed:
            return f"its new name, {self.renamed[name]}"
        return f"one of {', '.join(known)}"

    def value(self, hint: Any, value: Any, name: str) -> Any:
        """The value as the type hint wants it."""
        if is_dataclass(hint):
            return self.table(hint, value, name + ".")  # type: ignore[arg-type]
        origin, options = get_origin(hint), get_args(hint)
        if origin in (Union, UnionType):
            table, words = options
            if isinstance(value, dict):
                return self.table(table, value, name + ".")
            if value not in get_args(words):
                raise self._error(name, f"a table or one of {', '.join(get_args(words))}", value)
            return value
        if origin is tuple:
            if not isinstance(value, list):
                raise self._error(name, "a list of tables", value)
            return tuple(self.value(options[0], entry, f"{name}[{k}]") for k, entry in enumerate(value))
        if origin is Literal:
            if value not in options:
                raise self._error(name, f"one of {', '.join(options)}", value)
            return value
        if hint is float and type(value) is int:
            value = float(value) if abs(value) <= sys.float_info.max else math.inf
        if type(value) is not hint:
            raise self._error(name, f"a value of type {hint.__name__}", value)
        return value

    def _check_bounds(self, value: float, bounds: Mapping[str, float], name: str) -> None:
        if not -math.inf < value < math.inf:  # `math.isfinite` raises OverflowError for an int of 400 digits
            raise self._error(name, "a finite number", value)
        if "at_least" not in bounds and "above" not in bounds:
            bounds = {"at_least": 0, **bounds}
        if not all(_BOUNDS[key][1](value, bound) for key, bound in bounds.items()):
            wanted = " and ".join(f"{_BOUNDS[key][0]} {bound}" for key, bound in bounds.items())
            raise self._error(name, f"a number {wanted}", value)
        if type(value) is int and value >= 2**63:
            raise self._error(name, "a whole number of at most 64 bits, as TOML has them")


def write_config(config: Any, path: Path) -> None:
    """Write a configuration with all its keys as a TOML file that `read_dataclass` reads back."""
    lines: list[str] = []
    _write_table(asdict(config), "", lines)
    write_file(path, ("\n".join(lines) + "\n").encode())


def _write_table(table: dict[str, Any], name: str, lines: list[str]) -> None:
    for key, value in table.items():
        if not isinstance(value, (dict, tuple)):
            # JSON's strings are TOML's but for a delete character, which TOML wants escaped.
            lines.append(f"{key} = {json.dumps(value, ensure_ascii=False)}".replace("\x7f", "\\u007f"))
    for key, value in table.items():
        inner = f"{name}.{key}" if name else key
        if isinstance(value, dict):
            lines += ["", f"[{inner}]"]
            _write_table(value, inner, lines)
        elif isinstance(value, tuple):
            for entry in value:
                lines += ["", f"[[{inner}]]"]
                _write_table(entry, inner, lines)
