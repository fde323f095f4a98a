"""The words for furniture in one language, read from languages/CODE.toml.

The fields of such a file, all of them required:

    name        the language's English name
    head        where the noun stands that says what a thing is: "last", as in "coffee table", or "first", as in
                "table basse"
    compounds   how words grow together: "any" (Wohnzimmerlampe: the last part decides, whatever the first), "known"
                (bookshelf: where both parts are words of the file), "none"
    endings     what inflection adds to words, tried on both the words of the file and those of a name
    plurals     those of the endings that make a plural
    joins       words between a noun and what describes it: "table de nuit", "stand for a tv"
    extras      words between a noun and what comes with it: "desk with drawers"
    cuts        words between two things: "table and chairs"
    common      frequent words by which the language of a text is told
    building    what belongs to the building: walls, doors
    other       what is no furniture, although its name may hold a word for furniture: "board game"
    furniture   by noun of meanings.toml or category: its words
    qualities   by quality of meanings.toml: its words
    rooms       by room type: its names

Words are written as in a dictionary, with their accents. Words of several parts have spaces.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from ..errors import InputError
from ..reading import read_toml

BUILDING = "building"
"""The noun that stands for every part of a building."""
OTHER = "other"
"""The noun that stands for everything that is no furniture."""

_LISTS = ("endings", "plurals", "joins", "extras", "cuts", "common", "building", "other")
_TABLES = {"furniture": "nouns", "qualities": "qualities", "rooms": "rooms"}
"""Tables of a file, each by what its words are."""
_CHOICES = {"head": ("first", "last"), "compounds": ("any", "known", "none")}
SHORTEST_STEM = 3
"""Letters that a word has at least without its ending."""
_LETTERS = str.maketrans({"ß": "ss", "ł": "l", "ø": "o", "æ": "ae", "œ": "oe", "ı": "i", "đ": "d"})
_BETWEEN = str.maketrans("", "", " '’/()-.,")
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})


@dataclass(frozen=True)
class Word:
    """What a word of a language means: nouns of furniture, qualities and room types by their English names."""

    nouns: tuple[str, ...] = ()
    qualities: tuple[str, ...] = ()
    rooms: tuple[str, ...] = ()

    def __or__(self, other: Word) -> Word:
        """Both meanings, those of `self` first."""
        return Word(
            tuple(dict.fromkeys(self.nouns + other.nouns)),
            tuple(dict.fromkeys(self.qualities + other.qualities)),
            tuple(dict.fromkeys(self.rooms + other.rooms)),
        )


@dataclass(frozen=True)
class Language:
    """A language as its file describes it, see above.

    `words` are by their spelling without accents and spaces; `accented` has the spellings with accents.
    """

    code: str
    name: str
    head: Literal["first", "last"]
    compounds: Literal["any", "known", "none"]
    endings: tuple[str, ...]
    plurals: tuple[str, ...]
    joins: frozenset[str]
    extras: frozenset[str]
    cuts: frozenset[str]
    common: frozenset[str]
    words: dict[str, Word]
    accented: frozenset[str]

    @cached_property
    def stems(self) -> dict[str, Word]:
        """The words by their stems; of words with one stem the first counts before the others."""
        stems: dict[str, Word] = {}
        for spelling, word in self.words.items():
            for stem in self.stems_of(spelling):
                stems[stem] = stems[stem] | word if stem in stems else word
        return stems

    def stems_of(self, spelling: str) -> list[str]:
        """A word without each of the endings that it may have, the longest stem first."""
        found = {spelling}
        for ending in self.endings:
            if spelling.endswith(ending) and len(spelling) - len(ending) >= SHORTEST_STEM:
                stem = spelling[: len(spelling) - len(ending)]
                found.add(stem)
                if stem[-1] == stem[-2]:
                    found.add(stem[:-1])  # bedden, sängar
        return sorted(found, key=len, reverse=True)

    @cached_property
    def starts(self) -> frozenset[str]:
        """The first letters of all words, by which most of what is no word is told at once."""
        return frozenset(spelling[:SHORTEST_STEM] for spelling in self.words)

    @property
    def describes_before(self) -> bool:
        """Whether what is joined to a noun stands before it, as in Chinese, Japanese and Turkish."""
        return self.code in ("zh", "ja", "tr")

    @cached_property
    def longest(self) -> int:
        """Letters of the longest word."""
        return max(map(len, self.words))


def fold(text: str) -> str:
    """Small letters without accents, in one form for all ways of writing them."""
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).lower().translate(_LETTERS))
    return unicodedata.normalize("NFC", "".join(c for c in parts if not _is_accent(c)))


def _is_accent(character: str) -> bool:
    """Whether it is a combining accent; the voicing marks of kana are letters."""
    return unicodedata.combining(character) != 0 and character not in "\u3099\u309a"


def joined(word: str) -> str:
    """A word of a file in small letters, its parts without what stands between them."""
    small = word.lower().translate(_BETWEEN)
    return small if small.isascii() else unicodedata.normalize("NFKC", small)


def spellings(word: str) -> tuple[str, ...]:
    """How a joined word may be spelled without accents: as it is, and with ae for ä and the like."""
    if word.isascii():
        return (word,)
    return tuple(dict.fromkeys((fold(word), fold(word.translate(_UMLAUTS)))))


def read_language(path: str | Path) -> Language:
    """The language of a TOML file. Raises InputError, which names the field."""
    path = Path(path)
    data = read_toml(path)
    fields = ("name", *_CHOICES, *_LISTS, *_TABLES)
    for field in fields:
        if field not in data:
            raise InputError(path, field, "this field to be present")
    unknown = sorted(data.keys() - set(fields))
    if unknown:
        raise InputError(path, unknown[0], f"only {', '.join(fields)}")
    if not isinstance(data["name"], str):
        raise InputError(path, "name", "a text", data["name"])
    for field, choices in _CHOICES.items():
        if data[field] not in choices:
            raise InputError(path, field, f"one of {', '.join(choices)}", data[field])
    lists = {field: _texts(path, field, data[field]) for field in _LISTS}
    words: dict[str, Word] = {}
    accented: set[str] = set()
    for field in _TABLES:
        if not isinstance(data[field], dict):
            raise InputError(path, field, "a table of lists of words", data[field])
        for name, texts in data[field].items():
            meaning = Word(**{_TABLES[field]: (name,)})
            accented |= _add(words, _texts(path, f"{field}.{name}", texts), meaning)
    accented |= _add(words, lists["building"], Word((BUILDING,)))
    accented |= _add(words, lists["other"], Word((OTHER,)))
    return Language(
        path.stem,
        data["name"],
        data["head"],
        data["compounds"],
        tuple(map(fold, lists["endings"])),
        tuple(map(fold, lists["plurals"])),
        frozenset(map(fold, lists["joins"])),
        frozenset(map(fold, lists["extras"])),
        frozenset(map(fold, lists["cuts"])),
        frozenset(map(fold, lists["common"])),
        words,
        frozenset(accented),
    )


def _texts(path: Path, field: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(text, str) and text.strip() for text in value):
        raise InputError(path, field, "a list of words", value)
    return value


def _add(words: dict[str, Word], texts: list[str], meaning: Word) -> set[str]:
    """Add a meaning to the spellings of words. Returns the words as they are joined."""
    whole = set(map(joined, texts))
    for spelling in (spelling for word in map(joined, texts) for spelling in spellings(word)):
        words[spelling] = words[spelling] | meaning if spelling in words else meaning
    return whole
