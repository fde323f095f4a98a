"""Handing a scene over: all that an item needs arrives, and the artist's file stays as it was."""

from __future__ import annotations

import math

import bpy
import numpy as np
import pytest

from metaspatial_addon.blender.meshes import data_blocks
from metaspatial_addon.blender.scene_io.scene_export import export_scene, open_exported_scene
from metaspatial_addon.blender.turns import turn_properties, turn_visibility, turns
from metaspatial_addon.blender.turns.turns import PlacedObject
from tests.worker.rooms import box, furnish

LONG = "Großer Kleiderschrank im Schlafzimmer mit Spiegel 木製の椅"
"""A name of 63 bytes."""


@pytest.fixture
def scene():
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    return bpy.context.scene


def hand_over(path, scene, objects, shown=()) -> bpy.types.Scene:
    bpy.context.view_layer.update()
    export_scene(path / "scene.blend", scene, objects, shown)
    return open_exported_scene(path / "scene.blend", "Bedroom")


def state_of_file() -> dict:
    """What of the open file an artist could miss."""
    scene = bpy.context.scene
    return {
        "blocks": sorted((block.rna_type.identifier, block.name_full, block.users) for block in data_blocks()),
        "selected": [obj.name for obj in bpy.context.selected_objects],
        "active": bpy.context.view_layer.objects.active,
        "scene": (scene, scene.frame_current, scene.frame_subframe),
        "objects": {
            obj: (obj.matrix_world.copy(), obj.hide_get(), obj.hide_viewport, obj.hide_render) for obj in scene.objects
        },
        "collections": {obj: obj.users_collection for obj in bpy.data.objects},
        "paths": [image.filepath for image in bpy.data.images],
        "path": bpy.data.filepath,
    }


def test_the_artists_file_stays_as_it_is(tmp_path):
    objects = furnish()
    image = bpy.data.images.new("wood", 4, 4)
    image.source, image.filepath = "FILE", "//textures/wood.png"
    objects[1].data.materials.append(bpy.data.materials.new("oak"))
    if objects[1].data.materials[0].node_tree is None:  # up to 4.5
        objects[1].data.materials[0].use_nodes = True
    objects[1].data.materials[0].node_tree.nodes.new("ShaderNodeTexImage").image = image
    objects[2].select_set(True)
    bpy.context.view_layer.objects.active = objects[3]
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "artist.blend"))
    before = state_of_file()
    export_scene(tmp_path / "scene.blend", bpy.context.scene, objects, [objects[3]])
    assert state_of_file() == before
    open_exported_scene(tmp_path / "scene.blend", "Scene")
    assert bpy.data.images["wood"].filepath == str(tmp_path / "textures" / "wood.png")


def test_a_file_that_cannot_be_written_is_an_os_error(tmp_path):
    objects = furnish()
    before = state_of_file()
    with pytest.raises(OSError):
        export_scene(tmp_path / "no" / "folder" / "scene.blend", bpy.context.scene, objects)
    assert state_of_file() == before


@pytest.mark.parametrize("content", [b"", b"no blend"])
def test_a_file_that_is_no_hand_over_is_an_os_error(tmp_path, content):
    (tmp_path / "scene.blend").write_bytes(content)
    with pytest.raises(OSError):
        open_exported_scene(tmp_path / "scene.blend", "Scene")


def test_a_blend_that_nobody_handed_over_is_an_os_error(scene, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"), copy=True)
    with pytest.raises(OSError, match="handed over"):
        open_exported_scene(tmp_path / "scene.blend", "Scene")


def test_names_transforms_units_and_frame_arrive(scene, tmp_path):
    assert len(LONG.encode()) == 63
    scene.unit_settings.scale_length = 0.01
    scene.render.use_simplify, scene.render.simplify_subdivision = True, 1
    moving = box(LONG, (1, 2, 3))
    moving.keyframe_insert("location", frame=1)
    moving.location.x = 10
    moving.keyframe_insert("location", frame=11)
    scene.frame_set(4, subframe=0.5)
    bpy.context.view_layer.update()
    stood = moving.matrix_world.copy()
    moving.scale.z = 0.5
    got = hand_over(tmp_path, scene, [moving])
    assert got.name == "Bedroom" and got.unit_settings.scale_length == pytest.approx(0.01)
    assert (got.frame_current, got.frame_subframe) == (4, 0.5)
    assert got.render.use_simplify and got.render.simplify_subdivision == 1
    assert got.objects[LONG].matrix_world.translation == stood.translation and stood.translation.x > 0
    assert got.objects[LONG].scale.z == 0.5


def test_what_an_object_hangs_on_arrives(scene, tmp_path):
    holder, target, driver = (bpy.data.objects.new(name, None) for name in ("Holder", "Target", "Driver"))
    for obj in (holder, target, driver):
        scene.collection.objects.link(obj)
    holder.location.x, target.location.y, driver.location.z = 1, 2, 3
    held, tied, driven = (box(name, (1, 1, 1)) for name in ("Held", "Tied", "Driven"))
    held.parent = holder
    tied.constraints.new("COPY_LOCATION").target = target
    variable = driven.driver_add("location", 2).driver.variables.new()
    variable.type, variable.targets[0].id, variable.targets[0].transform_type = "TRANSFORMS", driver, "LOC_Z"
    driven.animation_data.drivers[0].driver.expression = f"{variable.name} * 2"
    child = box("Drawer", (0.2, 0.2, 0.2), (0, 0, 0.5))
    child.parent = held
    got = hand_over(tmp_path, scene, [held, tied, driven])
    assert [obj.name for obj in got.objects] == ["Held", "Drawer", "Tied", "Driven"]
    places = {obj.name: tuple(obj.matrix_world.translation) for obj in got.objects}
    assert places["Held"][0] == 1 and places["Tied"][1] == 2 and places["Driven"][2] == 6
    assert places["Drawer"] == (1, 0, 0.5)
    assert got.objects["Drawer"].parent == got.objects["Held"]


def test_a_driver_that_asks_the_scene_does_not_bring_its_objects(scene, tmp_path):
    box("Neighbour", (1, 1, 1))
    driven = box("Driven", (1, 1, 1))
    variable = driven.driver_add("location", 0).driver.variables.new()
    variable.targets[0].id_type, variable.targets[0].id = "SCENE", scene
    variable.targets[0].data_path = "frame_current"
    driven.animation_data.drivers[0].driver.expression = variable.name
    scene.frame_set(5)
    got = hand_over(tmp_path, scene, [driven])
    assert [obj.name for obj in got.objects] == ["Driven"]
    assert got.objects["Driven"].matrix_world.translation.x == 5


def test_modifiers_instances_and_several_collections_arrive(scene, tmp_path):
    obj = box("Shelf", (1, 1, 1))
    obj.modifiers.new("Array", "ARRAY").count = 3
    other = bpy.data.collections.new("Other")
    scene.collection.children.link(other)
    other.objects.link(obj)
    source = bpy.data.collections.new("Chair")
    source.objects.link(bpy.data.objects.new("Leg", obj.data))
    chair = bpy.data.objects.new("Chair", None)
    chair.instance_type, chair.instance_collection = "COLLECTION", source
    scene.collection.objects.link(chair)
    got = hand_over(tmp_path, scene, [obj, chair])
    assert [obj.name for obj in got.objects] == ["Shelf", "Chair"]
    with bpy.context.temp_override(scene=got, view_layer=got.view_layers[0]):
        instances = bpy.context.evaluated_depsgraph_get().object_instances
        shown = sorted((i.object.name, round(i.object.dimensions.x, 3)) for i in instances if i.object.type == "MESH")
    assert shown == [("Leg", 1), ("Shelf", 3)]


def test_hidden_objects_stay_hidden(scene, tmp_path):
    names = ("Seen", "Eye", "Viewport", "Render", "Excluded")
    objects = {name: box(name, (1, 1, 1)) for name in names}
    objects["Eye"].hide_set(True)
    objects["Viewport"].hide_viewport = objects["Render"].hide_render = True
    closed = bpy.data.collections.new("Closed")
    scene.collection.children.link(closed)
    closed.objects.link(objects["Excluded"])
    scene.collection.objects.unlink(objects["Excluded"])
    bpy.context.view_layer.layer_collection.children["Closed"].exclude = True
    bpy.context.view_layer.update()
    for shown in ([], list(objects.values())):
        export_scene(tmp_path / f"{len(shown)}.blend", scene, objects.values(), shown)
    for shown, visible, unrendered in ((0, ["Seen", "Render"], ["Render"]), (5, list(names), [])):
        got = open_exported_scene(tmp_path / f"{shown}.blend", "Bedroom")
        layer = got.view_layers[0]
        assert [obj.name for obj in got.objects if obj.visible_get(view_layer=layer)] == visible
        assert [obj.name for obj in got.objects if obj.hide_render] == unrendered


def test_originals_that_a_turn_hides_are_seen_and_its_copies_are_none(scene, tmp_path):
    holder = bpy.data.objects.new("Holder", None)
    scene.collection.objects.link(holder)
    bed, cage = box("Bed", (1, 1, 1)), box("Cage", (2, 2, 2))
    bed.parent, cage.parent, cage.hide_render = holder, bed, True
    bpy.context.view_layer.update()
    run = turns.new_run(scene, "run")
    turn = turns.add_turn(run, [PlacedObject("Bed", obj, obj.matrix_world) for obj in (bed, cage)], {})
    for copy, original in zip(turn.objects, (bed, cage), strict=True):
        copy[turn_properties.ORIGINAL] = original
    turn_visibility.show(scene, turn)
    assert not bed.visible_get() and bed.hide_render
    got = hand_over(tmp_path, scene, [holder])
    assert [obj.name for obj in got.objects] == ["Holder", "Bed", "Cage"]
    assert all(obj.visible_get(view_layer=got.view_layers[0]) for obj in got.objects)
    assert [obj.name for obj in got.objects if obj.hide_render] == ["Cage"]


def test_another_scene_of_the_file_is_handed_over(scene, tmp_path):
    here = box("Here", (1, 1, 1))
    other = bpy.data.scenes.new("Other")
    there = bpy.data.objects.new("There", here.data)
    other.collection.objects.link(there)
    other.frame_set(7)
    got = hand_over(tmp_path, other, [there])
    assert [obj.name for obj in got.objects] == ["There"] and got.frame_current == 7
    assert got.objects["There"].visible_get(view_layer=got.view_layers[0])


def test_linked_objects_arrive_as_linked(scene, tmp_path):
    box("Chair", (1, 1, 1), (3, 0, 0))
    library = tmp_path / "library.blend"
    bpy.data.libraries.write(str(library), {bpy.data.objects["Chair"]})
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene = bpy.context.scene
    with bpy.data.libraries.load(str(library), link=True) as (_, wanted):
        wanted.objects = ["Chair"]
    linked = wanted.objects[0]
    scene.collection.objects.link(linked)
    own = box("Chair", (2, 2, 2))
    assert own.name == linked.name
    linked.hide_set(True)
    got = hand_over(tmp_path, scene, [own, linked])
    local, other = got.objects
    assert local.library is None and bpy.path.abspath(other.library.filepath) == str(library)
    assert other.matrix_world.translation.x == 3
    layer = got.view_layers[0]
    assert (local.visible_get(view_layer=layer), other.visible_get(view_layer=layer)) == (True, False)


def test_two_million_faces_arrive(scene, tmp_path):
    side = 63
    x, y = np.meshgrid(*[np.linspace(0, 1, side + 1)] * 2, indexing="ij")
    corner = (np.arange(side)[:, None] * (side + 1) + np.arange(side)).ravel()
    faces = np.stack([corner, corner + side + 1, corner + side + 2, corner + 1], axis=1)
    sheet = bpy.data.meshes.new("sheet")
    sheet.from_pydata(np.stack([x, y, 0 * x], axis=-1).reshape(-1, 3), [], faces.tolist())
    for k in range(500):
        obj = bpy.data.objects.new(f"Thing {k}", sheet.copy())
        obj.location.x = math.fmod(k, 25)
        scene.collection.objects.link(obj)
    bpy.context.view_layer.update()
    objects = list(scene.objects)
    assert sum(len(obj.data.polygons) for obj in objects) == pytest.approx(2e6, rel=0.01)
    export_scene(tmp_path / "scene.blend", scene, objects)
    arrived = open_exported_scene(tmp_path / "scene.blend", "Scene").objects
    assert len(arrived) == 500
    assert sum(len(obj.data.polygons) for obj in arrived) == pytest.approx(2e6, rel=0.01)
