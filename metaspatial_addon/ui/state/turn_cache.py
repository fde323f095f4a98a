"""What panels show of turns that would take too long to compute at each redraw: computed once, then cached.

The keys are what a value is made from, so a changed record is another entry and nothing goes stale.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import bpy

from ...blender.turns import turns
from ...core.faults import faults_from_json


@dataclass(frozen=True)
class TurnSummary:
    """One turn: its number, score (0 to 1; None where nothing was measured), number of faults, the model's reasoning,
    why there is no layout ("" where there is one), and what else is to be known: small moves that tidied it, that it
    was not gone on from, what its model says of its replies, and why items stay where they are."""

    number: int
    reward: float | None
    faults: int
    think: str
    failure: str
    notes: tuple[str, ...] = ()
    wishes: Mapping[str, bool] = field(default_factory=dict)
    """Each wish in a few words, and whether it is met."""
    impossible: tuple[str, ...] = ()
    """Wishes that the room cannot meet, each with the reason."""

    @property
    def wishes_met(self) -> str:
        """ "3 of 4 wishes met"; "" without wishes."""
        return f"{sum(self.wishes.values())} of {len(self.wishes)} wishes met" if self.wishes else ""


def turn_summary(turn: bpy.types.Collection) -> TurnSummary:
    """The summary of a turn, from its record."""
    kept = turn[turns.KEY]
    return _turn_summary(kept["turn"], kept["record"], kept.get("task", "{}"))


@lru_cache(maxsize=256)
def _turn_summary(number: int, record: str, task: str) -> TurnSummary:
    fields = json.loads(record)
    faults = len(faults_from_json(fields.get("evidence") or {}, "the record of a turn"))
    failure = fields.get("failure") or ""
    if not failure and fields.get("status") == "model_fault":
        failure = "; ".join(fields.get("problems") or ()) or "The answer could not be used"
    notes = ["No better than the best turn before, which the next one edits"] if fields.get("rejected") else []
    notes += [sentence[:1].upper() + sentence[1:] for sentence in fields.get("tidied") or ()]
    notes += fields.get("notes") or ()
    think = (fields.get("think") or "").strip()
    asked, wishes = json.loads(task), {}
    notes += [f"{item} stays where it is: {why}" for item, why in (asked.get("notes") or {}).items()]
    if fields.get("layout") is not None:
        unmet = [_relation(entry) for entry in (fields.get("evidence") or {}).get("relations", ())]
        for wish in asked.get("wishes", ()):
            number_of = wish["relation"]
            if number_of is None:
                wishes[wish["words"]] = not wish["reason"]
            else:
                wishes[wish["words"]] = _relation(asked["task"]["relations"][number_of]) not in unmet
    impossible = tuple(f"{w['words']}: {w['reason']}" for w in asked.get("wishes", ()) if w["reason"])
    return TurnSummary(number, fields.get("reward"), faults, think, failure, tuple(notes), wishes, impossible)


def _relation(entry: Mapping[str, Any]) -> tuple[str, str, str, bool]:
    """What tells a relation of a task or of its evidence from others."""
    return entry["subject"], entry["predicate"], entry["object"], entry.get("negated", False)


def register() -> None:
    """Nothing to do: the cache fills while panels draw."""


def unregister() -> None:
    _turn_summary.cache_clear()
