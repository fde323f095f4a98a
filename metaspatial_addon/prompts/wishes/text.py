"""Phrases, and the search for them in the words of a text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ...core.lexicon.lexicon import Token, split_tokens

_DASH = re.compile(r"(?<=\s)[-–—](?=\s)|\n")
_JOINTS = frozenset("-'’‐‑")
STOPS = frozenset(".;!?。")
"""What ends a sentence."""
INDEXED = 3
"""Letters by which phrases are found. A shorter word is never inflected."""

_Value = TypeVar("_Value")


def split_words(text: str) -> list[Token]:
    """The words and marks of a text, without hyphens and apostrophes. A dash between spaces, or the end of a line, is a
    semicolon."""
    return [token for token in split_tokens(_DASH.sub(";", text)) if token.text not in _JOINTS]


@dataclass(frozen=True)
class Inflection:
    """How words of a language change: at most `drop` letters at their end give way to at most `add` others.

    `endings`: of a language that has few, all that may be added, as "s" and "es".
    """

    drop: int = 0
    add: int = 0
    endings: tuple[str, ...] = ()

    def distance(self, known: str, word: str) -> int | None:
        """By how many letters a word differs from its known form; None where it is another word."""
        if known == word:
            return 0
        if len(known) < INDEXED or len(word) < INDEXED or known[:INDEXED] != word[:INDEXED]:
            return None
        if self.endings:
            ended = word.startswith(known) and word[len(known) :] in self.endings
            return len(word) - len(known) if ended else None
        shared = INDEXED
        while shared < min(len(known), len(word)) and known[shared] == word[shared]:
            shared += 1
        dropped, added = len(known) - shared, len(word) - shared
        return dropped + added if dropped <= self.drop and added <= self.add else None


_FIXED = Inflection()


@dataclass
class Phrases(Generic[_Value]):
    """Phrases and what each means. Of those that begin at a word the longest is found, of these the closest."""

    inflection: Inflection = _FIXED
    _by_start: dict[str, list[tuple[tuple[str, ...], _Value, Inflection]]] = field(default_factory=dict)

    def add(self, phrase: str, value: _Value, inflects: bool = False) -> None:
        """Know a phrase; `inflects`: in other forms of its words as well."""
        words = tuple(word.text for word in split_words(phrase))
        if words:
            inflection = self.inflection if inflects else _FIXED
            self._by_start.setdefault(words[0][:INDEXED], []).append((words, value, inflection))

    def longest(self, words: Sequence[Token], at: int) -> tuple[int, _Value, bool] | None:
        """The end and the value of the phrase that fits best at a word, and whether it is inflected; None without."""
        best = max(self._found(words, at), key=lambda found: (found[0], -found[1]), default=None)
        return None if best is None else (best[0], best[2], best[1] > 0)

    def _found(self, words: Sequence[Token], at: int) -> Iterator[tuple[int, int, _Value]]:
        """The phrases that begin at a word, as (end, letters that differ, value)."""
        for phrase, value, inflection in self._by_start.get(words[at].text[:INDEXED], ()):
            end = at + len(phrase)
            if end > len(words):
                continue
            pairs = zip(phrase, words[at:end], strict=True)
            distances = [inflection.distance(known, word.text) for known, word in pairs]
            if None not in distances:
                yield end, sum(filter(None, distances)), value
