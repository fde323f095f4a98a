"""What furniture a prompt asks for: the catalogue's categories by their words, in any number, and how many of each.

Reads English with hyphens, plurals, numbers and "no"; of other languages it knows what an asset is named. Used by
`search.py` on prompts and on the names of assets alike.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ...core.furniture import FURNITURE
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
_NO_ITEMS = _any_of("wall walls floor ceiling roof door doors window windows room rooms scene set")
_LONGEST = 4
"""Words of the longest phrase."""
_FAR = 5
"""Words before a noun among which its number is looked for."""
_GENERIC = 3
"""Categories that must end in a word for it to stand for any of them, as "lamp" and "table" do."""


@dataclass(frozen=True)
class Wish:
    """A category that is asked for: how many, by which phrase, and the words before it ("white", "oak")."""

    category: str
    count: int
    phrase: str
    traits: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Wishes:
    """All that a prompt asks for, in its own order; what it says no to; and the first kind of room that it names."""

    items: tuple[Wish, ...]
    refused: frozenset[str]
    room: str | None


@dataclass(frozen=True)
class _Phrase:
    """What a phrase may mean, the first choice first. `text` is the same for its singular and its plural."""

    text: str
    categories: tuple[str, ...]
    plural: bool = False


@dataclass(frozen=True)
class _Mention:
    """A phrase at words[start:end]."""

    phrase: _Phrase
    start: int
    end: int


def split_words(text: str) -> list[str]:
    """Words in small letters without possessives, whole and decimal numbers, and stops."""
    plain = unicodedata.normalize("NFKC", text).lower().replace("\u2019", "'").replace("\u00d7", "x")
    plain = re.sub(r"'s?\b|'", "", plain).replace("half a dozen", "six")
    return re.findall(r"[^\W\d_]+|\d+(?:[.,]\d+)?|[,.;:!?]", plain)


class AssetWords:
    """The phrases by which furniture is known."""

    def __init__(self, assets: Iterable[Asset]):
        assets = list(assets)
        self._rooms: dict[str, tuple[str, ...]] = {asset.category: asset.rooms for asset in reversed(assets)}
        self._phrases: dict[str, _Phrase] = {}
        self._room_names = {
            _key(split_words(name)): room.name for room in FURNITURE.rooms.values() for name in (room.name, *room.words)
        }
        categories = list(dict.fromkeys(asset.category for asset in assets))
        meanings: dict[str, dict[str, None]] = {category: {category: None} for category in categories}
        for asset in assets:
            for word in asset.words:
                if word not in categories:
                    meanings.setdefault(word, {})[asset.category] = None
        heads = Counter(category.split()[-1] for category in categories)
        for head in (head for head, count in heads.items() if count >= _GENERIC):
            known = meanings.setdefault(head, {})
            known.update(dict.fromkeys(category for category in categories if category.split()[-1] == head))
        for phrase, known in meanings.items():
            self._add(phrase, tuple(known))

    def learn(self, words: Sequence[str]) -> None:
        """Learn furniture that the catalogue lacks by the words of its name, which become its category."""
        key = _key(words)
        if len(key) < 3 or len(words) > _LONGEST or key in self._room_names or self._mentions(words):
            return
        if any(word in _NO_ITEMS or word in _NUMBERS or word in _BREAKS or word in _NOT for word in words):
            return
        if not any(word in _KNOWN_ALREADY for word in words):
            self._add(" ".join(words), (" ".join(words),))

    def phrases_of(self, words: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
        """The phrases in an asset's name, with the categories that each may mean."""
        return [(mention.phrase.text, mention.phrase.categories) for mention in self._mentions(words)]

    def read(self, prompt: str) -> Wishes:
        """What a prompt asks for. Any text can be read."""
        words = split_words(prompt)
        mentions = self._mentions(words)
        rooms = [self._room_names[_key(words[i:j])] for i, j in self._room_mentions(words, mentions)]
        room = rooms[0] if rooms else None
        sure = {m.phrase.categories[0] for m in mentions if len(m.phrase.categories) == 1}
        added: Counter[str] = Counter()
        spoken_of: dict[str, int] = {}
        wishes: dict[str, Wish] = {}
        refused = set()
        before = 0
        for mention in mentions:
            number, known_already, traits = _qualities(words, before, mention)
            category = self._meaning(mention.phrase, room, sure if number is None else set())
            usual = max(2, _usual_count(category)) if mention.phrase.plural else 1
            if _is_refused(words, mention, before) or number == 0:
                refused.add(category)
            else:
                if number is None or known_already:
                    spoken_of[category] = max(spoken_of.get(category, 0), number or usual)
                else:
                    added[category] += number
                held = wishes.get(category, Wish(category, 1, mention.phrase.text))
                wishes[category] = replace(held, traits=held.traits | traits)
            before = mention.end
        items = tuple(
            Wish(name, min(added[name] or spoken_of[name], MOST_OF_A_KIND), wish.phrase, wish.traits)
            for name, wish in wishes.items()
        )
        return Wishes(items, frozenset(refused - wishes.keys()), room)

    def _add(self, phrase: str, categories: tuple[str, ...]) -> None:
        """Know a phrase in both numbers. One that is a plural itself, as "shelves" and "books", means one thing."""
        words = split_words(phrase)
        key = _key(words)
        if words[-1].endswith("s") and not words[-1].endswith("ss"):
            self._phrases[key] = _Phrase(key, categories)
            self._phrases.setdefault(_key([*words[:-1], _singular(words[-1])]), _Phrase(key, categories))
            return
        held = self._phrases.get(key)
        if held is None or held.plural:
            self._phrases[key] = _Phrase(key, categories)
        self._phrases.setdefault(_key([*words[:-1], _plural(words[-1])]), _Phrase(key, categories, True))

    def _mentions(self, words: Sequence[str]) -> list[_Mention]:
        """Phrases from left to right, the longest first. The names of rooms are none, alone or in front of one."""
        mentions = []
        at = 0
        while at < len(words):
            for end in range(min(at + _LONGEST, len(words)), at, -1):
                run = words[at:end]
                if any(word in _STOPS for word in run):
                    continue
                key = _key(run)
                phrase = self._phrases.get(key)
                if phrase is not None:
                    mentions.append(_Mention(phrase, at, end))
                if phrase is not None or key in self._room_names:
                    at = end
                    break
            else:
                at += 1
        return mentions

    def _room_mentions(self, words: Sequence[str], mentions: Sequence[_Mention]) -> list[tuple[int, int]]:
        taken = {k for mention in mentions for k in range(mention.start, mention.end)}
        spans = ((i, j) for i in range(len(words)) for j in range(min(i + _LONGEST, len(words)), i, -1))
        return [(i, j) for i, j in spans if _key(words[i:j]) in self._room_names and taken.isdisjoint(range(i, j))]

    def _meaning(self, phrase: _Phrase, room: str | None, sure: set[str]) -> str:
        """The category that a phrase stands for: what was named in full elsewhere, what suits the room, the first."""
        for category in phrase.categories:
            if category in sure:
                return category
        suited = [category for category in phrase.categories if room in self._rooms.get(category, ())]
        if "".join(split_words(phrase.categories[0])) == phrase.text or not suited:
            return phrase.categories[0]
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
    return [Wish(a.category, _usual_count(a.category), _key(split_words(a.category))) for a in chosen]


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
            if number is None and (count <= 1 or mention.phrase.plural or not traits):
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


def _key(words: Sequence[str]) -> str:
    """What "book case", "book-case" and "bookcase" have in common."""
    return "".join(words)


def _plural(word: str) -> str:
    if re.search(r"[^aeiou]y$", word):
        return word[:-1] + "ies"
    if re.search(r"(s|x|z|ch|sh)$", word):
        return word + "es"
    return word[:-1] + "ves" if word.endswith("lf") else word + "s"


def _singular(word: str) -> str:
    return word[:-3] + "f" if word.endswith("lves") else word[:-1]
