"""The report's parts: which layouts it shows, its charts, and that no text from outside becomes HTML."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("bpy")

from headless.evaluation.chart import Line, axis_ticks, line_chart
from headless.evaluation.gallery import caption, failures_of, picked
from headless.evaluation.metrics import counts_of
from headless.evaluation.report import Report
from headless.evaluation.results import Results
from headless.evaluation.runner import Result, add_turns, best_row, rows_of, turn_row
from headless.evaluation.strata import stratify
from headless.taskgen.make import make_task
from metaspatial_addon.core.evidence import Evidence
from metaspatial_addon.core.faults import Unreachable
from metaspatial_addon.episode.turn import Candidate, Outcome, Turn
from metaspatial_addon.prompts.answer import Answer
from metaspatial_addon.scoring.score import Score

TASK, LAYOUT = make_task("test", 6, 0)
FAULTY = Evidence((Unreachable("<i>bed"),))


def turn_of(reward: float, clean: bool = True, task=TASK) -> Turn:
    score = replace(Score.of(task, 1.0, Evidence() if clean else FAULTY), reward=reward)
    candidate = Candidate("", Answer("ok", 1.0, replace(LAYOUT, task=task.id)), score)
    return Turn(1, "ok", score, (), candidate, timings={"model": 1.0, "physics": reward})


def result_of(number: int, reward: float, clean: bool = True, seed: int = 0) -> Result:
    task = replace(TASK, id=f"task {number} <b>")
    return Result(task, seed, turn_of(reward, clean, task))


def test_turns_count_by_themselves_and_as_the_best_so_far():
    results = Results()
    add_turns(results, "p", TASK, 0, Outcome((turn_of(0.6), turn_of(0.5)), None), 3)
    assert list(results.rows) != rows_of("p", 3) and set(results.rows) == set(rows_of("p", 3))
    rows = results.intervals()
    assert [rows[turn_row("p", k)]["reward"].value for k in (1, 2, 3)] == [0.6, 0.5, 0.5]
    assert [rows[best_row("p", k)]["reward"].value for k in (1, 2, 3)] == [0.6, 0.6, 0.6]
    assert [rows[turn_row("p", k)]["seconds"].value for k in (1, 2, 3)] == [1.6, 1.5, None]
    assert rows["p, best of 3"]["seconds"].value == pytest.approx(1.55)


def test_sheets_show_the_best_the_middle_and_the_worst_of_one_seed():
    results = [result_of(k, k / 20) for k in range(12)] + [result_of(3, 0.99, seed=1)]
    rewards = {title: [r.score.reward for r in chosen] for title, chosen in picked(results, 2).items()}
    assert rewards == {"Best": [0.55, 0.5], "Middle": [0.3, 0.25], "Worst": [0.05, 0.0]}
    assert [len(chosen) for chosen in picked(results[:2]).values()] == [2] and picked([]) == {}


def test_failures_are_told_once_a_task_worst_first():
    results = [result_of(0, 0.9, False), result_of(1, 0.5), result_of(2, 0.7, False), result_of(2, 0.6, False, 1)]
    found = [(f.worst.score.reward, f.faulty, f.seeds) for f in failures_of(results)]
    assert found == [(0.6, 2, 2), (0.9, 1, 1)]
    assert caption(results[0]) == "task 0 <b>, 0.900: <i>bed unreachable"


def test_no_text_from_outside_becomes_html():
    results, bad = Results(), result_of(0, 0.5, False)
    for row in rows_of("default", 2):
        results.add(row, bad.task, 0, counts_of(bad.task, bad.score))
    report = Report(
        {"policy": "<script>", "against": None},
        results.intervals(),
        stratify(results, [bad.task]),
        results.by_seed(),
        {},
        {},
        ["default"],
        2,
        failures_of([bad]),
        {"default": ["<u>gone"]},
    )
    text = report.html()
    assert not any(tag in text for tag in ("<script>", "<i>bed", "task 0 <b>", "<u>gone"))
    assert "&lt;script&gt;" in text and "&lt;i&gt;bed unreachable" in text and text.count("<svg") >= 7


@given(st.floats(-1e4, 1e4), st.floats(0, 1e4), st.sampled_from((0.01, 1.0)))
def test_an_axis_encloses_its_values_with_few_round_ticks(low, span, least):
    ticks = axis_ticks(low, low + span, least)
    assert 3 <= len(ticks) <= 8 and ticks == sorted(set(ticks))
    slack = 1e-6 * max(1.0, abs(low) + span)
    assert ticks[0] <= low + slack and low + span - slack <= ticks[-1]


numbers = st.one_of(st.none(), st.floats(0, 100))


@given(st.lists(st.tuples(numbers, numbers, numbers), max_size=5))
def test_a_chart_is_well_formed(points):
    values, low, high = zip(*points, strict=True) if points else ((), (), ())
    text = line_chart("a < b", [Line("x & y", values, low, high), Line("z", values, low, high, 1, True)], 1.0)
    assert not text or ElementTree.fromstring(text).tag.endswith("svg")
    assert "nan" not in text
