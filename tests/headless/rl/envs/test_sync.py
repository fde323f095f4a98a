"""Environments in the trainer's process: the same episodes as `LayoutEnv` alone, whatever is played beside them."""

from __future__ import annotations

import threading

import pytest

pytest.importorskip("bpy")
pytest.importorskip("torch")

from headless.judge import JudgeSettings
from headless.rl.envs.base import EpisodeSettings, StepResult
from headless.rl.envs.sync import SyncEnvironments
from headless.taskgen.make import make_task
from metaspatial_addon.blender.physics.stage import Stage
from metaspatial_addon.blender.rendering.render import Renderer
from metaspatial_addon.core.task import Pose
from metaspatial_addon.episode.env import LayoutEnv
from metaspatial_addon.policy.base import request_threads
from metaspatial_addon.prompts.compact import CompactEncoding, CompactFormat
from metaspatial_addon.prompts.full import FullFormat
from tests.episode.scripted import CROSSED, PARTED, TASK
from tests.policy.servers import HalfDeafTLSServer

PAIRS = [make_task("train", 4, index) for index in range(2)]


def answers(number: int) -> list[str]:
    """Two answers for a task: one that spoils the teacher's layout, and one that mends it."""
    task, layout = PAIRS[number]
    compact, first = CompactEncoding(task), next(iter(layout.poses))
    there = layout.poses[first]
    spoilt = {**layout.poses, first: Pose(there.x + 0.8, there.y, there.z, there.yaw)}
    return [compact.answer_text(spoilt), compact.answer_text({first: there})]


def collected(environments: SyncEnvironments) -> dict[int, StepResult]:
    return dict(environments.collect())


@pytest.mark.parametrize("render", [True, False])
def test_rewards_and_messages_are_those_of_the_environment_alone(render):
    expected = []
    for number, (task, _) in enumerate(PAIRS):
        with Stage() as stage, Renderer("cycles", threads=1, pixels=0) as renderer:
            env = LayoutEnv(stage, renderer if render else None, CompactFormat(), max_turns=2)
            first, _ = env.reset(task)
            steps = [(*env.step(text)[:2], env.done) for text in answers(number) if not env.done]
            expected.append((first, steps))
    with SyncEnvironments(CompactFormat(), threads=1) as environments:
        for episode in range(4):
            environments.begin(episode, PAIRS[episode % 2][0], EpisodeSettings(2, render=render))
        begun = collected(environments)
        assert [begun[k].messages for k in range(4)] == [expected[k % 2][0] for k in range(4)]
        for turn in range(2):
            for episode in (3, 0, 2, 1):
                environments.answer(episode, answers(episode % 2)[turn])
            for episode, result in collected(environments).items():
                messages, reward, done = expected[episode % 2][1][turn]
                assert (result.messages, result.score.reward, result.done) == (() if done else messages, reward, done)
                assert ("view" in result.score.terms) == render and result.seconds["physics"] > 0
    assert expected[0][1][0][1] < expected[0][1][1][1]


def test_a_model_without_pictures_of_its_own_is_shown_small_renders():
    with SyncEnvironments(FullFormat(), 64, threads=1) as environments:
        environments.begin(7, TASK, EpisodeSettings(2))
        first = collected(environments)[7]
        environments.answer(7, CROSSED)
        second = collected(environments)[7]
        environments.answer(7, PARTED)
        third = collected(environments)[7]
    for result in (first, second):
        pictures = [image for message in result.messages for image in message.images]
        assert len(pictures) == 2 and all(image[16:24] == (64).to_bytes(4, "big") * 2 for image in pictures)
    assert not second.done and third.done and third.score.reward > second.score.reward


class Counted:
    """A budget that holds conversations of fewer than `messages` messages, and remembers what it was asked."""

    def __init__(self, messages):
        self.messages, self.asked = messages, []

    def fits(self, conversation):
        self.asked.append(conversation)
        return len(conversation) < self.messages


@pytest.mark.parametrize(
    ("messages", "endings", "pictures"),
    [(2, ["refused"], 0), (4, ["", "refused"], 2), (6, ["", "", "refused"], 4), (9, ["", "", "", "done"], 4)],
)
def test_nothing_is_rendered_for_a_model_that_has_no_room_for_it(messages, endings, pictures, monkeypatch):
    taken, measured = [], []
    room_view, measure = Renderer.room_view, Renderer.measure_view

    def view(self, stage, task, layout):
        image = room_view(self, stage, task, layout)
        taken.extend([image] * bool(image))
        return image

    monkeypatch.setattr(Renderer, "room_view", view)
    monkeypatch.setattr(Renderer, "measure_view", lambda *args: measured.append(1) or measure(*args))
    budget, answers_given = Counted(messages), [CROSSED, "no answer", PARTED]
    with SyncEnvironments(FullFormat(), 48, threads=1) as environments:
        environments.begin(0, TASK, EpisodeSettings(3, budget=budget))
        results = [collected(environments)[0]]
        while not results[-1].done:
            environments.answer(0, answers_given[len(results) - 1])
            results.append(collected(environments)[0])
    assert ["refused" if t.truncated else "done" * t.done for t in results] == endings
    shown = [image for t in results for message in t.messages for image in message.images]
    assert len(shown) == pictures and all(shown)  # what could not be used is answered in words
    assert len(taken) == pictures // 2
    usable = [t for t in results[1:] if t.score.status == "ok"]
    assert len(measured) == len(usable) and all("view" in t.score.terms for t in usable)
    assert not any(image for asked in budget.asked[:1] for message in asked for image in message.images)


def test_what_comes_next_is_told_to_the_budget_as_long_as_it_will_be():
    budget = Counted(9)
    with SyncEnvironments(FullFormat(), 48, threads=1) as environments:
        environments.begin(0, TASK, EpisodeSettings(2, budget=budget))
        first = collected(environments)[0]
        environments.answer(0, CROSSED)
        second = collected(environments)[0]
    assert [m.text for m in budget.asked[0]] == [m.text for m in first.messages]
    guessed, message = budget.asked[1][-1], second.messages[0]
    assert len(guessed.images) == len(message.images) == 2
    assert len(guessed.text) == len(message.text)  # the score's digits are not known yet


def test_what_blender_fails_at_is_a_fault_of_the_machine(monkeypatch):
    with SyncEnvironments(CompactFormat(), threads=1) as environments:
        for episode in range(2):
            environments.begin(episode, PAIRS[episode][0], EpisodeSettings(2))
        collected(environments)
        for episode in range(2):
            environments.answer(episode, answers(episode)[0])
        physics = environments._episodes[0].scorer
        monkeypatch.setattr(physics, "physics", _fail)
        results = collected(environments)
    assert results[0].fault and results[0].done and results[0].score is None
    assert not results[1].fault and results[1].score.reward > 0


def _fail(task, layout):
    from metaspatial_addon.episode.scorer import InfraFault

    raise InfraFault("physics failed 2 times")


def test_no_thread_of_a_judges_request_is_left_when_an_episode_ended_by_its_fault():
    server = HalfDeafTLSServer()
    later = threading.Timer(2.0, server.over.set)
    later.start()
    with SyncEnvironments(CompactFormat(), 32, 1, JudgeSettings("eye", server.url, samples=2)) as environments:
        environments.begin(0, PAIRS[0][0], EpisodeSettings(1))
        environments.collect()
        environments.answer(0, answers(0)[0])
        [(_, result)] = environments.collect()
    assert "does not speak HTTPS" in result.fault
    assert request_threads() == []
    later.join()
