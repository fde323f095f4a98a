"""The room that walls enclose, out of their meshes: single faces or solid, in one object or many, with doors and
windows cut into them, overlapping a little or with gaps, and with a floor or a ceiling among them.

Level sections through the upper walls, above most doors, are drawn on a raster, where the enclosed area is found; the
way round it is then described as stretches along the walls' own faces, whose lines cross in exact corners.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ....core.polygon import is_simple, signed_area
from .enclosure import SLANT, Lines, draw, enclosed, way_round
from .outline import LEVEL, level_of, straightened

GAPS = (0.02, 0.1, 0.4, 0.7, 1.0, 1.5, 2.0, 2.6)
"""Metres: gaps between walls are closed up to the first of these widths that gives a room."""

_DOORWAY = 1.0
"""Metres: the widest gap that is closed in walls which leave a side open."""

SAME = 0.002
"""Metres within which faces are of one plane."""

_SECTIONS = 48
"""Level sections that tell between which heights the walls stand."""
_ZONES = ((0.8, 0.88), (0.93, 0.97), (0.03, 0.97))
"""Shares of the walls' height between which sections are taken: first above doors and below mouldings."""

_MOST_BRIDGED = 2000
"""Segments, the longest ones, between which gaps are looked for."""

_LEAST_RUN = 4
"""Cells along a wall below which a stretch is noise at a corner."""

_CURVE = 0.005
"""Metres by which the outline may leave a finely curved wall."""


class WallsOutline(NamedTuple):
    """Corners (K, 2) counter-clockwise, the height of the floor, and the room's height above it."""

    corners: np.ndarray
    level: float
    height: float


def walls_outline(points: np.ndarray, triangles: np.ndarray) -> WallsOutline | None:
    """The inner free area that walls of points (N, 3) and triangles (M, 3), in metres, enclose.

    Of several areas the largest counts. Where walls leave a side open, it ends at their bounding rectangle. Pillars
    that stand free are left out. None where nothing is enclosed.
    """
    faces = points[triangles]  # (M, 3, 3)
    normals = np.cross(faces[:, 1] - faces[:, 0], faces[:, 2] - faces[:, 0])
    areas = np.linalg.norm(normals, axis=1) / 2
    level = np.abs(normals[:, 2]) / np.maximum(2 * areas, 1e-12)
    steep = faces[(level < 0.5) & (areas > 1e-8)]
    if not len(steep):
        return None
    low, high = _span(steep)
    axes = _main_direction(_section(steep, 0.5 * (low + high)))
    steep = np.concatenate([steep[:, :, :2] @ axes, steep[:, :, 2:]], axis=2)
    corners = _corners(steep, low, high)
    if corners is None:
        return None
    floor, ceiling = _heights(faces[(level > 0.9) & (areas > 1e-8)], steep, signed_area(corners), low, high)
    return WallsOutline(corners @ axes.T, floor, ceiling - floor)


def _span(steep: np.ndarray) -> tuple[float, float]:
    """The heights between which walls stand. The sides of slabs are low, and roofs have less length in plan."""
    tall = np.ptp(steep[:, :, 2], axis=1) >= 0.25 * np.ptp(steep[:, :, 2])
    steep = steep[tall] if tall.any() else steep
    z = steep[:, :, 2]
    edges = np.linspace(z.min(), z.max(), _SECTIONS + 1)
    middles = 0.5 * (edges[:-1] + edges[1:])
    lengths = np.array([np.hypot(*np.diff(_section(steep, at), axis=1)[:, 0].T).sum() for at in middles])
    high = np.flatnonzero(lengths >= 0.4 * lengths.max())
    return float(edges[high[0]]), float(edges[high[-1] + 1])


def _section(steep: np.ndarray, height: float) -> np.ndarray:
    """Where triangles (M, 3, 3) cross a level plane: segments (S, 2, 2)."""
    above = steep[:, :, 2] > height
    cut = steep[above.any(axis=1) & ~above.all(axis=1)]
    z, ends = cut[:, :, 2] - height, np.roll(cut, -1, axis=1)
    ends_z = np.roll(z, -1, axis=1)
    crosses = (z > 0) != (ends_z > 0)  # (M, 3): two edges of each triangle
    t = np.where(crosses, z / np.where(crosses, z - ends_z, 1.0), 0.0)
    meets = cut[:, :, :2] + t[:, :, None] * (ends - cut)[:, :, :2]
    segments = meets[crosses].reshape(-1, 2, 2)
    return segments[np.hypot(*(segments[:, 1] - segments[:, 0]).T) > 1e-6]


def _main_direction(segments: np.ndarray) -> np.ndarray:
    """A rotation (2, 2) into whose axes, as columns, most of the segments' length runs."""
    along = segments[:, 1] - segments[:, 0]
    lengths = np.hypot(*along.T)
    if not len(lengths):
        return np.eye(2)
    angles = np.arctan2(along[:, 1], along[:, 0]) % (math.pi / 2)
    tried = angles[np.argsort(-lengths)[:64]]
    apart = np.abs((angles[:, None] - tried + math.pi / 4) % (math.pi / 2) - math.pi / 4)
    votes = ((apart < 0.01) * lengths[:, None]).sum(axis=0)
    angle = float(tried[votes.argmax()])
    if min(angle, math.pi / 2 - angle) < 1e-6:
        return np.eye(2)
    c, s = math.cos(angle), math.sin(angle)
    return np.array([(c, -s), (s, c)])


def _corners(steep: np.ndarray, low: float, high: float) -> np.ndarray | None:
    """The outline's corners, out of the first try whose area is not far smaller than what any other finds."""
    candidates: list[tuple[float, np.ndarray, Lines, np.ndarray]] = []
    for segments, gaps in _tries(steep, low, high):
        lines = draw(segments, 0.5 * gaps[-1])
        region = enclosed(lines, gaps, _bridges(segments, gaps[-1]))
        if region is None:
            continue
        area = np.count_nonzero(region) * lines.cell**2
        candidates.append((area, segments, lines, region))
        if area > 0.4 * float(np.prod(np.ptp(segments, axis=(0, 1)))):
            break
    sections = _sections(steep, low, high, _ZONES[-1])
    if not candidates and sections:
        segments = _with_rectangle(np.concatenate(sections))
        lines = draw(segments, 0.5 * _DOORWAY)
        narrow = [gap for gap in GAPS if gap <= _DOORWAY]
        region = enclosed(lines, narrow, _bridges(segments, _DOORWAY))
        candidates = [] if region is None else [(1.0, segments, lines, region)]
    largest = max((area for area, *_ in candidates), default=0.0)
    for area, segments, lines, region in candidates:
        if area >= 0.5 * largest:
            corners = _fit(segments, lines, region)
            if corners is not None:
                return corners
    return None


def _tries(steep: np.ndarray, low: float, high: float) -> Iterator[tuple[np.ndarray, tuple[float, ...]]]:
    """Segments (S, 2, 2) and the widths of gaps to close, the most trustworthy first."""
    zones = [_sections(steep, low, high, zone) for zone in _ZONES]
    for widest in range(len(GAPS)):
        for sections in zones:
            if sections:
                yield np.concatenate(sections), GAPS[: widest + 1]


def _sections(steep: np.ndarray, low: float, high: float, zone: tuple[float, float]) -> list[np.ndarray]:
    count = max(2, round((zone[1] - zone[0]) * 16))
    shares = np.linspace(*zone, count)
    sections = (_section(steep, low + share * (high - low) + 1.7e-5) for share in shares)
    return [section for section in sections if len(section)]


def _bridges(segments: np.ndarray, gap: float) -> np.ndarray:
    """The gaps (B, 2, 2) between pieces of straight walls that close where gaps of `gap` metres are closed."""
    longest = np.argsort(-np.hypot(*(segments[:, 1] - segments[:, 0]).T))[:_MOST_BRIDGED]
    faces = _Faces(segments, longest)
    bridges = []
    for face in range(len(faces.start)):
        t = (segments[faces.label == face] - faces.start[face]) @ faces.along[face]  # (S', 2)
        t = np.sort(t, axis=1)
        t = t[np.argsort(t[:, 0])]
        ends = np.maximum.accumulate(t[:-1, 1])
        for k in np.flatnonzero((t[1:, 0] - ends > GAPS[0]) & (t[1:, 0] - ends <= SLANT * gap + 0.02)):
            bridges.append([faces.start[face] + at * faces.along[face] for at in (ends[k], t[k + 1, 0])])
    return np.array(bridges).reshape(-1, 2, 2)


def _with_rectangle(segments: np.ndarray) -> np.ndarray:
    (x0, y0), (x1, y1) = segments.min(axis=(0, 1)), segments.max(axis=(0, 1))
    corners = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    return np.concatenate([segments, np.stack([corners, np.roll(corners, -1, axis=0)], axis=1)])


def _fit(segments: np.ndarray, lines: Lines, region: np.ndarray) -> np.ndarray | None:
    """The outline of a region (R, C), along the segments near it. None where that is no simple polygon."""
    around = way_round(region)
    near = _nearest_points(around, lines)  # (E,): the point of a segment that each stands for, or -1
    faces = _Faces(segments, np.unique(lines.owner[near[near >= 0]]))
    labels = np.where(near >= 0, faces.label[lines.owner[near]], -1)
    on_wall = np.where((near >= 0)[:, None], lines.points[near], np.nan)
    corners = _polygon(around * lines.cell + lines.low, labels, on_wall, faces, lines.cell)
    if corners is None or len(corners) < 3:
        return None
    corners = straightened(corners)
    return corners if len(corners) >= 3 and signed_area(corners) > 0 and is_simple(corners) else None


def _nearest_points(around: np.ndarray, lines: Lines, reach: int = 3) -> np.ndarray:
    """For middles of cell edges (E, 2), in cells: the nearest point (E,) on a segment within `reach` cells, or -1."""
    held = np.full(lines.shape, -1)
    held[lines.cells(lines.points)] = np.arange(len(lines.points))
    steps = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 2), axis=-1).reshape(-1, 2)
    cells = np.floor(around).astype(int)[:, None, ::-1] + steps  # (E, W, 2)
    cells = np.clip(cells, 0, np.array(lines.shape) - 1)
    there = held[cells[..., 0], cells[..., 1]]  # (E, W)
    off = (around * lines.cell + lines.low)[:, None] - lines.points[there]
    distance = np.where(there >= 0, np.hypot(off[..., 0], off[..., 1]), np.inf)
    best = distance.argmin(axis=1)
    rows = np.arange(len(around))
    return np.where(np.isfinite(distance[rows, best]), there[rows, best], -1)


class _Faces:
    """The planes of walls, as lines seen from above: `label` (S,) says on which line each of the used segments lies,
    `start` and `along` (F, 2) are a point and a unit vector of each line: those of its longest segment."""

    def __init__(self, segments: np.ndarray, used: np.ndarray):
        self.label = np.full(len(segments), -1)
        starts, ends = segments[used, 0], segments[used, 1]
        lengths = np.hypot(*(ends - starts).T)
        label = np.full(len(used), -1)
        start: list[np.ndarray] = []
        along: list[np.ndarray] = []
        for longest in np.argsort(-lengths):
            if label[longest] >= 0:
                continue
            direction = (ends[longest] - starts[longest]) / lengths[longest]
            normal = np.array([-direction[1], direction[0]])
            off = [np.abs((side - starts[longest]) @ normal) for side in (starts, ends)]
            label[(label < 0) & (np.maximum(*off) <= SAME)] = len(start)
            start.append(starts[longest])
            along.append(direction)
        self.label[used] = label
        self.start, self.along = np.array(start).reshape(-1, 2), np.array(along).reshape(-1, 2)

    def onto(self, face: int, point: np.ndarray) -> np.ndarray:
        """The point (2,) of a line that is nearest to a point."""
        return self.start[face] + ((point - self.start[face]) @ self.along[face]) * self.along[face]

    def crossing(self, a: int, b: int) -> tuple[np.ndarray, float]:
        """Where two lines cross (2,), and the sine of their angle; with a sine near zero the point means nothing."""
        (ax, ay), (bx, by) = self.along[a], self.along[b]
        sine = ax * by - ay * bx
        off = self.start[b] - self.start[a]
        t = (off[0] * by - off[1] * bx) / (sine if abs(sine) > 1e-9 else 1e-9)
        return self.start[a] + t * self.along[a], abs(sine)


def _polygon(
    around: np.ndarray, labels: np.ndarray, on_wall: np.ndarray, faces: _Faces, cell: float
) -> np.ndarray | None:
    """Corners (K, 2) of the way `around` (E, 2), of whose points `labels` (E,) says along which line they run and
    `on_wall` (E, 2) the nearest points of walls."""
    breaks = np.flatnonzero(labels != np.roll(labels, 1))
    if not len(breaks):
        return None
    shift = int(breaks[0])
    around, labels, on_wall = (np.roll(each, -shift, axis=0) for each in (around, labels, on_wall))
    begins = breaks - shift
    ends = np.append(begins[1:], len(labels))
    runs: list[tuple[int, int, int]] = []  # line, first and last point
    for first, end in zip(begins.tolist(), ends.tolist(), strict=True):
        if labels[first] >= 0 and end - first >= _LEAST_RUN:
            runs.append((int(labels[first]), first, end - 1))
    if not runs:
        return simplified(on_wall[~np.isnan(on_wall[:, 0])], _CURVE)
    corners: list[np.ndarray] = []
    for (face, _, last), (following, first, _) in zip(runs, [*runs[1:], runs[0]], strict=True):
        between = np.arange(last, first + 1 if first >= last else first + 1 + len(labels)) % len(labels)
        corners += _joint(face, following, around[between], on_wall[between], faces, cell)
    return np.array(corners).reshape(-1, 2)


def _joint(
    face: int, following: int, way: np.ndarray, on_wall: np.ndarray, faces: _Faces, cell: float
) -> list[np.ndarray]:
    """The corners between two runs along lines, `way` (E, 2) leading from the end of one to the start of the other."""
    a, b = way[0], way[-1]
    walls = on_wall[1:-1][~np.isnan(on_wall[1:-1, 0])]
    if face == following:
        away = walls - faces.onto(face, a)
        normal = np.array([-faces.along[face][1], faces.along[face][0]])
        if not len(walls) or np.abs(away @ normal).max() <= 3 * cell:
            return []
    else:
        corner, sine = faces.crossing(face, following)
        reach = 1.5 * math.dist(a, b) + 6 * cell / max(sine, 0.05)
        if sine > 0.02 and max(math.dist(corner, a), math.dist(corner, b)) <= reach and len(walls) < 2 * _LEAST_RUN:
            return [corner]
    middle = simplified(walls, _CURVE)[1:-1] if len(walls) >= 2 * _LEAST_RUN else walls[:0]
    return [faces.onto(face, a), *middle, faces.onto(following, b)]


def simplified(way: np.ndarray, tolerance: float) -> np.ndarray:
    """An open line (N, 2) with only those points by which it would otherwise be further off than `tolerance`
    (Ramer, Douglas and Peucker)."""
    kept = np.zeros(len(way), dtype=bool)
    kept[[0, -1]] = True
    waiting = [(0, len(way) - 1)]
    while waiting:
        first, last = waiting.pop()
        if last - first < 2:
            continue
        along, off = way[last] - way[first], way[first + 1 : last] - way[first]
        length = math.hypot(*along)
        away = np.abs(along[0] * off[:, 1] - along[1] * off[:, 0]) / length if length > 1e-9 else np.hypot(*off.T)
        furthest = int(away.argmax())
        if away[furthest] > tolerance:
            kept[first + 1 + furthest] = True
            waiting += [(first, first + 1 + furthest), (first + 1 + furthest, last)]
    return way[kept]


def _heights(level: np.ndarray, steep: np.ndarray, area: float, low: float, high: float) -> tuple[float, float]:
    """Heights of floor and ceiling: level faces as large as half the room; else where the walls begin and end."""
    edges = level[:, 1:, :2] - level[:, :1, :2]
    areas = np.abs(edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0]) / 2
    z, middle = level[:, :, 2].mean(axis=1), 0.5 * (low + high)
    floor = ceiling = None
    if len(z):
        order = np.argsort(z)
        for group in np.split(order, np.flatnonzero(np.diff(z[order]) > LEVEL) + 1):
            if areas[group].sum() >= 0.5 * area:
                at = float(np.average(z[group], weights=areas[group]))
                if at < middle:
                    floor = at
                elif ceiling is None:
                    ceiling = at
    bottoms, tops = steep[:, :, 2].min(axis=1), steep[:, :, 2].max(axis=1)
    tall = tops - bottoms >= 0.25 * (high - low)
    lengths = np.hypot(*np.ptp(steep[tall][:, :, :2], axis=1).T) + 1e-6
    if not tall.any():
        return (low if floor is None else floor), (high if ceiling is None else ceiling)
    floor = level_of(bottoms[tall], lengths) if floor is None else floor
    return floor, (-level_of(-tops[tall], lengths) if ceiling is None else ceiling)
