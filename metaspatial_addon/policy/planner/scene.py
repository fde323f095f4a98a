"""The room while it is being furnished: what stands, what is kept free, and what a place would cost."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ...core.access import keep_free
from ...core.footprints import half_extents, inside, overlaps, rows_of, wall_rows, zones
from ...core.furniture import Category
from ...core.geometry import OrientedBox
from ...core.relations import floor_middle
from ...core.task import Item, Layout, Pose, Task
from .roles import category_of

STEP = 0.05
"""Metres between two places that are tried."""
GRID = 0.025
"""Metres: edges of footprints lie on multiples of it from the corner of the floor's bounding box."""
BODY = 1.8
"""Metres of height up to which an item is in a person's way."""
BLOCKED_WINDOW, CUT_NEED, IN_OTHERS_NEED = 4.0, 1.0, 1.0
"""What it costs to hide a window, to lack room for the own need, and to take another's."""


@dataclass
class Piece:
    """An item with what the planner knows of it; `box` once it is placed."""

    item: Item
    role: Category
    box: OrientedBox | None = None
    host: Piece | None = None
    guests: list[Piece] = field(default_factory=list)

    @property
    def kind(self) -> str:
        return self.role.name


def box_at(piece: Piece, row: np.ndarray, z: float = 0.0) -> OrientedBox:
    """The box of a piece at a row of places, its underside at `z` metres."""
    x, y, _, _, yaw = row.tolist()
    return OrientedBox(x, y, z, yaw, *piece.item.size)


class Scene:
    """What stands in the task's room. Rows are footprints, see `core.footprints`."""

    def __init__(self, task: Task):
        self.task, self.room = task, task.room
        self.floor = np.asarray(task.room.floor, float)
        self.low = self.floor.min(axis=0)
        self.high = self.floor.max(axis=0)
        self.walls = wall_rows(self.floor)
        self.sides = task.room.walls
        self.middle = np.array(floor_middle(tuple(map(tuple, task.room.floor))))
        self.pieces: list[Piece] = []
        self._rows = np.zeros((0, 5))
        self._z = np.zeros((0, 2))
        self._owners: list[Piece] = []
        self._needs = np.zeros((0, 5))
        self._need_weights = np.zeros(0)
        self._need_owners: list[Piece] = []
        swings, strips, sills = [], [], []
        self.doors: list[np.ndarray] = []
        for opening in task.room.openings:
            side = self.sides[opening.wall]
            middle = np.array(side.at(opening.offset + opening.width / 2))
            inward = np.array(side.inward)
            yaw = float(np.degrees(np.arctan2(side.direction[1], side.direction[0]))) % 360.0
            if opening.kind == "door":
                depth = max(opening.width, 0.6)
                centre = middle + inward * depth / 2
                swings.append((*centre, opening.width, depth, yaw))
                self.doors.append(middle)
            else:
                reach = float(np.ptp(keep_free(task.room, opening) @ inward))
                strips.append((*(middle + inward * reach / 2), opening.width, reach, yaw))
                sills.append(opening.sill)
        self.swings = np.array(swings, float).reshape(-1, 5)
        self.strips = np.array(strips, float).reshape(-1, 5)
        self.sills = np.array(sills, float)
        self.wall_costs = self._wall_costs()
        for item in task.locked:
            piece = Piece(item, category_of(item))
            assert item.pose is not None
            self.add(piece, OrientedBox.of(item, item.pose))

    def _wall_costs(self) -> np.ndarray:
        """What each wall costs by itself: little for long ones that are far from the doors. Between walls that are
        equal in both, direction decides, so that equal rooms are laid out alike."""
        lengths = np.array([side.length for side in self.sides])
        middles = np.array([side.at(side.length / 2) for side in self.sides])
        angles = np.array([math.degrees(math.atan2(side.inward[1], side.inward[0])) % 360.0 for side in self.sides])
        cost = 0.15 * (1.0 - lengths / lengths.max()) + 0.01 * ((angles - 270.0) % 360.0) / 360.0
        if self.doors:
            away = np.min([np.hypot(*(middles - door).T) for door in self.doors], axis=0)
            cost += 0.25 * (1.0 - away / max(float(away.max()), 1e-6))
        return cost

    # What stands ------------------------------------------------------------------------------------------------

    def add(self, piece: Piece, box: OrientedBox) -> None:
        """Stand a piece."""
        piece.box = box
        self.pieces.append(piece)
        if piece.item.covering:
            return
        self._rows = np.vstack([self._rows, rows_of([box])])
        self._z = np.vstack([self._z, (box.z, box.top)])
        self._owners.append(piece)
        for side, reach, weight in piece.role.needs if piece.item.mount == "floor" else ():
            if side == "beside":
                continue  # which side it is may still change
            self._needs = np.vstack([self._needs, zones(rows_of([box]), side, reach)])
            self._need_weights = np.append(self._need_weights, weight)
            self._need_owners.append(piece)

    def remove(self, piece: Piece) -> None:
        """Take a piece out again."""
        self.pieces.remove(piece)
        piece.box = None
        keep = np.array([owner is not piece for owner in self._owners], bool)
        self._rows, self._z = self._rows[keep], self._z[keep]
        self._owners = [owner for owner in self._owners if owner is not piece]
        keep = np.array([owner is not piece for owner in self._need_owners], bool)
        self._needs, self._need_weights = self._needs[keep], self._need_weights[keep]
        self._need_owners = [owner for owner in self._need_owners if owner is not piece]

    def placed(self, kinds: tuple[str, ...]) -> list[Piece]:
        """The placed pieces of some kinds, in the order of the kinds."""
        return [p for kind in kinds for p in self.pieces if p.kind == kind and p.box is not None]

    def floor_points(self, step: float) -> np.ndarray:
        """Points (N, 2) over the floor's bounding box, `step` metres apart, one in its middle."""
        spans = ((self.high - self.low) / 2 / step).astype(int)
        axes_ = [np.arange(-count, count + 1) * step for count in spans]
        points = np.stack(np.meshgrid(*axes_, indexing="ij"), axis=-1).reshape(-1, 2)
        return (self.low + self.high) / 2 + points

    def preference(self, points: np.ndarray) -> np.ndarray:
        """A slight cost (N,) that decides between places that are equal otherwise: less far from the doors, and then
        by the coordinates, so that equal rooms are laid out alike."""
        reach = max(float(np.hypot(*(self.high - self.low))), 1e-6)
        cost = 0.002 * (points - self.low) @ (1.0, 2.0) / reach
        if self.doors:
            cost = cost - 0.06 * np.min([np.hypot(*(points - door).T) for door in self.doors], axis=0) / reach
        return cost

    # What a place is worth --------------------------------------------------------------------------------------

    def snapped(self, rows: np.ndarray, round_: Callable[[np.ndarray], np.ndarray] = np.round) -> np.ndarray:
        """Rows with the low edges of their extents on the grid, to which `round_` takes them."""
        rows = rows.copy()
        half = half_extents(rows)
        rows[:, :2] = self.low + half + round_((rows[:, :2] - half - self.low) / GRID) * GRID
        return rows

    def free(
        self, rows: np.ndarray, low: float, high: float, but: tuple[Piece, ...] = (), margin: float = 0.0
    ) -> np.ndarray:
        """Whether each row lies inside the floor and clear of door swings and of what stands between two heights."""
        good = np.zeros(len(rows), bool)
        if not len(rows):
            return good
        good = inside(rows, self.floor, self.walls)
        if low < BODY and len(self.swings):
            good[good] = ~overlaps(rows[good], self.swings).any(axis=1)
        others = [
            k
            for k, owner in enumerate(self._owners)
            if owner not in but and self._z[k, 0] < high - 1e-3 and self._z[k, 1] > low + 1e-3
        ]
        if others and good.any():
            good[good] = ~overlaps(rows[good], self._rows[others], margin).any(axis=1)
        return good

    def cost(self, piece: Piece, rows: np.ndarray, friends: tuple[Piece, ...] = ()) -> np.ndarray:
        """What rows (N, 5) cost: needs that are cut, needs of others that are taken, windows that are hidden."""
        cost = np.zeros(len(rows))
        if not len(rows):
            return cost
        if len(self.strips):
            hides = overlaps(rows, self.strips)[:, self.sills < piece.item.size[2]]
            cost += BLOCKED_WINDOW * hides.sum(axis=1)
        others = [k for k, owner in enumerate(self._need_owners) if owner not in friends]
        if others:
            cost += IN_OTHERS_NEED * overlaps(rows, self._needs[others], -0.02) @ self._need_weights[others]
        bodies = [k for k, owner in enumerate(self._owners) if owner not in friends and self._z[k, 0] < BODY]
        for side, reach, weight in piece.role.needs:
            cut = np.ones(len(rows), bool)
            for one in ("left", "right") if side == "beside" else (side,):
                strip = zones(rows, one, reach)
                taken = overlaps(strip, self.walls, -0.02).any(axis=1)
                if bodies:
                    taken |= overlaps(strip, self._rows[bodies], -0.02).any(axis=1)
                cut &= taken
            cost += CUT_NEED * weight * cut
        return cost

    def layout(self) -> Layout:
        """The poses of all movable pieces that are placed."""
        poses = {
            p.item.id: Pose(round(p.box.x, 4), round(p.box.y, 4), round(p.box.z, 4), p.box.yaw)
            for p in self.pieces
            if p.box is not None and not p.item.locked
        }
        return Layout(self.task.id, {item.id: poses[item.id] for item in self.task.movable if item.id in poses})
