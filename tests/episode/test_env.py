"""Episodes on a real stage, step by step: what is asked, shown and scored, how episodes end, and what fails."""

from __future__ import annotations

import itertools
import json

import pytest

pytest.importorskip("bpy")

from metaspatial_addon.blender.physics.stage import Stage
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.task import Item, Layout, Pose, Task
from metaspatial_addon.episode import scorer
from metaspatial_addon.episode.env import LayoutEnv
from metaspatial_addon.episode.scorer import InfraFault
from metaspatial_addon.episode.turn import Turn
from metaspatial_addon.prompts.compact import CompactFormat
from metaspatial_addon.scoring.judge import JudgeFault
from metaspatial_addon.scoring.weights import Weights
from tests.episode.scripted import CLEAN, CROSSED, LIFTED, NONSENSE, PARTED, ROOM, SAME, TASK, WORSE, Painter, answer


@pytest.fixture(scope="module")
def stage():
    with Stage() as made:
        yield made


# The shape of a Gymnasium environment ---------------------------------------------------------------------------------


def test_reset_and_step_return_what_gymnasiums_do(stage):
    env = LayoutEnv(stage)
    assert env.done
    observation, info = env.reset(TASK, seed=3)
    assert [message.role for message in observation] == ["system", "user"] and info == {}
    assert "bed_1" in observation[1].text and observation[1].images == ()
    observation, reward, terminated, truncated, info = env.step(CROSSED)
    assert [message.role for message in observation] == ["user"] and "bed_1 overlaps desk_1" in observation[0].text
    assert 0 < reward < 0.9 and (terminated, truncated) == (env.terminated, env.truncated) == (False, False)
    assert info["status"] == "ok" and info["score"]["reward"] == reward
    assert [o["a"] for o in info["score"]["evidence"]["overlaps"]] == ["bed_1"]
    assert set(info["score"]["terms"]) == {
        "format",
        "collision",
        "bounds",
        "support",
        "access",
        "function",
        "relations",
    }


def test_a_clean_layout_ends_the_episode_with_full_reward(stage):
    env = LayoutEnv(stage)
    env.reset(TASK)
    observation, reward, terminated, truncated, info = env.step(CLEAN)
    assert (reward, terminated, truncated) == (pytest.approx(1.0), True, False)
    assert "Nothing is at fault" in observation[0].text
    with pytest.raises(ValueError, match="call reset"):
        env.step(SAME)


def test_an_unusable_answer_is_scored_by_its_form_and_asked_for_again(stage):
    env = LayoutEnv(stage, max_turns=3)
    env.reset(TASK)
    observation, reward, terminated, truncated, info = env.step(NONSENSE)
    assert (info["status"], reward, terminated, truncated) == ("model_fault", 0.0, False, False)
    assert "could not be used" in observation[0].text
    _, partly, _, _, info = env.step(answer(bed_1=(3, 3, 0, 0)))
    assert info["status"] == "model_fault" and 0 < partly < 0.1
    _, reward, terminated, truncated, info = env.step(CLEAN)
    assert info["status"] == "ok" and reward > 0.99 and (terminated, truncated) == (True, False)


def test_a_later_answer_keeps_what_it_leaves_out_and_nothing_is_completed_before(stage):
    env = LayoutEnv(stage)
    env.reset(TASK)
    env.step(CROSSED)
    env.step(NONSENSE)
    env.step(PARTED)
    assert env.layout.poses == {
        "bed_1": Pose(3.4, 2.9),
        "desk_1": Pose(0.35, 2, 0, 90),
        "lamp_1": Pose(3, 2.5, 1.2),
    }
    env.reset(TASK)
    assert env.step(PARTED)[4]["status"] == "model_fault"


@pytest.mark.parametrize(
    ("answers", "terminated"),
    [
        ((CROSSED, PARTED, LIFTED), True),  # no fault left
        ((CROSSED, PARTED, NONSENSE, LIFTED), True),  # the same in the last turn that there is
        ((CROSSED, SAME), True),  # the empty list
        ((CROSSED, WORSE, CROSSED), True),  # twice no better
        ((CROSSED, CROSSED, PARTED, CROSSED), False),  # once, and once more after one that is
        ((CROSSED, NONSENSE, PARTED, NONSENSE), False),  # out of turns
        ((NONSENSE, NONSENSE, CROSSED, PARTED), False),
    ],
)
def test_an_episode_terminates_when_clean_or_no_better_and_is_truncated_when_out_of_turns(stage, answers, terminated):
    env = LayoutEnv(stage, max_turns=4)
    env.reset(TASK)
    for completion in answers[:-1]:
        assert env.step(completion)[2:4] == (False, False) and not env.done
    assert env.step(answers[-1])[2:4] == (terminated, not terminated) and env.done
    assert (env.terminated, env.truncated) == (terminated, not terminated)
    with pytest.raises(ValueError, match="call reset"):
        env.evaluate(SAME)
    env.reset(TASK)
    assert not env.done


def test_environments_on_one_stage_do_not_disturb_each_other(stage):
    other = Task("study-2", "", ROOM, TASK.items[:1])
    one, two = LayoutEnv(stage), LayoutEnv(stage)
    one.reset(TASK)
    two.reset(other)
    alone = LayoutEnv(stage)
    first = one.step(CROSSED)[1]
    assert two.step(answer(bed_1=(2, 3, 0, 0)))[4]["status"] == "ok"
    second = one.step(PARTED)[1]
    alone.reset(TASK)
    assert [alone.step(CROSSED)[1], alone.step(PARTED)[1]] == [first, second]


def test_evaluating_changes_nothing(stage):
    env = LayoutEnv(stage)
    env.reset(TASK)
    before = env.conversation
    worse, better = env.evaluate(CROSSED), env.evaluate(CLEAN)
    assert worse.score.reward < better.score.reward
    assert (env.turns, env.layout, env.conversation) == ([], None, before)


def test_the_history_is_kept_whole_and_what_was_said_stays_as_it_was(stage):
    env = LayoutEnv(stage)
    env.reset(TASK)
    seen = [env.conversation]
    for text in (CROSSED, NONSENSE, PARTED):
        env.step(text)
        seen.append(env.conversation)
    for earlier, later in itertools.pairwise(seen):
        assert later[: len(earlier)] == earlier
        assert [message.role for message in later[len(earlier) :]] == ["assistant", "user"]
    assert [m.text for m in env.conversation if m.role == "assistant"] == [CROSSED, NONSENSE, PARTED]


def test_weights_and_the_preset_of_the_paper(stage):
    rewards = []
    for weights in (Weights(), Weights(collision=10.0), "paper"):
        env = LayoutEnv(stage, weights=weights)
        env.reset(TASK)
        rewards.append([env.step(CROSSED)[1], env.step(NONSENSE)[1]])
    assert rewards[1][0] < rewards[0][0]
    assert rewards[2][0] < 0.5 and rewards[2][1] == pytest.approx(-0.4)


def test_layouts_are_what_the_env_says(stage):
    env = LayoutEnv(stage)
    env.reset(TASK)
    env.step(CLEAN)
    assert isinstance(env.turns[0], Turn)
    assert env.turns[0].layout == env.layout == env.best.layout
    assert isinstance(env.layout, Layout)


# Pictures -------------------------------------------------------------------------------------------------------------


def test_pictures_of_the_empty_room_and_of_each_turn(stage):
    env = LayoutEnv(stage, Painter())
    first, _ = env.reset(TASK)
    assert [json.loads(image) for image in first[1].images] == [["top", {}], ["view", {}]]
    observation, _, _, _, info = env.step(CROSSED)
    assert [json.loads(image)[0] for image in observation[0].images] == ["top", "view"]
    assert "desk_1" in json.loads(observation[0].images[0])[1]
    assert list(info["turn"].images) == ["turn_01_top.png", "turn_01_view.png"]
    assert "view" in info["score"]["terms"]
    assert set(env.image_names.values()) == {"room_top.png", "room_view.png", "turn_01_top.png", "turn_01_view.png"}


def test_pictures_can_be_rendered_without_being_shown(stage):
    env = LayoutEnv(stage, Painter(), show_images=False)
    assert env.reset(TASK)[0][1].images == ()
    observation, _, _, _, info = env.step(CROSSED)
    assert observation[0].images == () and len(info["turn"].images) == 2 and "view" in info["score"]["terms"]


def test_a_layout_that_stands_is_neither_measured_nor_rendered_again(stage, monkeypatch):
    painter = Painter()
    env = LayoutEnv(stage, painter)
    env.reset(TASK)
    env.step(CROSSED)
    taken = len(painter.calls)
    monkeypatch.setattr(env.scorer, "physics", lambda *_: pytest.fail("measured again"))
    _, reward, terminated, _, info = env.step(SAME)
    assert terminated and len(painter.calls) == taken
    assert reward == pytest.approx(env.turns[0].reward)
    assert list(info["turn"].images) == ["turn_02_top.png", "turn_02_view.png"]


def test_the_compact_rendering_shows_its_own_small_plan(stage):
    env = LayoutEnv(stage, None, CompactFormat())
    assert [image[:4] for image in env.reset(TASK)[0][0].images] == [b"\x89PNG"]


def test_a_judge_is_a_term_and_needs_pictures(stage):
    class Mild:
        def grade(self, task, top, room, seed):
            assert (json.loads(top)[0], json.loads(room)[0], seed) == ("top", "view", 5)
            return type("Judgement", (), {"score": 0.25})()

    env = LayoutEnv(stage, Painter(), judge=Mild())
    env.reset(TASK, seed=5)
    assert env.step(CROSSED)[4]["score"]["terms"]["judge"] == 0.25
    with pytest.raises(ValueError, match="renderer"):
        LayoutEnv(stage, judge=Mild())


# Failures -------------------------------------------------------------------------------------------------------------


def test_a_renderer_that_fails_once_is_asked_again(stage):
    env = LayoutEnv(stage, Painter(failures=1), show_images=False)
    env.reset(TASK)
    assert env.step(CROSSED)[4]["status"] == "ok"


def test_a_renderer_that_keeps_failing_is_an_infra_fault_and_leaves_the_episode_as_it_was(stage):
    painter = Painter(failures=2)
    env = LayoutEnv(stage, painter, show_images=False)
    env.reset(TASK)
    before = env.conversation
    with pytest.raises(InfraFault, match="no OpenGL"):
        env.step(CROSSED)
    assert (env.turns, env.layout, env.conversation, env.done) == ([], None, before, False)
    assert env.step(CROSSED)[4]["status"] == "ok"


def test_physics_that_fails_is_an_infra_fault_and_a_bug_is_a_bug(stage, monkeypatch):
    import metaspatial_addon.blender.physics.measure as measured

    def broken(error):
        def measure(*_):
            raise error

        monkeypatch.setattr(measured, "measure", measure)

    env = LayoutEnv(stage)
    env.reset(TASK)
    broken(ReferenceError("StructRNA has been removed"))
    with pytest.raises(InfraFault, match="StructRNA"):
        env.step(CROSSED)
    broken(KeyError("bed_1"))
    with pytest.raises(KeyError):
        env.step(CROSSED)


def test_a_judge_that_fails_is_an_infra_fault(stage):
    class Absent:
        def grade(self, *_):
            raise JudgeFault("The judge could not be asked.")

    env = LayoutEnv(stage, Painter(), judge=Absent())
    env.reset(TASK)
    with pytest.raises(InfraFault, match="could not be asked"):
        env.step(CROSSED)


def test_each_attempt_is_counted(monkeypatch):
    calls = []

    def failing():
        calls.append(1)
        raise OSError("full")

    with pytest.raises(InfraFault, match="writing failed 2 times: OSError: full"):
        scorer.attempt("writing", failing)
    assert len(calls) == 2


@pytest.mark.parametrize("error", [RecursionError("maximum depth"), NotImplementedError("a predicate")])
def test_a_bug_is_neither_retried_nor_a_fault_of_the_machine(error):
    calls = []

    def failing():
        calls.append(1)
        raise error

    with pytest.raises(type(error)):
        scorer.attempt("physics", failing)
    assert len(calls) == 1


def test_a_task_with_nothing_to_place_is_refused(stage):
    item = Item("bed_1", "bed", (1, 2, 0.5), locked=True, pose=Pose(2, 2))
    with pytest.raises(InputError, match="task study-3: items: expected at least one that is not locked"):
        LayoutEnv(stage).reset(Task("study-3", "", ROOM, (item,)))
