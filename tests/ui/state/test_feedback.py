"""What an artist keeps, corrects and deletes is written down, if the artist says so."""

from __future__ import annotations

import json

import bpy
import pytest
from mathutils import Matrix

from headless.evaluation.task_files import read_feedback
from metaspatial_addon.core.feedback import MOST_REJECTED
from metaspatial_addon.core.task import Item, Room, Task, task_to_json
from metaspatial_addon.ui.state import feedback, preferences
from tests.blender.turns.arrivals import task_message, turn_message
from tests.ui.jobs import MOVE, generate, until_idle

TASK = Task(
    "scene",
    "calm",
    Room("bedroom", ((0, 0), (6, 0), (6, 6), (0, 6)), 2.6),
    (Item("Bed", "double bed", (1, 1, 1)), Item("Lamp", "floor lamp", (1, 1, 1))),
)


def let_play(moves) -> None:
    """A run with a turn for each of the moves of both objects."""
    worker = generate()
    roots = [bpy.data.objects[name] for name in ("Bed", "Lamp")]
    worker.outbox.append({**task_message(roots), "task": task_to_json(TASK)})
    for number, move in enumerate(moves, 1):
        worker.outbox.append(turn_message(dict.fromkeys(roots, move), number))
    worker.says_done(best=1)
    until_idle()
    preferences.of(bpy.context).keep_feedback = True


@pytest.fixture
def shown_turns(scene, recorded):
    """Two turns of a run that move both objects, there and the other way."""
    let_play((MOVE, MOVE.inverted()))


def kept() -> list:
    return read_feedback(str(feedback.path())) if feedback.path().exists() else []


def test_nothing_is_kept_unless_asked_for(shown_turns):
    preferences.of(bpy.context).keep_feedback = False
    bpy.ops.metaspatial.accept_turn(number=1)
    bpy.ops.metaspatial.delete_turn(number=2)
    assert not feedback.path().exists()


def test_an_accepted_turn_is_kept_beside_the_others(shown_turns):
    assert bpy.ops.metaspatial.accept_turn(number=1) == {"FINISHED"}
    (line,) = kept()
    assert line.task == TASK and feedback.lines() == 1
    assert line.layout.poses["Bed"].x == pytest.approx(3 - 1) and len(line.rejected) == 1
    assert line.rejected[0].poses["Bed"].x == pytest.approx(-3 - 1)


def test_a_corrected_turn_keeps_both_what_was_and_what_is(shown_turns):
    assert bpy.ops.metaspatial.show_turn(number=1) == {"FINISHED"}
    copy = next(obj for obj in bpy.context.view_layer.objects if obj.name.startswith("Bed") and obj.visible_get())
    copy.location.y += 0.5
    bpy.context.view_layer.update()
    assert bpy.ops.metaspatial.accept_turn(number=1) == {"FINISHED"}
    (line,) = kept()
    answered = next(layout for layout in line.rejected if layout.poses["Bed"].x > 0)
    assert line.layout.poses["Bed"].y == pytest.approx(answered.poses["Bed"].y + 0.5)
    assert line.layout.poses["Lamp"] == answered.poses["Lamp"] and len(line.rejected) == 2


def test_a_deleted_turn_is_rejected_unless_it_was_accepted(shown_turns):
    bpy.ops.metaspatial.accept_turn(number=1)
    bpy.ops.metaspatial.delete_turn(number=2)
    bpy.ops.metaspatial.delete_turn(number=1)
    assert [line.layout is None for line in kept()] == [False, True]


def test_of_very_many_turns_the_last_are_kept(scene, recorded):
    let_play([Matrix.Translation((k / 100, 0, 0)) for k in range(70)])
    assert bpy.ops.metaspatial.accept_turn(number=1) == {"FINISHED"}
    (line,) = kept()
    assert len(line.rejected) == MOST_REJECTED
    assert line.rejected[-1].poses["Bed"].x == pytest.approx(0.69 - 1)


def test_a_file_that_cannot_be_written_costs_nothing_else(shown_turns):
    feedback.path().mkdir()
    assert bpy.ops.metaspatial.accept_turn(number=1) == {"FINISHED"}
    assert bpy.data.objects["Bed"].location.x == pytest.approx(3)


def test_lines_are_counted_when_blender_starts(shown_turns):
    feedback.path().write_text(json.dumps({}) + "\n" + json.dumps({}) + "\n")
    feedback.count()
    assert feedback.lines() == 2
