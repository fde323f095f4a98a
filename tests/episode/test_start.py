"""Episodes that begin from a layout that stands: what is asked, what ends them, and minimal repair."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

pytest.importorskip("bpy")

from headless.pretraining.perturb import perturb
from headless.taskgen.make import make_task
from metaspatial_addon.blender.physics.stage import Stage
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.task import Layout, Pose
from metaspatial_addon.episode.env import LayoutEnv
from metaspatial_addon.episode.play import PhaseStarted, play, prompt_format_of
from metaspatial_addon.episode.records import turn_record
from metaspatial_addon.policy.builtin.policy import BuiltinPolicy
from metaspatial_addon.prompts.answer import read_answer
from metaspatial_addon.prompts.compact import CompactFormat
from tests.episode.scripted import CLEAN, CROSSED, NONSENSE, PARTED, SAME, TASK, WORSE, Painter, Scripted, answer, run

START = read_answer(CROSSED, TASK).layout
AT_REST = read_answer(CLEAN, TASK).layout
NUDGED = replace(AT_REST, poses={**AT_REST.poses, "bed_1": Pose(3.6, 2.9)})  # the bed reaches out of the room


@pytest.fixture(scope="module")
def stage():
    with Stage() as made:
        yield made


def test_the_conversation_goes_on_as_if_the_start_had_been_the_first_answer(stage):
    begun, answered = LayoutEnv(stage, Painter()), LayoutEnv(stage, Painter())
    observation, info = begun.reset(TASK, start=START)
    answered.reset(TASK)
    answered.step(CROSSED)
    assert [m.role for m in begun.conversation] == ["system", "user", "assistant", "user"]
    assert observation == begun.conversation and info == {"score": begun.start_score.to_json()}
    assert begun.conversation[3] == answered.conversation[3] and len(begun.conversation[3].images) == 2
    assert read_answer(begun.conversation[2].text, TASK).layout == START
    assert begun.start_score == answered.turns[0].score and begun.layout == START
    assert begun.turns == [] and not begun.done
    assert list(begun.start_images) == ["start_top.png", "start_view.png"]
    assert set(begun.start_images) < set(begun.image_names.values())


def test_the_embedded_models_conversation_is_the_one_that_it_was_taught(stage):
    begun, answered = (LayoutEnv(stage, None, CompactFormat()) for _ in range(2))
    begun.reset(TASK, start=START)
    answered.reset(TASK)
    answered.step(begun.conversation[1].text)
    assert begun.conversation == answered.conversation
    assert list(begun.start_images) == ["start_shown_1.png"]


def test_turns_count_from_one_and_are_measured_by_the_start(stage):
    env = LayoutEnv(stage)
    outcome = run(env, Scripted(PARTED, SAME), start=START)
    assert [turn.number for turn in outcome.turns] == [1, 2] and outcome.best is outcome.turns[0]
    assert outcome.turns[0].candidate.answer.changed == ("desk_1",)
    faults = [len(score.evidence.faults()) for score in (outcome.start_score, outcome.best.score)]
    assert faults[0] > faults[1] and not outcome.note


@pytest.mark.parametrize("texts", [[SAME], [WORSE, CROSSED]])
def test_turns_that_are_no_better_than_the_start_end_it_without_a_result(stage, texts):
    outcome = run(LayoutEnv(stage), Scripted(*texts), start=START)
    assert len(outcome.turns) == len(texts) and outcome.best is None
    assert "No answer was better" in outcome.note


def test_an_unusable_answer_is_asked_for_again(stage):
    outcome = run(LayoutEnv(stage), Scripted(NONSENSE, PARTED, SAME), start=START)
    assert outcome.best is outcome.turns[1]


def test_a_start_without_faults_is_gone_on_from_for_the_wish_alone(stage):
    outcome = run(LayoutEnv(stage), Scripted(SAME), start=AT_REST)
    assert len(outcome.turns) == 1 and outcome.best is None and "No answer was better" in outcome.note


def test_a_start_without_faults_leaves_nothing_for_a_minimal_repair(stage):
    outcome = run(LayoutEnv(stage), Scripted(), start=AT_REST, minimal=True)
    assert (outcome.turns, outcome.best, outcome.failure) == ((), None, "")
    assert outcome.start_score.evidence.clean and "nothing to mend" in outcome.note


def test_a_start_needs_a_pose_for_all_that_may_move_and_ignores_others(stage):
    with pytest.raises(InputError, match="start of task study-1: placements: expected a pose for desk_1"):
        LayoutEnv(stage).reset(TASK, start=Layout("study-1", {"bed_1": Pose(1, 1), "lamp_1": Pose(1, 1)}))
    with pytest.raises(ValueError, match="expected a start"):
        LayoutEnv(stage).reset(TASK, minimal=True)
    env = LayoutEnv(stage)
    env.reset(TASK, start=Layout("study-1", {"gone": Pose(0, 0), **START.poses}))
    assert env.layout == START
    env.reset(TASK)
    assert env.start_score is None and len(env.conversation) == 2


def test_the_start_is_announced(stage):
    events = list(play(LayoutEnv(stage), Scripted(PARTED, SAME), TASK, start=START))
    assert [(e.phase, e.turn) for e in events if isinstance(e, PhaseStarted)][:2] == [("physics", 1), ("model", 1)]


# Minimal repair -------------------------------------------------------------------------------------------------------


def test_minimal_repair_asks_only_for_items_with_a_fault_and_records_the_whole_layout(stage):
    env, policy = LayoutEnv(stage), Scripted(answer(bed_1=(3.4, 2.9, 0, 0)))
    outcome = run(env, policy, start=NUDGED, minimal=True)
    assert [item.id for item in env.prompted_task.movable] == ["bed_1"]
    question, statement = policy.asked[0][0][0][1].text, policy.asked[0][0][0][2].text
    assert "Locked items" in question and "desk_1" not in statement and "bed_1" in statement
    assert outcome.best.layout == AT_REST and outcome.best.candidate.answer.changed == ("bed_1",)
    record = turn_record(outcome.best, env.task, env.seed, env.image_names, {})
    assert [p["id"] for p in record["layout"]["placements"]] == ["bed_1", "desk_1", "lamp_1"]
    assert record["counts"]["items"] == 3


def test_minimal_repair_moves_no_faultless_item(stage):
    outcome = run(LayoutEnv(stage, max_turns=1), Scripted(answer(desk_1=(1, 1, 0, 0))), start=NUDGED, minimal=True)
    assert outcome.turns[0].status == "model_fault" and outcome.best is None


def test_minimal_repair_tidies_no_faultless_item(stage):
    crossing = answer(bed_1=(1.1, 2.9, 0, 0))  # 5 cm into the desk, which is smaller
    outcome = run(LayoutEnv(stage, max_turns=1), Scripted(crossing), start=NUDGED, minimal=True, tidy=True)
    assert outcome.turns[0].layout.poses["desk_1"] == AT_REST.poses["desk_1"]


def test_minimal_repair_takes_the_nearer_of_two_repairs(stage):
    far, near = answer(bed_1=(2.2, 2.9, 0, 0)), answer(bed_1=(3.45, 2.9, 0, 0))
    outcome = run(LayoutEnv(stage), Scripted([far, near]), start=NUDGED, minimal=True, samples=2)
    assert outcome.best.candidate.text == near


def test_minimal_repair_with_every_faulty_item_locked_says_so(stage):
    lamp = replace(TASK.item("lamp_1"), locked=True, pose=Pose(1, 1, 0.75))
    task = replace(TASK, items=(*TASK.items[:2], lamp))
    outcome = run(LayoutEnv(stage), Scripted(), task, start=AT_REST, minimal=True)
    assert outcome.turns == () and not outcome.start_score.evidence.clean and "unlock" in outcome.note


def test_the_embedded_model_repairs_and_leaves_all_else_where_it_is(stage):
    policy = BuiltinPolicy()
    env = LayoutEnv(stage, None, prompt_format_of(policy))
    before = after = 0
    for index in range(4):
        task, layout = make_task("validation", 21, index)
        perturbed, _ = perturb(task, layout, Random(index))
        outcome = run(env, policy, task, start=perturbed, minimal=True, samples=8)
        final = outcome.start_score if outcome.best is None else outcome.best.score
        before += len(outcome.start_score.evidence.faults())
        after += len(final.evidence.faults())
        stays = [item.id for item in env.prompted_task.locked if item.id in perturbed.poses]
        for turn in outcome.turns:
            assert set(turn.layout.poses) == set(perturbed.poses)
            assert all(turn.layout.poses[i] == perturbed.poses[i] for i in stays)
    assert before > 0 and after <= before / 2
