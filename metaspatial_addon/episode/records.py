"""The record of a run: one JSON line a turn, with all that replaying, auditing and rebuilding it takes.

Pictures are named, not held. The same words for faults serve the tables and the panel.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, Protocol

from ..core.evidence import Evidence
from ..core.task import Task, layout_to_json
from .turn import Candidate, Turn


class Episode(Protocol):
    """What a record tells of the episode. `LayoutEnv` is one."""

    task: Task
    seed: Any
    image_names: dict[bytes, str]


def turn_record(env: Episode, turn: Turn, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The line of `turns.jsonl` for a turn of the environment's episode. `settings` are the run's, for replay."""
    answer = None if turn.candidate is None else turn.candidate.answer
    return {
        **turn.score.to_json(),
        "task": env.task.id,
        "turn": turn.number,
        "seed": env.seed,
        "failure": turn.failure,
        "answer": None if turn.candidate is None else turn.candidate.text,
        "think": "" if answer is None else answer.think,
        "problems": [] if answer is None else list(answer.problems),
        "changed": [] if answer is None else list(answer.changed),
        "layout": None if turn.layout is None else layout_to_json(turn.layout),
        "images": list(turn.images),
        "samples": [_sample(candidate) for candidate in turn.samples],
        "conversation": [
            {
                "role": message.role,
                "text": message.text,
                "images": [env.image_names[image] for image in message.images],
            }
            for message in turn.conversation
        ],
        "timings": {phase: round(seconds, 4) for phase, seconds in turn.timings.items()},
        "settings": dict(settings),
    }


def _sample(candidate: Candidate) -> dict[str, Any]:
    """What was weighed beside the answer that was taken: scored without a render."""
    return {
        "seed": candidate.seed,
        "status": candidate.score.status,
        "reward": candidate.score.reward,
        "answer": candidate.text,
    }


def append_line(path: str | os.PathLike[str], record: Mapping[str, Any]) -> None:
    """Add a JSON line to a file. ASCII alone: a model's text may hold what UTF-8 cannot."""
    with open(path, "a", encoding="ascii") as file:
        file.write(json.dumps(record) + "\n")


def fault_names(evidence: Evidence) -> list[str]:
    """Each fault in a few words without its size, so that those of two turns can be compared."""
    return [
        *(f"{o.a} overlaps {o.b}" for o in evidence.overlaps),
        *(f"{o.id} outside" for o in evidence.outside),
        *(f"{u.id} unsupported" for u in evidence.unsupported),
        *(f"{u.id} unstable" for u in evidence.unstable),
        *(f"{b.opening} blocked" for b in evidence.blocked),
        *(f"{u.id} unreachable" for u in evidence.unreachable),
        *(f"{r.subject} not {r.predicate} {r.object}" for r in evidence.unsatisfied),
    ]


def mended(before: Evidence, after: Evidence) -> tuple[list[str], list[str]]:
    """Faults that are gone, and faults that are new."""
    old, new = fault_names(before), fault_names(after)
    return [name for name in old if name not in new], [name for name in new if name not in old]
