"""Mounts of items, from what they touch in the scene."""

from __future__ import annotations

import bpy
import pytest

from metaspatial_addon.blender.scene_io.scene_to_task import SceneOptions, scene_to_task
from tests.blender.scenes import add_box, add_floor


@pytest.fixture
def scene():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene


def test_mounts_come_from_contact(scene):
    floor = add_floor()
    add_box("desk", (1.4, 0.7, 0.75), (1, 1, 0))
    add_box("monitor", (0.6, 0.2, 0.4), (1.2, 1, 0.76))
    add_box("picture", (0.03, 0.8, 0.6), (0.02, 2, 1.4))
    add_box("pendant", (0.4, 0.4, 0.6), (2.5, 2, 2.1))
    add_box("rug", (2, 1.4, 0.01), (3.5, 2.5, 0))
    add_box("balloon", (0.3, 0.3, 0.3), (3, 3, 1.5))
    scene_task = scene_to_task(scene, SceneOptions(floor=floor))
    assert {item.id: item.mount for item in scene_task.task.items} == {
        "desk": "floor",
        "monitor": "surface",
        "picture": "wall",
        "pendant": "ceiling",
        "rug": "floor",
        "balloon": "floor",
    }
    assert [item.id for item in scene_task.task.items if item.covering] == ["rug"]


def test_what_waits_on_the_ground_goes_where_its_kind_belongs(scene):
    objects = [
        add_box("Table Lamp", (0.3, 0.3, 0.5), (1, 1, 0)),
        add_box("Pendant Lamp", (0.4, 0.4, 0.4), (2, 1, 0)),
        add_box("Mirror", (0.8, 0.05, 1.7), (3, 1, 0)),
        add_box("Picture", (0.6, 0.03, 0.8), (9, 1, 0)),
        add_box("Chair", (0.5, 0.5, 0.9), (9, 3, 0)),
    ]
    scene_task = scene_to_task(scene, SceneOptions(floor=add_floor(), objects=objects))
    assert {item.id: item.mount for item in scene_task.task.items} == {
        "Table Lamp": "surface",
        "Pendant Lamp": "ceiling",
        "Mirror": "floor",
        "Picture": "wall",
        "Chair": "floor",
    }
