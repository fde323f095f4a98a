"""Sentences that are made outside the interface, in the language of the interface.

What was measured, refused or wished is put into English sentences below the interface and in the worker: models read
them, records keep them, and neither may depend on an artist's language. Such a sentence is recognised when it is shown,
by the template that it was made from, such as "{a} overlaps {b} by {depth} m". What none of the templates fits (a
server's own words, the details of a damaged file) is shown as it is.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import NamedTuple

from bpy.app.translations import pgettext_rpt as rpt_

from .tables import LISTS, PHRASES, SENTENCES, WISHES, templates

_PARTS = dict.fromkeys(("failure", "fault", "problem", "problems", "sentence", "works"), (SENTENCES,)) | dict.fromkeys(
    ("expected", "found", "kind", "limit", "need", "note", "reason", "reasons", "relation", "remedy", "scale", "times")
    + ("what", "why"),
    (SENTENCES, PHRASES),
)
"""Placeholders of sentences and phrases, with their contexts. Where one is not recognised, the whole is not either."""
_LOOSE_PARTS = {
    "details": (SENTENCES,),
    **dict.fromkeys(("last", "moves", "names", "other", "says", "wall"), (PHRASES, LISTS)),
}
"""Placeholders of what may be one, or else is shown as it is: "a wall" or a name."""
_PATTERNS = {
    "count": r"\d+",
    "host": r"\S+",
    "model": r"(?:(?!\. ).)+?",
    "moves": r"\d+ cm .+",
    "note": r"(?:takes|refuses) .+",
    "says": r'(?: It says: ".*"\.)?',
    "size": r"\d+",
}
"""What stands for some placeholders; for the others anything."""
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_BREAK = re.compile(r"(?<=[.!?]) ")


class _Recognised(NamedTuple):
    context: str
    template: str
    values: dict[str, str]


def translated(sentence: str) -> str:
    """A sentence, or several, in the language of the interface; what is not recognised stays as it is."""
    return _translated(sentence, (SENTENCES,))


def translated_wish(words: str) -> str:
    """The same for a wish in a few words."""
    return _translated(words, (WISHES,))


def _translated(text: str, contexts: tuple[str, ...]) -> str:
    found = _recognise(text, contexts)
    if found is not None:
        inside = _PARTS | _LOOSE_PARTS
        values = {n: _translated(value, inside[n]) if n in inside else value for n, value in found.values.items()}
        shown = rpt_(found.template, found.context).format_map(values)
        return shown[:1].upper() + shown[1:] if text[:1].isupper() else shown
    for end in reversed(list(_BREAK.finditer(text))):
        head, rest = text[: end.start()], text[end.end() :]
        if _recognise(head, contexts) is not None:
            return f"{_translated(head, contexts)} {_translated(rest, contexts)}"
    return text


@lru_cache(maxsize=1024)
def _recognise(text: str, contexts: tuple[str, ...]) -> _Recognised | None:
    """What a text was made from; None where no template fits. A sentence may begin with a capital all the same."""
    written = (text, text[:1].lower() + text[1:]) if SENTENCES in contexts else (text,)
    for context in contexts:
        plain, patterns = _patterns(context)
        for words in written:
            if words in plain:
                return _Recognised(context, words, {})
        for template, pattern in patterns:
            match = next(filter(None, map(pattern.fullmatch, written)), None)
            if match is not None and _has_its_parts(match):
                return _Recognised(context, template, match.groupdict())
    return None


def _has_its_parts(match: re.Match[str]) -> bool:
    parts = ((value, _PARTS[name]) for name, value in match.groupdict().items() if name in _PARTS)
    return all(_recognise(value, contexts) is not None for value, contexts in parts)


@cache
def _patterns(context: str) -> tuple[frozenset[str], list[tuple[str, re.Pattern[str]]]]:
    """The texts of a context without values, and those with values, each with its pattern, what says most by itself
    first."""
    texts = list(templates(context))
    with_values = [text for text in texts if "{" in text]
    with_values.sort(key=lambda text: -len(_PLACEHOLDER.sub("", text)))
    return frozenset(texts) - frozenset(with_values), [(text, _pattern(text)) for text in with_values]


def _pattern(template: str) -> re.Pattern[str]:
    """What a sentence of this template looks like. A placeholder that it has twice stands for the same twice."""
    pattern, seen = "", set()
    for k, part in enumerate(_PLACEHOLDER.split(template)):
        if k % 2 == 0:
            pattern += re.escape(part)
        else:
            pattern += f"(?P={part})" if part in seen else f"(?P<{part}>{_PATTERNS.get(part, '.+?')})"
            seen.add(part)
    return re.compile(pattern, re.DOTALL)


def register() -> None:
    """Nothing to do: templates are looked up when the first sentence is shown."""


def unregister() -> None:
    """Forget the templates and what was recognised."""
    _recognise.cache_clear()
    _patterns.cache_clear()
