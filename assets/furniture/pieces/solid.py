"""Closed solids that furniture is made of, gathered into one mesh with one material slot for each palette name.

Frame of every piece: width along x, depth along y with the front towards -y, z up from the floor; metres.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random

import bmesh
import bpy
from mathutils import Euler, Matrix, Vector

Span = tuple[float, float]
Point = Sequence[float]

# How an outline's two coordinates and the place along an axis make a point.
PLACES: dict[str, Callable[[float, float, float], tuple[float, float, float]]] = {
    "x": lambda a, b, s: (s, a, b),
    "y": lambda a, b, s: (a, s, b),
    "z": lambda a, b, s: (a, b, s),
}

BUILDERS: dict[str, Callable[[Piece, str], None]] = {}


def builds(category: str) -> Callable[[Callable[[Piece, str], None]], Callable[[Piece, str], None]]:
    """Register the decorated function as the builder of a catalog category."""

    def register(builder: Callable[[Piece, str], None]) -> Callable[[Piece, str], None]:
        BUILDERS[category] = builder
        return builder

    return register


class Piece:
    """One piece of furniture under construction; `x` and `y` are its half width and half depth, `h` its height."""

    def __init__(self, name: str, size: Sequence[float]):
        self.name = name
        self.size = tuple(size)
        self.w, self.d, self.h = self.size
        self.x, self.y = self.w / 2, self.d / 2
        self.random = Random(name)
        self._vertices: list[Vector] = []
        self._faces: list[tuple[int, ...]] = []
        self._face_materials: list[int] = []
        self._materials: list[str] = []
        self._matrix = Matrix.Identity(4)

    @contextmanager
    def moved(
        self, x: float = 0, y: float = 0, z: float = 0, tilt: float = 0, roll: float = 0, yaw: float = 0
    ) -> Iterator[None]:
        """What is added inside is turned (degrees about x, y and z), then shifted."""
        before = self._matrix
        turn = Euler(tuple(map(math.radians, (tilt, roll, yaw)))).to_matrix().to_4x4()
        self._matrix = before @ Matrix.Translation((x, y, z)) @ turn
        try:
            yield
        finally:
            self._matrix = before

    def solid(self, material: str, vertices: Sequence[Point], faces: Sequence[Sequence[int]]) -> None:
        """Add a closed solid given by its vertices and faces (winding is settled in `mesh`)."""
        if material not in self._materials:
            self._materials.append(material)
        first = len(self._vertices)
        self._vertices += [self._matrix @ Vector(v) for v in vertices]
        self._faces += [tuple(first + i for i in face) for face in faces]
        self._face_materials += [self._materials.index(material)] * len(faces)

    def box(self, material: str, x: Span, y: Span, z: Span, bevel: float = 0.004, segments: int = 1) -> None:
        """A box between the given spans with bevelled edges (none if `bevel` is 0)."""
        spans = [tuple(sorted(span)) for span in (x, y, z)]
        vertices = [(i, j, k) for i in spans[0] for j in spans[1] for k in spans[2]]
        faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
        bevel = min(bevel, 0.45 * min(high - low for low, high in spans))
        if bevel < 5e-4:
            self.solid(material, vertices, faces)
            return
        rounded = bmesh.new()
        corners = [rounded.verts.new(v) for v in vertices]
        for face in faces:
            rounded.faces.new([corners[i] for i in face])
        bmesh.ops.bevel(rounded, geom=rounded.edges[:], offset=bevel, segments=segments, profile=0.5, affect="EDGES")
        rounded.verts.index_update()
        self.solid(material, [v.co[:] for v in rounded.verts], [[v.index for v in f.verts] for f in rounded.faces])
        rounded.free()

    def spindle(self, material: str, rings: Sequence[Point], sides: int = 20, turn: float = 0) -> None:
        """Stacked level rings (x, y, z, radius), joined and capped; radius 0 makes a point. Legs, vases, columns."""
        vertices: list[Point] = []
        loops: list[list[int]] = []
        for cx, cy, z, radius in rings:
            if radius < 1e-6:
                loops.append([len(vertices)] * sides)
                vertices.append((cx, cy, z))
                continue
            loops.append(list(range(len(vertices), len(vertices) + sides)))
            for i in range(sides):
                angle = math.radians(turn) + math.tau * (i + 0.5) / sides
                vertices.append((cx + radius * math.cos(angle), cy + radius * math.sin(angle), z))
        faces = _skin(loops, closed=False)
        faces += [loop for loop in (loops[0], loops[-1]) if loop[0] != loop[-1]]
        self.solid(material, vertices, faces)

    def cylinder(
        self, material: str, x: float, y: float, z: Span, radius: float, top: float | None = None, sides: int = 20
    ) -> None:
        """An upright cylinder, or a cone frustum when `top` gives another radius at the upper end."""
        self.spindle(material, [(x, y, z[0], radius), (x, y, z[1], radius if top is None else top)], sides)

    def leg(self, material: str, foot: Point, head: Point, thick: Span, sides: int = 10) -> None:
        """A leg from foot (x, y, z) to head, level at both ends; `thick` is the radius at foot and head.

        Four sides make a square leg whose half thickness is that radius.
        """
        grow = math.sqrt(2) if sides == 4 else 1
        self.spindle(material, [(*foot, thick[0] * grow), (*head, thick[1] * grow)], sides)

    def shell(self, material: str, profile: Sequence[Span], x: float = 0, y: float = 0, sides: int = 24) -> None:
        """A closed profile of (radius, z) turned about a vertical axis: lamp shades, bowls, rims."""
        count = len(profile)
        vertices = [
            (x + r * math.cos(math.tau * i / sides), y + r * math.sin(math.tau * i / sides), z)
            for r, z in profile
            for i in range(sides)
        ]
        loops = [[k * sides + i for i in range(sides)] for k in range(count)]
        self.solid(material, vertices, _skin(loops, closed=True))

    def tube(
        self,
        material: str,
        points: Sequence[Point],
        radius: float | Sequence[float],
        sides: int = 8,
        closed: bool = False,
    ) -> None:
        """A round bar along a path of points, with flat ends (or joined to a loop)."""
        path = [Vector(p) for p in points]
        count = len(path)
        radii = [radius] * count if isinstance(radius, int | float) else list(radius)
        vertices: list[Vector] = []
        normal = None
        for i, point in enumerate(path):
            before = path[i - 1] if i or closed else point
            after = path[(i + 1) % count] if i + 1 < count or closed else point
            inward = (point - before).normalized() if i or closed else Vector((0, 0, 0))
            outward = (after - point).normalized() if i + 1 < count or closed else Vector((0, 0, 0))
            along = (inward + outward).normalized()
            if normal is None:
                normal = along.orthogonal().normalized()
            normal = (normal - along * normal.dot(along)).normalized()
            across = along.cross(normal)
            # A mitred corner is stretched, so that the bar keeps its thickness on both sides of it.
            stretch = 1 / max(0.5, along.dot(outward if outward.length else inward))
            for k in range(sides):
                angle = math.tau * k / sides
                reach = radii[i] * (stretch if 0 < i < count - 1 or closed else 1)
                vertices.append(point + reach * (math.cos(angle) * normal + math.sin(angle) * across))
        loops = [[i * sides + k for k in range(sides)] for i in range(count)]
        faces = _skin(loops, closed)
        if not closed:
            faces += [loops[0], loops[-1]]
        self.solid(material, vertices, faces)

    def prism(self, material: str, outline: Sequence[Span], along: str, span: Span) -> None:
        """A polygon drawn out along one axis; its two coordinates are the other axes in alphabetical order."""
        place = PLACES[along]
        count = len(outline)
        vertices = [place(a, b, s) for s in span for a, b in outline]
        faces = [list(range(count)), list(range(count, 2 * count))]
        faces += [[i, (i + 1) % count, count + (i + 1) % count, count + i] for i in range(count)]
        self.solid(material, vertices, faces)

    def frame(self, material: str, outer: Sequence[Span], inner: Sequence[Span], along: str, span: Span) -> None:
        """A prism with a hole: `outer` and `inner` are outlines with the same number of points."""
        place = PLACES[along]
        count = len(outer)
        loops_of = [(outer, span[0]), (outer, span[1]), (inner, span[1]), (inner, span[0])]
        vertices = [place(a, b, s) for outline, s in loops_of for a, b in outline]
        loops = [[k * count + i for i in range(count)] for k in range(4)]
        self.solid(material, vertices, _skin(loops, closed=True))

    def ball(self, material: str, centre: Point, radii: Point, sides: int = 16) -> None:
        """An ellipsoid."""
        rows = max(6, sides // 2)
        with self.moved(*centre):
            rings = [(math.sin(math.pi * k / rows), -math.cos(math.pi * k / rows)) for k in range(rows + 1)]
            before = self._matrix
            self._matrix = before @ Matrix.Diagonal((*radii, 1))
            self.spindle(material, [(0, 0, z, r if 0 < k < rows else 0) for k, (r, z) in enumerate(rings)], sides)
            self._matrix = before

    def cushion(self, material: str, x: Span, y: Span, z: Span, power: float = 5, cells: int = 6) -> None:
        """A soft box: the unit ball of the p-norm, stretched. Power 3 is a pillow, 8 nearly a box."""
        index: dict[tuple[int, int, int], int] = {}
        vertices: list[Point] = []
        faces: list[list[int]] = []

        def corner(key: tuple[int, int, int]) -> int:
            if key not in index:
                u = [2 * k / cells - 1 for k in key]
                norm = sum(abs(c) ** power for c in u) ** (1 / power)
                index[key] = len(vertices)
                vertices.append(
                    [
                        (low + high) / 2 + (high - low) / 2 * c / norm
                        for c, (low, high) in zip(u, (x, y, z), strict=True)
                    ]
                )
            return index[key]

        for axis in range(3):
            for side in (0, cells):
                for i in range(cells):
                    for j in range(cells):
                        square = [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1)]
                        faces.append([corner((*ab[:axis], side, *ab[axis:])) for ab in square])
        self.solid(material, vertices, faces)

    def leaf(
        self, material: str, base: Point, tip: Point, width: float, droop: float = 0, thick: float = 0.004
    ) -> None:
        """A thin leaf from base to tip, its middle lifted by `droop`."""
        start, end = Vector(base), Vector(tip)
        along = (end - start).normalized()
        across = along.cross(Vector((0, 0, 1)))
        across = across.normalized() if across.length > 0.05 else Vector((1, 0, 0))
        up = across.cross(along)
        vertices: list[Vector] = [start]
        for share, wide in ((0.25, 0.8), (0.5, 1.0), (0.78, 0.62)):
            middle = start.lerp(end, share) + Vector((0, 0, droop * 4 * share * (1 - share)))
            side = across * width * wide / 2
            vertices += [
                middle - side,
                middle + up * (thick - width * 0.12),
                middle + side,
                middle - up * (thick + width * 0.12),
            ]
        vertices.append(end)
        faces = [(0, 1 + i, 1 + (i + 1) % 4) for i in range(4)] + [(13, 9 + i, 9 + (i + 1) % 4) for i in range(4)]
        faces += _skin([[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]], closed=False)
        self.solid(material, vertices, faces)

    def mesh(self, palette: Callable[[str], bpy.types.Material]) -> bpy.types.Mesh:
        """The finished mesh: bounding box exactly `size`, origin at the middle of its underside, normals outward."""
        low = [min(v[a] for v in self._vertices) for a in range(3)]
        high = [max(v[a] for v in self._vertices) for a in range(3)]
        scale = [want / (b - a) for want, a, b in zip(self.size, low, high, strict=True)]
        middle = ((low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2])
        for vertex in self._vertices:
            for axis in range(3):
                vertex[axis] = (vertex[axis] - middle[axis]) * scale[axis]
        mesh = bpy.data.meshes.new(self.name)
        mesh.from_pydata([v[:] for v in self._vertices], [], self._faces)
        for name in self._materials:
            mesh.materials.append(palette(name))
        mesh.polygons.foreach_set("material_index", self._face_materials)
        shape = bmesh.new()
        shape.from_mesh(mesh)
        bmesh.ops.recalc_face_normals(shape, faces=shape.faces[:])
        shape.to_mesh(mesh)
        shape.free()
        mesh.shade_smooth()
        mesh.set_sharp_from_angle(angle=math.radians(35))
        return mesh


def _skin(loops: Sequence[Sequence[int]], closed: bool) -> list[list[int]]:
    """Quads (triangles where a loop is one point) between successive loops of vertex indices."""
    faces: list[list[int]] = []
    count = len(loops[0])
    for k in range(len(loops) if closed else len(loops) - 1):
        low, high = loops[k], loops[(k + 1) % len(loops)]
        for i in range(count):
            j = (i + 1) % count
            faces.append(list(dict.fromkeys((low[i], low[j], high[j], high[i]))))
    return faces
