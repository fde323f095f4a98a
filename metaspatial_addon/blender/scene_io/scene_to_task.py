"""An existing scene as a task, and layouts of that task as world transforms of the scene's objects again.

Nothing in the scene is changed. Used by the worker on the artist's .blend and by `generate.py --blend`. The steps are:
read the room (`room/`, `openings.py`), read the items and obstacles (`scene_items.py`), join to each item what rests on
it (`carried.py`), guess what each item stands or hangs on (`contact.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

from ...core.errors import InputError
from ...core.furniture import FURNITURE
from ...core.scale import ScaleDoubt, Sized, by_factor, describe, scale_doubts
from ...core.task import MAX_ITEMS, Layout, Pose, Room, Task, pose_to_json
from ...prompts.names import find_room
from ...prompts.wishes.reading import Wish, read_wishes
from ..frames import as_matrix, matrix_to_list, transform_points
from ..meshes import in_scene, remove_blocks, scratch_scene
from ..turns.turns import PlacedObject
from .carried import with_carried
from .contact import guess_mounts
from .openings import find_openings, marker_points
from .room.room_outline import room_outline, source_object
from .scene_items import ItemOptions, ItemReader, SceneItem, item_trees

MOST_SHOWN = 100_000
"""Objects and copies of them that a scene shows, at most: as many are read in some ten seconds."""

_NAMED = 8
"""Objects that an error names, at most."""

ANY_ROOM = "room"
"""The type of a room of no certain type."""


@dataclass(frozen=True)
class SceneOptions:
    """Which part of a scene becomes the task.

    The room is the outline of `floor`, any object with a level surface; or the area inside `walls`; or a rectangle of
    `size` (width, depth, height in metres) around the world's origin. `height` in metres is that of the first two:
    without it, 2.7 or that of the walls. `openings`: door or window by the name of the object that marks it.

    Items are `objects`, those of `collection`, or else all that is shown and is no part of the building; `items` has
    options by the name of an item's root object, `other_items` those of all others. `obstacles`: objects that stay
    where they are, as far as they belong to no item, stand in the room and are no part of the building. With `carry`,
    what rests on an item goes along with it, but for objects of a name in `separate` and what is wished elsewhere:
    `wishes` are about root objects by their names; None: those of the prompt.

    A `room_type` of ANY_ROOM is read from the prompt, or else from the furniture.
    """

    floor: bpy.types.Object | None = None
    walls: Iterable[bpy.types.Object] | None = None
    size: tuple[float, float, float] | None = None
    height: float | None = None
    openings: Mapping[str, str] = field(default_factory=dict)
    objects: Iterable[bpy.types.Object] | None = None
    collection: bpy.types.Collection | None = None
    items: Mapping[str, ItemOptions] = field(default_factory=dict)
    other_items: ItemOptions = ItemOptions()
    obstacles: Iterable[bpy.types.Object] = ()
    carry: bool = False
    separate: Container[str] = ()
    wishes: Iterable[Wish] | None = None
    prompt: str = ""
    room_type: str = ANY_ROOM


@dataclass(frozen=True)
class SceneTask:
    """A scene as a task.

    Attributes:
        task: room, items and prompt, in metres and in the room's frame.
        layout: where the movable items stand in the scene.
        items: by item id, what of the scene an item is. Its meshes belong to this object until `free()`.
        left_out: by name, why objects are no items: parts of the building, or outside the room.
        frame: (4, 4), from the room's frame in metres into the scene's world.
    """

    task: Task
    layout: Layout
    items: Mapping[str, SceneItem]
    left_out: Mapping[str, str]
    frame: np.ndarray

    @property
    def meshes(self) -> dict[str, bpy.types.Mesh]:
        """Meshes by item id, in the item's frame and in metres."""
        return {item_id: item.mesh for item_id, item in self.items.items()}

    @property
    def notes(self) -> dict[str, str]:
        """By the id of each locked item, why it is locked."""
        return {item_id: item.note for item_id, item in self.items.items() if item.note}

    @property
    def scale_doubts(self) -> list[ScaleDoubt]:
        """Movable items that are far too large or small for their kind, or larger than the room."""
        sized = [Sized(item.id, item.category, item.size) for item in self.task.movable]
        width, depth = np.ptp(self.task.room.floor, axis=0).tolist()
        return scale_doubts(sized, (width, depth))

    @property
    def carried(self) -> dict[str, tuple[str, str]]:
        """By the name of each object that goes along with an item: its category, and that item's id."""
        return {
            name: (category, item_id) for item_id, item in self.items.items() for name, category in item.carried.items()
        }

    def placed(self, layout: Layout) -> list[PlacedObject]:
        """All objects of the layout's items as a turn shows them, an item's root object first.

        What a layout leaves as it is keeps its very matrix. Raises KeyError for an id that the task does not have.
        """
        placed = []
        for item_id, pose in layout.poses.items():
            item = self.items[item_id]
            for obj, hidden, matrix in zip(item.objects, item.hidden, self._moved(item, pose), strict=True):
                placed.append(PlacedObject(item_id, obj, matrix, hidden=hidden))
        return placed

    def world(self, layout: Layout) -> dict[str, Any]:
        """What the file of a layout says of the scene: `frame`, and `objects`, by item the name of its root object and
        the world matrix that it has in the layout."""
        roots = {entry.id: entry for entry in reversed(self.placed(layout))}  # of an item's objects the root is first
        objects = {
            item_id: {"name": roots[item_id].object.name, "matrix": matrix_to_list(roots[item_id].matrix)}
            for item_id in layout.poses
        }
        return {"frame": self.frame.flatten().tolist(), "objects": objects}

    def free(self) -> None:
        """Remove the items' meshes."""
        remove_blocks(self.meshes.values())

    def _moved(self, item: SceneItem, pose: Pose) -> list[Matrix]:
        """World transforms of an item's objects when the item stands at `pose`."""
        if pose_to_json(pose) == pose_to_json(item.pose) and item.scale == 1.0:
            return [matrix.copy() for matrix in item.matrices]
        scaled = pose.matrix @ np.diag([item.scale] * 3 + [1.0])
        move = self.frame @ scaled @ np.linalg.inv(item.pose.matrix) @ np.linalg.inv(self.frame)
        return [as_matrix(move @ np.array(matrix, dtype=float)) for matrix in item.matrices]


def scene_to_task(scene: bpy.types.Scene, options: SceneOptions) -> SceneTask:
    """The scene as a task. Hidden objects are left out, and what cannot be moved becomes a locked item.

    Raises InputError for a scene that shows more than MOST_SHOWN objects and copies, without a room, without an item or
    with more than MAX_ITEMS of them, or with an item that is larger than the room.
    """
    file = bpy.path.basename(bpy.data.filepath) or scene.name
    # Everything that is made on the way and not handed out goes again, also when an error ends it.
    with scratch_scene() as (_, kept), in_scene(scene) as depsgraph:
        _check_shown(depsgraph, file)
        room, frame, building = _read_room(scene, options, depsgraph, file)
        reader = ItemReader(depsgraph, room, frame)
        whole = options.objects is None and options.collection is None
        chosen = (options.collection or scene.collection).all_objects if options.objects is None else options.objects
        trees = item_trees(chosen, building, 1 / scene.unit_settings.scale_length)
        if not whole:
            _check_count(trees, file)
        reader.read_items(trees, lambda name: options.items.get(name, options.other_items), whole)
        _check_count(reader.items, file)
        if not reader.items:
            left_out = "; ".join(f"{name} is {why}" for name, why in list(reader.left_out.items())[:_NAMED])
            expected = "at least one visible object with faces beside the floor"
            if left_out:
                expected = f"at least one visible object with faces beside the floor ({left_out})"
            raise InputError(file, "objects", expected)
        members = {obj for tree in trees.values() for obj in tree}
        reader.read_obstacles([o for o in dict.fromkeys(options.obstacles) if o not in members and o not in building])
        read_items = reader.items
        if options.carry:
            categories = {read.names[0]: read.item.category for read in reader.items.values()}
            wishes = read_wishes(options.prompt, categories).wishes if options.wishes is None else options.wishes
            read_items = with_carried(reader.items, options.separate, wishes)
        read_items = {item_id: read.scaled() for item_id, read in read_items.items()}
        kept.update(read.mesh for read in read_items.values())
    mounts = guess_mounts(room, list(read_items.values()))
    items = tuple(replace(read.item, mount=mounts[item_id]) for item_id, read in read_items.items())
    name = file.removesuffix(".blend")
    layout = Layout(name, {item.id: read_items[item.id].pose for item in items if not item.locked})
    if room.type == ANY_ROOM:
        likely = find_room(options.prompt) or FURNITURE.likely_room(item.category for item in items)
        room = replace(room, type=likely or ANY_ROOM)
    task = Task(name, options.prompt, room, items)
    scene_task = SceneTask(task, layout, read_items, reader.left_out, frame)
    too_large = [doubt for doubt in scene_task.scale_doubts if not doubt.fits]
    if too_large:
        scene_task.free()
        said = "; ".join(describe(doubts) for doubts in by_factor(too_large))
        raise InputError(file, "objects", f"furniture that has room on the floor ({said})")
    return scene_task


def _check_shown(depsgraph: bpy.types.Depsgraph, file: str) -> None:
    """Raises InputError, which names what shows most of them, for more objects and copies than are read in seconds."""
    sources: Counter[bpy.types.Object] = Counter()
    for number, instance in enumerate(depsgraph.object_instances):
        sources[source_object(instance)] += 1
        if number == MOST_SHOWN:
            (source, copies), *_ = sources.most_common(1)
            name, many = source.name, f"{copies:,}"
            expected = f"at most {MOST_SHOWN:,} objects and copies in the viewport: hide {name}, with {many} or more"
            raise InputError(file, "objects", expected)


def _check_count(items: Mapping[Any, Any], file: str) -> None:
    """Raises InputError for more items than a task may have."""
    if len(items) > MAX_ITEMS:
        raise InputError(file, "objects", f"at most {MAX_ITEMS} items: choose fewer, and leave others as obstacles")


def _read_room(
    scene: bpy.types.Scene, options: SceneOptions, depsgraph: bpy.types.Depsgraph, file: str
) -> tuple[Room, np.ndarray, set[bpy.types.Object]]:
    """The room, its frame (4, 4) in the scene's world, and the objects that are part of it: floor or walls with their
    parents, and what marks openings."""
    walls = None if options.walls is None else list(options.walls)
    outline = room_outline(depsgraph, options.floor, walls, options.size, options.height, file)
    markers = {}
    for name, kind in options.openings.items():
        marker = scene.objects.get(name)
        if marker is None:
            raise InputError(file, "openings", "an object of the scene", name)
        markers[marker] = kind
    to_room = np.linalg.inv(outline.frame)
    corners = marker_points(markers, depsgraph)
    boxes = {marker.name: (kind, transform_points(to_room, corners[marker])) for marker, kind in markers.items()}
    openings = find_openings(boxes, outline.corners, outline.height, file)
    building = set(markers)
    for obj in [options.floor] if options.floor is not None else walls or []:
        part: bpy.types.Object | None = obj
        while part is not None and part not in building:
            building.add(part)
            part = part.parent
    return Room(options.room_type, outline.corners, outline.height, openings), outline.frame, building
