"""Custom properties of runs, turns and their copies, read with a check: a .blend may come from anywhere.

A property that is not what this add-on writes counts as missing, and a collection without a usable one is neither run
nor turn. The texts among them, which hold JSON, are read by `turn_record.py`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import bpy
from idprop.types import IDPropertyGroup
from mathutils import Matrix

from ..frames import is_within_reach, matrix_from_list

KEY = "metaspatial_turn"
"""On collections (what a run and a turn are) and on objects (their item's id)."""

RUN, ROOM, TURN = "run", "room", "turn"
"""The kinds of collection that KEY tells."""

MOST_TURNS = 1_000_000
"""The largest number of a turn."""

ORIGINAL = "metaspatial_of"
"""On a turn's copies: the artist's object that a copy stands for. A pointer survives renames, saving and undo."""

ROOT_MATRIX = "metaspatial_at"
"""On the copies of items' root objects, and of those that rest on one and go along: the world transform (16 numbers,
row by row) that the turn gave them."""

ITEMS = "metaspatial_items"
"""On turns: the items, also those that stay where they are, each as the fields of `TurnItem`."""

TOP, VIEW = "metaspatial_top", "metaspatial_view"
"""On turns: their two images."""


class TurnItem(NamedTuple):
    """An item of a turn: its root `object`, the artist's (None: removed since), and whether it was `asked` for or only
    stands in the way."""

    id: str
    object: bpy.types.Object | None
    asked: bool


def kind(collection: bpy.types.Collection) -> str:
    """What a collection is: RUN, ROOM, TURN, or "" for any other, those of linked files included."""
    held = collection.get(KEY)
    if not isinstance(held, IDPropertyGroup) or collection.library is not None:
        return ""
    found = held.get("kind")
    if found == TURN:
        number = held.get("turn")
        return TURN if isinstance(number, int) and 0 < number <= MOST_TURNS else ""
    return found if found in (RUN, ROOM) else ""


def text(collection: bpy.types.Collection, name: str) -> str:
    """A text that is kept on a run or a turn; "" where there is none."""
    held = collection[KEY].get(name)
    return held if isinstance(held, str) else ""


def reward(turn: bpy.types.Collection) -> float | None:
    """The reward of a turn whose answer could be used."""
    held = turn[KEY].get("reward")
    usable = text(turn, "status") == "ok" and isinstance(held, (int, float)) and math.isfinite(held)
    return held if usable else None


def item_id(obj: bpy.types.Object) -> str | None:
    """The item that an object of a turn is a copy of; None for all other objects."""
    held = obj.get(KEY)
    return held if isinstance(held, str) else None


def original(copy: bpy.types.Object) -> bpy.types.Object | None:
    """The artist's object that a copy stands for; None where it was removed."""
    held = copy.get(ORIGINAL)
    return held if isinstance(held, bpy.types.Object) else None


def given_matrix(copy: bpy.types.Object) -> Matrix | None:
    """The world transform that the turn gave a root object's copy."""
    try:
        numbers = [float(number) for number in copy.get(ROOT_MATRIX, ())]
    except (TypeError, ValueError):
        return None
    matrix = matrix_from_list(numbers) if len(numbers) == 16 else None
    return matrix if matrix is not None and is_within_reach(matrix) else None


def images(turn: bpy.types.Collection) -> dict[str, bpy.types.Image]:
    """The images of a turn, by VIEW and TOP."""
    held = {key: turn.get(key) for key in (VIEW, TOP)}
    return {key: image for key, image in held.items() if isinstance(image, bpy.types.Image)}


def items(turn: bpy.types.Collection) -> list[TurnItem]:
    """The items of a turn."""
    found = []
    for entry in groups(turn.get(ITEMS)):
        name, obj = entry.get("id"), entry.get("object")
        if isinstance(name, str) and (obj is None or isinstance(obj, bpy.types.Object)):
            found.append(TurnItem(name, obj, bool(entry.get("asked"))))
    return found


def groups(held: object) -> list[IDPropertyGroup]:
    """The groups in a custom property that lists them."""
    return [entry for entry in held if isinstance(entry, IDPropertyGroup)] if isinstance(held, list) else []
