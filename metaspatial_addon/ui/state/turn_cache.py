"""What panels show of turns and items that would take too long to work out at each redraw: worked out once, kept.

Everything is kept by what it is made from, so a changed name or record is another entry and nothing goes stale.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, lru_cache

import bpy

from ...blender.assets.library import AssetLibrary, name_words
from ...blender.turns import turns
from ...core.errors import InputError
from ...core.faults import faults_from_json


@dataclass(frozen=True)
class TurnFacts:
    """One turn: its number, score (0 to 1; None where nothing was measured), number of faults, the model's reasoning,
    and why there is no layout ("" where there is one)."""

    number: int
    reward: float | None
    faults: int
    think: str
    failure: str


def listed_run(scene: bpy.types.Scene) -> bpy.types.Collection | None:
    """The run whose turns are listed: the one that was picked, else the newest."""
    there = turns.runs(scene)
    picked = scene.metaspatial.run
    return picked if picked in there else there[-1] if there else None


def listed_turn(scene: bpy.types.Scene) -> bpy.types.Collection | None:
    """The turn that is picked in the list."""
    run, index = listed_run(scene), scene.metaspatial.turn_index
    children = list(run.children) if run is not None else []
    return children[index] if index < len(children) and children[index] in turns.turns(run) else None


def turn_facts(turn: bpy.types.Collection) -> TurnFacts:
    """What a turn's record says."""
    held = turn[turns.KEY]
    return _turn_facts(held["turn"], held["record"])


@lru_cache(maxsize=256)
def _turn_facts(number: int, record: str) -> TurnFacts:
    kept = json.loads(record)
    faults = len(faults_from_json(kept.get("evidence") or {}, "the record of a turn"))
    failure = kept.get("failure") or ""
    if not failure and kept.get("status") == "model_fault":
        failure = "; ".join(kept.get("problems") or ()) or "The answer could not be used"
    return TurnFacts(number, kept.get("reward"), faults, (kept.get("think") or "").strip(), failure)


def best_turn(run: bpy.types.Collection) -> bpy.types.Collection | None:
    """The turn of the highest score, the first of those; None where no answer could be used."""
    scored = [turn for turn in turns.turns(run) if turn[turns.KEY].get("status") == "ok"]
    return max(scored, key=lambda turn: turn[turns.KEY]["reward"], default=None)


def guessed_category(thing: bpy.types.Object, unit: float) -> str:
    """What an object is taken for by its name. `unit`: metres in one unit of the scene."""
    return _guessed_category(thing.name, *(round(side * unit, 1) for side in thing.dimensions))


@lru_cache(maxsize=4096)
def _guessed_category(name: str, width: float, depth: float, height: float) -> str:
    library = _library()
    known = library.like(name, (width, depth, height)) if library is not None else None
    return known.category if known is not None else " ".join(name_words(name)) or "object"


@cache
def _library() -> AssetLibrary | None:
    """The words of our own furniture; None where its catalog cannot be read."""
    try:
        return AssetLibrary()
    except InputError:
        return None


def forget() -> None:
    """Let go of everything that is kept."""
    for kept in (_turn_facts, _guessed_category, _library):
        kept.cache_clear()
