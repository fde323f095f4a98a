"""What is shown of a scene follows every change that concerns it, and costs nothing after those that do not."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterator

import bpy
import numpy as np
import pytest
from mathutils import Matrix

from metaspatial_addon.blender.frames import matrix_to_list
from metaspatial_addon.blender.turns import turn_properties, turn_visibility, turns
from metaspatial_addon.ui.operators import openings
from metaspatial_addon.ui.overlay import handler
from metaspatial_addon.ui.state import properties
from metaspatial_addon.ui.state.item_cache import listed_items
from metaspatial_addon.ui.state.scene import index
from metaspatial_addon.ui.state.scene.items import chosen_roots
from tests.blender.turns.arrivals import box

MODULES = (properties, openings, index, handler)
HANDLERS = ("depsgraph_update_post", "frame_change_post", "undo_post", "redo_post", "load_post")


@pytest.fixture
def scene() -> Iterator[bpy.types.Scene]:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    for module in MODULES:
        module.register()
    scene = bpy.context.scene
    scene.metaspatial.room_source, scene.metaspatial.size = "SIZE", (6, 4, 2.5)
    yield scene
    for module in reversed(MODULES):
        module.unregister()


def shapes_kept() -> handler.Shapes:
    return handler.current_shapes(bpy.context.scene, bpy.context.view_layer)


def assert_current(after: str) -> None:
    """What is kept is what would be computed now."""
    scene, layer = bpy.context.scene, bpy.context.view_layer
    fresh = index.SceneIndex(scene)
    for kept, computed in zip(shapes_kept(), handler.read_shapes(scene, layer, fresh), strict=True):
        assert np.array_equal(kept.lines, computed.lines), after
    assert listed_items(bpy.context) == chosen_roots(bpy.context, fresh), after


def set_front(obj: bpy.types.Object, front: str) -> None:
    obj.metaspatial.front = front
    obj.update_tag()  # as Blender does for a field in a panel


def set_opening(obj: bpy.types.Object, opening: str) -> None:
    obj.metaspatial.opening = opening
    obj.update_tag()


def test_what_is_shown_follows_every_change_that_concerns_it(scene: bpy.types.Scene) -> None:
    settings = scene.metaspatial
    bed, pillow, lamp, floor = (box(name, (k, 0, 0)) for k, name in enumerate(("Bed", "Pillow", "Lamp", "Floor")))
    items, walls = bpy.data.collections.new("Items"), bpy.data.collections.new("Walls")
    layer = bpy.context.view_layer
    changes: dict[str, Callable[[], object]] = {
        "select": lambda: bed.select_set(True),
        "select another": lambda: lamp.select_set(True),
        "deselect": lambda: lamp.select_set(False),
        "rotate the front": lambda: set_front(bed, "+X"),
        "move": lambda: setattr(bed, "location", (1, 2, 0)),
        "scale": lambda: setattr(bed, "scale", (2, 1, 1)),
        "parent": lambda: setattr(pillow, "parent", bed),
        "move what hangs on it": lambda: setattr(pillow, "location", (0, -3, 0)),
        "reshape what hangs on it": lambda: pillow.data.transform(Matrix.Scale(3, 4)) or pillow.data.update(),
        "part": lambda: setattr(pillow, "parent", None),
        "hide": lambda: bed.hide_set(True),
        "unhide": lambda: bed.hide_set(False),
        "mark a door": lambda: set_opening(lamp, "DOOR"),
        "move the door": lambda: setattr(lamp, "location", (0, 2, 0)),
        "mark a window": lambda: set_opening(lamp, "WINDOW"),
        "unmark it": lambda: set_opening(lamp, "NONE"),
        "change the units": lambda: setattr(scene.unit_settings, "scale_length", 0.5),
        "change the room": lambda: setattr(settings, "size", (3, 3, 3)),
        "choose the floor": lambda: (setattr(settings, "floor", floor), setattr(settings, "room_source", "FLOOR")),
        "move the floor": lambda: setattr(floor, "location", (0, 0, -2)),
        "choose an empty collection": lambda: (
            scene.collection.children.link(items),
            setattr(settings, "items_source", "COLLECTION"),
            setattr(settings, "items", items),
        ),
        "put an item into it": lambda: items.objects.link(lamp),
        "move that item": lambda: setattr(lamp, "location", (2, 2, 0)),
        "take it out": lambda: items.objects.unlink(lamp),
        "put another in": lambda: items.objects.link(bed),
        "switch the collection off": lambda: setattr(layer.layer_collection.children["Items"], "exclude", True),
        "switch it on": lambda: setattr(layer.layer_collection.children["Items"], "exclude", False),
        "choose walls": lambda: (
            scene.collection.children.link(walls),
            walls.objects.link(pillow),
            setattr(settings, "walls", walls),
            setattr(settings, "room_source", "WALLS"),
        ),
        "move a wall": lambda: setattr(pillow, "location", (5, 5, 0)),
        "delete an item": lambda: bpy.data.objects.remove(bed),
        "delete a wall": lambda: bpy.data.objects.remove(pillow),
        "add an object": lambda: box("New"),
        "go to another scene": lambda: setattr(bpy.context.window, "scene", bpy.data.scenes.new("Other")),
        "come back": lambda: setattr(bpy.context.window, "scene", scene),
    }
    layer.update()
    assert_current("nothing")
    for name, change in changes.items():
        change()
        bpy.context.view_layer.update()
        assert_current(name)


def test_an_item_that_moves_with_its_animation_is_followed(scene: bpy.types.Scene) -> None:
    bed = box("Bed")
    bed.select_set(True)
    for frame, x in ((1, 0), (10, 3)):
        bed.location.x = x
        bed.keyframe_insert("location", frame=frame)
    seen = []
    for frame in (1, 5, 10):
        scene.frame_set(frame)
        assert_current(f"frame {frame}")
        seen.append(shapes_kept()[0].lines[:, 0].max())
    assert seen == sorted(set(seen))


def test_turns_that_are_shown_compared_and_moved_are_followed(scene: bpy.types.Scene) -> None:
    bed = box("Bed")
    run = turns.new_run(scene, "test")
    made = []
    for x in (1.0, 3.0):
        turn = turns.add_turn(run, [turns.PlacedObject("item_1", bed, Matrix.Translation((x, 0, 0.5)))], {})
        (copy,) = turn.objects
        copy[turn_properties.ORIGINAL] = bed
        copy[turn_properties.ROOT_MATRIX] = matrix_to_list(copy.matrix_world)
        made.append(turn)
    for name, change in {
        "show": lambda: turn_visibility.show(scene, made[0]),
        "show the other": lambda: turn_visibility.show(scene, made[1]),
        "compare": lambda: setattr(scene.metaspatial, "compare_with", made[0]),
        "move the copy": lambda: setattr(made[1].objects[0], "location", (0, 1, 0)),
        "rotate the front of the original": lambda: set_front(bed, "+Y"),
        "show the originals": lambda: turn_visibility.show(scene, None),
    }.items():
        change()
        bpy.context.view_layer.update()
        assert_current(name)


def test_other_changes_compute_nothing(scene: bpy.types.Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    bed, other = box("Bed"), box("Other")
    bed.select_set(True)
    bpy.context.view_layer.update()
    shapes_kept(), listed_items(bpy.context)

    computed: list[object] = []  # not only raised: Blender prints what a handler raises, and goes on

    def fail(*given: object) -> None:
        computed.append(given)
        raise AssertionError("computed again")

    monkeypatch.setattr(handler, "read_shapes", fail)
    monkeypatch.setattr("metaspatial_addon.ui.state.item_cache.chosen_roots", fail)
    monkeypatch.setattr(index, "SceneIndex", fail)
    for change in (
        lambda: setattr(other, "location", (4, 4, 4)),
        lambda: other.data.transform(Matrix.Scale(2, 4)) or other.data.update(),
        lambda: bpy.data.materials.new("Paint"),
        lambda: setattr(other, "name", "Renamed"),
        lambda: scene.frame_set(7),
    ):
        change()
        bpy.context.view_layer.update()
        shapes_kept(), listed_items(bpy.context)
    assert computed == []


def fill(scene: bpy.types.Scene, count: int) -> list[bpy.types.Object]:
    mesh = box("First").data
    objects = []
    for k in range(count):
        obj = bpy.data.objects.new("Object", mesh)
        obj.location = (k % 100, k // 100, 0)
        scene.collection.objects.link(obj)
        objects.append(obj)
    return objects


def redraw_time(scene: bpy.types.Scene, count: int, change: Callable[[list[bpy.types.Object], int], object]) -> float:
    """Seconds of CPU time of a redraw after a change to a scene of `count` objects, 12 of them items; a median."""
    bpy.data.batch_remove(list(bpy.data.objects))
    objects = fill(scene, count)
    for obj in objects[:12]:
        obj.select_set(True)
    times = []
    for k in range(12):
        change(objects, k)
        bpy.context.view_layer.update()
        started = time.thread_time()
        shapes_kept(), listed_items(bpy.context)
        times.append(time.thread_time() - started)
    return statistics.median(times[1:])


@pytest.mark.parametrize(
    "change",
    [
        lambda objects, k: setattr(objects[500], "location", (k, k, k)),
        lambda objects, k: setattr(objects[3], "location", (k, k, 0)),
        lambda objects, k: objects[20].select_set(k % 2 == 0),
    ],
    ids=["move another object", "move an item", "select"],
)
def test_four_times_as_many_objects_cost_no_more(
    scene: bpy.types.Scene, change: Callable[[list[bpy.types.Object], int], object]
) -> None:
    """Of 1,000 and 4,000 objects. Less than a tenth of a millisecond is no cost."""
    ratios = [
        max(redraw_time(scene, 4000, change), 1e-4) / max(redraw_time(scene, 1000, change), 1e-4) for _ in range(3)
    ]
    assert statistics.median(ratios) < 2.0, ratios


def test_registering_again_leaves_no_second_handler(scene: bpy.types.Scene) -> None:
    def ours() -> dict[str, int]:
        return {
            name: sum(function.__module__ == index.__name__ for function in getattr(bpy.app.handlers, name))
            for name in HANDLERS
        }

    assert set(ours().values()) == {1}
    for _ in range(3):
        index.unregister()
        assert set(ours().values()) == {0}
        index.register()
    assert set(ours().values()) == {1}


def test_settings_that_a_script_changes_are_noticed(scene: bpy.types.Scene) -> None:
    """Blender tells no handler of these."""
    settings, known = scene.metaspatial, [index.current_view(scene, bpy.context.view_layer)]
    for name, value in {
        "size": (3, 3, 3),
        "room_source": "FLOOR",
        "floor": box("Floor"),
        "items_source": "COLLECTION",
        "items": bpy.data.collections.new("Items"),
        "walls": bpy.data.collections.new("Walls"),
        "compare_with": bpy.data.collections.new("Turn"),
    }.items():
        setattr(settings, name, value)
        known.append(index.current_view(scene, bpy.context.view_layer))
    assert all(one is not other for one, other in itertools.combinations(known, 2))
