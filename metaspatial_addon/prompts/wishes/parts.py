"""The parts of a prompt that its wishes are made of: items, relations, places of the room, and what joins them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...core.lexicon.lexicon import Token
from .languages import Passage, Phrase
from .mentions import ItemNames, Named
from .text import STOPS
from .walls import SIDES

_BREAKS = frozenset(",:、(){}[]")
_COUNTING = ("number", "all", "definite", "indefinite")
SKIPPED = (*_COUNTING, "of", "direction", "filler", "plural")
"""Kinds that join nothing and part nothing."""
_QUALIFYING = (*_COUNTING, "of", "direction")
REACH = 4
"""Words between an item and its number, or a place and the relation in front of it."""
_ADJACENT = 2
"""Words between a wall and what qualifies it."""
_ABOUT_AN_ITEM = ("in_front_of", "behind", "under", "above", "on", "between")
"""Relations before which "centred" says where along an item: "centred under the mirror"."""
_AT_OPENING = {
    "window": ("next_to", "near", "at", "against", "under", "in_front_of", "far"),
    "door": ("next_to", "near", "at", "against", "far"),
}
_AS_IN_A_PLAN = {"left": "west", "right": "east"}


@dataclass(frozen=True)
class Part:
    """A part at words[start:end]; `kind`, `value` and `form` are those of `languages.Phrase`, and three more kinds.

    `item`: `ids` are those that it means, none for what is not among the items; `is_new` where it is spoken of for the
    first time. `stop`: the end of a sentence. `placed`: a relation to the room; `value` is the predicate, empty for
    what has none, and `places` are its objects, walls by name (the wall opposite of the one before, if `opposite`).
    Its form is `adjective` in front of its subject, and `noun` without a preposition.
    """

    kind: str
    start: int
    end: int
    value: str = ""
    ids: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    negated: bool = False
    form: str = ""
    is_new: bool = False
    opposite: bool = False


def split_parts(words: Sequence[Token], passage: Passage, names: ItemNames) -> list[Part]:
    """The parts of a passage in order; words that mean nothing here are left out."""
    parts: list[Part] = []
    at, words, language = passage.start, words[: passage.end], passage.language
    while at < passage.end:
        phrase, item = language.phrases.longest(words, at), names.at(words, at)
        end = at + 1
        if item is not None and (phrase is None or _is_item(item, *phrase[:2])):
            end = item.end
            part = _item(names, item, parts, at)
            while parts and parts[-1].start >= part.start:
                parts.pop()
            parts.append(part)
        elif phrase is not None:
            end, found, _ = phrase
            parts.append(Part(found.kind, at, end, found.value, form=found.form))
        elif words[at].text in STOPS | _BREAKS:
            parts.append(Part("stop" if words[at].text in STOPS else "break", at, end))
        elif words[at].text.isdecimal():
            parts.append(Part("number", at, end, str(int(words[at].text))))
        at = end
    return _with_places(parts)


def _is_item(item: Named, end: int, phrase: Phrase) -> bool:
    """Whether a name counts and not a phrase there: the longer one; "stands" is no tv stand."""
    return item.end > end or item.end == end and bool(item.ids) and phrase.kind not in ("filler", "plural")


def _item(names: ItemNames, named: Named, before: Sequence[Part], at: int) -> Part:
    """The mention of an item, with the number and the article in front of it."""
    start, count, said = at, None, set()
    for part in reversed(before):
        reach = REACH if start == at else 0
        if part.kind not in (*_COUNTING, "direction", "filler") or start - part.end > reach:
            break
        start = part.start
        said.add(part.kind)
        count = int(part.value) if part.kind == "number" else count
    if count is None and not named.plural and "all" not in said:
        count = 1
    definite = bool(said & {"definite", "all"})
    is_new = "indefinite" in said or count is not None and count > 1 and not definite
    ids = names.chosen(named.ids, count, definite) if named.ids else ()
    return Part("item", start, named.end, ids=ids, is_new=is_new)


def _with_places(parts: list[Part]) -> list[Part]:
    """Join the nouns of the room with what qualifies them and with the prepositions in front of them or behind them."""
    joined: list[Part] = []
    k = 0
    while k < len(parts):
        if parts[k].kind != "place":
            joined.append(parts[k])
            k += 1
            continue
        place, directions, k = _qualified(joined, parts, k)
        relation = None
        behind = parts[k] if k < len(parts) else None
        if behind is not None and behind.form == "post" and behind.start == place.end:
            relation, place = behind, replace(place, end=behind.end)
            k += 1
        elif joined and _governs(joined[-1], place):
            relation = joined.pop()
        placed = _placed(place, directions, relation)
        following = parts[k] if k < len(parts) else None
        adjacent = following is not None and following.start == placed.end
        if relation is None:
            adjective = adjacent and following.kind == "item"  # type: ignore[union-attr]
            placed = replace(placed, form="adjective" if adjective else "noun")
        of_an_item = adjacent and (following.kind == "of" or following.value in _ABOUT_AN_ITEM)  # type: ignore[union-attr]
        if place.value != "room" and not (place.value == "middle" and of_an_item):
            joined.append(placed)
    return joined


def _qualified(joined: list[Part], parts: Sequence[Part], k: int) -> tuple[Part, list[str], int]:
    """The place at parts[k] with its qualifiers, which are taken from the end of `joined`; its directions, and the
    number of the part after them."""
    place, directions = parts[k], []
    while joined and joined[-1].kind in _QUALIFYING and place.start - joined[-1].end <= _ADJACENT:
        qualifier = joined.pop()
        place = replace(place, start=qualifier.start)
        directions += [qualifier.value] if qualifier.kind == "direction" else []
    after = k + 1
    for j in range(k + 1, len(parts)):
        part = parts[j]
        if part.kind not in (*_QUALIFYING, "with", "place") or part.start - place.end > _ADJACENT:
            break
        if part.kind == "direction":
            directions.append(part.value)
        elif part.kind == "place" and part.value == "room":  # "the middle of the room"
            return replace(place, end=part.end), directions, j + 1
        elif part.kind == "place":
            if "wall" not in (place.value, part.value) or not {place.value, part.value} & {"window", "door"}:
                break
            directions.append(part.value if place.value == "wall" else place.value)
            place = replace(place, value="wall")
        if part.kind in ("direction", "place"):
            place, after = replace(place, end=part.end), j + 1
    return place, directions, after


def _governs(relation: Part, place: Part) -> bool:
    """Whether a relation is the preposition of a place."""
    close = place.start - relation.end <= REACH
    return relation.kind == "relation" and relation.form in ("object", "both", "either") and close


def _placed(place: Part, directions: Sequence[str], relation: Part | None) -> Part:
    """A place of the room as a relation to it. Without a meaning among our relations its value is empty."""
    noun, predicate = place.value, "" if relation is None else relation.value
    start = place.start if relation is None else min(place.start, relation.start)
    part = Part("placed", start, place.end, negated=predicate == "far")
    opposite = noun.startswith("opposite ")
    noun = noun.removeprefix("opposite ")
    named = [_AS_IN_A_PLAN.get(side, side) for direction in directions for side in direction.split()]
    if noun not in ("wall", "corner", "window", "door", "middle"):
        qualified, _, noun = noun.rpartition(" ")
        named += qualified.split()
    walls = tuple(f"{name} wall" for name in named if name in (*SIDES, "window", "door", "longest", "shortest"))
    if predicate in ("facing", "behind") or noun == "room":
        return part
    if noun == "middle":
        return replace(part, value="centred", places=("room",))
    if noun == "corner":
        return replace(part, value="corner", places=walls or ("room",), opposite=opposite)
    if noun == "wall":
        if relation is None and not walls or predicate in ("inside", "across") and not opposite:
            return part
        return replace(part, value="against", places=walls or ("wall",), opposite=opposite)
    if predicate == "across":
        return replace(part, value="against", places=(f"wall opposite the {noun}",))
    if predicate not in _AT_OPENING[noun]:
        return part
    return replace(part, value="against", places=(f"{noun} wall",))
