"""Parts that several pieces share: legs, drawer and door fronts, shelves with books, outlines, pots."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .solid import Piece, Span

BOOKS = ("book red", "book blue", "book green", "book cream", "book ochre", "wool dark")
# How far fronts and handles stand before a carcass; a top slab covers them, so the bounding box is the slab's.
FRONT, HANDLE = 0.018, 0.022


def corner_legs(
    p: Piece,
    material: str,
    height: float,
    thick: float = 0.03,
    inset: float = 0.01,
    foot: float | None = None,
    sides: int = 4,
) -> None:
    """Four upright legs of half thickness `thick` (at the floor `foot`), `inset` from the edges of the footprint."""
    for sx in (-1, 1):
        for sy in (-1, 1):
            x, y = sx * (p.x - inset - thick), sy * (p.y - inset - thick)
            p.leg(material, (x, y, 0), (x, y, height), (thick if foot is None else foot, thick), sides)


def splayed_legs(
    p: Piece,
    material: str,
    x: float,
    y: float,
    height: float,
    thick: Span = (0.012, 0.02),
    splay: float = 0.04,
    sides: int = 10,
) -> None:
    """Four round legs from heads at (+-x, +-y, height) outward to the floor."""
    for sx in (-1, 1):
        for sy in (-1, 1):
            p.leg(material, (sx * (x + splay), sy * (y + splay), 0), (sx * x, sy * y, height), thick, sides)


def fronts(
    p: Piece,
    material: str,
    handle: str,
    x: Span,
    z: Span,
    y: float,
    columns: int,
    rows: int,
    kind: str = "drawer",
    grip: str = "bar",
) -> None:
    """Tile a carcass front at depth `y` with drawer fronts or doors; grip is "bar", "knob" or "none"."""
    wide, tall, gap = (x[1] - x[0]) / columns, (z[1] - z[0]) / rows, 0.004
    for i in range(columns):
        for k in range(rows):
            left, low = x[0] + i * wide, z[0] + k * tall
            p.box(material, (left + gap, left + wide - gap), (y - FRONT, y), (low + gap, low + tall - gap), 0.003)
            if kind == "drawer":
                place = left + wide / 2, low + tall * 0.62
                across = True
            else:
                opens_left = i % 2 == 0 and columns > 1
                place = left + (wide - 0.045 if opens_left or columns == 1 else 0.045), low + tall * 0.55
                across = False
            pull(p, handle, place, y - FRONT, grip, across, min(0.16, wide * 0.4 if across else tall * 0.4))


def pull(p: Piece, material: str, place: Span, y: float, grip: str, across: bool, length: float) -> None:
    """A handle at (x, z) on a front whose outer face is at depth `y`, standing out by `HANDLE`."""
    x, z = place
    if grip == "knob":
        p.tube(material, [(x, y, z), (x, y - HANDLE * 0.5, z), (x, y - HANDLE, z)], (0.006, 0.012, 0.009), 8)
    elif grip == "bar":
        half = length / 2
        ends = [(x - half, z), (x + half, z)] if across else [(x, z - half), (x, z + half)]
        (xa, za), (xb, zb) = ends
        out = y - HANDLE + 0.005
        p.tube(material, [(xa, y, za), (xa, out, za), (xb, out, zb), (xb, y, zb)], 0.005, 6)


def chest(
    p: Piece,
    body: str,
    front: str,
    handle: str,
    rows: int,
    columns: int = 1,
    feet: float = 0.08,
    kind: str = "drawer",
    grip: str = "bar",
    legs: str | None = None,
) -> None:
    """Carcass on feet under a top slab that covers the whole footprint, its front tiled with drawers or doors."""
    slab = 0.025
    face = -p.y + FRONT + HANDLE
    p.box(body, (-p.x, p.x), (-p.y, p.y), (p.h - slab, p.h), 0.004)
    p.box(body, (-p.x + 0.008, p.x - 0.008), (face, p.y), (feet, p.h - slab), 0.003)
    fronts(
        p, front, handle, (-p.x + 0.02, p.x - 0.02), (feet + 0.015, p.h - slab - 0.01), face, columns, rows, kind, grip
    )
    if legs is None:
        p.box(body, (-p.x + 0.03, p.x - 0.03), (face + 0.02, p.y), (0, feet), 0)
    else:
        corner_legs(p, legs, feet, 0.02, 0.025, 0.013, sides=10)


def shelves(
    p: Piece,
    material: str,
    x: Span,
    y: Span,
    z: Span,
    levels: int,
    columns: int = 1,
    thick: float = 0.02,
    back: str | None = None,
) -> list[tuple[Span, Span, Span]]:
    """An open case; returns the free spans (x, y, z) of its compartments from the bottom up."""
    for i in range(columns + 1):
        left = x[0] + i * (x[1] - x[0] - thick) / columns
        p.box(material, (left, left + thick), y, z, 0.002)
    p.box(
        back or material,
        (x[0] + thick / 2, x[1] - thick / 2),
        (y[1] - 0.01, y[1] - 0.001),
        (z[0] + 0.003, z[1] - 0.003),
        0,
    )
    step = (z[1] - z[0] - thick) / levels
    for k in range(levels + 1):
        # A hair inside the sides everywhere: coinciding faces would flicker.
        p.box(
            material,
            (x[0] + 0.002, x[1] - 0.002),
            (y[0] + 0.002, y[1] - 0.002),
            (z[0] + k * step + 0.001, z[0] + k * step + thick - (0.001 if k == levels else 0)),
            0.001,
        )
    cells = []
    wide = (x[1] - x[0] - thick) / columns
    for k in range(levels):
        for i in range(columns):
            cells.append(
                (
                    (x[0] + i * wide + thick, x[0] + (i + 1) * wide),
                    (y[0], y[1] - 0.01),
                    (z[0] + k * step + thick, z[0] + (k + 1) * step),
                )
            )
    return cells


def row_of_books(p: Piece, x: Span, y: Span, z: float, tallest: float) -> None:
    """Upright books side by side from x[0] to about x[1], spines at the front edge y[0]."""
    left = x[0]
    while left < x[1] - 0.02:
        thick = min(p.random.uniform(0.02, 0.045), x[1] - left)
        tall = tallest * p.random.uniform(0.72, 1.0)
        deep = min(y[1] - y[0], p.random.uniform(0.15, 0.2))
        cover = p.random.choice(BOOKS)
        p.box(cover, (left, left + thick - 0.001), (y[0], y[0] + deep), (z, z + tall), 0)
        p.box(
            "paper",
            (left + 0.003, left + thick - 0.004),
            (y[0] + 0.004, y[0] + deep - 0.001),
            (z + tall - 0.001, z + tall + 0.001),
            0,
        )
        left += thick


def fill_shelf(p: Piece, cell: tuple[Span, Span, Span], kind: int) -> None:
    """Things in a compartment: books, a few books and a vase, a basket, or nothing but a bowl."""
    (x0, x1), (y0, y1), (z0, z1) = cell
    room, wide, front = z1 - z0, x1 - x0, y0 + 0.03
    if kind == 0:
        row_of_books(p, (x0 + 0.01, x0 + wide * 0.85), (front, y1), z0, min(0.27, room * 0.88))
    elif kind == 1:
        row_of_books(p, (x0 + 0.01, x0 + wide * 0.5), (front, y1), z0, min(0.25, room * 0.85))
        tall = min(0.2, room * 0.75)
        x, y = x0 + wide * 0.76, (y0 + y1) / 2
        p.spindle(
            "ceramic blue",
            [
                (x, y, z0, 0.03),
                (x, y, z0 + tall * 0.4, 0.055),
                (x, y, z0 + tall * 0.8, 0.022),
                (x, y, z0 + tall, 0.032),
            ],
            14,
        )
    elif kind == 2:
        tall = min(0.18, room * 0.7)
        p.box("wicker", (x0 + 0.03, x1 - 0.03), (front, y1 - 0.02), (z0, z0 + tall), 0.015, 2)
        p.box(
            "wicker dark",
            (x0 + 0.025, x1 - 0.025),
            (front - 0.005, y1 - 0.015),
            (z0 + tall - 0.02, z0 + tall + 0.004),
            0.004,
        )
    else:
        row_of_books(p, (x0 + wide * 0.35, x1 - 0.01), (front, y1), z0, min(0.26, room * 0.86))


def ellipse(rx: float, ry: float, count: int = 32, x: float = 0, y: float = 0) -> list[Span]:
    """Outline of an ellipse, counter-clockwise."""
    return [(x + rx * math.cos(math.tau * i / count), y + ry * math.sin(math.tau * i / count)) for i in range(count)]


def rounded(x: Span, y: Span, radius: float | Sequence[float], steps: int = 6) -> list[Span]:
    """Outline of a rectangle with rounded corners; four radii go lower left, lower right, upper right, upper left."""
    radii = [radius] * 4 if isinstance(radius, int | float) else list(radius)
    outline: list[Span] = []
    for k, (cx, cy) in enumerate(((x[0], y[0]), (x[1], y[0]), (x[1], y[1]), (x[0], y[1]))):
        r = radii[k]
        mx = cx + (r if cx == x[0] else -r)
        my = cy + (r if cy == y[0] else -r)
        if r < 1e-6:
            outline.append((cx, cy))
            continue
        for i in range(steps + 1):
            angle = math.pi + math.pi / 2 * (k + i / steps)
            outline.append((mx + r * math.cos(angle), my + r * math.sin(angle)))
    return outline


def arch(x: Span, z: Span, count: int = 16) -> list[Span]:
    """Outline of a door-like arch: square below, half round above."""
    radius, middle = (x[1] - x[0]) / 2, (x[0] + x[1]) / 2
    bow = [
        (middle + radius * math.cos(math.pi * i / count), z[1] - radius + radius * math.sin(math.pi * i / count))
        for i in range(count + 1)
    ]
    return [(x[0], z[0]), (x[1], z[0]), *bow]


def pot(p: Piece, material: str, radius: float, height: float, foot: float = 0.75, x: float = 0, y: float = 0) -> None:
    """A plant pot with a rim, filled with soil."""
    wall = max(0.006, radius * 0.07)
    p.shell(
        material,
        [
            (0.001, 0),
            (radius * foot, 0),
            (radius, height),
            (radius - wall, height),
            (radius - wall * 1.5, height * 0.9),
            (0.001, height * 0.9),
        ],
        x,
        y,
        24,
    )
    p.cylinder("soil", x, y, (height * 0.85, height * 0.93), radius - wall * 1.6, sides=20)
