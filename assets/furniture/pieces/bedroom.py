"""Beds, wardrobes and what stands beside them."""

from __future__ import annotations

import math

from .parts import FRONT, HANDLE, arch, chest, corner_legs, fronts, rounded, splayed_legs
from .solid import Piece, builds

BEDDING = {
    "oak": ("wool light blue", "sheet"),
    "upholstered": ("wool rose", "linen"),
    "metal": ("wool sage", "sheet"),
    "pine": ("wool light blue", "sheet"),
    "white": ("wool mustard", "sheet"),
}


def bedding(
    p: Piece, blanket: str, linen: str, low: float, top: float, pillows: int, rear: float, front: float, side: float
) -> None:
    """Mattress of half width `side`, a blanket over its front two thirds, and pillows at the head."""
    p.box(linen, (-side, side), (front, rear), (low, top), 0.05, 3)
    edge = front + (rear - front) * 0.66
    p.box(blanket, (-side - 0.015, side + 0.015), (front - 0.012, edge), (low + 0.05, top + 0.02), 0.045, 3)
    p.box(linen, (-side - 0.018, side + 0.018), (edge - 0.03, edge + 0.2), (low + 0.06, top + 0.028), 0.03, 3)
    wide = 2 * side / pillows
    for i in range(pillows):
        left = -side + i * wide
        with p.moved(left + wide / 2, rear - 0.27, top + 0.07, tilt=18):
            p.cushion(linen, (-wide * 0.44, wide * 0.44), (-0.22, 0.22), (-0.075, 0.075), 3.2)
        if pillows > 1:
            with p.moved(left + wide / 2, rear - 0.4, top + 0.1, tilt=38):
                p.cushion(blanket, (-wide * 0.27, wide * 0.27), (-0.16, 0.16), (-0.055, 0.055), 3.2)


def wooden_bed(p: Piece, wood: str, dark: str, blanket: str, linen: str, pillows: int) -> None:
    """Panel headboard between posts, low foot board, side rails."""
    post = 0.035
    for sx in (-1, 1):
        p.leg(wood, (sx * (p.x - post), p.y - post, 0), (sx * (p.x - post), p.y - post, p.h), (post, post), 4)
        p.leg(wood, (sx * (p.x - post), -p.y + post, 0), (sx * (p.x - post), -p.y + post, 0.42), (post, post), 4)
        p.box(wood, (sx * (p.x - 0.05), sx * (p.x - 0.02)), (-p.y + 0.05, p.y - 0.05), (0.2, 0.34), 0.004)
    p.box(wood, (-p.x + 0.05, p.x - 0.05), (p.y - 0.055, p.y - 0.015), (p.h - 0.1, p.h - 0.01), 0.01, 2)
    p.box(dark, (-p.x + 0.05, p.x - 0.05), (p.y - 0.045, p.y - 0.02), (0.3, p.h - 0.11), 0.004)
    slats = round(p.w / 0.3)
    for i in range(slats):
        left = -p.x + 0.09 + i * (p.w - 0.18) / slats
        p.box(wood, (left, left + (p.w - 0.18) / slats - 0.02), (p.y - 0.055, p.y - 0.04), (0.34, p.h - 0.13), 0.004)
    p.box(wood, (-p.x + 0.05, p.x - 0.05), (-p.y + 0.02, -p.y + 0.05), (0.18, 0.39), 0.006)
    bedding(p, blanket, linen, 0.26, 0.52, pillows, p.y - 0.07, -p.y + 0.08, p.x - 0.055)


def metal_bed(p: Piece, metal: str, blanket: str, linen: str, pillows: int) -> None:
    """Bowed tube headboard and foot board with upright bars."""
    tube, inset = 0.016, 0.02
    for y, top, bow in ((p.y - inset, p.h, 0.14), (-p.y + inset, 0.56, 0.07)):
        side = p.x - inset
        low = top - bow - tube
        path = [(-side, y, 0), (-side, y, low)]
        path += [(-side * math.cos(math.pi * i / 10), y, low + bow * math.sin(math.pi * i / 10)) for i in range(1, 10)]
        p.tube(metal, [*path, (side, y, low), (side, y, 0)], tube, 8)
        p.tube(metal, [(-side, y, 0.3), (side, y, 0.3)], 0.012, 8)
        bars = round(p.w / 0.16)
        for i in range(1, bars):
            x = -side + 2 * side * i / bars
            p.tube(metal, [(x, y, 0.3), (x, y, low + bow * math.sqrt(1 - (x / side) ** 2))], 0.007, 6)
        for sx in (-1, 1):
            p.ball("brass", (sx * side, y, low + 0.005), (0.026, 0.019, 0.026), 12)
    for sx in (-1, 1):
        p.box(metal, (sx * (p.x - 0.035), sx * (p.x - 0.01)), (-p.y + 0.02, p.y - 0.02), (0.25, 0.31), 0.003)
    bedding(p, blanket, linen, 0.29, 0.52, pillows, p.y - 0.05, -p.y + 0.06, p.x - 0.04)


@builds("double bed")
def double_bed(p: Piece, variant: str) -> None:
    blanket, linen = BEDDING[variant]
    if variant == "oak":
        wooden_bed(p, "oak", "oak dark", blanket, linen, 2)
    elif variant == "metal":
        metal_bed(p, "iron", blanket, linen, 2)
    else:
        columns = 5
        wide = p.w / columns
        p.box("wool beige", (-p.x, p.x), (p.y - 0.07, p.y), (0.08, p.h), 0.02, 2)
        for i in range(columns):
            left = -p.x + i * wide
            p.cushion(
                "wool beige", (left + 0.002, left + wide - 0.002), (p.y - 0.13, p.y - 0.03), (0.4, p.h - 0.015), 9
            )
        p.box("wool beige", (-p.x + 0.01, p.x - 0.01), (-p.y, p.y - 0.06), (0.08, 0.33), 0.025, 2)
        for sx in (-1, 1):
            for y in (-p.y + 0.08, p.y - 0.06):
                p.leg("walnut", (sx * (p.x - 0.09), y, 0), (sx * (p.x - 0.08), y, 0.09), (0.018, 0.026), 10)
        bedding(p, blanket, linen, 0.3, 0.56, 2, p.y - 0.12, -p.y + 0.03, p.x - 0.04)


@builds("single bed")
def single_bed(p: Piece, variant: str) -> None:
    blanket, linen = BEDDING[variant]
    if variant == "metal":
        metal_bed(p, "white", "wool blue", linen, 1)
        return
    wood, dark = ("pine", "pine dark") if variant == "pine" else ("white", "white dark")
    wooden_bed(p, wood, dark, blanket, linen, 1)
    if variant == "white":
        fronts(p, "white", "brass", (-p.x + 0.12, p.x - 0.12), (0.06, 0.19), -p.y + 0.05, 1, 1, "drawer", "knob")
        p.box("white dark", (-p.x + 0.1, p.x - 0.1), (-p.y + 0.05, p.y - 0.1), (0.03, 0.2), 0.004)


@builds("nightstand")
def nightstand(p: Piece, variant: str) -> None:
    if variant == "walnut":
        p.box("walnut", (-p.x, p.x), (-p.y, p.y), (p.h - 0.022, p.h), 0.004)
        face = -p.y + FRONT + HANDLE
        p.box("walnut", (-p.x + 0.01, p.x - 0.01), (face, p.y), (p.h - 0.2, p.h - 0.022), 0.004)
        fronts(
            p,
            "walnut dark",
            "brass",
            (-p.x + 0.02, p.x - 0.02),
            (p.h - 0.195, p.h - 0.03),
            face,
            1,
            1,
            "drawer",
            "knob",
        )
        p.box("walnut", (-p.x + 0.03, p.x - 0.03), (-p.y + 0.04, p.y - 0.02), (0.14, 0.16), 0.004)
        corner_legs(p, "walnut", p.h - 0.03, 0.018, 0.012, 0.012)
        p.box("book blue", (-0.13, 0.07), (-0.1, 0.05), (0.16, 0.19), 0.003)
        p.box("book cream", (-0.11, 0.06), (-0.09, 0.05), (0.19, 0.212), 0.003)
        return
    front, handle = {"oak": ("oak dark", "iron"), "white": ("white", "brass")}[variant]
    chest(
        p,
        variant,
        front,
        handle,
        2,
        feet=0.12,
        grip="knob" if variant == "white" else "bar",
        legs="oak" if variant == "oak" else "brass",
    )


@builds("wardrobe")
def wardrobe(p: Piece, variant: str) -> None:
    face = -p.y + FRONT + HANDLE
    body = variant
    doors = {"oak": 2, "white": 3, "pine": 2}[variant]
    p.box(body, (-p.x, p.x), (-p.y + 0.012, p.y), (p.h - 0.05, p.h), 0.008, 2)
    p.box(body, (-p.x + 0.01, p.x - 0.01), (face, p.y), (0.06, p.h - 0.05), 0.004)
    p.box(body, (-p.x + 0.02, p.x - 0.02), (face + 0.02, p.y - 0.01), (0, 0.06), 0)
    low = 0.48 if variant == "pine" else 0.08
    if variant == "pine":
        fronts(p, "pine", "iron", (-p.x + 0.02, p.x - 0.02), (0.08, 0.46), face, 1, 2, "drawer", "knob")
    handle = {"oak": "iron", "white": "steel", "pine": "iron"}[variant]
    fronts(
        p,
        body,
        handle,
        (-p.x + 0.02, p.x - 0.02),
        (low, p.h - 0.06),
        face,
        doors,
        1,
        "door",
        "knob" if variant == "pine" else "bar",
    )
    wide = (p.w - 0.04) / doors
    for i in range(doors):
        left = -p.x + 0.02 + i * wide
        if variant == "white" and i == 1:
            p.box("mirror", (left + 0.06, left + wide - 0.08), (face - FRONT - 0.004, face), (0.16, p.h - 0.14), 0)
            continue
        inset = {"oak": "oak dark", "white": "white dark", "pine": "pine dark"}[variant]
        for z0, z1 in ((low + 0.07, (low + p.h) / 2 - 0.05), ((low + p.h) / 2 + 0.01, p.h - 0.13)):
            p.box(inset, (left + 0.075, left + wide - 0.075), (face - FRONT - 0.003, face), (z0, z1), 0.003)


@builds("dresser")
def dresser(p: Piece, variant: str) -> None:
    front, handle, rows, columns, legs = {
        "oak": ("oak", "iron", 3, 2, "oak dark"),
        "white": ("white", "brass", 4, 1, None),
        "walnut": ("walnut dark", "brass", 3, 3, "walnut"),
    }[variant]
    chest(
        p,
        variant,
        front,
        handle,
        rows,
        columns,
        feet=0.05 if legs is None else 0.14,
        grip="knob" if variant == "white" else "bar",
        legs=legs,
    )


@builds("vanity table")
def vanity_table(p: Piece, variant: str) -> None:
    wood, handle = {"white": ("white", "brass"), "walnut": ("walnut", "brass")}[variant]
    p.box(wood, (-p.x, p.x), (-p.y, p.y), (p.h - 0.022, p.h), 0.005)
    face = -p.y + 0.045
    p.box(wood, (-p.x + 0.05, p.x - 0.05), (face, p.y - 0.03), (p.h - 0.11, p.h - 0.022), 0.004)
    fronts(
        p,
        "white dark" if variant == "white" else "walnut dark",
        handle,
        (-p.x + 0.06, p.x - 0.06),
        (p.h - 0.108, p.h - 0.026),
        face,
        3,
        1,
        "drawer",
        "knob",
    )
    corner_legs(p, wood, p.h - 0.02, 0.025, 0.012, 0.013, sides=12)


@builds("bench")
def bench(p: Piece, variant: str) -> None:
    if variant == "oak":
        for i in range(3):
            wide = p.d / 3
            y = -p.y + i * wide
            p.box("oak", (-p.x, p.x), (y + 0.003, y + wide - 0.003), (p.h - 0.035, p.h), 0.005)
        for sx in (-1, 1):
            x = sx * (p.x - 0.12)
            for sy in (-1, 1):
                p.leg(
                    "oak dark",
                    (x + sx * 0.03, sy * (p.y - 0.05), 0),
                    (x, sy * (p.y - 0.07), p.h - 0.03),
                    (0.02, 0.025),
                    4,
                )
            p.box("oak dark", (x - 0.02, x + 0.02), (-p.y + 0.05, p.y - 0.05), (p.h - 0.085, p.h - 0.033), 0.004)
        p.box("oak dark", (-p.x + 0.12, p.x - 0.12), (-0.02, 0.02), (0.14, 0.18), 0.004)
        return
    p.box("wool blue", (-p.x, p.x), (-p.y, p.y), (p.h - 0.16, p.h - 0.02), 0.04, 3)
    for i in range(4):
        wide = p.w / 4
        p.cushion(
            "wool blue",
            (-p.x + i * wide + 0.004, -p.x + (i + 1) * wide - 0.004),
            (-p.y + 0.004, p.y - 0.004),
            (p.h - 0.12, p.h),
            6,
        )
    p.box("brass", (-p.x + 0.04, p.x - 0.04), (-p.y + 0.04, p.y - 0.04), (p.h - 0.18, p.h - 0.155), 0.003)
    splayed_legs(p, "brass", p.x - 0.09, p.y - 0.08, p.h - 0.17, (0.01, 0.016), 0.03)


@builds("floor mirror")
def floor_mirror(p: Piece, variant: str) -> None:
    """Leans back from two front feet; two struts behind it."""
    tall, lean = p.h - 0.01, 9.0
    y = -p.y + 0.05
    metal = "iron" if variant == "black" else "brass"
    with p.moved(0, y, 0.01, tilt=-lean):
        if variant == "black":
            outer, inner = (
                rounded((-p.x, p.x), (0.0, tall), 0.02),
                rounded((-p.x + 0.03, p.x - 0.03), (0.03, tall - 0.03), 0.01),
            )
        else:
            outer, inner = arch((-p.x, p.x), (0.0, tall)), arch((-p.x + 0.025, p.x - 0.025), (0.025, tall - 0.025))
        p.frame(metal, outer, inner, "y", (-0.02, 0.025))
        p.prism("mirror", inner, "y", (-0.006, 0.012))
    for sx in (-1, 1):
        x = sx * p.x * 0.72
        p.tube(
            metal,
            [(x, p.y - 0.02, 0.012), (x, y + tall * 0.72 * math.sin(math.radians(lean)) + 0.02, tall * 0.72)],
            0.011,
            8,
        )
        p.tube(metal, [(x, -p.y + 0.012, 0.012), (x, p.y - 0.012, 0.012)], 0.012, 8)
    p.tube(metal, [(-p.x * 0.72, p.y - 0.024, 0.012), (p.x * 0.72, p.y - 0.024, 0.012)], 0.011, 8)
