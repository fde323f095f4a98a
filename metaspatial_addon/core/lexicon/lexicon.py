"""What the words of a name mean together: the languages' words, and meanings.toml, which combines them.

A name is read in the language that knows most of its letters. Its nouns and qualities are found from left to right, the
longest first; one noun is the head and the others describe it. `core/furniture.py` reads the categories of tasks by
this, `prompts/names.py` the names of objects and the text of prompts.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..reading import read_toml
from .language import BUILDING, OTHER, SHORTEST_STEM, Language, Word, fold, joined, read_language

_FOLDER = Path(__file__).parent
_LONGEST_RUN = 5
"""Words of the longest expression."""
_SHORTEST_HEAD = 4
"""Letters of a compound's last part, where its first part is no known word."""
_LONGEST_ENDING = 6
"""Letters of the longest ending."""
_LONGEST_COMPOUND = 40
"""Letters of the longest compound that is taken apart."""
_LONGEST_NAME = 60
"""Words of a name that are read."""
_LONGEST_TEXT = 1000
"""Characters of a category that are read."""
_ACCENTS = 0.02
"""What each letter of a word counts more where the word has the right accents."""
_EXPRESSION = 0.01
"""What each word counts less, so that a whole expression is more than its words."""
_NAMELESS = 0.3
"""What words count in a language in which none of them is a noun."""
_LINKS = ("", "s", "n", "en", "es", "er", "e", "-")
"""What may stand between the parts of a compound."""
_OF_GLASS = "display"
"""The quality that glass gives, which is a thing as well."""
_ADJECTIVES = frozenset(("round", "square", "double", "single", "small", "low", "tall"))
"""Qualities that stand before a noun in English."""
_IDEOGRAPHS = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_KANA = "\u3041-\u30ff\u31f0-\u31ff"
_TOKEN = re.compile(rf"[{_IDEOGRAPHS}々{_KANA}]|[^\W\d_{_IDEOGRAPHS}々{_KANA}]+|\d+(?:[.,]\d+)?|[^\w\s]")
_SCRIPTS = {"zh": re.compile(f"[{_IDEOGRAPHS}]"), "ja": re.compile(f"[{_IDEOGRAPHS}{_KANA}]")}
_CYRILLIC = re.compile("[\u0400-\u04ff]")
_LATIN = re.compile("[a-z]")


@dataclass(frozen=True)
class Token:
    """A word, number or mark of a text, or a character of Chinese and Japanese, at text[start:end].

    `text` has no accents and no capitals, `accented` no capitals.
    """

    text: str
    start: int
    end: int
    accented: str

    @property
    def is_mark(self) -> bool:
        """Whether it separates what stands before it from what follows."""
        return not self.text[0].isalnum()


@dataclass(frozen=True)
class Part:
    """A known word of a text at tokens[start:end].

    `certainty` is less than 1 where the word is inflected or the end of a longer one. `letters` counts those that were
    understood.
    """

    word: Word
    start: int
    end: int
    letters: int
    certainty: float = 1.0
    plural: bool = False


@dataclass(frozen=True)
class Reading:
    """What a name says.

    Attributes:
        categories: what it may mean, the likeliest first; empty where it names no furniture.
        certainty: how sure that is, from 0 (it says nothing) to 1.
        noun: the head noun, by its English name; "" without one, BUILDING or OTHER for what is no furniture.
        head: the part with the head noun.
        combined: whether other words of the name decided on the category.
    """

    categories: tuple[str, ...] = ()
    certainty: float = 0.0
    noun: str = ""
    head: Part | None = None
    combined: bool = False


NOTHING = Reading()


@dataclass(frozen=True)
class Noun:
    """The categories that a noun means alone, and those that it means together with another word."""

    meanings: tuple[str, ...]
    combined: dict[str, str] = field(default_factory=dict)


def split_tokens(text: str) -> list[Token]:
    """The tokens of a text, with their places in it."""
    tokens = []
    for match in _TOKEN.finditer(text):
        folded = fold(match[0])
        if folded:
            tokens.append(Token(folded, *match.span(), joined(match[0])))
    return tokens


class Lexicon:
    """The words of all languages, and what they mean together."""

    def __init__(self, languages: Sequence[Language], nouns: dict[str, Noun]):
        self.languages, self._nouns = {language.code: language for language in languages}, nouns

    def noun(self, name: str) -> Noun:
        """What a noun means; one without a table is its own category."""
        return self._nouns.get(name) or Noun(() if name in (BUILDING, OTHER) else (name,))

    def kinds(self, name: str) -> tuple[str, ...]:
        """All categories that a noun may mean, alone or together with other words."""
        noun = self.noun(name)
        combined = (meaning for value in noun.combined.values() for meaning in self.noun(value).meanings)
        return tuple(dict.fromkeys((*noun.meanings, *combined)))

    def spoken(self, tokens: Sequence[Token]) -> list[tuple[Language, list[Part]]]:
        """The languages that know most of the letters, and the parts that they know.

        Words that name nothing count for less. The right accents and whole expressions decide between equals.
        """
        best: list[tuple[Language, list[Part]]] = []
        most = 0.0
        for language in self._written(tokens):
            parts = self.parts(tokens, language)
            known = sum(part.letters * part.certainty for part in parts) - _EXPRESSION * len(parts)
            known += _ACCENTS * sum(part.letters for part in parts if _spelled(tokens, part) in language.accented)
            if not any(part.word.nouns for part in parts):
                known *= _NAMELESS
            known += sum(len(token.text) for token in tokens if token.text in language.common)
            if known > most:
                best, most = [], known
            if known == most > 0.0:
                best.append((language, parts))
        return best or [(next(iter(self.languages.values())), [])]

    def meanings(self, text: str) -> tuple[str, ...]:
        """The categories that a text of a few words may mean, the likeliest first."""
        return self.read_any(split_tokens(text[:_LONGEST_TEXT])).categories

    def read_any(self, tokens: Sequence[Token]) -> Reading:
        """What a name means, in any language. A name of several languages may mean what it means in each of them."""
        tokens = tokens[:_LONGEST_NAME]
        readings = [self.read(tokens, parts, language) for language, parts in self.spoken(tokens)]
        first = next((reading for reading in readings if reading.noun), NOTHING)
        if not first.categories:
            return first
        meanings = dict.fromkeys(category for reading in readings for category in reading.categories)
        return replace(first, categories=tuple(meanings))

    def _written(self, tokens: Sequence[Token]) -> Iterator[Language]:
        """The languages in whose script the tokens, or some of them, are written."""
        letters = "".join(token.text for token in tokens)
        for code, language in self.languages.items():
            script = _SCRIPTS.get(code, _CYRILLIC if code == "ru" else _LATIN)
            if script.search(letters):
                yield language

    def parts(self, tokens: Sequence[Token], language: Language) -> list[Part]:
        """The words of a language among the tokens, from left to right, the longest first."""
        parts: list[Part] = []
        at = 0
        while at < len(tokens):
            found = [] if tokens[at].is_mark else self._parts_at(tokens, at, language)
            parts += found
            at = found[-1].end if found else at + 1
        return parts

    def _parts_at(self, tokens: Sequence[Token], at: int, language: Language) -> list[Part]:
        """The longest expression that begins at a token; of a compound, its parts."""
        run = language.longest if language.code in _SCRIPTS else _LONGEST_RUN
        runs = [tokens[at].text]
        for token in tokens[at + 1 : at + run]:
            if token.is_mark:
                break
            runs.append(runs[-1] + token.text)
        for count in range(len(runs), 0, -1):
            part = _known(runs[count - 1], language, len(tokens[at + count - 1].text))
            if part is not None:
                return [replace(part, start=at, end=at + count)]
        return [replace(part, start=at, end=at + 1) for part in _compound(runs[0], language)]

    def read(self, tokens: Sequence[Token], parts: Sequence[Part], language: Language) -> Reading:
        """What parts of a name mean together; NOTHING where none is a noun."""
        heads, others = _scope(tokens, parts, language)
        order = [part for part in heads if part.word.nouns]
        if not order:
            return NOTHING
        furniture = [part for part in order if part.word.nouns[0] not in (BUILDING, OTHER)]
        if language.head == "last" and not _described_after(order[0], order[-1], heads):  # as lampRoundTable is not
            order, furniture = order[::-1], furniture[::-1]
        if furniture and order[0].word.nouns[0] == BUILDING:
            order = furniture
        elif len(furniture) > 1 and language.head == "last" and _OF_GLASS in order[0].word.qualities:
            order = [*furniture[1:], furniture[0]]  # CoffeeTable_Glass
        head = order[0]
        for part in order if head.word.nouns[0] != OTHER else order[:1]:
            rest = [other for other in others if other is not part]
            for noun in part.word.nouns:
                combined = self._combine(noun, rest)
                if combined:
                    return Reading(self.noun(combined).meanings, _certainty(part, part is head), noun, part, True)
        meanings = dict.fromkeys(meaning for noun in head.word.nouns for meaning in self.noun(noun).meanings)
        return Reading(tuple(meanings), _certainty(head, True), head.word.nouns[0], head)

    def _combine(self, noun: str, others: Sequence[Part]) -> str | None:
        """The category that a noun means together with one of the other words; None where none matters."""
        said = {name for part in others for name in (*part.word.qualities, *part.word.nouns, *part.word.rooms)}
        return next((category for word, category in self.noun(noun).combined.items() if word in said), None)


def _scope(tokens: Sequence[Token], parts: Sequence[Part], language: Language) -> tuple[Sequence[Part], Sequence[Part]]:
    """The parts among which the head is, and all that describe it.

    What follows a noun and "for", "with" or a mark only describes, what follows "and" does not even that.
    """
    first = next((part.end for part in parts if part.word.nouns), len(tokens))
    inside = {k for part in parts for k in range(part.start, part.end)}
    last = parts[-1].end if parts else first  # what follows the parts decides about none of them
    free = [k for k in range(first, last) if k not in inside]
    cut = next((k for k in free if tokens[k].text in language.cuts), len(tokens))
    others = [part for part in parts if part.start < cut]
    links = language.extras if language.describes_before else language.extras | language.joins
    link = next((k for k in free if tokens[k].is_mark or tokens[k].text in links), cut)
    return [part for part in others if part.start < link], others


def _spelled(tokens: Sequence[Token], part: Part) -> str:
    return "".join(token.accented for token in tokens[part.start : part.end])


def _described_after(first: Part, last: Part, parts: Sequence[Part]) -> bool:
    """Whether only adjectives stand between two nouns, which come first in English: lamp, round, table."""
    between = [part for part in parts if first.end <= part.start and part.end <= last.start]
    return bool(between) and all(
        part.word.qualities and not part.word.nouns and set(part.word.qualities) <= _ADJECTIVES for part in between
    )


def _certainty(part: Part, natural: bool) -> float:
    return part.certainty * (1.0 if natural else 0.9)


def _known(spelling: str, language: Language, last: int) -> Part | None:
    """The part that a spelling is; None where the language does not know it, inflected or not.

    `last`: letters of its last word, which an ending may shorten but not swallow.
    """
    if spelling[:SHORTEST_STEM] not in language.starts:
        return None
    word = language.words.get(spelling)
    if word is not None:
        return Part(word, 0, 0, len(spelling))
    if not 3 < len(spelling) <= language.longest + _LONGEST_ENDING or language.code in _SCRIPTS:
        return None
    for stem in language.stems_of(spelling):
        word = language.stems.get(stem)
        if word is not None and len(spelling) - len(stem) < last - 1:
            plural = spelling.endswith(language.plurals)
            return Part(word, 0, 0, len(spelling), 0.9, plural)
    return None


def _compound(spelling: str, language: Language) -> list[Part]:
    """The parts of a compound: its last part, a noun, and before it what is known of the rest."""
    if language.compounds == "none" or len(spelling) > _LONGEST_COMPOUND:
        return []
    for at in range(2, len(spelling) - 2):
        last = _known(spelling[at:], language, len(spelling) - at)
        if last is None or not last.word.nouns:
            continue
        before = _first_part(spelling[:at], language)
        if before:
            return [*before, replace(last, certainty=min(last.certainty, 0.95))]
        if language.compounds == "any" and len(spelling) - at >= _SHORTEST_HEAD:
            return [replace(last, certainty=0.8)]
    return []


def _first_part(spelling: str, language: Language) -> list[Part]:
    """What is known of the part of a compound before its last one."""
    for link in _LINKS:
        stem = spelling.removesuffix(link)
        if spelling.endswith(link) and stem in language.words:
            return [Part(language.words[stem], 0, 0, len(spelling), 0.95)]
    return _compound(spelling, language) if len(spelling) > 5 else []


def read_meanings(path: str | Path) -> dict[str, Noun]:
    """The nouns of a TOML file; its head describes the fields. Raises InputError."""
    return {name: _read_noun(path, name, raw) for name, raw in read_toml(path).items()}


def _read_noun(path: str | Path, name: str, raw: Any) -> Noun:
    if not isinstance(raw, dict) or raw.keys() - {"meanings", "with"}:
        raise InputError(path, name, "a table with meanings and with", raw)
    meanings, words_of = raw.get("meanings", [name]), raw.get("with", {})
    if not isinstance(meanings, list) or not all(isinstance(meaning, str) for meaning in meanings):
        raise InputError(path, f"{name}.meanings", "a list of categories", meanings)
    if not isinstance(words_of, dict):
        raise InputError(path, f"{name}.with", "a table of lists of words by category", words_of)
    combined: dict[str, str] = {}
    for meaning, words in words_of.items():
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise InputError(path, f"{name}.with.{meaning}", "a list of words", words)
        combined |= dict.fromkeys(words, meaning)
    return Noun(tuple(meanings), combined)


@functools.cache
def lexicon() -> Lexicon:
    """The lexicon of the files beside this one, read once. Raises InputError."""
    files = sorted((_FOLDER / "languages").glob("*.toml"), key=lambda path: (path.stem != "en", path.stem))
    return Lexicon([read_language(path) for path in files], read_meanings(_FOLDER / "meanings.toml"))
