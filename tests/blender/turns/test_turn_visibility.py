"""Which turn is shown, and what it hides."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
from mathutils import Matrix

from metaspatial_addon.blender.turns import turn_collections, turn_visibility, turns
from tests.blender.turns.arrivals import MOVE, arrival, box, copy_of, let_arrive, seen, world


@pytest.fixture
def scene():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene


def test_a_turn_stands_beside_the_originals_and_hides_them(scene):
    bed, lamp, other = box("Bed"), box("Lamp", (1, 0, 0)), box("Plant", (0, 2, 0))
    turn = let_arrive(arrival({bed: MOVE, lamp: Matrix()}))
    assert seen(scene) == {"Bed · 01", "Lamp · 01", "Plant"}
    assert bed.hide_render and lamp.hide_render and not other.hide_render
    assert np.allclose(world(bed), np.eye(4)), "originals do not move"
    assert np.allclose(world(copy_of(turn, bed)), np.array(MOVE), atol=1e-6)
    assert copy_of(turn, bed).data == bed.data
    run = turns.runs(scene)[0]
    assert (run.name, turns.turns(run), turn_visibility.shown(scene)) == ("MetaSpatial · calm bedroom", [turn], turn)
    turn_collections.show(scene, None)
    assert seen(scene) == {"Bed", "Lamp", "Plant"} and not bed.hide_render and not turn_visibility.hides(scene)
    turn_collections.show(scene, turn)
    assert seen(scene) == {"Bed · 01", "Lamp · 01", "Plant"} and turn_visibility.hides(scene)


def test_what_was_hidden_before_stays_hidden(scene):
    bed, lamp, cable = box("Bed"), box("Lamp"), box("Cable")
    lamp.hide_set(True)
    cable.hide_render = True
    turn = let_arrive(arrival({bed: MOVE, lamp: MOVE, cable: MOVE}))
    turn_collections.show(scene, None)
    assert lamp.hide_get() and not lamp.hide_render
    assert cable.hide_render and not cable.hide_get()
    assert turn_visibility.shown(scene) is None and turn.name in bpy.data.collections
    turn_collections.show(scene, turn)
    assert set(turn_visibility.hidden_originals(scene)) == {bed, cable}


def test_hiding_survives_renaming_deleting_and_relinking(scene):
    objects = {name: box(name) for name in ("Bed", "Lamp", "Desk", "Sofa")}
    let_arrive(arrival(dict.fromkeys(objects.values(), MOVE)))
    bed, lamp, desk, sofa = objects.values()
    bed.name = "Renamed"
    bpy.data.objects.remove(lamp)
    scene.collection.objects.unlink(desk)
    other = bpy.data.collections.new("Other")
    scene.collection.children.link(other)
    other.objects.link(sofa)
    scene.collection.objects.unlink(sofa)
    scene.view_layers[0].name = "Renamed, too"
    turn_visibility.restore_all()
    assert seen(scene) == {"Renamed", "Sofa"} and not turn_visibility.hides(scene)
    assert not desk.hide_render


def test_deleting_the_run_by_hand_loses_no_original(scene):
    bed = box("Bed")
    let_arrive(arrival({bed: MOVE}))
    turns.remove_run(turns.runs(scene)[0])
    assert turn_visibility.shown(scene) is None and turn_visibility.hides(scene)
    turn_collections.show(scene, None)
    assert seen(scene) == {"Bed"}


def test_a_run_that_the_artist_put_elsewhere_and_switched_off_is_shown_again(scene):
    bed = box("Bed")
    first, second = (let_arrive(arrival({bed: MOVE}, number)) for number in (1, 2))
    run, shelf = turns.runs(scene)[0], bpy.data.collections.new("Archive")
    scene.collection.children.link(shelf)
    shelf.children.link(run)
    scene.collection.children.unlink(run)
    scene.view_layers[0].layer_collection.children["Archive"].children[run.name].exclude = True
    run.hide_viewport = True
    assert turn_visibility.shown(scene) is None
    turn_collections.show(scene, first)
    assert seen(scene) == {"Bed · 01"} and turn_visibility.shown(scene) == first
