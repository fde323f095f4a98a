"""The items that a prompt speaks of: by which words, and which of several alike."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ...core.furniture import FURNITURE, UNKNOWN, Category
from ...core.lexicon.lexicon import Token, lexicon
from ..names import Mention, find_categories
from .languages import Language, Passage
from .text import Inflection, Phrases, split_words

_HYPHEN = re.compile(r"(?<=\w)-(?=\w)")
_PLURALS = Inflection(endings=("s", "es", "n", "en", "e"))
"""Of the items' own categories, in whatever language they are."""
_PIECE, _LONGEST_PIECE = 150, 400
"""Characters of a text in which names are looked for at once: from the first on it ends at a mark."""
_STEM = 5
"""Letters that a word of that many and more shares with its inflected forms."""


@dataclass(frozen=True)
class Named:
    """A name at words[start:end], and the items that it may mean: none for furniture that is not among the items."""

    end: int
    ids: tuple[str, ...]
    plural: bool = False


class ItemNames:
    """What a prompt calls the items, which are given as categories by id.

    Furniture is known in the lexicon's languages, all other items by the words of their categories.
    """

    def __init__(self, prompt: str, words: Sequence[Token], categories: Mapping[str, str], passages: Sequence[Passage]):
        self._rows = {item_id: FURNITURE.kind_of(category) for item_id, category in categories.items()}
        self._own = self._own_names(categories)
        self._furniture: dict[int, Named] = {}
        said: list[tuple[list[str], tuple[str, ...]]] = []
        for passage in passages:
            language = passage.language
            head = 0 if lexicon().languages[language.code].head == "first" else -1
            for name in _furniture(prompt, words, passage, self._meant):
                spellings = [word.text for word in words[name.start : name.end]]
                ids = self._named_before(said, spellings, name.categories, head) or self._meant(name.categories)
                said.append((spellings, ids))
                self._furniture[name.start] = Named(name.end, ids, name.plural or language.plurals_are_not_told)
        self._mentioned: list[tuple[str, ...]] = []

    def _own_names(self, categories: Mapping[str, str]) -> Phrases[tuple[str, ...]]:
        """The items' own categories as names: in full, without the first words, by the last word alone."""
        labels: dict[str, dict[str, int]] = {}
        for item_id, category in categories.items():
            for label, distance in _labels(category, self._rows[item_id]):
                tiers = labels.setdefault(label, {})
                tiers[item_id] = min(distance, tiers.get(item_id, distance))
        names: Phrases[tuple[str, ...]] = Phrases(_PLURALS)
        for label, tiers in labels.items():
            closest = min(tiers.values())
            names.add(label, tuple(item_id for item_id, tier in tiers.items() if tier == closest), inflects=True)
        return names

    def _meant(self, meanings: Sequence[str]) -> tuple[str, ...]:
        """The items of the first category that there is; else those whose category ends in the same word."""
        for meaning in meanings:
            ids = tuple(item_id for item_id, row in self._rows.items() if row.name == meaning)
            if ids:
                return ids
        last = {meaning.split()[-1] for meaning in meanings}
        return tuple(item_id for item_id, row in self._rows.items() if row.name.split()[-1] in last)

    def _named_before(
        self,
        said: Sequence[tuple[list[str], tuple[str, ...]]],
        spellings: list[str],
        categories: Sequence[str],
        head: int,
    ) -> tuple[str, ...]:
        """What a short name stands for that was named in full before: "mesitas", after "mesitas de noche".

        Its word is the head of the longer name; or another form of one of its words, which may mean something of the
        same class.
        """
        if len(spellings) > 1:
            return ()
        word = spellings[0]
        classes = {FURNITURE.kind_of(category).class_name for category in categories}
        for longer, ids in said:
            if len(longer) == 1 or len(word) < _STEM:
                continue
            inflected = len(categories) > 1 and any(word[:_STEM] == other[:_STEM] for other in longer)
            if word == longer[head] or inflected and classes & {self._rows[item_id].class_name for item_id in ids}:
                return ids
        return ()

    def at(self, words: Sequence[Token], start: int) -> Named | None:
        """The name that begins at a word. What is called by an item's own category in full is that item.

        Of several that a word may mean, those come first that it means most likely, and several are of these alone:
        "chairs" are those of the dining table and not the one of the desk.

        Furniture that is not among the items may be one of them by its last words, as a "potted fern" is a fern.
        """
        own = self._own.longest(words, start)
        named = self._furniture.get(start)
        if own is not None and (named is None or own[0] >= named.end or not named.ids):
            likely = named.ids if named is not None and named.end == own[0] and set(named.ids) < set(own[1]) else ()
            plural = own[2] or bool(likely) and named is not None and named.plural
            return Named(own[0], likely if likely and plural else tuple(dict.fromkeys((*likely, *own[1]))), plural)
        if named is not None and not named.ids:
            for later in range(start + 1, named.end):
                shorter = self._own.longest(words, later)
                if shorter is not None and shorter[0] >= named.end:
                    return Named(shorter[0], shorter[1], shorter[2])
        return named

    def chosen(self, candidates: tuple[str, ...], count: int | None, definite: bool) -> tuple[str, ...]:
        """Those of the items that a mention means: `count` of them, None for all; what is meant is remembered.

        What is spoken of again is what was spoken of last; what is new is one that was not spoken of yet.
        """
        spoken = {item_id for mention in self._mentioned for item_id in mention}
        fresh = [item_id for item_id in candidates if item_id not in spoken]
        again = next((m for m in reversed(self._mentioned) if set(m) <= set(candidates)), ())
        if count is None:
            ids = candidates if definite or not fresh else tuple(fresh)
        elif again and (definite or len(fresh) < count):
            ids = again[:count] if len(again) >= count else candidates[:count]
        else:
            ids = tuple(fresh or candidates)[:count]
        self._mentioned.append(ids)
        return ids

    def alike(self, item_id: str) -> list[str]:
        """The items of the same category."""
        return [other for other, row in self._rows.items() if row is self._rows[item_id]]

    def is_small(self, item_id: str) -> bool:
        """Whether such an item is put on others."""
        return self._rows[item_id].mount == "surface"

    def may_be_small(self, item_id: str) -> bool:
        """Whether an item may be one that is put on others: it is, or is of no known kind."""
        return self.is_small(item_id) or self._rows[item_id].name == UNKNOWN

    def hangs(self, item_id: str) -> bool:
        """Whether such an item hangs on a wall or from a ceiling."""
        return self._rows[item_id].mount in ("wall", "ceiling")


@dataclass(frozen=True)
class _Name:
    """A name of furniture at words[start:end], and what it may mean."""

    start: int
    end: int
    categories: tuple[str, ...]
    plural: bool


def _furniture(
    prompt: str, words: Sequence[Token], passage: Passage, meant: Callable[[Sequence[str]], tuple[str, ...]]
) -> Iterator[_Name]:
    """The furniture that a passage names. Words of a relation part names: "armario en la pared" is no wall cabinet.

    `meant` are the items that categories mean.
    """
    for name in _names_in(prompt, words, passage.start, passage.end):
        cut, behind, kind = _relation_within(words, passage.language, name)
        if not kind:
            yield name
            continue
        first, rest = _names_in(prompt, words, name.start, cut), _names_in(prompt, words, behind, name.end)
        of_items = [bool(meant(part.categories)) for part in (*first[:1], *rest[:1])]
        parted = bool(first) and (kind != "relation" or not meant(name.categories)) or of_items == [True, True]
        if parted or not first and cut == name.start and of_items == [True]:
            yield from (*first, *rest)
        else:
            yield name


def _names_in(prompt: str, words: Sequence[Token], begin: int, end: int) -> list[_Name]:
    """The names in words[begin:end], looked for piece by piece: the search takes the square of a piece's length."""
    names = []
    first = begin
    for k in range(begin, end):
        length = words[k].end - words[first].start
        if k + 1 == end or length > (_PIECE if words[k].is_mark else _LONGEST_PIECE):
            names += _names_in_piece(prompt, words, first, k + 1)
            first = k + 1
    return names


def _names_in_piece(prompt: str, words: Sequence[Token], begin: int, end: int) -> list[_Name]:
    offset = words[begin].start
    starts = [word.start - offset for word in words[begin:end]]
    names = []
    for mention in _mentions(prompt[offset : words[end - 1].end]):
        at = bisect_left(starts, mention.start)
        if at < len(starts) and starts[at] == mention.start:
            last = bisect_left(starts, mention.end)
            names.append(_Name(begin + at, begin + last, mention.categories, mention.plural))
    return names


@lru_cache(maxsize=256)
def _mentions(text: str) -> tuple[Mention, ...]:
    """The furniture that a text speaks of. Words that a hyphen joins are words of one name."""
    return find_categories(_HYPHEN.sub(" ", text))


def _relation_within(words: Sequence[Token], language: Language, name: _Name) -> tuple[int, int, str]:
    """Where the first words of a relation, a place of the room or none of furniture begin and end in a name, and their
    kind: that of a place, if there is one behind them. An empty kind without such words."""
    found = []
    for k in range(name.start, name.end):
        phrase = language.phrases.longest(words, k)
        if phrase is not None and phrase[1].kind in ("relation", "place", "filler"):
            found.append((k, phrase[0], phrase[1].kind))
    found = [part for part in found if part[0] > name.start or part[2] == "relation" and part[1] < name.end]
    if not found:
        return 0, 0, ""
    kinds = {kind for _, _, kind in found} - {"relation"}
    return found[0][0], found[0][1], kinds.pop() if kinds else "relation"


def _labels(category: str, row: Category) -> list[tuple[str, int]]:
    """The phrases that name a category, each with how closely: 0 by its own name, 1 by a part, 2 by its last word."""
    words = [word.text for word in split_words(category.replace("_", " "))]
    name = " ".join(words)
    labels = [(name, 0), (name.replace(" ", ""), 0)]
    if not words:
        return []
    head = words[words.index("of") - 1] if "of" in words[1:] else words[-1]
    if head.endswith("f"):
        labels.append((f"{name[:-1]}ves", 0))
    if row.mount == "floor":
        labels += [(f"{head}top", 2), (f"{head} surface", 2)]
    if len(words) > 1:
        labels.append((head, 2))
        labels += [(" ".join(words[k:]), 1) for k in range(1, len(words) - 1)]
    return labels
