"""Where a piece of furniture stands by habit: at the wall or at the piece that it belongs to, as the table says it.

A habit is a list of alternatives, each a list of wishes that hold together.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...core.furniture import UNKNOWN, Way
from .place_uses import row_of
from .prompt_room import PromptItem, Standing, Wish

LOW_TABLE_M = 0.6
"""Height up to which a table is one that seats stand about at some distance."""
AT_HOST: dict[Way, tuple[tuple[str, ...], ...]] = {
    "around": (("next_to", "facing"),),
    "tuck": (("next_to", "facing"),),
    "beside": (("next_to",),),
    "before": (("next_to", "in_front_of"),),
    "foot": (("next_to", "in_front_of"),),
    "opposite": (("facing", "in_front_of", "against"),),
    "run": (("next_to", "against"),),
}
"""Predicates of a guest to its host, by the way in which it stands; `against` is a wall."""
AT_LOW_TABLE = (("next_to", "facing"), ("near", "facing"))
AT_WALL: frozenset[Way] = frozenset(("wall", "corner", "opposite", "run", "beside"))
"""What stands at a wall where it has no host."""

Habit = list[list[tuple[Wish, Standing | None]]]


def habit_of(item: PromptItem, others: Sequence[Standing]) -> Habit:
    """The habit of an item beside what stands; an empty one where it may stand anywhere."""
    row = row_of(item.kind)
    if item.mount != "floor" or item.covering or row.name == UNKNOWN:
        return []
    for kind in row.hosts:
        hosts = [other for other in others if row_of(other.kind).name == kind]
        if hosts and row.way in AT_HOST:
            return [
                [
                    (Wish(item.name, p, "wall", False), None) if p == "against" else _wish(item, p, host)
                    for p in together
                ]
                for host in hosts
                for together in (AT_LOW_TABLE if _is_low(row.way, host) else AT_HOST[row.way])
            ]
    return [[(Wish(item.name, "against", "wall", False), None)]] if row.way in AT_WALL else []


def _is_low(way: Way, host: Standing) -> bool:
    return way == "around" and host.box.height < LOW_TABLE_M


def _wish(item: PromptItem, predicate: str, host: Standing) -> tuple[Wish, Standing]:
    return Wish(item.name, predicate, host.name, False), host
