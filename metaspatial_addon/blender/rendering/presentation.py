"""A camera, lights and open near walls for a scene that people will open: without them it shows a grey box.

Called once a run, before its scene is written; what the scene has already (an artist's camera) is left alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import bpy
import numpy as np
from mathutils import Matrix, Vector

from ...core.task import Room
from ..physics.room import OUTWARD

_TOWARDS_CAMERA = Vector((0.5, -0.75, 0.62)).normalized()
_FILL = 1.12
"""Share by which the picture is wider than the room."""


def add_presentation(
    scene: bpy.types.Scene,
    room: Room,
    room_objects: Iterable[bpy.types.Object] = (),
    frame: Sequence[Sequence[float]] | np.ndarray | None = None,
) -> None:
    """Light the scene, aim a camera at the room, and hide the ceiling and the walls between the two.

    `room_objects`: the run's own room; none where the scene has a building. `frame` (4x4) brings the room's frame into
    the scene's world.
    """
    frame = Matrix(np.eye(4) if frame is None else np.asarray(frame).tolist())
    towards = frame.to_3x3().normalized() @ _TOWARDS_CAMERA
    if scene.camera is None:
        _add_camera(scene, room, frame, towards)
    if not any(thing.type == "LIGHT" for thing in scene.objects):
        _add_lights(scene, room, frame)
    for thing in room_objects:
        outward = thing.get(OUTWARD)
        near = outward is not None and Vector((*outward, 0.0)).dot(_TOWARDS_CAMERA) > 0.1
        underside = min((thing.matrix_basis @ Vector(corner)).z for corner in thing.bound_box)
        if near or (outward is None and underside > room.height / 2):
            thing.hide_render = thing.hide_viewport = True


def _add_camera(scene: bpy.types.Scene, room: Room, frame: Matrix, towards: Vector) -> None:
    data = bpy.data.cameras.new("Camera")
    camera = bpy.data.objects.new("Camera", data)
    scene.collection.objects.link(camera)
    scene.camera = camera
    data.lens, data.clip_end = 35.0, 1000.0
    scene.render.resolution_x, scene.render.resolution_y = 1280, 960
    _choose_eevee(scene)
    rotation = towards.to_track_quat("Z", "Y")
    middle = sum((Vector((x, y, 0.0)) for x, y in room.floor), Vector()) / len(room.floor)
    # Of the walls only the far ones are shown up to the ceiling.
    far = [(x, y) for x, y in room.floor if (Vector((x, y, 0.0)) - middle).dot(_TOWARDS_CAMERA) < 0]
    corners = [frame @ Vector((x, y, 0.0)) for x, y in room.floor]
    corners += [frame @ Vector((x, y, room.height)) for x, y in far]
    middle = frame @ middle
    axes = np.array(rotation.to_matrix())  # columns: right, up, towards the camera
    seen = (np.array(corners) - np.array(middle)) @ axes  # (2N, 3)
    half_width = data.sensor_width / 2 / data.lens
    half = np.array((half_width, half_width * 0.75))
    # In each direction of the picture, the two outermost corners say where the camera is in the middle between
    # them, and how far back it has to stand.
    wide = seen[:, :2] * _FILL / half
    right, left = (wide + seen[:, 2:]).max(axis=0), (seen[:, 2:] - wide).max(axis=0)  # (2,) each
    centre = (right - left) / 2 * half / _FILL
    away = float(np.max(right + left) / 2)
    place = np.array(middle) + axes @ np.array((*centre, away))
    camera.matrix_world = Matrix.Translation(Vector(place)) @ rotation.to_matrix().to_4x4()


def _add_lights(scene: bpy.types.Scene, room: Room, frame: Matrix) -> None:
    sun = bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN"))
    sun.data.energy, sun.data.angle = 1.5, math.radians(12)
    sun.matrix_world = (
        frame
        @ Matrix.Translation((0, 0, room.height + 2))
        @ Vector((0.35, -0.5, 1)).to_track_quat("Z", "Y").to_matrix().to_4x4()
    )
    scene.collection.objects.link(sun)
    low, high = np.min(room.floor, axis=0), np.max(room.floor, axis=0)
    lamp = bpy.data.objects.new("Ceiling Light", bpy.data.lights.new("Ceiling Light", "AREA"))
    lamp.data.shape = "RECTANGLE"
    lamp.data.size, lamp.data.size_y = (float(s) * 0.7 for s in high - low)
    lamp.data.energy = 5.0 * float(np.prod(high - low))
    lamp.matrix_world = frame @ Matrix.Translation((*((low + high) / 2), room.height - 0.02))
    scene.collection.objects.link(lamp)
    if scene.world is None:
        scene.world = bpy.data.worlds.new("World")
        scene.world.color = (0.5, 0.5, 0.52)
        if scene.world.node_tree is None:  # from Blender 5.0 on a world always has nodes
            scene.world.use_nodes = True
        for node in scene.world.node_tree.nodes:
            if node.type == "BACKGROUND":
                node.inputs["Color"].default_value = (0.5, 0.5, 0.52, 1.0)
                node.inputs["Strength"].default_value = 0.45


def _choose_eevee(scene: bpy.types.Scene) -> None:
    """Its name is another one up to Blender 4.5."""
    for engine in ("BLENDER_EEVEE_NEXT", "BLENDER_EEVEE"):
        try:
            scene.render.engine = engine
        except TypeError:
            continue
        return
