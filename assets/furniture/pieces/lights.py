"""Lamps on floors, tables and ceilings; a ceiling piece's top face touches the ceiling."""

from __future__ import annotations

import math

from .parts import rounded
from .solid import Piece, Span, builds


def shade(p: Piece, material: str, low: Span, high: Span, x: float = 0, y: float = 0, sides: int = 32) -> None:
    """An open lamp shade between (radius, z) below and above, with a bulb inside."""
    wall = 0.004
    p.shell(material, [low, high, (high[0] - wall, high[1]), (low[0] - wall, low[1])], x, y, sides)
    middle = (low[1] + high[1]) / 2
    p.ball("bulb", (x, y, middle), (0.03, 0.03, 0.04), 12)
    for k in range(3):
        turn = math.tau * k / 3
        p.tube(
            "brass",
            [
                (x, y, high[1] - 0.02),
                (x + (high[0] - 0.003) * math.cos(turn), y + (high[0] - 0.003) * math.sin(turn), high[1] - 0.02),
            ],
            0.003,
            5,
        )


@builds("floor lamp")
def floor_lamp(p: Piece, variant: str) -> None:
    if variant == "drum":
        p.spindle(
            "iron",
            [(0, 0, 0, 0.15), (0, 0, 0.02, 0.15), (0, 0, 0.03, 0.03), (0, 0, 0.05, 0.011), (0, 0, p.h - 0.18, 0.011)],
            28,
        )
        shade(p, "shade", (p.x, p.h - 0.3), (p.x * 0.85, p.h))
        p.cylinder("brass", 0, 0, (p.h - 0.2, p.h - 0.02), 0.012, sides=12)
    elif variant == "tripod":
        top = p.h - 0.36
        for k in range(3):
            turn = math.tau * k / 3 - math.pi / 2
            c, s = math.cos(turn), math.sin(turn)
            p.leg("walnut", (p.x * 0.97 * c, p.x * 0.97 * s, 0), (0.03 * c, 0.03 * s, top), (0.011, 0.016), 12)
        p.cylinder("brass", 0, 0, (top - 0.03, top + 0.03), 0.05, sides=18)
        p.cylinder("brass", 0, 0, (top, p.h - 0.1), 0.011, sides=12)
        shade(p, "shade", (p.x * 0.88, p.h - 0.3), (p.x * 0.66, p.h))
    else:
        back = p.x - 0.148
        p.spindle(
            "iron", [(back, 0, 0, 0.148), (back, 0, 0.022, 0.148), (back, 0, 0.03, 0.02), (back, 0, 0.05, 0.011)], 28
        )
        path = [(back, 0, 0.04), (back, 0, p.h - 0.3)]
        path += [
            (back - 0.14 + 0.14 * math.cos(a), 0, p.h - 0.3 + 0.29 * math.sin(a)) for a in (0.4, 0.8, 1.2, math.pi / 2)
        ]
        p.tube("iron", [*path, (-p.x + 0.17, 0, p.h - 0.03), (-p.x + 0.1, 0, p.h - 0.12)], 0.01, 10)
        with p.moved(-p.x + 0.1, 0, p.h - 0.11):
            p.shell("brass", [(0.03, 0), (0.1, -0.13), (0.096, -0.13), (0.022, -0.004)], sides=28)
            p.cylinder("brass", 0, 0, (-0.01, 0.03), 0.03, 0.02, 16)
            p.ball("bulb", (0, 0, -0.07), (0.034, 0.034, 0.045), 12)


@builds("table lamp")
def table_lamp(p: Piece, variant: str) -> None:
    if variant == "desk":
        x, y = p.x - 0.085, 0.0
        p.cylinder("black", x, y, (0, 0.035), 0.085, sides=28)
        elbow, head = (x + 0.03, y, p.h * 0.55), (-p.x + 0.07, y, p.h - 0.04)
        p.tube("brass", [(x, y, 0.015), elbow], 0.007, 8)
        p.tube("brass", [elbow, head], 0.007, 8)
        p.ball("black", elbow, (0.014, 0.014, 0.014), 10)
        with p.moved(*head, roll=18):
            p.shell(
                "black",
                [(0.016, 0.03), (0.028, 0.03), (0.085, -0.075), (0.08, -0.075), (0.022, 0.015), (0.016, 0.015)],
                sides=24,
            )
            p.cylinder("black", 0, 0, (0.01, 0.035), 0.02, sides=14)
            p.ball("bulb", (0, 0, -0.03), (0.028, 0.028, 0.034), 10)
        return
    neck = p.h * 0.52
    if variant == "ceramic":
        p.spindle(
            "ceramic blue",
            [
                (0, 0, 0, 0.06),
                (0, 0, 0.015, 0.062),
                (0, 0, 0.03, 0.05),
                (0, 0, neck * 0.45, 0.088),
                (0, 0, neck * 0.75, 0.07),
                (0, 0, neck, 0.025),
            ],
            28,
        )
    else:
        p.spindle("oak", [(0, 0, 0, 0.07), (0, 0, 0.02, 0.07), (0, 0, 0.028, 0.045), (0, 0, neck, 0.028)], 24)
    p.cylinder("brass", 0, 0, (neck, p.h - 0.03), 0.008, sides=10)
    shade(p, "shade", (p.x, p.h * 0.55), (p.x * (0.68 if variant == "ceramic" else 0.82), p.h))


@builds("ceiling lamp")
def ceiling_lamp(p: Piece, variant: str) -> None:
    if variant == "round":
        p.cylinder("brass", 0, 0, (p.h - 0.03, p.h), p.x, sides=40)
        p.spindle(
            "shade",
            [
                (0, 0, 0, 0),
                (0, 0, 0.004, p.x * 0.4),
                (0, 0, 0.02, p.x * 0.75),
                (0, 0, p.h - 0.05, p.x * 0.95),
                (0, 0, p.h - 0.03, p.x * 0.95),
            ],
            40,
        )
    elif variant == "square":
        p.box("steel", (-p.x, p.x), (-p.y, p.y), (p.h - 0.035, p.h), 0.006)
        p.box("shade", (-p.x + 0.015, p.x - 0.015), (-p.y + 0.015, p.y - 0.015), (0, p.h - 0.03), 0.025, 3)
    else:
        p.prism("white", rounded((-p.x, p.x), (-0.04, 0.04), 0.03), "z", (p.h - 0.03, p.h))
        for i in range(3):
            x = -p.x * 0.68 + p.x * 0.68 * i
            p.cylinder("chrome", x, 0, (p.h - 0.07, p.h - 0.02), 0.008, sides=10)
            with p.moved(x, 0, p.h - 0.085, tilt=(24, -24, 24)[i]):
                p.shell(
                    "white",
                    [(0.03, -0.085), (0.045, -0.085), (0.04, 0.03), (0.001, 0.03), (0.001, 0.02), (0.025, 0.02)],
                    sides=22,
                )
                p.cylinder("bulb", 0, 0, (-0.075, -0.065), 0.034, sides=18)


def hung(p: Piece, x: float, low: float) -> None:
    """Canopy at the ceiling and the cord down to `low`."""
    p.cylinder("iron", x, 0, (low, p.h - 0.01), 0.004, sides=6)


@builds("pendant lamp")
def pendant_lamp(p: Piece, variant: str) -> None:
    if variant == "dome":
        p.cylinder("iron", 0, 0, (p.h - 0.025, p.h), 0.06, sides=24)
        hung(p, 0, 0.24)
        bow = [(p.x * math.cos(a), 0.23 * math.sin(a)) for a in (0, 0.3, 0.6, 0.9, 1.2, 1.45)]
        p.shell("wool green", [*bow, *((r - 0.006, max(0, z - 0.005)) for r, z in reversed(bow))], sides=36)
        p.cylinder("brass", 0, 0, (0.21, 0.27), 0.03, 0.018, 16)
        p.ball("bulb", (0, 0, 0.11), (0.045, 0.045, 0.055), 14)
    elif variant == "globe":
        p.cylinder("brass", 0, 0, (p.h - 0.025, p.h), 0.06, sides=24)
        hung(p, 0, p.w)
        p.ball("shade", (0, 0, p.x), (p.x, p.y, p.x), 28)
        p.cylinder("brass", 0, 0, (p.w - 0.015, p.w + 0.05), 0.035, 0.02, 16)
    else:
        p.prism("walnut", rounded((-p.x, p.x), (-0.04, 0.04), 0.03), "z", (p.h - 0.03, p.h))
        for i, low in enumerate((0.0, 0.12, 0.04)):
            x = (i - 1) * (p.x - p.y)
            hung(p, x, low + 0.2)
            p.shell(
                "iron",
                [
                    (p.y, low),
                    (p.y * 0.35, low + 0.19),
                    (0.02, low + 0.22),
                    (0.012, low + 0.21),
                    (p.y * 0.3, low + 0.18),
                    (p.y - 0.006, low),
                ],
                x,
                0,
                28,
            )
            p.ball("bulb", (x, 0, low + 0.07), (0.035, 0.035, 0.045), 12)
