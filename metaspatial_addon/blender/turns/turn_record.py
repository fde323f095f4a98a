"""What a turn's collection keeps of its score, its answer and its task, as JSON: read with limits, once for each text.

What is drawn, counted and exported of a turn comes from here. The texts are what is looked up, so a changed record is
another entry and nothing goes stale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import bpy
from mathutils import Matrix

from ...core.errors import InputError
from ...core.faults import Fault, faults_from_json
from ...core.reading import FieldReader, parse_json
from ...core.task import (
    LONGEST_NAME,
    MAX_ITEMS,
    MAX_RELATIONS,
    MOST_IN_MATRIX,
    Layout,
    Task,
    layout_from_json,
    task_from_json,
)
from ...prompts.answer import LONGEST_ANSWER
from ..frames import matrix_from_list
from . import turn_properties

LONGEST_SENTENCE = 10_000
"""Characters of a failure, a note, a fault or a wish in words."""
MOST_SENTENCES = 1000
"""In each list of a record."""
MOST_FAULTS = 20_000
"""Of a turn: a panel looks through them at each redraw."""
SOURCE = "the record of this turn"

RelationKey = tuple[str, str, str, bool]
"""Subject, predicate, object and whether it is negated: what tells a relation from others."""


@dataclass(frozen=True)
class AskedWish:
    """A wish of a turn's task in a few words, its relation there, and for one that the task cannot have the reason, ""
    where it is met by itself."""

    words: str
    relation: RelationKey | None
    reason: str


@dataclass(frozen=True)
class TurnRecord:
    """A turn as it was recorded.

    `failure` says why there is no layout, also where the record cannot be read. `sentences`: the faults in words.
    `tidied`: the small moves after the answer. `rejected`: the next turn did not go on from it. `frame`: from the
    room's metres into the scene's world. `stays`: by item why it stays where it is.
    """

    reward: float | None = None
    think: str = ""
    failure: str = ""
    rejected: bool = False
    tidied: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    sentences: tuple[str, ...] = ()
    layout: Layout | None = None
    frame: Matrix | None = None
    stays: Mapping[str, str] = field(default_factory=dict)
    wishes: tuple[AskedWish, ...] = ()


def turn_record(turn: bpy.types.Collection) -> TurnRecord:
    """The record of a turn. Of one that cannot be read the `failure` says what is wrong with it."""
    return _read(turn_properties.text(turn, "record"), turn_properties.text(turn, "task") or "{}")


def turn_task(turn: bpy.types.Collection) -> Task:
    """The task of a turn. Raises InputError."""
    read, held = FieldReader(SOURCE), parse_json(turn_properties.text(turn, "task") or "{}", SOURCE)
    return task_from_json(read.object(held, "", ("task",), held)["task"], SOURCE)


def clear_cache() -> None:
    """Forget what was read."""
    _read.cache_clear()


@lru_cache(maxsize=256)
def _read(record: str, task: str) -> TurnRecord:
    try:
        return _checked(FieldReader(SOURCE), parse_json(record, SOURCE), parse_json(task, SOURCE))
    except InputError as error:
        return TurnRecord(failure=str(error))


def _checked(read: FieldReader, record: Any, task: Any) -> TurnRecord:
    """The parsed texts, each field checked that is there. Raises InputError."""
    for data in (record, task):
        if not isinstance(data, dict):
            raise read.fail("", "an object", data)
    reward, layout, evidence = record.get("reward"), record.get("layout"), record.get("evidence") or {}
    if not isinstance(evidence, dict):
        raise read.fail("evidence", "an object", evidence)
    faults = faults_from_json(evidence, SOURCE)
    sentences = tuple(fault.sentence() for fault in faults[: MOST_FAULTS + 1])
    if len(faults) > MOST_FAULTS or max(map(len, sentences), default=0) > LONGEST_SENTENCE:
        raise read.fail("evidence", f"at most {MOST_FAULTS:,} faults, each in {LONGEST_SENTENCE:,} characters")
    failure = _text(read, record, "failure")
    if not failure and record.get("status") == "model_fault":
        failure = "; ".join(_texts(read, record, "problems")) or "The answer could not be used"
    return TurnRecord(
        reward=None if reward is None else read.number(reward, "reward", -10, 10),
        think=_text(read, record, "think", LONGEST_ANSWER).strip(),
        failure=failure,
        rejected=read.flag(record.get("rejected", False), "rejected"),
        tidied=_texts(read, record, "tidied"),
        notes=_texts(read, record, "notes"),
        faults=faults,
        sentences=sentences,
        layout=None if layout is None else layout_from_json(layout, SOURCE),
        frame=_frame(read, task),
        stays=_stays(read, task),
        wishes=_wishes(read, task),
    )


def _text(read: FieldReader, data: Mapping[str, Any], name: str, most: int = LONGEST_SENTENCE) -> str:
    return read.text(data.get(name) or "", name, most, empty=True)


def _texts(read: FieldReader, data: Mapping[str, Any], name: str) -> tuple[str, ...]:
    entries = read.list(data.get(name) or [], name, MOST_SENTENCES)
    return tuple(read.text(entry, f"{name}[{k}]", LONGEST_SENTENCE, empty=True) for k, entry in enumerate(entries))


def _frame(read: FieldReader, task: Mapping[str, Any]) -> Matrix | None:
    if "frame" not in task:
        return None
    numbers = read.list(task["frame"], "frame", 16, "numbers")
    if len(numbers) < 16:
        raise read.fail("frame", "16 numbers", len(numbers))
    limit = MOST_IN_MATRIX
    return matrix_from_list([read.number(n, f"frame[{k}]", -limit, limit) for k, n in enumerate(numbers)])


def _stays(read: FieldReader, task: Mapping[str, Any]) -> dict[str, str]:
    notes = task.get("notes") or {}
    if not isinstance(notes, dict) or len(notes) > MAX_ITEMS:
        raise read.fail("notes", f"an object with at most {MAX_ITEMS} items", notes)
    return {item: read.text(why, f"notes.{item}", LONGEST_SENTENCE) for item, why in notes.items()}


def _wishes(read: FieldReader, task: Mapping[str, Any]) -> tuple[AskedWish, ...]:
    """The wishes that a task was asked for. Each names one of the task's relations by its place among them."""
    asked = read.list(task.get("wishes") or [], "wishes", MAX_RELATIONS)
    held = task.get("task") or {}
    listed = held.get("relations") if isinstance(held, dict) else None
    relations = read.list([] if listed is None else listed, "relations", MAX_RELATIONS)
    wishes = []
    for k, entry in enumerate(asked):
        path = f"wishes[{k}]"
        raw = read.object(entry, path, ("words", "relation", "reason"))
        place = raw["relation"]
        if place is not None and not (type(place) is int and 0 <= place < len(relations)):
            raise read.fail(f"{path}.relation", "null or the place of one of the task's relations", place)
        wishes.append(
            AskedWish(
                read.text(raw["words"], f"{path}.words", LONGEST_SENTENCE),
                None if place is None else _relation(read, relations[place], f"relations[{place}]"),
                read.text(raw["reason"], f"{path}.reason", LONGEST_SENTENCE, empty=True),
            )
        )
    return tuple(wishes)


def _relation(read: FieldReader, data: Any, path: str) -> RelationKey:
    raw = read.object(data, path, ("subject", "predicate", "object"), ("negated", "source"))
    subject, predicate, other = (
        read.text(raw[name], f"{path}.{name}", LONGEST_NAME) for name in ("subject", "predicate", "object")
    )
    return subject, predicate, other, read.flag(raw.get("negated", False), f"{path}.negated")
