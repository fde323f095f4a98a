"""Turns in the artist's file: how they arrive, and what becomes of them: shown, accepted, deleted.

A turn holds copies of the artist's objects, which may be moved about: accepting, refining and exporting read the
copies as they stand. The originals do not move before `accept`. Everything here is in the undo history like an
artist's own work, so nothing is remembered in Python. Called by `ui/state/job.py` and by the operators.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy
from mathutils import Matrix

from ..frames import is_same_transform, is_within_reach, matrix_from_list, matrix_to_list, world_matrix
from ..immovable import rigid_body_ends, why_locked
from . import turn_properties, turns
from .turn_properties import ITEMS, ORIGINAL, ROOT_MATRIX, TOP, VIEW
from .turn_visibility import all_turns, show, shown

_ARRIVING = "metaspatial_arriving"
"""On turns that are being built."""


@dataclass(frozen=True)
class IncomingTurn:
    """A turn as the worker sent it, and where it belongs.

    Attributes:
        scene: session_uid of the scene, which outlives renaming and undo.
        run: id of the turn's run, which is made under the name `title` where the scene has none (any more).
        number: the turn's number in its run.
        task, turn: the worker's messages of these types.
        originals: session_uids of the artist's objects by the names in those messages.
        asked: names of the root objects that the artist asked to lay out.
        folder: where the images are that `turn` names.
        start: what the layout went on from, for the record.
    """

    scene: int
    run: str
    title: str
    number: int
    task: Mapping[str, Any]
    turn: Mapping[str, Any]
    originals: Mapping[str, int]
    asked: Collection[str]
    folder: Path
    start: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class AcceptResult:
    """How many objects `accept` moved, and a sentence for each that it did not."""

    moved: int
    notes: tuple[str, ...]


def find_scene(uid: int) -> bpy.types.Scene | None:
    """The scene of that session_uid."""
    return next((scene for scene in bpy.data.scenes if scene.session_uid == uid), None)


def run_of(scene: bpy.types.Scene, turn: bpy.types.Collection) -> bpy.types.Collection | None:
    """The run that a turn is in."""
    return next((run for run in turns.runs(scene) if turn in turns.turns(run)), None)


def run_id(run: bpy.types.Collection) -> str:
    """What a run is known by, also after it was renamed or undone."""
    found = turn_properties.text(run, "id")
    if not found:
        found = run[turns.KEY]["id"] = new_run_id()
    return found


def new_run_id() -> str:
    """An id for a run that is to come."""
    return uuid.uuid4().hex[:12]


def build_turn(incoming: IncomingTurn) -> Generator[None, None, bpy.types.Collection]:
    """Build a turn and put it into its run, not shown yet, in steps of a few milliseconds; returns its collection.

    What was deleted meanwhile is left out. Raises LookupError without the scene, and ReferenceError when something
    that it was copying went between two steps: then start again. What an earlier call left unfinished is removed.
    """
    discard_unfinished()
    scene = find_scene(incoming.scene)
    if scene is None:
        raise LookupError("the scene was deleted")
    by_uid = {obj.session_uid: obj for obj in scene.objects}
    originals = {name: by_uid[uid] for name, uid in incoming.originals.items() if uid in by_uid}
    record = {**incoming.turn["record"], **({"start": dict(incoming.start)} if incoming.start else {})}
    turn = turns.new_turn(incoming.number, record)
    turn[_ARRIVING] = True
    kept = ("task", "frame", "notes", "left_out", "wishes")
    turn[turns.KEY]["task"] = json.dumps({key: incoming.task[key] for key in kept if key in incoming.task})
    roots = {item: names[0] for item, names in incoming.task["objects"].items()}
    turn[ITEMS] = [
        {"id": item, "object": originals[name], "asked": name in incoming.asked}
        for item, name in roots.items()
        if name in originals
    ]
    yield
    for key, kind in ((TOP, "top"), (VIEW, "view")):
        if incoming.turn[kind] is not None:
            data = (incoming.folder / incoming.turn[kind]).read_bytes()
            turn[key] = _packed_image(f"Turn {incoming.number:02d} {kind}", data)
            yield
    placed = [
        turns.PlacedObject(
            entry["item"], originals[entry["name"]], matrix_from_list(entry["matrix"]), hidden=entry["hidden"]
        )
        for entry in incoming.turn["objects"]
        if entry["name"] in originals
    ]
    root_objects = {
        originals[name]
        for names in incoming.task["objects"].values()
        for name in names
        if name in originals and (originals[name].parent is None or originals[name].parent.name not in names)
    }
    for entry, copy in turns.copy_objects(turn, placed, incoming.number):
        copy[ORIGINAL] = entry.object
        if copy.hide_select:
            copy.hide_select = False
        if entry.object in root_objects:
            copy[ROOT_MATRIX] = matrix_to_list(entry.matrix)
        yield
    _add(scene, _run(scene, incoming), turn)
    return turn


def discard_unfinished() -> None:
    """Remove what is left of a turn that did not arrive."""
    arriving = (collection for collection in bpy.data.collections if _ARRIVING in collection)
    for turn in [collection for collection in arriving if turn_properties.kind(collection) == turn_properties.TURN]:
        _remove(turn, bpy.context.scene)


def _run(scene: bpy.types.Scene, incoming: IncomingTurn) -> bpy.types.Collection:
    """The incoming's run; a new one where the artist deleted it or undid its making."""
    for run in turns.runs(scene):
        if turn_properties.text(run, "id") == incoming.run:
            return run
    run = turns.new_run(scene, incoming.title)
    run[turns.KEY]["id"] = incoming.run
    return run


def _add(scene: bpy.types.Scene, run: bpy.types.Collection, turn: bpy.types.Collection) -> None:
    """Put a finished turn into its run, not shown yet."""
    if any(other[turns.KEY]["turn"] == turn[turns.KEY]["turn"] for other in turns.turns(run)):
        turn[turns.KEY]["turn"] = turns.next_number(run)  # an undo brought back one of that number
        turn.name = turns.turn_name(turn[turns.KEY]["turn"])
    del turn[_ARRIVING]
    run.children.link(turn)
    for view_layer in scene.view_layers:
        layer = turns.layer_of(view_layer.layer_collection, turn)
        if layer is not None:
            layer.exclude = True


def set_images(turn: bpy.types.Collection, top: bytes, view: bytes) -> None:
    """Give a turn its two images, PNG files in memory, in place of those that it has."""
    before = turn_properties.images(turn).values()
    for key, kind, data in ((TOP, "top", top), (VIEW, "view", view)):
        turn[key] = _packed_image(f"Turn {turn[turns.KEY]['turn']:02d} {kind}", data)
    bpy.data.batch_remove([image for image in before if image.users == 0])


def _packed_image(name: str, data: bytes) -> bpy.types.Image:
    """An image that is packed into the .blend and names no file."""
    image = bpy.data.images.new(name, 1, 1)
    image.pack(data=data, data_len=len(data))
    image.source = "FILE"
    return image


def accept(
    scene: bpy.types.Scene, turn: bpy.types.Collection, locked: Collection[bpy.types.Object] = ()
) -> AcceptResult:
    """Move the originals to where the turn's copies stand, and show them in place of the turns.

    Only root objects move; their children follow. What cannot be moved any more, and what is `locked`, stays.
    """
    show(scene, None)
    scene.view_layers[0].update()
    targets, notes = _accept_targets(scene, turn, locked)
    moved = 0
    for obj in sorted(targets, key=_depth):
        parent = _parent_matrix(obj, targets)
        basis = parent.inverted_safe() @ targets[obj]
        if not (is_within_reach(targets[obj]) and is_within_reach(basis)):
            notes.append(f"{obj.name} stays where it is: its place in the turn is out of reach")
            del targets[obj]
            continue
        if is_same_transform(parent @ obj.matrix_basis, targets[obj]):
            continue
        if not is_same_transform(Matrix.LocRotScale(*basis.decompose()), basis):
            notes.append(f"{obj.name} stays where it is: a parent is scaled unevenly")
            del targets[obj]
            continue
        _set_basis(obj, basis)
        moved += 1
    scene.view_layers[0].update()
    for other in all_turns(scene):
        other[turns.KEY]["accepted"] = other == turn
    return AcceptResult(moved, tuple(notes))


def _accept_targets(
    scene: bpy.types.Scene, turn: bpy.types.Collection, locked: Collection[bpy.types.Object]
) -> tuple[dict[bpy.types.Object, Matrix], list[str]]:
    """World transforms by the originals that may move, and a sentence for each copy whose original may not."""
    members = set(scene.objects)
    children: dict[bpy.types.Object, list[bpy.types.Object]] = {}
    for obj in members:
        children.setdefault(obj.parent, []).append(obj)
    held = rigid_body_ends()
    notes: list[str] = []
    targets: dict[bpy.types.Object, Matrix] = {}
    for copy in roots(turn):
        original = turn_properties.original(copy)
        if original is None or original not in members:
            notes.append(f"{copy.name} was left out: its original was deleted")
        elif original in targets:
            notes.append(f"{copy.name} was left out: another copy of {original.name} comes before it")
        else:
            tree = [original]
            for obj in tree:
                tree += children.get(obj, [])
            why = "marked as locked" if original in locked else why_locked(original, tree, held)
            if why:
                notes.append(f"{original.name} stays where it is: {why}")
            else:
                targets[original] = world_matrix(copy)
    return targets, notes


def _set_basis(obj: bpy.types.Object, basis: Matrix) -> None:
    """Set an object's own transform (4, 4); its scale keeps the artist's numbers where it did not change.

    Which axis is mirrored is not in a matrix: Blender would write (-1, -1, -1) and another rotation for (-1, 1, 1).
    """
    scale = obj.scale.copy()
    obj.matrix_basis = basis
    unscaled = basis @ Matrix.LocRotScale(None, None, scale).inverted_safe()
    if is_same_transform(Matrix.LocRotScale(unscaled.translation, unscaled.to_quaternion(), None), unscaled):
        obj.matrix_basis = unscaled
        obj.scale = scale
        if not is_same_transform(obj.matrix_basis, basis):  # it has a delta scale as well
            obj.matrix_basis = basis


def _depth(obj: bpy.types.Object) -> int:
    """How many parents an object has above it."""
    depth = 0
    while obj.parent is not None:
        depth, obj = depth + 1, obj.parent
    return depth


def _parent_matrix(obj: bpy.types.Object, known: Mapping[bpy.types.Object, Matrix]) -> Matrix:
    """The world transform (4, 4) that an object's own is relative to, with objects of `known` at these."""
    if obj.parent is None:
        return Matrix.Identity(4)
    return world_matrix(obj.parent, known) @ obj.matrix_parent_inverse


def accepted(scene: bpy.types.Scene) -> bpy.types.Collection | None:
    """The turn that was accepted last."""
    return next((turn for turn in all_turns(scene) if turn[turns.KEY].get("accepted")), None)


def roots(turn: bpy.types.Collection) -> list[bpy.types.Object]:
    """The copies of items' root objects, and of those that rest on one and go along."""
    return [copy for copy in turn.objects if ROOT_MATRIX in copy and turn_properties.item_id(copy) is not None]


def item_roots(turn: bpy.types.Collection) -> dict[str, bpy.types.Object]:
    """By item id the copy of the item's root object."""
    return {
        copy[turns.KEY]: copy
        for copy in roots(turn)
        if copy.parent is None or copy.parent.get(turns.KEY) != copy[turns.KEY]
    }


def start_matrices(turn: bpy.types.Collection) -> dict[str, list[float]]:
    """Where the turn's copies stand now, corrections by the artist included: world transforms (16 numbers, row by row)
    by the names of the originals."""
    return {
        original.name: matrix_to_list(matrix)
        for copy in roots(turn)
        if (original := turn_properties.original(copy)) is not None and is_within_reach(matrix := world_matrix(copy))
    }


def delete_turn(scene: bpy.types.Scene, turn: bpy.types.Collection) -> None:
    """Remove a turn. If it was shown, the one before it is shown, else the one after it, else the originals."""
    run = run_of(scene, turn)
    others = turns.turns(run)
    place = others.index(turn)
    others.remove(turn)
    if shown(scene) == turn:
        show(scene, others[max(place - 1, 0)] if others else None)
    _remove(turn, scene)
    if not others:
        _remove_run(run, scene)


def clear(scene: bpy.types.Scene) -> None:
    """Remove all runs of a scene, and show the originals."""
    show(scene, None)
    for run in turns.runs(scene):
        for turn in turns.turns(run):
            _remove(turn, scene)
        _remove_run(run, scene)


def _remove_run(run: bpy.types.Collection, scene: bpy.types.Scene) -> None:
    """Remove a run without turns. What the artist put into it stays in the scene."""
    _keep(run, scene, list(run.objects))
    for child in [child for child in run.children if not turns.is_room(child)]:
        run.children.unlink(child)
        scene.collection.children.link(child)
    turns.remove_run(run)


def _remove(turn: bpy.types.Collection, scene: bpy.types.Scene) -> None:
    """Remove a turn with its copies and images. What else the artist put into it stays in the scene."""
    own = {obj for obj in turn.objects if turn_properties.item_id(obj) is not None}
    _keep(turn, scene, [obj for obj in turn.objects if obj not in own])
    for child in list(turn.children):
        turn.children.unlink(child)
        scene.collection.children.link(child)
    own -= {obj for other in _collections() if other != turn for obj in other.objects}
    images = list(turn_properties.images(turn).values())
    bpy.data.batch_remove([*own, turn])
    bpy.data.batch_remove([image for image in images if image.users == 0])


def _keep(collection: bpy.types.Collection, scene: bpy.types.Scene, objects: list[bpy.types.Object]) -> None:
    """Objects that are in this collection alone come into the scene's own."""
    elsewhere = {obj for other in _collections() if other != collection for obj in other.objects}
    for obj in objects:
        if obj not in elsewhere:
            scene.collection.objects.link(obj)


def _collections() -> Iterator[bpy.types.Collection]:
    """Every collection of the file, those of the scenes themselves included."""
    yield from bpy.data.collections
    yield from (scene.collection for scene in bpy.data.scenes)
