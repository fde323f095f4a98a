"""Episodes on a real stage: what is asked, scored, kept and recorded, and how episodes end."""

from __future__ import annotations

import itertools
import json

import pytest

pytest.importorskip("bpy")

from metaspatial_addon import scorer
from metaspatial_addon.blender.stage import Stage
from metaspatial_addon.episode import LayoutEnv, Outcome, Progress, Turn, play, rendering_of, sample_seed
from metaspatial_addon.layout.compact import CompactRendering
from metaspatial_addon.layout.evidence import Evidence, Outside, Overlap, RelationScore, ViewMeasure
from metaspatial_addon.layout.rendering import FullRendering
from metaspatial_addon.layout.task import Item, Layout, Opening, Pose, Relation, Room, Task, layout_from_json
from metaspatial_addon.policy.base import PolicyError, Reply
from metaspatial_addon.records import append_line, mended, turn_record
from metaspatial_addon.reward.judge import JudgeFault
from metaspatial_addon.reward.weights import Weights
from metaspatial_addon.scorer import InfraFault

ROOM = Room("study", ((0, 0), (4, 0), (4, 4), (0, 4)), 2.5, (Opening("door_1", "door", 0, 0.5, 0.9, 0, 2.05),))
TASK = Task(
    "study-1", "A place to read.", ROOM,
    (
        Item("bed_1", "bed", (1, 2, 0.5)), Item("desk_1", "desk", (1.2, 0.6, 0.75)),
        Item("lamp_1", "lamp", (0.2, 0.2, 0.4), "surface"),
    ),
    (Relation("lamp_1", "on", "desk_1"),),
)  # fmt: skip


def answer(**poses):
    keys = ("x", "y", "z", "yaw")
    entries = [{"id": i, **dict(zip(keys, pose, strict=True))} for i, pose in poses.items()]
    return f"<answer>{json.dumps(entries)}</answer>"


CLEAN = answer(bed_1=(3.4, 2.9, 0, 0), desk_1=(0.35, 2, 0, 90), lamp_1=(0.35, 2, 0.75, 0))
CROSSED = answer(bed_1=(3.4, 2.9, 0, 0), desk_1=(3, 2.5, 0, 0), lamp_1=(3, 2.5, 1.2, 0))
PARTED = answer(desk_1=(0.35, 2, 0, 90))  # the lamp still hangs in the air
WORSE = answer(desk_1=(9, 9, 0, 0))
LIFTED = answer(lamp_1=(0.35, 2, 0.75, 0))
SAME = "<answer>[]</answer>"
NONSENSE = "I would put the bed by the wall."


class Scripted:
    """A policy that says what it was given, turn by turn, and remembers what it was asked."""

    name, rendering, sees_images = "scripted", "full", True

    def __init__(self, *turns):
        self.turns = [[turn] if isinstance(turn, str) else turn for turn in turns]
        self.asked = []

    def answer(self, conversations, seeds, temperature=None):
        self.asked.append((conversations, list(seeds), temperature))
        texts = self.turns[len(self.asked) - 1]
        if isinstance(texts, Exception):
            raise texts
        assert len(texts) == len(conversations) == len(seeds)
        return [Reply(text) for text in texts]


class Painter:
    """A renderer whose pictures say what they show. Fails as often as it is told to."""

    def __init__(self, failures=0):
        self.calls, self.failures = [], failures

    def _take(self, kind, stage, layout):
        self.calls.append(kind)
        if self.failures:
            self.failures -= 1
            raise RuntimeError("no OpenGL")
        return json.dumps([kind, {i: vars(p) for i, p in layout.poses.items()}]).encode()

    def top_view(self, stage, task, layout):
        return self._take("top", stage, layout)

    def room_view(self, stage, task, layout):
        return self._take("view", stage, layout)

    def measure_view(self, stage, task, layout):
        return ViewMeasure({i: 1.0 for i in layout.poses}, 0.5, 1.0)


@pytest.fixture(scope="module")
def stage():
    with Stage() as made:
        yield made


def run(env, policy, task=TASK, **options):
    events = list(play(env, policy, task, **options))
    assert isinstance(events[-1], Outcome)
    return events[-1]


# The Gym shape --------------------------------------------------------------------------------------------------------


def test_reset_and_step_have_the_gym_shape(stage):
    env = LayoutEnv(stage)
    observation = env.reset(TASK, seed=3)
    assert "bed_1" in observation.text and observation.images == ()
    observation, reward, done, info = env.step(CROSSED)
    assert "bed_1 overlaps desk_1" in observation.text
    assert 0 < reward < 0.9 and not done
    assert info["status"] == "ok" and info["score"]["reward"] == reward
    assert [o["a"] for o in info["score"]["evidence"]["overlaps"]] == ["bed_1"]
    assert set(info["score"]["terms"]) == {"format", "collision", "bounds", "support", "access", "relations"}


def test_a_clean_layout_ends_the_episode_with_full_reward(stage):
    env = LayoutEnv(stage)
    env.reset(TASK)
    observation, reward, done, info = env.step(CLEAN)
    assert (reward, done) == (pytest.approx(1.0), True)
    assert "Nothing is at fault" in observation.text
    with pytest.raises(ValueError, match="call reset"):
        env.step(SAME)


def test_an_unusable_answer_is_scored_by_its_form_and_asked_for_again(stage):
    env = LayoutEnv(stage, turns=3)
    env.reset(TASK)
    observation, reward, done, info = env.step(NONSENSE)
    assert (info["status"], reward, done) == ("model_fault", 0.0, False)
    assert "could not be used" in observation.text
    _, partly, _, info = env.step(answer(bed_1=(3, 3, 0, 0)))
    assert info["status"] == "model_fault" and 0 < partly < 0.1
    _, reward, done, info = env.step(CLEAN)
    assert info["status"] == "ok" and reward > 0.99 and done


def test_a_later_answer_keeps_what_it_leaves_out_and_nothing_is_completed_before(stage):
    env = LayoutEnv(stage)
    env.reset(TASK)
    env.step(CROSSED)
    env.step(NONSENSE)
    env.step(PARTED)
    assert env.layout.poses == {
        "bed_1": Pose(3.4, 2.9), "desk_1": Pose(0.35, 2, 0, 90), "lamp_1": Pose(3, 2.5, 1.2),
    }  # fmt: skip
    env.reset(TASK)
    assert env.step(PARTED)[3]["status"] == "model_fault"


@pytest.mark.parametrize(
    ("answers", "ends"),
    [
        ((CROSSED, PARTED, LIFTED), [False, False, True]),
        ((CROSSED, SAME), [False, True]),
        ((CROSSED, WORSE), [False, True]),
        ((CROSSED, CROSSED), [False, True]),  # no better
        ((CROSSED, NONSENSE, PARTED, NONSENSE), [False, False, False, True]),  # out of turns
        ((NONSENSE, CROSSED, PARTED, LIFTED), [False, False, False, True]),
    ],
)
def test_an_episode_ends_when_clean_or_no_better_or_out_of_turns(stage, answers, ends):
    env = LayoutEnv(stage, turns=4)
    env.reset(TASK)
    assert [env.step(text)[2] for text in answers] == ends


def test_environments_on_one_stage_do_not_disturb_each_other(stage):
    other = Task("study-2", "", ROOM, TASK.items[:1])
    one, two = LayoutEnv(stage), LayoutEnv(stage)
    one.reset(TASK)
    two.reset(other)
    alone = LayoutEnv(stage)
    first = one.step(CROSSED)[1]
    assert two.step(answer(bed_1=(2, 3, 0, 0)))[3]["status"] == "ok"
    second = one.step(PARTED)[1]
    alone.reset(TASK)
    assert [alone.step(CROSSED)[1], alone.step(PARTED)[1]] == [first, second]


def test_weighing_changes_nothing(stage):
    env = LayoutEnv(stage)
    env.reset(TASK)
    before = env.conversation
    worse, better = env.weigh(CROSSED), env.weigh(CLEAN)
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


# Pictures -------------------------------------------------------------------------------------------------------------


def test_pictures_of_the_empty_room_and_of_each_turn(stage):
    env = LayoutEnv(stage, Painter())
    first = env.reset(TASK)
    assert [json.loads(image) for image in first.images] == [["top", {}], ["view", {}]]
    observation, _, _, info = env.step(CROSSED)
    assert [json.loads(image)[0] for image in observation.images] == ["top", "view"]
    assert "desk_1" in json.loads(observation.images[0])[1]
    assert list(info["turn"].images) == ["turn_01_top.png", "turn_01_view.png"]
    assert "view" in info["score"]["terms"]
    assert set(env.image_names.values()) == {"room_top.png", "room_view.png", "turn_01_top.png", "turn_01_view.png"}


def test_pictures_can_be_rendered_without_being_shown(stage):
    env = LayoutEnv(stage, Painter(), pictures=False)
    assert env.reset(TASK).images == ()
    observation, _, _, info = env.step(CROSSED)
    assert observation.images == () and len(info["turn"].images) == 2 and "view" in info["score"]["terms"]


def test_a_layout_that_stands_is_neither_measured_nor_rendered_again(stage, monkeypatch):
    painter = Painter()
    env = LayoutEnv(stage, painter)
    env.reset(TASK)
    env.step(CROSSED)
    taken = len(painter.calls)
    monkeypatch.setattr(env.scorer, "physics", lambda *_: pytest.fail("measured again"))
    _, reward, done, info = env.step(SAME)
    assert done and len(painter.calls) == taken
    assert reward == pytest.approx(env.turns[0].reward)
    assert list(info["turn"].images) == ["turn_02_top.png", "turn_02_view.png"]


def test_the_compact_rendering_shows_its_own_small_plan(stage):
    env = LayoutEnv(stage, None, CompactRendering())
    assert [image[:4] for image in env.reset(TASK).images] == [b"\x89PNG"]


def test_a_judge_is_a_term_and_needs_pictures(stage):
    class Mild:
        def grade(self, task, top, room, seed):
            assert (json.loads(top)[0], json.loads(room)[0], seed) == ("top", "view", 5)
            return type("Judgement", (), {"score": 0.25})()

    env = LayoutEnv(stage, Painter(), judge=Mild())
    env.reset(TASK, seed=5)
    assert env.step(CROSSED)[3]["score"]["terms"]["judge"] == 0.25
    with pytest.raises(ValueError, match="renderer"):
        LayoutEnv(stage, judge=Mild())


# Failures -------------------------------------------------------------------------------------------------------------


def test_a_renderer_that_fails_once_is_asked_again(stage):
    env = LayoutEnv(stage, Painter(failures=1), pictures=False)
    env.reset(TASK)
    assert env.step(CROSSED)[3]["status"] == "ok"


def test_a_renderer_that_keeps_failing_is_an_infra_fault_and_leaves_the_episode_as_it_was(stage):
    painter = Painter(failures=2)
    env = LayoutEnv(stage, painter, pictures=False)
    env.reset(TASK)
    before = env.conversation
    with pytest.raises(InfraFault, match="no OpenGL"):
        env.step(CROSSED)
    assert (env.turns, env.layout, env.conversation, env.done) == ([], None, before, False)
    assert env.step(CROSSED)[3]["status"] == "ok"


def test_physics_that_fails_is_an_infra_fault_and_a_bug_is_a_bug(stage, monkeypatch):
    import metaspatial_addon.blender.measure as measured

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


# Playing --------------------------------------------------------------------------------------------------------------


def test_play_reports_phases_turns_and_the_outcome(stage):
    events = list(play(LayoutEnv(stage, Painter()), Scripted(CROSSED, NONSENSE, PARTED), TASK))
    told = [(e.phase, e.turn) if isinstance(e, Progress) else type(e).__name__ for e in events]
    assert told == [
        ("render", 1), ("model", 1), ("physics", 1), ("render", 1), "Turn",
        ("model", 2), ("physics", 2), "Turn",
        ("model", 3), ("physics", 3), ("render", 3), "Turn", "Outcome",
    ]  # fmt: skip
    assert all(e.turns == 3 for e in events if isinstance(e, Progress))
    outcome = events[-1]
    assert [turn.status for turn in outcome.turns] == ["ok", "model_fault", "ok"]
    assert outcome.best is outcome.turns[2] and outcome.failure == ""
    assert all(turn.timings["physics"] > 0 for turn in outcome.turns if turn.status == "ok")


def test_the_result_is_the_best_turn_and_the_earliest_of_equals(stage):
    assert run(LayoutEnv(stage), Scripted(CROSSED, WORSE)).best.number == 1
    assert run(LayoutEnv(stage), Scripted(CROSSED, SAME)).best.number == 1
    assert run(LayoutEnv(stage), Scripted(CROSSED, PARTED, LIFTED)).best.number == 3
    assert run(LayoutEnv(stage, turns=1), Scripted(NONSENSE)).best is None


def test_of_several_samples_the_best_by_physics_goes_on(stage):
    painter, policy = Painter(), Scripted([CROSSED, NONSENSE, WORSE, CROSSED], [SAME, PARTED, LIFTED, NONSENSE])
    env = LayoutEnv(stage, painter, turns=2, pictures=False)
    outcome = run(env, policy, seed=4, samples=4)
    first, second = outcome.turns
    assert first.candidate.text == CROSSED and second.candidate.text == PARTED
    assert painter.calls == ["top", "view"] * 2
    assert [s.score.status for s in first.samples] == ["ok", "model_fault", "model_fault", "ok"]
    assert all("view" not in sample.score.terms for sample in first.samples)
    seeds = [seed for _, asked, _ in policy.asked for seed in asked]
    assert len(set(seeds)) == 8
    assert seeds == [sample_seed("study-1", 4, turn, k) for turn in (1, 2) for k in range(4)]


def test_samples_that_are_all_unusable_are_scored_by_form_alone(stage):
    outcome = run(LayoutEnv(stage, turns=1), Scripted([NONSENSE, answer(bed_1=(3, 3, 0, 0))]), samples=2)
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
        if isinstance(event, Progress) and (event.turn, event.phase) == (2, "physics"):
            break
    events.close()
    assert len(policy.asked) == 2 and len(env.turns) == 1
    assert run(env, Scripted(CLEAN)).best.number == 1


def test_the_same_seed_plays_the_same_episode(stage):
    def play_once():
        env = LayoutEnv(stage, Painter())
        outcome = run(env, Scripted([CROSSED, WORSE], [PARTED, SAME], [LIFTED, SAME]), seed=9, samples=2)
        records = [turn_record(env, turn, {}) for turn in outcome.turns]
        return [{key: value for key, value in record.items() if key != "timings"} for record in records]

    assert play_once() == play_once()


def test_policies_name_their_rendering():
    policy = Scripted()
    assert isinstance(rendering_of(policy), FullRendering)
    policy.rendering = "compact"
    assert isinstance(rendering_of(policy), CompactRendering)


# Records --------------------------------------------------------------------------------------------------------------


def test_the_record_of_a_turn_is_enough_to_replay_it(stage, tmp_path):
    env = LayoutEnv(stage, Painter())
    outcome = run(env, Scripted([CROSSED, NONSENSE], [PARTED, SAME], [NONSENSE, NONSENSE]), seed=6, samples=2)
    for turn in outcome.turns:
        append_line(tmp_path / "turns.jsonl", turn_record(env, turn, {"samples": 2}))
    lines = [json.loads(line) for line in (tmp_path / "turns.jsonl").read_text().splitlines()]
    assert [(r["task"], r["turn"], r["seed"], r["status"]) for r in lines] == [
        ("study-1", 1, 6, "ok"), ("study-1", 2, 6, "ok"), ("study-1", 3, 6, "model_fault"),
    ]  # fmt: skip
    again = LayoutEnv(stage, Painter())
    again.reset(TASK, seed=6)
    for record in lines:
        assert [m["text"] for m in record["conversation"][:-1]] == [m.text for m in again.conversation]
        assert record["conversation"][-1] == {"role": "assistant", "text": record["answer"], "images": []}
        _, reward, _, info = again.step(record["answer"])
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
    env = LayoutEnv(stage, turns=1)
    text = "\ud800 \x00 \u2028 ä " + answer(**{"\udfff": (1, 1, 1, 1)})
    outcome = run(env, Scripted(text))
    append_line(tmp_path / "turns.jsonl", turn_record(env, outcome.turns[0], {}))
    (line,) = (tmp_path / "turns.jsonl").read_text().splitlines()
    assert json.loads(line)["answer"] == text


def test_the_record_of_a_failure_says_what_failed(stage):
    env = LayoutEnv(stage)
    outcome = run(env, Scripted(PolicyError("The server is gone.")))
    record = turn_record(env, outcome.turns[0], {})
    assert (record["status"], record["reward"], record["failure"]) == ("infra_fault", None, "The server is gone.")
    assert record["answer"] is None and record["conversation"][0]["role"] == "system"


def test_mended_compares_faults_whatever_their_size():
    unmet, met = RelationScore("a", "on", "b", 0.0), RelationScore("a", "on", "b", 1.0)
    before = Evidence((Overlap("a", "b", 0.2),), (Outside("a", 0.1, 0.1),), relations=(unmet,))
    after = Evidence((Overlap("a", "b", 0.1),), (Outside("c", 0.1, 0.1),), relations=(met,))
    assert mended(before, after) == (["a outside", "a not on b"], ["c outside"])


def test_nothing_is_left_in_blender_after_an_episode(stage):
    import bpy

    stage.clear()
    kinds = ("objects", "meshes", "materials", "collections", "scenes")
    before = {name: len(getattr(bpy.data, name)) for name in kinds}
    run(LayoutEnv(stage), Scripted(CROSSED, PARTED, LIFTED))
    stage.clear()
    after = {name: len(getattr(bpy.data, name)) for name in before}
    assert after == before


def test_each_attempt_is_counted(monkeypatch):
    calls = []

    def failing():
        calls.append(1)
        raise OSError("full")

    with pytest.raises(InfraFault, match="writing failed 2 times: OSError: full"):
        scorer.attempt("writing", failing)
    assert len(calls) == 2


def test_layouts_are_what_the_env_says(stage):
    env = LayoutEnv(stage)
    env.reset(TASK)
    env.step(CLEAN)
    assert isinstance(env.turns[0], Turn)
    assert env.turns[0].layout == env.layout == env.best.layout
    assert isinstance(env.layout, Layout)
