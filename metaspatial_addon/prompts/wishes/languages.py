"""The words of each language in which wishes are put, read once from languages/CODE.toml.

The fields of such a file, all of them optional:

    inflects            how nouns of the room and directions change, see `text.Inflection`
    forms               forms of a word, for {word} in phrases: "al lado {de}" is "al lado de" and "al lado del"
    plurals_are_not_told  a noun may mean one or several
    negation_follows    "not" stands behind what it negates
    and, breaks         what joins items; what begins a clause, as a comma does
    not, nothing, it, each_other, all, definite, indefinite
    numbers             lists of words, from 1 on
    with, of            what joins a wall and its window: "the wall with the window"
    verbs               words that may stand between a comma and a relation: "a lamp, placed on the desk"
    plural              verbs of a subject of several items: "a lamp and a vase stand on it"
    filler              what looks like a word of the room and is none: "a wall-mounted tv"
    relations           by predicate, phrases between the subject and the object
    postpositions       phrases behind the object
    reversed            phrases between the object and the subject: "the desk holds a lamp"
    adverbs             phrases without an object, which is then the item named before: "and a chair nearby"
    mutual              phrases for what holds between the items of one subject: "side by side"
    places              nouns of the room, by what they are
    directions          what qualifies a wall or a corner in front of it or behind it

Beside the predicates of relations there are `above`; `over`, for what hangs above and for all else on; `flanking`, on
the left and on the right; `between`; and `at`, which means something with places alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ...core.lexicon.lexicon import Token, lexicon, split_tokens
from ...core.reading import read_toml
from .text import STOPS, Inflection, Phrases, split_words

_FOLDER = Path(__file__).with_name("languages")
_TELLING = 400
"""Characters of a prompt that tell its language."""
_LEAST_WORDS = 3
"""Words of a piece that may tell another language than that of the text around it."""
_KINDS = {
    **{kind: kind for kind in ("and", "not", "nothing", "it", "each_other", "all", "definite", "indefinite", "with")},
    **{"of": "of", "breaks": "break", "plural": "plural", "filler": "filler"},
}
_RELATIONS = {
    "relations": ("relation", "object"),
    "reversed": ("reversed", "object"),
    "adverbs": ("relation", "adverb"),
    "mutual": ("relation", "mutual"),
    "postpositions": ("relation", "post"),
}


@dataclass(frozen=True)
class Phrase:
    """What a phrase is in a sentence.

    `kind` is relation, reversed, place, direction, number or one of _KINDS; `value` the predicate, the place, the
    direction or the number. `form`, of a relation: `object` where that follows, `post` where it stands in front,
    `adverb` where there is none, `both` where there may be one, `either` where it may stand on each side, `mutual`.
    """

    kind: str
    value: str = ""
    form: str = ""


@dataclass(frozen=True)
class Language:
    """The phrases of a language."""

    code: str
    phrases: Phrases[Phrase]
    inflection: Inflection
    verbs: frozenset[str]
    negation_follows: bool
    plurals_are_not_told: bool
    """Whether a noun may mean one or several, as in Chinese."""


@cache
def _table(code: str) -> dict[str, Any]:
    return read_toml(_FOLDER / f"{code}.toml")


@cache
def _read(code: str) -> Language:
    table = _table(code)
    forms = table.get("forms", {})
    changes = table.get("inflects", {})
    inflection = Inflection(changes.get("drop", 0), changes.get("add", 0), tuple(changes.get("endings", ())))
    phrases: Phrases[Phrase] = Phrases(inflection)
    for field, kind in _KINDS.items():
        for phrase in table.get(field, ()):
            phrases.add(phrase, Phrase(kind))
    for number, words in enumerate(table.get("numbers", ()), 1):
        for phrase in words:
            phrases.add(phrase, Phrase("number", str(number)))
    found: dict[str, Phrase] = {}
    for field, (kind, form) in _RELATIONS.items():
        for predicate, written in table.get(field, {}).items():
            for phrase in _written(written, forms):
                other = found.get(phrase)
                if other is None:
                    found[phrase] = Phrase(kind, predicate, form)
                else:
                    found[phrase] = Phrase(kind, other.value, "either" if "post" in (form, other.form) else "both")
    for phrase, meaning in found.items():
        phrases.add(phrase, meaning)
    for field, kind in (("places", "place"), ("directions", "direction")):
        for value, written in table.get(field, {}).items():
            for phrase in written:
                phrases.add(phrase, Phrase(kind, value), inflects=True)
    verbs = frozenset(word.text for phrase in table.get("verbs", ()) for word in split_words(phrase))
    follows, untold = (table.get(field, False) for field in ("negation_follows", "plurals_are_not_told"))
    return Language(code, phrases, inflection, verbs, follows, untold)


def _written(phrases: Iterable[str], forms: dict[str, Any]) -> list[str]:
    """The phrases with every form of the word in braces."""
    written = []
    for phrase in phrases:
        found = re.search(r"\{(\w+)\}", phrase)
        written += [phrase.replace(found[0], form) for form in forms[found[1]]] if found else [phrase]
    return written


@dataclass(frozen=True)
class Passage:
    """Words [start:end] of a prompt, all in one language."""

    start: int
    end: int
    language: Language


def passages_of(prompt: str, words: Sequence[Token]) -> list[Passage]:
    """A prompt cut where its language changes: at the end of a sentence, at a mark within one, or at an "and".

    The language of the whole is that of the lexicon which knows most of its first words; a sentence has another one
    where that is clear, and so has a part of it.
    """
    languages = [_read(lexicon().spoken(split_tokens(prompt[:_TELLING]))[0][0].code)] * len(words)
    for is_end in (_ends_sentence, _is_mark, _joins):
        for start, end in _pieces(words, is_end):
            languages[start:end] = [_language_of(words[start:end], languages[start])] * (end - start)
    starts = [k for k in range(len(words)) if k == 0 or languages[k] is not languages[k - 1]]
    ends = [*starts[1:], len(words)]
    return [Passage(start, end, languages[start]) for start, end in zip(starts, ends, strict=False)]  # no words, none


def is_unknown(words: Sequence[Token], language: Language) -> bool:
    """Whether a sentence of several words has none that any of the languages knows; `language`: the likeliest."""
    if sum(not word.is_mark for word in words) <= _LEAST_WORDS or _known_letters(words, language):
        return False
    return not any(_known_letters(words, _read(code)) for code in lexicon().languages)


def _ends_sentence(word: Token) -> bool:
    return word.text in STOPS


def _is_mark(word: Token) -> bool:
    return word.is_mark


def _joins(word: Token) -> bool:
    return word.is_mark or word.text in _words_for_and()


@cache
def _words_for_and() -> frozenset[str]:
    """Those of all languages."""
    return frozenset(word for code in lexicon().languages for word in _table(code).get("and", ()))


def _pieces(words: Sequence[Token], is_end: Callable[[Token], bool]) -> Iterator[tuple[int, int]]:
    """Where the pieces of a text begin and end, each with the word that ends it."""
    start = 0
    for k, word in enumerate(words):
        if is_end(word) or k + 1 == len(words):
            yield start, k + 1
            start = k + 1


def _language_of(words: Sequence[Token], language: Language) -> Language:
    """The language of a piece of a text in `language`: another one if that knows half of the letters, and half as many
    again as `language`, which knows few."""
    letters = [len(word.text) for word in words if not word.is_mark]
    known = _known_letters(words, language) if len(letters) >= _LEAST_WORDS else sum(letters)
    if 4 * known >= 3 * sum(letters):
        return language
    other = _read(lexicon().spoken(words)[0][0].code)
    known_to_other = _known_letters(words, other)
    return other if 2 * known_to_other >= max(3 * known, sum(letters)) else language


def _known_letters(words: Sequence[Token], language: Language) -> int:
    """Letters of the words that a language has among its furniture, its frequent words or its phrases."""
    lexical = lexicon().languages[language.code]
    known = {k for part in lexicon().parts(words, lexical) for k in range(part.start, part.end)}
    for k, word in enumerate(words):
        phrase = language.phrases.longest(words, k)
        if phrase is not None:
            known.update(range(k, phrase[0]))
        elif word.text in lexical.common:
            known.add(k)
    return sum(len(words[k].text) for k in known if not words[k].is_mark)
