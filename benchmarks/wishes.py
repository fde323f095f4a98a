"""How well wishes are read: prompts of SceneEval against the relations that its authors annotated.

    python -m benchmarks.wishes annotations_100-349.csv

Relations are compared by the kinds of their items, since which of two equal chairs is meant is nowhere told, and those
that hold both ways, without an order. `facing` is one of them: the annotations write it in either order. Counted are
the kinds of relation that wishes can express; what hangs on a wall is against it, what stands by a window or a door at
its wall, and "above" is the other way round of "under".
"""

from __future__ import annotations

import csv
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from benchmarks.common import ROOT
from headless.evaluation.public.sceneeval import BETWEEN, entries
from metaspatial_addon.prompts.wishes.reading import read_wishes

DATA = ROOT.parent / "shared" / "data" / "sceneeval" / "annotations_100-349.csv"
SYMMETRIC = ("next_to", "near", "across", "facing")
IN_ROOM = {
    ("against", "wall"): ("against", "wall"),
    ("on", "wall"): ("against", "wall"),
    ("near", "wall"): ("against", "wall"),
    ("leaning", "wall"): ("against", "wall"),
    ("corner", "room"): ("corner", "room"),
    ("middle", "room"): ("centred", "room"),
    ("center", "room"): ("centred", "room"),
    **{
        (word, opening): ("against", f"{opening} wall")
        for opening, words in (
            ("window", "under beneath below near next next_to beside adjacent front in_front"),
            ("door", "near next next_to beside adjacent"),
        )
        for word in words.split()
    },
    **{
        (word, opening): ("against", f"wall opposite the {opening}")
        for opening in ("window", "door")
        for word in ("across", "opposite")
    },
}
"""Our predicate and object by SceneEval's relation and part of the room."""

Relations = Counter[tuple[str, str, str]]
"""Predicate, subject's kind and object's kind, with how often each is there."""


class Found(NamedTuple):
    """Numbers of relations."""

    read: int
    annotated: int
    both: int

    @property
    def precision(self) -> float:
        return self.both / self.read

    @property
    def recall(self) -> float:
        return self.both / self.annotated


def _key(predicate: str, subject: str, other: str) -> tuple[str, str, str]:
    if predicate in SYMMETRIC:
        subject, other = sorted((subject, other))
    return predicate, subject, other


def annotated(row: dict[str, str]) -> Relations:
    """The relations of a row that wishes can express."""
    there = {name: int(count) for _, count, name in entries(row["ObjCount"])}
    relations: Relations = Counter()
    for _, count, word, _, *names in entries(row["OORel"]):
        first, *others = [name.split(":")[0] for name in names]
        if others and {first, others[0]} <= there.keys():
            second = others[0]
            number = max(int(count), len(others))
            if BETWEEN.get(word) == "around" and len(others) == 1:
                number = there[second]
            if word == "above":
                relations[_key("under", first, second)] += number
            elif word in BETWEEN:
                relations[_key(BETWEEN[word], second, first)] += number
    for _, count, word, name, part in (entry for entry in entries(row["OARel"]) if len(entry) == 5):
        if name in there and (word, part) in IN_ROOM:
            predicate, target = IN_ROOM[word, part]
            relations[predicate, name, target] += int(count)
    return relations


def read(row: dict[str, str]) -> Relations:
    """The relations that are read in a row's prompt. A certain wall of those that have no opening is any wall."""
    kinds = {f"{name} {k}": name for _, count, name in entries(row["ObjCount"]) for k in range(int(count))}
    categories = {item_id: name.replace("_", " ").lower() for item_id, name in kinds.items()}
    relations: Relations = Counter()
    for wish in read_wishes(row["Description"], categories).wishes:
        target = kinds.get(wish.object, wish.object)
        if wish.object not in kinds and not {"window", "door"} & set(target.split()):
            target = "wall" if wish.predicate == "against" else "room"
        predicate = f"not {wish.predicate}" if wish.negated else wish.predicate
        relations[_key(predicate, kinds[wish.subject], target)] += 1
    return relations


def measure(path: Path = DATA, every: int = 1, start: int = 0) -> Found:
    """The relations over the rows from number `start` on, one in `every`."""
    found = Found(0, 0, 0)
    with path.open(encoding="utf-8", newline="") as file:
        for row in list(csv.DictReader(file))[start::every]:
            told, wished = annotated(row), read(row)
            found = Found(
                found.read + wished.total(), found.annotated + told.total(), found.both + (told & wished).total()
            )
    return found


if __name__ == "__main__":
    for name, every, start in (("all rows", 1, 0), ("even rows", 2, 0), ("odd rows", 2, 1)):
        result = measure(Path(sys.argv[1]) if len(sys.argv) > 1 else DATA, every, start)
        print(
            f"{name}: precision {result.precision:.3f}, recall {result.recall:.3f} "
            f"({result.read} read, {result.annotated} annotated)"
        )
