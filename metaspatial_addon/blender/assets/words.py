"""What furniture a prompt asks for: the catalogue's categories by the lexicon's words, and how many of each.

Furniture is understood in all languages of the lexicon, numbers and "no" in English. Used by `search.py` on prompts and
on the names of assets alike.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ...core.furniture import FURNITURE
from ...core.lexicon.lexicon import Token, lexicon, split_tokens
from ...prompts.names import base_name, find_categories, find_room, is_building, name_tokens, read_name
from ...prompts.vocabulary import MOST_OF_A_KIND
from .library import Asset


def _any_of(words: str) -> frozenset[str]:
    return frozenset(words.split())


_NUMBERS = {
    word: number
    for number, words in {
        1: "a an another one single",
        2: "two pair couple twin",
        3: "three few several trio",
        4: "four",
        5: "five",
        6: "six",
        7: "seven",
        8: "eight",
        9: "nine",
        10: "ten",
        11: "eleven",
        12: "twelve dozen",
    }.items()
    for word in words.split()
}
_UNITS = _any_of("m cm mm metre metres meter meters foot feet ft inch inches seat seater person door drawer d")
_KNOWN_ALREADY = _any_of("the this that these those its their my our your each every both")
_NOT = _any_of("no not without never except minus neither nor")
_BREAKS = _any_of(
    "and or but with by next to near in on at under over behind beside between around against from into for of "
    "where there please should must is are has have"
)
_STOPS = frozenset(",.;:!?")
_LONGEST = 4
"""Words of the longest name of an asset that is learned."""
_FAR = 5
"""Words before a noun among which its number is looked for."""


@dataclass(frozen=True)
class Wish:
    """A category that is asked for: how many, and the words before it ("white", "oak")."""

    category: str
    count: int
    traits: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Wishes:
    """All that a prompt asks for, in its own order; what it says no to; and the first kind of room that it names."""

    items: tuple[Wish, ...]
    refused: frozenset[str]
    room: str | None


@dataclass(frozen=True)
class _Mention:
    """Furniture that words[start:end] speak of; `categories` are those of the catalogue, the first choice first."""

    start: int
    end: int
    categories: tuple[str, ...]
    plural: bool = False


class AssetWords:
    """The words by which the furniture of a catalogue, and of the artist's own libraries, is known."""

    def __init__(self, assets: Iterable[Asset]):
        catalog = list(assets)
        self._rooms: dict[str, tuple[str, ...]] = {asset.category: asset.rooms for asset in reversed(catalog)}
        self._learned: dict[str, tuple[str, bool]] = {}
        self._stand_ins: dict[str, dict[str, None]] = {}
        for asset in catalog:
            for word in asset.words:
                meant = read_name(word).categories
                for category in meant:
                    self._stand_ins.setdefault(category, {})[asset.category] = None
                if not meant:
                    self._learned[word] = asset.category, False

    def _offered(self, categories: Iterable[str]) -> tuple[str, ...]:
        """The categories that the catalogue has of these, or in their place: a pendant lamp for a chandelier."""
        offered = (held for c in categories for held in ((c,) if c in self._rooms else self._stand_ins.get(c, ())))
        return tuple(dict.fromkeys(offered))

    def learn(self, name: str) -> None:
        """Learn an asset that the catalogue lacks by the words of its name, which become its category."""
        words = base_name(name).split()
        if len("".join(words)) < 3 or len(words) > _LONGEST or is_building(name):
            return
        tokens, english = name_tokens(name), lexicon().languages["en"]
        if self._offered(lexicon().read(tokens, lexicon().parts(tokens, english), english).categories):
            return
        if find_room(name) or any(word in _NUMBERS or word in _BREAKS or word in _NOT for word in words):
            return
        if not any(word in _KNOWN_ALREADY for word in words):
            category = " ".join(words)
            self._learned[category] = category, False
            self._learned.setdefault(f"{category}s", (category, True))

    def meanings(self, name: str) -> tuple[str, ...]:
        """The categories that the name of an asset may mean, of the catalogue or learned; the likeliest first."""
        learned = self._learned.get(base_name(name))
        if learned is not None:
            return (learned[0],)
        return self._offered(read_name(name).categories)

    def read(self, prompt: str) -> Wishes:
        """What a prompt asks for. Any text can be read."""
        text = re.sub("half a dozen", "six", prompt, flags=re.IGNORECASE).replace("\u00d7", "x")
        tokens = split_tokens(re.sub("[-'\u2019]", " ", text))
        words = [token.text for token in tokens]
        mentions = self._mentions(text, tokens)
        room = find_room(text)
        sure = {m.categories[0] for m in mentions if len(m.categories) == 1}
        added: Counter[str] = Counter()
        spoken_of: dict[str, int] = {}
        wishes: dict[str, Wish] = {}
        refused = set()
        before = 0
        for mention in mentions:
            number, known_already, traits = _qualities(words, before, mention)
            category = self._meaning(mention, words, room, sure if number is None else set())
            usual = max(2, _usual_count(category)) if mention.plural else 1
            if _is_refused(words, mention, before) or number == 0:
                refused.add(category)
            else:
                if number is None or known_already:
                    spoken_of[category] = max(spoken_of.get(category, 0), number or usual)
                else:
                    added[category] += number
                held = wishes.get(category, Wish(category, 1))
                wishes[category] = replace(held, traits=held.traits | traits)
            before = mention.end
        items = tuple(
            Wish(name, min(added[name] or spoken_of[name], MOST_OF_A_KIND), wish.traits)
            for name, wish in wishes.items()
        )
        return Wishes(items, frozenset(refused - wishes.keys()), room)

    def _mentions(self, text: str, tokens: Sequence[Token]) -> list[_Mention]:
        """What a text speaks of, from left to right: what was learned, and the lexicon's furniture."""
        mentions = self._learned_mentions([token.text for token in tokens])
        taken = {k for mention in mentions for k in range(mention.start, mention.end)}
        for found in find_categories(text):
            inside = [k for k, token in enumerate(tokens) if found.start <= token.start and token.end <= found.end]
            while len(inside) > 1 and tokens[inside[0]].text in _UNITS:  # "four drawer dresser"
                inside = inside[1:]
            categories = self._offered(found.kinds) or self._offered(lexicon().kinds(found.noun))
            if categories and taken.isdisjoint(inside):
                mentions.append(_Mention(inside[0], inside[-1] + 1, categories, found.plural))
        return sorted(mentions, key=lambda mention: mention.start)

    def _learned_mentions(self, words: Sequence[str]) -> list[_Mention]:
        mentions, at = [], 0
        while at < len(words):
            runs = (" ".join(words[at:end]) for end in range(min(at + _LONGEST, len(words)), at, -1))
            run = next((run for run in runs if run in self._learned), None)
            end = at + (1 if run is None else len(run.split()))
            if run is not None:
                category, plural = self._learned[run]
                mentions.append(_Mention(at, end, (category,), plural))
            at = end
        return mentions

    def _meaning(self, mention: _Mention, words: Sequence[str], room: str | None, sure: set[str]) -> str:
        """The category that a mention stands for: what was named in full elsewhere, what suits the room, the first."""
        first = mention.categories[0]
        for category in mention.categories:
            if category in sure:
                return category
        suited = [category for category in mention.categories if room in self._rooms.get(category, ())]
        if " ".join(words[mention.start : mention.end]) == first or not suited:
            return first
        return min(suited, key=lambda category: self._rooms[category].index(room))


def usual_items(assets: Iterable[Asset], room: str, most: int = 8) -> list[Wish]:
    """What such a room usually has: what belongs there before elsewhere comes first, and one of a kind.

    Kinds that share a word, as single and double beds do, stand for each other.
    """
    suited = {a.category: a for a in reversed(list(assets)) if room in a.rooms}
    ranked = sorted(reversed(suited.values()), key=lambda a: (a.rooms.index(room), -a.weight))
    chosen: list[Asset] = []
    for asset in ranked:
        names = {asset.category, *asset.words}
        if len(chosen) < most and not any(names & {other.category, *other.words} for other in chosen):
            chosen.append(asset)
    return [Wish(a.category, _usual_count(a.category)) for a in chosen]


def _usual_count(category: str) -> int:
    """How many of a category a room usually has."""
    row = FURNITURE.categories.get(category)
    return row.usual_count if row is not None else 1


def _qualities(words: Sequence[str], after: int, mention: _Mention) -> tuple[int | None, bool, frozenset[str]]:
    """The number that goes with a mention, if any; whether it is of something known ("the"); and its traits.

    `after`: where the mention before this one ends, beyond which no word belongs to this one.
    """
    number, known_already, traits = _before(words, after, mention)
    behind = words[mention.end : mention.end + 5]
    if len(behind) >= 2 and behind[0] == "x" and behind[1].isdecimal() and int(behind[1]) <= MOST_OF_A_KIND:
        number = int(behind[1])  # "chairs x 4"
    pairs = zip(behind[:4], behind[1:], strict=False)
    if any(a in ("each", "either", "both") and b in ("side", "sides", "end", "ends") for a, b in pairs):
        number = max(number or 1, 2)
    return number, known_already, traits


def _before(words: Sequence[str], after: int, mention: _Mention) -> tuple[int | None, bool, frozenset[str]]:
    """`_qualities`, as far as the words in front of a mention tell, read from the nearest on."""
    traits: set[str] = set()
    number = None
    for at in range(mention.start - 1, max(after, mention.start - _FAR) - 1, -1):
        word = words[at]
        of_a_number = word == "of" and words[at - 1] in _NUMBERS and at > after  # "a pair of"
        if word in _STOPS or (word in _BREAKS and not of_a_number):
            break
        if word in _KNOWN_ALREADY:
            return number, True, frozenset(traits)
        count = int(word) if word.isascii() and word.isdigit() else _NUMBERS.get(word)
        if count is None:
            traits |= {word} - {"x", "of"}
        elif words[at + 1] not in _UNITS and count <= MOST_OF_A_KIND:
            # "Two sofa" is two, "two metre wide sofa" and "four drawer dresser" are one.
            if number is None and (count <= 1 or mention.plural or not traits):
                number = count
            if word not in ("pair", "couple", "dozen", "few"):
                break
    return number, False, frozenset(traits)


def _is_refused(words: Sequence[str], mention: _Mention, after: int) -> bool:
    """Whether "no", "without" and the like stand before a mention; what is listed with "or" is refused together."""
    for at in range(mention.start - 1, max(mention.start - _FAR, 0) - 1, -1):
        if words[at] in _NOT:
            return True
        if words[at] in _STOPS or words[at] in ("and", "but", "with"):
            return False
        if at < after and "or" not in words[at : mention.start]:
            return False
    return False
