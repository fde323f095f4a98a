"""How many faults an item would have or cause at each place: wishes that are missed, use that is taken, ways closed.

A habit of furniture that is not kept counts less than a fault: it decides between places that are equal otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...core.geometry import OrientedBox
from ...core.place_grid import PlaceGrid
from .place_habits import Habits
from .place_uses import Needs, Ways
from .place_wishes import ABOUT_THE_ROOM, is_good
from .prompt_room import PromptItem, Standing, Wish

WISHED = 2.0
"""What it costs to miss a wish: more than what nobody asked for."""


class PlaceFaults:
    """The faults of one item beside what stands; each counts as one, and a wish that is missed as two."""

    def __init__(self, habits: Habits, walls: Sequence[OrientedBox], item: PromptItem, others: Sequence[Standing]):
        room = habits.room
        self.room, self.item, self.others = room, item, others
        by_name = {other.name: other for other in others}
        self._wishes: list[tuple[Wish, Standing | None]] = []
        for wish in room.wishes:
            if item.name in (wish.subject, wish.object):
                name = wish.object if wish.subject == item.name else wish.subject
                if name in by_name or wish.predicate in ABOUT_THE_ROOM:
                    self._wishes.append((wish, by_name.get(name)))
        self._habit = habits.of(item, others)
        on_floor = item.mount == "floor" and not item.covering
        self._ways = Ways(room, others) if on_floor else None
        takes_floor = not item.covering and item.mount in ("floor", "wall")
        self._needs = Needs(room, walls, item, others) if takes_floor else None

    def missed(self, yaw: float, grid: PlaceGrid) -> np.ndarray:
        """What is missed of the wishes with the item's centre at each place of a grid: (nx, ny)."""
        count = np.zeros((len(grid.xs), len(grid.ys)))
        for wish, other in self._wishes:
            count += WISHED * ~self._good(wish, other, yaw, grid)
        return count

    def count(self, yaw: float, grid: PlaceGrid) -> np.ndarray:
        """All faults: (nx, ny)."""
        count = self.missed(yaw, grid)
        count += self._habit.cost(yaw, grid)
        if self._needs is not None:
            count += self._needs.broken(yaw, grid)
        if self._ways is not None:
            count += self._ways.lost(self.item, yaw, grid)
        return count

    def _good(self, wish: Wish, other: Standing | None, yaw: float, grid: PlaceGrid) -> np.ndarray:
        box = OrientedBox(0.0, 0.0, 0.0, yaw, *self.item.size)
        there = None if other is None else other.turned_box
        return is_good(self.room, wish, box, there, wish.subject == self.item.name, grid.xs, grid.ys)
