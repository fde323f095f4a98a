"""Racks, stands and narrow tables by the front door."""

from __future__ import annotations

import math

from .parts import corner_legs, ellipse, fronts, rounded
from .solid import Piece, builds


def shoe(p: Piece, tone: str, x: float, y: float, z: float) -> None:
    """One low shoe, its toe towards the front."""
    p.prism("plastic white" if tone != "leather dark" else "bark", ellipse(0.042, 0.125, 16, x, y), "z", (z, z + 0.018))
    p.cushion(tone, (x - 0.04, x + 0.04), (y - 0.122, y + 0.03), (z + 0.005, z + 0.07), 3, 4)
    p.cushion(tone, (x - 0.04, x + 0.04), (y - 0.02, y + 0.12), (z + 0.005, z + 0.1), 4, 4)


@builds("shoe rack")
def shoe_rack(p: Piece, variant: str) -> None:
    wood = {"oak": "oak", "black": "birch"}[variant]
    p.box(wood, (-p.x, p.x), (-p.y, p.y), (p.h - 0.022, p.h), 0.004)
    for sx in (-1, 1):
        if variant == "oak":
            p.box("oak", (sx * (p.x - 0.008), sx * (p.x - 0.028)), (-p.y + 0.008, p.y - 0.004), (0, p.h - 0.022), 0.003)
        else:
            x = sx * (p.x - 0.025)
            p.tube(
                "iron",
                [
                    (x, -p.y + 0.025, 0.01),
                    (x, -p.y + 0.025, p.h - 0.032),
                    (x, p.y - 0.025, p.h - 0.032),
                    (x, p.y - 0.025, 0.01),
                ],
                0.01,
                8,
                closed=True,
            )
    levels = (0.07, 0.07 + (p.h - 0.09) / 2)
    tones = ("wool blue", "leather dark", "wool red", "wool sage", "leather black", "wool mustard")
    for k, z in enumerate(levels):
        for i in range(6):
            y = -p.y + 0.02 + (p.d - 0.06) * i / 5
            p.box(
                "oak dark" if variant == "oak" else "iron",
                (-p.x + 0.02, p.x - 0.02),
                (y, y + 0.02),
                (z, z + 0.014),
                0.003,
            )
        pairs = 3
        for i in range(pairs):
            if k == 1 and i == 1:
                continue
            x = -p.x + 0.14 + (p.w - 0.28) * i / (pairs - 1)
            for s in (-1, 1):
                shoe(p, tones[(i + 3 * k) % len(tones)], x + s * 0.047, 0.0, z + 0.014)


@builds("coat rack")
def coat_rack(p: Piece, variant: str) -> None:
    """Column on crossed feet, two rings of hooks, a coat and a bag."""
    wood = {"oak": "oak", "black": "iron"}[variant]
    reach = (p.x - 0.02) * math.sqrt(2)
    p.spindle(wood, [(0, 0, 0.05, 0.03), (0, 0, p.h - 0.06, 0.02), (0, 0, p.h - 0.05, 0.026), (0, 0, p.h, 0.008)], 16)
    for k in range(4):
        # Towards the corners, where the feet reach furthest.
        c, s = math.cos(math.tau * (k + 0.5) / 4), math.sin(math.tau * (k + 0.5) / 4)
        p.tube(
            wood,
            [(0, 0, 0.16), (reach * 0.4 * c, reach * 0.4 * s, 0.06), (reach * c, reach * s, 0.018)],
            (0.018, 0.02, 0.018),
            10,
        )
        p.cylinder(wood, reach * c, reach * s, (0, 0.02), 0.02, sides=12)
    for level, count, shift in ((p.h - 0.1, 4, 0.5), (p.h - 0.32, 4, 0.0)):
        for k in range(count):
            turn = math.tau * (k + shift) / count
            c, s = math.cos(turn), math.sin(turn)
            p.tube(wood, [(0, 0, level), (0.1 * c, 0.1 * s, level), (0.15 * c, 0.15 * s, level + 0.07)], 0.011, 8)
            p.ball(
                "brass" if variant == "black" else wood,
                (0.152 * c, 0.152 * s, level + 0.075),
                (0.016, 0.016, 0.016),
                10,
            )
    coat = [
        (0.0, p.h - 0.26),
        (0.1, p.h - 0.34),
        (0.17, p.h - 0.75),
        (0.13, p.h - 0.8),
        (0.14, p.h - 1.05),
        (-0.14, p.h - 1.05),
        (-0.13, p.h - 0.8),
        (-0.17, p.h - 0.75),
        (-0.1, p.h - 0.34),
    ]
    with p.moved(0, -0.13, 0):
        p.prism({"oak": "wool blue", "black": "wool beige"}[variant], coat, "y", (-0.05, 0.03))
        p.box("white dark", (-0.005, 0.005), (-0.053, 0), (p.h - 1.04, p.h - 0.4), 0)
    p.cushion("leather", (0.09, 0.21), (-0.09, 0.09), (p.h - 0.72, p.h - 0.52), 5)
    p.tube("leather dark", [(0.15, -0.07, p.h - 0.55), (0.14, 0, p.h - 0.3), (0.15, 0.07, p.h - 0.55)], 0.008, 6)


@builds("console table")
def console_table(p: Piece, variant: str) -> None:
    if variant == "oak":
        p.box("oak", (-p.x, p.x), (-p.y, p.y), (p.h - 0.025, p.h), 0.005)
        p.box("oak", (-p.x + 0.045, p.x - 0.045), (-p.y + 0.045, p.y - 0.02), (p.h - 0.13, p.h - 0.025), 0.003)
        fronts(
            p,
            "oak dark",
            "iron",
            (-p.x + 0.05, p.x - 0.05),
            (p.h - 0.128, p.h - 0.03),
            -p.y + 0.045,
            2,
            1,
            "drawer",
            "knob",
        )
        corner_legs(p, "oak", p.h - 0.02, 0.022, 0.012, 0.014)
        return
    p.box("walnut", (-p.x, p.x), (-p.y, p.y), (p.h - 0.03, p.h), 0.004)
    for sx in (-1, 1):
        x = sx * (p.x - 0.03)
        p.tube(
            "iron",
            [
                (x, -p.y + 0.02, 0.011),
                (x, -p.y + 0.02, p.h - 0.041),
                (x, p.y - 0.02, p.h - 0.041),
                (x, p.y - 0.02, 0.011),
            ],
            0.011,
            8,
            closed=True,
        )
    p.box("walnut", (-p.x + 0.02, p.x - 0.02), (-p.y + 0.03, p.y - 0.01), (0.14, 0.16), 0.003)
    p.prism("wicker", rounded((-0.42, -0.12), (-0.12, 0.13), 0.03), "z", (0.16, 0.34))
    p.prism("wicker dark", rounded((-0.43, -0.11), (-0.13, 0.14), 0.03), "z", (0.33, 0.35))


@builds("umbrella stand")
def umbrella_stand(p: Piece, variant: str) -> None:
    tall = p.h * 0.78 if variant == "black" else 0.5
    if variant == "black":
        p.cylinder("iron", 0, 0, (0, 0.02), p.x * 0.98, sides=28)
        for z in (tall * 0.5, tall):
            p.shell("iron", [(p.x * 0.94, z - 0.015), (p.x, z - 0.015), (p.x, z), (p.x * 0.94, z)], sides=28)
        for k in range(16):
            turn = math.tau * k / 16
            p.tube(
                "iron",
                [
                    (p.x * 0.95 * math.cos(turn), p.x * 0.95 * math.sin(turn), 0.01),
                    (p.x * 0.95 * math.cos(turn), p.x * 0.95 * math.sin(turn), tall - 0.006),
                ],
                0.005,
                6,
            )
    else:
        p.shell(
            "ceramic",
            [
                (0.001, 0),
                (p.x * 0.85, 0),
                (p.x * 0.8, 0.03),
                (p.x * 0.98, tall * 0.5),
                (p.x * 0.9, tall),
                (p.x * 0.83, tall),
                (p.x * 0.9, tall * 0.5),
                (p.x * 0.72, 0.05),
                (0.001, 0.05),
            ],
            sides=28,
        )
    for i, tone in enumerate(("wool blue", "wool red", "wool dark")):
        turn = math.tau * i / 3 + 0.5
        c, s = math.cos(turn), math.sin(turn)
        top = p.h - 0.09 - 0.03 * i
        p.tube(
            tone,
            [(0.04 * c, 0.04 * s, 0.05), (0.05 * c, 0.05 * s, top * 0.55), (0.055 * c, 0.055 * s, top)],
            (0.008, 0.026, 0.012),
            10,
        )
        p.tube(
            "walnut",
            [
                (0.055 * c, 0.055 * s, top),
                (0.057 * c, 0.057 * s, p.h - 0.03 * i - 0.03),
                (0.04 * c, 0.04 * s, p.h - 0.03 * i - 0.01),
                (0.018 * c, 0.018 * s, p.h - 0.03 * i - 0.03),
            ],
            0.009,
            8,
        )
