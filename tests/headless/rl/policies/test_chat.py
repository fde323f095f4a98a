"""Small models of the pretrained classes: the same tokens as their own chat template, LoRA on language layers alone."""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.episode.scripted import CROSSED, TASK

torch = pytest.importorskip("torch")
pytest.importorskip("peft")
pytest.importorskip("PIL")

from safetensors import safe_open

from headless.rl.config import LoraConfig
from headless.rl.data import Trajectory
from headless.rl.learner import Microbatch, Row, token_logprobs
from headless.rl.losses import BatchSize, LossConfig, Tokens, policy_loss
from headless.rl.policies.base import Unconstrained
from headless.rl.policies.chat import ChatPolicy, merge
from headless.rl.sampler import Sampler
from metaspatial_addon.core.conversation import Message
from metaspatial_addon.policy.local import LocalPolicy
from metaspatial_addon.prompts.png import write_png
from tests.policy.models import build

KINDS = ["qwen2_5_vl", "qwen3_vl"]


def picture(seed: int, pixels: int = 64) -> bytes:
    return write_png(np.random.default_rng(seed).integers(0, 255, (pixels, pixels, 3), dtype=np.uint8))


FIRST = (
    Message("system", "You lay out furniture."),
    Message("user", "A room<|image_pad|> of 4 m.", (picture(1), picture(2, 128))),
)
LATER = (Message("user", "bed_1 overlaps desk_1 by 0.2 m", (picture(3, 96),)),)


@pytest.fixture(scope="module", params=KINDS)
def folder(request, tmp_path_factory) -> Path:
    return build(request.param, tmp_path_factory.mktemp("models") / request.param)


@pytest.fixture(scope="module")
def policy(folder) -> ChatPolicy:
    made = ChatPolicy(folder, LoraConfig(rank=4, alpha=8.0))
    torch.manual_seed(3)
    with torch.no_grad():  # adapters that have learnt something
        for name, parameter in made.model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.2)
    return made


def episode(policy, rows=2, longest=12) -> list[Trajectory]:
    """Two turns of a conversation with three pictures."""
    made = [Trajectory() for _ in range(rows)]
    sampler = Sampler(policy, rows, 1.0)
    for turn, messages in enumerate((FIRST, LATER)):
        prompt = policy.tokenize(messages)
        sampler.prefill([prompt] * rows)
        answers = sampler.generate([policy.constraint((), longest) for _ in made], [(k, turn) for k in range(rows)])
        for trajectory, said in zip(made, answers, strict=True):
            trajectory.append_prompt(prompt)
            trajectory.append_completion(said, turn)
    return made


def microbatch(policy, trajectories) -> Microbatch:
    rows = [Row(t, torch.tensor([1.0, -0.5]), np.ones(len(t), np.float32)) for t in trajectories]
    return Microbatch.of(rows, policy.pad)


def test_messages_become_the_tokens_of_the_models_own_template(policy, folder):
    """Piece by piece with answers between, beside the whole conversation at once."""
    tokenizer = policy.processor.tokenizer
    said = tokenizer(CROSSED, add_special_tokens=False)["input_ids"]
    pieces = [*policy.tokenize(FIRST).ids, *said, policy.ends[0], *policy.tokenize(LATER).ids]
    whole = LocalPolicy(folder).inputs([(*FIRST, Message("assistant", CROSSED), *LATER)])
    assert pieces == whole["input_ids"][0].tolist()


def test_sampler_and_learner_agree(policy):
    trajectories = episode(policy)
    assert trajectories[0].ids != trajectories[1].ids
    batch = microbatch(policy, trajectories)
    with torch.no_grad():
        logprobs, _ = token_logprobs(policy, batch, 1.0)
    assert (logprobs - batch.sampler_logprobs)[batch.mask].abs().max() < 1e-4
    for trajectory in trajectories:
        assert trajectory.ids.count(policy.placeholder) == sum(
            int(np.prod(grid)) // 4 for grid in policy._image_inputs(trajectory.images)["image_grid_thw"].tolist()
        )


def test_sampler_and_learner_agree_in_bfloat16(policy):
    with torch.autocast("cpu", torch.bfloat16):
        batch = microbatch(policy, episode(policy, rows=6, longest=60))
        with torch.no_grad():
            logprobs, _ = token_logprobs(policy, batch, 1.0)
    gap = (logprobs - batch.sampler_logprobs)[batch.mask].abs()
    assert len(gap) > 300 and gap.mean() < 1e-3


def test_log_probabilities_are_those_of_transformers(policy):
    """With the model's own positions, on one whole episode."""
    [trajectory] = episode(policy, rows=1)
    ids = torch.tensor([trajectory.ids])
    with torch.no_grad():
        looked = policy._image_inputs(trajectory.images)
        logits = policy.base(input_ids=ids, mm_token_type_ids=(ids == policy.placeholder).int(), **looked).logits[0]
    sayable = torch.from_numpy(policy._text_ids)
    for at in np.flatnonzero(trajectory.chosen()):
        among = torch.log_softmax(logits[at - 1][sayable].float(), dim=0)
        place = policy._text_ids.tolist().index(trajectory.ids[at])
        assert trajectory.logprobs[at] == pytest.approx(among[place].item(), abs=1e-4)


def test_placeholders_cannot_be_said_and_the_last_token_closes(policy):
    forbidden = {policy.placeholder, policy.base.config.video_token_id, policy.base.config.vision_start_token_id}
    for trajectory in episode(policy, rows=4, longest=6):
        for turn in (0, 1):
            said = [k for k, t in zip(trajectory.ids, trajectory.turns, strict=True) if t == turn]
            assert 1 <= len(said) <= 6 and said[-1] in policy.ends and not forbidden & set(said)
            assert not set(said[:-1]) & set(policy.ends)
    walk = Unconstrained(np.arange(9), [3, 5], 3)
    for token in (1, 2):
        assert len(walk.allowed_ids) == 9
        walk.advance(token)
    assert walk.allowed_ids.tolist() == [3]


def test_only_adapters_of_language_layers_learn(policy):
    learning = {name for name, p in policy.model.named_parameters() if p.requires_grad}
    assert learning and all("language_model" in name and "lora_" in name for name in learning)
    for part in ("q", "k", "v", "o", "gate", "up", "down"):
        assert any(f".{part}_proj." in name for name in learning)
    loss, _ = loss_of(policy, microbatch(policy, episode(policy)))
    loss.backward()
    for name, parameter in policy.model.named_parameters():
        assert (parameter.grad is not None and bool(parameter.grad.any())) == (name in learning), name
    policy.model.zero_grad()


def loss_of(policy, batch):
    new, entropy = token_logprobs(policy, batch, 1.0)
    tokens = Tokens(new, new.detach(), batch.mask, batch.advantages)
    return policy_loss(tokens, LossConfig(), BatchSize(len(batch.ids), int(batch.mask.sum())))


def test_the_reference_is_the_model_without_adapters(policy, folder):
    batch = microbatch(policy, episode(policy))
    plain = ChatPolicy(folder, LoraConfig(rank=4))  # fresh adapters do nothing
    with torch.no_grad():
        own, _ = token_logprobs(policy, batch, 1.0)
        with policy.reference() as reference:
            found, _ = token_logprobs(reference, batch, 1.0)
        expected, _ = token_logprobs(plain, batch, 1.0)
        after, _ = token_logprobs(policy, batch, 1.0)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert (own - found).abs().max() > 1e-2 and torch.equal(own, after)


def test_an_adapter_is_written_as_peft_and_servers_read_it(policy, folder, tmp_path):
    policy.save(tmp_path / "adapter")
    with safe_open(tmp_path / "adapter" / "adapter_model.safetensors", "pt") as file:
        names = list(file.keys())
    assert names and all(".language_model.layers." in name and ".lora_" in name for name in names)
    assert json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())["r"] == 4
    batch = microbatch(policy, episode(policy))
    other = ChatPolicy(folder, LoraConfig(rank=4, alpha=8.0))
    other.load(tmp_path / "adapter")
    merge(folder, tmp_path / "adapter", tmp_path / "merged")
    merged = ChatPolicy(tmp_path / "merged", LoraConfig(rank=4))
    served = LocalPolicy(folder, adapter=tmp_path / "adapter")
    with torch.no_grad():
        expected, _ = token_logprobs(policy, batch, 1.0)
        torch.testing.assert_close(token_logprobs(other, batch, 1.0)[0], expected)
        torch.testing.assert_close(token_logprobs(merged, batch, 1.0)[0], expected, atol=1e-4, rtol=0)
    assert served.answer([FIRST], [1])[0].token_ids


def test_recomputed_activations_give_the_same_gradients(folder, policy, tmp_path):
    policy.save(tmp_path)
    gradients = []
    batch = microbatch(policy, episode(policy))
    for recompute in (False, True):
        made = ChatPolicy(folder, LoraConfig(rank=4, alpha=8.0, gradient_checkpointing=recompute))
        made.load(tmp_path)
        runs = []
        made.base.model.language_model.layers[0].mlp.register_forward_pre_hook(lambda *_, runs=runs: runs.append(1))
        loss_of(made, batch)[0].backward()
        assert len(runs) == 1 + recompute
        gradients.append(torch.cat([p.grad.flatten() for p in made.model.parameters() if p.requires_grad]))
    assert gradients[0].abs().max() > 0
    torch.testing.assert_close(gradients[0], gradients[1])


def test_numbers_of_poses_are_found_in_the_text(policy):
    ids = policy.processor.tokenizer(CROSSED, add_special_tokens=False)["input_ids"]
    told = policy.pose_items([*ids, policy.ends[0]], TASK)
    assert told[-1] is None
    for item, numbers in {"bed_1": "3.42.900", "desk_1": "32.500", "lamp_1": "32.51.20"}.items():
        assert policy.decode([k for k, i in zip(ids, told, strict=False) if i == item]) == numbers


@pytest.mark.parametrize("text", [CROSSED, "🛋️ sofa é ü 床" * 3, "<think>\n  ok </think><answer>[]</answer>"])
def test_tokens_are_where_their_characters_are(policy, text):
    """As found by decoding every prefix anew, also for tokens that end within a character."""
    ids = policy.processor.tokenizer(text, add_special_tokens=False)["input_ids"]
    found, edges = policy._text_and_edges([*ids, policy.ends[0]])
    assert found == policy.decode(ids)
    assert edges == [len(policy.decode(ids[:k])) for k in [*range(len(ids) + 1), len(ids)]]


def test_the_time_to_find_the_items_of_tokens_grows_with_their_number(policy):
    """Twice the answer takes about twice the time, where decoding every prefix would take four times."""

    def seconds(places: int) -> float:
        answer = ", ".join('{"id": "desk_1", "x": 1.25, "y": 2.5, "z": 0, "yaw": 90}' for _ in range(places))
        ids = policy.processor.tokenizer(f"<answer>[{answer}]</answer>", add_special_tokens=False)["input_ids"]
        times = []
        for _ in range(5):
            began = time.process_time()
            items = policy.pose_items(ids, TASK)
            times.append(time.process_time() - began)
        assert sum(item == "desk_1" for item in items) >= 4 * places
        return statistics.median(times)

    assert seconds(80) < 3 * seconds(40)


def test_an_image_is_preprocessed_once_a_forward_pass(policy, monkeypatch):
    batch = microbatch(policy, episode(policy))
    seen = []
    right = policy._image_inputs
    monkeypatch.setattr(policy, "_image_inputs", lambda images: seen.append(len(images)) or right(images))
    monkeypatch.setattr(policy.processor, "image_processor", counted(policy.processor.image_processor, seen))
    with torch.no_grad():
        token_logprobs(policy, batch, 1.0)
    assert seen == [6, "preprocessed"]  # both rows' three images


def counted(processor, seen):
    """An image processor that notes its calls."""

    class Counted:
        def __call__(self, *args, **kwargs):
            seen.append("preprocessed")
            return processor(*args, **kwargs)

        def __getattr__(self, name):
            return getattr(processor, name)

    return Counted()


def test_a_budget_counts_what_the_tokens_will_be(policy):
    """To the token: a conversation fits as many as it has, and not one less."""
    opening = Message("system", "You lay out furniture."), Message("user", "A room of 4 m.", (picture(1), picture(2)))
    answer, later = "<answer>[]</answer>", Message("user", "bed_1 overlaps desk_1 by 0.2 m", (picture(3),))
    begun = len(policy.tokenize(opening).ids)
    said = len(policy.processor.tokenizer(answer, add_special_tokens=False)["input_ids"]) + 1
    whole = begun + said + len(policy.tokenize((later,)).ids)
    empty = [Message(m.role, m.text, (b"",) * len(m.images)) for m in (*opening, Message("assistant", answer), later)]
    for conversation, tokens in ((empty[:2], begun), (empty, whole)):
        assert policy.token_budget(tokens, 64).fits(tuple(conversation))
        assert not policy.token_budget(tokens - 1, 64).fits(tuple(conversation))
    assert replace(policy.token_budget(1, 64), tokenizer="nowhere.json").fits(tuple(empty))  # the rollout counts again
