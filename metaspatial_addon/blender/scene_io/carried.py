"""What rests on an item goes along with it: books on a shelf, the mattress of a bed, the lamp of a desk.

The item that carries becomes one with what it carries: one mesh, and the objects of both. Called by `scene_to_task.py`.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import replace

import bpy
import numpy as np

from ...core.furniture import FURNITURE, UNKNOWN
from ...core.task import Pose
from ...prompts.wishes.reading import Wish
from ..frames import as_matrix, translation
from ..immovable import rigid_body_ends, why_locked
from ..mesh_join import join_parts
from ..meshes import mesh_points
from .contact import TOUCH, Carriers
from .obstacles import NOTE
from .scene_items import SceneItem

_COVERS = 0.5
"""Share of an item's footprint from which what it carries is part of it, as a table top, and adds to its height."""


def with_carried(
    items: Mapping[str, SceneItem], separate: Container[str], wishes: Iterable[Wish]
) -> dict[str, SceneItem]:
    """The items by id, what rests on a movable one joined to it.

    Objects of a name in `separate` go nowhere with what they rest on, and no more does what is wished elsewhere; wishes
    are about the names of items' root objects. What carries something that cannot be moved stays, too. The meshes of
    what was joined are new: call it within `scratch_scene`.
    """
    ids, read = list(items), list(items.values())
    carrier = _carriers(read)
    wanted: dict[str, set[str]] = {}
    for wish in wishes:
        wanted.setdefault(wish.subject, set()).add("" if wish.negated else wish.object)
    held = rigid_body_ends()
    notes = {k: _why_it_stays(entry, held) for k, entry in enumerate(read)}
    carried: dict[int, list[int]] = {}
    # From the top down, so that what cannot move holds all that is below it.
    for k in sorted(carrier, key=lambda k: -read[k].pose.z):
        below = carrier[k]
        if read[below].item.locked or read[k].names[0] in separate:
            continue
        below_it = {read[other].names[0] for other in _all_below(k, carrier)}
        if not wanted.get(read[k].names[0], set()) <= below_it:
            continue
        if notes[k]:
            notes[below] = notes[below] or f"carries {read[k].objects[0].name}, which stays where it is: {notes[k]}"
        else:
            carried.setdefault(below, []).append(k)
    joined = dict(items)
    for k in sorted(carried, key=lambda k: -read[k].pose.z):
        if notes[k]:
            continue
        for other in carried[k]:
            joined[ids[k]] = _joined(joined[ids[k]], joined.pop(ids[other]))
    for k, entry in enumerate(read):
        if notes[k] and not entry.item.locked:
            locked = replace(entry.item, locked=True, pose=entry.pose)
            joined[ids[k]] = replace(joined[ids[k]], item=locked, note=notes[k])
    return joined


def _all_below(number: int, carrier: Mapping[int, int]) -> Iterator[int]:
    """What an item rests on, and what that rests on."""
    while number in carrier:
        number = carrier[number]
        yield number


def _carriers(items: list[SceneItem]) -> dict[int, int]:
    """By the number of each item that rests on another, the number of that one. A covering carries nothing.

    What lies across several others, as a table top on its legs, makes one item of them: the others go with the first.
    """
    contact = Carriers(items)
    found = {}
    for k, entry in enumerate(items):
        on_floor = abs(entry.pose.z) <= TOUCH  # as on the lowest board of a shelf, unless it stands in nothing
        under = [
            (count, other)
            for other, count in contact.below(k)
            if _is_under(items[other], entry) and (not on_floor or _top(items[other]) > entry.pose.z + 2 * TOUCH)
        ]
        legs = [] if under or on_floor else [other for other in contact.legs(k) if not items[other].item.locked]
        if under:
            found[k] = max(under)[1]
        elif len(legs) > 1:
            found[k] = legs[0]
            found |= {other: legs[0] for other in legs[1:] if other not in found}
        elif not on_floor:
            holders = (other for other in contact.pierced(k) if not items[other].item.covering)
            other = next(holders, None)
            if other is not None:
                found[k] = other
    return found


def _top(entry: SceneItem) -> float:
    return entry.pose.z + entry.item.size[2]


def _is_under(carrier: SceneItem, entry: SceneItem) -> bool:
    """Whether the middle of an item is over the footprint of what it touches."""
    width, depth, _ = carrier.item.size
    middle = carrier.pose.points_to_local(np.array([(entry.pose.x, entry.pose.y, entry.pose.z)]))[0, :2]
    return not carrier.item.covering and bool((np.abs(middle) <= (width / 2, depth / 2)).all())


def _why_it_stays(entry: SceneItem, held: Container[bpy.types.Object]) -> str:
    """Why an item cannot go along with another; empty where it can. An obstacle stays for want of a choice alone."""
    return why_locked(entry.objects[0], entry.objects, held) if entry.note == NOTE else entry.note


def _joined(carrier: SceneItem, entry: SceneItem) -> SceneItem:
    """The carrier with an item that rests on it, which covers the footprint of both."""
    to_carrier = np.linalg.inv(carrier.pose.matrix) @ entry.pose.matrix
    part = entry.mesh.copy()
    part.transform(as_matrix(to_carrier))
    mesh = join_parts([carrier.mesh, part], carrier.mesh.name)
    width, depth, height = carrier.item.size
    points = mesh_points(part)
    low = np.minimum(points.min(axis=0)[:2], (-width / 2, -depth / 2))
    high = np.maximum(points.max(axis=0)[:2], (width / 2, depth / 2))
    category = carrier.item.category
    if np.prod(np.ptp(points[:, :2], axis=0)) >= _COVERS * width * depth:
        height = max(height, _top(entry) - carrier.pose.z)
        if FURNITURE.kind_of(category, carrier.item.size).name == UNKNOWN:
            category = entry.item.category
    (x, y), (width, depth) = (low + high) / 2, (high - low).tolist()
    mesh.transform(as_matrix(translation(-x, -y, 0.0)))
    mesh.update()
    middle = carrier.pose.points_to_room(np.array([(x, y, 0.0)]))[0]
    return replace(
        carrier,
        item=replace(carrier.item, category=category, size=(width, depth, height)),
        pose=Pose(float(middle[0]), float(middle[1]), carrier.pose.z, carrier.pose.yaw),
        mesh=mesh,
        objects=(*carrier.objects, *entry.objects),
        matrices=(*carrier.matrices, *entry.matrices),
        hidden=(*carrier.hidden, *entry.hidden),
        carried={**carrier.carried, entry.objects[0].name: entry.item.category, **entry.carried},
    )
