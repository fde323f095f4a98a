"""Items of a task out of the objects of a scene.

A parent and its children are one item, whose mesh is what they show: modifiers, instances and scales applied.
Called by `scene_to_task.py` once the room is known.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import bpy
import numpy as np
from mathutils import Matrix

from ...core.furniture import FURNITURE, UNKNOWN
from ...core.lexicon.language import BUILDING
from ...core.polygon import contains
from ...core.scale import fits
from ...core.task import Item, Pose, Room, wrap_degrees
from ...prompts.names import read_name
from ..frames import as_matrix, heading, rotation_z, transform_points, world_array
from ..immovable import rigid_body_ends, why_locked
from ..mesh_join import join_parts
from ..meshes import evaluated_parts, mesh_points
from .item_names import naming
from .obstacles import NOTE, coarse_meshes, in_reach
from .pieces import pieces
from .room.room_outline import source_object

PART_OF_BUILDING = "part of the building"
OUTSIDE, WITHOUT_SIZE = "outside the room", "without a size"

THIN = 0.001
"""Metres: the least width, depth or height of an item."""

_COVERING_HEIGHT = 0.03
"""Metres up to which a flat item may be a covering, such as a rug."""
_COVERING_SIDE = 0.4
"""Metres that the shorter side of a covering has at least."""
_SPANNING_SHARE = 0.9
"""Share of the room's width and depth from which an object belongs to the building."""
_SPANNING_TOP = 0.3
"""Metres above the floor up to which a spanning object may still be a carpet or a platform."""


@dataclass(frozen=True)
class ItemOptions:
    """An artist's settings of an item: whether it stays where it is; its category, guessed from the object's name
    where empty; the local axis that its front looks along: -Y, +X, +Y or -X; and how many times as large as in the
    scene it is laid out."""

    locked: bool = False
    category: str = ""
    front: str = "-Y"
    scale: float = 1.0


@dataclass(frozen=True)
class SceneItem:
    """An item as it stands in the scene.

    Attributes:
        item: the task's item; its mount is that of its category, before contact was looked at.
        pose: where it stands, in the room's frame.
        mesh: what its objects show, in the item's frame and in metres.
        objects: its objects, the root first.
        matrices: world transforms (4, 4) of the objects.
        hidden: whether each of the objects is hidden.
        note: why the item is locked; empty where it is not.
        scale: how many times as large as in the scene a layout shows it; mesh and sizes are of that scale.
        carried: categories of the objects that rest on it and go along, by their names; they are among its objects.
    """

    item: Item
    pose: Pose
    mesh: bpy.types.Mesh
    objects: tuple[bpy.types.Object, ...]
    matrices: tuple[Matrix, ...]
    hidden: tuple[bool, ...]
    note: str
    scale: float = 1.0
    carried: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the item's objects, the root first."""
        return tuple(obj.name for obj in self.objects)

    def scaled(self) -> SceneItem:
        """The item with its mesh and sizes of its scale. Its mesh is changed."""
        if self.scale == 1.0:
            return self
        self.mesh.transform(Matrix.Scale(self.scale, 4))
        width, depth, height = (side * self.scale for side in self.item.size)
        return replace(self, item=replace(self.item, size=(width, depth, height)))


def item_trees(
    chosen: Iterable[bpy.types.Object], building: Container[bpy.types.Object], unit: float
) -> dict[bpy.types.Object, list[bpy.types.Object]]:
    """By root object all objects of each item, the root first. Those of the building belong to none.

    Chosen objects below other chosen ones belong to the item of the topmost; children come along unasked, also those
    that are in another scene alone. An empty that holds several pieces of furniture gives an item for each. `unit`:
    scene units in a metre.
    """
    children: dict[bpy.types.Object, list[bpy.types.Object]] = {}
    for obj in bpy.data.objects:
        if obj.parent is not None:
            children.setdefault(obj.parent, []).append(obj)
    among = dict.fromkeys(obj for obj in chosen if obj not in building)

    def below(obj: bpy.types.Object) -> list[bpy.types.Object]:
        """The nearest objects below one that are not of the building."""
        found = []
        for child in children.get(obj, ()):
            found += below(child) if child in building else [child]
        return found

    roots: dict[bpy.types.Object, None] = {}
    for obj in among:
        root = parent = obj
        while (parent := parent.parent) is not None:
            root = parent if parent in among else root
        roots[root] = None
    trees: dict[bpy.types.Object, list[bpy.types.Object]] = {}
    for top in roots:
        for piece in pieces(top, below, unit):
            tree, waiting = [], [piece]
            while waiting:
                tree.append(waiting.pop())
                waiting += below(tree[-1])[::-1]
            trees[piece] = tree
    return trees


class ItemReader:
    """Makes items of objects, in the order in which it is given them.

    Attributes:
        items: what was read so far, by item id.
        left_out: by name, why objects are no items: parts of the building, outside the room, or scaled to nothing.
    """

    def __init__(self, depsgraph: bpy.types.Depsgraph, room: Room, frame: np.ndarray):
        """`frame` (4, 4) leads from the room's frame into the scene's world."""
        self.items: dict[str, SceneItem] = {}
        self.left_out: dict[str, str] = {}
        self._depsgraph, self._room, self._frame = depsgraph, room, frame
        self._extent: tuple[float, float] = tuple(np.ptp(room.floor, axis=0).tolist())
        self._ids: set[str] = set()

    def read_items(
        self,
        trees: Mapping[bpy.types.Object, Sequence[bpy.types.Object]],
        options: Callable[[str], ItemOptions],
        whole: bool,
    ) -> None:
        """Read trees of objects by their roots. Of a `whole` scene, parts of the building are left out, and what stands
        outside the room too, unless nothing in the room can be moved there: then it waits beside it to be laid out.
        """
        owners = {member: root for root, tree in trees.items() for member in tree if not member.hide_render}
        parts = evaluated_parts(self._depsgraph, lambda instance: _owner(instance, owners))
        held = rigid_body_ends()
        outside: list[SceneItem] = []
        for root, tree in trees.items():
            if root in parts:
                chosen = options(root.name)
                note = "marked as locked" if chosen.locked else why_locked(root, tree, held)
                item, why = self._read(tree, join_parts(parts[root], root.name), chosen, note)
                if whole and why == OUTSIDE and not note:
                    outside.append(item)
                elif why and (whole or why == WITHOUT_SIZE):
                    self.left_out[root.name] = why
                else:
                    self.items[item.item.id] = item
        if any(not read.item.locked and fits(read.item.size, self._extent) for read in self.items.values()):
            self.left_out |= {item.objects[0].name: OUTSIDE for item in outside}
        else:
            self.items |= {item.item.id: item for item in outside}
        # Of a tree with several parts the joined mesh holds all: memory would go on growing by the obstacles' meshes.
        bpy.data.batch_remove([part for joined in parts.values() if len(joined) > 1 for part in joined])

    def read_obstacles(self, objects: Sequence[bpy.types.Object]) -> None:
        """Read objects that stay where they are, each on its own, without those outside and parts of the building."""
        visible = {obj for obj in objects if not obj.hide_render}
        extents = in_reach(self._depsgraph, visible, np.linalg.inv(self._frame), self._room)
        light = {obj: obj for obj, extent in extents.items() if extent.light}
        parts = evaluated_parts(self._depsgraph, lambda instance: _owner(instance, light))
        meshes = {obj: join_parts(parts[obj], obj.name) for obj in parts}
        meshes |= coarse_meshes(self._depsgraph, {obj: e for obj, e in extents.items() if obj not in light})
        for obj in objects:
            item, why = None, OUTSIDE
            if obj in meshes:
                item, why = self._read([obj], meshes[obj], ItemOptions(), NOTE)
            if item is None or why:
                self.left_out[obj.name] = why
            else:
                self.items[item.item.id] = item

    def _read(
        self, tree: Sequence[bpy.types.Object], mesh: bpy.types.Mesh, options: ItemOptions, note: str
    ) -> tuple[SceneItem, str]:
        """The item of a tree whose world mesh is `mesh`, and why it may be no item; empty where it surely is one."""
        root = tree[0]
        pose, size = _into_item_frame(mesh, world_array(root, self._depsgraph), self._frame, options.front)
        category = options.category or naming(tree, size).category
        row = FURNITURE.kind_of(category, size)
        flat = size[2] <= _COVERING_HEIGHT and min(size[:2]) > _COVERING_SIDE
        item = Item(
            self._new_id(root.name),
            category,
            size,
            row.mount,
            covering=flat and (row.name == UNKNOWN or row.covering),
            locked=bool(note),
            pose=pose if note else None,
        )
        layer = self._depsgraph.view_layer
        scene_item = SceneItem(
            item,
            pose,
            mesh,
            tuple(tree),
            tuple(as_matrix(world_array(member, self._depsgraph)) for member in tree),
            tuple(member.hide_render or not member.visible_get(view_layer=layer) for member in tree),
            note,
            1.0 if note else options.scale,
        )
        return scene_item, _why_left_out(root.name, pose, size, self._room)

    def _new_id(self, name: str) -> str:
        """The object's name, or a numbered one where that is taken (linked objects) or means something in a task."""
        wall = name.startswith("wall_") and name[5:].isdigit()
        wanted = f"{name} object" if wall or name in ("room", "wall") else name
        unused = next(i for n in itertools.count(1) if (i := wanted if n == 1 else f"{wanted} {n}") not in self._ids)
        self._ids.add(unused)
        return unused


def _owner(
    instance: bpy.types.DepsgraphObjectInstance, owners: Mapping[bpy.types.Object, bpy.types.Object]
) -> bpy.types.Object | None:
    """To which of the objects an instance belongs; None for no one's, and for what is not rendered."""
    if instance.is_instance and instance.object.original.hide_render:
        return None
    return owners.get(source_object(instance))


def _into_item_frame(
    mesh: bpy.types.Mesh, root: np.ndarray, frame: np.ndarray, front: str
) -> tuple[Pose, tuple[float, float, float]]:
    """Move a mesh from the world to the item's own frame.

    `root` (4, 4) is the world transform of the item's root object, `frame` (4, 4) the room's. Returns the item's pose
    in the room, and its size in metres.
    """
    to_room = np.linalg.inv(frame)
    yaw = heading((to_room @ root)[:3, :3], front)
    points = transform_points(rotation_z(-yaw) @ to_room, mesh_points(mesh))
    low, high = points.min(axis=0), points.max(axis=0)
    width, depth, height = (max(float(side), THIN) for side in high - low)
    x, y, z, _ = rotation_z(yaw) @ (*((low + high) / 2)[:2], low[2], 1.0)
    pose = Pose(float(x), float(y), float(z), wrap_degrees(math.degrees(yaw)))
    mesh.transform(as_matrix(np.linalg.inv(pose.matrix) @ to_room))
    mesh.update()
    return pose, (width, depth, height)


def _why_left_out(name: str, pose: Pose, size: tuple[float, float, float], room: Room) -> str:
    """Why an object may be no item: a wall or the like by its name or size, outside, of no size; else empty."""
    if max(size) <= THIN:
        return WITHOUT_SIZE
    reading = read_name(name)
    spans = np.sort(size[:2]) >= _SPANNING_SHARE * np.sort(np.ptp(room.floor, axis=0))
    spanning = spans.all() and pose.z + size[2] > _SPANNING_TOP
    if reading.noun == BUILDING or spanning and not reading.categories:
        return PART_OF_BUILDING
    return "" if contains([(pose.x, pose.y)], room.floor)[0] else OUTSIDE
