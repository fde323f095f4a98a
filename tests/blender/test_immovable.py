"""Which objects of an artist's scene stay where they are, and why."""

from __future__ import annotations

import bpy
import pytest

from metaspatial_addon.blender.immovable import LOCKED
from metaspatial_addon.blender.scene_io.scene_to_task import SceneOptions, scene_to_task
from tests.blender.scenes import add, add_box


@pytest.fixture
def scene():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene


@pytest.mark.parametrize(
    "hold, why",
    [
        (lambda o: setattr(o, "hide_select", True), "selected"),
        (lambda o: o.__setitem__(LOCKED, True), "marked"),
        (lambda o: setattr(o, "lock_location", (True, True, False)), "location"),
        (lambda o: o.keyframe_insert("location", frame=1), "animated"),
        (lambda o: o.driver_add("location", 0), "animated"),
        (lambda o: o.constraints.new("LIMIT_LOCATION"), "constraint"),
        (
            lambda o: setattr(o.children[0].constraints.new("COPY_LOCATION"), "target", bpy.data.objects["Chair"]),
            "handle",
        ),
        (
            lambda o: setattr(
                o.children[0].constraints.new("ARMATURE").targets.new(),
                "target",
                add("Rig", bpy.data.armatures.new("rig")),
            ),
            "handle has the constraint",
        ),
        (lambda o: setattr(o, "lock_rotation", (False, False, True)), "rotation"),
        (lambda o: put_under(o, "Holder", (2, 1, 1), 0.5), "shear it, since Holder"),
        (lambda o: put_under(o, "Holder", (1, 1, 1), 0.5, "VERTEX"), "follows a part of Holder"),
        (
            lambda o: setattr(o.modifiers.new("m", "MIRROR"), "mirror_object", bpy.data.objects["Chair"]),
            "shaped by Chair",
        ),
        (
            lambda o: setattr(o.children[0].modifiers.new("m", "BOOLEAN"), "object", bpy.data.objects["Chair"]),
            "handle is shaped by Chair",
        ),
        (lambda o: join_by_physics(o, bpy.data.objects["Chair"]), "rigid-body constraint"),
        (lambda o: simulate(o), "physics moves Wardrobe"),
        (lambda o: (o.modifiers.new("c", "CLOTH"), bpy.context.scene.frame_set(9)), "physics shapes Wardrobe"),
    ],
)
def test_what_cannot_move_is_locked(scene, hold, why):
    add_box("Chair", (0.5, 0.5, 0.9), (1, 1, 0)).hide_select = why == "rigid-body constraint"
    add_box("Stool", (0.5, 0.5, 0.5), (1, -1, 0))
    wardrobe = add_box("Wardrobe", (1, 0.6, 2), (-1, 0.5, 0))
    add_box("handle", (0.02, 0.02, 0.1), (0, -0.3, 1), parent=wardrobe)
    hold(wardrobe)
    scene_task = scene_to_task(
        scene, SceneOptions(size=(6, 6, 2.7), objects=[o for o in scene.objects if o.name != "Holder"])
    )
    item = scene_task.task.item("Wardrobe")
    assert item.locked and item.pose is not None and why in scene_task.notes["Wardrobe"]
    assert "Stool" in scene_task.layout.poses and "Wardrobe" not in scene_task.layout.poses
    assert ("Chair" in scene_task.layout.poses) == (why != "rigid-body constraint")


@pytest.mark.parametrize(
    "harmless",
    [
        lambda o: put_under(o, "Holder", (2, 2, 2), 0.5),
        lambda o: put_under(o, "Holder", (2, 2, 1), 0.5),
        lambda o: setattr(o, "lock_location", (False, False, True)),
        lambda o: setattr(o, "lock_rotation", (True, True, False)),
        lambda o: setattr(o.modifiers.new("m", "MIRROR"), "mirror_object", o.children[0]),
        lambda o: setattr(o.modifiers.new("m", "DATA_TRANSFER"), "object", bpy.data.objects["Chair"]),
        lambda o: setattr(o.modifiers.new("m", "SHRINKWRAP"), "show_viewport", False),
        lambda o: o.modifiers.new("c", "CLOTH"),
        lambda o: setattr(o.constraints.new("LIMIT_LOCATION"), "mute", True),
    ],
)
def test_what_can_move_is_not_locked(scene, harmless):
    add_box("Chair", (0.5, 0.5, 0.9), (1, 1, 0))
    wardrobe = add_box("Wardrobe", (1, 0.6, 2), (-1, 0.5, 0))
    add_box("handle", (0.02, 0.02, 0.1), (0, -0.3, 1), parent=wardrobe)
    harmless(wardrobe)
    scene_task = scene_to_task(
        scene, SceneOptions(size=(9, 9, 2.7), objects=[o for o in scene.objects if o.name != "Holder"])
    )
    assert scene_task.layout.poses.keys() == {"Chair", "Wardrobe"} and not scene_task.notes


def put_under(obj, name, scale, rotation, kind="OBJECT"):
    holder = add(name, bpy.data.meshes.new("m") if kind == "VERTEX" else None)
    holder.rotation_euler.z, holder.scale = rotation, scale
    if kind == "VERTEX":
        holder.data.from_pydata([(0, 0, 0)], [], [])
    obj.parent, obj.parent_type = holder, kind
    bpy.context.view_layer.update()


def rigid_body_world():
    world = bpy.context.scene.rigidbody_world
    if world is None:
        bpy.ops.rigidbody.world_add()
        world = bpy.context.scene.rigidbody_world
        world.collection, world.constraints = (bpy.data.collections.new("physics") for _ in range(2))
    return world


def simulate(obj):
    rigid_body_world().collection.objects.link(obj)
    bpy.context.scene.frame_current = 9


def join_by_physics(obj, other):
    constraint = add("Tie")
    rigid_body_world().constraints.objects.link(constraint)
    body = constraint.rigid_body_constraint
    body.object1, body.object2 = obj, other


def test_linked_objects_are_locked_and_instances_of_them_are_not(scene, tmp_path):
    source = add_box("Shelf", (0.8, 0.3, 1.8))
    group = bpy.data.collections.new("Lounge Chair")
    group.objects.link(source)
    bpy.data.libraries.write(str(tmp_path / "pieces.blend"), {group})
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    with bpy.data.libraries.load(str(tmp_path / "pieces.blend"), link=True) as (_, wanted):
        wanted.objects, wanted.collections = ["Shelf"], ["Lounge Chair"]
    scene.collection.objects.link(wanted.objects[0])
    for x in (-1, 1):
        chair = add("Lounge Chair", at=(x, 1, 0))
        chair.instance_type, chair.instance_collection = "COLLECTION", wanted.collections[0]
    scene_task = scene_to_task(scene, SceneOptions(size=(6, 6, 2.7)))
    assert {item.id: item.locked for item in scene_task.task.items} == {
        "Shelf": True,
        "Lounge Chair": False,
        "Lounge Chair.001": False,
    }
    assert "pieces.blend" in scene_task.notes["Shelf"]
    assert scene_task.task.item("Lounge Chair.001").size == pytest.approx((0.8, 0.3, 1.8), abs=1e-6)
