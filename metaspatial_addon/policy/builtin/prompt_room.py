"""What a compact prompt says, read back from its text: the room, what must stay free, what stands, what is to come.

Everything is in the model's frame and on its grid, rounded so that what is free here is free in the task as well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ...core.conversation import Message
from ...core.geometry import OrientedBox
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
_ON = re.compile(r"(?<!avoid) >(?:on|inside) ([^\s]+_\d+)")

Rectangle = tuple[float, float, float, float]
"""x0, x1, y0, y1 in metres."""


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
        """Extents along x and y at a yaw, as an answer writes them."""
        ex, ey = rotated_extents(self.size, yaw)
        return tuple(float(rounded_up(extent, v.PLAN_STEP, v.PLAN_REACH)) for extent in (ex, ey))  # type: ignore[return-value]

    def box(self, yaw: float, x: float, y: float, z: float) -> OrientedBox:
        """The box that it fills; its extents where it stands square to the axes, its own size otherwise."""
        if yaw % 90 == 0:
            return OrientedBox(x, y, z, 0.0, *self.extents(yaw), self.size[2])
        return OrientedBox(x, y, z, yaw, *self.size)


@dataclass(frozen=True)
class Standing:
    """Something that stands in the room."""

    name: str
    box: OrientedBox
    covering: bool

    @property
    def kind(self) -> str:
        return self.name.rsplit("_", 1)[0]


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
                tuple(_ON.findall(middle)),
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
                found.append(Standing(name, box, " (covering)" in middle))
        return tuple(found)

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
                placed[item.name] = Standing(item.name, box, item.covering)
        return placed
