"""Appliances of the kitchen; floor units are 0.90 m high and 0.60 m deep and line up with the counters."""

from __future__ import annotations

from .kitchen import TOP, unit
from .parts import FRONT, corner_legs, pull
from .solid import Piece, builds


def hob(p: Piece, x: float, y: float, radius: float, gas: bool) -> None:
    """A burner ring or a glass-hob zone on the top face."""
    if gas:
        p.cylinder("plastic black", x, y, (p.h - 0.025, p.h - 0.01), radius * 0.45, radius * 0.35, 16)
        for k in range(4):
            with p.moved(x, y, p.h - 0.006, yaw=90 * k):
                p.box("iron", (radius * 0.15, radius), (-0.006, 0.006), (-0.006, 0.006), 0.002)
                p.box("iron", (radius - 0.012, radius), (-0.006, 0.006), (-0.02, 0.006), 0.002)
    else:
        p.shell(
            "plastic grey",
            [(radius - 0.005, p.h - 0.003), (radius, p.h - 0.003), (radius, p.h), (radius - 0.005, p.h)],
            x,
            y,
            28,
        )


@builds("stove")
def stove(p: Piece, variant: str) -> None:
    metal = {"steel": "steel", "black": "black", "wide": "steel"}[variant]
    gas = variant != "black"
    face = unit(p, metal, None)
    p.box(metal if gas else "screen", (-p.x, p.x), (-p.y, p.y), (p.h - TOP, p.h - (0.02 if gas else 0.002)), 0.003)
    for i in range(3 if variant == "wide" else 2):
        x = -p.x / 2 + i * (p.x / 2 if variant == "wide" else p.x)
        for k, y in enumerate((-p.y * 0.42, p.y * 0.4)):
            hob(p, x, y, (0.105, 0.085)[(i + k) % 2] * (1.15 if not gas else 1.0), gas)
    p.box(metal, (-p.x, p.x), (face - FRONT, face), (p.h - 0.13, p.h - TOP - 0.002), 0.002)
    knobs = 6 if variant == "wide" else 5
    for i in range(knobs):
        x = -p.x * 0.8 + p.x * 1.6 * i / (knobs - 1)
        p.tube("plastic black", [(x, face - FRONT, p.h - 0.08), (x, face - FRONT - 0.02, p.h - 0.08)], 0.019, 14)
    p.box(metal, (-p.x + 0.004, p.x - 0.004), (face - FRONT, face), (0.26, p.h - 0.136), 0.004)
    p.box("screen", (-p.x + 0.07, p.x - 0.07), (face - FRONT - 0.003, face), (0.34, p.h - 0.23), 0.004)
    pull(p, "chrome", (0, p.h - 0.175), face - FRONT, "bar", True, p.w * 0.8)
    p.box(metal, (-p.x + 0.004, p.x - 0.004), (face - FRONT, face), (0.1, 0.252), 0.004)


@builds("fridge")
def fridge(p: Piece, variant: str) -> None:
    body, handle = {"steel": ("steel", "chrome"), "white": ("ceramic", "steel"), "double": ("steel", "chrome")}[variant]
    face = -p.y + 0.075
    p.box("grey dark", (-p.x + 0.02, p.x - 0.02), (face + 0.03, p.y - 0.01), (0, 0.05), 0)
    p.box("grey" if variant != "white" else body, (-p.x, p.x), (face, p.y), (0.04, p.h), 0.006, 2)
    if variant == "double":
        doors = [
            ((-p.x, -0.002), (0.62, p.h), -0.06),
            ((0.002, p.x), (0.62, p.h), 0.06),
            ((-p.x, p.x), (0.05, 0.612), 0),
        ]
    else:
        split = 0.68 if variant == "steel" else 1.22
        doors = [((-p.x, p.x), (0.05, split - 0.004), -p.x + 0.06), ((-p.x, p.x), (split + 0.004, p.h), -p.x + 0.06)]
    for x, z, grip in doors:
        p.box(body, x, (face - 0.05, face - 0.004), z, 0.01, 2)
        if grip:
            middle = (z[0] + z[1]) / 2
            low, high = (middle - 0.3, middle + 0.3) if z[1] - z[0] > 0.8 else (max(z[0], middle - 0.14), middle + 0.14)
            p.tube(
                handle,
                [
                    (grip, face - 0.05, low),
                    (grip, -p.y + 0.011, low),
                    (grip, -p.y + 0.011, high),
                    (grip, face - 0.05, high),
                ],
                0.01,
                8,
            )
        else:
            p.tube(
                handle,
                [
                    (-0.3, face - 0.05, 0.53),
                    (-0.3, -p.y + 0.011, 0.53),
                    (0.3, -p.y + 0.011, 0.53),
                    (0.3, face - 0.05, 0.53),
                ],
                0.01,
                8,
            )
    if variant == "double":
        p.box("screen", (-p.x * 0.72, -p.x * 0.32), (face - 0.054, face - 0.04), (1.1, 1.42), 0.006)
        p.box("plastic grey", (-p.x * 0.66, -p.x * 0.38), (face - 0.057, face - 0.04), (1.13, 1.16), 0.003)


@builds("dishwasher")
def dishwasher(p: Piece, variant: str) -> None:
    body = {"steel": "steel", "white": "white"}[variant]
    face = unit(p, body, "oak" if variant == "white" else "stone")
    p.box(body, (-p.x + 0.003, p.x - 0.003), (face - FRONT, face), (0.1, p.h - 0.145), 0.004)
    p.box(
        "plastic black" if variant == "steel" else "plastic grey",
        (-p.x + 0.003, p.x - 0.003),
        (face - FRONT, face),
        (p.h - 0.14, p.h - TOP - 0.003),
        0.003,
    )
    p.box("screen lit", (0.06, 0.13), (face - FRONT - 0.002, face), (p.h - 0.1, p.h - 0.07), 0)
    for i in range(4):
        x = -0.2 + 0.05 * i
        p.tube("steel", [(x, face - FRONT, p.h - 0.085), (x, face - FRONT - 0.005, p.h - 0.085)], 0.009, 10)
    pull(p, "chrome", (0, p.h - 0.19), face - FRONT, "bar", True, p.w * 0.75)


@builds("microwave")
def microwave(p: Piece, variant: str) -> None:
    body = {"steel": "steel", "white": "plastic white"}[variant]
    for sx in (-1, 1):
        for sy in (-1, 1):
            p.cylinder("plastic black", sx * (p.x - 0.04), sy * (p.y - 0.05), (0, 0.015), 0.014, sides=10)
    p.box(body, (-p.x, p.x), (-p.y + 0.03, p.y), (0.012, p.h), 0.006)
    p.box(body, (-p.x, p.x * 0.5), (-p.y + 0.012, -p.y + 0.03), (0.012, p.h), 0.004)
    p.box("screen", (-p.x + 0.03, p.x * 0.38), (-p.y + 0.009, -p.y + 0.03), (0.05, p.h - 0.035), 0.004)
    p.box("plastic black", (p.x * 0.51, p.x), (-p.y + 0.014, -p.y + 0.03), (0.012, p.h), 0.003)
    p.box("screen lit", (p.x * 0.58, p.x * 0.92), (-p.y + 0.011, -p.y + 0.02), (p.h - 0.07, p.h - 0.035), 0)
    for i in range(3):
        for k in range(3):
            x = p.x * (0.63 + 0.12 * i)
            p.box(
                "plastic grey",
                (x - 0.009, x + 0.009),
                (-p.y + 0.011, -p.y + 0.02),
                (0.06 + 0.035 * k, 0.08 + 0.035 * k),
                0,
            )
    p.tube(
        "chrome",
        [
            (p.x * 0.44, -p.y + 0.012, 0.05),
            (p.x * 0.44, -p.y + 0.006, 0.06),
            (p.x * 0.44, -p.y + 0.006, p.h - 0.05),
            (p.x * 0.44, -p.y + 0.012, p.h - 0.04),
        ],
        0.006,
        8,
    )


@builds("range hood")
def range_hood(p: Piece, variant: str) -> None:
    metal = {"steel": "steel", "black": "black"}[variant]
    duct, y = 0.15, p.y - 0.27
    if variant == "steel":
        p.box(metal, (-p.x, p.x), (-p.y, p.y), (0, 0.06), 0.003)
        rings = [(-p.x, -p.y, p.x, p.y, 0.06), (-duct, y, duct, p.y, 0.3)]
        vertices = [v for x0, y0, x1, y1, z in rings for v in ((x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z))]
        p.solid(metal, vertices, [(0, 1, 2, 3), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)])
        p.box(metal, (-duct, duct), (y, p.y), (0.29, p.h), 0.003)
    else:
        p.prism(
            "screen", [(-p.y, 0.14), (-p.y + 0.03, 0.1), (p.y - 0.1, 0.0), (p.y, 0.0), (p.y, 0.16)], "x", (-p.x, p.x)
        )
        p.box(metal, (-duct, duct), (y, p.y), (0.1, p.h), 0.003)
    for i in range(3):
        x = -0.06 + 0.06 * i
        p.tube(
            "plastic black",
            [
                (x, -p.y + 0.01, 0.03 if variant == "steel" else 0.135),
                (x, -p.y - 0.002, 0.03 if variant == "steel" else 0.138),
            ],
            0.009,
            10,
        )
    if variant == "steel":
        for sx in (-1, 1):
            p.box("grey dark", (sx * 0.02, sx * (p.x - 0.04)), (-p.y + 0.08, p.y - 0.05), (-0.004, 0.004), 0.002)


@builds("coffee machine")
def coffee_machine(p: Piece, variant: str) -> None:
    body, trim = {"black": ("plastic black", "steel"), "steel": ("steel", "plastic black")}[variant]
    p.box(body, (-p.x, p.x), (-p.y + 0.02, p.y), (0, 0.05), 0.008, 2)
    p.box(trim, (-p.x + 0.02, p.x - 0.02), (-p.y, 0.02), (0.03, 0.058), 0.003)
    p.box(body, (-p.x, p.x), (0.0, p.y), (0.045, p.h), 0.012, 2)
    p.box(body, (-p.x, p.x), (-p.y + 0.03, 0.02), (p.h * 0.66, p.h), 0.012, 2)
    p.box("screen lit", (-0.035, 0.035), (-p.y + 0.027, -p.y + 0.04), (p.h * 0.8, p.h * 0.9), 0.002)
    for sx in (-1, 1):
        p.tube(
            trim, [(sx * p.x * 0.66, -p.y + 0.03, p.h * 0.85), (sx * p.x * 0.66, -p.y + 0.018, p.h * 0.85)], 0.016, 14
        )
    p.cylinder(trim, 0, -p.y * 0.42, (p.h * 0.58, p.h * 0.67), 0.034, sides=16)
    p.tube("plastic black", [(0, -p.y * 0.42, p.h * 0.6), (0, -p.y + 0.004, p.h * 0.57)], 0.01, 8)
    p.spindle("ceramic", [(0, -p.y * 0.42, 0.058, 0.022), (0, -p.y * 0.42, 0.12, 0.035)], 16)
    corner_legs(p, "plastic black", 0.004, 0.012, 0.02)
