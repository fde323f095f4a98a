"""What is drawn into the pixels of a top view after its render: walls in section, doors with their swing, windows,
metre ticks, item outlines, front arrows and names.

`PlanFrame` says where a metre lies in the image; the renderer's camera and this module share it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...core.geometry import OrientedBox
from ...core.task import Item, Layout, Opening, Pose, Room, Task
from ...prompts.plan import drawing_order
from ...prompts.prompt_items import prompt_items
from ..physics.room_meshes import WALL_THICKNESS_M
from .canvas import Canvas, Colour
from .labels import Label, place_labels

NAMES_FROM = 320
"""Pixels below which items are labelled by their number in the task's list (from 1) instead of their name."""

WALL: Colour = (48, 50, 56)
PAPER: Colour = (248, 247, 244)
INK: Colour = (24, 26, 32)
DOOR: Colour = (190, 78, 40)
WINDOW: Colour = (52, 140, 214)
FRONT: Colour = (226, 44, 58)
HANGING: Colour = (128, 60, 190)
LOCKED: Colour = (96, 96, 104)


@dataclass(frozen=True)
class PlanFrame:
    """A square image of `pixels` with `scale` pixels a metre; the room's origin lies at (`left`, `top`)."""

    pixels: int
    scale: float
    left: float
    top: float

    @classmethod
    def of(cls, room: Room, pixels: int) -> PlanFrame:
        """The largest frame that shows the whole room with its walls, and room for the ticks beside it."""
        floor = np.asarray(room.floor)
        low, high = floor.min(axis=0) - WALL_THICKNESS_M, floor.max(axis=0) + WALL_THICKNESS_M
        ticks, rim = round(0.07 * pixels), round(0.02 * pixels)
        free = pixels - ticks - rim
        scale = float(free / (high - low).max())
        spare = free - scale * (high - low)
        left = ticks + 0.5 * spare[0] - scale * low[0]
        top = rim + 0.5 * spare[1] + scale * high[1]
        return cls(pixels, scale, float(left), float(top))

    def at(self, points: object) -> np.ndarray:
        """Pixel positions (..., 2) of points (..., 2) in metres."""
        p = np.asarray(points, dtype=float)
        return np.stack([self.left + self.scale * p[..., 0], self.top - self.scale * p[..., 1]], axis=-1)

    @property
    def centre(self) -> tuple[float, float]:
        """The point of the room's frame in the middle of the image."""
        return (0.5 * self.pixels - self.left) / self.scale, (self.top - 0.5 * self.pixels) / self.scale

    @property
    def extent(self) -> float:
        """Metres from edge to edge."""
        return self.pixels / self.scale


def annotate(pixels: np.ndarray, frame: PlanFrame, task: Task, layout: Layout) -> np.ndarray:
    """(N, N, 3) uint8: a rendered top view with all marks drawn in.

    Items that the conversation does not list are seen as the render shows them, without marks.
    """
    canvas = Canvas(pixels)
    unit = frame.pixels / 512
    _draw_grid(canvas, frame, task.room)
    for k in range(len(task.room.floor)):
        outline = frame.at(_wall_outline(task.room, k))
        canvas.polygon(outline, WALL)
        canvas.line(outline[[0, 3]], 1.0, WALL)  # closes the seam to the neighbouring wall
    for opening in task.room.openings:
        _draw_opening(canvas, frame, task.room, opening, unit)
    _draw_ticks(canvas, frame, task.room, unit)
    poses = layout.everywhere(task)
    listed = [(item, poses[item.id]) for item in prompt_items(task) if item.id in poses]
    placed = sorted(listed, key=lambda entry: drawing_order(*entry))
    for item, pose in placed:
        _draw_outline(canvas, frame, item, pose, unit)
    arrows = [_draw_front(canvas, frame, item, pose, unit) for item, pose in placed if not item.covering]
    height = (13.0 if len(placed) <= 20 else 11.0) * max(unit, 0.75)
    numbers = {item.id: str(k + 1) for k, item in enumerate(task.items)}
    labels = [
        Label(
            item.id if frame.pixels >= NAMES_FROM else numbers[item.id],
            frame.at(OrientedBox.of(item, pose).corners),
            HANGING if item.mount == "ceiling" else LOCKED if item.locked else INK,
        )
        for item, pose in placed
    ]
    floor = np.asarray(task.room.floor)
    low = frame.at(floor.min(axis=0) - WALL_THICKNESS_M)
    bounds = np.array([low[0], 0, frame.pixels, low[1]])  # the ticks have the left and the lower margin to themselves
    for spot in place_labels(labels, np.array(arrows).reshape(-1, 4), height, bounds):
        if spot.leader is not None:
            canvas.line(spot.leader, 1.0, spot.label.colour, 0.8)
        canvas.text(spot.label.text, *spot.middle, height, spot.label.colour, halo=PAPER)
    return canvas.pixels()


def _wall_outline(room: Room, k: int) -> list[tuple[float, float]]:
    """The wall's section: inner edge and the outer one, mitred at its corners."""
    n = len(room.floor)
    here = room.walls[k]
    outer = []
    for corner, other in ((k, room.walls[k - 1]), ((k + 1) % n, room.walls[(k + 1) % n])):
        x, y = room.floor[corner]
        # The outer corner lies on both walls' outer lines; a cap keeps very sharp corners short.
        bx, by = here.inward[0] + other.inward[0], here.inward[1] + other.inward[1]
        stretch = WALL_THICKNESS_M / max(0.5 * (bx * bx + by * by), 0.3)
        outer.append((x - bx * stretch, y - by * stretch))
    return [room.floor[k], room.floor[(k + 1) % n], outer[1], outer[0]]


def _draw_grid(canvas: Canvas, frame: PlanFrame, room: Room) -> None:
    """Faint lines at every metre, on the floor alone."""
    before = canvas.rgb.copy()
    floor = np.asarray(room.floor)
    (x0, y0), (x1, y1) = floor.min(axis=0), floor.max(axis=0)
    for x in range(math.ceil(x0), math.floor(x1) + 1):
        canvas.line(frame.at([(x, y0), (x, y1)]), 1.0, INK, 0.12)
    for y in range(math.ceil(y0), math.floor(y1) + 1):
        canvas.line(frame.at([(x0, y), (x1, y)]), 1.0, INK, 0.12)
    canvas.keep_inside(frame.at(floor), before)


def _draw_ticks(canvas: Canvas, frame: PlanFrame, room: Room, unit: float) -> None:
    """Metres along the lower and the left side, numbers where there is space for them."""
    floor = np.asarray(room.floor)
    (x0, y0), (x1, y1) = floor.min(axis=0), floor.max(axis=0)
    left, bottom = frame.at((x0 - WALL_THICKNESS_M, y0 - WALL_THICKNESS_M)) + (-4 * unit, 4 * unit)
    height = max(12.0 * unit, 9.0)
    canvas.line([(frame.at((x0, 0))[0], bottom), (frame.at((x1, 0))[0], bottom)], 1.0, INK)
    canvas.line([(left, frame.at((0, y0))[1]), (left, frame.at((0, y1))[1])], 1.0, INK)
    for half in range(math.ceil(2 * x0 - 1e-9), math.floor(2 * x1 + 1e-9) + 1):
        x, whole = frame.at((half / 2, 0))[0], half % 2 == 0
        canvas.line([(x, bottom), (x, bottom + (5 if whole else 3) * unit)], 1.0, INK)
        if whole:
            canvas.text(str(half // 2), x, bottom + 12 * unit, height, INK)
    for half in range(math.ceil(2 * y0 - 1e-9), math.floor(2 * y1 + 1e-9) + 1):
        y, whole = frame.at((0, half / 2))[1], half % 2 == 0
        canvas.line([(left, y), (left - (5 if whole else 3) * unit, y)], 1.0, INK)
        if whole:
            canvas.text(str(half // 2), left - 12 * unit, y, height, INK)
    canvas.text("x", frame.at((x1, 0))[0] + 11 * unit, bottom + 12 * unit, height, INK)
    canvas.text("y", left - 12 * unit, frame.at((0, y1))[1] - 12 * unit, height, INK)
    canvas.text("m", left - 12 * unit, bottom + 12 * unit, height, INK)


def _draw_opening(canvas: Canvas, frame: PlanFrame, room: Room, opening: Opening, unit: float) -> None:
    edge = room.walls[opening.wall]
    inward = np.asarray(edge.inward)
    first, last = np.array(edge.at(opening.offset)), np.array(edge.at(opening.offset + opening.width))
    out = WALL_THICKNESS_M * inward
    canvas.polygon(frame.at([first, last, last - out, first - out]), PAPER)
    if opening.kind == "window":
        for share in (0.0, 0.5, 1.0):
            canvas.line(frame.at([first - share * out, last - share * out]), 2.0 * unit, WINDOW)
        return
    hinge, along = (np.array(part) for part in room.hinge(opening))
    angles = np.linspace(0, math.pi / 2, 25)[:, None]
    arc = hinge + opening.width * (np.cos(angles) * along + np.sin(angles) * inward)
    canvas.polygon(frame.at([hinge, *arc]), DOOR, 0.16)
    canvas.line(frame.at(arc), 1.2 * unit, DOOR)
    canvas.line(frame.at([hinge, arc[-1]]), 3.0 * unit, DOOR)


def _draw_outline(canvas: Canvas, frame: PlanFrame, item: Item, pose: Pose, unit: float) -> None:
    corners = frame.at(OrientedBox.of(item, pose).corners)
    if item.mount != "ceiling":
        canvas.line(corners, 1.0 * unit, INK, 0.25 if item.covering else 0.55, closed=True)
        return
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        dashes = max(round(math.dist(a, b) / (6 * unit)), 1)
        for k in range(dashes):
            ends = a + np.outer([k / dashes, (k + 0.55) / dashes], b - a)
            canvas.line(ends, 1.4 * unit, HANGING)


def _draw_front(canvas: Canvas, frame: PlanFrame, item: Item, pose: Pose, unit: float) -> np.ndarray:
    """An arrow from inside the item out over its front edge. Returns the box (4,) that it takes."""
    box = OrientedBox.of(item, pose)
    front = np.array([box.front[0], -box.front[1]])
    side = np.array([-front[1], front[0]])
    edge = frame.at((pose.x, pose.y)) + front * 0.5 * item.size[1] * frame.scale
    shaft = min(0.3 * item.size[1] * frame.scale, 14 * unit)
    colour = HANGING if item.mount == "ceiling" else FRONT
    reach, half = 7.5 * unit, 4.2 * unit
    for grow, paint in ((1.6 * unit, PAPER), (0.0, colour)):
        canvas.line([edge - front * shaft, edge], 1.8 * unit + 1.5 * grow, paint)
        base, tip = edge - front * (0.5 * unit + grow), edge + front * (reach + 1.4 * grow)
        canvas.polygon([base - side * (half + 1.3 * grow), tip, base + side * (half + 1.3 * grow)], paint)
    ends = np.array([edge - front * shaft, edge + front * reach])
    return np.concatenate([ends.min(axis=0) - half, ends.max(axis=0) + half])
