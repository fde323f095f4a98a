"""Sanitary ware."""

from __future__ import annotations

from .parts import FRONT, HANDLE, ellipse, fronts, rounded
from .solid import Piece, Span, builds


def lofted(p: Piece, material: str, rings: list[tuple[float, list[Span]]]) -> None:
    """A solid through outlines of equal point count, each at its height, capped at both ends."""
    count = len(rings[0][1])
    vertices = [(x, y, z) for z, outline in rings for x, y in outline]
    faces: list[list[int]] = [list(range(count)), list(range(len(vertices) - count, len(vertices)))]
    for k in range(len(rings) - 1):
        for i in range(count):
            j = (i + 1) % count
            faces.append([k * count + i, k * count + j, (k + 1) * count + j, (k + 1) * count + i])
    p.solid(material, vertices, faces)


def tap(p: Piece, x: float, y: float, z: float, reach: float = 0.13, tall: float = 0.1) -> None:
    """A basin tap whose spout points to the front, with a lever on top."""
    p.cylinder("chrome", x, y, (z, z + tall), 0.018, 0.015, 14)
    p.tube(
        "chrome",
        [(x, y, z + tall * 0.75), (x, y - reach * 0.85, z + tall * 0.85), (x, y - reach, z + tall * 0.6)],
        (0.012, 0.011, 0.01),
        10,
    )
    p.tube("chrome", [(x, y, z + tall - 0.004), (x, y - 0.05, z + tall + 0.014)], 0.007, 8)


@builds("toilet")
def toilet(p: Piece, variant: str) -> None:
    seat, tank = 0.4, 0.18
    front, rear = -p.y, p.y - tank + 0.03
    middle, half = (front + rear) / 2, (rear - front) / 2

    def egg(share_x: float, share_y: float, shift: float = 0.0) -> list[Span]:
        return ellipse(p.x * 0.92 * share_x, half * share_y, 32, 0, middle + shift)

    lofted(
        p,
        "ceramic",
        [
            (0, egg(0.62, 0.72, 0.07)),
            (0.05, egg(0.58, 0.68, 0.07)),
            (0.2, egg(0.66, 0.76, 0.05)),
            (0.34, egg(0.96, 0.97)),
            (seat - 0.025, egg(1.0, 0.985)),
        ],
    )
    p.frame("plastic white", egg(1.02, 1.0), egg(0.66, 0.68, -0.02), "z", (seat - 0.022, seat))
    p.prism("water", egg(0.66, 0.68, -0.02), "z", (seat - 0.022, seat - 0.018))
    p.box("ceramic", (-p.x * 0.55, p.x * 0.55), (middle, p.y - 0.02), (0, seat - 0.03), 0.03, 2)
    if variant == "classic":
        tall = p.h - seat - 0.06
        with p.moved(0, rear - 0.05, seat - 0.01, tilt=80):
            p.prism("plastic white", ellipse(p.x * 0.9, tall / 2, 32, 0, tall / 2), "z", (0, 0.018))
        p.box("ceramic", (-p.x * 0.96, p.x * 0.96), (p.y - tank, p.y), (seat - 0.04, p.h - 0.035), 0.025, 2)
        p.box("ceramic", (-p.x, p.x), (p.y - tank - 0.008, p.y), (p.h - 0.045, p.h - 0.008), 0.012, 2)
    else:
        p.prism("plastic white", egg(1.0, 0.98), "z", (seat, seat + 0.022))
        p.box("ceramic", (-p.x, p.x), (p.y - tank, p.y), (0, p.h - 0.008), 0.012, 2)
    p.cylinder("chrome", 0, p.y - tank / 2, (p.h - 0.012, p.h), 0.026, sides=18)


@builds("bathtub")
def bathtub(p: Piece, variant: str) -> None:
    """Rim, sloping inside, water-free; tap at one end."""
    rim, floor = p.h - (0.09 if variant == "builtin" else 0.0), 0.12

    def ring(inset_x: float, inset_y: float, shift: float = 0.0) -> list[Span]:
        if variant == "builtin" and inset_x < 0.03:
            return rounded((-p.x + inset_x, p.x - inset_x), (-p.y + inset_y, p.y - inset_y), 0.02, 8)
        x, y = p.x - inset_x, p.y - inset_y
        return rounded((-x + shift, x + shift), (-y, y), min(x, y) * (0.55 if variant == "builtin" else 0.97), 8)

    if variant == "builtin":
        outer = [(0.0, ring(0, 0)), (rim, ring(0, 0))]
        inner = [(rim, ring(0.08, 0.07)), (rim - 0.1, ring(0.12, 0.09)), (floor, ring(0.26, 0.14, -0.02))]
    else:
        outer = [
            (0.0, ring(0.16, 0.12)),
            (0.03, ring(0.15, 0.11)),
            (rim * 0.55, ring(0.07, 0.05)),
            (rim - 0.03, ring(0.012, 0.012)),
            (rim - 0.02, ring(0, 0)),
            (rim, ring(0, 0)),
        ]
        inner = [(rim, ring(0.035, 0.035)), (rim - 0.1, ring(0.06, 0.055)), (floor, ring(0.24, 0.16))]
    lofted(p, "ceramic", outer + inner)
    p.cylinder("chrome", p.x * 0.45 if variant == "builtin" else 0, 0, (floor - 0.002, floor + 0.006), 0.03, sides=16)
    if variant == "builtin":
        x = p.x - 0.05
        for sy in (-1, 1):
            p.cylinder("chrome", x, sy * 0.09, (rim - 0.005, rim + 0.05), 0.022, sides=12)
        p.tube(
            "chrome",
            [(x, 0, rim), (x, 0, p.h - 0.016), (x - 0.12, 0, p.h - 0.014), (x - 0.14, 0, p.h - 0.04)],
            0.014,
            10,
        )


@builds("shower cabin")
def shower_cabin(p: Piece, variant: str) -> None:
    """Tray, glass on the front and the right, tiled panels behind and left, shower head on a bar."""
    tray, post = 0.1, 0.018
    p.frame(
        "ceramic",
        rounded((-p.x, p.x), (-p.y, p.y), 0.02),
        rounded((-p.x + 0.05, p.x - 0.05), (-p.y + 0.05, p.y - 0.05), 0.05),
        "z",
        (0, tray),
    )
    p.box("ceramic", (-p.x + 0.04, p.x - 0.04), (-p.y + 0.04, p.y - 0.04), (0, tray - 0.04), 0.004)
    p.cylinder("chrome", 0, 0, (tray - 0.041, tray - 0.034), 0.045, sides=18)
    for sx in (-1, 1):
        for sy in (-1, 1):
            p.leg(
                "chrome",
                (sx * (p.x - post - 0.001), sy * (p.y - post - 0.001), tray),
                (sx * (p.x - post - 0.001), sy * (p.y - post - 0.001), p.h - 0.03),
                (post, post),
                4,
            )
    for sy in (-1, 1):
        p.box("chrome", (-p.x, p.x), (sy * p.y, sy * (p.y - 0.037)), (p.h - 0.04, p.h), 0.003)
    for sx in (-1, 1):
        p.box("chrome", (sx * p.x, sx * (p.x - 0.037)), (-p.y + 0.037, p.y - 0.037), (p.h - 0.04, p.h), 0.003)
    p.box(
        "ceramic blue" if variant == "square" else "stone",
        (-p.x + 0.03, p.x - 0.03),
        (p.y - 0.025, p.y - 0.012),
        (tray, p.h - 0.03),
        0,
    )
    for sx in (-1, 1):
        p.box("glass", (sx * (p.x - 0.02), sx * (p.x - 0.014)), (-p.y + 0.03, p.y - 0.03), (tray, p.h - 0.035), 0)
    split = 0.0 if variant == "square" else -p.x * 0.25
    p.box("glass", (-p.x + 0.03, split + 0.02), (-p.y + 0.014, -p.y + 0.02), (tray, p.h - 0.035), 0)
    p.box("glass", (split - 0.02, p.x - 0.03), (-p.y + 0.024, -p.y + 0.03), (tray, p.h - 0.035), 0)
    p.box("chrome", (split - 0.022, split - 0.006), (-p.y + 0.02, -p.y + 0.034), (tray, p.h - 0.03), 0.002)
    p.tube(
        "chrome",
        [
            (split + 0.05, -p.y + 0.022, 0.9),
            (split + 0.05, -p.y + 0.006, 0.92),
            (split + 0.05, -p.y + 0.006, 1.18),
            (split + 0.05, -p.y + 0.022, 1.2),
        ],
        0.006,
        8,
    )
    y = p.y - 0.045
    p.tube(
        "chrome",
        [
            (0, y, 0.95),
            (0, y, p.h - 0.17),
            (0, y - 0.04, p.h - 0.12),
            (0, y - 0.25, p.h - 0.11),
            (0, y - 0.25, p.h - 0.15),
        ],
        0.01,
        8,
    )
    p.cylinder("chrome", 0, y - 0.25, (p.h - 0.17, p.h - 0.15), 0.1, 0.08, 22)
    p.tube("chrome", [(-0.09, y, 1.05), (0.09, y, 1.05)], 0.02, 12)


@builds("washbasin")
def washbasin(p: Piece, variant: str) -> None:
    rim = p.h - 0.115
    if variant == "pedestal":
        p.spindle(
            "ceramic",
            [(0, 0.05, 0, 0.14), (0, 0.05, 0.03, 0.13), (0, 0.05, 0.2, 0.085), (0, 0.05, rim - 0.15, 0.09)],
            24,
        )
        outline = rounded((-p.x, p.x), (-p.y, p.y), (0.2, 0.2, 0.06, 0.06), 8)
        rings = [
            (rim - 0.17, rounded((-0.12, 0.12), (-0.08, 0.16), 0.1, 8)),
            (rim - 0.1, rounded((-p.x * 0.75, p.x * 0.75), (-p.y * 0.75, p.y * 0.9), 0.14, 8)),
            (rim - 0.03, outline),
            (rim, outline),
            (rim, rounded((-p.x + 0.05, p.x - 0.05), (-p.y + 0.04, p.y - 0.13), 0.14, 8)),
            (rim - 0.11, rounded((-0.1, 0.1), (-0.12, 0.04), 0.08, 8)),
        ]
        lofted(p, "ceramic", rings)
        tap(p, 0, p.y - 0.07, rim)
        return
    face = -p.y + FRONT + HANDLE
    low = 0.26 if variant == "oak" else 0.05
    p.box(variant, (-p.x + 0.01, p.x - 0.01), (face, p.y), (low, rim - 0.12 if variant == "oak" else rim - 0.1), 0.003)
    fronts(
        p,
        variant,
        "iron" if variant == "oak" else "chrome",
        (-p.x + 0.012, p.x - 0.012),
        (low + 0.01, rim - 0.13),
        face,
        1 if variant == "oak" else 2,
        2 if variant == "oak" else 1,
        "drawer" if variant == "oak" else "door",
    )
    for sx in (-1, 1):
        for y in (face + 0.03, p.y - 0.03):
            p.leg(
                "iron" if variant == "oak" else "chrome",
                (sx * (p.x - 0.04), y, 0),
                (sx * (p.x - 0.04), y, low + 0.005),
                (0.015, 0.015),
                4,
            )
    if variant == "oak":
        p.box("oak", (-p.x + 0.02, p.x - 0.02), (face + 0.01, p.y - 0.01), (0.1, 0.12), 0.003)
        p.cushion("linen", (-0.26, 0.02), (-0.12, 0.12), (0.12, 0.2), 6)
        p.box("stone", (-p.x, p.x), (-p.y, p.y), (rim - 0.125, rim - 0.095), 0.003)
        lofted(
            p,
            "ceramic",
            [
                (rim - 0.095, ellipse(0.16, 0.12, 32, 0, -0.03)),
                (rim - 0.02, ellipse(0.23, 0.17, 32, 0, -0.03)),
                (rim, ellipse(0.235, 0.175, 32, 0, -0.03)),
                (rim, ellipse(0.22, 0.16, 32, 0, -0.03)),
                (rim - 0.075, ellipse(0.13, 0.09, 32, 0, -0.03)),
            ],
        )
        tap(p, 0, p.y - 0.06, rim - 0.095, 0.15, 0.195)
    else:
        box = rounded((-p.x, p.x), (-p.y, p.y), 0.015, 8)
        lofted(
            p,
            "ceramic",
            [
                (rim - 0.1, box),
                (rim, box),
                (rim, rounded((-p.x + 0.05, p.x - 0.05), (-p.y + 0.04, p.y - 0.12), 0.07, 8)),
                (rim - 0.085, rounded((-p.x + 0.09, p.x - 0.09), (-p.y + 0.07, p.y - 0.14), 0.06, 8)),
            ],
        )
        tap(p, 0, p.y - 0.06, rim)
