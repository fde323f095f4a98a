"""An existing scene as a task, and layouts of that task as world transforms of the scene's objects again.

A parent and its children are one item, whose mesh is what they show: modifiers, instances and scales applied. Nothing
in the scene is changed. Used by the worker on the artist's .blend and by `generate.py --blend`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import bpy
import numpy as np
from mathutils import Matrix

from ...core.errors import InputError
from ...core.polygon import contains
from ...core.task import Item, Layout, Pose, Room, Task, pose_to_json, wrap_degrees
from ..assets.library import Asset, AssetLibrary, name_words
from ..frames import as_matrix, heading, pose_array, rotation_z, transform_points, world_array
from ..meshes import evaluated_parts, in_scene, join_parts, mesh_points, remove_blocks, scratch_scene
from ..turns.turns import PlacedObject
from .contact import Found, guess_mounts
from .locks import why_locked
from .obstacles import NOTE, coarse_meshes, in_reach
from .openings import OpeningOptions, find_openings, marker_points
from .room.room_outline import RoomOutline, outline_from_floor, outline_from_size, outline_from_walls, source_object

THIN = 0.001
"""Metres: the least width, depth or height of an item."""

_COVERING_HEIGHT = 0.03
_COVERING_SIDE = 0.4
_BUILDING = frozenset(("wall", "walls", "ceiling", "floor", "roof", "door", "window", "windows", "room", "skirting"))


@dataclass(frozen=True)
class ItemOptions:
    """What an artist said about an item: that it stays, what it is (guessed from the name where that is empty), and
    the local axis that its front looks along: -Y, +X, +Y or -X."""

    locked: bool = False
    category: str = ""
    front: str = "-Y"


@dataclass(frozen=True)
class Members:
    """The objects of one item, its root first, as they were when the snapshot was taken: world transform (4x4), and
    whether it was hidden."""

    objects: tuple[bpy.types.Object, ...]
    matrices: tuple[Matrix, ...]
    hidden: tuple[bool, ...]
    pose: Pose

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(obj.name for obj in self.objects)


@dataclass(frozen=True)
class SceneTask:
    """A scene as a task.

    `meshes`: by item id, in the item's frame and in metres, owned by the snapshot until `free()`.
    `layout`: where the movable items stand now. `notes`: by item id, why it is locked.
    `left_out`: names of objects that were taken for parts of the building, or stand outside.
    `frame`: (4x4) from the room's frame, metres, into the scene's world.
    """

    task: Task
    layout: Layout
    meshes: Mapping[str, bpy.types.Mesh]
    members: Mapping[str, Members]
    notes: Mapping[str, str]
    left_out: tuple[str, ...]
    frame: np.ndarray

    def world_matrices(self, layout: Layout) -> dict[str, Matrix]:
        """World transforms by object name that bring the scene into a layout.

        Only the items' root objects: their children follow. What a layout leaves where it is keeps its very matrix.
        Raises KeyError for an id that the task does not have.
        """
        return {self.members[i].objects[0].name: self._moved(i, pose)[0] for i, pose in layout.poses.items()}

    def placed(self, layout: Layout) -> list[PlacedObject]:
        """All objects of the layout's items as a turn shows them."""
        placed = []
        for item_id, pose in layout.poses.items():
            members = self.members[item_id]
            for obj, hidden, matrix in zip(members.objects, members.hidden, self._moved(item_id, pose), strict=True):
                placed.append(PlacedObject(item_id, obj, matrix, hidden=hidden))
        return placed

    def free(self) -> None:
        """Remove the items' meshes."""
        remove_blocks(self.meshes.values())

    def _moved(self, item_id: str, pose: Pose) -> list[Matrix]:
        """World transforms of an item's objects when the item stands at `pose`."""
        members = self.members[item_id]
        if pose_to_json(pose) == pose_to_json(members.pose):
            return [matrix.copy() for matrix in members.matrices]
        there, here = pose_array(pose), pose_array(members.pose)
        move = self.frame @ there @ np.linalg.inv(here) @ np.linalg.inv(self.frame)
        return [as_matrix(move @ np.array(matrix, dtype=float)) for matrix in members.matrices]


def scene_to_task(
    scene: bpy.types.Scene,
    *,
    floor: bpy.types.Object | None = None,
    walls: Iterable[bpy.types.Object] | None = None,
    size: tuple[float, float, float] | None = None,
    height: float | None = None,
    objects: Iterable[bpy.types.Object] | None = None,
    collection: bpy.types.Collection | None = None,
    prompt: str = "",
    room_type: str = "room",
    library: AssetLibrary | None = None,
    options: Mapping[str, ItemOptions] | None = None,
    obstacles: Iterable[bpy.types.Object] = (),
    openings: Mapping[str, OpeningOptions] | None = None,
) -> SceneTask:
    """The scene as a task.

    The room is the outline of `floor`, any object with a level surface; or the area inside `walls`; or a rectangle of
    `size` (width, depth, height in metres) around the world's origin. `height` in metres is that of the first two:
    without it, 2.7 or that of the walls. `openings`: by object name, what marks its doors and windows.

    Items are `objects`, those of `collection`, or else all that is shown and is no part of the building; `options` are
    by the name of an item's root object. What cannot be moved becomes a locked item, and so does each of `obstacles`
    that belongs to no item, stands in the room and is no part of the building. Hidden objects are left out. `library`
    has the words by which categories are known. Raises InputError.
    """
    file = bpy.path.basename(bpy.data.filepath) or scene.name
    name = file.removesuffix(".blend")
    whole = objects is None and collection is None
    chosen = list(objects) if objects is not None else list((collection or scene.collection).all_objects)
    walls = None if walls is None else list(walls)
    # Everything that is made on the way and not handed out goes again, also when an error ends it.
    with scratch_scene() as (_, kept), in_scene(scene) as depsgraph:
        space = _space(depsgraph, floor, walls, size, height, file)
        markers = _markers(scene, openings or {}, file)
        room = _room(room_type, space, markers, depsgraph, file)
        building = {*_holders([floor] if floor is not None else walls or []), *(marker for marker, _ in markers)}
        reader = _Reader(depsgraph, space.frame, room, library, options or {})
        trees = _trees(chosen, building)
        reader.read_items(trees, whole)
        if not reader.found:
            raise InputError(file, "objects", "at least one visible object with faces beside the floor")
        inside = {member for tree in trees.values() for member in tree}
        reader.read_obstacles([o for o in dict.fromkeys(obstacles) if o not in inside and o not in building])
        found = reader.found
        kept.update(mesh for _, _, mesh in found)
    mounts = guess_mounts(room, found)
    items = tuple(replace(item, mount=mounts[item.id]) for item, _, _ in found)
    layout = Layout(name, {item.id: pose for item, pose, _ in found if not item.locked})
    meshes = {item.id: mesh for item, _, mesh in found}
    task = Task(name, prompt, room, items)
    return SceneTask(task, layout, meshes, reader.members, reader.notes, tuple(reader.left_out), space.frame)


def _space(
    depsgraph: bpy.types.Depsgraph,
    floor: bpy.types.Object | None,
    walls: Sequence[bpy.types.Object] | None,
    size: tuple[float, float, float] | None,
    height: float | None,
    file: str,
) -> RoomOutline:
    if floor is not None:
        return outline_from_floor(depsgraph, floor, height, file)
    if walls is not None:
        return outline_from_walls(depsgraph, walls, height, file)
    if size is None or min(size) <= 0:
        raise InputError(file, "room", "a floor object, walls, or a width, depth and height above zero", size)
    return outline_from_size(depsgraph, size)


def _markers(
    scene: bpy.types.Scene, openings: Mapping[str, OpeningOptions], file: str
) -> list[tuple[bpy.types.Object, str]]:
    """The objects that mark openings, and the kind of each."""
    for name in openings:
        if name not in scene.objects:
            raise InputError(file, "openings", "an object of the scene", name)
    return [(scene.objects[name], told.kind) for name, told in openings.items()]


def _room(
    room_type: str,
    space: RoomOutline,
    markers: Sequence[tuple[bpy.types.Object, str]],
    depsgraph: bpy.types.Depsgraph,
    file: str,
) -> Room:
    to_room = np.linalg.inv(space.frame)
    boxes = {m.name: (kind, transform_points(to_room, marker_points(m, depsgraph))) for m, kind in markers}
    return Room(room_type, space.corners, space.height, find_openings(boxes, space.corners, space.height, file))


def _holders(objects: Iterable[bpy.types.Object]) -> set[bpy.types.Object]:
    """Objects and their parents, up to the last."""
    found = set()
    for obj in objects:
        holder: bpy.types.Object | None = obj
        while holder is not None and holder not in found:
            found.add(holder)
            holder = holder.parent
    return found


def _trees(
    chosen: Iterable[bpy.types.Object], building: Container[bpy.types.Object]
) -> dict[bpy.types.Object, list[bpy.types.Object]]:
    """Items as root objects with all their objects, the root first. Those of the building belong to none."""
    among = dict.fromkeys(obj for obj in chosen if obj not in building)
    trees = {}
    for obj in among:
        root = holder = obj
        while (holder := holder.parent) is not None:
            root = holder if holder in among else root
        if root not in trees:
            trees[root] = [root, *(child for child in root.children_recursive if child not in building)]
    return trees


class _Reader:
    """Makes items of objects, in the order in which it is given them."""

    def __init__(
        self,
        depsgraph: bpy.types.Depsgraph,
        frame: np.ndarray,
        room: Room,
        library: AssetLibrary | None,
        options: Mapping[str, ItemOptions],
    ):
        self.depsgraph, self.frame, self.room = depsgraph, frame, room
        self.library, self.options = library, options
        self.found: list[Found] = []
        self.members: dict[str, Members] = {}
        self.notes: dict[str, str] = {}
        self.left_out: list[str] = []

    def read_items(self, trees: Mapping[bpy.types.Object, Sequence[bpy.types.Object]], whole: bool) -> None:
        """Trees of objects, their roots first. Of a `whole` scene, parts of the building are left out."""
        owner = {m: root for root, members in trees.items() for m in members if not m.hide_render}
        parts = evaluated_parts(self.depsgraph, lambda instance: _owner(instance, owner))
        for root, tree in trees.items():
            if root not in parts:
                continue
            told = self.options.get(root.name, ItemOptions())
            note = "marked as locked" if told.locked else why_locked(root, tree)
            self._add(tree, join_parts(parts[root], root.name), told, note, whole)

    def read_obstacles(self, objects: Sequence[bpy.types.Object]) -> None:
        """Objects that stay where they are, each on its own, without those outside and parts of the building."""
        to_room = np.linalg.inv(self.frame)
        extents = in_reach(self.depsgraph, {obj for obj in objects if not obj.hide_render}, to_room, self.room)
        light = {obj: obj for obj, extent in extents.items() if extent.light}
        parts = evaluated_parts(self.depsgraph, lambda instance: _owner(instance, light))
        meshes = {obj: join_parts(parts[obj], obj.name) for obj in parts}
        meshes |= coarse_meshes(self.depsgraph, {obj: e for obj, e in extents.items() if obj not in light})
        for obj in objects:
            if obj in meshes:
                self._add([obj], meshes[obj], ItemOptions(), NOTE, True)
            else:
                self.left_out.append(obj.name)

    def _add(
        self, tree: Sequence[bpy.types.Object], mesh: bpy.types.Mesh, told: ItemOptions, note: str, whole: bool
    ) -> None:
        root = tree[0]
        pose, extent = _into_item_frame(mesh, world_array(root, self.depsgraph), self.frame, told.front)
        known = self.library.like(told.category or root.name, extent) if self.library is not None else None
        if whole and _is_building(root.name, known is not None, pose, extent, self.room):
            self.left_out.append(root.name)
            return
        item_id = _item_id(root.name, self.members)
        if note:
            self.notes[item_id] = note
        layer = self.depsgraph.view_layer
        self.members[item_id] = Members(
            tuple(tree),
            tuple(as_matrix(world_array(member, self.depsgraph)) for member in tree),
            tuple(member.hide_render or not member.visible_get(view_layer=layer) for member in tree),
            pose,
        )
        self.found.append((_item(item_id, root.name, told, extent, known, pose if note else None), pose, mesh))


def _owner(
    instance: bpy.types.DepsgraphObjectInstance, owner: Mapping[bpy.types.Object, bpy.types.Object]
) -> bpy.types.Object | None:
    if instance.is_instance and instance.object.original.hide_render:
        return None
    return owner.get(source_object(instance))


def _into_item_frame(
    mesh: bpy.types.Mesh, root: np.ndarray, frame: np.ndarray, front: str
) -> tuple[Pose, tuple[float, float, float]]:
    """Move a mesh from the world to the item's own frame; the item's pose in the room, and its size in metres."""
    to_room = np.linalg.inv(frame)
    yaw = heading((to_room @ root)[:3, :3], front)
    points = transform_points(rotation_z(-yaw) @ to_room, mesh_points(mesh))
    low, high = points.min(axis=0), points.max(axis=0)
    extent = tuple(max(float(side), THIN) for side in high - low)
    x, y, z, _ = rotation_z(yaw) @ (*((low + high) / 2)[:2], low[2], 1.0)
    pose = Pose(float(x), float(y), float(z), wrap_degrees(math.degrees(yaw)))
    mesh.transform(as_matrix(np.linalg.inv(pose_array(pose)) @ to_room))
    mesh.update()
    return pose, extent


def _item(
    item_id: str,
    name: str,
    told: ItemOptions,
    extent: tuple[float, float, float],
    known: Asset | None,
    held: Pose | None,
) -> Item:
    category = told.category or (known.category if known is not None else " ".join(name_words(name)) or "object")
    mount = known.mount if known is not None else "floor"
    flat = extent[2] <= _COVERING_HEIGHT and min(extent[:2]) > _COVERING_SIDE
    covering = flat and (known is None or known.covering)
    return Item(item_id, category, extent, mount, covering=covering, locked=held is not None, pose=held)


def _item_id(name: str, taken: Container[str]) -> str:
    """The object's name, or a numbered one where that is taken (linked objects) or means something in a task."""
    wall = name.startswith("wall_") and name[5:].isdigit()
    wanted = f"{name} object" if wall or name in ("room", "wall") else name
    return next(i for n in itertools.count(1) if (i := wanted if n == 1 else f"{wanted} {n}") not in taken)


def _is_building(name: str, known: bool, pose: Pose, extent: tuple[float, float, float], room: Room) -> bool:
    """Whether something is a wall, a ceiling or the like: by its name, by standing outside, or by spanning the room."""
    words = name_words(name)
    if not known and words and words[-1] in _BUILDING:
        return True
    if not contains([(pose.x, pose.y)], room.floor)[0]:
        return True
    spans = np.sort(extent[:2]) >= 0.9 * np.sort(np.ptp(room.floor, axis=0))
    return bool(spans.all()) and pose.z + extent[2] > 0.3
