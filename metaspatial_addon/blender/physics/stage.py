"""The stage: one scratch scene, alive as long as its process, on which rooms are built and layouts are tried.

Meshes and what is worked out from them are kept between turns and tasks; everything else that a task brought is
removed before the next one opens, and `clear()` leaves no data-block behind.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping

import bpy

from ...core.task import Item, Layout, Task
from ..assets.conversion import end_process
from ..assets.library import AssetLibrary
from ..meshes import remove_blocks
from ..scene_io.item_mesh import load_item
from .body import Body, CollisionShape
from .room_meshes import RoomObjects, build_room, make_materials

PREFIX = "MetaSpatial Stage: "
"""Opens the name of every data-block that a stage makes."""

MAX_CACHED_SHAPES = 256

_Key = tuple[str | None, tuple[float, float, float], str]


class Stage:
    """Builds tasks and places layouts in a scene of its own.

    Several stages do not disturb each other or the user's scenes. Use it as a context manager, or call `clear()`.
    """

    def __init__(self, library: AssetLibrary | None = None):
        self.library = library if library is not None else AssetLibrary()
        self.task: Task | None = None
        self.room: RoomObjects | None = None
        self.bodies: dict[str, Body] = {}
        self._scene: bpy.types.Scene | None = None
        self._materials: dict[str, bpy.types.Material] = {}
        self._shapes: OrderedDict[_Key, CollisionShape] = OrderedDict()

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    @property
    def scene(self) -> bpy.types.Scene:
        """The scratch scene that holds room and items."""
        if self._scene is None:
            self._scene = bpy.data.scenes.new(PREFIX + "scene")
            self._materials = make_materials(PREFIX)
        return self._scene

    def open(self, task: Task, meshes: Mapping[str, bpy.types.Mesh] | None = None) -> None:
        """Build a task's room and items. Locked items stand in place at once, the others wait for `place`.

        `meshes` are ready meshes by item id (origin mid-underside, front -y): they stay the caller's own.
        Raises InputError for an asset that is missing; a box takes the place of one that cannot be read.
        """
        self._close()
        collection = self.scene.collection
        self.room = build_room(task.room, collection, self._materials, PREFIX)
        ready = {mesh: CollisionShape(mesh) for mesh in (meshes or {}).values()}
        for item in task.items:
            given = (meshes or {}).get(item.id)
            shape = ready[given] if given is not None else self._shape(item)
            object_ = bpy.data.objects.new(PREFIX + item.id, shape.mesh)
            collection.objects.link(object_)
            self.bodies[item.id] = Body(item, object_, shape)
        while len(self._shapes) > max(MAX_CACHED_SHAPES, len(task.items)):
            remove_blocks([self._shapes.popitem(last=False)[1].mesh])
        self.task = task
        self.place(Layout(task.id))

    def place(self, layout: Layout) -> None:
        """Put every item where the layout says; items that it leaves out are hidden.

        Raises ValueError where no task is open.
        """
        if self.task is None:
            raise ValueError("no task is open on the stage")
        poses = layout.everywhere(self.task)
        for item_id, body in self.bodies.items():
            pose = poses.get(item_id)
            hidden = pose is None
            if (body.object.hide_render, body.object.hide_viewport) != (hidden, hidden):  # setting them costs an update
                body.object.hide_render = body.object.hide_viewport = hidden
            if pose is not None and pose != body.pose:
                body.object.location = (pose.x, pose.y, pose.z)
                body.object.rotation_euler = (0.0, 0.0, math.radians(pose.yaw))
            body.pose = pose

    @property
    def placed(self) -> list[Body]:
        """The bodies that stand somewhere, in the task's order."""
        return [body for body in self.bodies.values() if body.pose is not None]

    def clear(self) -> None:
        """Remove every data-block that this stage and its library made. Both can be used again afterwards."""
        self._close()
        remove_blocks(shape.mesh for shape in self._shapes.values())
        self._shapes.clear()
        self.library.clear()
        end_process()
        for material in self._materials.values():
            bpy.data.materials.remove(material)
        self._materials = {}
        if self._scene is not None:
            bpy.data.scenes.remove(self._scene)
            self._scene = None

    def _close(self) -> None:
        gone: list[bpy.types.ID] = [body.object for body in self.bodies.values()]
        if self.room is not None:
            gone += [*self.room.all, *(object_.data for object_ in self.room.all)]
        bpy.data.batch_remove(gone)
        self.task, self.room, self.bodies = None, None, {}

    def _shape(self, item: Item) -> CollisionShape:
        """The item's shape, out of the cache where a like item was on stage before."""
        key = (item.asset, item.size, item.mount)
        if key in self._shapes:
            self._shapes.move_to_end(key)
        else:
            mesh = load_item(item, self.library)
            mesh.name = PREFIX + (item.asset or "box").rsplit("/", 1)[-1]
            self._shapes[key] = CollisionShape(mesh)
        return self._shapes[key]
