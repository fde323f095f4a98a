"""Scenes of many objects: what reading them costs grows with their number and no faster.

CPU time of this thread is measured, which other processes on a busy machine change little.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import bpy
import pytest

from metaspatial_addon.blender.scene_io.contact import guess_mounts
from metaspatial_addon.blender.scene_io.scene_items import item_trees
from metaspatial_addon.blender.scene_io.scene_to_task import MOST_SHOWN, SceneOptions, scene_to_task
from metaspatial_addon.core.errors import InputError
from tests.blender.scenes import add, box_mesh

SIDE = 40.0
"""Metres of the room's width and depth."""


def rows(count: int, parts: int = 1) -> list[bpy.types.Object]:
    """Boxes in rows, every second one on the one before it, each with `parts` - 1 children."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    box, knob = box_mesh((0.5, 0.5, 0.5)), box_mesh((0.1, 0.1, 0.1))
    roots = []
    for k in range(count):
        at = (k // 2 % 38 - SIDE / 2 + 1, k // 76 - SIDE / 2 + 1, 0.5 * (k % 2))
        roots.append(add(f"Box {k}", box, at))
        for part in range(1, parts):
            add(f"Part {k} {part}", knob, (0.1 * part, 0, 0.5), parent=roots[-1])
    bpy.context.view_layer.update()
    return roots


def instance_of(collection: bpy.types.Collection, name: str, at: tuple[float, float, float]) -> bpy.types.Object:
    """An empty that shows a collection, in no scene yet."""
    empty = bpy.data.objects.new(name, None)
    empty.instance_type, empty.instance_collection, empty.location = "COLLECTION", collection, at
    return empty


def seconds(work: Callable[[], object]) -> float:
    """The least of seven: whatever else the process does at times, such as collecting garbage, only adds to it."""
    times = []
    for _ in range(7):
        start = time.thread_time()
        work()
        times.append(time.thread_time() - start)
    return min(times)


def read(roots: list[bpy.types.Object], obstacles: bool) -> None:
    objects, others = (roots[:1], roots) if obstacles else (roots, [])
    scene_task = scene_to_task(bpy.context.scene, SceneOptions(size=(SIDE, SIDE, 3), objects=objects, obstacles=others))
    assert len(scene_task.items) == len(roots)
    scene_task.free()


@pytest.mark.parametrize("obstacles", [False, True])
def test_four_times_the_items_take_about_four_times_as_long(obstacles):
    def measure(count: int) -> float:
        roots = rows(count, 3)
        return seconds(lambda: read(roots, obstacles))

    assert measure(480) < 8 * measure(120)


def test_trees_are_found_in_one_look_at_the_file():
    def measure(count: int) -> float:
        roots = rows(count)
        return seconds(lambda: item_trees(roots, (), 1.0))

    assert measure(3200) < 8 * measure(800)


def test_carriers_of_stacked_items_are_found_among_many():
    def measure(count: int) -> float:
        options = SceneOptions(size=(SIDE, SIDE, 3), objects=rows(count))
        scene_task = scene_to_task(bpy.context.scene, options)
        mounts = [item.mount for item in scene_task.task.items]
        assert mounts == ["floor", "surface"] * (count // 2)
        items = list(scene_task.items.values())
        return seconds(lambda: guess_mounts(scene_task.task.room, items))

    assert measure(800) < 8 * measure(200)


def test_too_many_nested_copies_are_refused_in_time_by_the_name_of_what_shows_them():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    leaves = bpy.data.collections.new("Leaves")
    leaves.objects.link(bpy.data.objects.new("Leaf", box_mesh((0.01, 0.01, 0.01))))
    for level in range(5):
        grown = bpy.data.collections.new(f"Branches {level}")
        for k in range(10):
            grown.objects.link(instance_of(leaves, f"Branch {level} {k}", (0.1 * k, 0, 0.1 * level)))
        leaves = grown
    bpy.context.scene.collection.objects.link(instance_of(leaves, "Tree", (0, 0, 0)))
    add("Box", box_mesh((0.5, 0.5, 0.5)))
    bpy.context.view_layer.update()
    start = time.thread_time()
    with pytest.raises(InputError, match=rf"at most {MOST_SHOWN:,} objects.*hide Tree, with"):
        scene_to_task(bpy.context.scene, SceneOptions(size=(SIDE, SIDE, 3)))
    assert time.thread_time() - start < 10
