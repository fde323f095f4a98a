"""What panels show of turns, from their records, which are read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import bpy

from ...blender.turns import turn_record, turns
from ...core.faults import RelationScore


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
    impossible: tuple[tuple[str, str], ...] = ()
    """Wishes that the room cannot meet, each with the reason."""

    @property
    def wishes_met(self) -> str:
        """ "3 of 4 wishes met"; "" without wishes."""
        return f"{sum(self.wishes.values())} of {len(self.wishes)} wishes met" if self.wishes else ""


def turn_summary(turn: bpy.types.Collection) -> TurnSummary:
    """The summary of a turn, from its record."""
    record = turn_record.turn_record(turn)
    notes = ["No better than the best turn before, which the next one edits"] if record.rejected else []
    notes += [sentence[:1].upper() + sentence[1:] for sentence in record.tidied]
    notes += record.notes
    notes += [f"{item} stays where it is: {why}" for item, why in record.stays.items()]
    unmet = {
        (fault.subject, fault.predicate, fault.object, fault.negated)
        for fault in record.faults
        if isinstance(fault, RelationScore)
    }
    wishes = {}
    if record.layout is not None:
        for wish in record.wishes:
            wishes[wish.words] = not wish.reason if wish.relation is None else wish.relation not in unmet
    return TurnSummary(
        number=turn[turns.KEY]["turn"],
        reward=record.reward,
        faults=len(record.faults),
        think=record.think,
        failure=record.failure,
        notes=tuple(notes),
        wishes=wishes,
        impossible=tuple((wish.words, wish.reason) for wish in record.wishes if wish.reason),
    )


def register() -> None:
    """Nothing to do: the cache fills while panels draw."""


def unregister() -> None:
    turn_record.clear_cache()
