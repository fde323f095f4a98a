"""A small top view of a layout, drawn from boxes by numpy alone in about a millisecond.

The embedded model sees this image, and training draws millions of them. A pixel has always the same length (112 pixels
for 8 m), the room's bounding box begins at the lower left corner, and a room longer than 8 m is scaled down to fit.
Items are grey; those at fault have the colour of the mark that the prompt gives them (Set-of-Mark prompting, Yang et
al. 2023, arXiv 2310.11441, by colour); a white bar is an item's front. The annotated top view for people and larger
models is that of `blender/rendering/annotate.py`.
"""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np

from ..core.polygon import wall_segments
from ..core.task import Item, Layout, Opening, Pose, Room, Task
from . import vocabulary as v
from .placing_order import placing_order
from .png import write_png
from .prompt_items import prompt_items

PLAN_METRES = 8.0
"""Metres that fill the image; longer rooms are scaled down to fit."""

MARK_COLOURS = (
    *((230, 25, 60), (40, 160, 60), (255, 215, 0), (0, 70, 225), (240, 110, 0), (140, 30, 180), (0, 215, 230)),
    *((240, 40, 220), (160, 240, 40), (255, 150, 180), (0, 125, 125), (120, 0, 0), (0, 0, 110), (120, 120, 0)),
    *((125, 85, 255), (0, 245, 140)),
)
"""The colour of each of the marks of `vocabulary`: far from each other and from grey."""
assert len(MARK_COLOURS) == v.MARKS

_OUTDOORS = (58, 60, 66)
_FLOOR = (238, 233, 222)
_WALL = (24, 24, 28)
_DOOR = (222, 96, 66)
_SWING = (246, 214, 196)
_WINDOW = (120, 196, 250)
_OUTLINE = (34, 34, 38)
_FRONT = (255, 255, 255)
_ITEM = (172, 172, 172)
_COVERING = (206, 206, 206)


def drawing_order(item: Item, pose: Pose) -> tuple[int, float]:
    """Sort key from the lowest item to the highest as seen from above: coverings, the others by their tops, ceiling."""
    return (0 if item.covering else 2 if item.mount == "ceiling" else 1, pose.z + item.size[2])


def item_marks(task: Task) -> dict[str, int]:
    """The mark of each item that can be moved, by id, in placing order. Of more items than marks several have one."""
    movable = (item for item, _ in placing_order(prompt_items(task)) if not item.locked)
    return {item.id: k % v.MARKS for k, item in enumerate(movable)}


def compact_top_view(task: Task, layout: Layout, faulty: Collection[str] = (), pixels: int = 112) -> bytes:
    """PNG of the top view, `pixels` wide and high, +x to the right and +y up. Items without a pose are not drawn, and
    those whose ids are in `faulty` are on top, in the colours of their marks."""
    canvas = _PlanCanvas(task.room, pixels)
    canvas.draw_room(task.room)
    poses = layout.everywhere(task)
    items = ((item, poses[item.id]) for item in task.items if item.id in poses)
    marks = {item_id: mark for item_id, mark in item_marks(task).items() if item_id in faulty}
    for item, pose in sorted(items, key=lambda entry: (entry[0].id in marks, *drawing_order(*entry))):
        canvas.draw_item(item, pose, marks.get(item.id))
    return write_png(canvas.pixels(), level=1)


class _PlanCanvas:
    """(N, N, 3) float pixels in the scale of the room; each shape is drawn within a window around it."""

    def __init__(self, room: Room, size: int):
        floor = np.asarray(room.floor, dtype=float)
        self.origin = floor.min(axis=0)
        extent = float((floor.max(axis=0) - self.origin).max())
        self.size = size
        self.scale = size / max(PLAN_METRES, extent)
        self.floor = (floor - self.origin) * self.scale
        self.walls = wall_segments(self.floor)
        self.rgb = np.empty((size, size, 3), np.float32)
        self.rgb[:] = _OUTDOORS

    def pixels(self) -> np.ndarray:
        """(N, N, 3) uint8, first row on top."""
        return (self.rgb[::-1] + 0.5).astype(np.uint8)

    def draw_room(self, room: Room) -> None:
        centres = np.arange(self.size, dtype=np.float32) + 0.5
        inside = np.zeros((self.size, self.size), bool)
        for (ax, ay), (bx, by) in zip(self.floor, np.roll(self.floor, -1, axis=0), strict=True):
            if ay == by:
                continue
            low, high = sorted((ay, by))
            rows = np.flatnonzero((centres >= low) & (centres < high))
            crossing = ax + (centres[rows] - ay) * (bx - ax) / (by - ay)
            inside[rows] ^= centres[None, :] > crossing[:, None]
        self.rgb[inside] = _FLOOR
        for opening in room.openings:
            if opening.kind == "door":
                self._draw_swing(room, opening)
        for a, b in zip(self.floor, np.roll(self.floor, -1, axis=0), strict=True):
            self._draw_line(a, b, 1.0, _WALL)
        for opening in room.openings:
            start, along, _ = self._wall(opening)
            first = start + along * opening.offset * self.scale
            last = first + along * opening.width * self.scale
            self._draw_line(first, last, 1.5, _DOOR if opening.kind == "door" else _WINDOW)

    def draw_item(self, item: Item, pose: Pose, mark: int | None) -> None:
        width, depth, _ = item.size
        centre = (np.array([pose.x, pose.y]) - self.origin) * self.scale
        half_width, half_depth = 0.5 * width * self.scale, 0.5 * depth * self.scale
        reach = math.hypot(half_width, half_depth) + 1
        window = self._window(centre - reach, centre + reach)
        if window is None:
            return
        part, x, y = window
        u, v = Pose(centre[0], centre[1], 0.0, pose.yaw).to_local(x, y)
        # Distance into the box from its nearest side: coverage at the rim, outline within the first pixel.
        rim = np.minimum(half_width - np.abs(u), half_depth - np.abs(v))
        covered = np.clip(rim + 0.5, 0, 1)
        outline = covered * np.clip(1.5 - rim, 0, 1)
        bar = min(0.3 * half_depth, 2.0)
        front = covered * np.clip(bar + 0.5 - (v + half_depth), 0, 1) * (np.abs(u) < 0.6 * half_width)
        colour = MARK_COLOURS[mark] if mark is not None else _COVERING if item.covering else _ITEM
        if item.mount == "ceiling" and mark is None:
            _blend(part, outline, colour)
            return
        _blend(part, covered, colour)
        if not item.covering:
            _blend(part, outline, _OUTLINE)
            _blend(part, front, _FRONT)

    def _wall(self, opening: Opening) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Start, direction and inward normal (2,) of an opening's wall, in pixels."""
        side = self.walls[opening.wall]
        return np.array(side.start), np.array(side.direction), np.array(side.inward)

    def _draw_swing(self, room: Room, opening: Opening) -> None:
        start, along, inward = self._wall(opening)
        hinge, radius = start + along * opening.offset * self.scale, opening.width * self.scale
        if opening.hinge == "end":
            hinge, along = hinge + along * radius, -along
        window = self._window(hinge - radius - 1, hinge + radius + 1)
        if window is None:
            return
        part, x, y = window
        x, y = x - hinge[0], y - hinge[1]
        u, v = x * along[0] + y * along[1], x * inward[0] + y * inward[1]
        _blend(part, np.clip(radius - np.hypot(u, v) + 0.5, 0, 1) * (u >= 0) * (v >= 0), _SWING)

    def _draw_line(self, a: np.ndarray, b: np.ndarray, half_width: float, colour: tuple[int, int, int]) -> None:
        margin = half_width + 1
        window = self._window(np.minimum(a, b) - margin, np.maximum(a, b) + margin)
        if window is None:
            return
        part, x, y = window
        along = b - a
        length = max(math.hypot(*along), 1e-9)
        along = along / length
        u = (x - a[0]) * along[0] + (y - a[1]) * along[1]
        v = (x - a[0]) * -along[1] + (y - a[1]) * along[0]
        off = np.hypot(v, u - np.clip(u, 0, length))
        _blend(part, np.clip(half_width - off + 0.5, 0, 1), colour)

    def _window(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """The pixels between two corners, and their centres' x (1, W) and y (H, 1); None outside the image."""
        x0, y0 = (min(max(math.floor(c), 0), self.size) for c in low)
        x1, y1 = (min(max(math.ceil(c), 0), self.size) for c in high)
        if x1 <= x0 or y1 <= y0:
            return None
        x = (np.arange(x0, x1, dtype=np.float32) + 0.5)[None, :]
        y = (np.arange(y0, y1, dtype=np.float32) + 0.5)[:, None]
        return self.rgb[y0:y1, x0:x1], x, y


def _blend(part: np.ndarray, cover: np.ndarray, colour: tuple[int, int, int]) -> None:
    part += cover[:, :, None].astype(np.float32) * (np.asarray(colour, np.float32) - part)
