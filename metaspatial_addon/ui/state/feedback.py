"""What the artist keeps, corrects and deletes, written down for training where the preferences ask for it."""

from __future__ import annotations

import contextlib
from pathlib import Path

import bpy

from ...blender.turns import compare, turn_collections, turns
from ...blender.turns.turn_record import turn_record, turn_task
from ...core.feedback import MOST_REJECTED, Feedback, feedback_to_json
from ...episode.records import append_line
from .folders import user_folder

FILE = "feedback.jsonl"
_lines = 0


def path() -> Path:
    """The file: lines of `metaspatial.feedback/1`."""
    return user_folder() / FILE


def lines() -> int:
    """How many lines the file had when it was last read or written; panels ask while they draw."""
    return _lines


def keep(scene: bpy.types.Scene, turn: bpy.types.Collection, accepted: bool) -> None:
    """Write down that a turn was accepted, as the artist left it, or deleted. Nothing is written of a turn without a
    layout, nor of one that is deleted after it was accepted. Raises OSError, and InputError for a broken record.

    Rejected with an accepted turn are the other layouts of its run, and its own where the artist has moved something:
    the last `MOST_REJECTED` of them.
    """
    global _lines
    run, answered = turn_collections.run_of(scene, turn), turn_record(turn).layout
    if run is None or answered is None or (not accepted and turn_collections.accepted(scene) == turn):
        return
    kept = compare.turn_layout(turn) if accepted else None
    others = [turn_record(other).layout for other in turns.turns(run)] if accepted else [answered]
    rejected = [layout for k, layout in enumerate(others) if layout is not None and layout not in (kept, *others[:k])]
    append_line(path(), feedback_to_json(Feedback(turn_task(turn), kept, tuple(rejected[-MOST_REJECTED:]))))
    _lines += 1


def count() -> None:
    """Count the file's lines."""
    global _lines
    _lines = 0
    with contextlib.suppress(OSError), path().open("rb") as file:
        _lines = sum(1 for _ in file)


register = count


def unregister() -> None:
    """Nothing is kept in Blender."""
