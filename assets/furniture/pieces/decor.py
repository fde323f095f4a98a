"""Rugs, plants, pictures, shelves and small things for tables."""

from __future__ import annotations

import math

from .parts import BOOKS, arch, ellipse, pot, rounded, row_of_books
from .solid import Piece, builds


@builds("rug")
def rug(p: Piece, variant: str) -> None:
    """A base with inlaid bands that stand a hair above it, so that they do not flicker."""
    fringe = 0.05 if variant in ("beige", "persian", "striped") else 0.0
    base, rise = p.x - fringe, 0.0012
    tone = {"beige": "wool beige", "blue": "wool blue", "striped": "linen", "persian": "wool red"}[variant]
    p.box(tone, (-base, base), (-p.y, p.y), (0, p.h - rise), 0.004)
    if fringe:
        for sx in (-1, 1):
            for i in range(round(p.d / 0.06)):
                y = -p.y + 0.03 + i * (p.d - 0.06) / (round(p.d / 0.06) - 1)
                p.box("linen", (sx * base, sx * p.x), (y - 0.012, y + 0.012), (0, 0.005), 0)

    def band(material: str, inset: float, wide: float) -> None:
        x, y = base - inset, p.y - inset
        p.frame(
            material,
            rounded((-x, x), (-y, y), 0.001, 1),
            rounded((-x + wide, x - wide), (-y + wide, y - wide), 0.001, 1),
            "z",
            (p.h * 0.5, p.h),
        )

    if variant == "striped":
        for i, colour in enumerate(
            (
                "wool blue",
                "wool terracotta",
                "wool mustard",
                "wool sage",
                "wool blue",
                "wool terracotta",
                "wool mustard",
            )
        ):
            x = -base + (i + 0.7) * 2 * base / 7.4
            p.box(colour, (x, x + 0.07), (-p.y + 0.003, p.y - 0.003), (p.h * 0.4, p.h), 0)
    elif variant == "persian":
        band("wool blue", 0.06, 0.2)
        band("wool mustard", 0.29, 0.03)
        for i in range(3):
            x = (i - 1) * 0.72
            for scale, colour, z in (
                (1.0, "wool blue", p.h - 0.0008),
                (0.72, "wool mustard", p.h - 0.0004),
                (0.45, "wool red", p.h),
            ):
                p.prism(
                    colour,
                    [(x + 0.32 * scale, 0), (x, 0.42 * scale), (x - 0.32 * scale, 0), (x, -0.42 * scale)],
                    "z",
                    (p.h * 0.4, z),
                )
    elif variant == "blue":
        band("wool light blue", 0.1, 0.04)
        band("linen", 0.2, 0.02)
    else:
        band("linen", 0.08, 0.05)
        for i in range(5):
            x = (i - 2) * base * 0.32
            p.prism("linen", [(x + 0.13, 0), (x, 0.2), (x - 0.13, 0), (x, -0.2)], "z", (p.h * 0.4, p.h))


@builds("round rug")
def round_rug(p: Piece, variant: str) -> None:
    rings = {
        "grey": ("wool grey", "linen", "wool grey"),
        "colourful": ("wool blue", "wool mustard", "wool sage", "wool terracotta", "linen"),
        "jute": ("jute", "wicker dark", "jute", "wicker dark", "jute", "wicker dark", "jute"),
    }[variant]
    shares = (1.0, 0.84, 0.78) if variant == "grey" else [1 - k / len(rings) for k in range(len(rings))]
    for k, (tone, share) in enumerate(zip(rings, shares, strict=True)):
        p.prism(tone, ellipse(p.x * share, p.y * share, 64), "z", (0.0005 * k, p.h - 0.0006 * (len(rings) - 1 - k)))


def spray(
    p: Piece, tones: tuple[str, ...], base: float, count: int, spread: float, top: float, width: float, droop: float
) -> None:
    """Leaves that rise from the middle at height `base` and bend outward, the inner ones steeper."""
    for i in range(count):
        share = (i + 0.5) / count
        turn = i * 2.39996 + p.random.uniform(-0.2, 0.2)
        out = spread * (0.35 + 0.65 * share) * p.random.uniform(0.85, 1.0)
        z = base + (top - base) * (1 - 0.75 * share) * p.random.uniform(0.9, 1.0)
        p.leaf(
            tones[i % len(tones)],
            (0.01 * math.cos(turn), 0.01 * math.sin(turn), base),
            (out * math.cos(turn), out * math.sin(turn), z),
            width,
            droop,
        )


@builds("plant")
def plant(p: Piece, variant: str) -> None:
    if variant == "snake":
        pot(p, "stone dark", 0.13, 0.26)
        for i in range(14):
            turn, out = i * 2.4, 0.02 + 0.055 * ((i * 7) % 14) / 14
            tall = p.h * (1.0 - 0.4 * i / 14)
            c, s = math.cos(turn), math.sin(turn)
            p.leaf(
                ("leaf dark", "leaf", "leaf light")[i % 3],
                (out * c, out * s, 0.22),
                (out * 2.2 * c, out * 2.2 * s, tall),
                0.07,
                0,
                0.006,
            )
    elif variant == "monstera":
        pot(p, "terracotta", 0.16, 0.28)
        for i in range(15):
            share = i / 15
            turn, out = i * 2.4, p.x * (0.3 + 0.35 * ((i * 4) % 15) / 15)
            c, s = math.cos(turn), math.sin(turn)
            z = 0.45 + (p.h - 0.5) * (1 - share) ** 0.8
            stem = (out * c, out * s, z)
            p.tube(
                "leaf",
                [(0.02 * c, 0.02 * s, 0.26), (out * 0.45 * c, out * 0.45 * s, 0.26 + (z - 0.26) * 0.7), stem],
                0.006,
                6,
            )
            tip = (stem[0] + 0.2 * c, stem[1] + 0.2 * s, z - 0.07)
            p.leaf(("leaf dark", "leaf")[i % 2], stem, tip, 0.19, 0.02)
            side = (stem[0] + 0.1 * c - 0.1 * s, stem[1] + 0.1 * s + 0.1 * c, z - 0.05)
            p.leaf(("leaf dark", "leaf")[i % 2], stem, side, 0.09, 0.01)
            side = (stem[0] + 0.1 * c + 0.1 * s, stem[1] + 0.1 * s - 0.1 * c, z - 0.05)
            p.leaf(("leaf dark", "leaf")[i % 2], stem, side, 0.09, 0.01)
    else:
        p.shell(
            "wicker",
            [(0.001, 0), (0.14, 0), (0.17, 0.12), (0.16, 0.27), (0.148, 0.27), (0.14, 0.24), (0.001, 0.24)],
            sides=28,
        )
        p.cylinder("soil", 0, 0, (0.22, 0.25), 0.145, sides=24)
        p.tube(
            "bark",
            [(0, 0, 0.24), (0.02, 0.01, 0.55), (-0.015, 0.0, 0.85), (0.01, 0.01, 1.2)],
            (0.022, 0.018, 0.015, 0.01),
            10,
        )
        for i in range(44):
            share = i / 44
            turn, z = i * 2.39996, 0.62 + (p.h - 0.72) * share
            c, s = math.cos(turn), math.sin(turn)
            reach = p.x * (0.95 - 0.5 * share**2) * p.random.uniform(0.8, 1.0)
            start = (0.06 * c, 0.06 * s, z - 0.02)
            p.leaf(
                ("leaf", "leaf dark", "leaf light")[i % 3],
                start,
                (reach * c, reach * s, z + 0.08 * share + 0.02),
                0.15,
                0.03,
            )


@builds("potted plant")
def potted_plant(p: Piece, variant: str) -> None:
    if variant == "succulent":
        pot(p, "ceramic", p.x * 0.72, p.h * 0.5)
        for k, (count, out, rise) in enumerate(((9, 1.0, 0.25), (7, 0.7, 0.6), (5, 0.38, 0.95))):
            for i in range(count):
                turn = math.tau * (i + 0.5 * (k % 2)) / count
                c, s = math.cos(turn), math.sin(turn)
                p.leaf(
                    "leaf light" if k else "wool sage",
                    (0, 0, p.h * 0.46),
                    (p.x * out * c, p.x * out * s, p.h * (0.48 + 0.52 * rise)),
                    p.x * 0.42,
                    0,
                    0.008,
                )
    elif variant == "fern":
        pot(p, "terracotta", 0.085, 0.13)
        spray(p, ("leaf", "leaf light", "leaf dark"), 0.12, 34, p.x, p.h * 1.05, 0.032, 0.05)
    else:
        pot(p, "ceramic blue", p.x * 0.8, p.h * 0.36)
        for x, y, low, tall, r in (
            (0.0, 0.0, p.h * 0.3, p.h * 0.96, 0.036),
            (0.05, 0.01, p.h * 0.5, p.h * 0.78, 0.018),
            (-0.048, 0.0, p.h * 0.45, p.h * 0.68, 0.017),
        ):
            p.spindle(
                "leaf",
                [
                    (x, y, low, r * 0.8),
                    (x, y, low + 0.02, r),
                    (x, y, tall - r, r),
                    (x, y, tall - r * 0.4, r * 0.75),
                    (x, y, tall, 0),
                ],
                12,
            )
            for k in range(6):
                turn = math.tau * k / 6
                px, py = x + r * math.cos(turn), y + r * math.sin(turn)
                p.box("leaf light", (px - 0.002, px + 0.002), (py - 0.002, py + 0.002), (low + 0.01, tall - r), 0)
        for x, z in ((0.035, p.h * 0.52), (-0.033, p.h * 0.47)):
            p.tube("leaf", [(0, 0, z), (x * 1.4, 0, z)], 0.013, 8)
        p.ball("wool rose", (0, 0, p.h * 0.97), (0.016, 0.016, p.h * 0.03), 10)


@builds("vase")
def vase(p: Piece, variant: str) -> None:
    tone = {"tall": "ceramic blue", "flowers": "ceramic", "round": "terracotta"}[variant]
    r, tall = p.x, p.h
    if variant == "flowers":
        r, tall = 0.065, p.h * 0.5
    outline = {
        "tall": ((0.55, 0), (0.75, 0.2), (1.0, 0.5), (0.85, 0.72), (0.42, 0.86), (0.4, 0.93), (0.55, 1.0)),
        "flowers": ((0.7, 0), (0.95, 0.3), (1.0, 0.55), (0.7, 0.85), (0.8, 1.0)),
        "round": ((0.5, 0), (0.85, 0.18), (1.0, 0.42), (0.9, 0.68), (0.5, 0.86), (0.42, 0.93), (0.52, 1.0)),
    }[variant]
    outer = [(r * a, tall * b) for a, b in outline]
    inner = [(max(a - 0.006, 0.002), max(b, 0.012)) for a, b in reversed(outer)]
    p.shell(tone, [(0.001, 0), *outer, *inner, (0.001, 0.012)], sides=28)
    if variant == "flowers":
        tones = (
            "wool rose",
            "wool terracotta",
            "wool mustard",
            "sheet",
            "wool rose",
            "wool mustard",
            "wool red",
            "sheet",
            "wool rose",
        )
        for i, bloom in enumerate(tones):
            turn, out = i * 2.4, p.x * (0.2 + 0.6 * i / len(tones))
            x, y, z = out * math.cos(turn), out * math.sin(turn), p.h * (0.95 - 0.2 * i / len(tones))
            p.tube("leaf", [(x * 0.15, y * 0.15, tall * 0.6), (x * 0.4, y * 0.4, tall * 1.1), (x, y, z)], 0.003, 6)
            p.ball(bloom, (x, y, z), (0.028, 0.028, 0.02), 10)
            p.ball("yellow", (x, y, z + 0.014), (0.01, 0.01, 0.01), 8)
            p.leaf("leaf dark", (x * 0.3, y * 0.3, tall), (x * 1.1, y * 1.1, z - 0.08), 0.035, 0.02)


@builds("picture")
def picture(p: Piece, variant: str) -> None:
    """Frame, mount and a simple painted scene in flat shapes."""
    wood = {"portrait": "oak", "landscape": "walnut", "abstract": "black"}[variant]
    p.frame(
        wood,
        rounded((-p.x, p.x), (0, p.h), 0.001, 1),
        rounded((-p.x + 0.025, p.x - 0.025), (0.025, p.h - 0.025), 0.001, 1),
        "y",
        (-p.y, p.y),
    )
    p.box("paper", (-p.x + 0.02, p.x - 0.02), (0.0, p.y - 0.002), (0.02, p.h - 0.02), 0)
    edge = 0.08
    x, low, high = p.x - edge, edge, p.h - edge
    layer = [0.0]

    def paint(tone: str, outline: list[tuple[float, float]]) -> None:
        layer[0] -= 0.0012
        p.prism(tone, outline, "y", (layer[0], 0.004))

    def hill(tone: str, base: float, crest: float, waves: float, shift: float) -> None:
        bow = [(-x + 2 * x * i / 16, base + crest * (0.5 + 0.5 * math.sin(waves * i / 16 + shift))) for i in range(17)]
        paint(tone, [(-x, low), (x, low), *reversed(bow)])

    if variant == "landscape":
        paint("wool light blue", [(-x, low), (x, low), (x, high), (-x, high)])
        paint("wool mustard", ellipse(0.055, 0.055, 24, x * 0.45, high - 0.1))
        hill("wool blue", p.h * 0.42, 0.14, 5, 0.6)
        hill("wool sage", p.h * 0.3, 0.1, 4, 2.4)
        hill("wool green", p.h * 0.18, 0.1, 5, 4.2)
    elif variant == "portrait":
        paint("wool beige", [(-x, low), (x, low), (x, high), (-x, high)])
        paint("wool terracotta", ellipse(0.13, 0.13, 32, 0.02, p.h * 0.64))
        for k, tone in enumerate(("wool green", "wool sage", "wool blue")):
            tip = -0.12 + 0.12 * k
            paint(
                tone,
                [
                    (-0.01, low + 0.02),
                    (0.012, low + 0.02),
                    (tip + 0.05, p.h * 0.42),
                    (tip, p.h * (0.6 + 0.08 * (k == 1))),
                    (tip - 0.05, p.h * 0.42),
                ],
            )
    else:
        paint("linen", [(-x, low), (x, low), (x, high), (-x, high)])
        paint("wool blue", arch((-x * 0.8, x * 0.1), (low + 0.03, p.h * 0.72), 16))
        paint("wool mustard", ellipse(0.11, 0.11, 32, x * 0.42, p.h * 0.62))
        paint(
            "wool terracotta",
            [(-0.02, low + 0.03), (x * 0.85, low + 0.03), (x * 0.85, p.h * 0.38), (x * 0.4, p.h * 0.44)],
        )


@builds("wall shelf")
def wall_shelf(p: Piece, variant: str) -> None:
    front = -p.y + 0.03
    if variant == "box":
        t = 0.02
        p.frame(
            "oak",
            rounded((-p.x, p.x), (0, p.h), 0.001, 1),
            rounded((-p.x + t, p.x - t), (t, p.h - t), 0.001, 1),
            "y",
            (-p.y, p.y),
        )
        p.box("white", (-p.x + t / 2, p.x - t / 2), (p.y - 0.012, p.y - 0.002), (t / 2, p.h - t / 2), 0)
        p.box("oak", (0.05, 0.07), (-p.y + 0.01, p.y - 0.01), (t, p.h - t), 0.002)
        row_of_books(p, (-p.x + 0.04, 0.0), (front, p.y - 0.02), t, p.h - 0.08)
        pot(p, "ceramic", 0.05, 0.08, x=0.17, y=0.0)
        with p.moved(0.17, 0, 0):
            spray(p, ("leaf", "leaf light"), 0.075, 12, 0.09, 0.24, 0.028, 0.02)
        return
    wood = {"oak": "oak", "white": "white"}[variant]
    p.box(wood, (-p.x, p.x), (-p.y, p.y), (0.05, 0.08), 0.003)
    for sx in (-1, 1):
        x = sx * p.x * 0.7
        p.box("iron", (x - 0.012, x + 0.012), (p.y - 0.006, p.y), (0, 0.05), 0.001)
        p.tube("iron", [(x, p.y - 0.006, 0.008), (x, -p.y + 0.05, 0.052)], 0.006, 6)
    row_of_books(p, (-p.x + 0.05, -p.x * 0.2), (front, p.y - 0.01), 0.08, p.h - 0.08)
    p.spindle(
        "terracotta",
        [
            (p.x * 0.15, 0, 0.08, 0.025),
            (p.x * 0.15, 0, 0.12, 0.045),
            (p.x * 0.15, 0, 0.17, 0.02),
            (p.x * 0.15, 0, 0.19, 0.028),
        ],
        16,
    )
    with p.moved(p.x * 0.65, 0, 0.08):
        pot(p, "ceramic", 0.045, 0.075)
        spray(p, ("leaf", "leaf dark", "leaf light"), 0.07, 12, 0.075, 0.17, 0.026, 0.02)


@builds("clock")
def clock(p: Piece, variant: str) -> None:
    rim, face, hand = {"white": ("oak", "sheet", "plastic black"), "black": ("iron", "plastic black", "brass")}[variant]
    r = p.x
    p.frame(rim, ellipse(r, r, 48, 0, r), ellipse(r - 0.015, r - 0.015, 48, 0, r), "y", (-p.y, p.y))
    p.prism(face, ellipse(r - 0.012, r - 0.012, 48, 0, r), "y", (-p.y + 0.02, p.y - 0.001))
    for k in range(12):
        with p.moved(0, -p.y + 0.019, r, roll=30 * k):
            thick = 0.006 if k % 3 == 0 else 0.003
            p.box(hand, (-thick, thick), (-0.002, 0.004), (r * 0.72, r * 0.86), 0)
    for turn, length, thick in ((-60, 0.48, 0.006), (50, 0.7, 0.004)):
        with p.moved(0, -p.y + 0.014, r, roll=turn):
            p.box(hand, (-thick, thick), (-0.002, 0.002), (-0.02, r * length), 0)
    p.tube(hand, [(0, -p.y + 0.02, r), (0, -p.y + 0.009, r)], 0.012, 14)


@builds("books")
def books(p: Piece, variant: str) -> None:
    if variant == "row":
        thick = 0.012
        for sx in (-1, 1):
            p.box("iron", (sx * (p.x - thick), sx * p.x), (-p.y, p.y), (0, p.h * 0.62), 0.003)
            p.box("iron", (sx * (p.x - 0.08), sx * (p.x - 0.001)), (-p.y, p.y), (0, 0.005), 0)
        row_of_books(p, (-p.x + thick, p.x - thick), (-p.y + 0.01, p.y - 0.01), 0.004, p.h)
        return
    count = 4
    for k in range(count):
        z, tall = k * p.h / count, p.h / count - 0.001
        w, d = p.x * (1 - 0.07 * k), p.y * (1 - 0.06 * k)
        with p.moved(0.0, 0.0, z, yaw=(0, 5, -4, 7)[k] if k else 0):
            for low in (0, tall - 0.004):
                p.box(BOOKS[k], (-w + 0.001, w), (-d, d), (low, low + 0.004), 0)
            p.box(BOOKS[k], (-w, -w + 0.004), (-d + 0.0005, d - 0.0005), (0.0005, tall - 0.0005), 0)
            p.box("paper", (-w + 0.004, w - 0.006), (-d + 0.005, d - 0.005), (0.003, tall - 0.003), 0)
