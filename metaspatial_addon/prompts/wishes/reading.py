"""A prompt's words as wishes about the items. Pure and deterministic; called by the panel and by `generate.py`.

Read are the items and the relations between them, sentence by sentence, from left to right: what is said of what is
told by the order of words, commas and "and" alone. What cannot be read so is left, and named if it looks like a wish.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ...core.lexicon.lexicon import Token
from .groups import (
    LISTED,
    RELATIONS,
    Clause,
    is_negated,
    is_negated_behind,
    joined_before,
    list_from,
    mutual,
    related,
    since_break,
)
from .languages import Language, Passage, is_unknown, passages_of
from .mentions import ItemNames
from .parts import SKIPPED, Part, split_parts
from .text import split_words
from .walls import OPPOSITE

_OBJECT_REACH = 8
"""Words between a relation and its object."""
_DETERMINERS = ("number", "definite", "indefinite")
"""What begins the name of something; without an item behind it, of something that is no item."""


@dataclass(frozen=True)
class Wish:
    """A relation that a prompt asks for. `object` is an item's id, `room`, `wall` or one of `walls.WALLS`.

    `phrase` are the words of the prompt that say so, from `start` to `end` of the prompt in Unicode's form NFC.
    """

    subject: str
    predicate: str
    object: str
    negated: bool = False
    phrase: str = field(default="", compare=False)
    start: int = field(default=0, compare=False)
    end: int = field(default=0, compare=False)


@dataclass(frozen=True)
class NotUnderstood:
    """Words of a prompt that seem to be a wish and were not read as one, and why."""

    phrase: str
    reason: str


@dataclass(frozen=True)
class WishReading:
    """What was read of a prompt, each wish once, in the prompt's order; and what was not understood."""

    wishes: tuple[Wish, ...]
    not_understood: tuple[NotUnderstood, ...]


def read_wishes(prompt: str, categories: Mapping[str, str]) -> WishReading:
    """The wishes in a prompt about items, given as their categories by id. Any text can be read."""
    prompt = unicodedata.normalize("NFC", prompt)
    words = split_words(prompt)
    passages = passages_of(prompt, words)
    names = ItemNames(prompt, words, categories, passages)
    reader = _Reader(prompt, words, names)
    for passage in passages:
        reader.read_passage(passage)
    return WishReading(tuple(dict.fromkeys(reader.wishes)), tuple(dict.fromkeys(reader.not_understood)))


class _Reader:
    """Reads the passages of one prompt, one after another."""

    language: Language
    """Of the passage that is read."""

    def __init__(self, prompt: str, words: Sequence[Token], names: ItemNames):
        self.prompt, self.words, self.names = prompt, words, names
        self.wishes: list[Wish] = []
        self.not_understood: list[NotUnderstood] = []
        self._parts: Sequence[Part] = ()
        """Those of the sentence that is read."""
        self._first: tuple[Part, ...] = ()
        """What the prompt speaks of first."""
        self._topic: tuple[Part, ...] = ()
        """What the sentence before this one speaks of first."""
        self._wall = ""
        """The wall that was spoken of last."""
        self._carried: set[str] = set()
        """What was said to be on or inside of something."""
        self._carrier: tuple[Part, ...] = ()
        """What something was said to be on, in this sentence."""
        self._surface: tuple[Part, ...] = ()
        """What this sentence begins with as what its small items are on: "On the desk a cup stands beside a vase"."""
        self._objects_so_far: list[Part] = []
        """The objects of the relations of this sentence."""

    def read_passage(self, passage: Passage) -> None:
        """Read what is in one language, sentence by sentence."""
        self.language = passage.language
        parts = split_parts(self.words, passage, self.names)
        begin, start = 0, passage.start
        for k in range(len(parts) + 1):
            if k == len(parts) or parts[k].kind == "stop":
                end = passage.end if k == len(parts) else parts[k].start
                self._read_sentence(parts[begin:k])
                if is_unknown(self.words[start:end], self.language):
                    said = self.prompt[self.words[start].start : self.words[end - 1].end]
                    self.not_understood.append(NotUnderstood(said, "no word of this is known"))
                begin, start = k + 1, end + 1

    def _read_sentence(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        self._carrier = self._surface = ()
        self._objects_so_far = []
        items = [part for part in parts if part.kind == "item"]
        self._first = self._first or tuple(part for part in items if part.ids)[:1]
        clause: Clause | None = None
        for k, part in enumerate(parts):
            if part.kind in RELATIONS and (clause is None or k >= clause.end):
                clause = self._read_relation(k, clause)
        self._put_on_surface(items)
        self._topic = tuple(part for part in items if part.ids)[:1] or self._topic

    def _put_on_surface(self, items: Sequence[Part]) -> None:
        """Of a sentence that begins with a surface, put its other small items on it."""
        for part in items if self._surface else ():
            small = all(map(self.names.may_be_small, part.ids)) and self._carried.isdisjoint(part.ids)
            if small and part.start > self._surface[0].start:
                self._add(Part("relation", part.start, part.end, "on"), (part,), self._surface, False)

    def _read_relation(self, k: int, before: Clause | None) -> Clause:
        """Read the relation at parts[k], which follows the clause `before`."""
        relation = self._parts[k]
        between = self._parts[before.end if before else 0 : k]
        fronted = False
        objects: tuple[Part, ...]
        if relation.form == "post":
            subjects, objects, end = self._around_postposition(k, before)
        else:
            objects, end = self._objects(k)
            subjects, fronted = self._subjects(k, before, objects, end)
        if not objects and relation.form == "either":
            subjects, objects = _both_in_front(since_break(between)) or (subjects, objects)
        told = True
        if relation.form in ("both", "either", "adverb") and not objects or objects and objects[0].kind == "it":
            onto_the_same = relation.value == "on" and not objects and self._carrier
            objects = self._carrier if onto_the_same else self._referent(k, subjects, fronted)
            told = False
        negated = is_negated(between) or self.language.negation_follows and is_negated_behind(self._parts[k + 1 :])
        if relation.kind == "reversed":
            subjects, objects = objects, subjects
        if not any(part.kind == "nothing" for part in since_break(between)):
            self._add(relation, subjects, objects, relation.negated != negated)
        self._objects_so_far += objects
        if fronted and relation.value == "on" and not negated:
            self._surface = tuple(objects)
        if relation.value in LISTED:
            self._carried.update(item_id for part in subjects for item_id in part.ids)
            self._carrier = tuple(objects)
        if relation.kind == "reversed":
            subjects, objects = objects, subjects
        known = tuple(objects) if relation.kind != "placed" else ()
        return Clause(subjects, known if told else (), () if told else known, relation.value, end)

    # Subject and object ----------------------------------------------------------------------------------------

    def _subjects(
        self, k: int, before: Clause | None, objects: Sequence[Part], end: int
    ) -> tuple[tuple[Part, ...], bool]:
        """What the relation at parts[k] is said of, and whether that stands behind the object, which ends at `end`."""
        relation = self._parts[k]
        between = self._parts[before.end if before else 0 : k]
        items = [j for j, part in enumerate(between) if part.kind == "item"]
        if relation.form == "adjective":
            return (self._parts[k + 1],), False
        begins = k == 0 or self._parts[k - 1].kind in ("and", "break")
        following = self._follows(end)
        if following and (begins or not items) and relation.form != "noun":
            return list_from(self._parts, following, commas=True)[0], True
        after = between[items[-1] + 1 :] if items else between
        joined = any(part.kind in ("and", "break") for part in after)
        named = next((part for part in reversed(after) if part.kind in _DETERMINERS), None)
        something_else = named is not None and relation.start > named.end and (joined or not items)
        if something_else or joined and self._has_unknown_word(after, relation):
            return (), False
        if items:
            together = relation.form == "mutual" or bool(objects) and objects[0].kind == "each_other"
            together = together or any(part.kind == "plural" for part in after)
            return joined_before(between, before, relation.value in LISTED, together), False
        if before is None:
            return (), False
        if (
            relation.kind == "placed" and before.referent and not joined
        ):  # "a table with chairs around it in the middle"
            return before.referent, False
        of_the_object = before.object and not joined and (before.object[-1].is_new or before.predicate in LISTED)
        return before.object if of_the_object else before.subject, False

    def _objects(self, k: int) -> tuple[tuple[Part, ...], int]:
        """What follows the relation at parts[k] as its object, and the number of the part after it."""
        relation = self._parts[k]
        if relation.kind == "placed" or relation.form in ("adverb", "mutual"):
            return (), k + 1
        for j in range(k + 1, len(self._parts)):
            part = self._parts[j]
            if part.kind in ("item", "it", "each_other") and part.start - relation.end <= _OBJECT_REACH:
                if part.kind != "item":
                    return (part,), j + 1
                return list_from(self._parts, j, commas=relation.kind == "reversed")
            following = self._parts[j + 1].kind if j + 1 < len(self._parts) else ""
            one_of = part.kind == "number" and following == "of"
            if part.kind not in SKIPPED or part.kind in _DETERMINERS and not one_of:
                break
        return (), k + 1

    def _follows(self, end: int) -> int:
        """The number of the item that stands behind an object without anything that would begin a clause; else 0."""
        nothing_before = all(part.kind != "item" for part in self._parts[: end - 1])
        for j in range(end, len(self._parts)):
            kind = self._parts[j].kind
            if kind == "item":
                return j
            if kind not in SKIPPED and not (kind == "break" and nothing_before):
                break
        return 0

    def _around_postposition(self, k: int, before: Clause | None) -> tuple[tuple[Part, ...], tuple[Part, ...], int]:
        """Subject and object of a relation behind its object, and the number of the part after them.

        The subject stands in front of the object, or behind the relation: "beside the bed a lamp".
        """
        between = self._parts[before.end if before else 0 : k]
        items = [j for j, part in enumerate(between) if part.kind == "item"]
        if not items:
            return (before.subject if before else ()), (), k + 1
        found = (between[items[-1]],)
        in_front = [j for j in items[:-1] if all(part.kind != "break" for part in between[j : items[-1]])]
        following = self._follows(k + 1)
        if in_front:
            return joined_before(between[: in_front[-1] + 1], before, True, True), found, k + 1
        if following:
            subjects, end = list_from(self._parts, following, commas=False)
            return subjects, found, end
        end = self._parts[k + 1].start if k + 1 < len(self._parts) else len(self.words)
        if before is not None and not self._is_unknown(range(self._parts[k].end, end)):
            return before.subject, found, k + 1
        return joined_before(between[: items[-1]], None, True, True) if len(items) > 1 else (), found, k + 1

    def _referent(self, k: int, subjects: Sequence[Part], fronted: bool) -> tuple[Part, ...]:
        """What "it" or a missing object stands for: the item before the subject, else what was spoken of before.

        It is nothing that something else was said to be beside, and only for what is put on it something that was put
        on something itself.
        """
        parts, relation = self._parts, self._parts[k]
        first = parts.index(subjects[0]) if subjects and not fronted and subjects[0] in parts else k
        own = {item_id for part in subjects for item_id in part.ids}
        earlier = [part for part in parts[:first] if part.kind == "item" and part.ids and own.isdisjoint(part.ids)]
        objects = [part for part in self._objects_so_far if relation.value not in LISTED or not part.is_new]
        main = earlier if relation.value == "near" else [part for part in earlier if part not in objects]
        if relation.value not in LISTED:
            main = [part for part in main if self._carried.isdisjoint(part.ids)]
        return tuple((main or earlier)[-1:]) or self._topic

    def _has_unknown_word(self, after: Sequence[Part], relation: Part) -> bool:
        """Whether a word that may be something else than an item stands between a comma and a relation."""
        begin = max(part.end for part in after if part.kind in ("and", "break"))
        covered = {k for part in after for k in range(part.start, part.end)}
        return self._is_unknown(k for k in range(begin, relation.start) if k not in covered)

    def _is_unknown(self, places: Iterable[int]) -> bool:
        """Whether one of the words at these places means nothing here."""
        return any(self.words[k].text not in self.language.verbs and not self.words[k].is_mark for k in places)

    # What was read ---------------------------------------------------------------------------------------------

    def _add(self, relation: Part, subjects: Sequence[Part], objects: Sequence[Part], negated: bool) -> None:
        """Keep the wishes that a relation of these parts means, or say that it was not understood."""
        first = [item_id for part in subjects for item_id in part.ids]
        second = [item_id for part in objects for item_id in part.ids if item_id not in first]
        every = [relation, *subjects, *objects]
        start = self.words[min(part.start for part in every)].start
        end = self.words[max(part.end for part in every) - 1].end
        phrase = self.prompt[start:end]
        pairs = self._pairs(relation, subjects, objects, *self._spread(relation.value, first, second), negated)
        self.wishes += [Wish(*pair, negated, phrase, start, end) for pair in pairs]
        if any(part.kind == "item" and not part.ids for part in (*subjects, *objects)):
            self.not_understood.append(NotUnderstood(phrase, "this is not among the items"))
        elif relation.kind == "placed" and not relation.value and relation.form != "noun" and subjects:
            self.not_understood.append(NotUnderstood(phrase, "this cannot be asked of a part of the room"))
        elif relation.kind == "placed" and relation.value and relation.form != "noun" and not subjects:
            self.not_understood.append(NotUnderstood(phrase, "no item is called so"))

    def _pairs(
        self,
        relation: Part,
        subjects: Sequence[Part],
        objects: Sequence[Part],
        first: list[str],
        second: list[str],
        negated: bool,
    ) -> list[tuple[str, str, str]]:
        """Subject, predicate and object of each wish."""
        predicate = relation.value
        if relation.kind == "placed":
            if predicate == "centred" and tuple(subjects) != self._first:  # of a table, more likely
                first = [item_id for item_id in first if not self.names.may_be_small(item_id)]
            places = relation.places
            if relation.opposite and self._wall in OPPOSITE:
                places = (OPPOSITE[self._wall],)
            if predicate == "against" and not negated:
                self._wall = places[0]
            return [(item_id, predicate, place) for item_id in first for place in places]
        if relation.form == "mutual" or objects and objects[0].kind == "each_other":
            return mutual(predicate, first)
        if predicate == "over":
            predicate = "above" if all(map(self.names.hangs, first)) else "on"
        if predicate == "on" and any(map(self.names.is_small, first)):
            first = [item_id for item_id in first if self.names.may_be_small(item_id)]
        return related(predicate, first, second)

    def _spread(self, predicate: str, first: list[str], second: list[str]) -> tuple[list[str], list[str]]:
        """Subjects and objects where the words tell one and mean both: lamps on "the nightstand", one of two."""
        if predicate == "flanking" and len(first) == 1 and len(self.names.alike(first[0])) == 2:
            return self.names.alike(first[0]), second
        if predicate in LISTED and len(second) == 1 and 1 < len(first) == len(self.names.alike(second[0])):
            return first, self.names.alike(second[0])
        return first, second


def _both_in_front(parts: Sequence[Part]) -> tuple[tuple[Part, ...], tuple[Part, ...]] | None:
    """Subject and object of a relation that follows both: "der Tisch dem Bett gegenüber"."""
    items = [j for j, part in enumerate(parts) if part.kind == "item"]
    if len(items) != 2 or any(part.kind == "and" for part in parts[items[0] : items[1]]):
        return None
    return (parts[items[0]],), (parts[items[1]],)
