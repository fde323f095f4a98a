"""What the name of an object says that it is, and which furniture a text speaks of, in the lexicon's languages.

Names are written as people and pipelines write them: `SM_OfficeChair_02_LOD0`, `lampRoundFloor(Clone)`, `Küchentisch`,
`椅子.003`. Used for the objects of a scene, for assets, and for prompts.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..core.furniture import FURNITURE, UNKNOWN, Category
from ..core.lexicon.language import BUILDING, Language
from ..core.lexicon.lexicon import NOTHING, Part, Reading, Token, lexicon, split_tokens

_PIPELINE_WORDS = """
    sm sk skm st sp bp pf pfb go geo geom geometry mesh msh shape obj object grp group lod clone copy instance inst
    dup duplicate prefab model asset prop props static root node null empty ctrl rig jnt loc locator col collision
    ucx ubx collider hull poly lowpoly highpoly midpoly lp hp final v ver version var variant wip tmp temp export
    import fbx gltf glb usd usdz blend max maya subd subdiv uv baked bake pbr res lowres highres hires fixed merged
    combined joined parts untitled unnamed default id idx nr no num
"""
"""Words that say nothing of what an object is."""
_NOISE = frozenset(_PIPELINE_WORDS.split())
_SHAPES = (
    "double bed", "single bed", "wardrobe", "bookcase", "sofa", "dining table", "sideboard", "dining chair",
    "floor lamp", "rug",
)  # fmt: skip
"""Categories that a size alone may be taken for, the first that it fits."""
_STRANGE = 1.0
"""By what logarithm a size may miss the usual sizes of what a name near the item says."""
_DETAIL = frozenset(("low", "high", "mid"))
"""Levels of detail, at the end of a name or before "poly"."""
_ACRONYM = re.compile(r"(?<![A-Z])(TV|PC|WC|LED|LCD)(?=[A-Z]?[a-z])")
_ASIDE = re.compile(r"[()\[\]{},:;/、（）]|\s[-–—]\s")
_INSIDE_WORDS = re.compile("[-'’]")
_NUMBER = re.compile(r"[\s._-]*\d+$")
_HUMP = re.compile(r"(?<=[a-zà-ÿ])(?=[A-ZÀ-Þ])|(?<=[A-Z])(?=[A-Z][a-z])")

Size = tuple[float, float, float]


@dataclass(frozen=True)
class Mention:
    """A piece of furniture that a text speaks of, at text[start:end].

    `categories` are those that it may mean, the likeliest first: "bed" is a double bed or a single bed. `kinds` are
    these and all others that are called by the same noun: "chair" may as well speak of an office chair. `noun` is that
    noun, by its English name.
    """

    start: int
    end: int
    categories: tuple[str, ...]
    certainty: float
    plural: bool
    kinds: tuple[str, ...]
    noun: str


@dataclass(frozen=True)
class Naming:
    """What an item is taken for, and what told it: its own name, another name near it, its size, or nothing.

    A category of "unknown" source has no row in the table: it is the words of the name.
    """

    category: str
    source: Literal["name", "context", "size", "unknown"]


def name_tokens(name: str) -> list[Token]:
    """The words of an object's name that say something, and marks before what only describes: brackets, commas."""
    spaced = _HUMP.sub(" ", _ACRONYM.sub(r"\1 ", name))
    spaced = _ASIDE.sub(" , ", spaced)
    spaced = re.sub(r"[^\w,]|_", " ", spaced)
    tokens = [token for token in split_tokens(spaced) if token.text not in _NOISE]
    while len(tokens) > 1 and (tokens[-1].text in _DETAIL or tokens[-1].is_mark or tokens[-1].text.isdigit()):
        tokens.pop()
    return tokens


def read_name(name: str) -> Reading:
    """What the name of an object says that it is. Any text can be read."""
    return _read(_NUMBER.sub("", name))


@functools.lru_cache(maxsize=8192)
def _read(name: str) -> Reading:
    """`read_name` of a name without its number."""
    return lexicon().read_any(name_tokens(name))


@functools.lru_cache(maxsize=8192)
def name_item(name: str, size: Size, context: tuple[str, ...] = ()) -> Naming:
    """What an item is, as far as its names and its size (width, depth, height in metres) tell.

    Its own name decides. Where that says nothing, the first of the names in `context` does that is furniture of such a
    size: those of its collection, parent, mesh and materials. The last guess is by size alone.
    """
    reading = NOTHING if _is_primitive(name) else read_name(name)
    if reading.categories:
        return Naming(_nearest(reading.categories, size).name, "name")
    if not reading.noun:
        for other in context:
            meant = () if _is_primitive(other) else read_name(other).categories
            row = _nearest(meant, size) if meant else None
            if row is not None and row.misfit(size) <= _STRANGE:
                return Naming(row.name, "context")
        shaped = next((kind for kind in _SHAPES if FURNITURE.categories[kind].misfit(size) == 0.0), None)
        if shaped is not None and not math.isclose(min(size), max(size), rel_tol=0.01):  # a cube is any thing
            return Naming(shaped, "size")
    return Naming(base_name(name) or "object", "unknown")


@functools.lru_cache(maxsize=8192)
def base_name(name: str) -> str:
    """The words of a name without numbers and what pipelines add, in small letters: those of `Chair.003` are those of
    `SM_Chair_01`. Empty for a name without words."""
    words, end = "", 0
    for token in name_tokens(name):
        if token.text[0].isalpha():
            words += token.text if token.start == end else f" {token.text}"  # characters of Chinese follow each other
            end = token.end
    return words.strip()


def matching_categories(text: str) -> list[str]:
    """The categories that a piece of text may be the beginning of: those that it means in any language, then those
    whose name holds it, by name. All for an empty text."""
    typed = text.strip().lower()
    meant = [category for category in read_name(text).categories if category in FURNITURE.categories]
    named = sorted(name for name in FURNITURE.categories if typed in name and name != UNKNOWN)
    return list(dict.fromkeys(meant + named))


def is_building(name: str) -> bool:
    """Whether a name is that of a wall, a door or another part of a building."""
    return read_name(name).noun == BUILDING


def _is_primitive(name: str) -> bool:
    """Whether a name is that of the shape that modelling began with, and of no thing."""
    return [token.text for token in name_tokens(name)] == ["box"]


def _nearest(categories: Sequence[str], size: Size) -> Category:
    return FURNITURE.nearest([FURNITURE.categories[category] for category in categories], size)


def find_categories(text: str) -> tuple[Mention, ...]:
    """The furniture that a text speaks of, in the text's order, in the language that knows most of its words.

    A mention is a noun with the words before or after it that describe it: "office chair", "table de nuit".
    """
    tokens, language, phrases = _spoken_phrases(text)
    mentions = []
    for phrase in phrases:
        readings = [(phrase, lexicon().read(tokens, phrase, language))]
        if not readings[0][1].combined:  # nouns that only follow each other: "bed, wardrobe" without the comma
            slices = _noun_phrases(phrase, language.head == "last")
            readings = [(some, lexicon().read(tokens, some, language)) for some in slices]
        for some, reading in readings:
            if reading.categories and reading.head is not None:
                kinds = reading.categories if reading.combined else lexicon().kinds(reading.noun)
                mention = Mention(
                    tokens[some[0].start].start,
                    tokens[some[-1].end - 1].end,
                    reading.categories,
                    reading.certainty,
                    reading.head.plural,
                    tuple(dict.fromkeys(reading.categories + kinds)),
                    reading.noun,
                )
                mentions.append(mention)
    return tuple(mentions)


def find_room(text: str) -> str | None:
    """The first type of room that a text names, in any language; None without one. A kitchen table is no kitchen."""
    tokens, language, phrases = _spoken_phrases(text)
    rooms = (
        room
        for phrase in phrases
        if not lexicon().read(tokens, phrase, language).categories
        for part in phrase
        for room in part.word.rooms
    )
    return next(rooms, None)


def _spoken_phrases(text: str) -> tuple[list[Token], Language, list[list[Part]]]:
    """The tokens of a text, its language, and the known words in it that belong together."""
    tokens = split_tokens(_INSIDE_WORDS.sub(" ", text))
    language, parts = lexicon().spoken(tokens)[0]
    return tokens, language, _phrases(tokens, parts, language.joins if language.head == "first" else frozenset())


def _noun_phrases(parts: Sequence[Part], head_last: bool) -> list[list[Part]]:
    """Parts in groups of one noun and the words that describe it."""
    groups: list[list[Part]] = [[]]
    for part in parts:
        if not head_last and part.word.nouns and groups[-1]:
            groups.append([])
        groups[-1].append(part)
        if head_last and part.word.nouns:
            groups.append([])
    return [group for group in groups if group]


def _phrases(tokens: Sequence[Token], parts: Sequence[Part], joins: frozenset[str]) -> list[list[Part]]:
    """Parts that follow each other, with nothing or only a joining word between them."""
    groups: list[list[Part]] = []
    for part in parts:
        between = tokens[groups[-1][-1].end : part.start] if groups else []
        if groups and all(token.text in joins for token in between):
            groups[-1].append(part)
        else:
            groups.append([part])
    return groups
