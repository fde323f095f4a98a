"""Free text sampled by steps of fixed shapes, which cards capture, is what the sampler's own loop samples."""

from __future__ import annotations

import numpy as np
import pytest

from tests.headless.rl.paper import PaperEnvironments

torch = pytest.importorskip("torch")
pytest.importorskip("peft")
pytest.importorskip("PIL")

from headless.rl.config import FAMILIES, LoraConfig
from headless.rl.data import Completion, Episode
from headless.rl.envs.base import EpisodeSettings
from headless.rl.learner import token_logprobs
from headless.rl.logs.timer import PhaseTimer
from headless.rl.policies.base import Unconstrained
from headless.rl.policies.chat import ChatPolicy
from headless.rl.rollout import SamplingParams, run_episodes
from headless.rl.sampler import Sampler
from headless.rl.validation import GREEDY_TEMPERATURE
from headless.taskgen.make import make_task
from metaspatial_addon.core.conversation import Message
from metaspatial_addon.prompts.full import FullFormat
from tests.headless.rl.policies.test_chat import FIRST, LATER, microbatch, picture
from tests.policy.models import build

OTHER = (Message("system", "You lay out furniture."), Message("user", "A hall.", (picture(4, 96),)))
WORDS_ALONE = (Message("user", "Nothing is at fault, go on as you like."),)
TURNS = ((FIRST, FIRST, OTHER, FIRST, OTHER), (LATER, WORDS_ALONE, LATER, LATER, WORDS_ALONE))
"""Conversations of five rows: prompts that some share, of different lengths, with pictures and without."""
LONGEST = 30


@pytest.fixture(scope="module", params=FAMILIES)
def policy(request, tmp_path_factory) -> ChatPolicy:
    return policy_with_adapters(request.param, tmp_path_factory.mktemp("models"))


def policy_with_adapters(family: str, folder) -> ChatPolicy:
    made = ChatPolicy(build(family, folder), LoraConfig(rank=4, alpha=8.0))
    torch.manual_seed(3)
    with torch.no_grad():  # adapters that have learnt something
        for name, parameter in made.model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1)
    return made


def answers(policy, temperature: float, captured: bool) -> list[list[Completion]]:
    """What each row answers in each turn, with seeds of its own; the fourth row leaves after the first turn."""
    sampler = Sampler(policy, len(TURNS[0]), temperature, captured)
    rows, said = list(range(len(TURNS[0]))), []
    for turn, conversations in enumerate(TURNS):
        sampler.prefill([policy.tokenize(conversations[row]) for row in rows])
        ends = [*policy.ends, *policy._text_ids[:8].tolist()]  # so many that some answers end early
        constraints = [Unconstrained(policy._text_ids, ends, LONGEST) for _ in rows]
        said.append(sampler.generate(constraints, [(row, turn) for row in rows]))
        if turn == 0:
            rows.remove(3)
            sampler.keep(rows)
    return said


def test_both_ways_sample_the_same(policy):
    """With adapters beside the weights and merged into them."""
    for temperature in (1.0, GREEDY_TEMPERATURE):
        plain = answers(policy, temperature, captured=False)
        with policy.merged_adapters():
            captured = answers(policy, temperature, captured=True)
        lengths = set()
        for expected, found in zip(sum(plain, []), sum(captured, []), strict=True):
            assert found.ids == expected.ids
            if temperature == 1.0:  # near 0 they are multiplied by ten thousand
                np.testing.assert_allclose(found.logprobs, expected.logprobs, atol=1e-4, rtol=0)
            assert [len(k) for k in found.allowed_ids] == [len(k) for k in expected.allowed_ids]
            lengths.add(len(found.ids))
        assert temperature != 1.0 or len(lengths) > 2


def test_merged_adapters_are_undone_to_the_bit(tmp_path):
    policy = policy_with_adapters("qwen2_5_vl", tmp_path)
    before = {name: parameter.clone() for name, parameter in policy.model.named_parameters()}
    learning = [name for name, parameter in policy.model.named_parameters() if parameter.requires_grad]
    prompt = torch.tensor([policy.tokenize(FIRST[:1]).ids], device=policy.device)

    def outputs():
        with torch.no_grad():
            return policy.hidden(prompt, [], policy.positions(prompt, []))

    with_adapters = outputs()
    with pytest.raises(KeyboardInterrupt), policy.merged_adapters():
        changed = [n for n, parameter in policy.model.named_parameters() if not torch.equal(parameter, before[n])]
        assert len(changed) == len(learning) / 2 and all("base_layer" in name for name in changed)
        torch.testing.assert_close(outputs(), with_adapters, atol=1e-4, rtol=1e-4)
        raise KeyboardInterrupt
    assert all(torch.equal(parameter, before[name]) for name, parameter in policy.model.named_parameters())
    assert [name for name, parameter in policy.model.named_parameters() if parameter.requires_grad] == learning
    assert torch.equal(outputs(), with_adapters)


def rollout(policy, captured: bool, bf16: bool = False) -> list[Episode]:
    episodes = [Episode(make_task("train", 3, 0)[0], 0, (1, 0, member)) for member in range(2)]
    environments = PaperEnvironments(lambda task, answer, turn: 0.5, prompt_format=FullFormat())
    sampling = SamplingParams(1.0, LONGEST, 8192, bf16, captured)
    run_episodes(policy, environments, episodes, EpisodeSettings(2, pictures=False), sampling, PhaseTimer())
    return episodes


def test_a_rollout_is_the_same(tmp_path):
    """In bfloat16 adapters stay beside the weights: merged and rounded, they would be others than those that learn."""
    policy = policy_with_adapters("qwen3_vl", tmp_path)
    for plain, captured in zip(rollout(policy, False), rollout(policy, True), strict=True):
        assert len(captured.scores) == 2 and captured.trajectory.ids == plain.trajectory.ids

    batch = microbatch(policy, [episode.trajectory for episode in rollout(policy, True, bf16=True)])
    with torch.no_grad(), torch.autocast(policy.device.type, torch.bfloat16):
        logprobs, _ = token_logprobs(policy, batch, 1.0)
    gap = (logprobs - batch.sampler_logprobs)[batch.mask].abs().mean()
    assert gap < 5e-3
