"""Beds, toys and small seats for children."""

from __future__ import annotations

from .bedroom import bedding
from .parts import corner_legs, rounded
from .solid import Piece, builds


@builds("bunk bed")
def bunk_bed(p: Piece, variant: str) -> None:
    """Two beds between four posts; guard rails above, ladder at the right of the front end."""
    wood, dark = {"pine": ("pine", "pine dark"), "white": ("white", "birch")}[variant]
    post, upper = 0.035, 1.08
    for sx in (-1, 1):
        for sy in (-1, 1):
            x, y = sx * (p.x - post), sy * (p.y - post)
            p.leg(wood, (x, y, 0), (x, y, p.h), (post, post), 4)
        for z in (0.22, upper):
            p.box(wood, (sx * (p.x - 0.05), sx * (p.x - 0.02)), (-p.y + 0.06, p.y - 0.06), (z, z + 0.15), 0.004)
        for z in (p.h - 0.1, p.h - 0.24):
            p.box(dark, (sx * (p.x - 0.045), sx * (p.x - 0.02)), (-p.y + 0.06, p.y - 0.06), (z, z + 0.08), 0.004)
    for sy in (-1, 1):
        y = (sy * (p.y - 0.05), sy * (p.y - 0.022))
        for z0, z1 in (
            (0.22, 0.36),
            (0.52, 0.62),
            (upper, upper + 0.15),
            (p.h - 0.11, p.h - 0.01),
            (p.h - 0.24, p.h - 0.16),
        ):
            if sy < 0 and 0.4 < z0 < 0.6:
                continue
            p.box(wood if z0 in (0.22, upper) else dark, (-p.x + 0.06, p.x - 0.06), y, (z0, z1), 0.004)
    for low, blanket in ((0.28, "wool light blue"), (upper + 0.05, "wool mustard")):
        bedding(p, blanket, "sheet", low, low + 0.17, 1, p.y - 0.07, -p.y + 0.07, p.x - 0.07)
    for x in (0.02, p.x - 0.1):
        p.box(wood, (x - 0.016, x + 0.016), (-p.y, -p.y + 0.03), (0, p.h - 0.12), 0.004)
    for k in range(5):
        z = 0.24 + 0.25 * k
        p.box(dark, (0.02, p.x - 0.1), (-p.y + 0.003, -p.y + 0.035), (z, z + 0.035), 0.006)


@builds("crib")
def crib(p: Piece, variant: str) -> None:
    wood, blanket = {"white": ("white", "wool rose"), "oak": ("oak", "wool sage")}[variant]
    post, low = 0.022, 0.22
    for sx in (-1, 1):
        for sy in (-1, 1):
            x, y = sx * (p.x - post), sy * (p.y - post)
            p.leg(wood, (x, y, 0), (x, y, p.h), (post, post), 4)
        p.box(wood, (sx * p.x, sx * (p.x - 0.04)), (-p.y + 0.04, p.y - 0.04), (p.h - 0.06, p.h - 0.01), 0.008, 2)
        p.box(wood, (sx * (p.x - 0.01), sx * (p.x - 0.035)), (-p.y + 0.04, p.y - 0.04), (low, low + 0.08), 0.004)
        for k in range(7):
            y = -p.y + 0.1 + (p.d - 0.2) * k / 6
            p.tube(wood, [(sx * (p.x - 0.022), y, low + 0.05), (sx * (p.x - 0.022), y, p.h - 0.04)], 0.009, 8)
    for sy in (-1, 1):
        p.box(wood, (-p.x + 0.04, p.x - 0.04), (sy * p.y, sy * (p.y - 0.04)), (p.h - 0.06, p.h - 0.01), 0.008, 2)
        p.box(wood, (-p.x + 0.04, p.x - 0.04), (sy * (p.y - 0.01), sy * (p.y - 0.035)), (low, low + 0.08), 0.004)
        for k in range(13):
            x = -p.x + 0.1 + (p.w - 0.2) * k / 12
            p.tube(wood, [(x, sy * (p.y - 0.022), low + 0.05), (x, sy * (p.y - 0.022), p.h - 0.04)], 0.009, 8)
    p.box("sheet", (-p.x + 0.05, p.x - 0.05), (-p.y + 0.05, p.y - 0.05), (low + 0.05, 0.42), 0.03, 2)
    p.box(blanket, (-p.x + 0.3, p.x - 0.045), (-p.y + 0.045, p.y - 0.045), (0.34, 0.44), 0.03, 2)
    p.cushion("sheet", (-p.x + 0.07, -p.x + 0.3), (-0.17, 0.17), (0.41, 0.49), 3)
    # A toy bear at the head end.
    for centre, r in (
        ((-p.x + 0.34, 0.06, 0.5), 0.065),
        ((-p.x + 0.34, 0.05, 0.6), 0.05),
        ((-p.x + 0.34, 0.09, 0.645), 0.02),
        ((-p.x + 0.34, 0.01, 0.645), 0.02),
    ):
        p.ball("leather", centre, (r, r, r), 12)


@builds("toy box")
def toy_box(p: Piece, variant: str) -> None:
    wood, lid = {"pine": ("pine", "pine dark"), "blue": ("blue", "birch")}[variant]
    p.box(lid, (-p.x, p.x), (-p.y, p.y), (p.h - 0.025, p.h), 0.006)
    p.box(wood, (-p.x + 0.015, p.x - 0.015), (-p.y + 0.02, p.y - 0.01), (0.04, p.h - 0.03), 0.006)
    for k in range(3):
        z = 0.05 + k * (p.h - 0.085) / 3
        p.box(wood, (-p.x + 0.012, p.x - 0.012), (-p.y + 0.012, -p.y + 0.03), (z, z + (p.h - 0.085) / 3 - 0.006), 0.004)
    corner_legs(p, lid, 0.05, 0.022, 0.016)
    for i, tone in enumerate(("red", "yellow", "green")):
        x, z = -0.17 + 0.17 * i, p.h * 0.45
        if i == 1:
            p.tube(tone, [(x, -p.y + 0.014, z), (x, -p.y + 0.006, z)], 0.05, 20)
        else:
            outline = (
                [(x - 0.045, z - 0.045), (x + 0.045, z - 0.045), (x + 0.045, z + 0.045), (x - 0.045, z + 0.045)]
                if i == 0
                else [(x - 0.05, z - 0.04), (x + 0.05, z - 0.04), (x, z + 0.05)]
            )
            p.prism(tone, outline, "y", (-p.y + 0.006, -p.y + 0.014))


@builds("play table")
def play_table(p: Piece, variant: str) -> None:
    top, leg = {"white": ("white", "birch"), "birch": ("birch", "blue")}[variant]
    p.prism(top, rounded((-p.x, p.x), (-p.y, p.y), 0.05), "z", (p.h - 0.025, p.h))
    for sx in (-1, 1):
        for sy in (-1, 1):
            x, y = sx * (p.x - 0.042), sy * (p.y - 0.042)
            tone = (
                leg
                if variant == "white"
                else {(-1, -1): "red", (1, -1): "yellow", (1, 1): "green", (-1, 1): "blue"}[sx, sy]
            )
            p.leg(tone, (x, y, 0), (x, y, p.h - 0.024), (0.02, 0.028), 14)


@builds("kids chair")
def kids_chair(p: Piece, variant: str) -> None:
    seat, back = {"red": ("red", "red"), "birch": ("birch", "blue")}[variant]
    level = 0.3
    p.prism(seat, rounded((-p.x, p.x), (-p.y, p.y - 0.02), 0.05), "z", (level - 0.022, level))
    for sx in (-1, 1):
        x = p.x - 0.035
        p.leg("birch", (sx * (x + 0.016), -p.y + 0.022, 0), (sx * x, -p.y + 0.04, level - 0.02), (0.015, 0.018), 10)
        p.leg("birch", (sx * (x + 0.016), p.y - 0.018, 0), (sx * x, p.y - 0.06, level - 0.02), (0.015, 0.018), 10)
        p.tube("birch", [(sx * x * 0.8, p.y - 0.05, level - 0.01), (sx * x * 0.8, p.y - 0.022, p.h - 0.1)], 0.012, 8)
    with p.moved(0, p.y - 0.03, level + 0.09, tilt=-6):
        p.prism(back, rounded((-p.x, p.x), (0, p.h - level - 0.09), (0.03, 0.03, 0.07, 0.07)), "y", (-0.009, 0.009))


@builds("rocking horse")
def rocking_horse(p: Piece, variant: str) -> None:
    """Rockers that are flat in the middle, so that it stands still; head towards the front."""
    wood, saddle, mane = {"oak": ("oak", "wool red", "hair"), "white": ("white", "wool blue", "wool mustard")}[variant]
    body = p.h * 0.52
    for sx in (-1, 1):
        x = sx * (p.x - 0.025)
        lower = [
            (-p.y, 0.09),
            (-p.y * 0.8, 0.03),
            (-p.y * 0.55, 0.0),
            (p.y * 0.55, 0.0),
            (p.y * 0.8, 0.03),
            (p.y, 0.09),
        ]
        upper = [
            (p.y * 0.97, 0.12),
            (p.y * 0.75, 0.07),
            (p.y * 0.5, 0.045),
            (-p.y * 0.5, 0.045),
            (-p.y * 0.75, 0.07),
            (-p.y * 0.97, 0.12),
        ]
        p.prism("walnut", lower + upper, "x", (x - 0.015, x + 0.015))
        for y, lean in ((-p.y * 0.36, -0.06), (p.y * 0.36, 0.06)):
            p.leg(wood, (x, y + lean, 0.04), (sx * 0.06, y, body), (0.018, 0.034), 10)
    for y in (-p.y * 0.5, p.y * 0.5):
        p.box("walnut", (-p.x + 0.02, p.x - 0.02), (y - 0.025, y + 0.025), (0.04, 0.06), 0.004)
    p.ball(wood, (0, 0, body), (0.095, p.y * 0.55, 0.1), 20)
    p.tube(
        wood,
        [(0, -p.y * 0.36, body + 0.02), (0, -p.y * 0.52, body + 0.12), (0, -p.y * 0.6, p.h - 0.13)],
        (0.085, 0.065, 0.055),
        14,
    )
    with p.moved(0, -p.y * 0.66, p.h - 0.12, tilt=-28):
        p.ball(wood, (0, -0.04, 0), (0.05, 0.115, 0.058), 16)
        for sx in (-1, 1):
            p.ball("plastic black", (sx * 0.045, -0.05, 0.02), (0.01, 0.01, 0.01), 8)
            p.leaf(wood, (sx * 0.03, 0.03, 0.04), (sx * 0.04, 0.045, 0.11), 0.035, thick=0.008)
    for k in range(5):
        share = k / 4
        p.cushion(
            mane,
            (-0.02, 0.02),
            (-p.y * (0.58 - 0.26 * share) + 0.03, -p.y * (0.58 - 0.26 * share) + 0.1),
            (p.h - 0.12 - 0.2 * share * p.h / 0.7 - 0.05, p.h - 0.04 - 0.2 * share * p.h / 0.7),
            2.5,
            4,
        )
    p.tube(
        mane,
        [(0, p.y * 0.5, body + 0.04), (0, p.y * 0.68, body + 0.02), (0, p.y * 0.74, body - 0.15)],
        (0.02, 0.03, 0.012),
        10,
    )
    p.cushion(saddle, (-0.1, 0.1), (-0.11, 0.11), (body + 0.03, body + 0.13), 3)
    p.tube("walnut", [(-p.x * 0.8, -p.y * 0.56, p.h - 0.2), (p.x * 0.8, -p.y * 0.56, p.h - 0.2)], 0.011, 8)
