"""A camera, lights and hidden near walls for a scene that people will open: without them it shows a grey box.

Called once a run, before its scene is written; a camera, lights or a world that the scene has already stay.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import bpy
import numpy as np
from mathutils import Matrix, Vector

from ...core.task import Room
from ..physics.room_meshes import OUTWARD
from .engines import eevee

_TOWARDS_CAMERA = Vector((0.5, -0.75, 0.62)).normalized()
_FILL = 1.12
"""How many times as wide as the room the image is."""


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
    to_world = Matrix.Identity(4) if frame is None else Matrix(np.asarray(frame).tolist())
    towards = to_world.to_3x3().normalized() @ _TOWARDS_CAMERA
    if scene.camera is None:
        _add_camera(scene, room, to_world, towards)
    if not any(obj.type == "LIGHT" for obj in scene.objects):
        _add_lights(scene, room, to_world)
    for obj in room_objects:
        outward = obj.get(OUTWARD)
        near = outward is not None and Vector((*outward, 0.0)).dot(_TOWARDS_CAMERA) > 0.1
        underside = min((obj.matrix_basis @ Vector(corner)).z for corner in obj.bound_box)
        if near or (outward is None and underside > room.height / 2):
            obj.hide_render = obj.hide_viewport = True


def _add_camera(scene: bpy.types.Scene, room: Room, frame: Matrix, towards: Vector) -> None:
    data = bpy.data.cameras.new("Camera")
    camera = bpy.data.objects.new("Camera", data)
    scene.collection.objects.link(camera)
    scene.camera = camera
    data.lens, data.clip_end = 35.0, 1000.0
    scene.render.resolution_x, scene.render.resolution_y = 1280, 960
    scene.render.engine = eevee()
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
    # In each direction of the image, the two outermost corners say where the camera is in the middle between
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
