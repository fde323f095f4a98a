"""Draws over the 3D viewport: fronts of items, the floor that openings need free, and what moved between two turns.

Two colours. Blue is how things stand: which way an item faces, where a door swings. Violet is another turn: outlines
of where items stood there, with arrows to where they stand now. Nothing of the file is kept between two redraws; what
is drawn is worked out again when something changed.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

import bpy
import gpu
import numpy as np
from bpy.app.handlers import persistent
from gpu_extras.batch import batch_for_shader
from mathutils import Matrix, Vector

from ...blender.turns import compare, turn_visibility
from ..operators.openings import openings
from .room_rectangle import has_shape, local_corners, room_rectangle, units_per_metre, world_corners
from .shapes import Shape, front_shape, joined, move_shape, opening_shape

BLUE, VIOLET = (0.16, 0.58, 0.96), (0.78, 0.54, 0.98)
MOST_FRONTS = 100
LINE_OPACITY, FILL_OPACITY = 0.9, 0.25
_FILLS, _LINES = "UNIFORM_COLOR", "POLYLINE_UNIFORM_COLOR"
_FACING = {"-Y": (0, -1, 0), "+X": (1, 0, 0), "+Y": (0, 1, 0), "-X": (-1, 0, 0)}

_Batch = tuple[gpu.types.GPUBatch, str, tuple[float, ...]]

_drawn: dict[tuple[int, str], tuple[tuple[object, ...], list[_Batch]]] = {}
"""By scene and view layer: the settings that were drawn, and batches with their shader and colour. Emptied when
objects changed; of settings that a script changes Blender tells nothing."""
_handle: object | None = None


def read_shapes(scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer) -> tuple[Shape, Shape]:
    """What is to be drawn of a scene, in blue and in violet."""
    unit, rectangle = units_per_metre(scene), room_rectangle(scene)
    markers = (marker for marker in openings(scene) if marker.visible_get(view_layer=view_layer))
    blue = [_opening(marker, rectangle, unit) for marker in markers]
    turn = turn_visibility.shown(scene)
    items = _items(scene, view_layer, turn, rectangle is not None)
    for root, solid, front in itertools.islice(items, MOST_FRONTS):
        facing = np.array(root.matrix_world)[:2, :3] @ _FACING[front]
        if np.linalg.norm(facing) > 1e-6:  # else it lies on its front or back
            corners = world_corners(solid)
            height = corners[:, 2].min() if rectangle is None else rectangle[0, 2]
            blue.append(front_shape(corners, facing / np.linalg.norm(facing), height, unit))
    other = scene.metaspatial.compare_with
    violet = []
    if turn is not None and other is not None and other != turn:
        for move in compare.moves(turn, other):
            violet.append(move_shape(_through(move.before, move.corners), _through(move.after, move.corners), unit))
    return joined(blue), joined(violet)


def _through(matrix: Matrix, corners: Iterable[Vector]) -> np.ndarray:
    """Corners (8, 3) of an item's own box through its world transform."""
    return np.array([(matrix @ corner)[:] for corner in corners])


def _opening(marker: bpy.types.Object, rectangle: np.ndarray | None, unit: float) -> Shape:
    """The floor before a marker: the wall runs along its longer side, and the room is where its rectangle is."""
    matrix = np.array(marker.matrix_world)
    corners = local_corners(marker)
    size = np.ptp(corners, axis=0) * np.linalg.norm(matrix[:3, :3], axis=0)
    middle = matrix[:3, :3] @ corners.mean(axis=0) + matrix[:3, 3]
    wide = int(size[1] > size[0])
    level = float(np.linalg.norm(matrix[:2, wide]))
    if min(level, size[wide]) < 1e-6:  # scaled to nothing, or its width stands upright
        return joined([])
    along = matrix[:2, wide] / level
    inward = np.array([along[1], -along[0]])  # -Y where the marker is not turned
    if rectangle is not None and (rectangle[:, :2].mean(axis=0) - middle[:2]) @ inward < 0:
        inward = -inward
    height = middle[2] - size[2] / 2 if rectangle is None else rectangle[0, 2]
    return opening_shape(marker.metaspatial.opening.lower(), middle[:2], inward, float(size[wide]), height, unit)


def _items(
    scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer, turn: bpy.types.Collection | None, has_room: bool
) -> Iterator[tuple[bpy.types.Object, list[bpy.types.Object], str]]:
    """The visible items: root object, those of its objects that have a shape, and front.

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
    among = dict.fromkeys(thing for thing in (*copies, *chosen) if thing not in building)
    parts: dict[bpy.types.Object, list[bpy.types.Object]] = {}  # `children` looks through the whole file each time
    for thing in view_layer.objects:
        if thing.parent is not None:
            parts.setdefault(thing.parent, []).append(thing)
    for root in among:
        if root.parent in among or root.metaspatial.opening != "NONE" or not root.visible_get(view_layer=view_layer):
            continue
        tree = [root]
        for thing in tree:  # which grows meanwhile
            tree += parts.get(thing, ())
        solid = [thing for thing in tree if has_shape(thing)]
        if solid:
            yield root, solid, (root.get(turn_visibility.ORIGINAL) or root).metaspatial.front


@persistent
def _forget(*_: object) -> None:
    """Something changed: what is drawn is worked out again at the next redraw."""
    _drawn.clear()


def _draw() -> None:
    context = bpy.context
    if not (context.space_data.overlay.show_overlays and context.window_manager.metaspatial.overlay):
        return
    key, settings = (context.scene.session_uid, context.view_layer.name), _settings(context.scene)
    if _drawn.get(key, ())[:1] != (settings,):
        _drawn[key] = settings, []  # should the next line fail, it fails once and not at every redraw
        _drawn[key] = settings, list(_batches(read_shapes(context.scene, context.view_layer)))
    batches = _drawn[key][1]
    if not batches:
        return
    region = context.region
    gpu.state.blend_set("ALPHA")
    for batch, name, colour in batches:
        # Blue lies on the floor, under what stands there; violet is seen through everything.
        gpu.state.depth_test_set("LESS_EQUAL" if colour[:3] == BLUE else "NONE")
        shader = gpu.shader.from_builtin(name)
        shader.bind()
        if name == _LINES:
            shader.uniform_float("viewportSize", (region.width, region.height))
            shader.uniform_float("lineWidth", 1.5 * context.preferences.system.ui_scale)
        shader.uniform_float("color", colour)
        batch.draw(shader)
    gpu.state.depth_test_set("NONE")
    gpu.state.blend_set("NONE")


def _settings(scene: bpy.types.Scene) -> tuple[object, ...]:
    """The settings of a scene that decide about what is drawn; data-blocks by their ids."""
    held = scene.metaspatial
    pointers = (held.floor, held.walls, held.items, held.compare_with)
    return (
        held.room_source,
        held.items_source,
        *held.size,
        *(block and block.session_uid for block in pointers),
    )


def _batches(shapes: Iterable[Shape]) -> Iterator[_Batch]:
    for shape, colour in zip(shapes, (BLUE, VIOLET), strict=True):
        for name, kind, points, opacity in (
            (_FILLS, "TRIS", shape.triangles, FILL_OPACITY),
            (_LINES, "LINES", shape.lines, LINE_OPACITY),
        ):
            if len(points):
                batch = batch_for_shader(gpu.shader.from_builtin(name), kind, {"pos": points.astype(np.float32)})
                yield batch, name, (*colour, opacity)


_HANDLERS = ("depsgraph_update_post", "frame_change_post", "undo_post", "redo_post", "load_post")


def register() -> None:
    global _handle
    _handle = bpy.types.SpaceView3D.draw_handler_add(_draw, (), "WINDOW", "POST_VIEW")
    for name in _HANDLERS:
        getattr(bpy.app.handlers, name).append(_forget)


def unregister() -> None:
    global _handle
    for name in _HANDLERS:
        getattr(bpy.app.handlers, name).remove(_forget)
    bpy.types.SpaceView3D.draw_handler_remove(_handle, "WINDOW")
    _handle = None
    _drawn.clear()
