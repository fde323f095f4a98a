"""Which of transformers' classes can be trained: a small model of each, two turns with pictures, one step."""

from __future__ import annotations

import re

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")
pytest.importorskip("PIL")

from transformers import LlavaConfig, LlavaForConditionalGeneration
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

from headless.rl.config import FAMILIES, LoraConfig
from headless.rl.learner import token_logprobs
from headless.rl.losses import BatchSize, LossConfig, Tokens, policy_loss
from headless.rl.policies.chat import ChatPolicy
from metaspatial_addon.core.conversation import Message
from metaspatial_addon.policy.base import PolicyError
from metaspatial_addon.policy.local import LocalPolicy
from tests.headless.rl.policies.test_chat import FIRST, KINDS, LATER, episode, microbatch
from tests.policy.models import TEXT, build


@pytest.mark.parametrize("family", [family for family in FAMILIES if family not in KINDS])
def test_a_model_of_each_class_takes_a_step(family, tmp_path):
    """Those in KINDS do so in `test_chat`."""
    policy = ChatPolicy(build(family, tmp_path), LoraConfig(rank=4, alpha=8.0))
    learning = {name for name, parameter in policy.model.named_parameters() if parameter.requires_grad}
    assert len(learning) == 2 * 7 * TEXT["num_hidden_layers"] and not any("vision" in name for name in learning)

    space = " " if family in ("smolvlm", "idefics3") else ""  # which their templates put before an answer
    said = policy.processor.tokenizer(f"{space}Two beds.", add_special_tokens=False)["input_ids"]
    pieces = [*policy.tokenize(FIRST).ids, *said, policy.ends[0], *policy.tokenize(LATER).ids]
    whole = LocalPolicy(tmp_path).inputs([(*FIRST, Message("assistant", "Two beds."), *LATER)])
    assert pieces == whole["input_ids"][0].tolist()

    trajectories = episode(policy)
    batch = microbatch(policy, trajectories)
    assert policy.placeholder not in policy._text_ids
    optimiser = torch.optim.SGD((p for p in policy.model.parameters() if p.requires_grad), lr=0.5)
    losses = []
    for _ in range(2):
        logprobs, _ = token_logprobs(policy, batch, 1.0)
        if not losses:
            assert (logprobs - batch.sampler_logprobs)[batch.mask].abs().max() < 1e-4
        tokens = Tokens(logprobs, batch.sampler_logprobs, batch.mask.float(), torch.ones_like(logprobs))
        loss, _ = policy_loss(tokens, LossConfig("dapo"), BatchSize(len(trajectories), int(batch.mask.sum())))
        losses.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert losses[1] < losses[0]


def test_a_model_with_windows_of_attention_is_refused(tmp_path):
    text = {**TEXT, "model_type": "mistral", "vocab_size": 300, "sliding_window": 64}
    vision = {"model_type": "clip_vision_model", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1}
    vision |= {"num_attention_heads": 2, "image_size": 32, "patch_size": 8}
    config = LlavaConfig(text_config=text, vision_config=vision, image_token_id=5)
    LlavaForConditionalGeneration(config).save_pretrained(tmp_path)
    with pytest.raises(PolicyError, match="with full attention in all layers"):
        ChatPolicy(tmp_path, LoraConfig(rank=4))


def test_the_page_lists_the_classes_that_can_be_trained(checkout):
    page = (checkout / "docs" / "training.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)` \| `(\w+)` \|$", page, re.MULTILINE)
    assert listed == [(family, MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES[family]) for family in FAMILIES]
