"""Turns of items that carry objects: copies keep together, and the originals follow."""

from __future__ import annotations

import bpy
import numpy as np
import pytest
from mathutils import Matrix

from metaspatial_addon.blender.frames import matrix_to_list
from metaspatial_addon.blender.turns import compare, turn_collections
from tests.blender.turns.arrivals import MOVE, arrival, box, copy_of, let_arrive, world


@pytest.fixture
def scene():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene


@pytest.fixture
def shelf_and_book(scene):
    """An unevenly scaled shelf, rotated, and a book on it that is no child of it; and a turn that moves both."""
    shelf, book = box("Shelf", (1, 1, 0)), box("Book", (1.2, 1, 1))
    shelf.scale, shelf.rotation_euler.z, book.rotation_euler.z = (2, 0.5, 1), 0.4, 0.7
    bpy.context.view_layer.update()
    given = arrival({shelf: MOVE})
    given.task["objects"]["Shelf"].append("Book")
    placed = {"item": "Shelf", "name": "Book", "hidden": False, "matrix": matrix_to_list(MOVE @ book.matrix_world)}
    given.turn["objects"].append(placed)
    given.originals["Book"] = book.session_uid
    return shelf, book, let_arrive(given)


def test_a_carried_copy_follows_its_carriers_copy(scene, shelf_and_book):
    shelf, book, turn = shelf_and_book
    before = world(book)
    assert np.allclose(world(copy_of(turn, book)), np.array(MOVE) @ before, atol=1e-5)
    correction = Matrix.Translation((0.5, 0, 0)) @ Matrix.Rotation(0.3, 4, "Z")
    copy_of(turn, shelf).matrix_world = correction @ copy_of(turn, shelf).matrix_world
    assert np.allclose(world(copy_of(turn, book)), np.array(correction @ MOVE) @ before, atol=1e-5)
    accepted = turn_collections.accept(scene, turn)
    assert accepted == turn_collections.AcceptResult(2, ())
    assert np.allclose(world(book), np.array(correction @ MOVE) @ before, atol=1e-5)
    assert book.parent is None


def test_an_item_with_what_it_carries_is_one_move_and_one_placement(scene, shelf_and_book):
    shelf, book, turn = shelf_and_book
    (move,) = compare.moves(turn, None)
    assert np.allclose(move.before, world(shelf), atol=1e-6)
    assert list(compare.turn_layout(turn).poses) == ["Shelf"]
    assert turn_collections.start_matrices(turn).keys() == {"Shelf", "Book"}
