"""Walls by what a prompt calls them, in a certain room. North is +y of the room's frame, as in a plan."""

from __future__ import annotations

import math

from ...core.polygon import WallSegment
from ...core.task import Room

SIDES = {"north": (0.0, -1.0), "south": (0.0, 1.0), "east": (-1.0, 0.0), "west": (1.0, 0.0)}
"""The way into the room from the walls of each side."""
WALLS = (
    *(f"{side} wall" for side in SIDES),
    *("window wall", "door wall", "wall opposite the window", "wall opposite the door"),
    *("longest wall", "shortest wall"),
)
"""All names of walls; `wall` is any."""
PLACES = {"against": ("wall", *WALLS), "corner": ("room", *WALLS), "centred": ("room", *WALLS)}
"""By predicate, the objects of those that relate an item to the room. All others relate it to an item."""
OPPOSITE = {
    f"{a} wall": f"{b} wall" for a, b in (("north", "south"), ("south", "north"), ("east", "west"), ("west", "east"))
}
WITHIN_COS = math.cos(math.radians(50))


def wall_named(room: Room, name: str) -> str | None:
    """`wall_<k>` for one of WALLS, None where the room has no such wall.

    Of several walls on a side the longest is meant, of several with a window that with the widest.
    """
    side, _, rest = name.partition(" ")
    if rest == "wall" and side in SIDES:
        return _longest([w for w in room.walls if _along(w.inward, SIDES[side]) > WITHIN_COS], room)
    if name in ("longest wall", "shortest wall"):
        extreme = max if side == "longest" else min
        return f"wall_{room.walls.index(extreme(room.walls, key=lambda wall: wall.length))}"
    kind = "window" if "window" in name else "door"
    openings = [opening for opening in room.openings if opening.kind == kind]
    if not openings:
        return None
    wall = room.walls[max(openings, key=lambda opening: opening.width).wall]
    if "opposite" not in name:
        return f"wall_{room.walls.index(wall)}"
    return _longest([w for w in room.walls if _along(w.inward, wall.inward) < -WITHIN_COS], room)


def _along(a: tuple[float, float], b: tuple[float, float]) -> float:
    return a[0] * b[0] + a[1] * b[1]


def _longest(walls: list[WallSegment], room: Room) -> str | None:
    return f"wall_{room.walls.index(max(walls, key=lambda wall: wall.length))}" if walls else None
