"""Tables, chairs and display cabinets of the dining room."""

from __future__ import annotations

import math

from .parts import FRONT, HANDLE, corner_legs, fronts, rounded
from .solid import Piece, builds


@builds("dining table")
def dining_table(p: Piece, variant: str) -> None:
    if variant == "round":
        p.spindle(
            "oak",
            [
                (0, 0, p.h - 0.035, p.x - 0.02),
                (0, 0, p.h - 0.02, p.x),
                (0, 0, p.h - 0.005, p.x),
                (0, 0, p.h, p.x - 0.005),
            ],
            56,
        )
        p.spindle(
            "oak dark",
            [
                (0, 0, 0, 0.27),
                (0, 0, 0.02, 0.27),
                (0, 0, 0.035, 0.22),
                (0, 0, 0.06, 0.06),
                (0, 0, 0.3, 0.045),
                (0, 0, 0.64, 0.05),
                (0, 0, p.h - 0.034, 0.16),
            ],
            28,
        )
        return
    wood, dark, slab = {
        "oak": ("oak", "oak dark", 0.035),
        "white": ("white", "oak", 0.03),
        "walnut": ("walnut", "walnut dark", 0.04),
    }[variant]
    if variant == "white":
        p.prism(wood, rounded((-p.x, p.x), (-p.y, p.y), 0.05), "z", (p.h - slab, p.h))
    else:
        boards = 4
        for i in range(boards):
            y = -p.y + i * p.d / boards
            p.box(wood, (-p.x, p.x), (y, y + p.d / boards), (p.h - slab, p.h), 0.0025)
    for sy in (-1, 1):
        p.box(
            dark,
            (-p.x + 0.05, p.x - 0.05),
            (sy * (p.y - 0.055), sy * (p.y - 0.035)),
            (p.h - slab - 0.055, p.h - slab),
            0.002,
        )
    for sx in (-1, 1):
        p.box(
            dark,
            (sx * (p.x - 0.055), sx * (p.x - 0.035)),
            (-p.y + 0.05, p.y - 0.05),
            (p.h - slab - 0.055, p.h - slab),
            0.002,
        )
    if variant == "white":
        corner_legs(p, dark, p.h - slab, 0.028, 0.018, 0.018, sides=12)
    else:
        corner_legs(p, dark, p.h - slab, 0.034, 0.01, 0.026)


def back_posts(p: Piece, material: str, seat: float, x: float, thick: float = 0.017) -> None:
    """Rear legs that go on above the seat, leaning back to the rear edge."""
    for sx in (-1, 1):
        p.spindle(
            material,
            [
                (sx * x, p.y - 0.03, 0, thick * 1.2),
                (sx * x, p.y - 0.07, seat - 0.06, thick * 1.4),
                (sx * x, p.y - 0.06, seat + 0.1, thick * 1.4),
                (sx * x, p.y - 0.02, p.h - 0.02, thick),
            ],
            4,
        )


@builds("dining chair")
def dining_chair(p: Piece, variant: str) -> None:
    seat = 0.46
    side = p.x - 0.03
    if variant == "white":
        p.prism(
            "plastic white",
            rounded((-p.x + 0.01, p.x - 0.01), (-p.y, p.y - 0.05), (0.1, 0.1, 0.06, 0.06)),
            "z",
            (seat - 0.03, seat),
        )
        with p.moved(0, p.y - 0.075, seat - 0.02, tilt=-9):
            p.prism(
                "plastic white",
                rounded((-p.x, p.x), (0, (p.h - seat + 0.02) / 0.99), (0.05, 0.05, 0.15, 0.15)),
                "y",
                (-0.012, 0.014),
            )
        for sx in (-1, 1):
            p.leg("oak", (sx * side, -p.y + 0.03, 0), (sx * (side - 0.07), -p.y + 0.1, seat - 0.02), (0.011, 0.018), 10)
            p.leg("oak", (sx * side, p.y - 0.03, 0), (sx * (side - 0.07), p.y - 0.12, seat - 0.02), (0.011, 0.018), 10)
            p.tube("iron", [(sx * (side - 0.05), -p.y + 0.09, 0.25), (-sx * (side - 0.05), p.y - 0.1, 0.25)], 0.006, 6)
        return
    if variant == "grey":
        p.cushion("wool grey", (-p.x, p.x), (-p.y, p.y - 0.06), (seat - 0.1, seat), 8)
        with p.moved(0, p.y - 0.09, seat - 0.05, tilt=-7):
            p.cushion("wool grey", (-p.x + 0.01, p.x - 0.01), (-0.04, 0.045), (0, (p.h - seat + 0.05) / 0.99), 7)
        for sx in (-1, 1):
            p.leg(
                "walnut", (sx * side, -p.y + 0.04, 0), (sx * (side - 0.03), -p.y + 0.08, seat - 0.06), (0.012, 0.022), 4
            )
            p.leg(
                "walnut", (sx * side, p.y - 0.02, 0), (sx * (side - 0.03), p.y - 0.12, seat - 0.06), (0.012, 0.022), 4
            )
        return
    wood, cloth = {"oak": ("oak", "wool beige"), "black": ("black", None)}[variant]
    p.box(wood, (-p.x, p.x), (-p.y, p.y - 0.045), (seat - 0.05, seat - (0.025 if cloth else 0.0)), 0.008, 2)
    if cloth:
        p.cushion(cloth, (-p.x + 0.015, p.x - 0.015), (-p.y + 0.012, p.y - 0.085), (seat - 0.05, seat), 9)
    back_posts(p, wood, seat, side)
    for sx in (-1, 1):
        p.leg(wood, (sx * side, -p.y + 0.03, 0), (sx * side, -p.y + 0.03, seat - 0.04), (0.015, 0.02), 4)
        p.box(wood, (sx * side - 0.008, sx * side + 0.008), (-p.y + 0.04, p.y - 0.06), (0.2, 0.23), 0.002)
    if variant == "oak":
        for z in (seat + 0.12, seat + 0.21, p.h - 0.07):
            y = p.y - 0.06 + 0.04 * (z - seat - 0.1) / (p.h - seat - 0.12)
            p.box(wood, (-side, side), (y - 0.009, y + 0.009), (z, z + (0.07 if z > p.h - 0.1 else 0.04)), 0.004)
    else:
        p.box(wood, (-side - 0.02, side + 0.02), (p.y - 0.04, p.y - 0.008), (p.h - 0.07, p.h), 0.008, 2)
        for i in range(5):
            x = -side * 0.75 + side * 1.5 * i / 4
            p.tube(wood, [(x, p.y - 0.065, seat - 0.02), (x, p.y - 0.025, p.h - 0.05)], 0.008, 8)


def crockery(p: Piece, z: float, y: float, half: float, kind: int) -> None:
    """A row of plates, bowls or glasses on a shelf."""
    if kind == 0:
        for i in range(3):
            x = -half * 0.7 + half * 0.7 * i
            for k in range(4):
                p.cylinder("ceramic", x, y, (z + 0.012 * k, z + 0.012 * k + 0.008), 0.05, 0.085, 18)
    elif kind == 1:
        for i in range(6):
            x = -half * 0.8 + half * 1.6 * i / 5
            p.spindle(
                "glass",
                [
                    (x, y, z, 0.022),
                    (x, y, z + 0.008, 0.022),
                    (x, y, z + 0.012, 0.004),
                    (x, y, z + 0.06, 0.004),
                    (x, y, z + 0.1, 0.03),
                    (x, y, z + 0.14, 0.024),
                ],
                10,
            )
    else:
        for i in range(3):
            x = -half * 0.65 + half * 0.65 * i
            p.spindle(
                "ceramic blue" if i == 1 else "ceramic",
                [
                    (x, y, z, 0.03),
                    (x, y, z + 0.05, 0.06),
                    (x, y, z + 0.12, 0.055),
                    (x, y, z + 0.15, 0.03),
                    (x, y, z + 0.16, 0.034),
                ],
                16,
            )


@builds("china cabinet")
def china_cabinet(p: Piece, variant: str) -> None:
    """Closed doors below, glazed case with crockery above, cornice on top."""
    face, waist, foot = -p.y + FRONT + HANDLE, 0.78, 0.07
    dark, handle = {"oak": ("oak dark", "iron"), "white": ("white dark", "brass")}[variant]
    doors = 2 if variant == "oak" else 3
    p.box(variant, (-p.x + 0.03, p.x - 0.03), (face + 0.01, p.y), (0, foot), 0.003)
    p.box(variant, (-p.x + 0.015, p.x - 0.015), (face, p.y), (foot, waist), 0.004)
    p.box(variant, (-p.x, p.x), (-p.y, p.y), (waist, waist + 0.03), 0.006)
    fronts(
        p,
        dark if variant == "oak" else variant,
        handle,
        (-p.x + 0.03, p.x - 0.03),
        (foot + 0.02, waist - 0.01),
        face,
        doors,
        1,
        "door",
        "knob",
    )
    x, front = p.x - 0.03, -p.y + 0.09
    for sx in (-1, 1):
        p.box(variant, (sx * x, sx * (x - 0.025)), (front, p.y), (waist + 0.03, p.h - 0.04), 0.003)
    p.box(dark, (-x + 0.01, x - 0.01), (p.y - 0.012, p.y - 0.002), (waist + 0.03, p.h - 0.04), 0)
    p.box(variant, (-x - 0.01, x + 0.01), (front - 0.015, p.y - 0.001), (p.h - 0.07, p.h - 0.03), 0.003)
    p.box(variant, (-p.x, p.x), (front - 0.035, p.y), (p.h - 0.04, p.h), 0.01, 2)
    step = (p.h - 0.07 - waist - 0.03) / 3
    for k in range(3):
        z = waist + 0.03 + k * step
        if k:
            p.box(variant, (-x + 0.02, x - 0.02), (front + 0.03, p.y - 0.01), (z - 0.016, z), 0.002)
        crockery(p, z, (front + p.y) / 2 + 0.02, x - 0.05, (2, 0, 1)[k])
    wide = 2 * (x - 0.025) / doors
    for i in range(doors):
        left = -x + 0.025 + i * wide
        outer = rounded((left + 0.003, left + wide - 0.003), (waist + 0.035, p.h - 0.075), 0.001, 1)
        inner = rounded((left + 0.04, left + wide - 0.04), (waist + 0.075, p.h - 0.115), 0.001, 1)
        p.frame(variant, outer, inner, "y", (front, front + 0.02))
        p.prism("glass", inner, "y", (front + 0.008, front + 0.012))
        p.ball(
            handle,
            (left + (wide - 0.02 if i % 2 == 0 else 0.02), front - 0.012, waist + 0.45),
            (0.011, 0.014, 0.011),
            10,
        )


@builds("bar cart")
def bar_cart(p: Piece, variant: str) -> None:
    """Two trays between tube posts on castors, bottles and glasses on them."""
    metal, tray = {"brass": ("brass", "stone"), "black": ("iron", "oak")}[variant]
    side, front, wheel = p.x - 0.045, p.y - 0.02, 0.035
    for sx in (-1, 1):
        for sy in (-1, 1):
            x, y = sx * side, sy * front
            p.tube(metal, [(x, y, wheel), (x, y, p.h - 0.012)], 0.011, 8)
            p.tube("plastic black", [(x - 0.01, y, wheel), (x + 0.01, y, wheel)], wheel, 16)
        p.tube(
            metal,
            [
                (sx * side, -front, p.h - 0.011),
                (sx * p.x * 0.985, -front, p.h - 0.011),
                (sx * p.x * 0.985, front, p.h - 0.011),
                (sx * side, front, p.h - 0.011),
            ],
            0.0105,
            8,
        )
    for z in (0.17, p.h - 0.14):
        p.box(tray, (-side, side), (-front, front), (z, z + 0.018), 0.003)
        for sy in (-1, 1):
            p.tube(metal, [(-side, sy * front, z + 0.06), (side, sy * front, z + 0.06)], 0.006, 6)
    for i, (x, y, tall, tone) in enumerate(
        (
            (-0.2, 0.06, 0.28, "leaf dark"),
            (-0.1, 0.09, 0.3, "leather dark"),
            (0.0, 0.05, 0.26, "glass"),
            (-0.14, -0.06, 0.24, "wool terracotta"),
        )
    ):
        z, r = 0.188, 0.035 - 0.002 * i
        p.spindle(
            tone, [(x, y, z, r), (x, y, z + tall * 0.6, r), (x, y, z + tall * 0.75, 0.013), (x, y, z + tall, 0.013)], 14
        )
    for i in range(5):
        x, y, z = 0.02 + 0.085 * (i % 3), -0.07 + 0.1 * (i // 3), p.h - 0.122
        p.spindle("glass", [(x, y, z, 0.028), (x, y, z + 0.09, 0.034)], 12)
    p.spindle("steel", [(-0.17, 0, p.h - 0.122, 0.06), (-0.17, 0, p.h - 0.02, 0.075)], 18)
    for turn in range(3):
        p.box("water", (-0.2 + 0.03 * turn, -0.17 + 0.03 * turn), (-0.02, 0.01), (p.h - 0.03, p.h - 0.01), 0.004)
    p.ball("orange", (0.2, 0.08, 0.188 + 0.04), (0.04, 0.04, 0.04), 12)
    p.ball("yellow", (0.2, -0.02, 0.188 + 0.035), (0.035 * math.sqrt(1.5), 0.035, 0.035), 12)
