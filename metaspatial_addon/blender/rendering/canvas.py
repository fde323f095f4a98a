"""Crisp lines, shapes and text on the pixels of an image, by numpy: no engine, no OpenGL, no font package.

Text takes its outlines from Blender's own fonts (which cover every script that Blender shows) and is
filled here, so labels look the same with every render engine. Used by `annotate.py` and `contact_sheet.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import bpy
import numpy as np

Colour = tuple[int, int, int]
Point = Sequence[float]

_FONT = Path(bpy.utils.system_resource("DATAFILES", path="fonts")) / "Inter.woff2"
"""Blender's interface font, whose 1 and l differ. Other scripts are drawn with Blender's built-in default font, as
from 4.3 on only that one falls back on the fonts that have them."""
_LATIN_END = 0x250

_ROWS = 4
"""Scan lines a pixel row; along the line coverage is exact."""


class Canvas:
    """(H, W, 3) float32 pixels in 0..255; x grows to the right and y down, whole numbers are pixel borders."""

    def __init__(self, pixels: np.ndarray):
        self.rgb = pixels.astype(np.float32)
        self.height, self.width = pixels.shape[:2]

    def pixels(self) -> np.ndarray:
        """(H, W, 3) uint8."""
        return (np.clip(self.rgb, 0, 255) + 0.5).astype(np.uint8)

    def polygon(self, points: Sequence[Point] | np.ndarray, colour: Colour, alpha: float = 1.0) -> None:
        """Fill a simple polygon."""
        corners = np.asarray(points, dtype=float)
        low = np.floor(corners.min(axis=0)).astype(int)
        size = np.ceil(corners.max(axis=0)).astype(int) - low
        low_clipped = np.maximum(low, 0)
        size = np.minimum(low + size, (self.width, self.height)) - low_clipped
        if np.all(size > 0):
            ends = np.roll(corners, -1, axis=0)
            cover = np.abs(_coverage(corners - low_clipped, ends - low_clipped, int(size[0]), int(size[1])))
            self.stamp(cover, int(low_clipped[0]), int(low_clipped[1]), colour, alpha)

    def keep_inside(self, points: Sequence[Point] | np.ndarray, before: np.ndarray) -> None:
        """Take back to `before` (H, W, 3) all that was drawn outside a simple polygon."""
        corners = np.asarray(points, dtype=float)
        cover = np.abs(_coverage(corners, np.roll(corners, -1, axis=0), self.width, self.height))
        self.rgb = before + cover[:, :, None].astype(np.float32) * (self.rgb - before)

    def line(
        self,
        points: Sequence[Point] | np.ndarray,
        width: float,
        colour: Colour,
        alpha: float = 1.0,
        closed: bool = False,
    ) -> None:
        """A line with round ends through the points."""
        p = np.asarray(points, dtype=float)
        starts, ends = (p, np.roll(p, -1, axis=0)) if closed else (p[:-1], p[1:])
        margin = 0.5 * width + 1
        x0, y0 = (max(int(math.floor(c - margin)), 0) for c in p.min(axis=0))
        x1 = min(int(math.ceil(p[:, 0].max() + margin)), self.width)
        y1 = min(int(math.ceil(p[:, 1].max() + margin)), self.height)
        if x1 <= x0 or y1 <= y0:
            return
        x, y = np.arange(x0, x1)[None, :] + 0.5, np.arange(y0, y1)[:, None] + 0.5
        off = np.full((y1 - y0, x1 - x0), np.inf)
        for a, b in zip(starts, ends, strict=True):
            length = max(math.dist(a, b), 1e-9)
            tx, ty = (b - a) / length
            u = (x - a[0]) * tx + (y - a[1]) * ty
            v = (y - a[1]) * tx - (x - a[0]) * ty
            np.minimum(off, np.hypot(v, u - np.clip(u, 0, length)), out=off)
        # A line thinner than a pixel is drawn one pixel wide and fainter.
        shown = max(width, 1.0)
        self.stamp(np.clip(0.5 * shown - off + 0.5, 0, 1) * min(width, 1.0), x0, y0, colour, alpha)

    def text(self, text: str, x: float, y: float, height: float, colour: Colour, halo: Colour | None = None) -> None:
        """Text with its middle at (x, y); `halo` is the colour of a soft rim that keeps it readable on any ground."""
        mask = text_mask(text, height)
        left, top = round(x - 0.5 * mask.shape[1]), round(y - 0.5 * mask.shape[0])
        if halo is not None:
            self.stamp(_grown(mask), left - 2, top - 2, halo, 0.85)
        self.stamp(mask, left, top, colour)

    def stamp(self, cover: np.ndarray, left: int, top: int, colour: Colour, alpha: float = 1.0) -> None:
        """Blend a colour in by a (h, w) mask whose upper left pixel lies at (left, top); what is outside is cut."""
        x0, y0 = max(left, 0), max(top, 0)
        x1, y1 = min(left + cover.shape[1], self.width), min(top + cover.shape[0], self.height)
        if x1 <= x0 or y1 <= y0:
            return
        share = (alpha * cover[y0 - top : y1 - top, x0 - left : x1 - left, None]).astype(np.float32)
        part = self.rgb[y0:y1, x0:x1]
        part += share * (np.asarray(colour, np.float32) - part)


def without_grain(pixels: np.ndarray, reach: int = 2) -> np.ndarray:
    """(H, W, 3) uint8 of a path-traced image with the grain of few samples taken out.

    Non-local means: each pixel becomes the mean of those near by whose 3 x 3 surroundings look like its own, to
    within the grain; dark pixels have more of it. Blender's own denoisers are not in every build.
    """
    source = pixels.astype(np.float32)
    height, width, _ = source.shape
    grain = (8.0 + 5.0 * (1 - source.mean(axis=2) / 255)) ** 2
    wide = np.pad(source, ((reach, reach), (reach, reach), (0, 0)), mode="edge")
    total, weights = source.copy(), np.ones((height, width), np.float32)
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            if dx == dy == 0:
                continue
            other = wide[reach + dy : reach + dy + height, reach + dx : reach + dx + width]
            unlike = np.pad(np.square(other - source).mean(axis=2), 1, mode="edge")
            unlike = unlike[:-2] + unlike[1:-1] + unlike[2:]
            unlike = (unlike[:, :-2] + unlike[:, 1:-1] + unlike[:, 2:]) / 9
            weight = np.exp(-np.maximum(unlike - 0.7 * grain, 0) / (0.5 * grain))
            total += weight[:, :, None] * other
            weights += weight
    return (total / weights[:, :, None] + 0.5).astype(np.uint8)


def _grown(mask: np.ndarray) -> np.ndarray:
    """(h + 4, w + 4): the mask spread by about two pixels, solid near it and fading outwards."""
    spread = np.pad(mask, 2)
    for _ in range(2):
        wide = np.pad(spread, 1)
        spread = np.minimum(
            1.0,
            0.45
            * sum(
                wide[1 + dy : wide.shape[0] - 1 + dy, 1 + dx : wide.shape[1] - 1 + dx]
                for dy, dx in ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))
            ),
        )
    return spread


def _coverage(starts: np.ndarray, ends: np.ndarray, width: int, height: int) -> np.ndarray:
    """(height, width) signed share of each pixel inside the directed edges (E, 2) -> (E, 2).

    Every scan line that an edge crosses changes the winding number of all that lies to the right of it; the holes
    of letters turn the other way round than their rims, so that a whole text is filled in one pass.
    """
    lines = (np.arange(height * _ROWS) + 0.5) / _ROWS
    (ax, ay), (bx, by) = starts.T, ends.T
    crossed = (lines[None, :] >= np.minimum(ay, by)[:, None]) & (lines[None, :] < np.maximum(ay, by)[:, None])
    edge, row = np.nonzero(crossed)
    x = ax[edge] + (lines[row] - ay[edge]) * (bx[edge] - ax[edge]) / (by[edge] - ay[edge])
    x = np.clip(x, 0, width)
    sign = np.sign(by[edge] - ay[edge])
    column = np.floor(x).astype(int)
    part = x - column
    change = np.zeros((height, width + 2))
    np.add.at(change, (row // _ROWS, column), sign * (1 - part))
    np.add.at(change, (row // _ROWS, column + 1), sign * part)
    return np.cumsum(change, axis=1)[:, :width] / _ROWS


@lru_cache(maxsize=1024)
def text_mask(text: str, height: float) -> np.ndarray:
    """(h, w) coverage in 0..1 of one line of text; `height` is the font's size in pixels."""
    outline = _outline(text) * height
    # The same line height for every text, so that labels with and without descenders sit level.
    rows = math.ceil(1.25 * height)
    if not len(outline):
        return np.zeros((rows, 1))
    points = np.stack([outline[..., 0] - outline[..., 0].min(), round(0.95 * height) - outline[..., 1]], axis=-1)
    columns = max(math.ceil(points[..., 0].max()), 1)
    # The root makes strokes thinner than a pixel a little bolder: they would turn grey.
    mask = np.minimum(np.abs(_coverage(points[:, 0], points[:, 1], columns, rows)), 1) ** 0.75
    mask.setflags(write=False)
    return mask


def text_width(text: str, height: float) -> int:
    """Pixels that the text takes from left to right."""
    return text_mask(text, height).shape[1]


@lru_cache(maxsize=1024)
def _outline(text: str) -> np.ndarray:
    """(E, 2, 2) directed edges of a text of size 1, baseline at y = 0. Leaves no data-block behind."""
    fonts = set(bpy.data.fonts.keys())
    curve = bpy.data.curves.new("MetaSpatial text", "FONT")
    holder = bpy.data.objects.new("MetaSpatial text", curve)
    try:
        if _FONT.is_file() and all(ord(c) < _LATIN_END for c in text):
            curve.font = bpy.data.fonts.load(str(_FONT))
        curve.body = " ".join(text.split())
        curve.resolution_u = 3
        # Outlines alone: Blender's fill goes wrong where strokes of a letter overlap, winding numbers do not.
        curve.fill_mode = "NONE"
        mesh = bpy.data.meshes.new_from_object(holder)
        points = np.empty(3 * len(mesh.vertices))
        mesh.vertices.foreach_get("co", points)
        edges = np.empty(2 * len(mesh.edges), np.int32)
        mesh.edges.foreach_get("vertices", edges)
        bpy.data.meshes.remove(mesh)
    finally:
        bpy.data.objects.remove(holder)
        bpy.data.curves.remove(curve)
        for name in set(bpy.data.fonts.keys()) - fonts:
            bpy.data.fonts.remove(bpy.data.fonts[name])
    return points.reshape(-1, 3)[edges.reshape(-1, 2)][:, :, :2]
