"""Turns as the worker would send them, for a scene of boxes, and what a scene then shows."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

from metaspatial_addon.blender.frames import matrix_to_list
from metaspatial_addon.blender.turns import turn_collections, turn_properties
from metaspatial_addon.core.task import LAYOUT_SCHEMA
from metaspatial_addon.prompts.png import write_png

MOVE = Matrix.Translation((3, 1, 0)) @ Matrix.Rotation(math.radians(30), 4, "Z")

EMPTY = {kind: [] for kind in ("overlaps", "outside", "unsupported", "unstable", "blocked", "unreachable", "relations")}


def box(name: str, location: Sequence[float] = (0, 0, 0), scene: bpy.types.Scene | None = None) -> bpy.types.Object:
    """A cube of 1 m that stands on its location."""
    mesh = bpy.data.meshes.new(name)
    corners = [(x, y, z) for x, y, z in itertools.product((-0.5, 0.5), (-0.5, 0.5), (0, 1))]
    mesh.from_pydata(corners, [], [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)])
    obj = bpy.data.objects.new(name, mesh)
    obj.location = location
    (scene or bpy.context.scene).collection.objects.link(obj)
    return obj


def tree(root: bpy.types.Object) -> list[bpy.types.Object]:
    return [root, *root.children_recursive]


def task_message(roots: Sequence[bpy.types.Object], others: Sequence[bpy.types.Object] = ()) -> dict[str, Any]:
    """The scene as the worker read it. Its room's frame is 1 m beside the world's origin."""
    return {
        "type": "task",
        "job": 1,
        "task": {"id": "scene"},
        "notes": {},
        "left_out": {},
        "frame": matrix_to_list(Matrix.Translation((1, 0, 0))),
        "objects": {obj.name: [member.name for member in tree(obj)] for obj in (*roots, *others)},
    }


def turn_message(
    moves: Mapping[bpy.types.Object, Matrix],
    number: int = 1,
    evidence: Mapping[str, Any] = EMPTY,
    pictures: Sequence[str | None] = (None, None),
) -> dict[str, Any]:
    """A turn that moves root objects, with all below them, by world transforms (4x4)."""
    bpy.context.view_layer.update()
    objects = [
        {
            "item": root.name,
            "name": obj.name,
            "hidden": False,
            "matrix": matrix_to_list(move @ obj.matrix_world),
        }
        for root, move in moves.items()
        for obj in tree(root)
    ]
    placements = [
        {"id": root.name, **dict(zip("xyz", (move @ root.matrix_world).translation, strict=True)), "yaw": 0}
        for root, move in moves.items()
    ]
    for placement in placements:
        placement["x"] -= 1  # the room's frame
    record = {
        "status": "ok",
        "reward": 0.5,
        "evidence": {**EMPTY, **evidence},
        "think": "hm",
        "layout": {"schema": LAYOUT_SCHEMA, "task": "scene", "placements": placements},
    }
    top, view = pictures
    return {
        "type": "turn",
        "job": 1,
        "number": number,
        "record": record,
        "objects": objects,
        "top": top,
        "view": view,
    }


def arrival(
    moves: Mapping[bpy.types.Object, Matrix],
    number: int = 1,
    folder: Path = Path(),
    run: str = "abc",
    scene: bpy.types.Scene | None = None,
    others: Sequence[bpy.types.Object] = (),
    **message: Any,
) -> turn_collections.IncomingTurn:
    """A turn that is to arrive in a scene."""
    members = [obj for root in (*moves, *others) for obj in tree(root)]
    return turn_collections.IncomingTurn(
        scene=(scene or bpy.context.scene).session_uid,
        run=run,
        title="calm bedroom",
        number=number,
        task=task_message(list(moves), others),
        turn=turn_message(moves, number, **message),
        originals={obj.name: obj.session_uid for obj in members},
        asked={root.name for root in moves},
        folder=folder,
    )


def let_arrive(given: turn_collections.IncomingTurn) -> bpy.types.Collection:
    """All steps of an arrival; its turn, which is shown."""
    steps = turn_collections.build_turn(given)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            turn_collections.show(turn_collections.find_scene(given.scene), end.value)
            return end.value


def png() -> bytes:
    """A small grey picture."""
    return write_png(np.full((4, 4, 3), 128, dtype=np.uint8))


def world(obj: bpy.types.Object) -> np.ndarray:
    bpy.context.view_layer.update()
    return np.array(obj.matrix_world)


def copy_of(turn: bpy.types.Collection, original: bpy.types.Object) -> bpy.types.Object:
    return next(copy for copy in turn.objects if copy.get(turn_properties.ORIGINAL) == original)


def seen(scene: bpy.types.Scene) -> set[str]:
    """Names of what the view layer shows."""
    layer = scene.view_layers[0]
    layer.update()
    return {obj.name for obj in layer.objects if obj.visible_get(view_layer=layer)}
