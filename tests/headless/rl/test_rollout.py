"""Rollouts: what was sampled is what is learnt from, token for token, and faults stay where they happen."""

from __future__ import annotations

import numpy as np
import pytest

from tests.headless.rl.paper import PaperEnvironments

torch = pytest.importorskip("torch")

from headless.rl.data import Episode, PromptTokens
from headless.rl.envs.base import EpisodeSettings
from headless.rl.learner import Microbatch, Row, token_logprobs
from headless.rl.logs.timer import PhaseTimer
from headless.rl.policies.base import constrained_logprobs
from headless.rl.policies.compact import CompactPolicy
from headless.rl.rollout import SamplingParams, run_episodes
from headless.rl.sampler import Sampler
from headless.taskgen.make import make_task
from headless.taskgen.wide import make_wide_task
from metaspatial_addon.policy.builtin.grammar import grammar_for
from metaspatial_addon.policy.builtin.policy import DEFAULT_MODEL, TokenizedPrompt
from metaspatial_addon.policy.builtin.vision import IMAGE_PAD_ID, TOKENS_PER_IMAGE
from metaspatial_addon.prompts import vocabulary as v

TEMPERATURE = 0.8


@pytest.fixture(scope="module")
def policy(small_model):
    return CompactPolicy(small_model)


def flight(groups=2, size=3) -> list[Episode]:
    return [Episode(make_task("train", 3, g)[0], g, (1, g, member)) for g in range(groups) for member in range(size)]


def played(policy, episodes, turns=3, pictures=True, context=4096, **options) -> list[Episode]:
    environments = PaperEnvironments(lambda task, answer, turn: 0.5, **options)
    settings = EpisodeSettings(turns, pictures=pictures)
    run_episodes(policy, environments, episodes, settings, SamplingParams(TEMPERATURE, 256, context), PhaseTimer())
    return episodes


@pytest.mark.parametrize("pictures", [True, False])
def test_a_trajectory_is_the_conversation_as_the_policy_would_read_it(policy, pictures):
    for episode in played(policy, flight(), pictures=pictures):
        trajectory = episode.trajectory
        prompt = TokenizedPrompt.of(episode.conversation, sees_images=True)
        assert tuple(trajectory.ids) == prompt.ids[:-1]  # but for the opening of an answer that was not asked for
        assert tuple(trajectory.images) == prompt.images and len(prompt.images) == (3 if pictures else 0)
        assert trajectory.ids.count(IMAGE_PAD_ID) == TOKENS_PER_IMAGE * len(trajectory.images)
        assert len(trajectory) == len(trajectory.completion_mask) == len(trajectory.turns) == len(trajectory.logprobs)
        answers = [message.text for message in episode.conversation if message.role == "assistant"]
        for turn, text in enumerate(answers):
            said = [k for k, t in zip(trajectory.ids, trajectory.turns, strict=True) if t == turn]
            assert v.decode(said) == text + "<|end|>"
        assert [turn >= 0 for turn in trajectory.turns] == trajectory.completion_mask
        assert len(episode.scores) == len(answers) == 3 and not episode.truncated


def test_log_probabilities_are_those_of_the_answers_grammar(policy):
    """Walking the grammar again, and running transformers' own forward pass on the whole episode."""
    for episode in played(policy, flight(size=1)):
        trajectory, messages = episode.trajectory, episode.conversation
        ids = torch.tensor([trajectory.ids])
        with torch.no_grad():
            hidden = policy.hidden(ids, trajectory.images, policy.positions(ids, trajectory.images))
            logits = policy.logits(hidden)[0].double() / TEMPERATURE
        at = 0
        for k, message in enumerate(messages):
            if message.role != "assistant":
                continue
            grammar = grammar_for(messages[:k], policy.free_places)
            at = trajectory.completion_mask.index(True, at)
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
        assert True not in trajectory.completion_mask[at:]


def test_the_learner_finds_the_log_probabilities_of_the_sampler(policy):
    episodes = played(policy, flight())
    rows = [Row(e.trajectory, torch.ones(3), np.ones(len(e.trajectory), np.float32)) for e in episodes]
    batch = Microbatch.of(rows, policy.pad)
    logprobs, entropy = token_logprobs(policy, batch, TEMPERATURE)
    assert (logprobs - batch.sampler_logprobs)[batch.mask].abs().max() < 2e-5
    assert not logprobs[~batch.mask].any() and len(entropy) == batch.mask.sum()
    for k, row in enumerate(rows):  # what pads a row changes nothing
        alone, _ = token_logprobs(policy, Microbatch.of([row], policy.pad), TEMPERATURE)
        assert (alone[0] - logprobs[k, : len(row)]).abs().max() < 2e-5


def test_no_placeholder_can_be_said(policy):
    special = {v.TOKEN_IDS[token] for token in v.SPECIAL} - {v.END}
    for episode in played(policy, flight()):
        for allowed in episode.trajectory.allowed_ids:
            assert allowed is None or not special & set(allowed.tolist())


def test_keeping_the_cache_gives_the_tokens_of_reading_everything_again(policy):
    for episode in played(policy, flight()):
        trajectory = episode.trajectory
        heard = 0
        for turn in range(3):
            first = trajectory.turns.index(turn)
            said = [k for k, t in zip(trajectory.ids, trajectory.turns, strict=True) if t == turn]
            heard = trajectory.ids[:first].count(IMAGE_PAD_ID) // TOKENS_PER_IMAGE
            fresh = Sampler(policy, 1, TEMPERATURE)
            fresh.prefill([PromptTokens(tuple(trajectory.ids[:first]), tuple(trajectory.images[:heard]))])
            question = episode.conversation[: 2 * turn + 1]
            [answer] = fresh.generate([policy.constraint(question, 256)], [(*episode.seed, turn)])
            assert answer.ids == said


def test_an_episode_is_the_same_whoever_plays_beside_it(policy):
    together = played(policy, flight())
    for k, alone in enumerate(flight()):
        played(policy, [alone])
        assert alone.trajectory.ids == together[k].trajectory.ids


def test_seeds_tell_episodes_and_turns_apart(policy):
    episodes = played(policy, flight(1, 6))
    assert len({tuple(e.trajectory.ids) for e in episodes}) > 1
    again = played(policy, flight(1, 6))
    assert [e.trajectory.ids for e in episodes] == [e.trajectory.ids for e in again]


def test_tokens_come_as_often_as_they_are_likely(policy):
    """The first free choice of 500 rows against its probabilities."""
    task = make_task("train", 3, 0)[0]
    episode = played(policy, [Episode(task, 0, (0,))], turns=1)[0]
    question = episode.conversation[:1]
    rows = 500
    sampler = Sampler(policy, rows, TEMPERATURE)
    sampler.prefill([policy.tokenize(question)] * rows)
    answers = sampler.generate([policy.constraint(question, 256) for _ in range(rows)], [(9, k) for k in range(rows)])
    free = next(k for k, allowed in enumerate(answers[0].allowed_ids) if len(allowed) > 1)
    said = np.array([answer.ids[free] for answer in answers])
    logprobs = {answer.ids[free]: answer.logprobs[free] for answer in answers}
    for token, logprob in logprobs.items():
        p = np.exp(logprob)
        assert abs((said == token).mean() - p) < 4 * np.sqrt(p * (1 - p) / rows) + 1e-3


def test_what_does_not_fit_stays_out_with_its_picture(policy):
    whole = played(policy, flight())
    context = max(e.trajectory.turns.index(2) for e in whole) - 1 + 256  # the longest has no space for a third answer
    for short, long in zip(played(policy, flight(), context=context), whole, strict=True):
        ids = short.trajectory.ids
        assert ids == long.trajectory.ids[: len(ids)] and len(ids) + 256 <= context + 256
        assert ids.count(IMAGE_PAD_ID) == TOKENS_PER_IMAGE * len(short.trajectory.images)
        assert short.truncated == (len(short.scores) < 3)
    assert any(e.truncated for e in played(policy, flight(), context=context))


def test_a_fault_of_the_machine_is_no_fault_of_the_others(policy):
    whole = played(policy, flight())
    hit = played(policy, flight(), broken={1: 2})
    assert hit[1].fault == "the lights went out" and len(hit[1].scores) == 1
    for k in (0, 2, 3, 4, 5):
        assert hit[k].trajectory.ids == whole[k].trajectory.ids and not hit[k].fault


def test_episodes_end_each_at_its_own_turn(policy):
    whole = played(policy, flight())
    ended = played(policy, flight(), over={0: 1, 4: 2})
    assert [len(e.scores) for e in ended] == [1, 3, 3, 3, 2, 3]
    for short, long in zip(ended, whole, strict=True):
        length = len(short.trajectory)
        assert short.trajectory.ids == long.trajectory.ids[:length]


def test_a_prompt_that_episodes_share_is_learnt_from_as_if_each_had_read_it(policy):
    """Episodes of two groups, of which some end early, in one batch and one by one."""
    episodes = played(policy, flight(), over={0: 1, 4: 2})
    rows = [Row(episode.trajectory, torch.zeros(3), np.zeros(len(episode.trajectory))) for episode in episodes]
    weights = torch.linspace(-1, 1, max(map(len, rows)))
    gradients, sums = [], []
    for batches in ([rows], [[row] for row in rows]):
        policy.model.zero_grad()
        logprobs = []
        for batch in batches:
            found, _ = token_logprobs(policy, Microbatch.of(batch, policy.pad), TEMPERATURE)
            (found * weights[: found.shape[1]]).sum().backward()
            logprobs += list(found.detach())
        sums.append(torch.stack([row.sum() for row in logprobs]))
        gradients.append([p.grad.clone() for p in policy.model.parameters() if p.grad is not None])
    policy.model.zero_grad()
    assert torch.allclose(*sums, atol=1e-4) and len(gradients[0]) == len(gradients[1])
    for shared, alone in zip(*gradients, strict=True):
        assert torch.allclose(shared, alone, atol=1e-4 * alone.abs().max().item() + 1e-7)


def test_in_bfloat16_sampler_and_learner_of_the_embedded_model_agree():
    """As they do in float32: all that could differ, attention, is then computed in float64."""
    policy = CompactPolicy(DEFAULT_MODEL)
    episodes = [Episode(make_wide_task("train", 1, g)[0], g, (1, 0, g, member)) for g in range(3) for member in (0, 1)]
    environments = PaperEnvironments(lambda task, answer, turn: 0.5 + 0.1 * turn)
    sampling = SamplingParams(1.0, 400, 3072, bf16=True)
    run_episodes(policy, environments, episodes, EpisodeSettings(2), sampling, PhaseTimer())
    gaps = []
    for episode in episodes:
        row = Row(episode.trajectory, torch.zeros(2), np.zeros(len(episode.trajectory), np.float32))
        batch = Microbatch.of([row], policy.pad)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            learner_logprobs, _ = token_logprobs(policy, batch, 1.0)
        gaps.append((learner_logprobs - batch.sampler_logprobs)[batch.mask].abs())
    assert torch.cat(gaps).mean() < 1e-4


def test_probabilities_are_shared_out_among_what_is_allowed():
    logits = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    found = constrained_logprobs(logits, torch.tensor([[True, False, True, False]]), 0.5)
    assert found[0, [1, 3]].tolist() == [-torch.inf, -torch.inf]
    assert found.exp().sum().item() == pytest.approx(1)
    assert (found[0, 2] - found[0, 0]).item() == pytest.approx(4.0)  # (3 - 1) / 0.5


def test_the_clock_keeps_waiting_apart_from_work(policy):
    timer = PhaseTimer()
    episodes = flight(1, 2)
    environments = PaperEnvironments(lambda task, answer, turn: 0.5)
    run_episodes(policy, environments, episodes, EpisodeSettings(2), SamplingParams(TEMPERATURE), timer)
    assert timer.seconds["physics"] == pytest.approx(2 * 2 * 0.25)
    assert timer.seconds["prefill"] > 0 and timer.seconds["decode"] > 0
