"""Answers in forms that nobody asked for: read and graded outside training, and as ever in training."""

from __future__ import annotations

import json
import time

import pytest

from metaspatial_addon.core.task import Item, Pose, Room, Task
from metaspatial_addon.prompts.answer import TOLERATED, read_answer
from metaspatial_addon.prompts.full import FullFormat
from metaspatial_addon.prompts.loose_answer import read_loosely

ROOM = Room("study", ((0, 0), (4, 0), (4, 4), (0, 4)), 2.5)
TASK = Task("t", "", ROOM, (Item("bed_1", "bed", (1, 2, 0.5)), Item("desk_1", "desk", (1, 1, 1))))
LIST = '[{"id": "bed_1", "x": 1.5, "y": 2, "z": 0, "yaw": 90}, {"id": "desk_1", "x": 3, "y": 1, "z": 0.5, "yaw": 0}]'
POSES = {"bed_1": Pose(1.5, 2, 0, 90), "desk_1": Pose(3, 1, 0.5, 0)}
STANDING = read_answer(f"<answer>{LIST}</answer>", TASK).layout
FENCED = f"```json\n{LIST}\n```"

FORMS = {
    "no tags": (LIST, 1),
    "words around it": (f"Here you are:\n{LIST}\nI hope that it helps [as ever].", 1),
    "an unclosed thought": (f"<think>x in [0, 4), a 5\" gap, it's so\n{LIST}", 2),
    "a thought and a fence": (f"<think>so</think>\n\n{FENCED}", 2),
    "two thoughts and a fence": (f"<think>so</think>Well.<think>or so</think>\n{FENCED}", 2),
    "a draft in the thought": (f"<think>{LIST.replace('1.5', '0.9')} no</think>{LIST}", 1),
    "within an object": (f'{{"placements": {LIST}, "notes": []}}', 1),
    "degrees as text": ("<answer>" + LIST.replace("90", '"90°"') + "</answer>", 1),
    "metres and degrees as text": (LIST.replace("90", '"90 degrees"').replace("1.5", '"1.5 m"'), 2),
    "other units": (LIST.replace("1.5", '"150 cm"').replace('"y": 2', '"y": "2000mm"').replace("0.5", '"0,5 m"'), 2),
    "bare units": (LIST.replace("90", "90°").replace("1.5", "1.5 m"), 2),
    "numbers as text": (LIST.replace("90", '"90"').replace("1.5", '"+1.5"'), 2),
    "comments": (LIST.replace("},", "}, // by the window\n"), 2),
    "comments and commas": (f"{LIST[:-1]}, // the end\n]", 3),
    "single quotes": (LIST.replace('"', "'"), 2),
    "one object after another": (LIST[1:-1].replace("}, ", "}\n"), 2),
    "words and a fence within the tags": (f"<answer>It is:\n{FENCED}\nDone.</answer>", 1),
    "tags within an unclosed thought": (f"<think>so <answer>{LIST}</answer>", 0),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_list_is_read_in_the_forms_that_models_give(form):
    text, errors = FORMS[form]
    answer = read_loosely(text, TASK)
    assert (answer.status, answer.layout and answer.layout.poses) == ("ok", POSES)
    assert answer.grade == pytest.approx(TOLERATED**errors) and len(answer.problems) == errors
    assert "<" not in answer.think and "```" not in answer.think
    assert FullFormat(lenient=True).read(text, TASK, None) == answer


@pytest.mark.parametrize("form", FORMS)
def test_in_training_they_are_graded_as_ever(form):
    text, errors = FORMS[form]
    answer = FullFormat().read(text, TASK, None)
    assert answer == read_answer(text, TASK)
    assert answer.status == "model_fault" or not errors


def test_what_is_asked_for_is_read_alike():
    for text in (f"<think>so</think><answer>{LIST}</answer>", f"<answer>{LIST}", "<answer>[]</answer>", "Hello", ""):
        assert read_loosely(text, TASK) == read_answer(text, TASK)
        assert read_loosely(text, TASK, STANDING) == read_answer(text, TASK, STANDING)


def test_the_end_of_an_episode_without_tags():
    answer = read_loosely("<think>Nothing to mend.</think>\n```json\n[]\n```", TASK, STANDING)
    assert answer.done and answer.layout == STANDING
    assert not read_loosely(f"[] would end it, but no: {LIST[:70]}", TASK, STANDING).done


def test_a_single_move_without_a_list():
    text = '<answer>{"id": "desk_1", "x": 1, "y": "1 m", "z": 0, "yaw": "270°"}</answer>'
    answer = read_loosely(text, TASK, STANDING)
    assert (answer.status, answer.changed) == ("ok", ("desk_1",))
    assert answer.layout.poses == {**POSES, "desk_1": Pose(1, 1, 0, 270)}


def test_wrong_items_are_graded_in_other_forms_as_well():
    strict = read_answer(f"<answer>{LIST.replace('desk_1', 'sofa_1')}</answer>", TASK)
    loose = read_loosely(LIST.replace("desk_1", "sofa_1"), TASK)
    assert loose.status == "model_fault" and loose.grade == pytest.approx(strict.grade * TOLERATED)
    assert set(strict.problems) < set(loose.problems)


NO_NUMBERS = ['"1.2 m or so"', '"90° m"', '"1e3 m"', '"m"', '""', '"1.2.3"', "null", "[1]", '"1 km"']


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_what_is_not_plainly_a_number_is_none(value):
    assert read_loosely(LIST.replace("1.5", value), TASK).status == "model_fault"


NOISE = {
    "lists that never end": '[{"a":1},' * 20_000,
    "brackets": "[{" * 50_000,
    "quotes": "[{'" * 50_000,
    "objects": '{"id"' * 50_000,
    "units": "[{" + "1 m," * 50_000,
    "comments": "[{,//\n" + "//\n" * 50_000,
    "commas": "[{" + ",   " * 50_000,
    "digits": "[{1e+" + "1e+" * 50_000,
    "long numbers": json.dumps([{"id": "bed_1", "x": "1" * 100_000}]),
}


@pytest.mark.parametrize("noise", NOISE)
def test_noise_is_read_in_linear_time(noise):
    began = time.process_time()
    assert read_loosely(NOISE[noise], TASK).status == "model_fault"
    assert time.process_time() - began < 2.0
