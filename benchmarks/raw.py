"""The Blender calls that every scorer needs, without any caching, culling or evaluation of results.

For one layout: one world-space BVH tree for each item, the overlap of each pair, one ray down from each item, and a
rigid-body world with the items' convex hulls on a floor, simulated for as many frames as the scorer simulates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import bmesh
import bpy
from mathutils import Matrix
from mathutils.bvhtree import BVHTree

from metaspatial_addon.blender.physics.body import Body
from metaspatial_addon.blender.physics.settle import FRAMES, SUBSTEPS
from metaspatial_addon.core.task import Pose


def raw_scoring(bodies: Sequence[Body]) -> None:
    """Make the raw calls for the layout in which the bodies are placed."""
    poses = [pose for body in bodies if (pose := body.pose) is not None]
    trees = []
    for body, pose in zip(bodies, poses, strict=True):
        bm = bmesh.new()
        bm.from_mesh(body.shape.mesh)
        bm.transform(Matrix.Translation((pose.x, pose.y, pose.z)) @ Matrix.Rotation(math.radians(pose.yaw), 4, "Z"))
        trees.append(BVHTree.FromBMesh(bm))
        bm.free()
    for k, tree in enumerate(trees):
        for other in trees[k + 1 :]:
            tree.overlap(other)
    for pose in poses:
        for tree in trees:
            tree.ray_cast((pose.x, pose.y, pose.z + 0.01), (0, 0, -1))
    _raw_simulation(bodies, poses)


def _raw_simulation(bodies: Sequence[Body], poses: Sequence[Pose]) -> None:
    scene = bpy.data.scenes.new("raw")
    members = bpy.data.collections.new("raw")
    with bpy.context.temp_override(scene=scene, view_layer=scene.view_layers[0]):
        bpy.ops.rigidbody.world_add()
    scene.rigidbody_world.collection = members
    scene.rigidbody_world.substeps_per_frame = SUBSTEPS
    scene.rigidbody_world.point_cache.frame_end = FRAMES + 1
    floor = bpy.data.meshes.new("raw")
    floor.from_pydata([(-100, -100, -1), (100, 100, 1)], [(0, 1)], [])
    objects = [bpy.data.objects.new("raw", floor)]
    objects[0].location.z = -1
    for body, pose in zip(bodies, poses, strict=True):
        objects.append(bpy.data.objects.new("raw", body.shape.mesh))
        objects[-1].location = (pose.x, pose.y, pose.z)
        objects[-1].rotation_euler.z = math.radians(pose.yaw)
    for k, obj in enumerate(objects):
        scene.collection.objects.link(obj)
        members.objects.link(obj)
        obj.rigid_body.type = "ACTIVE" if k else "PASSIVE"
        obj.rigid_body.collision_shape = "CONVEX_HULL" if k else "BOX"
        # Each collides with the floor only: items whose hulls overlap would be flung apart.
        obj.rigid_body.collision_collections = [k in (0, layer + 1) for layer in range(20)]
    for frame in range(1, FRAMES + 2):
        scene.frame_set(frame)
    [obj.matrix_world.copy() for obj in objects]
    bpy.data.batch_remove([*objects, floor, members])
    bpy.data.scenes.remove(scene)
