"""Whole episodes with a policy: what is reported on the way, which turn is the result, and what is recorded."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("bpy")

from metaspatial_addon.blender.physics.stage import Stage
from metaspatial_addon.core.evidence import Evidence
from metaspatial_addon.core.faults import Outside, Overlap, RelationScore
from metaspatial_addon.core.task import layout_from_json
from metaspatial_addon.episode.env import LayoutEnv
from metaspatial_addon.episode.play import PhaseStarted, play, prompt_format_of, sample_seed
from metaspatial_addon.episode.records import append_line, fault_changes, turn_record
from metaspatial_addon.episode.turn import AFRESH
from metaspatial_addon.policy.base import PolicyError
from metaspatial_addon.prompts.compact import CompactFormat
from metaspatial_addon.prompts.full import FullFormat
from tests.episode.scripted import (
    CLEAN,
    CROSSED,
    LIFTED,
    NONSENSE,
    PARTED,
    SAME,
    TASK,
    WORSE,
    Painter,
    Scripted,
    answer,
    run,
)


@pytest.fixture(scope="module")
def stage():
    with Stage() as made:
        yield made


# Playing --------------------------------------------------------------------------------------------------------------


def test_play_reports_phases_turns_and_the_outcome(stage):
    events = list(play(LayoutEnv(stage, Painter()), Scripted(CROSSED, NONSENSE, PARTED), TASK))
    told = [(e.phase, e.turn) if isinstance(e, PhaseStarted) else type(e).__name__ for e in events]
    assert told == [
        ("render", 1),
        ("model", 1),
        ("physics", 1),
        ("render", 1),
        "Turn",
        ("model", 2),
        ("physics", 2),
        "Turn",
        ("model", 3),
        ("physics", 3),
        ("render", 3),
        "Turn",
        "Outcome",
    ]
    assert all(e.max_turns == 3 for e in events if isinstance(e, PhaseStarted))
    outcome = events[-1]
    assert [turn.status for turn in outcome.turns] == ["ok", "model_fault", "ok"]
    assert outcome.best is outcome.turns[2] and outcome.failure == ""
    assert all(turn.timings["physics"] > 0 for turn in outcome.turns if turn.status == "ok")


def test_the_result_is_the_best_turn_and_the_earliest_of_equals(stage):
    assert run(LayoutEnv(stage), Scripted(CROSSED, WORSE, CROSSED)).best.number == 1
    assert run(LayoutEnv(stage), Scripted(CROSSED, SAME)).best.number == 1
    assert run(LayoutEnv(stage), Scripted(CROSSED, PARTED, LIFTED)).best.number == 3
    assert run(LayoutEnv(stage, max_turns=1), Scripted(NONSENSE)).best is None


def test_of_several_samples_the_best_by_physics_goes_on(stage):
    painter, policy = Painter(), Scripted([CROSSED, NONSENSE, WORSE, CROSSED], [SAME, PARTED, LIFTED, NONSENSE])
    env = LayoutEnv(stage, painter, max_turns=2, show_images=False)
    outcome = run(env, policy, seed=4, samples=4)
    first, second = outcome.turns
    assert first.candidate.text == CROSSED and second.candidate.text == PARTED
    assert painter.calls == ["top", "view"] * 2
    assert [s.score.status for s in first.samples] == ["ok", "model_fault", "model_fault", "ok"]
    assert all("view" not in sample.score.terms for sample in first.samples)
    seeds = [seed for _, asked, _ in policy.asked for seed in asked]
    assert len(set(seeds)) == 8
    assert seeds == [sample_seed("study-1", 4, turn, k) for turn in (1, 2) for k in range(4)]


def test_from_the_second_turn_on_every_other_sample_is_given_afresh(stage):
    script = [CROSSED] * 3, [SAME, PARTED, SAME], [SAME] * 3
    policy = Scripted(*script)
    outcome = run(LayoutEnv(stage), policy, samples=3)
    lengths = [[len(conversation) for conversation in conversations] for conversations, _, _ in policy.asked]
    assert lengths == [[2, 2, 2], [4, 2, 4], [6, 2, 6]]
    assert outcome.best.number == 2 and outcome.best.candidate.text == PARTED
    assert [turn.notes for turn in outcome.turns] == [(), (AFRESH,), ()]
    alone, mending = Scripted(CROSSED, PARTED, WORSE), Scripted(*script)
    run(LayoutEnv(stage), alone)
    assert [len(conversation) for conversations, _, _ in alone.asked for conversation in conversations] == [2, 4, 6]
    start = FullFormat().read(CROSSED, TASK, None).layout
    run(LayoutEnv(stage), mending, samples=3, start=start)
    assert all(len(set(map(len, conversations))) == 1 for conversations, _, _ in mending.asked)


def test_samples_that_are_all_unusable_are_scored_by_form_alone(stage):
    outcome = run(LayoutEnv(stage, max_turns=1), Scripted([NONSENSE, answer(bed_1=(3, 3, 0, 0))]), samples=2)
    turn = outcome.turns[0]
    assert turn.status == "model_fault" and turn.candidate.text != NONSENSE and turn.reward > 0


def test_the_policy_gets_the_whole_conversation_its_seeds_and_the_temperature(stage):
    policy = Scripted(CROSSED, PARTED, SAME)
    run(LayoutEnv(stage), policy, temperature=0.3)
    conversations = [conversations[0] for conversations, _, _ in policy.asked]
    assert [len(c) for c in conversations] == [2, 4, 6]
    assert {temperature for _, _, temperature in policy.asked} == {0.3}


def test_a_policy_that_fails_ends_the_episode_without_a_score(stage):
    outcome = run(LayoutEnv(stage), Scripted(CROSSED, PolicyError("The server is gone.")))
    last = outcome.turns[-1]
    assert outcome.failure == last.failure == "The server is gone."
    assert (last.status, last.reward, last.number) == ("infra_fault", None, 2)
    assert outcome.best is outcome.turns[0]


def test_a_failure_before_the_first_turn(stage):
    outcome = run(LayoutEnv(stage, Painter(failures=9)), Scripted(CROSSED))
    assert [turn.status for turn in outcome.turns] == ["infra_fault"] and outcome.best is None
    outcome = run(LayoutEnv(stage), Scripted(PolicyError("x")))
    assert [turn.number for turn in outcome.turns] == [1]


def test_closing_cancels_between_phases_and_the_environment_can_be_used_again(stage):
    env, policy = LayoutEnv(stage), Scripted(CROSSED, PARTED, LIFTED)
    events = play(env, policy, TASK)
    for event in events:
        if isinstance(event, PhaseStarted) and (event.turn, event.phase) == (2, "physics"):
            break
    events.close()
    assert len(policy.asked) == 2 and len(env.turns) == 1
    assert run(env, Scripted(CLEAN)).best.number == 1


def test_the_same_seed_plays_the_same_episode(stage):
    def play_once():
        env = LayoutEnv(stage, Painter())
        outcome = run(env, Scripted([CROSSED, WORSE], [PARTED, SAME], [LIFTED, SAME]), seed=9, samples=2)
        records = [turn_record(turn, env.task, env.seed, env.image_names, {}) for turn in outcome.turns]
        return [{key: value for key, value in record.items() if key != "timings"} for record in records]

    assert play_once() == play_once()


def test_policies_name_their_rendering():
    policy = Scripted()
    assert isinstance(prompt_format_of(policy), FullFormat)
    policy.prompt_format = "compact"
    assert isinstance(prompt_format_of(policy), CompactFormat)


# Records --------------------------------------------------------------------------------------------------------------


def test_the_record_of_a_turn_is_enough_to_replay_it(stage, tmp_path):
    env = LayoutEnv(stage, Painter())
    outcome = run(env, Scripted([CROSSED, NONSENSE], [PARTED, SAME], [NONSENSE, NONSENSE]), seed=6, samples=2)
    for turn in outcome.turns:
        append_line(tmp_path / "turns.jsonl", turn_record(turn, env.task, env.seed, env.image_names, {"samples": 2}))
    lines = [json.loads(line) for line in (tmp_path / "turns.jsonl").read_text().splitlines()]
    assert [(r["task"], r["turn"], r["seed"], r["status"]) for r in lines] == [
        ("study-1", 1, 6, "ok"),
        ("study-1", 2, 6, "ok"),
        ("study-1", 3, 6, "model_fault"),
    ]
    again = LayoutEnv(stage, Painter())
    again.reset(TASK, seed=6)
    for record in lines:
        assert [m["text"] for m in record["conversation"][:-1]] == [m.text for m in again.conversation]
        assert record["conversation"][-1] == {"role": "assistant", "text": record["answer"], "images": []}
        _, reward, _, _, info = again.step(record["answer"])
        assert (record["reward"], record["terms"]) == (reward, info["score"]["terms"])
        assert record["evidence"] == info["score"]["evidence"]
        if record["layout"] is not None:
            assert layout_from_json(record["layout"]) == again.layout
    assert lines[1]["conversation"][3]["images"] == lines[0]["images"] == ["turn_01_top.png", "turn_01_view.png"]
    assert lines[0]["conversation"][1]["images"] == ["room_top.png", "room_view.png"]
    assert [s["seed"] for s in lines[0]["samples"]] == [sample_seed("study-1", 6, 1, k) for k in (0, 1)]
    assert lines[1]["changed"] == ["desk_1"] and lines[2]["layout"] is None and lines[2]["problems"]
    assert set(lines[0]["timings"]) == {"model", "physics", "render"} and lines[0]["settings"] == {"samples": 2}


def test_records_hold_any_text(stage, tmp_path):
    env = LayoutEnv(stage, max_turns=1)
    text = "\ud800 \x00 \u2028 ä " + answer(**{"\udfff": (1, 1, 1, 1)})
    outcome = run(env, Scripted(text))
    append_line(tmp_path / "turns.jsonl", turn_record(outcome.turns[0], env.task, env.seed, env.image_names, {}))
    (line,) = (tmp_path / "turns.jsonl").read_text().splitlines()
    assert json.loads(line)["answer"] == text


def test_the_record_of_a_failure_says_what_failed(stage):
    env = LayoutEnv(stage)
    outcome = run(env, Scripted(PolicyError("The server is gone.")))
    record = turn_record(outcome.turns[0], env.task, env.seed, env.image_names, {})
    assert (record["status"], record["reward"], record["failure"]) == ("infra_fault", None, "The server is gone.")
    assert record["answer"] is None and record["conversation"][0]["role"] == "system"


def test_changes_of_faults_are_compared_whatever_their_size():
    unmet, met = RelationScore("a", "on", "b", 0.0), RelationScore("a", "on", "b", 1.0)
    before = Evidence((Overlap("a", "b", 0.2), Outside("a", 0.1, 0.1)), (unmet,))
    after = Evidence((Overlap("a", "b", 0.1), Outside("c", 0.1, 0.1)), (met,))
    assert fault_changes(before, after) == (["a outside", "a not on b"], ["c outside"])


def test_nothing_is_left_in_blender_after_an_episode(stage):
    import bpy

    stage.clear()
    kinds = ("objects", "meshes", "materials", "collections", "scenes")
    before = {name: len(getattr(bpy.data, name)) for name in kinds}
    run(LayoutEnv(stage), Scripted(CROSSED, PARTED, LIFTED))
    stage.clear()
    after = {name: len(getattr(bpy.data, name)) for name in before}
    assert after == before
