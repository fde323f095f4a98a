"""Why an object of an artist's scene stays where it is: what moving it would break, or would not move it at all."""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Sequence

import bpy
import numpy as np

from .frames import rotation_z

LOCKED = "metaspatial_locked"
"""Custom property with which an artist keeps an object where it is."""

FIRST_FRAME = "metaspatial_first_frame"
"""Custom property on a scene that was handed over without its rigid-body world: the first frame of that."""

_SHADING = ("DATA_TRANSFER", "NORMAL_EDIT", "UV_PROJECT", "UV_WARP")
"""Modifiers that leave every point of a mesh where it is."""

_SIMULATED = ("CLOTH", "SOFT_BODY")


def rigid_body_ends() -> set[bpy.types.Object]:
    """The objects of the file that rigid-body constraints hold."""
    constraints = [c for o in bpy.data.objects if (c := o.rigid_body_constraint) is not None]
    return {end for constraint in constraints for end in (constraint.object1, constraint.object2)}


def why_locked(root: bpy.types.Object, tree: Sequence[bpy.types.Object], held: Container[bpy.types.Object]) -> str:
    """Why the item of a root object and all its objects (the root first) stays, or an empty text when it can be moved.

    Of the scene of the context, at its present frame. `held`: what `rigid_body_ends` returns, asked once for all items
    since it looks through the whole file.
    """
    animation = root.animation_data
    if root.get(LOCKED):
        return "marked as locked"
    if root.hide_select:
        return "cannot be selected"
    if root.library is not None:
        return f"linked from {bpy.path.basename(root.library.filepath)}"
    if root.override_library is not None and root.override_library.is_system_override:
        return "a library override that cannot be edited"
    if any(root.lock_location[:2]):
        return "its location is locked"
    if root.lock_rotation[2]:
        return "its rotation is locked"
    if root.parent is not None and root.parent_type != "OBJECT":
        return f"follows a part of {root.parent.name}"
    if animation is not None and (animation.action is not None or animation.drivers or animation.nla_tracks):
        return "animated or driven"
    if root.parent is not None and _would_shear(root):
        return f"turning it would shear it, since {root.parent.name} is scaled unevenly"
    return _tied(root, tree) or _simulated(tree, held, bpy.context.scene)


def first_frame(scene: bpy.types.Scene) -> int:
    """The frame at which the scene's rigid bodies stand where their transforms say."""
    world = scene.rigidbody_world
    if world is not None:
        return world.point_cache.frame_start
    held = scene.get(FIRST_FRAME)
    return held if isinstance(held, int) else 1


def _would_shear(root: bpy.types.Object) -> bool:
    """Whether, below its parent, no location, rotation and scale can express the object rotated about z."""
    matrix = np.array(root.matrix_world, dtype=float)
    basis = np.array(root.matrix_basis, dtype=float)[:3, :3]
    if abs(np.linalg.det(basis)) < 1e-12 or abs(np.linalg.det(matrix[:3, :3])) < 1e-12:
        return False
    to_parent = basis @ np.linalg.inv(matrix[:3, :3])
    for angle in (0.6, math.pi / 2):
        axes = to_parent @ rotation_z(angle)[:3, :3] @ matrix[:3, :3]
        axes /= np.linalg.norm(axes, axis=0)
        if np.abs(axes.T @ axes - np.eye(3)).max() > 1e-4:
            return True
    return False


def _tied(root: bpy.types.Object, tree: Sequence[bpy.types.Object]) -> str:
    """By what constraint or modifier an item depends on where other objects are."""
    inside = set(tree)
    for member in tree:
        for constraint in member.constraints:
            if not constraint.mute and (member is root or any(t not in inside for t in _targets(constraint))):
                return f"{member.name} has the constraint {constraint.name}"
        for bone in member.pose.bones if member.pose is not None else ():
            for constraint in bone.constraints:
                if not constraint.mute and any(target not in inside for target in _targets(constraint)):
                    return f"{member.name} has the constraint {constraint.name}"
        for modifier in member.modifiers:
            if not modifier.show_viewport or modifier.type in _SHADING:
                continue
            for target in _objects_of(modifier):
                if target not in inside:
                    return f"{member.name} is shaped by {target.name}"
    return ""


def _targets(constraint: bpy.types.Constraint) -> Iterator[bpy.types.Object]:
    """The objects that a constraint looks to."""
    ends = [getattr(constraint, "target", None), getattr(constraint, "pole_target", None)]
    ends += [end.target for end in getattr(constraint, "targets", ())]
    return (end for end in ends if end is not None)


def _objects_of(modifier: bpy.types.Modifier) -> Iterator[bpy.types.Object]:
    """The objects that a modifier refers to, also by the collection that a Boolean cuts with."""
    for prop in modifier.bl_rna.properties:
        if prop.type != "POINTER":
            continue
        value = getattr(modifier, prop.identifier, None)
        if isinstance(value, bpy.types.Object):
            yield value
        elif isinstance(value, bpy.types.Collection) and modifier.type == "BOOLEAN":
            yield from value.all_objects


def _simulated(tree: Sequence[bpy.types.Object], held: Container[bpy.types.Object], scene: bpy.types.Scene) -> str:
    """By what physics an item is moved or held."""
    frame, first = scene.frame_current, first_frame(scene)
    for member in tree:
        if member in held:
            return f"{member.name} is held by a rigid-body constraint"
        body = member.rigid_body
        if body is not None and body.type == "ACTIVE" and body.enabled and not body.kinematic and frame > first:
            return f"physics moves {member.name} at this frame; at frame {first} it can be laid out"
        for modifier in member.modifiers:
            if modifier.type in _SIMULATED and modifier.show_viewport and frame > modifier.point_cache.frame_start:
                start = modifier.point_cache.frame_start
                return f"physics shapes {member.name} at this frame; at frame {start} it can be laid out"
    return ""
