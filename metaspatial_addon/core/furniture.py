"""What the project knows of each kind of furniture, read once from furniture.toml beside this file.

Prompts, the small plan, the search of assets, the library's catalog and the task generator all read this table, so that
a new category is a row of that file and no code. The head of the file describes each field.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import re
import typing
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from .errors import InputError
from .lexicon.lexicon import lexicon
from .reading import read_toml

UNKNOWN = "thing"
"""The category that stands for whatever the table does not describe."""

Way = Literal[
    "wall", "corner", "middle", "beside", "around", "tuck", "before", "opposite", "foot", "run", "rows", "loose"
]
"""How a piece of furniture stands on the floor."""

Need = tuple[Literal["front", "back", "left", "right", "beside"], float, float]
"""A side of an item, the metres before it that its use wants free, and how much that matters, from 0 to 1."""

EARLIER = 0.2
"""By what logarithm of a size a less likely meaning of a word has to be nearer: a fifth in one direction."""

_SURE = 0.5
"""Votes of furniture from which a type of room is likely; a kind that belongs to one type alone has one."""

Range = tuple[float, float]
"""Least and greatest value, metres."""


METHOD_SETTINGS = {
    "wall": ("walls", "at", "clear"),
    "row": ("of", "clear"),
    "opposite": ("of", "clear"),
    "beside": ("of",),
    "before": ("of",),
    "flank": ("of",),
    "tuck": ("of",),
    "around": ("of",),
    "under": ("of",),
    "on": ("of",),
    "hang": ("of",),
    "ceiling": ("of",),
    "centre": ("ring",),
}
"""The settings that each placement rule's method takes."""


@dataclass(frozen=True)
class FurnitureClass:
    """A class of furniture and its RGB colour as a plain box in renders."""

    name: str
    colour: tuple[int, int, int]


@dataclass(frozen=True)
class RoomType:
    """A type of room and other names for it."""

    name: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class RoomUse:
    """How the task generator furnishes a type of room with a category; the least `rank` comes first."""

    room: str
    rank: int
    chance: float
    most: int


@dataclass(frozen=True)
class PlacementRule:
    """A method of the task generator's Furnisher and its settings, None where the method has no such setting."""

    method: str
    of: tuple[str, ...] | None = None
    walls: Literal["far", "side", "near"] | None = None
    at: Literal["middle", "end"] | None = None
    clear: float | None = None
    ring: float | None = None

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The method's keyword arguments."""
        return {name: getattr(self, name) for name in METHOD_SETTINGS[self.method]}


@dataclass(frozen=True)
class Category:
    """One kind of furniture; the fields are those of a row in furniture.toml. Lengths in metres."""

    name: str
    class_name: str
    width: Range
    depth: Range
    height: Range
    words: tuple[str, ...] = ()
    known: bool = True
    mount: Literal["floor", "surface", "wall", "ceiling"] = "floor"
    covering: bool = False
    front: float = 0.0
    usual_count: int = 1
    rooms: tuple[str, ...] = ()
    drawn: tuple[RoomUse, ...] = ()
    anywhere: bool = False
    placement: tuple[PlacementRule, ...] = ()
    hang_at: float | None = None
    way: Way = "wall"
    hosts: tuple[str, ...] = ()
    guests: int = 1
    rank: int = 0
    from_door: float = 0.0
    needs: tuple[Need, ...] = ()

    def misfit(self, size: Sequence[float]) -> float:
        """By what logarithm a width, depth and height in metres miss the usual ones, whichever way the item is turned:
        0 within the ranges, 0.7 for one side that is twice or half of what is usual."""
        width, depth, height = size
        turns = ((width, depth), (depth, width))
        in_plan = min(_outside(x, *self.width) + _outside(y, *self.depth) for x, y in turns)
        return in_plan + _outside(height, *self.height)

    @property
    def usual_size(self) -> tuple[float, float, float]:
        """Width, depth and height in the middle of their ranges."""
        return tuple((least + most) / 2 for least, most in (self.width, self.depth, self.height))  # type: ignore[return-value]


@dataclass(frozen=True)
class Furniture:
    """The whole table; `categories` stand in placing order."""

    classes: dict[str, FurnitureClass]
    rooms: dict[str, RoomType]
    categories: dict[str, Category]

    def class_of(self, category: str, covering: bool = False) -> str:
        """The class of a category's row, "other" where none describes it."""
        return "covering" if covering else self.kind_of(category).class_name

    def kind_of(self, category: str, size: Sequence[float] | None = None) -> Category:
        """The row that describes an item best; that of UNKNOWN where none does.

        The row of that name, or else one of those that the words of the category mean in any language; of several the
        one that suits the size (width, depth, height in metres), without a size the likeliest.
        """
        if category not in self._rows:
            self._rows[category] = self._find_rows(category)
        return self.nearest(self._rows[category], size)

    @cached_property
    def _rows(self) -> dict[str, list[Category]]:
        """The rows that categories were found to mean so far."""
        return {}

    def _find_rows(self, category: str) -> list[Category]:
        name = " ".join(re.findall(r"[a-z']+", category.lower()))
        names = (name,) if name in self.categories else lexicon().meanings(category)
        return [self.categories[meant] for meant in names if meant in self.categories] or [self.categories[UNKNOWN]]

    @staticmethod
    def nearest(rows: Sequence[Category], size: Sequence[float] | None) -> Category:
        """The row whose ranges of width, depth and height a size misses least, in logarithms, whichever way it is
        turned; an earlier row wins over a later one unless that is nearer by EARLIER. Without a size the first."""
        if size is None or len(rows) == 1:
            return rows[0]
        return min(enumerate(rows), key=lambda entry: entry[0] * EARLIER + entry[1].misfit(size))[1]

    def likely_room(self, categories: Iterable[str]) -> str | None:
        """The type of room that most of the furniture belongs to; None where no type has more than any other.

        Each kind has one vote, which goes to the types that it suits, best first: to each half as much as to the one
        before. So a bed says bedroom, and a picture says little.
        """
        votes: dict[str, float] = {}
        for row in {row.name: row for row in map(self.kind_of, categories)}.values():
            shares = [0.5**place for place in range(len(row.rooms))]
            for room, share in zip(row.rooms, shares, strict=True):
                votes[room] = votes.get(room, 0.0) + share / sum(shares)
        ranked = sorted(votes, key=lambda room: votes[room], reverse=True)
        if not ranked or len(ranked) > 1 and math.isclose(votes[ranked[0]], votes[ranked[1]]):
            return None
        return ranked[0] if votes[ranked[0]] >= _SURE else None

    def used_in(self, room_type: str) -> list[tuple[Category, RoomUse]]:
        """What the task generator furnishes such a room with, by rank."""
        uses = [(c, use) for c in self.categories.values() for use in c.drawn if use.room == room_type]
        return sorted(uses, key=lambda entry: entry[1].rank)


def _outside(side: float, least: float, most: float) -> float:
    """By what logarithm a length is outside a range."""
    return abs(math.log(max(side, 0.001) / min(max(side, least), most)))


def read_furniture(path: str | Path) -> Furniture:
    """The table of a TOML file. Raises InputError, which names the row and the field."""
    data = read_toml(path)
    unknown = sorted(data.keys() - {"groups", "classes", "rooms", "categories"})
    if unknown:
        raise InputError(path, unknown[0], "only groups, classes, rooms and categories")
    classes = _named(path, data, "classes", FurnitureClass)
    rooms = _named(path, data, "rooms", RoomType)
    categories = _named(path, data, "categories", Category)
    for needed, table, kind in (("other", classes, "classes"), (UNKNOWN, categories, "categories")):
        if needed not in table:
            raise InputError(path, kind, f"one named {needed!r}")
    groups = {}
    listed = data.get("groups", {})
    if not isinstance(listed, dict):
        raise InputError(path, "groups", "a table", listed)
    for name, members in listed.items():
        groups[name] = _converted(path, members, tuple[str, ...], f"groups.{name}")
        _among(path, f"groups.{name}", groups[name], categories)
    for name, row in categories.items():
        categories[name] = _checked(path, f"categories.{name}", row, classes, rooms, categories, groups)
    return Furniture(classes, rooms, categories)


def _checked(
    path: str | Path,
    field: str,
    row: Category,
    classes: dict[str, FurnitureClass],
    rooms: dict[str, RoomType],
    categories: dict[str, Category],
    groups: dict[str, tuple[str, ...]],
) -> Category:
    """The row with its rules written out: groups by their members, `clear` by `front`. Raises InputError."""
    _among(path, f"{field}.class_name", (row.class_name,), classes)
    _among(path, f"{field}.rooms", row.rooms, rooms)
    _among(path, f"{field}.drawn", (use.room for use in row.drawn), rooms)
    for axis in ("width", "depth", "height"):
        least, most = getattr(row, axis)
        if not 0 < least <= most:
            raise InputError(path, f"{field}.{axis}", "two positive lengths, the least first", [least, most])
    rules = []
    for k, rule in enumerate(row.placement):
        place = f"{field}.placement[{k}]"
        _among(path, f"{place}.method", (rule.method,), METHOD_SETTINGS)
        takes = METHOD_SETTINGS[rule.method]
        if "of" in takes and rule.of is not None:
            members = tuple(name for word in rule.of for name in groups.get(word, (word,)))
            _among(path, f"{place}.of", members, categories)
            rule = replace(rule, of=members)
        if "clear" in takes and rule.clear is None:
            rule = replace(rule, clear=row.front)
        given = {f.name for f in dataclasses.fields(rule) if f.name != "method" and getattr(rule, f.name) is not None}
        if given != set(takes):
            raise InputError(path, place, f"the settings {', '.join(takes)} of {rule.method}", sorted(given))
        if rule.method == "hang" and row.hang_at is None:
            raise InputError(path, f"{field}.hang_at", "the height in metres at which it hangs")
        rules.append(rule)
    hosts = tuple(name for word in row.hosts for name in groups.get(word, (word,)))
    _among(path, f"{field}.hosts", hosts, categories)
    return replace(row, placement=tuple(rules), hosts=hosts)


def _among(path: str | Path, field: str, names: typing.Iterable[str], known: typing.Container[str]) -> None:
    for name in names:
        if name not in known:
            raise InputError(path, field, "names that the table has", name)


def _named(path: str | Path, data: dict[str, Any], field: str, kind: type) -> dict[str, Any]:
    """The rows of an array of tables by name. Raises InputError."""
    rows = data.get(field)
    if not isinstance(rows, list):
        raise InputError(path, field, "an array of tables", rows)
    table: dict[str, Any] = {}
    for k, raw in enumerate(rows):
        name = raw.get("name") if isinstance(raw, dict) else None
        row = _converted(path, raw, kind, f"{field}.{name}" if isinstance(name, str) else f"{field}[{k}]")
        if row.name in table:
            raise InputError(path, f"{field}.{row.name}", "a name used once")
        table[row.name] = row
    return table


def _converted(path: str | Path, value: Any, kind: Any, field: str) -> Any:
    """A TOML value as the annotated type `kind`: a dataclass, tuple, Literal, optional or plain type."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        return _record(path, value, kind, field)
    if type(None) in parts:
        return _converted(path, value, parts[0], field)
    if origin is Literal:
        if value not in parts:
            raise InputError(path, field, f"one of {', '.join(parts)}", value)
        return value
    if origin is tuple:
        open_ended = parts[-1] is Ellipsis
        if not isinstance(value, list) or not open_ended and len(value) != len(parts):
            raise InputError(path, field, "a list" if open_ended else f"{len(parts)} values", value)
        kinds = parts[:1] * len(value) if open_ended else parts
        return tuple(_converted(path, v, k, f"{field}[{n}]") for n, (v, k) in enumerate(zip(value, kinds, strict=True)))
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind or kind in (int, float) and not -1000 < value < 1000:
        words = {str: "a text", bool: "true or false", int: "a whole number below 1000", float: "a number below 1000"}
        raise InputError(path, field, words[kind], value)
    return value


def _record(path: str | Path, value: Any, kind: Any, field: str) -> Any:
    """The dataclass of a TOML table: no unknown field, none missing that has no default."""
    if not isinstance(value, dict):
        raise InputError(path, field, "a table", value)
    hints = _type_hints(kind)
    unknown = sorted(value.keys() - hints.keys())
    if unknown:
        raise InputError(path, f"{field}.{unknown[0]}", f"only {', '.join(hints)}")
    for spec in dataclasses.fields(kind):
        if spec.default is dataclasses.MISSING and spec.name not in value:
            raise InputError(path, f"{field}.{spec.name}", "this field to be present")
    return kind(**{name: _converted(path, v, hints[name], f"{field}.{name}") for name, v in value.items()})


@functools.cache
def _type_hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


FURNITURE = read_furniture(Path(__file__).with_name("furniture.toml"))
ROOM_TYPES = tuple(FURNITURE.rooms)
