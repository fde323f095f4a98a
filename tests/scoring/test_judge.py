"""The judge: what it is asked, what it may reply, and that its failures are never grades."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaspatial_addon.scoring.judge import RUBRIC, Judge, JudgeFault, read_grades
from metaspatial_addon.scoring.score import Score
from tests.scoring.samples import CLEAN, TASK

GOOD = json.dumps({"function": 5, "arrangement": 4, "balance": 3, "fit": 4})
TOP, ROOM = b"\x89PNG top", b"\x89PNG room"


@dataclass
class Reply:
    text: str


@dataclass
class Scripted:
    """A policy that replies from a list and remembers what it was asked."""

    texts: list[str]
    sees_images: bool = True
    asked: list = field(default_factory=list)

    def answer(self, conversations, seeds, temperature=None, on_progress=None):
        self.asked.append((list(conversations), list(seeds), temperature))
        return [Reply(self.texts.pop(0)) for _ in conversations]


class Unreachable:
    sees_images = True

    def answer(self, conversations, seeds, temperature=None, on_progress=None):
        raise RuntimeError("http://localhost:1: connection refused")


def test_grades_become_a_score():
    judgement = Judge(Scripted([GOOD])).grade(TASK, TOP, ROOM)
    assert judgement.grades == {"function": 5, "arrangement": 4, "balance": 3, "fit": 4}
    assert judgement.score == pytest.approx(0.75)
    assert Score.of(TASK, 1.0, CLEAN, judge=judgement.score).terms["judge"] == pytest.approx(0.75)


@pytest.mark.parametrize(("grade", "score"), [(1, 0.0), (3, 0.5), (5, 1.0)])
def test_the_scale_runs_from_nought_to_one(grade, score):
    assert Judge(Scripted([json.dumps(dict.fromkeys(RUBRIC, grade))])).grade(TASK, TOP, ROOM).score == score


def test_it_is_shown_the_wish_the_items_and_both_pictures():
    policy = Scripted([GOOD])
    Judge(policy).grade(TASK, TOP, ROOM, seed=7)
    ((system, user),), seeds, temperature = policy.asked[0]
    assert (seeds, temperature) == ([7], 0.0)
    assert (system.role, user.role, user.images) == ("system", "user", (TOP, ROOM))
    assert TASK.prompt in user.text and "20.0 square metres" in user.text
    assert all(f"{item.id}: {item.category}, 0.50 x 0.50 x 0.90 m" in user.text for item in TASK.items)
    assert all(aspect in system.text and anchors[1] in system.text for aspect, anchors in RUBRIC.items())


def test_samples_are_asked_together_and_averaged():
    policy = Scripted([GOOD, GOOD.replace("5", "2"), GOOD])
    judgement = Judge(policy, samples=3).grade(TASK, TOP, ROOM, seed=40)
    assert judgement.grades["function"] == 4
    assert len(policy.asked) == 1 and policy.asked[0][1] == [40, 41, 42]
    assert len(judgement.replies) == 3


def test_only_what_could_not_be_read_is_asked_again_and_told_why():
    policy = Scripted([GOOD, "Nice room!", GOOD.replace("3", "9"), GOOD])
    judgement = Judge(policy, samples=2, retries=2).grade(TASK, TOP, ROOM)
    assert judgement.score == pytest.approx(0.75)
    assert [seeds for _, seeds, _ in policy.asked] == [[0, 1], [1], [1]]
    assert "no JSON object" in policy.asked[1][0][0][-1].text
    assert "balance was 9" in policy.asked[2][0][0][-1].text
    assert len(policy.asked[2][0][0]) == 4


@pytest.mark.parametrize("text", ["", "5 out of 5", GOOD.replace("5", "0"), GOOD.replace("5", "6")])
def test_a_judge_that_cannot_be_read_is_a_fault_and_no_grade(text):
    with pytest.raises(JudgeFault, match="3 attempts"):
        Judge(Scripted([text] * 3)).grade(TASK, TOP, ROOM)


def test_a_judge_that_cannot_be_reached_is_a_fault_and_no_grade():
    with pytest.raises(JudgeFault, match="connection refused"):
        Judge(Unreachable()).grade(TASK, TOP, ROOM)


def test_a_bug_of_the_policy_is_no_fault_of_the_judge():
    policy = Scripted([])

    def answer(conversations, seeds, temperature=None):
        raise RecursionError("maximum depth")

    policy.answer = answer
    with pytest.raises(RecursionError):
        Judge(policy).grade(TASK, TOP, ROOM)


def test_a_missing_reply_is_a_fault():
    policy = Scripted([GOOD])
    policy.answer = lambda conversations, seeds, temperature=None: []
    with pytest.raises(JudgeFault, match="replied 0 times"):
        Judge(policy).grade(TASK, TOP, ROOM)


def test_settings_that_cannot_judge_are_refused():
    with pytest.raises(ValueError, match="samples"):
        Judge(Scripted([]), samples=0)
    with pytest.raises(ValueError, match="sees images"):
        Judge(Scripted([], sees_images=False))


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"```json\n{GOOD}\n```",
        f"<think>{{maybe}} {GOOD.replace('5', '1')}</think> Here you are: {GOOD}. Enjoy {{it}}!",
        GOOD.replace("}", ', "reason": {"function": "ready to use"},}'),
        GOOD.replace("5", "5.0"),
    ],
)
def test_grades_are_found_in_what_models_write(text):
    assert read_grades(text) == {"function": 5, "arrangement": 4, "balance": 3, "fit": 4}


@pytest.mark.parametrize("value", ['"5"', "null", "true", "NaN", "Infinity", "1e999", "-3", "9" * 3000, "[5]", "5.01"])
def test_grades_that_are_no_numbers_in_range_are_not_read(value):
    with pytest.raises(ValueError, match="function was"):
        read_grades(GOOD.replace("5", value))


def test_a_missing_aspect_is_not_read():
    with pytest.raises(ValueError, match="no JSON object"):
        read_grades('{"function": 5, "arrangement": 4, "balance": 3}')


@given(st.one_of(st.text(), st.text(alphabet='{}[]",:5 \n', max_size=300)))
def test_no_text_raises_anything_else(text):
    with pytest.raises(ValueError):
        read_grades(text)


@pytest.mark.parametrize("noise", ["{" * 100_000, '{"a":' * 100_000, "x" * 1_000_000, '{"function": 5, ' * 50_000])
@pytest.mark.timeout(60)  # what grows with the square of the text would take an hour
def test_noise_has_no_grades(noise):
    with pytest.raises(ValueError):
        read_grades(noise)
