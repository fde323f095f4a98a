"""Where a piece of furniture stands by habit: at the wall or at the piece that it belongs to, as the table says it.

A habit is kept in full at a station of the host (a chair at a seat of its table and facing it, a nightstand in line
with the head of its bed, a lamp over the middle of its table, a rug under it), in part where the two are near each
other, and not elsewhere. Beside it, tables of a kind stand apart and in line, what is tall stands neither before
windows nor between a seat and its screen, and shoes and coats are near a door.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from ...core.footprints import overlaps, rows_of
from ...core.furniture import FURNITURE, UNKNOWN, Category, Way
from ...core.geometry import OrientedBox
from ...core.place_grid import PlaceGrid
from .place_stations import AT_LOW_TABLE, ROUND, STATIONS, Side, at_station, side_of
from .place_uses import as_box, row_of
from .place_wishes import is_good
from .prompt_room import PromptItem, PromptRoom, Rectangle, Standing, Wish

UNEVEN, IN_SIGHT, NEARLY, HIDING, ABOUT, UNUSUAL, MOST = 0.1, 0.2, 0.25, 0.3, 0.35, 0.6, 0.9
"""What it costs to stand by habit, but out of line; between a seat and its screen; not at a station, but nearly; before
a window; next to the host, but at no side where it is used; to stand elsewhere; and all of it at most. A fault costs 1,
and to stand across a way a half, which is less than to stand elsewhere: a chair is at its table."""
LOW_TABLE_M = 0.58
"""Height up to which seats stand about a table at some distance."""
AT_IT_M = 0.6
"""Metres from its host at which a guest counts as being at it."""
APART_M = 1.4
"""Metres between two tables that seats stand around: two chairs, and a way between their backs."""
NEXT_TO_M = 0.6
"""Metres from its host beyond which nothing counts as next to it: the band and its slack."""
OVER_M, UNDER_M, BEHIND_M = 0.1, 0.15, 0.3
"""Metres from the middle of its host to what hangs over it, and to a rug that lies under it; and from its back to what
hangs on the wall behind it."""
IN_LINE_M = 0.05
"""Metres by which two that stand in line may be off it."""
BEFORE_WINDOW_M = 0.6
"""Metres beyond the strip before a window in which what is taller than its sill hides it."""
NEAR_DOOR_M = 2.0
"""Metres from a door's swing to what is wanted on the way in and out."""
PULLED_OUT_M = 0.3
"""Metres from its table to a chair that still is at it."""
NEAR_HOST: dict[Way, tuple[str, ...]] = {
    "around": ("next_to", "facing"),
    "tuck": ("next_to", "facing"),
    "beside": ("next_to",),
    "before": ("next_to", "in_front_of"),
    "foot": ("next_to", "in_front_of"),
    "opposite": ("facing", "in_front_of"),
    "run": ("next_to",),
}
"""Predicates of a guest to its host that keep the habit in part."""
AT_WALL: frozenset[Way] = frozenset(("wall", "corner", "opposite", "run", "beside"))
"""What stands at a wall: where it has no host, or its host does not say otherwise."""
AT_WALL_AS_WELL: frozenset[Way] = frozenset(("opposite", "run"))


@cache
def _seated_round() -> frozenset[str]:
    """The names of what seats stand around."""
    rows = [row for row in FURNITURE.categories.values() if row.way == "around"]
    return frozenset(name for row in rows for name in row.hosts)


ELSEWHERE, NEXT, NEAR, AT_UNEVEN, AT = range(5)
"""How well a place keeps a habit."""
_COSTS = np.array([UNUSUAL, ABOUT, NEARLY, UNEVEN, 0.0])


class Habits:
    """The habits of the items of one prompt. What was found out about a host serves all of its guests."""

    def __init__(self, room: PromptRoom):
        self.room = room
        self._at_hosts: dict[tuple[Any, ...], tuple[slice, slice, np.ndarray]] = {}

    def of(self, item: PromptItem, others: Sequence[Standing]) -> Habit:
        return Habit(self, item, others)

    def at_host(
        self, item: PromptItem, way: Way, host: Standing, sides: frozenset[Side], yaw: float, grid: PlaceGrid
    ) -> tuple[slice, slice, np.ndarray]:
        """How well an item keeps its habit near a host, whose `sides` want it most: columns and rows of a grid, and the
        level at each; beyond them it is elsewhere."""
        low = way == "around" and host.box.height <= LOW_TABLE_M
        box = host.turned_box
        on_floor = item.mount == "floor" and not item.covering
        key = (item.size, way if on_floor else item.mount, low, box, sides, yaw, grid.step)
        if key not in self._at_hosts:
            reach = math.hypot(*item.size[:2]) / 2 + NEXT_TO_M
            if on_floor and (low or "next_to" not in NEAR_HOST[way]):
                reach = math.inf
            columns, rows = grid.around(box, reach)
            there = grid.part(columns, rows)
            if on_floor:
                next_to, near, at, wanted = self._at_stations(item, way, low, host, sides, yaw, there)
            else:
                at, near = _over(item, yaw, box, there)
                next_to, wanted = near, at
            levels = np.full(near.shape, ELSEWHERE, np.int8)
            for level, where in ((NEXT, next_to), (NEAR, near), (AT_UNEVEN, at), (AT, wanted)):
                levels[where] = level
            self._at_hosts[key] = columns, rows, levels
        return self._at_hosts[key]

    def _at_stations(
        self, item: PromptItem, way: Way, low: bool, host: Standing, sides: frozenset[Side], yaw: float, grid: PlaceGrid
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Where an item is next to its host, nearly at a station, at one, and at one that is wanted most; `low` is
        whether the host is a low table: (nx, ny) bool each."""
        station, box = AT_LOW_TABLE if low else STATIONS[way], host.turned_box
        next_to = np.ones((len(grid.xs), len(grid.ys)), bool)
        for predicate in ("facing",) if low else NEAR_HOST[way]:
            next_to &= self.good(item, predicate, host, yaw, grid)
        near = next_to
        if low:
            near = next_to & self.good(item, "next_to", host, yaw, grid)
        elif way in ("around", "tuck"):
            pulled_out = replace(station, gap=(0.0, PULLED_OUT_M), along="within")
            near = next_to & at_station(pulled_out, item, yaw, box, grid, ROUND)
        elif way == "beside":  # not before it
            near = next_to & (np.abs(box.to_local(grid.xs[:, None], grid.ys[None, :])[0]) >= box.width / 2)
        at = at_station(station, item, yaw, box, grid, ROUND)
        wanted = at_station(station, item, yaw, box, grid, sides) if sides < set(station.sides) else at
        return next_to, near, at, wanted

    def good(self, item: PromptItem, predicate: str, host: Standing | None, yaw: float, grid: PlaceGrid) -> np.ndarray:
        """Where an item is to a host, or to a wall, as a predicate says: (nx, ny) bool."""
        wish = Wish(item.name, predicate, "wall" if host is None else host.name, False)
        box = OrientedBox(0.0, 0.0, 0.0, yaw, *item.size)
        there = None if host is None else host.turned_box
        return is_good(self.room, wish, box, there, True, grid.xs, grid.ys)


class Habit:
    """The habit of an item beside what stands, see `cost`."""

    def __init__(self, habits: Habits, item: PromptItem, others: Sequence[Standing]):
        self.habits, self.item, self.row = habits, item, row_of(item.kind)
        self.on_floor = item.mount == "floor" and not item.covering
        known = self.row.name != UNKNOWN
        self.way = self.row.way if self.on_floor and known else "loose"
        self.hosts: list[tuple[Standing, frozenset[Side]]] = []
        if known and (self.way in STATIONS or not self.on_floor):
            hosts = _hosts(item, others, self.row)
            self.hosts = [(host, _wanting_sides(item, host, self.way, others)) for host in hosts]
        self._alike: list[OrientedBox] = []
        if self.row.name in _seated_round() and item.size[2] > LOW_TABLE_M:
            self._alike = [other.box for other in others if other.kind == item.kind]
        self._kept_clear = self._clear_areas(others)

    def cost(self, yaw: float, grid: PlaceGrid) -> np.ndarray:
        """What it costs to stand at each place of a grid: (nx, ny), or one number for all; at most `MOST`."""
        total = self._at_home(yaw, grid)
        for cost, areas in self._kept_clear:
            clear = np.ones((len(grid.xs), len(grid.ys)), bool)
            grid.take(clear, *self.item.size[:2], yaw, rows_of(areas))
            total = total + cost * ~clear
        if self.on_floor and self.row.from_door < 0.0 and self.habits.room.swings:
            total = total + NEARLY * ~self._near_door(grid)
        return np.minimum(total, MOST)

    def _at_home(self, yaw: float, grid: PlaceGrid) -> np.ndarray:
        """What it costs not to be where its kind belongs."""
        if self._alike:
            apart = np.ones((len(grid.xs), len(grid.ys)), bool)
            width, depth = (length + 2 * APART_M for length in self.item.size[:2])
            grid.take(apart, width, depth, yaw, rows_of(self._alike))
            in_line = np.zeros_like(apart)
            for box in self._alike:
                in_line |= np.abs(grid.xs - box.x)[:, None] <= IN_LINE_M
                in_line |= np.abs(grid.ys - box.y)[None, :] <= IN_LINE_M
            return NEARLY * ~apart + UNEVEN * ~in_line
        if not self.hosts:
            return UNUSUAL * ~self._at_wall(yaw, grid) if self.way in AT_WALL else np.zeros((1, 1))
        kept = np.full((len(grid.xs), len(grid.ys)), ELSEWHERE, np.int8)
        for host, sides in self.hosts:
            columns, rows, levels = self.habits.at_host(self.item, self.way, host, sides, yaw, grid)
            np.maximum(kept[columns, rows], levels, out=kept[columns, rows])
        if self.way in AT_WALL_AS_WELL:
            kept[~self._at_wall(yaw, grid)] = ELSEWHERE
        return _COSTS[kept]

    def _at_wall(self, yaw: float, grid: PlaceGrid) -> np.ndarray:
        return self.habits.good(self.item, "against", None, yaw, grid)

    def _near_door(self, grid: PlaceGrid) -> np.ndarray:
        """Where a door's swing is near: (nx, ny) bool."""
        near = np.zeros((len(grid.xs), len(grid.ys)), bool)
        for x0, x1, y0, y1 in self.habits.room.swings:
            aside = np.maximum(np.abs(grid.xs - (x0 + x1) / 2) - (x1 - x0) / 2, 0.0)[:, None]
            ahead = np.maximum(np.abs(grid.ys - (y0 + y1) / 2) - (y1 - y0) / 2, 0.0)[None, :]
            near |= np.hypot(aside, ahead) <= NEAR_DOOR_M
        return near

    def _clear_areas(self, others: Sequence[Standing]) -> list[tuple[float, list[OrientedBox]]]:
        """Areas that the item keeps clear by habit, with what it costs to stand in one of them."""
        height, windows = self.item.size[2], self.habits.room.windows
        if self.item.mount == "wall" and self.row.hang_at:
            hidden = [as_box(window) for window, sill in windows if self.row.hang_at < sill < self.row.hang_at + height]
            return [(HIDING, hidden)]
        if not self.on_floor or height <= LOW_TABLE_M:
            return []
        hidden = [as_box(_inwards(window)) for window, sill in windows if height > sill + BEFORE_WINDOW_M]
        return [(HIDING, hidden), (IN_SIGHT, _sights(others))]


def _inwards(window: Rectangle) -> Rectangle:
    """The strip before a window, longer into the room (and out of it, where nothing stands)."""
    x0, x1, y0, y1 = window
    if x1 - x0 > y1 - y0:
        return x0, x1, y0 - BEFORE_WINDOW_M, y1 + BEFORE_WINDOW_M
    return x0 - BEFORE_WINDOW_M, x1 + BEFORE_WINDOW_M, y0, y1


def _sights(others: Sequence[Standing]) -> list[OrientedBox]:
    """The strips of floor between seats and the screens that face them."""
    found = []
    for screen in others:
        row = row_of(screen.kind)
        for seat in others if row.way == "opposite" else ():
            a, b = seat.turned_box, screen.turned_box
            u, w = a.to_local(b.x, b.y)
            apart = -w - (a.depth + b.depth) / 2
            faces = row_of(seat.kind).name in row.hosts and (b.yaw - a.yaw) % 360.0 == 180.0
            if faces and abs(u) <= a.width / 2 and apart > 0.0:
                (rx, ry), (fx, fy) = a.right, a.front
                ahead = (a.depth + apart) / 2
                middle = a.x + u / 2 * rx + ahead * fx, a.y + u / 2 * ry + ahead * fy
                found.append(OrientedBox(*middle, 0.0, a.yaw, min(a.width, b.width) / 2, apart, 0.0))
    return found


def _over(item: PromptItem, yaw: float, host: OrientedBox, grid: PlaceGrid) -> tuple[np.ndarray, np.ndarray]:
    """Where what stands on its host, hangs over it or lies under it is where it should be, and where about: bool."""
    u, w = host.to_local(grid.xs[:, None], grid.ys[None, :])
    turn = (yaw - host.yaw) % 360.0
    over = (np.abs(u) <= host.width / 2) & (np.abs(w) <= host.depth / 2)
    if item.mount == "surface":
        return over, over
    if item.mount == "ceiling":
        return np.hypot(u, w) <= OVER_M, over
    if item.mount == "wall":
        near = (np.abs(w - (host.depth - item.size[1]) / 2) <= BEHIND_M) & (np.abs(u) <= host.width / 2)
        near &= turn == 0.0
        return near & (np.abs(u) <= OVER_M), near
    at = (np.abs(u) <= UNDER_M) & (w <= UNDER_M) & (w >= -host.depth / 3)  # of a bed, rather its foot than its head
    return at & (turn % 90.0 == 0.0), over


def _wanting_sides(item: PromptItem, host: Standing, way: Way, others: Sequence[Standing]) -> frozenset[Side]:
    """The sides of a table that want a seat most: those with fewer than the side across, else all."""
    if way != "around" or host.box.height <= LOW_TABLE_M:
        return frozenset(ROUND)
    box = host.turned_box
    alike = [other.box for other in others if other.kind == item.kind]
    at_it = overlaps(rows_of([box]), rows_of(alike), AT_IT_M)[0]
    at = [side_of(box, guest) for guest, here in zip(alike, at_it, strict=True) if here]
    fewer = {a for a, b in zip(ROUND, (*ROUND[2:], *ROUND[:2]), strict=True) if at.count(a) < at.count(b)}
    return frozenset(fewer or ROUND)


def _hosts(item: PromptItem, others: Sequence[Standing], row: Category) -> list[Standing]:
    """What an item belongs to: of the dearest kind that is there those with the fewest guests of the item's kind, all
    pieces of a run. A rug belongs to nothing that it cannot lie under."""
    kinds = [kind for kind in row.hosts if not item.covering or FURNITURE.categories[kind].class_name != "bath"]
    if row.way == "run" and item.mount == "floor":
        return [other for other in others if row_of(other.kind).name in kinds]
    reach = AT_IT_M if item.mount == "floor" else 0.0
    for kind in kinds:
        hosts = [other for other in others if row_of(other.kind).name == kind]
        if hosts:
            guests = rows_of([other.box for other in others if other.kind == item.kind])
            taken = overlaps(rows_of([host.box for host in hosts]), guests, reach).sum(axis=1)
            return [host for host, number in zip(hosts, taken, strict=True) if number == taken.min()]
    return []
