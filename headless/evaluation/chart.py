"""Small line charts as SVG text, for the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

WIDTH, HEIGHT = 300, 190
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 26, 26
COLOURS = ("#1f5fa8", "#c2571a", "#3f7f3f", "#7a4fa0")


@dataclass(frozen=True)
class Line:
    """Values at places along x, with the ends of their intervals; None where there is none."""

    label: str
    values: Sequence[float | None]
    low: Sequence[float | None]
    high: Sequence[float | None]
    colour: int = 0
    dashed: bool = False


def line_chart(title: str, lines: Sequence[Line], least: float, places: Sequence[str] = ()) -> str:
    """An SVG element: lines with their intervals as bands; the axis spans `least` or more. `places` are named below,
    by their numbers from 1 where no names are given."""
    count = max((len(line.values) for line in lines), default=0)
    known = [v for line in lines for side in (line.values, line.low, line.high) for v in side if v is not None]
    if not known or not count:
        return ""
    ticks = axis_ticks(min(known), max(known), least)
    low, high = ticks[0], ticks[-1]

    def place(k: int, value: float) -> str:
        x = LEFT + (k + 0.5) / count * (WIDTH - LEFT - RIGHT)
        y = HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM)
        return f"{x:.1f},{y:.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
        ' font-family="sans-serif" font-size="11">',
        f'<text x="{LEFT}" y="15" font-size="12" font-weight="bold">{escape(title)}</text>',
    ]
    for tick in ticks:
        y = place(0, tick).split(",")[1]
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 5}" y="{float(y) + 4:.1f}" text-anchor="end" fill="#666">{tick:g}</text>')
    for k, name in enumerate(places or range(1, count + 1)):
        x = place(k, low).split(",")[0]
        parts.append(f'<text x="{x}" y="{HEIGHT - 9}" text-anchor="middle" fill="#666">{name}</text>')
    for line in lines:
        parts += _drawn(line, place)
    return "\n".join([*parts, "</svg>"])


def _drawn(line: Line, place: Callable[[int, float], str]) -> list[str]:
    """A line with its band and points; `place` gives "x,y" in the picture."""
    colour, parts = COLOURS[line.colour % len(COLOURS)], []
    ends = enumerate(zip(line.low, line.high, strict=True))
    band = [(k, a, b) for k, (a, b) in ends if a is not None and b is not None]
    if len(band) > 1 and not line.dashed:
        corners = [*(place(k, a) for k, a, _ in band), *(place(k, b) for k, _, b in reversed(band))]
        parts.append(f'<polygon points="{" ".join(corners)}" fill="{colour}" opacity="0.15"/>')
    points = [place(k, value) for k, value in enumerate(line.values) if value is not None]
    dash = ' stroke-dasharray="4 3"' if line.dashed else ""
    parts.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" stroke-width="1.8"{dash}/>')
    for point in points:
        x, y = point.split(",")
        parts.append(f'<circle cx="{x}" cy="{y}" r="2.4" fill="{colour}"><title>{escape(line.label)}</title></circle>')
    return parts


def axis_ticks(low: float, high: float, least: float) -> list[float]:
    """Three to seven round numbers, evenly spaced, that enclose both; over a range of `least` or more."""
    span = max(high - low, least)
    power = 10.0 ** np.floor(np.log10(span / 4))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if span / (power * factor) <= 5)
    first, last = np.floor(low / step + 1e-9), np.ceil(high / step - 1e-9)
    if last - first < 2:
        first = max(first - 1, 0) if low >= 0 else first - 1
        last = max(last, first + 2)
    return [round(float(k * step), 10) for k in np.arange(first, last + 1)]
