"""Rollouts: what was sampled is what is learnt from, token for token, and faults stay where they happen."""

from __future__ import annotations

import numpy as np
import pytest

from tests.headless.rl.paper import PaperEnvironments

torch = pytest.importorskip("torch")

from headless.rl.data import Prompt
from headless.rl.envs.base import EpisodeSettings
from headless.rl.learner import Microbatch, Row, logprobs_of
from headless.rl.logs.clock import Clock
from headless.rl.policies.base import choice_logprobs
from headless.rl.policies.compact import CompactPolicy
from headless.rl.rollout import Episode, Sampling, play
from headless.rl.sampler import Sampler
from headless.taskgen.make import make_task
from metaspatial_addon.policy.builtin import policy
from metaspatial_addon.policy.builtin.grammar import grammar_for
from metaspatial_addon.policy.builtin.vision import IMAGE_PAD_ID, TOKENS_PER_IMAGE
from metaspatial_addon.prompts import vocabulary as v

TEMPERATURE = 0.8


@pytest.fixture(scope="module")
def actor(small_model):
    return CompactPolicy(small_model)


def flight(groups=2, size=3) -> list[Episode]:
    return [Episode(make_task("train", 3, g)[0], g, (1, g, member)) for g in range(groups) for member in range(size)]


def played(actor, episodes, turns=3, pictures=True, context=4096, **options) -> list[Episode]:
    environments = PaperEnvironments(lambda task, answer, turn: 0.5, **options)
    settings = EpisodeSettings(turns, pictures=pictures)
    play(actor, environments, episodes, settings, Sampling(TEMPERATURE, 256, context), Clock())
    return episodes


@pytest.mark.parametrize("pictures", [True, False])
def test_a_trajectory_is_the_conversation_as_the_policy_would_read_it(actor, pictures):
    for episode in played(actor, flight(), pictures=pictures):
        trajectory = episode.trajectory
        prompt = policy.TokenizedPrompt.of(episode.conversation, sees_images=True)
        assert tuple(trajectory.ids) == prompt.ids[:-1]  # but for the opening of an answer that was not asked for
        assert tuple(trajectory.pictures) == prompt.images and len(prompt.images) == (3 if pictures else 0)
        assert trajectory.ids.count(IMAGE_PAD_ID) == TOKENS_PER_IMAGE * len(trajectory.pictures)
        assert len(trajectory) == len(trajectory.own) == len(trajectory.turns) == len(trajectory.logprobs)
        answers = [message.text for message in episode.conversation if message.role == "assistant"]
        for turn, text in enumerate(answers):
            said = [k for k, t in zip(trajectory.ids, trajectory.turns, strict=True) if t == turn]
            assert v.decode(said) == text + "<|end|>"
        assert [turn >= 0 for turn in trajectory.turns] == trajectory.own
        assert len(episode.scores) == len(answers) == 3 and not episode.truncated


def test_log_probabilities_are_those_of_the_answers_grammar(actor):
    """Walking the grammar again, and running transformers' own forward pass on the whole episode."""
    for episode in played(actor, flight(size=1)):
        trajectory, messages = episode.trajectory, episode.conversation
        ids = torch.tensor([trajectory.ids])
        with torch.no_grad():
            hidden = actor.hidden(ids, trajectory.pictures, actor.positions(ids, trajectory.pictures))
            logits = actor.logits(hidden)[0].double() / TEMPERATURE
        at = 0
        for k, message in enumerate(messages):
            if message.role != "assistant":
                continue
            grammar = grammar_for(messages[:k])
            at = trajectory.own.index(True, at)
            while not grammar.done:
                allowed = torch.from_numpy(grammar.allowed_ids)
                own = torch.log_softmax(logits[at - 1][allowed], dim=0)
                token = trajectory.ids[at]
                np.testing.assert_array_equal(trajectory.allowed_ids[at], grammar.allowed_ids)
                place = grammar.allowed_ids.tolist().index(token)
                assert trajectory.logprobs[at] == pytest.approx(own[place].item(), abs=2e-5)
                assert trajectory.chosen()[at] == (len(allowed) > 1)
                grammar.advance(token)
                at += 1
        assert True not in trajectory.own[at:]


def test_the_learner_finds_the_log_probabilities_of_the_sampler(actor):
    episodes = played(actor, flight())
    rows = [Row(e.trajectory, torch.ones(3), np.ones(len(e.trajectory), np.float32)) for e in episodes]
    batch = Microbatch.of(rows, actor.pad)
    logprobs, entropy = logprobs_of(actor, batch, TEMPERATURE)
    assert (logprobs - batch.sampler)[batch.mask].abs().max() < 2e-5
    assert not logprobs[~batch.mask].any() and len(entropy) == batch.mask.sum()
    for k, row in enumerate(rows):  # what pads a row changes nothing
        alone, _ = logprobs_of(actor, Microbatch.of([row], actor.pad), TEMPERATURE)
        assert (alone[0] - logprobs[k, : len(row)]).abs().max() < 2e-5


def test_no_placeholder_can_be_said(actor):
    special = {v.TOKEN_IDS[token] for token in v.SPECIAL} - {v.END}
    for episode in played(actor, flight()):
        for allowed in episode.trajectory.allowed_ids:
            assert allowed is None or not special & set(allowed.tolist())


def test_keeping_the_cache_gives_the_tokens_of_reading_everything_again(actor):
    for episode in played(actor, flight()):
        trajectory = episode.trajectory
        heard = 0
        for turn in range(3):
            first = trajectory.turns.index(turn)
            said = [k for k, t in zip(trajectory.ids, trajectory.turns, strict=True) if t == turn]
            heard = trajectory.ids[:first].count(IMAGE_PAD_ID) // TOKENS_PER_IMAGE
            fresh = Sampler(actor, 1, TEMPERATURE)
            fresh.read([Prompt(tuple(trajectory.ids[:first]), tuple(trajectory.pictures[:heard]))])
            question = episode.conversation[: 2 * turn + 1]
            [answer] = fresh.write([actor.choices(question, 256)], [(*episode.seed, turn)])
            assert answer.ids == said


def test_an_episode_is_the_same_whoever_plays_beside_it(actor):
    together = played(actor, flight())
    for k, alone in enumerate(flight()):
        played(actor, [alone])
        assert alone.trajectory.ids == together[k].trajectory.ids


def test_seeds_tell_episodes_and_turns_apart(actor):
    episodes = played(actor, flight(1, 6))
    assert len({tuple(e.trajectory.ids) for e in episodes}) > 1
    again = played(actor, flight(1, 6))
    assert [e.trajectory.ids for e in episodes] == [e.trajectory.ids for e in again]


def test_tokens_come_as_often_as_they_are_likely(actor):
    """The first free choice of 500 rows against its probabilities."""
    task = make_task("train", 3, 0)[0]
    episode = played(actor, [Episode(task, 0, (0,))], turns=1)[0]
    question = episode.conversation[:1]
    rows = 500
    sampler = Sampler(actor, rows, TEMPERATURE)
    sampler.read([actor.prompt(question)] * rows)
    answers = sampler.write([actor.choices(question, 256) for _ in range(rows)], [(9, k) for k in range(rows)])
    free = next(k for k, allowed in enumerate(answers[0].allowed_ids) if len(allowed) > 1)
    said = np.array([answer.ids[free] for answer in answers])
    logprobs = {answer.ids[free]: answer.logprobs[free] for answer in answers}
    for token, logprob in logprobs.items():
        p = np.exp(logprob)
        assert abs((said == token).mean() - p) < 4 * np.sqrt(p * (1 - p) / rows) + 1e-3


def test_what_does_not_fit_stays_out_with_its_picture(actor):
    whole = played(actor, flight())
    context = max(len(e.trajectory) for e in whole) - 20 + 256
    for short, long in zip(played(actor, flight(), context=context), whole, strict=True):
        ids = short.trajectory.ids
        assert ids == long.trajectory.ids[: len(ids)] and len(ids) + 256 <= context + 256
        assert ids.count(IMAGE_PAD_ID) == TOKENS_PER_IMAGE * len(short.trajectory.pictures)
        assert short.truncated == (len(short.scores) < 3)
    assert any(e.truncated for e in played(actor, flight(), context=context))


def test_a_fault_of_the_machine_is_no_fault_of_the_others(actor):
    whole = played(actor, flight())
    hit = played(actor, flight(), broken={1: 2})
    assert hit[1].fault == "the lights went out" and len(hit[1].scores) == 1
    for k in (0, 2, 3, 4, 5):
        assert hit[k].trajectory.ids == whole[k].trajectory.ids and not hit[k].fault


def test_episodes_end_each_at_its_own_turn(actor):
    whole = played(actor, flight())
    ended = played(actor, flight(), over={0: 1, 4: 2})
    assert [len(e.scores) for e in ended] == [1, 3, 3, 3, 2, 3]
    for short, long in zip(ended, whole, strict=True):
        length = len(short.trajectory)
        assert short.trajectory.ids == long.trajectory.ids[:length]


def test_probabilities_are_shared_out_among_what_is_allowed():
    logits = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    found = choice_logprobs(logits, torch.tensor([[True, False, True, False]]), 0.5)
    assert found[0, [1, 3]].tolist() == [-torch.inf, -torch.inf]
    assert found.exp().sum().item() == pytest.approx(1)
    assert (found[0, 2] - found[0, 0]).item() == pytest.approx(4.0)  # (3 - 1) / 0.5


def test_the_clock_keeps_waiting_apart_from_work(actor):
    clock = Clock()
    episodes = flight(1, 2)
    environments = PaperEnvironments(lambda task, answer, turn: 0.5)
    play(actor, environments, episodes, EpisodeSettings(2), Sampling(TEMPERATURE), clock)
    assert clock.seconds["physics"] == pytest.approx(2 * 2 * 0.25)
    assert clock.seconds["prefill"] > 0 and clock.seconds["decode"] > 0
