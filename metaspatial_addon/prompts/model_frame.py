"""The embedded model's frame: its grid of numbers, and how poses of a task are moved to it and back.

The origin is the lowest x and y of the floor, and a room longer than the model's reach is scaled down to it. Sizes are
rounded up and walls inwards, so that what fits in the frame fits in the room; what touches a wall in one touches it in
the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..core.task import Item, Pose, Room
from . import vocabulary as v

TOUCHING = 0.02
"""Metres between a wall and an item that stands against it."""


def rotated_extents(size: Sequence[float], yaw: float) -> tuple[float, float]:
    """Extents along x and y of a box of width `size[0]` and depth `size[1]` at `yaw` degrees."""
    angle = math.radians(yaw)
    cos, sin = abs(math.cos(angle)), abs(math.sin(angle))
    return size[0] * cos + size[1] * sin, size[0] * sin + size[1] * cos


def rounded_up(value: float, step: float, most: float) -> str:
    """A length rounded up to a multiple of `step`, between one step and `most`, with two decimals."""
    return f"{min(max(math.ceil(value / step - 1e-6), 1) * step, most):.2f}"


def rounded(value: float, step: float, least: float, most: float) -> str:
    return f"{min(max(round(value / step) * step, least), most) + 0.0:.2f}"  # + 0.0: no minus sign before zero


def place_number(value: float, direction: int = 0) -> str:
    """A coordinate on the grid of places: the nearest, or with a direction of -1 or 1 the next below or above."""
    steps = value / v.POSE_STEP
    whole = round(steps) if direction == 0 else math.ceil(direction * steps - 1e-6) * direction
    return f"{min(max(whole * v.POSE_STEP, 0.0), v.PLAN_REACH):.3f}"


def height_number(value: float) -> str:
    return rounded(value, v.HEIGHT_STEP, 0.0, v.HEIGHT_REACH)


def place_text(axis: str, first: int, places: Sequence[float]) -> str:
    """The low edge, high edge and centre along an axis as an answer writes them, the one of that number first."""
    keys = v.PLACE_KEYS[axis]
    order = (first, *(k for k in range(3) if k != first))
    return "".join(f',"{keys[k]}":{places[k]:.3f}' for k in order)


def plan_size(width: float, depth: float) -> str:
    return f" w{rounded_up(width, v.PLAN_STEP, v.PLAN_REACH)} d{rounded_up(depth, v.PLAN_STEP, v.PLAN_REACH)}"


@dataclass(frozen=True)
class WallLine:
    """A wall along an axis: its coordinate in the task and in the model, and its span across, in the model's frame.
    `side` is 1 where the room lies above it, -1 where it lies below."""

    true: float
    model: float
    side: int
    span: tuple[float, float]


@dataclass(frozen=True)
class Footprint:
    """Edges of an item's extents along x and y in the model's frame."""

    low: tuple[float, float]
    extents: tuple[float, float]

    @property
    def high(self) -> tuple[float, float]:
        return self.low[0] + self.extents[0], self.low[1] + self.extents[1]

    @property
    def centre(self) -> tuple[float, float]:
        return self.low[0] + self.extents[0] / 2, self.low[1] + self.extents[1] / 2

    def gap(self, other: Footprint) -> float:
        """Metres between two footprints."""
        apart = (max(self.low[k] - other.high[k], other.low[k] - self.high[k], 0.0) for k in (0, 1))
        return math.hypot(*apart)


@dataclass(frozen=True)
class ModelFrame:
    """The frame for one room."""

    room: Room

    @cached_property
    def origin(self) -> tuple[float, float]:
        """The task's coordinates of the model's origin: the lowest x and y of the floor."""
        x, y = np.asarray(self.room.floor, float).min(axis=0)
        return float(x), float(y)

    @cached_property
    def scale(self) -> float:
        """Metres of the task in one metre of the model's frame, at least 1."""
        return max(1.0, float(np.ptp(np.asarray(self.room.floor, float), axis=0).max()) / v.PLAN_REACH)

    def lowered(self, item: Item) -> float:
        """Metres by which a ceiling item is lower in the model's frame, which ends at 3 m."""
        return max(0.0, self.room.height - v.HEIGHT_REACH) if item.mount == "ceiling" else 0.0

    @cached_property
    def wall_lines(self) -> tuple[tuple[WallLine, ...], tuple[WallLine, ...]]:
        """The walls that lie across x, and those that lie across y."""
        lines: tuple[list[WallLine], list[WallLine]] = ([], [])
        for wall in self.room.walls:
            for axis in (0, 1):
                if abs(wall.inward[axis]) > 1.0 - 1e-9:
                    side = 1 if wall.inward[axis] > 0 else -1
                    model = float(place_number((wall.start[axis] - self.origin[axis]) / self.scale, side))
                    ends = (wall.start[1 - axis], wall.at(wall.length)[1 - axis])
                    low, high = sorted((end - self.origin[1 - axis]) / self.scale for end in ends)
                    lines[axis].append(WallLine(wall.start[axis], model, side, (low, high)))
        return tuple(lines[0]), tuple(lines[1])

    def extents(self, item: Item, yaw: float) -> tuple[float, float]:
        """Extents in the model's frame, rounded up."""
        ex, ey = rotated_extents(item.size, yaw)
        return (
            float(rounded_up(ex / self.scale, v.PLAN_STEP, v.PLAN_REACH)),
            float(rounded_up(ey / self.scale, v.PLAN_STEP, v.PLAN_REACH)),
        )

    def footprint(self, item: Item, pose: Pose) -> Footprint:
        """An item's edges on the model's grid: at the wall where it touches a wall, else round its centre."""
        true, extents = rotated_extents(item.size, pose.yaw), self.extents(item, pose.yaw)
        centre = (pose.x, pose.y)
        low = []
        for axis in (0, 1):
            across = (centre[1 - axis] - self.origin[1 - axis]) / self.scale
            edge = (centre[axis] - self.origin[axis]) / self.scale - extents[axis] / 2
            for line in self.wall_lines[axis]:
                to_wall = line.side * (centre[axis] - line.true) - true[axis] / 2
                if abs(to_wall) <= TOUCHING and line.span[0] <= across <= line.span[1]:
                    edge = line.model if line.side > 0 else line.model - extents[axis]
                    break
            low.append(min(max(round(edge / v.POSE_STEP) * v.POSE_STEP, 0.0), v.PLAN_REACH - extents[axis]))
        return Footprint((low[0], low[1]), extents)

    def to_model(self, item: Item, pose: Pose) -> Pose:
        """A pose of the task's frame in the model's frame."""
        x, y = self.footprint(item, pose).centre
        return Pose(x, y, pose.z - self.lowered(item), pose.yaw)

    def to_task(self, item: Item, pose: Pose) -> Pose:
        """A pose of the model's frame in the task's frame: what touches a wall on the model's grid touches it there."""
        true, extents = rotated_extents(item.size, pose.yaw), self.extents(item, pose.yaw)
        centre = (pose.x, pose.y)
        found = []
        for axis in (0, 1):
            held = [
                line.true + line.side * true[axis] / 2
                for line in self.wall_lines[axis]
                if abs(centre[axis] - line.side * extents[axis] / 2 - line.model) < v.POSE_STEP / 4
                and line.span[0] <= centre[1 - axis] <= line.span[1]
            ]
            found.append(sum(held) / len(held) if held else centre[axis] * self.scale + self.origin[axis])
        return Pose(found[0], found[1], pose.z + self.lowered(item), pose.yaw)

    def rectangle(self, points: np.ndarray) -> str:
        """The bounding rectangle of points (N, 2) of the task in the model's frame, rounded outwards."""
        (x0, y0), (x1, y1) = (
            (edge - np.array(self.origin)) / self.scale for edge in (points.min(axis=0), points.max(axis=0))
        )
        return f" x{place_number(x0, -1)} x{place_number(x1, 1)} y{place_number(y0, -1)} y{place_number(y1, 1)}"

    @staticmethod
    def nearest(footprint: Footprint, others: Iterable[Footprint]) -> Footprint | None:
        return min(others, key=lambda o: (footprint.gap(o), math.dist(footprint.centre, o.centre)), default=None)

    def place_keys(self, axis: int, footprint: Footprint, nearest: Footprint | None) -> str:
        """The three keys of an axis, first the one that says most: the edge at a wall, the centre that is also that of
        what stands nearest, the edge that follows it."""
        low, high, centre = footprint.low[axis], footprint.high[axis], footprint.centre[axis]
        across = footprint.centre[1 - axis]
        at_wall = [
            line.side
            for line in self.wall_lines[axis]
            if abs((low if line.side > 0 else high) - line.model) < 1e-6 and line.span[0] <= across <= line.span[1]
        ]
        if at_wall:
            first = 0 if at_wall[0] > 0 else 1
        elif nearest is None or abs(centre - nearest.centre[axis]) < 1e-6:
            first = 2
        elif low >= nearest.high[axis] - 1e-6:
            first = 0
        elif high <= nearest.low[axis] + 1e-6:
            first = 1
        else:
            first = int(abs(high - nearest.high[axis]) < abs(low - nearest.low[axis]))
        return place_text("xy"[axis], first, (low, high, centre))
