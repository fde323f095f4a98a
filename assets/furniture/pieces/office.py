"""Desks, office chairs and machines."""

from __future__ import annotations

import math

from .parts import FRONT, HANDLE, corner_legs, fronts, pull, rounded
from .solid import Piece, builds


@builds("desk")
def desk(p: Piece, variant: str) -> None:
    """Pedestal, if any, at the right end only; the knee space is free."""
    slab = 0.03
    if variant == "white":
        p.prism("white", rounded((-p.x, p.x), (-p.y, p.y), 0.03), "z", (p.h - slab, p.h))
        corner_legs(p, "oak", p.h - slab, 0.024, 0.015, 0.016, sides=12)
        face = -p.y + 0.045
        p.box("white", (-p.x + 0.08, p.x - 0.08), (face, p.y - 0.05), (p.h - slab - 0.08, p.h - slab), 0.003)
        fronts(
            p,
            "white dark",
            "brass",
            (-p.x + 0.09, p.x - 0.09),
            (p.h - slab - 0.078, p.h - slab - 0.002),
            face,
            2,
            1,
            "drawer",
            "knob",
        )
        return
    p.box(variant, (-p.x, p.x), (-p.y, p.y), (p.h - slab, p.h), 0.004)
    if variant == "oak":
        for sy in (-1, 1):
            x, y = -p.x + 0.035, sy * (p.y - 0.035)
            p.leg("iron", (x, y, 0), (x, y, p.h - slab), (0.02, 0.02), 4)
        p.box("iron", (-p.x + 0.02, -p.x + 0.05), (-p.y + 0.05, p.y - 0.05), (p.h - slab - 0.04, p.h - slab), 0.002)
        left, front, dark, handle = p.x - 0.34, "oak dark", "oak", "iron"
    else:
        for sy in (-1, 1):
            x, y = -p.x + 0.04, sy * (p.y - 0.04)
            p.leg("walnut dark", (x, y, 0), (x, y, p.h - slab), (0.016, 0.024), 12)
        left, front, dark, handle = p.x - 0.345, "walnut dark", "walnut", "brass"
    face = -p.y + FRONT + HANDLE
    p.box(dark, (left, p.x - 0.005), (face, p.y - 0.01), (0.06, p.h - slab), 0.003)
    p.box("grey dark", (left + 0.015, p.x - 0.02), (face + 0.03, p.y - 0.02), (0, 0.06), 0)
    fronts(
        p,
        front,
        handle,
        (left + 0.006, p.x - 0.011),
        (0.075, p.h - slab - 0.006),
        face,
        1,
        3,
        "drawer",
        "bar" if variant == "oak" else "knob",
    )


@builds("office chair")
def office_chair(p: Piece, variant: str) -> None:
    """Five-star base on castors, column, padded seat, back on a bar; no arms."""
    cloth, frame = {
        "black": ("wool dark", "plastic black"),
        "grey": ("wool grey", "steel"),
        "white": ("leather", "plastic white"),
    }[variant]
    seat, reach = 0.476, min(p.x, p.y) * 0.9
    for i in range(5):
        turn = math.tau * i / 5 + math.pi / 2
        c, s = math.cos(turn), math.sin(turn)
        p.tube(frame, [(0.03 * c, 0.03 * s, 0.11), (reach * c, reach * s, 0.075)], (0.024, 0.014), 8)
        for k in (-1, 1):
            x, y = reach * c - k * 0.014 * s, reach * s + k * 0.014 * c
            p.tube(
                "plastic black",
                [(x + k * 0.009 * s, y - k * 0.009 * c, 0.03), (x - k * 0.009 * s, y + k * 0.009 * c, 0.03)],
                0.03,
                12,
            )
        p.cylinder("plastic black", reach * c, reach * s, (0.03, 0.075), 0.008, sides=8)
    p.cylinder(frame, 0, 0, (0.08, 0.16), 0.04, 0.032, 16)
    p.cylinder("chrome", 0, 0, (0.15, seat - 0.1), 0.018, sides=14)
    p.box("plastic black", (-0.11, 0.11), (-0.1, 0.16), (seat - 0.11, seat - 0.07), 0.012, 2)
    p.cushion(cloth, (-p.x * 0.84, p.x * 0.84), (-p.y, p.y - 0.1), (seat - 0.085, seat), 5.5, 8)
    p.tube(
        "plastic black",
        [
            (0, 0.12, seat - 0.09),
            (0, p.y - 0.05, seat - 0.08),
            (0, p.y - 0.012, seat + 0.02),
            (0, p.y - 0.02, p.h * 0.72),
        ],
        0.016,
        8,
    )
    with p.moved(0, p.y - 0.07, seat + 0.07, tilt=-4):
        tall = p.h - seat - 0.07
        if variant == "grey":
            for k in range(2):
                p.cushion(
                    cloth,
                    (-p.x * (0.78 - 0.06 * k), p.x * (0.78 - 0.06 * k)),
                    (-0.03, 0.035),
                    (k * tall / 2 + 0.004, (k + 1) * tall / 2 - 0.004),
                    6,
                )
        else:
            p.cushion(cloth, (-p.x * 0.76, p.x * 0.76), (-0.035, 0.035), (0, tall), 5, 8)
    p.tube("plastic black", [(0.1, 0, seat - 0.09), (p.x * 0.75, 0, seat - 0.1)], 0.006, 6)


@builds("filing cabinet")
def filing_cabinet(p: Piece, variant: str) -> None:
    drawers = {"grey": 3, "white": 3, "black": 4}[variant]
    face = -p.y + FRONT + HANDLE
    p.box(variant, (-p.x, p.x), (-p.y + 0.012, p.y), (p.h - 0.015, p.h), 0.002)
    p.box(variant, (-p.x, p.x), (face, p.y), (0.03, p.h - 0.012), 0.003)
    p.box("grey dark", (-p.x + 0.02, p.x - 0.02), (face + 0.02, p.y - 0.02), (0, 0.03), 0)
    fronts(p, variant, "chrome", (-p.x + 0.006, p.x - 0.006), (0.035, p.h - 0.016), face, 1, drawers, "drawer", "none")
    tall = (p.h - 0.051) / drawers
    for k in range(drawers):
        z = 0.035 + (k + 0.62) * tall
        pull(p, "chrome", (0, z), face - FRONT, "bar", True, 0.16)
        p.box("chrome", (-0.04, 0.04), (face - FRONT - 0.003, face), (z + 0.04, z + 0.07), 0.001)
        p.box("paper", (-0.034, 0.034), (face - FRONT - 0.004, face), (z + 0.045, z + 0.065), 0)
    p.box("steel", (p.x - 0.05, p.x - 0.03), (face - FRONT - 0.002, face), (p.h - 0.06, p.h - 0.04), 0.001)


@builds("printer")
def printer(p: Piece, variant: str) -> None:
    body, trim = {"white": ("plastic white", "plastic grey"), "black": ("plastic black", "grey dark")}[variant]
    front = -p.y + 0.08
    p.box(body, (-p.x, p.x), (front, p.y - 0.02), (0, p.h - 0.03), 0.015, 2)
    p.box(trim, (-p.x + 0.02, p.x - 0.02), (front + 0.02, p.y - 0.03), (p.h - 0.032, p.h - 0.012), 0.006)
    p.box("screen", (-p.x * 0.72, p.x * 0.72), (front - 0.003, front + 0.02), (p.h * 0.3, p.h * 0.52), 0.002)
    p.box(trim, (-p.x * 0.66, p.x * 0.66), (-p.y, front + 0.03), (p.h * 0.26, p.h * 0.31), 0.003)
    p.box("paper", (-p.x * 0.5, p.x * 0.5), (-p.y + 0.01, front + 0.03), (p.h * 0.31, p.h * 0.325), 0)
    with p.moved(p.x * 0.55, front + 0.01, p.h - 0.045, tilt=-25):
        p.box("plastic black", (-0.07, 0.07), (-0.012, 0.012), (-0.025, 0.03), 0.003)
        p.box("screen lit", (-0.05, 0.02), (-0.015, 0.0), (-0.014, 0.02), 0)
    with p.moved(0, p.y - 0.06, p.h - 0.03, tilt=-18):
        p.box("paper", (-p.x * 0.48, p.x * 0.48), (-0.004, 0.004), (0, 0.06), 0)
        p.box(trim, (-p.x * 0.55, p.x * 0.55), (0.006, 0.014), (-0.02, 0.055), 0.003)


@builds("monitor")
def monitor(p: Piece, variant: str) -> None:
    low = 0.11
    p.prism("plastic black", rounded((-0.12, 0.12), (-p.y, p.y), 0.03), "z", (0, 0.014))
    p.box("steel", (-0.025, 0.025), (0.03, 0.05), (0.01, p.h * 0.6), 0.006)
    p.tube("steel", [(0, 0.04, p.h * 0.55), (0, 0.02 if variant == "wide" else 0.0, p.h * 0.57)], 0.02, 10)
    if variant == "flat":
        p.box("plastic black", (-p.x, p.x), (-0.02, 0.012), (low, p.h), 0.006, 2)
        p.box("screen lit", (-p.x + 0.01, p.x - 0.01), (-0.022, -0.01), (low + 0.02, p.h - 0.01), 0)
        return
    # A curved panel: its ends come towards the front.
    steps, bend = 12, 0.05
    for i in range(steps):
        x0, x1 = (-p.x + p.w * k / steps for k in (i, i + 1))
        y0, y1 = (-bend * (x / p.x) ** 2 for x in (x0, x1))
        for material, out, back, z in (
            ("plastic black", 0.0, 0.025, (low, p.h)),
            ("screen lit", -0.002, 0.004, (low + 0.018, p.h - 0.01)),
        ):
            p.prism(material, [(x0, y0 + out), (x1, y1 + out), (x1, y1 + back), (x0, y0 + back)], "z", z)


@builds("laptop")
def laptop(p: Piece, variant: str) -> None:
    body = {"silver": "steel", "black": "plastic black"}[variant]
    deep, tilt = 0.235, -20.0
    hinge = -p.y + deep
    p.prism(body, rounded((-p.x, p.x), (-p.y, hinge), 0.012), "z", (0, 0.016))
    p.box(
        "plastic black" if variant == "silver" else "grey dark",
        (-p.x + 0.025, p.x - 0.025),
        (hinge - 0.125, hinge - 0.02),
        (0.0155, 0.0175),
        0,
    )
    for k in range(4):
        y = hinge - 0.12 + 0.025 * k
        for i in range(11):
            x = -p.x + 0.03 + (p.w - 0.06) * i / 11
            p.box(
                "grey dark" if variant == "silver" else "grey",
                (x, x + (p.w - 0.06) / 11 - 0.004),
                (y, y + 0.02),
                (0.017, 0.0195),
                0,
            )
    p.box("plastic grey", (-0.05, 0.05), (-p.y + 0.012, hinge - 0.14), (0.0155, 0.0168), 0)
    with p.moved(0, hinge - 0.004, 0.012, tilt=tilt):
        tall = (p.h - 0.014) / math.cos(math.radians(tilt))
        p.prism(body, rounded((-p.x, p.x), (0, tall), 0.012), "y", (-0.004, 0.005))
        p.box("screen lit", (-p.x + 0.012, p.x - 0.012), (-0.0055, 0.0), (0.018, tall - 0.01), 0)


@builds("whiteboard")
def whiteboard(p: Piece, variant: str) -> None:
    back = p.y - 0.025
    low = 0.03
    p.box("ceramic", (-p.x + 0.01, p.x - 0.01), (back, p.y), (low, p.h - 0.01), 0)
    p.frame(
        "steel",
        rounded((-p.x, p.x), (low - 0.01, p.h), 0.02),
        rounded((-p.x + 0.022, p.x - 0.022), (low + 0.012, p.h - 0.022), 0.01),
        "y",
        (back - 0.008, p.y),
    )
    p.box("steel", (-p.x * 0.5, p.x * 0.5), (-p.y, back), (0.012, 0.022), 0.002)
    p.box("steel", (-p.x * 0.5, p.x * 0.5), (-p.y, -p.y + 0.006), (0, 0.028), 0.002)
    for i, tone in enumerate(("red", "blue", "green")):
        x = -p.x * 0.4 + 0.16 * i
        p.tube(tone, [(x, -p.y + 0.03, 0.031), (x + 0.12, -p.y + 0.03, 0.031)], 0.009, 8)
    p.box("plastic black", (p.x * 0.25, p.x * 0.25 + 0.13), (-p.y + 0.01, back - 0.005), (0.022, 0.05), 0.006)
    face = back - 0.0015
    for k in range(3):
        z = p.h - 0.2 - 0.14 * k
        p.box("blue", (-p.x * 0.75, -p.x * (0.15 + 0.12 * k)), (face, back), (z, z + 0.01), 0)
    for i, tall in enumerate((0.12, 0.22, 0.17, 0.3)):
        x = p.x * 0.2 + 0.09 * i
        p.box(("red", "green", "blue", "orange")[i], (x, x + 0.055), (face, back), (p.h * 0.35, p.h * 0.35 + tall), 0)
    p.box(
        "plastic black", (p.x * 0.2 - 0.03, p.x * 0.2 + 0.37), (face, back), (p.h * 0.35 - 0.012, p.h * 0.35 - 0.004), 0
    )
