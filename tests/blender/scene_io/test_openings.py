"""Doors and windows out of the objects that mark them."""

from __future__ import annotations

import math

import bpy
import numpy as np
import pytest
from mathutils import Matrix

from metaspatial_addon.blender.scene_io.openings import find_openings
from metaspatial_addon.blender.scene_io.scene_to_task import SceneOptions, scene_to_task
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.task import task_from_json, task_to_json

FLOOR = ((0.0, 0.0), (4.0, 0.0), (4.0, 3.0), (0.0, 3.0))


def box(x, y, z, w, d, h, turn=0.0):
    """Corners (8, 3) of a box about (x, y), standing on z."""
    c, s = math.cos(turn), math.sin(turn)
    sides = [(i * w / 2, j * d / 2) for i in (-1, 1) for j in (-1, 1)]
    return np.array([(x + u * c - v * s, y + u * s + v * c, z + k * h) for u, v in sides for k in (0, 1)])


def one(points, kind="door", floor=FLOOR, height=2.6):
    return find_openings({"Marker": (kind, points)}, floor, height, "room.blend")[0]


@pytest.mark.parametrize(
    "points, kind, expected",
    [
        (box(1, 0, 0, 0.9, 0.1, 2.05), "door", (0, 0.55, 0.9, 0, 2.05)),
        (box(1, -0.2, 0, 0.9, 0.3, 2.05), "door", (0, 0.55, 0.9, 0, 2.05)),
        (box(4.1, 1.5, 0.9, 0.2, 1.2, 1.3), "window", (1, 0.9, 1.2, 0.9, 1.3)),
        (box(3, 3, 0.03, 0.9, 0.1, 2.0), "door", (2, 0.55, 0.9, 0, 2.03)),
        (box(0.2, 2.5, 0, 0.1, 0.8, 2.0), "door", (3, 0.1, 0.8, 0, 2.0)),
        # In a corner, over its end, above the ceiling, below the floor: moved and cut to fit.
        (box(0.2, -0.2, 0.5, 0.4, 0.4, 1), "window", (0, 0.0, 0.4, 0.5, 1)),
        (box(0.3, 0, 0, 0.9, 0.1, 2), "door", (0, 0, 0.9, 0, 2)),
        (box(3.8, 0, -0.3, 0.9, 0.1, 4), "door", (0, 3.1, 0.9, 0, 2.6)),
        (box(2, 0, 1, 4.0005, 0.1, 1), "window", (0, 0, 4, 1, 1)),
    ],
)
def test_where_a_marker_makes_an_opening(points, kind, expected):
    found = one(points, kind)
    assert (found.wall, found.offset, found.width, found.sill, found.height) == pytest.approx(expected, abs=1e-5)


def test_a_door_may_turn_about_its_other_end():
    found = one(box(1, 0, 0, 0.9, 0.1, 2.05), "door_end")
    assert (found.kind, found.hinge) == ("door", "end") and one(box(1, 0, 0, 0.9, 0.1, 2.05)).hinge == "start"


def test_slanted_walls_and_turned_markers():
    floor = ((0.0, 0.0), (4.0, 0.0), (4.0, 3.0), (1.5, 3.0), (0.0, 1.5))
    found = one(box(0.75, 2.25, 0.9, 1.0, 0.1, 1.2, math.pi / 4), "window", floor)
    assert found.wall == 3 and found.width == pytest.approx(1, abs=1e-5)
    assert found.offset == pytest.approx(1.5 * math.sqrt(2) / 2 - 0.5, abs=1e-5)


@pytest.mark.parametrize(
    "points, kind, said",
    [
        (box(2, 1.5, 0, 0.9, 0.1, 2), "door", "within 0.5 m of a wall, got '1.45 m'"),
        (box(9, 0, 0, 0.9, 0.1, 2), "door", "within 0.5 m"),
        (box(2, 0, 0, 4.2, 0.1, 2), "door", "no wider than its wall, 4.00 m"),
        (box(2, 0, 3, 1, 0.1, 1), "window", "between the floor and the ceiling"),
        (box(2, 0, 1, 0.01, 0.001, 1), "window", "at least 0.05 m wide"),
        (box(2, 0, 1, 1, 0.1, 1), "hatch", "one of door, door_end, window"),
    ],
)
def test_a_marker_that_makes_none_is_named(points, kind, said):
    with pytest.raises(InputError, match=f"room.blend: Marker: .*{said}"):
        one(points, kind)


@pytest.fixture
def scene():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene


def link(scene, name, data=None):
    thing = bpy.data.objects.new(name, data)
    scene.collection.objects.link(thing)
    return thing


def cube(name, size):
    mesh = bpy.data.meshes.new(name)
    points = box(0, 0, -size[2] / 2, *size)
    mesh.from_pydata(
        points.tolist(), [], [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    )
    return mesh


@pytest.mark.parametrize("unit", [1.0, 0.01, 100.0])
def test_markers_of_every_kind_in_a_scene(scene, unit):
    """An empty's cube, scaled and turned; a mesh, hidden from renders; an instance of a collection."""
    scene.unit_settings.scale_length = unit
    link(scene, "Sofa", cube("sofa", (2 / unit, 0.9 / unit, 0.8 / unit)))
    door = link(scene, "Door 門")
    door.empty_display_type, door.empty_display_size = "CUBE", 0.5
    door.matrix_world = Matrix.LocRotScale(
        (0.5 / unit, -2 / unit, 1 / unit), Matrix.Rotation(math.pi, 3, "Z"), (0.9 / unit, 0.2 / unit, 2 / unit)
    )
    window = link(scene, "Glass", cube("glass", (0.1 / unit, 1.4 / unit, 1.2 / unit)))
    window.location, window.hide_render = (2.5 / unit, 0, 1.5 / unit), True
    parts = bpy.data.collections.new("parts")
    part = bpy.data.objects.new("pane", cube("pane", (1 / unit, 0.1 / unit, 1 / unit)))
    parts.objects.link(part)
    instance = link(scene, "Second")
    instance.instance_type, instance.instance_collection = "COLLECTION", parts
    instance.location = (-1 / unit, 2.1 / unit, 1.4 / unit)
    markers = {"Door 門": "door", "Glass": "window", "Second": "window"}
    snapshot = scene_to_task(scene, SceneOptions(size=(5, 4, 2.7), openings=markers, obstacles=[window, instance]))
    found = [(o.id, o.wall, o.offset, o.width, o.sill, o.height) for o in snapshot.task.room.openings]
    expected = [("door_1", 0, 2.55, 0.9, 0, 2), ("window_1", 1, 1.3, 1.4, 0.9, 1.2), ("window_2", 2, 3.0, 1, 0.9, 1)]
    assert [f[:2] for f in found] == [e[:2] for e in expected]
    assert np.allclose([f[2:] for f in found], [e[2:] for e in expected], atol=1e-4)
    assert [item.id for item in snapshot.task.items] == ["Sofa"], "a marker is no item"
    assert task_from_json(task_to_json(snapshot.task)).room.openings == snapshot.task.room.openings


def test_a_marker_must_be_in_the_scene(scene):
    link(scene, "Sofa", cube("sofa", (2, 0.9, 0.8)))
    with pytest.raises(InputError, match="openings: expected an object of the scene, got 'Gone'"):
        scene_to_task(scene, SceneOptions(size=(5, 4, 2.7), openings={"Gone": "door"}))
