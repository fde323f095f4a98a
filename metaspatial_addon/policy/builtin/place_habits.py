"""Where a piece of furniture stands by habit: at the wall or at the piece that it belongs to, as the table says it.

A habit is kept in full at a station of the host (a chair close to a side of its table and facing it, a nightstand in
line with the head of its bed), by half where the two are near each other in the right way, and not elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np

from ...core.footprints import overlaps, rows_of
from ...core.furniture import FURNITURE, UNKNOWN, Way
from ...core.geometry import OrientedBox
from ...core.place_grid import PlaceGrid
from .place_uses import row_of
from .place_wishes import is_good
from .prompt_room import PromptItem, PromptRoom, Standing, Wish

NEARLY, UNUSUAL = 0.25, 0.5
"""What it costs to stand by habit, but not at a station; and to stand elsewhere. A fault costs 1."""
LOW_TABLE_M = 0.58
"""Height up to which seats stand about a table at some distance."""
AT_IT_M = 0.6
"""Metres from its host at which a guest counts as being at it."""
APART_M = 1.4
"""Metres between two tables that seats stand around: two chairs, and a way between their backs."""
NEXT_TO_M = 0.6
"""Metres from its host beyond which nothing counts as next to it: the band and its slack."""
ALONG_M = 0.05
"""Metres by which a guest may reach beyond the end of its host's side."""

Side = Literal["front", "back", "left", "right"]
ROUND: tuple[Side, ...] = ("front", "right", "back", "left")
_TOWARDS = {"front": 180.0, "right": 270.0, "back": 0.0, "left": 90.0}
"""Yaw, less that of its host, at which a guest at a side looks at the host."""


@dataclass(frozen=True)
class Station:
    """A place at a host, in the host's frame: sides, least and greatest gap in metres, how it is placed along the side
    (within it, in its middle, or backs in line; the last two to `spare` metres), and where it looks."""

    sides: tuple[Side, ...]
    gap: tuple[float, float]
    along: Literal["within", "middle", "backs"]
    spare: float
    looks: Literal["at it", "along", "either"]


STATIONS: dict[Way, Station] = {
    "around": Station(ROUND, (0.0, 0.1), "within", 0.0, "at it"),
    "tuck": Station(("front",), (0.0, 0.1), "within", 0.0, "at it"),
    "beside": Station(("left", "right"), (0.0, 0.15), "backs", 0.1, "along"),
    "before": Station(("front",), (0.3, 0.5), "middle", 0.15, "either"),
    "foot": Station(("front",), (0.0, 0.15), "middle", 0.1, "along"),
    "opposite": Station(("front",), (1.2, 4.0), "middle", 0.3, "at it"),
    "run": Station(("left", "right"), (0.0, 0.05), "backs", 0.05, "along"),
}
AT_LOW_TABLE = Station(ROUND, (0.3, 0.6), "within", 0.0, "at it")
NEAR_HOST: dict[Way, tuple[str, ...]] = {
    "around": ("next_to", "facing"),
    "tuck": ("next_to", "facing"),
    "beside": ("next_to",),
    "before": ("next_to", "in_front_of"),
    "foot": ("next_to", "in_front_of"),
    "opposite": ("facing", "in_front_of"),
    "run": ("next_to",),
}
"""Predicates of a guest to its host that keep the habit by half."""
AT_WALL: frozenset[Way] = frozenset(("wall", "corner", "opposite", "run", "beside"))
"""What stands at a wall: where it has no host, or its host does not say otherwise."""
AT_WALL_AS_WELL: frozenset[Way] = frozenset(("opposite", "run"))


@cache
def _seated_round() -> frozenset[str]:
    """The names of what seats stand around."""
    rows = [row for row in FURNITURE.categories.values() if row.way == "around"]
    return frozenset(name for row in rows for name in row.hosts)


ELSEWHERE, NEAR, AT = range(3)
"""How well a place keeps a habit."""
_COSTS = np.array([UNUSUAL, NEARLY, 0.0])


class Habits:
    """The habits of the items of one prompt. What was found out about a host serves all of its guests."""

    def __init__(self, room: PromptRoom):
        self.room = room
        self._at_hosts: dict[tuple[Any, ...], tuple[slice, slice, np.ndarray]] = {}

    def of(self, item: PromptItem, others: Sequence[Standing]) -> Habit:
        return Habit(self, item, others)

    def at_host(
        self, item: PromptItem, way: Way, host: Standing, yaw: float, grid: PlaceGrid
    ) -> tuple[slice, slice, np.ndarray]:
        """How well an item keeps its habit near a host: columns and rows of a grid, and the level at each; beyond them
        it is elsewhere."""
        low = way == "around" and host.box.height <= LOW_TABLE_M
        box = host.turned_box
        key = (item.size, way, low, box, yaw, grid.step)
        if key not in self._at_hosts:
            predicates = ("facing",) if low else NEAR_HOST[way]
            half = math.hypot(*item.size[:2]) / 2
            columns, rows = grid.around(box, half + NEXT_TO_M if "next_to" in predicates else math.inf)
            there = grid.part(columns, rows)
            near = np.ones((len(there.xs), len(there.ys)), bool)
            for predicate in predicates:
                near &= self.good(item, predicate, host, yaw, there)
            at = _at(AT_LOW_TABLE if low else STATIONS[way], item, yaw, box, there)
            self._at_hosts[key] = columns, rows, np.where(at, AT, np.where(near, NEAR, ELSEWHERE)).astype(np.int8)
        return self._at_hosts[key]

    def good(self, item: PromptItem, predicate: str, host: Standing | None, yaw: float, grid: PlaceGrid) -> np.ndarray:
        """Where an item is to a host, or to a wall, as a predicate says: (nx, ny) bool."""
        wish = Wish(item.name, predicate, "wall" if host is None else host.name, False)
        box = OrientedBox(0.0, 0.0, 0.0, yaw, *item.size)
        there = None if host is None else host.turned_box
        return is_good(self.room, wish, box, there, True, grid.xs, grid.ys)


class Habit:
    """The habit of an item beside what stands, see `cost`."""

    def __init__(self, habits: Habits, item: PromptItem, others: Sequence[Standing]):
        self.habits, self.item = habits, item
        row = row_of(item.kind)
        has_one = item.mount == "floor" and not item.covering and row.name != UNKNOWN
        self.way = row.way if has_one else "loose"
        self.hosts = _least_taken(item, others, row.hosts) if self.way in STATIONS else []
        self._alike: list[OrientedBox] = []
        if row.name in _seated_round() and item.size[2] > LOW_TABLE_M:
            self._alike = [other.box for other in others if other.kind == item.kind]

    def cost(self, yaw: float, grid: PlaceGrid) -> np.ndarray:
        """What it costs to stand at each place of a grid: (nx, ny), or one number for all."""
        if self._alike:
            apart = np.ones((len(grid.xs), len(grid.ys)), bool)
            width, depth = (length + 2 * APART_M for length in self.item.size[:2])
            grid.take(apart, width, depth, yaw, rows_of(self._alike))
            return NEARLY * ~apart
        if not self.hosts:
            return UNUSUAL * ~self._at_wall(yaw, grid) if self.way in AT_WALL else np.zeros((1, 1))
        kept = np.full((len(grid.xs), len(grid.ys)), ELSEWHERE, np.int8)
        for host in self.hosts:
            columns, rows, levels = self.habits.at_host(self.item, self.way, host, yaw, grid)
            np.maximum(kept[columns, rows], levels, out=kept[columns, rows])
        if self.way in AT_WALL_AS_WELL:
            kept[~self._at_wall(yaw, grid)] = ELSEWHERE
        return _COSTS[kept]

    def _at_wall(self, yaw: float, grid: PlaceGrid) -> np.ndarray:
        return self.habits.good(self.item, "against", None, yaw, grid)


def _least_taken(item: PromptItem, others: Sequence[Standing], kinds: Sequence[str]) -> list[Standing]:
    """The hosts of the dearest kind that is there, those with the fewest guests of the item's kind."""
    for kind in kinds:
        hosts = [other for other in others if row_of(other.kind).name == kind]
        if hosts:
            guests = rows_of([other.box for other in others if other.kind == item.kind])
            taken = overlaps(rows_of([host.box for host in hosts]), guests, AT_IT_M).sum(axis=1)
            return [host for host, number in zip(hosts, taken, strict=True) if number == taken.min()]
    return []


def _at(station: Station, item: PromptItem, yaw: float, host: OrientedBox, grid: PlaceGrid) -> np.ndarray:
    """Where an item at a yaw is at a station of its host: (nx, ny) bool."""
    met = np.zeros((len(grid.xs), len(grid.ys)), bool)
    turn = (yaw - host.yaw) % 360.0
    if turn % 90.0 or station.looks == "along" and turn:
        return met
    width, depth = (item.size[1], item.size[0]) if turn % 180.0 else item.size[:2]
    u, w = host.to_local(grid.xs[:, None], grid.ys[None, :])
    for side in station.sides:
        if station.looks == "at it" and turn != _TOWARDS[side]:
            continue
        sign = -1.0 if side in ("front", "left") else 1.0
        if side in ("front", "back"):
            off, along = sign * w - (host.depth + depth) / 2, u
            spare, in_line = (host.width - width) / 2, 0.0
        else:
            off, along = sign * u - (host.width + width) / 2, w
            spare, in_line = (host.depth - depth) / 2, (host.depth - depth) / 2
        if station.along == "within":
            beside = np.abs(along) <= max(spare, 0.0) + ALONG_M
        else:
            beside = np.abs(along - (in_line if station.along == "backs" else 0.0)) <= station.spare
        low, high = station.gap
        met |= (off >= low - 1e-6) & (off <= high + 1e-6) & beside
    return met
