"""The record of a run: one JSON line a turn, with all that it takes to replay, audit and rebuild it.

Images are named, not included. The tables of commands and the panel use the same names of faults.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from ..core.evidence import Evidence
from ..core.files import named
from ..core.task import Task, layout_to_json
from .turn import Turn


def turn_record(
    turn: Turn, task: Task, seed: Any, image_names: Mapping[bytes, str], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """The line of `turns.jsonl` for a turn of an episode with this task and seed.

    `image_names` has file names by the PNG that the conversation shows; `settings` are the run's, for replay.
    """
    answer = None if turn.candidate is None else turn.candidate.answer
    return {
        **turn.score.to_json(),
        "task": task.id,
        "turn": turn.number,
        "seed": seed,
        "failure": turn.failure,
        "notes": list(turn.notes),
        "answer": None if turn.candidate is None else turn.candidate.text,
        "think": "" if answer is None else answer.think,
        "problems": [] if answer is None else list(answer.problems),
        "changed": [] if answer is None else list(answer.changed),
        "tidied": [] if turn.candidate is None else [move.sentence() for move in turn.candidate.tidied],
        "rejected": turn.rejected,
        "layout": None if turn.layout is None else layout_to_json(turn.layout),
        "images": list(turn.images),
        "samples": [
            {
                "seed": candidate.seed,
                "status": candidate.score.status,
                "reward": candidate.score.reward,  # by physics alone
                "answer": candidate.text,
            }
            for candidate in turn.samples
        ],
        "conversation": [
            {
                "role": message.role,
                "text": message.text,
                "images": [image_names[image] for image in message.images],
            }
            for message in turn.conversation
        ],
        "timings": {phase: round(seconds, 4) for phase, seconds in turn.timings.items()},
        "settings": dict(settings),
    }


def append_line(path: str | os.PathLike[str], record: Mapping[str, Any]) -> None:
    """Add a JSON line to a file: all of it, or none.

    Raises OSError that names the file, and InputError where its folder has gone.

    The line is ASCII: a model's text may have lone surrogates, which UTF-8 cannot encode.
    """
    line = (json.dumps(record) + "\n").encode("ascii")
    try:
        with open(path, "ab", buffering=0) as file:
            end = file.tell()
            try:
                while line:  # what a full disk leaves over raises at the next try
                    line = line[file.write(line) :]
            except OSError:
                file.truncate(end)
                raise
    except OSError as error:
        raise named(error, path) from error


def fault_changes(before: Evidence, after: Evidence) -> tuple[list[str], list[str]]:
    """Name the faults of `before` that are repaired in `after`, and those that are new there."""
    old, new = ([fault.name for fault in evidence.faults()] for evidence in (before, after))
    return [name for name in old if name not in new], [name for name in new if name not in old]
