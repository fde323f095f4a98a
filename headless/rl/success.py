"""Which kinds of tasks to draw more often: those that the model neither always solves nor never."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from metaspatial_addon.core.task import Task

from .data import Episode

KEPT = 0.9
"""Share of a kind's counts that is kept when a group of it is added: the model changes as it learns."""
LEAST = 0.1
"""Chance of a kind that is always or never solved, whose rate would else never be measured again."""


@dataclass
class SuccessRates:
    """Success rates by kind of task: its type of room, and its number of items to place up to a power of two.

    An episode succeeds if a turn of it is free of faults. `counts` has the successes and the episodes of each kind,
    those of earlier groups for less. What is drawn follows from it and from the seed, so checkpoints hold it.
    """

    counts: dict[str, tuple[float, float]] = field(default_factory=dict)

    def add(self, episodes: Sequence[Episode]) -> None:
        """Count the episodes that have a result; those of a group follow each other."""
        groups: dict[int, list[Episode]] = {}
        for episode in episodes:
            groups.setdefault(episode.group, []).append(episode)
        for members in groups.values():
            kind = kind_of(members[0].task)
            successes, played = self.counts.get(kind, (0.0, 0.0))
            solved = sum(any(s.status == "ok" and s.evidence.clean for s in member.scores) for member in members)
            self.counts[kind] = KEPT * successes + solved, KEPT * played + len(members)

    def rate(self, kind: str) -> float:
        """The success rate p of a kind, 0.5 for one that was not played: one success and one failure are added."""
        successes, played = self.counts.get(kind, (0.0, 0.0))
        return (successes + 1) / (played + 2)

    def chance(self, task: Task) -> float:
        """Of a task that is drawn to be played, from `LEAST` to 1: in proportion to p (1 - p), the variance of success
        ("learnability", arXiv 2408.15099)."""
        rate = self.rate(kind_of(task))
        return max(LEAST, 4 * rate * (1 - rate))

    def metrics(self) -> dict[str, float]:
        return {f"success/{kind}": self.rate(kind) for kind in sorted(self.counts)}


def kind_of(task: Task) -> str:
    """As `bedroom/16`: a bedroom with 9 to 16 items to place."""
    return f"{task.room.type}/{1 << (len(task.movable) - 1).bit_length()}"
