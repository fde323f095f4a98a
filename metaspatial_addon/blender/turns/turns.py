"""Turns of a run, kept in a .blend: `MetaSpatial · <run>` holds the room and one collection for each turn.

A turn's objects are linked duplicates: they share their meshes with those of the other turns. What was scored,
seen and answered is kept on the turn's collection, so that a .blend says what it shows. Called by the episode's
worker, for the scene that it writes, and by the artist's Blender, to show turns among the real objects.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import bpy
from mathutils import Matrix

from ...core.errors import InputError
from ...core.reading import parse_json
from ...core.task import Pose
from ..frames import pose_matrix
from ..meshes import remove_blocks
from .turn_properties import KEY, MOST_TURNS, ROOM, RUN, TURN, item_id, kind, text

NAME_BYTES = 63
"""Longest name of a data-block up to Blender 4.5."""


@dataclass(frozen=True)
class PlacedObject:
    """An object as a turn shows it: `matrix` (4x4) is its world transform there, `id` its item.

    `data` is the mesh to wear; None shares the object's own. `hidden`: goes along unseen, as helpers do.
    Objects of one item keep their parents among each other; those without one, which rest on the item's first object,
    are put under its copy.
    """

    id: str
    object: bpy.types.Object
    matrix: Matrix
    data: bpy.types.ID | None = None
    hidden: bool = False


def fit_name(name: str, taken: Container[str] = (), limit: int = NAME_BYTES) -> str:
    """The name cut to `limit` bytes of UTF-8 between two characters, numbered where it is taken already."""
    clean = "".join(c for c in name if c.isprintable()) or "unnamed"
    encoded, tail, number = clean.encode("utf-8", "ignore"), "", 0
    while True:
        cut = encoded[: limit - len(tail)].decode("utf-8", "ignore").rstrip() + tail
        if cut not in taken:
            return cut
        number += 1
        tail = f".{number:03d}"


def new_run(scene: bpy.types.Scene, name: str) -> bpy.types.Collection:
    """An empty run, `MetaSpatial · <name>`, in the scene; the next of that name ends in 2."""
    label, taken, number = f"MetaSpatial · {fit_name(name)}", bpy.data.collections.keys(), 1
    full = fit_name(label)
    while full in taken:
        number += 1
        full = f"{fit_name(label, limit=NAME_BYTES - len(f' {number}'))} {number}"
    run = bpy.data.collections.new(full)
    run[KEY] = {"kind": RUN}
    scene.collection.children.link(run)
    return run


def runs(scene: bpy.types.Scene) -> list[bpy.types.Collection]:
    """The runs in a scene, oldest first."""
    return [child for child in scene.collection.children_recursive if kind(child) == RUN]


def turns(run: bpy.types.Collection) -> list[bpy.types.Collection]:
    """The turns of a run, first to last."""
    return sorted((c for c in run.children if kind(c) == TURN), key=lambda turn: turn[KEY]["turn"])


def is_room(collection: bpy.types.Collection) -> bool:
    """Whether a collection is the room of a run."""
    return kind(collection) == ROOM


def add_room(run: bpy.types.Collection, objects: Iterable[bpy.types.Object]) -> bpy.types.Collection:
    """The run's `Room` collection with copies, of mesh and materials too, of the stage's room objects."""
    room = bpy.data.collections.new(fit_name("Room", bpy.data.collections.keys()))
    room[KEY] = {"kind": ROOM}
    run.children.link(room)
    materials: dict[bpy.types.Material, bpy.types.Material] = {}
    for source in objects:
        copy = source.copy()
        copy.name = fit_name(source.name.rpartition(": ")[2], bpy.data.objects.keys())
        copy.data = source.data.copy()
        copy.data.name = copy.name
        for slot, material in enumerate(copy.data.materials):
            if material is not None and material not in materials:
                materials[material] = material.copy()
                materials[material].name = fit_name(material.name.rpartition(": ")[2], bpy.data.materials.keys())
            if material is not None:
                copy.data.materials[slot] = materials[material]
        room.objects.link(copy)
    return room


def from_stage(
    run: bpy.types.Collection, objects: Mapping[str, bpy.types.Object], poses: Mapping[str, Pose]
) -> list[PlacedObject]:
    """What a turn of stage objects (by item id) shows: the items that have a pose.

    The run gets meshes of its own, one an item for all its turns, since the stage's go with the next task.
    """
    own = {name: obj.data for obj in run.all_objects if (name := item_id(obj)) is not None}
    placed = []
    for name, source in objects.items():
        if name not in poses:
            continue
        if name not in own:
            own[name] = source.data.copy()
            own[name].name = fit_name(name)
        placed.append(PlacedObject(name, source, pose_matrix(poses[name]), own[name]))
    return placed


def add_turn(
    run: bpy.types.Collection, placed: Iterable[PlacedObject], record: Mapping[str, Any]
) -> bpy.types.Collection:
    """The run's next turn, `Turn 01` and so on, shown in place of the others.

    `record` is anything that JSON can hold: score, evidence, answer, settings. `read_turn` gives it back.
    """
    number = next_number(run)
    turn = new_turn(number, record)
    for _ in copy_objects(turn, list(placed), number):
        pass
    run.children.link(turn)
    show_turn(run, turn)
    return turn


def next_number(run: bpy.types.Collection) -> int:
    """The number of the run's next turn: after all others, or the first that is free where these reach the limit."""
    taken = {turn[KEY]["turn"] for turn in turns(run)}
    last = max(taken, default=0)
    return last + 1 if last < MOST_TURNS else next(number for number in itertools.count(1) if number not in taken)


def new_turn(number: int, record: Mapping[str, Any]) -> bpy.types.Collection:
    """An empty turn that no run has yet."""
    score = record.get("score", record)
    summary: dict[str, Any] = {"kind": TURN, "turn": number, "record": json.dumps(record)}
    if isinstance(score, Mapping):
        summary |= {key: score[key] for key in ("status", "reward") if isinstance(score.get(key), (str, int, float))}
        terms = score.get("terms")
        if isinstance(terms, Mapping):
            summary["terms"] = {str(name): float(value) for name, value in terms.items() if value is not None}
    turn = bpy.data.collections.new(turn_name(number))
    turn[KEY] = summary
    return turn


def turn_name(number: int) -> str:
    """A name that is free for the collection of a turn."""
    return fit_name(f"Turn {number:02d}", bpy.data.collections.keys())


def copy_objects(
    turn: bpy.types.Collection, placed: Sequence[PlacedObject], number: int
) -> Iterator[tuple[PlacedObject, bpy.types.Object]]:
    """Copy objects into a turn, one a step, then put them in place: yields each as it was copied, and as it stands.

    Whoever lets others work on the file between two steps must give up on a ReferenceError and start afresh.
    """
    copies: dict[bpy.types.Object, bpy.types.Object] = {}
    leading: dict[str, PlacedObject] = {}
    names = set(bpy.data.objects.keys())
    for entry in placed:
        copy = copies[entry.object] = entry.object.copy()
        copy.name = fit_name(f"{entry.object.name.rpartition(': ')[2]} · {number:02d}", names)
        names.add(copy.name)
        copy.animation_data_clear()
        copy.constraints.clear()
        # Where it changes nothing, it would make Blender work out the visibility of all objects anew.
        if (copy.hide_render, copy.hide_viewport) != (entry.hidden, entry.hidden):
            copy.hide_render = copy.hide_viewport = entry.hidden
        copy[KEY] = entry.id
        leading.setdefault(entry.id, entry)
        if entry.data is not None:
            copy.data = entry.data
        turn.objects.link(copy)
        yield entry, copy
    for entry in placed:
        _settle(entry, leading[entry.id], copies)
        yield entry, copies[entry.object]


def _settle(entry: PlacedObject, leading: PlacedObject, copies: Mapping[bpy.types.Object, bpy.types.Object]) -> None:
    """Put the copy of an entry where it belongs, and let it refer to the other copies instead of their originals.

    `leading`: the first entry of its item."""
    copy = copies[entry.object]
    for modifier in copy.modifiers:
        for prop in modifier.bl_rna.properties:
            if prop.type == "POINTER" and getattr(modifier, prop.identifier, None) in copies:
                setattr(modifier, prop.identifier, copies[getattr(modifier, prop.identifier)])
    parent = entry.object.parent
    if parent in copies:
        copy.parent = copies[parent]
        copy.matrix_parent_inverse = entry.object.matrix_parent_inverse
        return
    copy.parent = None
    if entry is leading:
        copy.matrix_world = entry.matrix
        return
    copy.parent = copies[leading.object]
    copy.parent_type = "OBJECT"
    copy.matrix_parent_inverse = leading.matrix.inverted_safe()
    copy.matrix_basis = entry.matrix


def read_turn(turn: bpy.types.Collection) -> dict[str, Any]:
    """The record that `add_turn` kept. Raises InputError for any other collection, and for a record that is none."""
    if kind(turn) != TURN:
        raise InputError(turn.name, "", "a collection of a MetaSpatial turn")
    record = parse_json(text(turn, "record"), turn.name)
    if not isinstance(record, dict):
        raise InputError(turn.name, "", "the record of a turn")
    return record


def show_turn(run: bpy.types.Collection, shown: bpy.types.Collection) -> None:
    """Exclude every other turn of the run from every view layer that has the run."""
    for scene in bpy.data.scenes:
        for view_layer in scene.view_layers:
            if view_layer.layer_collection is None:  # from 5.2 on, until a new scene's first update
                view_layer.update()
            layer = layer_of(view_layer.layer_collection, run)
            for child in layer.children if layer is not None else ():
                if kind(child.collection) == TURN:
                    child.exclude = child.collection != shown


def remove_run(run: bpy.types.Collection) -> None:
    """Remove a run with its turns, objects, and the meshes and materials that only they use."""
    objects = list(run.all_objects)
    meshes = {obj.data for obj in objects if obj.data is not None}
    bpy.data.batch_remove([*objects, *run.children_recursive, run])
    remove_blocks(mesh for mesh in meshes if mesh.users == 0)


def layer_of(layer: bpy.types.LayerCollection, sought: bpy.types.Collection) -> bpy.types.LayerCollection | None:
    """The place of a collection in a view layer, below `layer`; None where it has none."""
    if layer.collection == sought:
        return layer
    for child in layer.children:
        layer_collection = layer_of(child, sought)
        if layer_collection is not None:
            return layer_collection
    return None
