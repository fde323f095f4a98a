"""Draws over the 3D viewport: a room of dimensions, fronts of items, the floor that openings need free, what moved
between two turns.

Two colours. Blue is how things stand: which way an item faces, where a door swings. Violet is another turn: outlines
of where items stood there, with arrows to where they stand now. Shapes are kept between two redraws, as numbers, and
worked out again when something changed that they show.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from weakref import WeakKeyDictionary

import bpy
import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader
from mathutils import Matrix, Vector

from ...blender.boxes import has_shape, local_corners, world_corners
from ...blender.turns import compare, turn_properties, turn_visibility
from ..state.scene.index import SceneIndex, SceneView, current_view
from .room_rectangle import room_rectangle, units_per_metre
from .shapes import OverlayShape, front_shape, join_shapes, move_shape, opening_shape, room_shape

BLUE, VIOLET = (0.16, 0.58, 0.96), (0.78, 0.54, 0.98)
MAX_FRONTS = 100
LINE_OPACITY, FILL_OPACITY = 0.9, 0.25
LINE_WIDTH_PX = 1.5
"""At a resolution scale of 1."""
_FILL_SHADER, _LINE_SHADER = "UNIFORM_COLOR", "POLYLINE_UNIFORM_COLOR"
_FRONT_AXES = {"-Y": (0, -1, 0), "+X": (1, 0, 0), "+Y": (0, 1, 0), "-X": (-1, 0, 0)}

Shapes = tuple[OverlayShape, OverlayShape]
"""In blue and in violet."""
_Batch = tuple[gpu.types.GPUBatch, str, tuple[float, ...]]

_shapes: WeakKeyDictionary[SceneView, Shapes] = WeakKeyDictionary()
_batches: WeakKeyDictionary[SceneView, list[_Batch]] = WeakKeyDictionary()
"""Batches of the shapes with their shader and colour."""
_handle: object | None = None


def current_shapes(scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer) -> Shapes:
    """`read_shapes`, kept until something changed that they show. An error in it is raised once, not at each redraw."""
    view = current_view(scene, view_layer)
    if view not in _shapes:
        _shapes[view] = join_shapes([]), join_shapes([])
        _shapes[view] = read_shapes(scene, view_layer, view.index)
    return _shapes[view]


def read_shapes(scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer, index: SceneIndex) -> Shapes:
    """What is to be drawn of a scene."""
    unit, rectangle = units_per_metre(scene), room_rectangle(scene)
    markers = (marker for marker in index.openings if marker.visible_get(view_layer=view_layer))
    blue = [_opening_shape(marker, rectangle, unit) for marker in markers]
    turn = turn_visibility.shown(scene)
    items = _visible_items(scene, view_layer, index, turn, rectangle is not None)
    for root, solid, front in itertools.islice(items, MAX_FRONTS):
        facing = np.array(root.matrix_world)[:2, :3] @ _FRONT_AXES[front]
        if np.linalg.norm(facing) > 1e-6:  # else it lies on its front or back
            corners = world_corners(solid)
            height = corners[:, 2].min() if rectangle is None else rectangle[0, 2]
            blue.append(front_shape(corners, facing / np.linalg.norm(facing), height, unit))
    other = scene.metaspatial.compare_with
    violet = []
    if turn is not None and other is not None and other != turn:
        for move in compare.moves(turn, other):
            before, after = _transform(move.before, move.corners), _transform(move.after, move.corners)
            violet.append(move_shape(before, after, unit))
    return join_shapes(blue), join_shapes(violet)


def read_room(scene: bpy.types.Scene) -> OverlayShape:
    """The outlines of a room of dimensions, which no object shows; nothing for other rooms."""
    rectangle = room_rectangle(scene)
    if scene.metaspatial.room_source != "SIZE" or rectangle is None:
        return join_shapes([])
    return room_shape(rectangle, scene.metaspatial.size[2] * units_per_metre(scene))


def _transform(matrix: Matrix, corners: Iterable[Vector]) -> np.ndarray:
    """Corners (8, 3) of an item's own box through its world transform."""
    return np.array([(matrix @ corner)[:] for corner in corners])


def _opening_shape(marker: bpy.types.Object, rectangle: np.ndarray | None, unit: float) -> OverlayShape:
    """The floor before a marker: the wall runs along its longer side, and the room is where its rectangle is."""
    matrix = np.array(marker.matrix_world)
    corners = local_corners(marker)
    size = np.ptp(corners, axis=0) * np.linalg.norm(matrix[:3, :3], axis=0)
    middle = matrix[:3, :3] @ corners.mean(axis=0) + matrix[:3, 3]
    wide = int(size[1] > size[0])
    level = float(np.linalg.norm(matrix[:2, wide]))
    if min(level, size[wide]) < 1e-6:  # scaled to nothing, or its width stands upright
        return join_shapes([])
    along = matrix[:2, wide] / level
    inward = np.array([along[1], -along[0]])  # -Y of a marker that is not rotated
    if rectangle is not None and (rectangle[:, :2].mean(axis=0) - middle[:2]) @ inward < 0:
        inward = -inward
    height = middle[2] - size[2] / 2 if rectangle is None else rectangle[0, 2]
    return opening_shape(marker.metaspatial.opening.lower(), middle[:2], inward, float(size[wide]), height, unit)


def _visible_items(
    scene: bpy.types.Scene,
    view_layer: bpy.types.ViewLayer,
    index: SceneIndex,
    turn: bpy.types.Collection | None,
    has_room: bool,
) -> Iterator[tuple[bpy.types.Object, list[bpy.types.Object], str]]:
    """The visible items: root object, those of its visible objects that have a shape, and front.

    The copies of a shown turn stand for the originals, which are hidden; selected objects are items once there is a
    room.
    """
    settings = scene.metaspatial
    if settings.items_source == "SELECTED":
        chosen = list(view_layer.objects.selected) if has_room else []
    else:
        chosen = list(settings.items.all_objects) if settings.items is not None else []
    building = {settings.floor, *(settings.walls.all_objects if settings.walls is not None else ())}
    copies = list(turn.objects) if turn is not None else []
    items = dict.fromkeys(obj for obj in (*copies, *chosen) if obj not in building)
    for root in items:
        if root.parent in items or root.metaspatial.opening != "NONE" or not root.visible_get(view_layer=view_layer):
            continue
        tree = index.tree(root)
        solid = [obj for obj in tree if has_shape(obj) and obj.visible_get(view_layer=view_layer)]
        if solid:
            yield root, solid, (turn_properties.original(root) or root).metaspatial.front


def _draw() -> None:
    context = bpy.context
    if not (context.space_data.overlay.show_overlays and context.window_manager.metaspatial.overlay):
        return
    view = current_view(context.scene, context.view_layer)
    if view not in _batches:
        blue, violet = current_shapes(context.scene, context.view_layer)
        _batches[view] = list(_make_batches((join_shapes([blue, read_room(context.scene)]), violet)))
    if not _batches[view]:
        return
    region = context.region
    gpu.state.blend_set("ALPHA")
    for batch, name, colour in _batches[view]:
        # Blue lies on the floor, under what stands there; violet is seen through everything.
        gpu.state.depth_test_set("LESS_EQUAL" if colour[:3] == BLUE else "NONE")
        shader = gpu.shader.from_builtin(name)
        shader.bind()
        if name == _LINE_SHADER:
            shader.uniform_float("viewportSize", (region.width, region.height))
            shader.uniform_float("lineWidth", LINE_WIDTH_PX * context.preferences.system.ui_scale)
        shader.uniform_float("color", colour)
        batch.draw(shader)
    gpu.state.depth_test_set("NONE")
    gpu.state.blend_set("NONE")


def _make_batches(shapes: Shapes) -> Iterator[_Batch]:
    for shape, colour in zip(shapes, (BLUE, VIOLET), strict=True):
        for name, kind, points, opacity in (
            (_FILL_SHADER, "TRIS", shape.triangles, FILL_OPACITY),
            (_LINE_SHADER, "LINES", shape.lines, LINE_OPACITY),
        ):
            if len(points):
                batch = batch_for_shader(gpu.shader.from_builtin(name), kind, {"pos": points.astype(np.float32)})
                yield batch, name, (*colour, opacity)


def register() -> None:
    global _handle
    _handle = bpy.types.SpaceView3D.draw_handler_add(_draw, (), "WINDOW", "POST_VIEW")


def unregister() -> None:
    global _handle
    bpy.types.SpaceView3D.draw_handler_remove(_handle, "WINDOW")
    _handle = None
    _shapes.clear()
    _batches.clear()
