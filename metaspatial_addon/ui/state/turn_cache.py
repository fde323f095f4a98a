"""What panels show of turns that would take too long to compute at each redraw: computed once, then cached.

The keys are what a value is made from, so a changed record is another entry and nothing goes stale.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache

import bpy

from ...blender.turns import turns
from ...core.faults import faults_from_json


@dataclass(frozen=True)
class TurnSummary:
    """One turn: its number, score (0 to 1; None where nothing was measured), number of faults, the model's reasoning,
    why there is no layout ("" where there is one), and what else is to be known: small moves that tidied it, that it
    was not gone on from, what its model says of its replies."""

    number: int
    reward: float | None
    faults: int
    think: str
    failure: str
    notes: tuple[str, ...] = ()


def turn_summary(turn: bpy.types.Collection) -> TurnSummary:
    """The summary of a turn, from its record."""
    return _turn_summary(turn[turns.KEY]["turn"], turn[turns.KEY]["record"])


@lru_cache(maxsize=256)
def _turn_summary(number: int, record: str) -> TurnSummary:
    fields = json.loads(record)
    faults = len(faults_from_json(fields.get("evidence") or {}, "the record of a turn"))
    failure = fields.get("failure") or ""
    if not failure and fields.get("status") == "model_fault":
        failure = "; ".join(fields.get("problems") or ()) or "The answer could not be used"
    notes = ["No better than the best turn before, which the next one edits"] if fields.get("rejected") else []
    notes += [sentence[:1].upper() + sentence[1:] for sentence in fields.get("tidied") or ()]
    notes += fields.get("notes") or ()
    think = (fields.get("think") or "").strip()
    return TurnSummary(number, fields.get("reward"), faults, think, failure, tuple(notes))


def register() -> None:
    """Nothing to do: the cache fills while panels draw."""


def unregister() -> None:
    _turn_summary.cache_clear()
