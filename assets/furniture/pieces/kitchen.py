"""Kitchen units 0.90 m high and 0.60 m deep that line up in rows, and what goes with them."""

from __future__ import annotations

import math

from .parts import FRONT, HANDLE, fronts, pull, rounded
from .solid import Piece, builds

TOP = 0.03


def unit(p: Piece, body: str, top: str | None) -> float:
    """Plinth, carcass and worktop (none for a hob); returns the depth at which the fronts start."""
    face = -p.y + FRONT + HANDLE
    p.box("grey dark", (-p.x + 0.003, p.x - 0.003), (face + 0.05, p.y), (0, 0.09), 0)
    p.box(body, (-p.x, p.x), (face, p.y), (0.09, p.h - TOP), 0)
    if top:
        p.box(top, (-p.x, p.x), (-p.y, p.y), (p.h - TOP, p.h), 0.003)
    return face


@builds("kitchen counter")
def kitchen_counter(p: Piece, variant: str) -> None:
    top, handle = {"white": ("oak", "steel"), "oak": ("stone", "iron"), "grey": ("oak", "brass")}[variant]
    face = unit(p, variant, top)
    low, high = 0.095, p.h - TOP - 0.004
    if variant == "white":
        fronts(p, variant, handle, (-p.x, p.x), (high - 0.16, high), face, 1, 1)
        fronts(p, variant, handle, (-p.x, p.x), (low, high - 0.16), face, 1, 1, "door")
    elif variant == "oak":
        fronts(p, variant, handle, (-p.x, p.x), (high - 0.16, high), face, 2, 1)
        fronts(p, variant, handle, (-p.x, p.x), (low, high - 0.16), face, 2, 1, "door")
    else:
        fronts(p, variant, handle, (-p.x, 0), (low, high), face, 1, 3)
        fronts(p, variant, handle, (0, p.x), (low, high), face, 1, 1, "door")


@builds("sink unit")
def sink_unit(p: Piece, variant: str) -> None:
    """The tap rises from a ledge inside the basin, so that the unit is no higher than its neighbours."""
    top = {"white": "oak", "oak": "stone"}[variant]
    face, floor = -p.y + FRONT + HANDLE, p.h - 0.2
    p.box("grey dark", (-p.x + 0.003, p.x - 0.003), (face + 0.05, p.y), (0, 0.09), 0)
    p.box(variant, (-p.x, p.x), (face, p.y), (0.09, floor), 0)
    fronts(
        p,
        variant,
        "steel" if variant == "white" else "iron",
        (-p.x, p.x),
        (0.095, p.h - TOP - 0.004),
        face,
        2,
        1,
        "door",
    )
    wide, back, front = p.x * 0.66, p.y - 0.06, -p.y + 0.1
    shift = p.x * (0.0 if variant == "white" else 0.22)
    outline = rounded((-p.x, p.x), (-p.y, p.y), 0.001)
    hole = rounded((shift - wide, shift + wide), (front, back), 0.05)
    p.frame(top, outline, hole, "z", (p.h - TOP, p.h))
    p.frame(variant, rounded((-p.x, p.x), (face, p.y), 0.001), hole, "z", (floor, p.h - TOP))
    steel = "steel" if variant == "white" else "ceramic"
    inner = rounded((shift - wide + 0.012, shift + wide - 0.012), (front + 0.012, back - 0.012), 0.045)
    p.frame(steel, hole, inner, "z", (floor, p.h - 0.004))
    p.prism(steel, inner, "z", (floor - 0.01, floor + 0.004))
    p.box(steel, (shift - wide + 0.01, shift + wide - 0.01), (back - 0.075, back - 0.01), (floor, p.h - 0.02), 0.004)
    y = back - 0.045
    p.tube(
        "chrome",
        [
            (shift, y, p.h - 0.04),
            (shift, y, p.h - 0.016),
            (shift, y - 0.05, p.h - 0.012),
            (shift, y - 0.17, p.h - 0.012),
            (shift, y - 0.185, p.h - 0.022),
        ],
        0.012,
        10,
    )
    for sx in (-1, 1):
        p.cylinder("chrome", shift + sx * 0.1, y, (p.h - 0.025, p.h - 0.003), 0.02, sides=12)
    p.cylinder("chrome", shift, (front + back) / 2, (floor + 0.003, floor + 0.008), 0.035, sides=16)


@builds("kitchen island")
def kitchen_island(p: Piece, variant: str) -> None:
    """Drawers and doors towards the front, an overhang for stools at the back, shelves at one end."""
    top = {"oak": "stone", "white": "oak"}[variant]
    face, rear = -p.y + FRONT + HANDLE, p.y - 0.22
    p.box(top, (-p.x, p.x), (-p.y, p.y), (p.h - 0.04, p.h), 0.004)
    p.box("grey dark", (-p.x + 0.05, p.x - 0.05), (face + 0.05, rear - 0.02), (0, 0.09), 0)
    end = p.x - 0.3
    p.box(variant, (-p.x + 0.03, end), (face, rear), (0.09, p.h - 0.04), 0.002)
    fronts(
        p, variant, "iron" if variant == "oak" else "brass", (-p.x + 0.03, end), (p.h - 0.22, p.h - 0.045), face, 2, 1
    )
    fronts(
        p, variant, "iron" if variant == "oak" else "brass", (-p.x + 0.03, end), (0.1, p.h - 0.22), face, 2, 1, "door"
    )
    p.box(variant, (p.x - 0.05, p.x - 0.03), (face, rear), (0.09, p.h - 0.04), 0.002)
    for k, z in enumerate((0.09, 0.36, 0.62)):
        p.box(variant, (end, p.x - 0.05), (face + 0.002, rear - 0.002), (z, z + 0.018), 0.002)
        x, y = (end + p.x) / 2 - 0.02, -0.12
        if k == 0:
            p.box("wicker", (end + 0.03, p.x - 0.07), (face + 0.03, rear - 0.04), (z + 0.018, z + 0.19), 0.015, 2)
        elif k == 1:
            p.cylinder("ceramic", x, y, (z + 0.018, z + 0.08), 0.05, 0.1, 20)
        else:
            p.cylinder("steel", x, y, (z + 0.018, z + 0.14), 0.09, sides=20)
    for sx in (-1, 1):
        p.leg(
            variant, (sx * (p.x - 0.07), p.y - 0.07, 0), (sx * (p.x - 0.07), p.y - 0.07, p.h - 0.04), (0.035, 0.035), 4
        )


@builds("bar stool")
def bar_stool(p: Piece, variant: str) -> None:
    side = p.x - 0.03
    if variant == "oak":
        p.spindle(
            "oak",
            [
                (0, 0, p.h - 0.04, p.x * 0.78),
                (0, 0, p.h - 0.028, p.x * 0.86),
                (0, 0, p.h - 0.01, p.x * 0.86),
                (0, 0, p.h, p.x * 0.8),
            ],
            32,
        )
    elif variant == "black":
        p.cushion("leather black", (-p.x * 0.9, p.x * 0.9), (-p.y * 0.9, p.y * 0.9), (p.h - 0.08, p.h), 7)
    else:
        p.prism("white", rounded((-p.x * 0.92, p.x * 0.92), (-p.y * 0.8, p.y * 0.8), 0.09), "z", (p.h - 0.035, p.h))
    wood = {"oak": "oak dark", "black": "iron", "white": "birch"}[variant]
    thick = (0.01, 0.012) if variant == "black" else (0.015, 0.019)
    head, foot = side * 0.6, side + 0.012
    for sx in (-1, 1):
        for sy in (-1, 1):
            p.leg(wood, (sx * foot, sy * foot, 0), (sx * head, sy * head, p.h - 0.035), thick, 10)
    for level, pair in ((0.2, (0, 1)), (0.27, (1, 0))):
        reach = foot + (head - foot) * level / (p.h - 0.035)
        for s in (-1, 1):
            ends = (
                [(-reach, s * reach, level), (reach, s * reach, level)]
                if pair[1]
                else [(s * reach, -reach, level), (s * reach, reach, level)]
            )
            p.tube("brass" if variant == "black" else wood, ends, 0.009, 8)


@builds("wall cabinet")
def wall_cabinet(p: Piece, variant: str) -> None:
    face = -p.y + FRONT + HANDLE
    if variant != "glass":
        p.box(variant, (-p.x, p.x), (face, p.y), (0, p.h), 0.002)
        fronts(
            p,
            variant,
            "steel" if variant == "white" else "iron",
            (-p.x, p.x),
            (0, p.h),
            face,
            1 if variant == "white" else 2,
            1,
            "door",
        )
        return
    for sx in (-1, 1):
        p.box("grey", (sx * p.x, sx * (p.x - 0.018)), (face, p.y), (0, p.h), 0.002)
    p.box("grey", (-p.x + 0.002, p.x - 0.002), (p.y - 0.01, p.y - 0.001), (0.002, p.h - 0.002), 0)
    for z in (0, p.h / 2 - 0.009, p.h - 0.018):
        p.box("grey", (-p.x + 0.018, p.x - 0.018), (face, p.y - 0.01), (z, z + 0.018), 0.002)
    for i in range(2):
        left = -p.x + i * p.x
        outer, inner = (
            rounded((left + 0.002, left + p.x - 0.002), (0.002, p.h - 0.002), 0.001, 1),
            rounded((left + 0.06, left + p.x - 0.06), (0.06, p.h - 0.06), 0.001, 1),
        )
        p.frame("grey", outer, inner, "y", (face - FRONT, face))
        p.prism("glass", inner, "y", (face - 0.012, face - 0.007))
        pull(p, "brass", (left + (p.x - 0.03 if i == 0 else 0.03), 0.2), face - FRONT, "bar", False, 0.12)
        for z in (0.018, p.h / 2 + 0.009):
            for k in range(3):
                x = left + p.x * (0.24 + 0.26 * k)
                p.cylinder("ceramic" if (k + i) % 2 else "ceramic blue", x, 0.02, (z, z + 0.1), 0.04, 0.05, 14)


@builds("trash bin")
def trash_bin(p: Piece, variant: str) -> None:
    if variant == "steel":
        p.cylinder("plastic black", 0, 0, (0, 0.03), p.x * 0.98, sides=32)
        p.cylinder("steel", 0, 0, (0.03, p.h * 0.86), p.x * 0.96, sides=32)
        p.spindle(
            "plastic black",
            [
                (0, 0, p.h * 0.86, p.x),
                (0, 0, p.h * 0.9, p.x),
                (0, 0, p.h * 0.96, p.x * 0.85),
                (0, 0, p.h, p.x * 0.4),
                (0, 0, p.h, 0),
            ],
            32,
        )
        p.box("plastic black", (-0.04, 0.04), (-p.y - 0.012, -p.y + 0.03), (0.006, 0.02), 0.004)
    elif variant == "white":
        body = [
            (-p.x + 0.03, -p.y + 0.03, 0),
            (p.x - 0.03, -p.y + 0.03, 0),
            (p.x - 0.03, p.y - 0.03, 0),
            (-p.x + 0.03, p.y - 0.03, 0),
        ]
        top = [
            (-p.x + 0.01, -p.y + 0.01),
            (p.x - 0.01, -p.y + 0.01),
            (p.x - 0.01, p.y - 0.01),
            (-p.x + 0.01, p.y - 0.01),
        ]
        p.solid(
            "plastic white",
            [*body, *((x, y, p.h * 0.74) for x, y in top)],
            [(0, 1, 2, 3), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)],
        )
        p.box("grey", (-p.x, p.x), (-p.y, p.y), (p.h * 0.73, p.h * 0.79), 0.008)
        lid = [
            (-p.y + 0.01, p.h * 0.78),
            (p.y - 0.01, p.h * 0.78),
            (p.y - 0.02, p.h * 0.9),
            (0.03, p.h),
            (-0.03, p.h),
            (-p.y + 0.02, p.h * 0.9),
        ]
        p.prism("grey", lid, "x", (-p.x + 0.012, p.x - 0.012))
        with p.moved(0, -p.y + 0.016, p.h * 0.84, tilt=-10):
            p.box("plastic white", (-p.x * 0.6, p.x * 0.6), (-0.006, 0.02), (-p.h * 0.045, p.h * 0.055), 0.004)
    else:
        p.shell(
            "iron",
            [(0.001, 0), (p.x * 0.82, 0), (p.x, p.h), (p.x - 0.008, p.h), (p.x * 0.78, 0.015), (0.001, 0.015)],
            sides=28,
        )
        p.shell(
            "iron",
            [
                (p.x - 0.012, p.h - 0.012),
                (p.x + 0.006, p.h - 0.012),
                (p.x + 0.006, p.h + 0.002),
                (p.x - 0.012, p.h + 0.002),
            ],
            sides=28,
        )
        for i in range(3):
            turn = math.tau * i / 3
            p.ball("paper", (0.04 * math.cos(turn), 0.04 * math.sin(turn), p.h * 0.72), (0.045, 0.04, 0.045), 8)


@builds("fruit bowl")
def fruit_bowl(p: Piece, variant: str) -> None:
    bowl = {"wood": "walnut", "white": "ceramic"}[variant]
    rim = p.h * 0.62
    p.shell(
        bowl,
        [
            (0.001, 0),
            (p.x * 0.45, 0),
            (p.x * 0.5, 0.01),
            (p.x * 0.85, rim * 0.5),
            (p.x, rim),
            (p.x - 0.008, rim),
            (p.x * 0.8, rim * 0.55),
            (p.x * 0.4, 0.02),
            (0.001, 0.016),
        ],
        sides=32,
    )
    r = p.x * 0.3
    tones = ("red", "orange", "green", "yellow", "orange", "red")
    for i in range(5):
        turn = math.tau * i / 5 + 0.4
        p.ball(tones[i], (p.x * 0.46 * math.cos(turn), p.x * 0.46 * math.sin(turn), rim * 0.72), (r, r, r * 0.95), 14)
    p.ball(tones[5], (0, 0, p.h - r * 0.95), (r, r, r * 0.95), 14)
    for i in range(3):
        reach = p.x * 0.55
        path = [
            (reach * math.cos(a), -0.02 + 0.028 * i + 0.5 * reach * math.sin(a) - 0.03, p.h - 0.03 + 0.01 * math.sin(a))
            for a in (2.6, 2.1, 1.57, 1.0, 0.5)
        ]
        p.tube("yellow", path, (0.004, 0.013, 0.015, 0.013, 0.005), 8)
