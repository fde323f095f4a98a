"""What a turn did and what is wrong with it."""

from __future__ import annotations

import math

import bpy
import numpy as np
import pytest
from mathutils import Matrix

from metaspatial_addon.blender.turns import compare, turns
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.task import Pose
from tests.blender.turns.arrivals import MOVE, arrival, box, copy_of, let_arrive


@pytest.fixture
def scene():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene


def test_moves_between_turns_and_from_the_originals(scene):
    bed, lamp, shade = box("Bed"), box("Lamp", (2, 0, 0)), box("Shade", (2, 0, 1))
    shade.parent, shade.matrix_parent_inverse = lamp, Matrix.Translation((-2, 0, 0))
    first = let_arrive(arrival({bed: MOVE, lamp: Matrix()}, 1))
    second = let_arrive(arrival({bed: MOVE, lamp: MOVE}, 2))
    assert [move.item for move in compare.moves(first, None)] == ["Bed"]
    (move,) = compare.moves(second, first)
    assert move.item == "Lamp"
    assert np.allclose(move.before, np.array(Matrix.Translation((2, 0, 0))))
    assert np.allclose(move.after, np.array(MOVE @ Matrix.Translation((2, 0, 0))), atol=1e-6)
    corners = np.array(move.corners)
    assert np.allclose(corners.min(axis=0), (-0.5, -0.5, 0)) and np.allclose(corners.max(axis=0), (0.5, 0.5, 2))


def test_faults_name_the_objects_of_their_turn(scene):
    bed, lamp, pillar = box("Bed"), box("Lamp"), box("Pillar")
    evidence = {
        "overlaps": [{"a": "Bed", "b": "Pillar", "depth": 0.23}],
        "blocked": [{"opening": "Door", "by": ["Lamp", "Bed"], "share": 0.6}],
        "relations": [{"subject": "Lamp", "predicate": "against", "object": "wall", "score": 0.0}],
    }
    turn = let_arrive(arrival({bed: MOVE, lamp: MOVE}, others=[pillar], evidence=evidence))
    found = compare.faults(turn)
    assert [fault.objects for fault in found] == [("Bed · 01", "Pillar"), ("Lamp · 01", "Bed · 01"), ("Lamp · 01",)]
    assert "0.23 m" in found[0].text and found[0].items == ("Bed", "Pillar")
    pillar.name = "Column"
    assert compare.faults(turn)[0].objects == ("Bed · 01", "Column")
    assert compare.faults(let_arrive(arrival({bed: MOVE}, 2))) == []


def test_the_layout_follows_the_artists_corrections(scene):
    bed, lamp = box("Bed", (1, 0, 0)), box("Lamp")
    turn = let_arrive(arrival({bed: Matrix.Translation((0, 2, 0)), lamp: Matrix()}))
    assert compare.turn_layout(turn).poses["Bed"] == Pose(0, 2, 0, 0) and not compare.moved_by_hand(turn)
    copy = copy_of(turn, bed)
    copy.location, copy.rotation_euler.z = (3, 1, 0.5), math.pi / 2
    poses = compare.turn_layout(turn).poses
    moved = poses["Bed"]
    assert (moved.x, moved.y, moved.z, moved.yaw) == pytest.approx((2, 1, 0.5, 90), abs=1e-5)
    assert poses["Lamp"] == Pose(-1, 0, 0, 0) and compare.moved_by_hand(turn)
    with pytest.raises(InputError, match="could be used"):
        compare.turn_layout(turns.add_turn(turns.runs(scene)[0], [], {"layout": None}))
