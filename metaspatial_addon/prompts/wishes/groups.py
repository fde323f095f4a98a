"""Which parts of a sentence belong together: lists of items, and the relations of several items to several others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .parts import SKIPPED, Part

LISTED = ("on", "over", "inside")
"""Relations whose subjects are often listed: "a bowl, a cup and a vase on the table"."""
RELATIONS = ("relation", "reversed", "placed")
"""Kinds of parts that relate items."""
_MUTUAL = ("across", "next_to", "near", "far")
"""Relations that hold both ways as soon as they hold one way."""


@dataclass(frozen=True)
class Clause:
    """The relation that was read last in a sentence: what it was said of, its objects as far as they were named, and
    the number of the part after them. `referent`: what "it" stands for, where that is the object."""

    subject: tuple[Part, ...]
    object: tuple[Part, ...]
    referent: tuple[Part, ...]
    predicate: str
    end: int


def since_break(parts: Sequence[Part]) -> Sequence[Part]:
    """The parts after the last comma."""
    begin = max((k for k, part in enumerate(parts) if part.kind == "break"), default=-1)
    return parts[begin + 1 :]


def is_negated(between: Sequence[Part]) -> bool:
    """Whether "not" stands in front of a relation, which follows the parts."""
    return any(part.kind == "not" for part in since_break(between))


def is_negated_behind(parts: Sequence[Part]) -> bool:
    """Whether "not" follows a relation, behind which the parts stand, before another one or a comma."""
    return next((p.kind for p in parts if p.kind in ("not", "break", *RELATIONS)), "") == "not"


def joined_before(parts: Sequence[Part], clause: Clause | None, listed: bool, all_of_them: bool) -> tuple[Part, ...]:
    """The subject of a relation that follows the parts: the nearest item, and those that are joined to it.

    Commas join where things are often `listed`, behind two at least: of two, "and" behind a comma begins a clause. Two
    new things are one subject only if they are listed or the words say so (`all_of_them`): of "a bed and a wardrobe in
    the corner" the wardrobe is. What the clause before speaks of is none of them.
    """
    k = max(k for k, part in enumerate(parts) if part.kind == "item")
    group = [parts[k]]
    begun = False
    while True:
        j, joints = k - 1, set()
        while j >= 0 and parts[j].kind in (*SKIPPED, "and", "break"):
            joints |= {parts[j].kind} & {"and", "break"}
            j -= 1
        ends = j < 0 or parts[j].kind != "item" or not joints or clause is not None and parts[j] in clause.subject
        if ends or "break" in joints and not (listed and ("and" in joints or len(group) > 1)):
            return tuple(group[-1:] if begun and len(group) == 2 else group)
        if parts[j].is_new and group[0].is_new and not (listed or all_of_them):
            return tuple(group)
        begun = joints == {"and", "break"}
        group.insert(0, parts[j])
        k = j


def list_from(parts: Sequence[Part], first: int, commas: bool) -> tuple[tuple[Part, ...], int]:
    """The items of a list that begins at parts[first], and the number of the part after it.

    Where a relation follows the last one, that one and what "and" joins to it are the subject of that relation.
    """
    group, ends = [parts[first]], [first + 1]
    before_comma = 1
    while True:
        k, joints = ends[-1], set()
        while k < len(parts) and parts[k].kind in (*SKIPPED, "and", "break"):
            joints |= {parts[k].kind} & {"and", "break"}
            k += 1
        if k < len(parts) and parts[k].kind in (*RELATIONS, "not") and not joints and len(group) > 1:
            kept = min(before_comma, len(group) - 1)
            return tuple(group[:kept]), ends[kept - 1]
        if k == len(parts) or parts[k].kind != "item" or not joints or joints != {"and"} and not commas:
            return tuple(group), ends[-1]
        if "break" in joints:
            before_comma = len(group)
        group.append(parts[k])
        ends.append(k + 1)


def mutual(predicate: str, ids: Sequence[str]) -> list[tuple[str, str, str]]:
    """The relations among the items of one subject: of pairs that face each other, or of neighbours."""
    if predicate == "facing":
        pairs = list(zip(ids[::2], ids[1::2], strict=False))
        return [(a, predicate, b) for one, other in pairs for a, b in ((one, other), (other, one))]
    return [(a, predicate, b) for a, b in zip(ids, ids[1:], strict=False)] if predicate in _MUTUAL else []


def related(predicate: str, subjects: Sequence[str], objects: Sequence[str]) -> list[tuple[str, str, str]]:
    """The relations of several subjects to several objects: one by one, or all to the one that there is."""
    if not subjects or not objects or predicate == "at":
        return []
    pairs = [(subject, objects[k % len(objects)]) for k, subject in enumerate(subjects)]
    if predicate == "flanking" and len(subjects) == 2 and len(objects) == 1:
        return [(subjects[0], "left_of", objects[0]), (subjects[1], "right_of", objects[0])]
    if predicate == "between":
        return [(subject, "next_to", other) for subject in subjects for other in objects[:2]]
    if predicate == "above":
        return [(other, "under", subject) for subject, other in pairs]
    if predicate in ("flanking", "against"):
        predicate = "next_to"
    return [(subject, predicate, other) for subject, other in pairs]
