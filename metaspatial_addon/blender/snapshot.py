"""An existing scene as a task, and layouts of that task as world transforms of the scene's objects again.

A parent and its children are one item, whose mesh is what they show: modifiers, instances and scales applied. Nothing
in the scene is changed. Used by the worker on the artist's .blend and by `generate.py --blend`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace

import bpy
import numpy as np
from mathutils import Matrix

from ..layout.errors import InputError
from ..layout.polygon import contains
from ..layout.task import Item, Layout, Pose, Room, Task, pose_to_json, wrap_degrees
from .contact import Found, guess_mounts
from .library import Asset, AssetLibrary, name_words
from .meshes import evaluated_parts, in_scene, join_parts, mesh_points, remove_blocks, scratch_scene
from .outline import floor_outline
from .turns import Placed

LOCKED = "metaspatial_locked"
"""Custom property with which an artist keeps an object where it is."""

THIN = 0.001
"""Metres: the least width, depth or height of an item."""

_COVERING_HEIGHT = 0.03
_COVERING_SIDE = 0.4
_BUILDING = frozenset(("wall", "walls", "ceiling", "floor", "roof", "door", "window", "windows", "room", "skirting"))


@dataclass(frozen=True)
class Members:
    """The objects of one item, its root first, as they were when the snapshot was taken: name, world transform (4x4),
    and whether it was hidden."""

    names: tuple[str, ...]
    matrices: tuple[Matrix, ...]
    hidden: tuple[bool, ...]
    pose: Pose


@dataclass(frozen=True)
class Snapshot:
    """A scene as a task.

    `meshes`: by item id, in the item's frame and in metres, owned by the snapshot until `free()`.
    `layout`: where the movable items stand now. `notes`: by item id, why it is locked.
    `left_out`: names of objects that were taken for parts of the building.
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
        return {self.members[i].names[0]: self._moved(i, pose)[0] for i, pose in layout.poses.items()}

    def placed(self, layout: Layout) -> list[Placed]:
        """All objects of the layout's items as a turn shows them."""
        placed = []
        for item_id, pose in layout.poses.items():
            members = self.members[item_id]
            for name, hidden, matrix in zip(members.names, members.hidden, self._moved(item_id, pose), strict=True):
                placed.append(Placed(item_id, bpy.data.objects[name], matrix, hidden=hidden))
        return placed

    def free(self) -> None:
        """Remove the items' meshes."""
        remove_blocks(self.meshes.values())

    def _moved(self, item_id: str, pose: Pose) -> list[Matrix]:
        """World transforms of an item's objects when the item stands at `pose`."""
        members = self.members[item_id]
        if pose_to_json(pose) == pose_to_json(members.pose):
            return [matrix.copy() for matrix in members.matrices]
        there, here = _pose_array(pose), _pose_array(members.pose)
        move = self.frame @ there @ np.linalg.inv(here) @ np.linalg.inv(self.frame)
        return [Matrix((move @ np.array(matrix, dtype=float)).tolist()) for matrix in members.matrices]


def take_snapshot(
    scene: bpy.types.Scene,
    *,
    floor: bpy.types.Object | None = None,
    size: tuple[float, float, float] | None = None,
    height: float = 2.7,
    objects: Iterable[bpy.types.Object] | None = None,
    collection: bpy.types.Collection | None = None,
    prompt: str = "",
    room_type: str = "room",
    library: AssetLibrary | None = None,
) -> Snapshot:
    """The scene as a task.

    The room is the outline of `floor`, any object with a level surface, and `height` metres high; or a rectangle of
    `size` (width, depth, height in metres) around the world's origin. Items are `objects`, those of `collection`, or
    else all that is shown and is no part of the building. What cannot be moved becomes a locked item, hidden objects
    are left out. `library` has the words by which categories are known. Raises InputError.
    """
    source = bpy.path.basename(bpy.data.filepath) or scene.name
    name = source.removesuffix(".blend")
    whole = objects is None and collection is None
    chosen = list(objects) if objects is not None else list((collection or scene.collection).all_objects)
    # Everything that is made on the way and not handed out goes again, also when an error ends it.
    with scratch_scene() as (_, kept), in_scene(scene) as depsgraph:
        corners, frame = _room_frame(depsgraph, floor, size, source)
        room = Room(room_type, corners, height if floor is not None or size is None else size[2])
        trees = _trees(chosen, floor)
        owner = {member: root.name for root, members in trees.items() for member in members if not member.hide_render}
        parts = evaluated_parts(depsgraph, lambda instance: _owner(instance, owner))
        world = {m: np.array(m.evaluated_get(depsgraph).matrix_world, dtype=float) for t in trees.values() for m in t}
        found: list[Found] = []
        members: dict[str, Members] = {}
        notes: dict[str, str] = {}
        left_out: list[str] = []
        for root, tree in trees.items():
            if root.name not in parts:
                continue
            mesh = join_parts(parts[root.name], root.name)
            pose, extent = _into_item_frame(mesh, world[root], frame)
            known = library.like(root.name, extent) if library is not None else None
            if whole and _is_building(root.name, known is not None, pose, extent, room):
                left_out.append(root.name)
                continue
            item_id = _item_id(root.name, members)
            note = _why_locked(root, tree)
            if note:
                notes[item_id] = note
            matrices = tuple(Matrix(world[member].tolist()) for member in tree)
            hidden = tuple(m.hide_render or not m.visible_get(view_layer=depsgraph.view_layer) for m in tree)
            members[item_id] = Members(tuple(member.name for member in tree), matrices, hidden, pose)
            found.append((_item(item_id, root.name, extent, known, pose if note else None), pose, mesh))
        if not found:
            raise InputError(source, "objects", "at least one visible object with faces beside the floor")
        kept.update(mesh for _, _, mesh in found)
    mounts = guess_mounts(room, found)
    items = tuple(replace(item, mount=mounts[item.id]) for item, _, _ in found)
    layout = Layout(name, {item.id: pose for item, pose, _ in found if not item.locked})
    meshes = {item.id: mesh for item, _, mesh in found}
    return Snapshot(Task(name, prompt, room, items), layout, meshes, members, notes, tuple(left_out), frame)


def _room_frame(
    depsgraph: bpy.types.Depsgraph,
    floor: bpy.types.Object | None,
    size: tuple[float, float, float] | None,
    source: str,
) -> tuple[tuple[tuple[float, float], ...], np.ndarray]:
    """Corners of the room in its own frame, the least x and y at 0, and the frame (4x4) in the scene's world."""
    units = np.diag([1 / depsgraph.scene.unit_settings.scale_length] * 3 + [1.0])
    if floor is None:
        if size is None or min(size) <= 0:
            raise InputError(source, "room", "a floor object, or a width, depth and height above zero", size)
        width, depth, _ = size
        corners = ((0.0, 0.0), (width, 0.0), (width, depth), (0.0, depth))
        return corners, units @ _shift(-width / 2, -depth / 2, 0)
    parts = evaluated_parts(depsgraph, lambda instance: "floor" if _source(instance) == floor else None)
    outline = None
    if parts:
        mesh = join_parts(parts["floor"], "floor")
        mesh.calc_loop_triangles()
        turned = _turn(_yaw(np.array(floor.evaluated_get(depsgraph).matrix_world, dtype=float)[:3, :3])) @ units
        points = _apply(np.linalg.inv(turned), mesh_points(mesh))
        outline = floor_outline(points, np.array([t.vertices[:] for t in mesh.loop_triangles]).reshape(-1, 3))
    if outline is None:
        raise InputError(source, "floor", "a visible object with a level surface in one piece", floor.name)
    corners, level = outline
    origin = corners.min(axis=0)
    corners = np.roll(corners, -int(np.argmin((corners - origin).sum(axis=1))), axis=0)  # wall 0 starts near 0, 0
    rounded = tuple((round(float(x), 6) + 0.0, round(float(y), 6) + 0.0) for x, y in corners - origin)
    return rounded, turned @ _shift(*origin, level)


def _trees(
    chosen: Iterable[bpy.types.Object], floor: bpy.types.Object | None
) -> dict[bpy.types.Object, list[bpy.types.Object]]:
    """Items as root objects with all their objects, the root first. The floor and what holds it belong to none."""
    barred = set()
    holder = floor
    while holder is not None:
        barred.add(holder)
        holder = holder.parent
    among = dict.fromkeys(thing for thing in chosen if thing not in barred)
    trees = {}
    for thing in among:
        root = thing
        while root.parent in among:
            root = root.parent
        if root not in trees:
            trees[root] = [root, *root.children_recursive]
    return trees


def _source(instance: bpy.types.DepsgraphObjectInstance) -> bpy.types.Object:
    """The scene's object that an instance comes from."""
    return (instance.parent or instance.object).original


def _owner(instance: bpy.types.DepsgraphObjectInstance, owner: Mapping[bpy.types.Object, str]) -> str | None:
    if instance.is_instance and instance.object.original.hide_render:
        return None
    return owner.get(_source(instance))


def _into_item_frame(
    mesh: bpy.types.Mesh, root: np.ndarray, frame: np.ndarray
) -> tuple[Pose, tuple[float, float, float]]:
    """Move a mesh from the world to the item's own frame; the item's pose in the room, and its size in metres."""
    to_room = np.linalg.inv(frame)
    yaw = _yaw((to_room @ root)[:3, :3])
    points = _apply(_turn(-yaw) @ to_room, mesh_points(mesh))
    low, high = points.min(axis=0), points.max(axis=0)
    extent = tuple(max(float(side), THIN) for side in high - low)
    x, y, z, _ = _turn(yaw) @ (*((low + high) / 2)[:2], low[2], 1.0)
    pose = Pose(float(x), float(y), float(z), wrap_degrees(math.degrees(yaw)))
    mesh.transform(Matrix((np.linalg.inv(_pose_array(pose)) @ to_room).tolist()))
    mesh.update()
    return pose, extent


def _item(item_id: str, name: str, extent: tuple[float, float, float], known: Asset | None, held: Pose | None) -> Item:
    category = known.category if known is not None else " ".join(name_words(name)) or "object"
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


def _why_locked(root: bpy.types.Object, tree: list[bpy.types.Object]) -> str:
    """Why an item stays where it is, or an empty text when it can be moved."""
    held = root.animation_data
    if root.get(LOCKED):
        return "marked as locked"
    if root.hide_select:
        return "cannot be selected"
    if root.library is not None:
        return f"linked from {bpy.path.basename(root.library.filepath)}"
    if any(root.lock_location[:2]):
        return "its location is locked"
    if root.parent is not None and root.parent_type != "OBJECT":
        return f"follows a part of {root.parent.name}"
    if held is not None and (held.action is not None or held.drivers or held.nla_tracks):
        return "animated or driven"
    inside = set(tree)
    for member in tree:
        for constraint in member.constraints:
            target = getattr(constraint, "target", None)
            if not constraint.mute and (member is root or target is not None and target not in inside):
                return f"{member.name} has the constraint {constraint.name}"
    return ""


def _yaw(axes: np.ndarray) -> float:
    """Counter-clockwise turn (radians) about z of an object with these axes (3x3 columns): that of its front, -y;
    of its x axis, where the front looks up or down."""
    for axis, at_rest in ((-axes[:, 1], -math.pi / 2), (axes[:, 0], 0.0)):
        if math.hypot(axis[0], axis[1]) > 0.5 * np.linalg.norm(axis):
            return math.atan2(axis[1], axis[0]) - at_rest
    return 0.0


def _turn(angle: float) -> np.ndarray:
    c, s = math.cos(angle), math.sin(angle)
    return np.array([(c, -s, 0, 0), (s, c, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)], dtype=float)


def _shift(x: float, y: float, z: float) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, 3] = x, y, z
    return matrix


def _pose_array(pose: Pose) -> np.ndarray:
    return _shift(pose.x, pose.y, pose.z) @ _turn(math.radians(pose.yaw))


def _apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (N, 3) through a 4x4 matrix."""
    return points @ matrix[:3, :3].T + matrix[:3, 3]
