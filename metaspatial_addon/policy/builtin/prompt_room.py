"""What a compact prompt says, read back from its text: the room, what must stay free, what stands, what is to come.

Everything is in the model's frame and on its grid, rounded so that what is free here is free in the task as well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from ...core.conversation import Message
from ...core.geometry import OrientedBox
from ...core.polygon import WallSegment, wall_segments
from ...core.relations import floor_middle
from ...prompts import vocabulary as v
from ...prompts.model_frame import rotated_extents, rounded_up

ROOM_LINE = re.compile(r"^[a-z' ]+: x([\d.]+) y([\d.]+) h([\d.]+)\n")
_RECTANGLE = r" x([\d.]+) x([\d.]+) y([\d.]+) y([\d.]+)"
_AREAS = {kind: re.compile(rf"^{kind}{_RECTANGLE}(?: z([\d.]+))?$", re.M) for kind in ("notch", "door", "window")}
_FLOOR = re.compile(r"^floor((?: x[\d.]+ y[\d.]+)+)$", re.M)
_CORNER = re.compile(r" x([\d.]+) y([\d.]+)")
_ITEM = re.compile(r"^([^\s:]+?_\d+)( .*)? w([\d.]+) d([\d.]+) h([\d.]+)$", re.M)
_FIXED = re.compile(rf" \(fixed\) yaw(\d+){_RECTANGLE} z([\d.]+)")
_MOUNT = re.compile(r"^ \((surface|wall|ceiling)\)(?: z([\d.]+))?")
_WISH = re.compile(r"( avoid)? >(\w+) (wall|room|(?:east|west|north|south) wall [xy][\d.]+|[^\s]+_\d+)")
_WALL = re.compile(r"(east|west|north|south) wall ([xy])([\d.]+)")
_INWARD = {"east": (-1.0, 0.0), "west": (1.0, 0.0), "north": (0.0, -1.0), "south": (0.0, 1.0)}

Rectangle = tuple[float, float, float, float]
"""x0, x1, y0, y1 in metres."""
SAME_LINE_M = 0.03
"""Metres between two coordinates of the same wall."""


@dataclass(frozen=True)
class Wish:
    """A relation that the prompt states. `object` is the name of an item, `room`, `wall` or a wall's words."""

    subject: str
    predicate: str
    object: str
    negated: bool


def written_extents(size: Sequence[float], yaw: float) -> tuple[float, float]:
    """Extents along x and y of something at a yaw, as an answer writes them."""
    ex, ey = rotated_extents(size, yaw)
    return tuple(float(rounded_up(extent, v.PLAN_STEP, v.PLAN_REACH)) for extent in (ex, ey))  # type: ignore[return-value]


@dataclass(frozen=True)
class PromptItem:
    """An item that is to be placed. `told_z` is the height of the underside that the prompt gives, of ceiling items;
    `carriers` are the names of what it is asked to stand on."""

    name: str
    size: tuple[float, float, float]
    mount: str
    covering: bool
    told_z: float | None = None
    carriers: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """Its category, as the token of its name says it."""
        return self.name.rsplit("_", 1)[0]

    def extents(self, yaw: float) -> tuple[float, float]:
        return written_extents(self.size, yaw)

    def box(self, yaw: float, x: float, y: float, z: float) -> OrientedBox:
        """The box that it fills; its extents where it stands square to the axes, its own size otherwise."""
        if yaw % 90 == 0:
            return OrientedBox(x, y, z, 0.0, *self.extents(yaw), self.size[2])
        return OrientedBox(x, y, z, yaw, *self.size)


@dataclass(frozen=True)
class Standing:
    """Something that stands in the room: the box that it fills, see `PromptItem.box`, and the yaw of its front."""

    name: str
    box: OrientedBox
    covering: bool
    yaw: float

    @property
    def kind(self) -> str:
        return self.name.rsplit("_", 1)[0]

    @cached_property
    def turned_box(self) -> OrientedBox:
        """The same box with its front where it looks."""
        turned = (self.yaw - self.box.yaw) % 180.0 == 90.0
        width, depth = (self.box.depth, self.box.width) if turned else (self.box.width, self.box.depth)
        return replace(self.box, yaw=self.yaw, width=width, depth=depth)


def _without(side: WallSegment, notches: Sequence[Rectangle]) -> list[WallSegment]:
    """What a side of the bounding rectangle keeps beside the notches that lie at it."""
    cuts = []
    for x0, x1, y0, y1 in notches:
        corners = [(x, y) for x in (x0, x1) for y in (y0, y1)]
        off = [(x - side.start[0]) * side.inward[0] + (y - side.start[1]) * side.inward[1] for x, y in corners]
        along = [(x - side.start[0]) * side.direction[0] + (y - side.start[1]) * side.direction[1] for x, y in corners]
        if min(off) <= 0.0:
            cuts.append((min(along), max(along)))
    kept, start = [], 0.0
    for low, high in [*sorted(cuts), (side.length, side.length)]:
        if low > start:
            kept.append(replace(side, start=side.at(start), length=low - start))
        start = max(start, high)
    return kept


@dataclass(frozen=True)
class PromptRoom:
    """The first message of a compact conversation. `corners` are those of a floor with slanted walls, empty otherwise;
    `windows` come with their sills."""

    text: str
    width: float
    depth: float
    height: float

    @classmethod
    def of(cls, text: str) -> PromptRoom:
        """Raises ValueError where the text describes no room."""
        room = ROOM_LINE.match(text)
        if room is None:
            raise ValueError("no compact prompt")
        width, depth, height = (float(group) for group in room.groups())
        return cls(text, width, depth, height)

    def _rectangles(self, kind: str) -> list[tuple[Rectangle, float]]:
        return [
            ((float(a), float(b), float(c), float(d)), float(z or 0.0))
            for a, b, c, d, z in _AREAS[kind].findall(self.text)
        ]

    @cached_property
    def notches(self) -> tuple[Rectangle, ...]:
        return tuple(rectangle for rectangle, _ in self._rectangles("notch"))

    @cached_property
    def swings(self) -> tuple[Rectangle, ...]:
        return tuple(rectangle for rectangle, _ in self._rectangles("door"))

    @cached_property
    def windows(self) -> tuple[tuple[Rectangle, float], ...]:
        return tuple(self._rectangles("window"))

    @cached_property
    def corners(self) -> tuple[tuple[float, float], ...]:
        line = _FLOOR.search(self.text)
        return tuple((float(x), float(y)) for x, y in _CORNER.findall(line[1])) if line else ()

    @cached_property
    def _lines(self) -> list[tuple[str, str, tuple[float, float, float]]]:
        return [(name, middle, (float(w), float(d), float(h))) for name, middle, w, d, h in _ITEM.findall(self.text)]

    @cached_property
    def items(self) -> dict[str, PromptItem]:
        """What is to be placed, by name, in placing order."""
        items = {}
        for name, middle, size in self._lines:
            if _FIXED.search(middle):
                continue
            mount = _MOUNT.match(middle)
            items[name] = PromptItem(
                name,
                size,
                mount[1] if mount else "floor",
                " (covering)" in middle,
                float(mount[2]) if mount and mount[2] else None,
                tuple(
                    w.object for w in self._wishes_of(name, middle) if w.predicate in ("on", "inside") and not w.negated
                ),
            )
        return items

    @cached_property
    def fixed(self) -> tuple[Standing, ...]:
        """What stands already, by its extents."""
        found = []
        for name, middle, size in self._lines:
            if place := _FIXED.search(middle):
                x0, x1, y0, y1, z = (float(group) for group in place.groups()[1:])
                box = OrientedBox((x0 + x1) / 2, (y0 + y1) / 2, z, 0.0, x1 - x0, y1 - y0, size[2])
                found.append(Standing(name, box, " (covering)" in middle, float(place[1])))
        return tuple(found)

    @staticmethod
    def _wishes_of(name: str, middle: str) -> list[Wish]:
        return [Wish(name, predicate, other, bool(avoid)) for avoid, predicate, other in _WISH.findall(middle)]

    @cached_property
    def wishes(self) -> tuple[Wish, ...]:
        return tuple(wish for name, middle, _ in self._lines for wish in self._wishes_of(name, middle))

    @cached_property
    def walls(self) -> tuple[WallSegment, ...]:
        """The walls: of a floor with corners its edges, else the sides of the rectangle and of what it lacks."""
        if self.corners:
            return wall_segments(self.corners)
        w, d = self.width, self.depth
        walls = []
        for side in wall_segments([(0.0, 0.0), (w, 0.0), (w, d), (0.0, d)]):
            walls += _without(side, self.notches)
        for x0, x1, y0, y1 in self.notches:
            sides = wall_segments([(x0, y0), (x0, y1), (x1, y1), (x1, y0)])  # clockwise: the room is outside
            inner = (x0 > 0.0, y1 < d, x1 < w, y0 > 0.0)
            walls += [side for side, is_wall in zip(sides, inner, strict=True) if is_wall]
        return tuple(walls)

    @cached_property
    def middle(self) -> tuple[float, float]:
        """The centroid of the floor."""
        if self.corners:
            return floor_middle(self.corners)
        areas = [(0.0, self.width, 0.0, self.depth), *self.notches]
        weights = [(x1 - x0) * (y1 - y0) * (-1.0 if k else 1.0) for k, (x0, x1, y0, y1) in enumerate(areas)]
        x = sum(weight * (x0 + x1) / 2 for weight, (x0, x1, _, _) in zip(weights, areas, strict=True))
        y = sum(weight * (y0 + y1) / 2 for weight, (_, _, y0, y1) in zip(weights, areas, strict=True))
        return x / sum(weights), y / sum(weights)

    def walls_named(self, words: str) -> tuple[WallSegment, ...]:
        """The walls that a wish means: all for `wall`, else those on the line that its words name."""
        named = _WALL.fullmatch(words)
        if named is None:
            return self.walls
        (ix, iy), axis, coordinate = _INWARD[named[1]], "xy".index(named[2]), float(named[3])
        return tuple(
            wall
            for wall in self.walls
            if wall.inward[0] * ix + wall.inward[1] * iy > 0.7
            and abs(wall.at(wall.length / 2)[axis] - coordinate) < SAME_LINE_M
        )

    def standing(self, messages: Sequence[Message]) -> dict[str, Standing]:
        """Where the items stand after the messages that follow the prompt; an answer that was rejected counts as not
        given."""
        placed: dict[str, Standing] = {}
        for k, message in enumerate(messages):
            rejected = k + 1 < len(messages) and messages[k + 1].text.startswith(v.WORSE)
            if message.role != "assistant" or rejected:
                continue
            for entry in json.loads(message.text[message.text.index("[") : message.text.rindex("]") + 1]):
                item = self.items[entry["id"]]
                box = item.box(entry["yaw"], entry["x"], entry["y"], entry["z"])
                placed[item.name] = Standing(item.name, box, item.covering, entry["yaw"])
        return placed
