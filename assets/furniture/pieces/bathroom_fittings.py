"""Washing and what hangs on bathroom walls."""

from __future__ import annotations

import math

from .parts import FRONT, HANDLE, arch, ellipse, fronts, pull, rounded
from .solid import Piece, Span, builds


@builds("washing machine")
def washing_machine(p: Piece, variant: str) -> None:
    body = {"white": "plastic white", "silver": "plastic grey"}[variant]
    front, middle = -p.y + 0.035, 0.42
    p.box(body, (-p.x, p.x), (front, p.y), (0.02, p.h - 0.03), 0.006)
    p.box(body, (-p.x, p.x), (-p.y, p.y), (p.h - 0.03, p.h), 0.005)
    for sx in (-1, 1):
        for y in (front + 0.05, p.y - 0.05):
            p.cylinder("plastic black", sx * (p.x - 0.06), y, (0, 0.025), 0.025, sides=12)
    with p.moved(0, front, middle, tilt=90):
        p.shell(
            "chrome" if variant == "silver" else "plastic grey",
            [(0.15, -0.005), (0.2, -0.005), (0.2, 0.02), (0.185, 0.03), (0.15, 0.02)],
            sides=36,
        )
        p.spindle("screen", [(0, 0, -0.004, 0.155), (0, 0, 0.01, 0.155), (0, 0, 0.024, 0.09), (0, 0, 0.026, 0)], 32)
    p.box("grey dark", (0.185, 0.205), (front - 0.028, front), (middle - 0.04, middle + 0.04), 0.004)
    p.box(
        "grey dark" if variant == "white" else "plastic black",
        (-p.x + 0.004, p.x - 0.004),
        (front - 0.006, front + 0.01),
        (p.h - 0.15, p.h - 0.04),
        0.002,
    )
    p.box(body, (-p.x + 0.02, -p.x + 0.19), (front - 0.01, front), (p.h - 0.14, p.h - 0.05), 0.003)
    p.tube("chrome", [(0.02, front, p.h - 0.095), (0.02, front - 0.028, p.h - 0.095)], 0.032, 20)
    p.box("screen lit", (0.1, 0.2), (front - 0.008, front), (p.h - 0.115, p.h - 0.075), 0)
    p.box(body, (-p.x + 0.03, -p.x + 0.13), (front - 0.004, front), (0.06, 0.14), 0.003)


@builds("laundry basket")
def laundry_basket(p: Piece, variant: str) -> None:
    if variant == "wicker":
        bands = 28
        top = p.h * 0.9
        for k in range(bands):
            z, grow = k * top / bands, 0.03 * (1 - k / bands)
            inset = grow + (0.004 if k % 2 else 0.0)
            p.prism(
                "wicker dark" if k % 2 else "wicker",
                rounded((-p.x + inset, p.x - inset), (-p.y + inset, p.y - inset), 0.07),
                "z",
                (z, z + top / bands),
            )
        p.prism("wicker", rounded((-p.x, p.x), (-p.y, p.y), 0.08), "z", (top, top + 0.035))
        p.prism(
            "wicker dark",
            rounded((-p.x + 0.03, p.x - 0.03), (-p.y + 0.03, p.y - 0.03), 0.06),
            "z",
            (top + 0.034, p.h - 0.012),
        )
        p.tube(
            "leather",
            [(-0.06, 0, p.h - 0.014), (-0.03, 0, p.h - 0.006), (0.03, 0, p.h - 0.006), (0.06, 0, p.h - 0.014)],
            0.006,
            8,
        )
        return
    r = p.x * 0.93
    p.shell(
        "linen",
        [(0.001, 0.02), (r * 0.9, 0.02), (r, p.h * 0.86), (r - 0.02, p.h * 0.86), (r * 0.86, 0.05), (0.001, 0.05)],
        sides=32,
    )
    p.shell("wool beige", [(r * 0.91, 0.0), (r * 0.93, 0.0), (r * 0.965, p.h * 0.3), (r * 0.945, p.h * 0.3)], sides=32)
    p.cylinder("oak", 0, 0, (0, 0.022), r * 0.88, sides=28)
    for sx in (-1, 1):
        p.tube(
            "leather",
            [
                (sx * r * 0.97, -0.06, p.h * 0.76),
                (sx * p.x * 0.99, -0.05, p.h * 0.88),
                (sx * p.x * 0.99, 0.05, p.h * 0.88),
                (sx * r * 0.97, 0.06, p.h * 0.76),
            ],
            0.008,
            8,
        )
    for i, tone in enumerate(("wool blue", "wool rose", "sheet", "wool mustard")):
        turn = math.tau * i / 4 + 0.3
        p.cushion(
            tone,
            (0.07 * math.cos(turn) - 0.1, 0.07 * math.cos(turn) + 0.1),
            (0.07 * math.sin(turn) - 0.09, 0.07 * math.sin(turn) + 0.09),
            (p.h * 0.7, p.h * (0.93 + 0.07 * (i % 2))),
            2.6,
        )


@builds("towel rack")
def towel_rack(p: Piece, variant: str) -> None:
    if variant == "steel":
        for sx in (-1, 1):
            x = sx * (p.x - 0.02)
            p.tube("chrome", [(x, p.y, p.h - 0.03), (x, p.y - 0.008, p.h - 0.03)], 0.025, 16)
            p.tube("chrome", [(x, p.y, p.h - 0.03), (x, -p.y + 0.06, p.h - 0.03)], 0.009, 10)
        for y in (-p.y + 0.05, p.y - 0.045):
            p.tube("chrome", [(-p.x, y, p.h - 0.03), (p.x, y, p.h - 0.03)], 0.009, 10)
        towel(p, "wool light blue", (-p.x + 0.08, p.x - 0.14), -p.y + 0.05, p.h - 0.03, p.h - 0.001)
        towel(p, "sheet", (-p.x + 0.18, p.x - 0.07), p.y - 0.045, p.h - 0.03, p.h * 0.72)
        return
    bars = -p.y + 0.04
    for sx in (-1, 1):
        x = sx * (p.x - 0.02)
        p.tube("ceramic", [(x, bars, 0), (x, bars, p.h)], 0.018, 12)
        for z in (0.12, p.h - 0.12):
            p.tube("chrome", [(x, bars, z), (x, p.y, z)], 0.012, 10)
    for k in range(16):
        z = 0.06 + k * (p.h - 0.12) / 15
        if k % 5 != 4:
            p.tube("ceramic", [(-p.x + 0.02, bars - 0.01, z), (p.x - 0.02, bars - 0.01, z)], 0.011, 10)
    towel(p, "wool sage", (-p.x + 0.07, p.x - 0.07), bars - 0.01, p.h - 0.13, 0.52)


def towel(p: Piece, cloth: str, x: Span, y: float, bar: float, tall: float) -> None:
    """A towel hung over a bar at depth `y`, its front half `tall` long."""
    out, thick = 0.026, 0.012
    front, rear, low = y - out, y + out, bar + 0.016 - tall
    outline = [
        (front, low),
        (front + thick, low),
        (front + thick, bar),
        (y, bar + 0.012),
        (rear - thick, bar),
        (rear - thick, low + tall * 0.25),
        (rear, low + tall * 0.25),
        (rear, bar + 0.012),
        (y, bar + 0.028),
        (front, bar + 0.012),
    ]
    p.prism(cloth, outline, "x", x)
    p.box(
        "sheet" if cloth != "sheet" else "wool beige",
        (x[0] - 0.001, x[1] + 0.001),
        (front - 0.002, front + 0.01),
        (low + 0.05, low + 0.075),
        0,
    )


@builds("bathroom cabinet")
def bathroom_cabinet(p: Piece, variant: str) -> None:
    face = -p.y + FRONT + HANDLE
    if variant == "mirror":
        p.box("white", (-p.x, p.x), (face, p.y), (0, p.h), 0.003)
        for sx in (-1, 1):
            x = tuple(sorted((sx * 0.002, sx * p.x)))
            p.box("white", x, (face - FRONT, face), (0, p.h), 0.003)
            p.box("mirror", (x[0] + 0.012, x[1] - 0.012), (face - FRONT - 0.003, face), (0.012, p.h - 0.012), 0)
            pull(p, "chrome", (sx * 0.02, p.h * 0.3), face - FRONT - 0.003, "knob", False, 0.1)
        return
    for sx in (-1, 1):
        p.box("oak", (sx * p.x, sx * (p.x - 0.018)), (face, p.y), (0, p.h), 0.002)
    p.box("oak dark", (-p.x + 0.012, p.x - 0.012), (p.y - 0.01, p.y - 0.001), (0.002, p.h - 0.002), 0)
    shelf = 0.2
    for z in (0, shelf, p.h - 0.018):
        p.box("oak", (-p.x + 0.018, p.x - 0.018), (face + 0.001, p.y - 0.005), (z, z + 0.018), 0.002)
    fronts(p, "oak", "iron", (-p.x, p.x), (shelf, p.h), face, 1, 1, "door")
    for i, tone in enumerate(("sheet", "wool light blue")):
        p.cushion(tone, (-p.x + 0.04, p.x - 0.12), (face + 0.01, p.y - 0.02), (0.018 + 0.06 * i, 0.078 + 0.06 * i), 5)
    p.cylinder("leaf light", p.x - 0.07, 0.02, (0.018, 0.13), 0.025, 0.02, 14)


@builds("mirror")
def mirror(p: Piece, variant: str) -> None:
    metal = {"round": "brass", "black": "iron", "arched": "oak"}[variant]
    edge = 0.02

    def outline(inset: float) -> list[Span]:
        if variant == "round":
            return ellipse(p.x - inset, p.h / 2 - inset, 48, 0, p.h / 2)
        x, z = (-p.x + inset, p.x - inset), (inset, p.h - inset)
        return rounded(x, z, 0.03) if variant == "black" else arch(x, z, 24)

    p.frame(metal, outline(0), outline(edge), "y", (-p.y, p.y))
    p.prism("mirror", outline(edge), "y", (-p.y + 0.012, p.y - 0.002))
