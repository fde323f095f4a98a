"""The answer reader: what is usable, how much the rest is worth, and that no text breaks it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaspatial_addon.core.task import Item, Layout, Pose, Room, Task
from metaspatial_addon.prompts.answer import TOLERATED, read_answer

ROOM = Room("study", ((0, 0), (4, 0), (4, 4), (0, 4)), 2.5)
TASK = Task(
    "study-1",
    "",
    ROOM,
    (
        Item("bed_1", "bed", (1, 2, 0.5)),
        Item("desk_1", "desk", (1.2, 0.6, 0.75)),
        Item("lamp_1", "lamp", (0.2, 0.2, 0.4)),
        Item("stove_1", "stove", (1, 1, 1), locked=True, pose=Pose(1, 1)),
    ),
)
BEFORE = Layout("study-1", {"bed_1": Pose(1, 1), "desk_1": Pose(3, 3, 0, 90), "lamp_1": Pose(3, 3, 0.75)})
IDS = ("bed_1", "desk_1", "lamp_1")


def entry(item_id, **changes):
    return {"id": item_id, "x": 1.5, "y": 2, "z": 0, "yaw": -90, **changes}


def text(*entries, think="first the bed"):
    return f"<think>{think}</think><answer>{json.dumps(list(entries))}</answer>"


ALL = text(*map(entry, IDS))


def test_a_whole_first_answer():
    answer = read_answer(ALL, TASK)
    assert (answer.status, answer.grade, answer.done, answer.problems) == ("ok", 1.0, False, ())
    assert answer.layout == Layout("study-1", dict.fromkeys(IDS, Pose(1.5, 2.0, 0.0, 270.0)))
    assert answer.changed == IDS
    assert answer.think == "first the bed"


def test_a_later_answer_moves_what_it_lists_and_leaves_the_rest():
    answer = read_answer(text(entry("desk_1"), entry("bed_1", x=1, y=1, yaw=0)), TASK, BEFORE)
    assert answer.status == "ok"
    assert answer.layout.poses == {**BEFORE.poses, "desk_1": Pose(1.5, 2.0, 0.0, 270.0)}
    assert answer.changed == ("desk_1",)  # the bed is listed where it was
    assert not answer.done


def test_the_empty_list_ends_an_episode_but_places_nothing():
    assert read_answer(text(), TASK, BEFORE) == read_answer("<answer> [ ] </answer>", TASK, BEFORE).__class__(
        "ok", 1.0, BEFORE, (), True, (), "first the bed"
    )
    first = read_answer(text(), TASK)
    assert (first.status, first.done, first.grade) == ("model_fault", False, 0.2)


def test_the_example_of_the_design_with_extra_keys():
    answer = read_answer(text(*(entry(i, width=1, why=["a", {"b": None}]) for i in IDS)), TASK)
    assert (answer.status, answer.grade) == ("ok", 1.0)


@pytest.mark.parametrize(
    "block",
    [
        "```json\n{}\n```",
        "```\n{}\n```",
        "```json{}```",
        "\n ```JSON\n{}```\n",
    ],
)
def test_fences_are_read_at_a_small_price(block):
    inner = json.dumps([entry(i) for i in IDS])
    answer = read_answer(f"<answer>{block.replace('{}', inner)}</answer>", TASK)
    assert (answer.status, answer.grade) == ("ok", TOLERATED)
    assert answer.problems == ("Write the list without a code fence.",)


def test_trailing_commas_are_read_at_a_small_price_and_commas_in_texts_stay():
    inner = json.dumps([entry(i, note='a,] b,} \\"c,]') for i in IDS]).replace("}", ", }")
    answer = read_answer(f"<answer>{inner[:-1]} ,\n]</answer>", TASK)
    assert (answer.status, answer.grade) == ("ok", TOLERATED)
    assert answer.layout.poses["lamp_1"] == Pose(1.5, 2.0, 0.0, 270.0)


def test_format_errors_add_up_and_stay_above_the_best_unusable_answer():
    inner = json.dumps([entry(i) for i in IDS])[:-1] + ",]"
    answer = read_answer(f"<answer>[]</answer><ANSWER>```{inner}```</ANSWER>", TASK)
    assert answer.status == "ok"
    assert answer.grade == pytest.approx(TOLERATED**3)
    nearly = read_answer(text(*(entry(i) for i in (*IDS, "bed_1"))), TASK)
    assert answer.grade > 0.8 > nearly.grade


def test_of_several_blocks_the_last_complete_one_counts():
    wrong = text(entry("sofa_1"))
    assert read_answer(wrong + ALL, TASK).status == "ok"
    assert read_answer(ALL + wrong, TASK).status == "model_fault"
    assert read_answer(ALL + "<answer>", TASK) == read_answer(ALL, TASK)
    named_in_thought = "<think>I must write <answer> first</think>" + ALL
    assert read_answer(named_in_thought, TASK).grade == 1.0


def test_a_block_without_its_end_is_read_to_the_end():
    answer = read_answer(ALL.removesuffix("</answer>"), TASK)
    assert (answer.status, answer.grade) == ("ok", TOLERATED)
    assert read_answer(ALL[:-30], TASK).grade == 0.1  # cut off within the list


GRADES = [
    ("", 0.0),
    ("Put the bed by the wall.", 0.0),
    (json.dumps([entry(i) for i in IDS]), 0.0),
    ("</answer>[]<x>", 0.0),
    ("<answer></answer>", 0.1),
    ("<answer>the bed by the wall</answer>", 0.1),
    ("<answer>[{]</answer>", 0.1),
    ("<answer>7</answer>", 0.2),
    ('<answer>{"bed_1": {"x": 1}}</answer>', 0.2),
    ("<answer>[1, null]</answer>", 0.2),
    (text(entry("sofa_1")), 0.2),
    (text(entry("bed_1")), 0.4),
    (text(entry("bed_1"), entry("desk_1")), 0.6),
    (text(*(entry(i) for i in (*IDS, "sofa_1"))), 0.65),
    (text(*(entry(i) for i in (*IDS, "stove_1"))), 0.65),
    (text(*(entry(i) for i in (*IDS, "bed_1"))), 0.65),
    (text(entry("bed_1"), entry("desk_1"), entry("lamp_1", x="1.5")), 0.6),
]


@pytest.mark.parametrize(("answer", "grade"), GRADES)
def test_unusable_first_answers_are_graded(answer, grade):
    read = read_answer(answer, TASK)
    assert (read.status, read.layout, read.done) == ("model_fault", None, False)
    assert read.grade == pytest.approx(grade)
    assert read.problems


def test_wrong_entries_spoil_a_later_answer_too():
    assert read_answer(text(entry("bed_1"), entry("sofa_1")), TASK, BEFORE).grade == pytest.approx(0.5)
    assert read_answer(text(entry("stove_1")), TASK, BEFORE).grade == pytest.approx(0.2)


@pytest.mark.parametrize(
    "value", ["1", None, True, [1], {}, float("nan"), float("inf"), -float("inf"), 1000.01, -1e9, 10**50, 10**500]
)
@pytest.mark.parametrize("key", ["x", "y", "z", "yaw"])
def test_numbers_must_be_numbers_that_are_finite_and_within_a_thousand(key, value):
    answer = read_answer(text(entry("bed_1", **{key: value}), entry("desk_1"), entry("lamp_1")), TASK)
    assert answer.status == "model_fault"
    assert answer.problems == ("bed_1 needs x, y, z and yaw as numbers from -1000 to 1000.",)
    assert "1e400" not in text() and read_answer(text(entry("bed_1", x=1000)), TASK, BEFORE).status == "ok"


def test_1e400_and_missing_numbers_are_refused():
    for bad in ('"x": 1e400, "y": 1, "z": 0, "yaw": 0', '"x": 1, "y": 1, "z": 0'):
        assert read_answer('<answer>[{"id": "bed_1", ' + bad + "}]</answer>", TASK, BEFORE).status == "model_fault"


def test_problems_name_each_fault_once():
    answer = read_answer(text(entry("sofa_9"), entry("stove_1"), entry("bed_1"), entry("bed_1"), {"x": 1}), TASK)
    assert answer.problems == (
        '"sofa_9" is no item of this task.',
        "stove_1 is locked and must not be listed.",
        "bed_1 is listed more than once.",
        "An entry has no id.",
        "Not placed: desk_1, lamp_1.",
    )


def test_problems_stay_few_and_short_whatever_the_model_writes():
    answer = read_answer(text(*(entry(f"\ud800 {k} " + "x" * 500) for k in range(5000))), TASK)
    assert len(answer.problems) <= 14
    assert len("".join(answer.problems)) < 2000
    "".join(answer.problems).encode("utf-8")


HUGE = 10**6
NOISE = {
    "brackets": "<answer>" + "[" * 100_000 + "</answer>",
    "braces": "<answer>" + '{"a":' * 100_000 + "</answer>",
    "unclosed": "[" * HUGE,
    "quotes": "<answer>" + '"\\' * (HUGE // 2) + "</answer>",
    "commas": "<answer>[" + ", " * (HUGE // 2) + "]</answer>",
    "numbers": "<answer>[" + "1," * (HUGE // 2) + "]</answer>",
    "one number": "<answer>[" + "1" * HUGE + "]</answer>",
    "one float": "<answer>[0." + "1" * HUGE + "]</answer>",
    "tags": "<answer>" * (HUGE // 8),
    "blocks": "<answer>[]</answer>" * (HUGE // 19),
    "end tags": "</answer>" * (HUGE // 9),
    "angles": "<" * HUGE,
    "ticks": "<answer>" + "`" * HUGE,
    "spaces": "<answer>[" + " " * HUGE + ",]</answer>",
    "gaps": "<answer>[" + ("," + " " * 999) * (HUGE // 1000) + "]</answer>",
    "entries": "<answer>[" + '{"id": "bed_1"},' * (HUGE // 16) + "]</answer>",
    "words": "the bed stands by the wall " * (HUGE // 27),
}


@pytest.mark.timeout(60)  # what grows with the square of the text would take an hour
@pytest.mark.parametrize("noise", NOISE)
def test_a_megabyte_of_noise_is_a_fault_like_any_other(noise):
    assert read_answer(NOISE[noise], TASK).status == "model_fault"


pieces = st.sampled_from(
    [
        "<think>",
        "</think>",
        "<answer>",
        "</answer>",
        "```json",
        "```",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        '"',
        "\\",
        "\n",
        '"id"',
        '"x"',
        '"y"',
        '"z"',
        '"yaw"',
        '"bed_1"',
        '"desk_1"',
        '"stove_1"',
        "1",
        "-2.5",
        "1e400",
        "NaN",
        "Infinity",
        "null",
        "true",
        '"3"',
        "\u2028",
        "\x00",
        json.dumps(entry("bed_1")),
        json.dumps(entry("lamp_1")),
        ALL,
    ]
)
texts = st.one_of(
    st.text(),
    st.lists(pieces, max_size=25).map("".join),
    st.lists(pieces, max_size=12).map(lambda parts: f"<answer>{''.join(parts)}</answer>"),
)


@given(texts, st.sampled_from([None, BEFORE]))
def test_any_text_gets_a_status_that_fits_its_grade(noise, before):
    answer = read_answer(noise, TASK, before)
    assert answer.status == ("ok" if answer.grade > 0.8 else "model_fault")
    assert (answer.layout is not None) == (answer.status == "ok")
    if answer.layout is not None:
        assert tuple(answer.layout.poses) == IDS
        assert all(abs(v) <= 1000 for pose in answer.layout.poses.values() for v in (pose.x, pose.y, pose.z))
        assert all(0 <= pose.yaw < 360 for pose in answer.layout.poses.values())
    else:
        assert 0 <= answer.grade <= 0.8 and answer.problems


poses = st.builds(Pose, *[st.floats(-1000, 1000).map(lambda v: round(v, 4))] * 3, st.integers(0, 359).map(float))


@given(st.fixed_dictionaries(dict.fromkeys(IDS, poses)), st.permutations(IDS))
def test_what_is_written_is_read(placed, order):
    answer = read_answer(text(*({"id": i, **vars(placed[i])} for i in order)), TASK)
    assert answer.layout == Layout("study-1", placed)


@given(st.lists(st.sampled_from([*IDS, "sofa_1", "stove_1"]), max_size=8))
def test_each_wrong_entry_costs_and_each_right_one_earns(ids):
    grade = read_answer(text(*map(entry, ids)), TASK).grade
    assert read_answer(text(*map(entry, [*ids, "sofa_2"])), TASK).grade <= grade
    for item_id in set(IDS) - set(ids):
        assert read_answer(text(*map(entry, [*ids, item_id])), TASK).grade > grade


def test_a_task_with_nothing_to_place_takes_the_empty_list():
    task = Task("t", "", ROOM, TASK.locked)
    answer = read_answer("<answer>[]</answer>", task)
    assert (answer.status, answer.layout) == ("ok", Layout("t", {}))
