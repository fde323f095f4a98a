"""Stations: the places at a host where its guests stand, such as a chair at a side of its table.

A station is told in the host's own frame, so that it holds at any place and yaw of the host.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...core.furniture import Way
from ...core.geometry import OrientedBox
from ...core.place_grid import PlaceGrid
from .prompt_room import PromptItem

ALONG_M = 0.05
"""Metres by which a guest may reach beyond the end of its host's side, and may be off its seat."""
SEAT_M = 0.6
"""Metres of a table's edge that one who sits there needs."""

Side = Literal["front", "back", "left", "right"]
ROUND: tuple[Side, ...] = ("front", "right", "back", "left")
_TOWARDS = {"front": 180.0, "right": 270.0, "back": 0.0, "left": 90.0}
"""Yaw, less that of its host, at which a guest at a side looks at the host."""


@dataclass(frozen=True)
class Station:
    """A place at a host, in the host's frame: sides, least and greatest gap in metres, how it is placed along the side
    (within it, at seats that share it evenly, in its middle, or backs in line; all but the first to `spare` metres),
    and where it looks."""

    sides: tuple[Side, ...]
    gap: tuple[float, float]
    along: Literal["within", "seats", "middle", "backs"]
    spare: float
    looks: Literal["at it", "along", "either"]


STATIONS: dict[Way, Station] = {
    "around": Station(ROUND, (0.0, 0.1), "seats", ALONG_M, "at it"),
    "tuck": Station(("front",), (0.0, 0.1), "middle", 0.1, "at it"),
    "beside": Station(("left", "right"), (0.0, 0.15), "backs", 0.1, "along"),
    "before": Station(("front",), (0.3, 0.5), "middle", 0.15, "either"),
    "foot": Station(("front",), (0.0, 0.15), "middle", 0.1, "along"),
    "opposite": Station(("front",), (1.2, 4.0), "middle", 0.3, "at it"),
    "run": Station(("left", "right"), (0.0, 0.05), "backs", 0.05, "along"),
}
AT_LOW_TABLE = Station(ROUND, (0.3, 0.6), "within", 0.0, "at it")


def at_station(
    station: Station, item: PromptItem, yaw: float, host: OrientedBox, grid: PlaceGrid, sides: Collection[Side]
) -> np.ndarray:
    """Where an item at a yaw is at a station of its host, at one of some sides: (nx, ny) bool."""
    met = np.zeros((len(grid.xs), len(grid.ys)), bool)
    turn = (yaw - host.yaw) % 360.0
    if turn % 90.0 or station.looks == "along" and turn:
        return met
    width, depth = (item.size[1], item.size[0]) if turn % 180.0 else item.size[:2]
    u, w = host.to_local(grid.xs[:, None], grid.ys[None, :])
    for side in station.sides:
        if side not in sides or station.looks == "at it" and turn != _TOWARDS[side]:
            continue
        sign = -1.0 if side in ("front", "left") else 1.0
        if side in ("front", "back"):
            off, along = sign * w - (host.depth + depth) / 2, u
            length, wide, in_line = host.width, width, 0.0
        else:
            off, along = sign * u - (host.width + width) / 2, w
            length, wide, in_line = host.depth, depth, (host.depth - depth) / 2
        if station.along == "within":
            beside = np.abs(along) <= max((length - wide) / 2, 0.0) + ALONG_M
        elif station.along == "seats":
            share = length / seats(length, wide)
            off_seat = np.abs((along + length / 2) % share - share / 2)
            beside = (np.abs(along) <= length / 2) & (off_seat <= station.spare)
        else:
            beside = np.abs(along - (in_line if station.along == "backs" else 0.0)) <= station.spare
        low, high = station.gap
        met |= (off >= low - 1e-6) & (off <= high + 1e-6) & beside
    return met


def seats(length: float, width: float) -> int:
    """How many of a width sit at a side of a table."""
    return max(int(length / max(width + ALONG_M, SEAT_M) + 1e-6), 1)


def side_of(host: OrientedBox, guest: OrientedBox) -> Side:
    """The side of a host that a guest stands at."""
    u, w = host.to_local(guest.x, guest.y)
    if abs(u) - host.width / 2 > abs(w) - host.depth / 2:
        return "right" if u > 0 else "left"
    return "back" if w > 0 else "front"
