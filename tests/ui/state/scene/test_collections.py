"""The add-on's own collections are known by a mark, and not by their names, except those of old files."""

from __future__ import annotations

import bpy
import pytest

from metaspatial_addon.ui.state.scene.collections import own_collection

KIND = "MetaSpatial Openings"


@pytest.fixture
def scene() -> bpy.types.Scene:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene


def test_a_collection_of_the_artists_with_such_a_name_is_not_taken(scene: bpy.types.Scene) -> None:
    theirs = [bpy.data.collections.new(name) for name in (KIND, f"{KIND} old")]
    for collection in theirs:
        scene.collection.children.link(collection)
    own = own_collection(scene, KIND)
    assert own not in theirs and own_collection(scene, KIND) == own


def test_it_is_found_again_renamed_and_moved_into_another(scene: bpy.types.Scene) -> None:
    own, other = own_collection(scene, KIND), bpy.data.collections.new("Room")
    own.name = "Doors"
    scene.collection.children.link(other)
    scene.collection.children.unlink(own)
    other.children.link(own)
    assert own_collection(scene, KIND) == own
    assert own_collection(scene, "MetaSpatial Items") != own


def test_each_scene_has_its_own(scene: bpy.types.Scene) -> None:
    own = own_collection(scene, KIND)
    assert own_collection(bpy.data.scenes.new("Other"), KIND) != own


@pytest.mark.parametrize("name, taken", [(KIND, True), (f"{KIND}.001", True), (f"{KIND} old", False)])
def test_that_of_a_file_from_before_there_were_marks_is_known_by_its_name(
    scene: bpy.types.Scene, name: str, taken: bool
) -> None:
    before = bpy.data.collections.new(name)
    before.objects.link(bpy.data.objects.new("Door", None))
    scene.collection.children.link(before)
    assert (own_collection(scene, KIND) == before) == taken
    before.name = "Doors"
    assert (own_collection(scene, KIND) == before) == taken
