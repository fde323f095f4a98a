"""Seating, low tables and storage of the living room."""

from __future__ import annotations

import math

from .parts import FRONT, HANDLE, chest, corner_legs, fill_shelf, fronts, rounded, row_of_books, shelves, splayed_legs
from .solid import Piece, builds


def upholstered(
    p: Piece, cloth: str, accent: str | None, seats: int, legs: str, arm: float, tight: bool = False
) -> None:
    """A sofa or armchair: base, arms, seat and back cushions, throw pillows in another colour."""
    seat, foot, deep = 0.43, 0.12, 0.2
    p.box(cloth, (-p.x + 0.02, p.x - 0.02), (-p.y + 0.02, p.y - 0.01), (foot, seat - 0.14), 0.02, 2)
    for sx in (-1, 1):
        x = sorted((sx * p.x, sx * (p.x - arm)))
        tall = min(p.h - 0.16, 0.64)
        p.prism(
            cloth,
            rounded((x[0], x[1]), (foot, tall), (0.01, 0.01, arm * 0.42, arm * 0.42)),
            "y",
            (-p.y + 0.01, p.y - 0.02),
        )
    p.prism(
        cloth, rounded((p.y - deep, p.y), (foot, p.h - 0.03), (0.01, 0.01, 0.05, 0.09)), "x", (-p.x + 0.01, p.x - 0.01)
    )
    wide = (p.w - 2 * arm) / seats
    for i in range(seats):
        x = (-p.x + arm + i * wide + 0.003, -p.x + arm + (i + 1) * wide - 0.003)
        p.cushion(cloth, x, (-p.y, p.y - deep), (seat - 0.17, seat), 8)
        with p.moved(0, p.y - deep - 0.07, seat - 0.02, tilt=-10):
            p.cushion(
                cloth, x, (-0.07, 0.1), (0, (p.h - seat + 0.02) / math.cos(math.radians(10))), 6 if tight else 4.5
            )
    if accent:
        for sx in (-1, 1) if seats > 1 else (1,):
            with p.moved(sx * (p.x - arm - 0.2) if seats > 1 else 0, -0.02, seat + 0.16, tilt=-22, yaw=-12 * sx):
                p.cushion(accent, (-0.19, 0.19), (-0.055, 0.055), (-0.18, 0.18), 3)
    for sx in (-1, 1):
        for sy in (-1, 1):
            x, y = sx * (p.x - 0.09), sy * (p.y - 0.09)
            p.leg(legs, (x, y, 0), (x, y, foot + 0.02), (0.014, 0.022), 10)


@builds("sofa")
def sofa(p: Piece, variant: str) -> None:
    cloth, accent, seats, legs = {
        "grey": ("wool grey", "wool mustard", 3, "oak"),
        "blue": ("wool blue", "wool beige", 2, "walnut"),
        "leather": ("leather", None, 3, "iron"),
    }[variant]
    upholstered(p, cloth, accent, seats, legs, 0.2, variant == "leather")


@builds("loveseat")
def loveseat(p: Piece, variant: str) -> None:
    cloth, accent = {"green": ("wool green", "wool rose"), "beige": ("wool beige", "wool terracotta")}[variant]
    upholstered(p, cloth, accent, 2, "walnut", 0.16)


@builds("armchair")
def armchair(p: Piece, variant: str) -> None:
    if variant != "mustard":
        cloth, accent = {"grey": ("wool grey", "wool light blue"), "leather": ("leather", None)}[variant]
        upholstered(p, cloth, accent, 1, "walnut", 0.17, variant == "leather")
        return
    seat, wood = 0.42, "oak"
    for sx in (-1, 1):
        x = sx * (p.x - 0.03)
        p.leg(wood, (x, -p.y + 0.05, 0), (x, -p.y + 0.09, 0.58), (0.016, 0.02), 10)
        p.leg(wood, (x, p.y - 0.05, 0), (x, p.y - 0.14, 0.58), (0.016, 0.02), 10)
        p.prism(wood, rounded((x - 0.03, x + 0.03), (-p.y + 0.02, p.y - 0.1), 0.028), "z", (0.575, 0.6))
        p.tube(wood, [(x, -p.y + 0.08, 0.28), (x, p.y - 0.1, 0.25)], 0.017, 8)
    for y, z in ((-p.y + 0.08, 0.28), (p.y - 0.12, 0.25)):
        p.tube(wood, [(-p.x + 0.03, y, z), (p.x - 0.03, y, z)], 0.016, 8)
    with p.moved(0, 0, seat - 0.07, tilt=3):
        p.cushion("wool mustard", (-p.x + 0.07, p.x - 0.07), (-p.y, p.y - 0.22), (-0.08, 0.08), 7)
    with p.moved(0, p.y - 0.24, seat - 0.04, tilt=-14):
        p.cushion("wool mustard", (-p.x + 0.07, p.x - 0.07), (-0.06, 0.09), (0, (p.h - seat + 0.03) / 0.97), 6)


@builds("coffee table")
def coffee_table(p: Piece, variant: str) -> None:
    if variant == "oak":
        p.box("oak", (-p.x, p.x), (-p.y, p.y), (p.h - 0.035, p.h), 0.006)
        corner_legs(p, "oak dark", p.h - 0.03, 0.024, 0.02, 0.017)
        p.box("oak", (-p.x + 0.05, p.x - 0.05), (-p.y + 0.05, p.y - 0.05), (0.12, 0.14), 0.004)
        p.box("book green", (-0.32, -0.06), (-0.12, 0.08), (0.14, 0.165), 0.003)
        p.box("book cream", (-0.3, -0.08), (-0.1, 0.07), (0.165, 0.19), 0.003)
    elif variant == "round":
        p.spindle(
            "walnut",
            [
                (0, 0, p.h - 0.03, p.x - 0.008),
                (0, 0, p.h - 0.022, p.x),
                (0, 0, p.h - 0.004, p.x),
                (0, 0, p.h, p.x - 0.004),
            ],
            48,
        )
        for i in range(3):
            turn = math.tau * i / 3 + math.pi / 2
            a, b = p.x * 0.72, p.x * 0.5
            p.leg(
                "walnut dark",
                (a * math.cos(turn), a * math.sin(turn), 0),
                (b * math.cos(turn), b * math.sin(turn), p.h - 0.028),
                (0.015, 0.026),
                12,
            )
        p.shell(
            "walnut dark",
            [(p.x * 0.4, p.h - 0.06), (p.x * 0.6, p.h - 0.06), (p.x * 0.6, p.h - 0.029), (p.x * 0.4, p.h - 0.029)],
        )
    else:
        p.prism("glass", rounded((-p.x, p.x), (-p.y, p.y), 0.04), "z", (p.h - 0.012, p.h))
        inset = 0.05
        for sx in (-1, 1):
            x = sx * (p.x - inset)
            p.tube(
                "iron",
                [
                    (x, -p.y + inset, 0.012),
                    (x, -p.y + inset, p.h - 0.024),
                    (x, p.y - inset, p.h - 0.024),
                    (x, p.y - inset, 0.012),
                ],
                0.012,
                8,
                closed=True,
            )
        for y in (-p.y + inset, p.y - inset):
            p.tube("iron", [(-p.x + inset, y, p.h - 0.024), (p.x - inset, y, p.h - 0.024)], 0.012, 8)
        p.box("oak", (-p.x + inset, p.x - inset), (-p.y + inset, p.y - inset), (0.1, 0.12), 0.004)
        for z, tone, half in ((0.12, "book red", 0.14), (0.143, "book cream", 0.12)):
            p.box(tone, (0.1 - half, 0.1 + half), (-0.1, 0.09), (z, z + 0.023), 0.003)


@builds("side table")
def side_table(p: Piece, variant: str) -> None:
    if variant == "oak":
        p.box("oak", (-p.x, p.x), (-p.y, p.y), (p.h - 0.025, p.h), 0.005)
        corner_legs(p, "oak", p.h - 0.02, 0.018, 0.012)
        p.box("oak dark", (-p.x + 0.02, p.x - 0.02), (-p.y + 0.02, p.y - 0.02), (0.14, 0.16), 0.004)
    elif variant == "black":
        p.prism("iron", rounded((-p.x, p.x), (-p.y, p.y), 0.05), "z", (p.h - 0.018, p.h))
        for sx in (-1, 1):
            x = sx * (p.x - 0.04)
            p.tube(
                "iron",
                [
                    (x, -p.y + 0.04, 0.01),
                    (x, -p.y + 0.04, p.h - 0.02),
                    (x, p.y - 0.04, p.h - 0.02),
                    (x, p.y - 0.04, 0.01),
                ],
                0.01,
                8,
                closed=True,
            )
    else:
        p.spindle(
            "stone",
            [
                (0, 0, p.h - 0.025, p.x - 0.006),
                (0, 0, p.h - 0.018, p.x),
                (0, 0, p.h - 0.003, p.x),
                (0, 0, p.h, p.x - 0.003),
            ],
            40,
        )
        p.spindle(
            "brass",
            [
                (0, 0, 0, 0.14),
                (0, 0, 0.012, 0.14),
                (0, 0, 0.03, 0.03),
                (0, 0, 0.06, 0.017),
                (0, 0, p.h - 0.06, 0.017),
                (0, 0, p.h - 0.025, 0.06),
            ],
            24,
        )


@builds("tv stand")
def tv_stand(p: Piece, variant: str) -> None:
    """Doors at the sides, an open compartment with a box and books in the middle."""
    feet, slab, face = {"oak": 0.14, "white": 0.05, "walnut": 0.16}[variant], 0.025, -p.y + FRONT + HANDLE
    dark = {"oak": "oak dark", "white": "white dark", "walnut": "walnut dark"}[variant]
    third = p.x * 0.36
    p.box(variant, (-p.x, p.x), (-p.y, p.y), (p.h - slab, p.h), 0.004)
    p.box(variant, (-p.x + 0.01, p.x - 0.01), (face + 0.002, p.y - 0.002), (feet, feet + 0.02), 0.002)
    p.box(dark, (-third, third), (p.y - 0.015, p.y - 0.003), (feet + 0.001, p.h - slab), 0)
    for sx in (-1, 1):
        x = tuple(sorted((sx * third, sx * (p.x - 0.006))))
        p.box(variant, x, (face, p.y), (feet, p.h - slab), 0.003)
        fronts(
            p,
            dark if variant == "walnut" else variant,
            "brass" if variant == "walnut" else "iron",
            (x[0] + 0.01, x[1] - 0.01),
            (feet + 0.012, p.h - slab - 0.008),
            face,
            1,
            2 if variant == "white" else 1,
            "drawer" if variant == "white" else "door",
            "knob",
        )
    middle = (feet + p.h) / 2
    p.box(variant, (-third, third), (face + 0.01, p.y - 0.01), (middle - 0.008, middle + 0.008), 0.002)
    p.box("plastic black", (-0.2, 0.16), (face + 0.04, p.y - 0.05), (middle + 0.008, middle + 0.055), 0.004)
    row_of_books(p, (-third + 0.02, third * 0.2), (face + 0.04, p.y - 0.02), feet + 0.02, middle - feet - 0.05)
    if variant == "white":
        p.box(dark, (-p.x + 0.03, p.x - 0.03), (face + 0.03, p.y - 0.01), (0, feet), 0)
    else:
        splayed_legs(p, dark, p.x - 0.13, p.y - 0.08, feet + 0.005, (0.013, 0.02), 0.025)


@builds("tv")
def tv(p: Piece, variant: str) -> None:
    foot = 0.07
    p.box("plastic black", (-p.x, p.x), (-0.018, 0.012), (foot, p.h), 0.006, 2)
    p.box("screen", (-p.x + 0.014, p.x - 0.014), (-0.021, -0.01), (foot + 0.02, p.h - 0.012), 0)
    p.box("plastic black", (-p.x * 0.55, p.x * 0.55), (0.01, 0.05), (foot + 0.06, p.h * 0.6), 0.015, 2)
    if variant == "medium":
        p.box("plastic black", (-0.05, 0.05), (0.0, 0.035), (0.01, p.h * 0.35), 0.006)
        p.prism("plastic black", rounded((-p.x * 0.42, p.x * 0.42), (-p.y, p.y), 0.05), "z", (0, 0.014))
    else:
        for sx in (-1, 1):
            x = sx * p.x * 0.68
            p.tube("steel", [(x, -p.y + 0.008, 0.008), (x, -0.005, foot + 0.012), (x, p.y - 0.008, 0.008)], 0.008, 8)
            for sy in (-1, 1):
                p.box("steel", (x - 0.012, x + 0.012), (sy * p.y, sy * (p.y - 0.04)), (0, 0.01), 0.002)


@builds("bookcase")
def bookcase(p: Piece, variant: str) -> None:
    levels, columns = {"oak": (5, 1), "white": (6, 2), "walnut": (3, 3)}[variant]
    back = {"oak": "oak dark", "white": "white dark", "walnut": "walnut dark"}[variant]
    p.box(variant, (-p.x + 0.012, p.x - 0.012), (-p.y + 0.02, p.y - 0.01), (0, 0.06), 0.003)
    cells = shelves(p, variant, (-p.x, p.x), (-p.y, p.y), (0.05, p.h), levels, columns, back=back)
    kinds = (2, 0, 1, 3, 0) if columns == 1 else (2, 0, 1, 3)
    for i, cell in enumerate(cells):
        fill_shelf(p, cell, kinds[(i + i // columns) % len(kinds)] if i >= columns or columns == 1 else 2 * (i % 2))


@builds("ottoman")
def ottoman(p: Piece, variant: str) -> None:
    if variant == "round":
        top = [
            (0, 0, p.h * 0.16, p.x * 0.93),
            (0, 0, p.h * 0.26, p.x),
            (0, 0, p.h * 0.78, p.x),
            (0, 0, p.h * 0.9, p.x * 0.95),
            (0, 0, p.h * 0.97, p.x * 0.8),
            (0, 0, p.h, p.x * 0.45),
            (0, 0, p.h, 0),
        ]
        p.spindle("wool sage", top, 36)
        p.shell(
            "wool green", [(p.x * 0.99, p.h * 0.74), (p.x * 1.012, p.h * 0.755), (p.x * 0.99, p.h * 0.77)], sides=36
        )
        splayed_legs(p, "oak", p.x * 0.52, p.y * 0.52, p.h * 0.2, (0.014, 0.022), 0.03)
        return
    cloth = {"grey": "wool grey", "leather": "leather"}[variant]
    p.box(cloth, (-p.x, p.x), (-p.y, p.y), (0.09, p.h - 0.13), 0.025, 2)
    p.cushion(cloth, (-p.x, p.x), (-p.y, p.y), (p.h - 0.17, p.h), 9, 8)
    corner_legs(p, "walnut", 0.1, 0.022, 0.05, 0.015, sides=10)


@builds("sideboard")
def sideboard(p: Piece, variant: str) -> None:
    front, handle, columns, kind, grip = {
        "oak": ("oak", "iron", 4, "door", "bar"),
        "white": ("white", "brass", 3, "door", "knob"),
        "walnut": ("walnut dark", "brass", 3, "drawer", "bar"),
    }[variant]
    legs = {"oak": "iron", "white": "oak", "walnut": "walnut"}[variant]
    chest(p, variant, front, handle, 1 if kind == "door" else 3, columns, 0.16, kind, grip, legs)
    if variant == "oak":
        face, wide = -p.y + HANDLE, (p.w - 0.04) / 4
        for i in range(4):
            for k in range(5):
                left = -p.x + 0.02 + i * wide + wide * (0.2 + 0.14 * k)
                p.box("oak dark", (left, left + 0.008), (face - 0.003, face + 0.01), (0.2, p.h - 0.06), 0)
