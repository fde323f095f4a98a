"""Whether items stay where they are: a run of Blender's rigid-body world in a scratch scene of its own.

What the run asks is whether an item stands on what carries it; crossing and floating items have been reported as
such, and moving them would only measure the same fault again. So
- an item is active (its mesh's convex hull, turning about the mesh's centre of mass) when it is unlocked, stands on
  the floor or on something, and neither overlaps nor floats;
- what carries an active item takes part as well: active where it is itself asked about and its hull has the same
  top as its mesh, else as a passive real mesh (a shelf, a bed with its headboard, anything locked);
- a body meets the floor, what it carries and what carries it, and nothing else: the hulls of a chair and of the
  table that it stands under cross although the furniture does not.
Every scene, object and mesh of the run is removed when it ends.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import bpy
import numpy as np

from ...core.detectors.support import CONTACT_GAP_M, Support
from ...core.faults import Unstable
from ...core.footprint_index import FootprintIndex
from .body import Body

FRAMES = 60
SUBSTEPS = 5
"""Steps of the solver a frame: 120 a second at 24 frames a second."""
MAX_DRIFT_M = 0.05
"""Metres that an item may move before it counts as unstable."""
MAX_TILT_DEG = 5.0
"""Degrees that an item may lean before it counts as unstable."""

_PREFIX = "MetaSpatial Settle: "
_LAYERS = 20
"""Collision layers that Blender has."""
_DENSITY = 150.0
"""Kilograms a cubic metre of bounding box: what furniture roughly weighs."""


def find_unstable(supports: Sequence[Support[Body]], overlapping: Collection[str]) -> tuple[Unstable, ...]:
    """Simulate `FRAMES` frames and report the items that moved. `overlapping` are the ids in some overlap."""
    simulated = [support for support in supports if _may_be_active(support, overlapping)]
    carriers = {support.body.item.id: _carriers(support) for support in simulated}
    # A hull would push out what stands inside it, in a shelf for example: such carriers take part as passive meshes.
    hollow = {
        carrier.item.id
        for support in simulated
        for carrier in carriers[support.body.item.id]
        if _stands_in_hull(support.body, carrier)
    }
    waiting = active = [support.body for support in simulated if support.body.item.id not in hollow]
    moves: dict[str, tuple[float, float]] = {}
    while waiting:
        layers = _layers(waiting, carriers)
        moves |= _simulate([body for body in waiting if body.item.id in layers.own], carriers, layers)
        waiting = [body for body in waiting if body.item.id not in layers.own]
    ordered = ((body.item.id, *moves[body.item.id]) for body in active)
    return tuple(
        Unstable(item_id, round(drift, 4), round(tilt, 2))
        for item_id, drift, tilt in ordered
        if drift > MAX_DRIFT_M or tilt > MAX_TILT_DEG
    )


def _may_be_active(support: Support[Body], overlapping: Collection[str]) -> bool:
    """Whether an item stands on the floor or on something, and neither overlaps another, floats nor is sunk."""
    item = support.body.item
    stands = item.mount in ("floor", "surface") and not item.covering and support.holds
    return stands and item.id not in overlapping and support.body.box.z >= -CONTACT_GAP_M


def _simulate(
    active: Sequence[Body], carriers: Mapping[str, tuple[Body, ...]], layers: _Layers
) -> dict[str, tuple[float, float]]:
    """Drift in metres and tilt in degrees of each active body, by id."""
    ids = {body.item.id for body in active}
    passive = {c.item.id: c for body in active for c in carriers[body.item.id] if c.item.id not in ids}
    spots = np.array([(body.box.x, body.box.y) for body in active])
    centre = spots.mean(axis=0)  # the solver's numbers are float32: near the origin, wherever the room lies
    with _scratch_scene(centre) as world:
        world.add_floor(100.0 + float(np.abs(spots - centre).max()))
        for body in passive.values():
            world.add_passive(body, layers.met[body.item.id])
        for body in active:
            world.add_active(body, layers.met[body.item.id])
        return dict(zip((body.item.id for body in active), world.run(), strict=True))


def _carriers(support: Support[Body]) -> tuple[Body, ...]:
    """What carries a body; a cloth or rug only where nothing firmer does."""
    firm = tuple(c for c in support.carriers if not c.item.covering)
    return firm or support.carriers


def _stands_in_hull(body: Body, carrier: Body) -> bool:
    """Whether a body rests lower than the top of its carrier's convex hull there."""
    corners, faces = carrier.shape.hull
    a, b, c = (corners[[f[i] for f in faces]] for i in range(3))
    normals = np.cross(b - a, c - a)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    points = carrier.to_local(body.contacts)
    beyond = np.einsum("fk,pfk->pf", normals, points[:, None] - a).max(axis=1)  # (P,): negative inside
    return bool((beyond < -CONTACT_GAP_M).any())


@dataclass
class _Layers:
    """Collision layers by id: the one that is a body's own, and all in which it meets others."""

    own: dict[str, int] = field(default_factory=dict)
    met: dict[str, set[int]] = field(default_factory=dict)


def _layers(active: Sequence[Body], carriers: Mapping[str, tuple[Body, ...]]) -> _Layers:
    """Each body gets a layer that it shares with its carriers, but with nothing else that stands close to it or to
    them. Bodies for which none is left get none: they take part in another run."""
    layers = _Layers()
    members = list({b.item.id: b for body in active for b in (body, *carriers[body.item.id])}.values())
    index = FootprintIndex([member.box for member in members])
    for body in active:
        stack = (body, *carriers[body.item.id])
        around = {members[k].item.id for part in stack for k in index.near(part.box, MAX_DRIFT_M)}
        taken = {layer for item_id in around for layer in layers.met.get(item_id, ())}
        free = next((layer for layer in range(_LAYERS) if layer not in taken), None)
        if free is not None:
            layers.own[body.item.id] = free
            for part in stack:
                layers.met.setdefault(part.item.id, set()).add(free)
    return layers


class _World:
    """A scene with a rigid-body world and what was put into it. Its origin is at `centre` (2,) of the room."""

    def __init__(self, scene: bpy.types.Scene, members: bpy.types.Collection, centre: np.ndarray):
        self.scene, self.members = scene, members
        self.origin = np.array([*centre, 0.0])
        self.made: list[bpy.types.ID] = []
        self.active: list[bpy.types.Object] = []

    def add_floor(self, reach: float) -> None:
        """A floor that goes `reach` metres from the centre."""
        mesh = bpy.data.meshes.new(_PREFIX + "floor")
        mesh.from_pydata([(-reach, -reach, -1.0), (reach, reach, 1.0)], [(0, 1)], [])  # a box shape needs no faces
        floor = self._add(mesh, self.origin - (0.0, 0.0, 1.0), 0.0, "BOX", set(range(_LAYERS)))
        floor.rigid_body.type = "PASSIVE"
        self.made.append(mesh)

    def add_passive(self, body: Body, layers: set[int]) -> None:
        pose = body.placed_at
        at = np.array([pose.x, pose.y, pose.z])
        self._add(body.shape.mesh, at, pose.yaw, "MESH", layers).rigid_body.type = "PASSIVE"

    def add_active(self, body: Body, layers: set[int]) -> None:
        corners, faces = body.shape.hull
        centre = body.shape.mass_centre
        mesh = bpy.data.meshes.new(_PREFIX + body.item.id)
        mesh.from_pydata((corners - centre).tolist(), [], faces)
        self.made.append(mesh)
        object_ = self._add(mesh, body.to_room(centre), body.placed_at.yaw, "CONVEX_HULL", layers)
        size = body.shape.high - body.shape.low
        object_.rigid_body.mass = max(_DENSITY * float(np.prod(size)), 0.1)
        object_.rigid_body.use_deactivation = False  # a slow start of a fall must not be put to sleep
        self.active.append(object_)

    def _add(self, mesh: bpy.types.Mesh, at: np.ndarray, yaw: float, shape: str, layers: set[int]) -> bpy.types.Object:
        """A rigid body at a point (3,) of the room."""
        object_ = bpy.data.objects.new(mesh.name, mesh)
        object_.location, object_.rotation_euler = at - self.origin, (0.0, 0.0, math.radians(yaw))
        self.made.append(object_)
        self.scene.collection.objects.link(object_)
        self.members.objects.link(object_)  # makes it a rigid body
        rigid = object_.rigid_body
        rigid.collision_shape = shape
        rigid.mesh_source = "BASE"
        rigid.use_margin, rigid.collision_margin = True, 0.0
        rigid.friction = 0.8
        rigid.collision_collections = [layer in layers for layer in range(_LAYERS)]
        return object_

    def run(self) -> list[tuple[float, float]]:
        """Drift in metres and tilt in degrees of each active body."""
        for frame in range(1, FRAMES + 2):
            self.scene.frame_set(frame)
        depsgraph = self.scene.view_layers[0].depsgraph
        moves = []
        for object_ in self.active:
            end = object_.evaluated_get(depsgraph).matrix_world
            tilt = math.degrees(math.acos(min(max(end[2][2], -1.0), 1.0)))
            moves.append(((end.translation - object_.location).length, tilt))
        return moves


@contextmanager
def _scratch_scene(centre: np.ndarray) -> Iterator[_World]:
    scene = bpy.data.scenes.new(_PREFIX + "scene")
    members = bpy.data.collections.new(_PREFIX + "bodies")
    world = _World(scene, members, centre)
    try:
        _call(bpy.ops.rigidbody.world_add, scene)
        scene.rigidbody_world.collection = members
        scene.rigidbody_world.substeps_per_frame = SUBSTEPS
        scene.rigidbody_world.point_cache.frame_start = 1
        scene.rigidbody_world.point_cache.frame_end = FRAMES + 1
        yield world
    finally:
        # The world before its bodies: Blender takes a body that goes out of the first world it finds, and that may be
        # one of another scene, which breaks.
        _call(bpy.ops.rigidbody.world_remove, scene)
        bpy.data.batch_remove([*world.made, members])
        bpy.data.scenes.remove(scene)


def _call(operator: Callable[[], object], scene: bpy.types.Scene) -> None:
    """Call an operator on a scene.

    Operators release the GIL, and look up an overridden context without holding it: a thread that runs Python at that
    moment may crash the process. So none may run while layouts are measured.
    """
    with bpy.context.temp_override(scene=scene, view_layer=scene.view_layers[0]):
        operator()
