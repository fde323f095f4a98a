"""The embedded model's eyes in numpy, beside transformers and its image processor on the same weights and pictures."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pytest

from headless.taskgen.make import make_task
from metaspatial_addon.core.conversation import Message
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.task import Layout
from metaspatial_addon.policy.base import PolicyError
from metaspatial_addon.policy.builtin.grammar import grammar_for
from metaspatial_addon.policy.builtin.policy import BuiltinPolicy, TokenizedPrompt
from metaspatial_addon.policy.builtin.vision import IMAGE_IDS, IMAGE_PAD_ID, extract_patches, mrope_positions
from metaspatial_addon.prompts import vocabulary as v
from metaspatial_addon.prompts.compact import CompactEncoding, CompactFormat
from metaspatial_addon.prompts.png import write_png

torch = pytest.importorskip("torch")
FORMAT = CompactFormat()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model of the embedded one's class with random weights, large enough that mistakes show."""
    from headless.pretraining.export import write_model
    from headless.pretraining.model import ModelShape, build

    torch.manual_seed(6)
    model = build(ModelShape(hidden=96, layers=3, heads=3, key_value_heads=1, feed_forward=160))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
        for parameter in model.model.visual.parameters():
            parameter.mul_(2.0)
    path = tmp_path_factory.mktemp("seeing")
    write_model(model, path, pictures=True)
    return path


@pytest.fixture(scope="module")
def policy(folder):
    return BuiltinPolicy(folder)


@pytest.fixture(scope="module")
def reference(folder):
    from transformers import Qwen2_5_VLForConditionalGeneration

    return Qwen2_5_VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()


@pytest.fixture(scope="module")
def processor(folder):
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    return Qwen2VLImageProcessorPil.from_pretrained(folder)


def conversation(index: int, turns: int = 1, pictures: int = 1):
    """A conversation of one or two turns whose questions show as many pictures each."""
    task, layout = make_task("test", 8, index)
    empty, full = (FORMAT.draw_images(task, shown)[0] for shown in (Layout(task.id), layout))
    first = FORMAT.first(task, (empty, full)[:pictures])
    if turns == 1:
        return first
    answer = Message("assistant", CompactEncoding(task).answer_text(dict(layout.poses)))
    name = next(iter(CompactEncoding(task).model_task.movable)).id
    return (*first, answer, Message("user", f"{name} outside m0.10\n", (full, empty)[:pictures]))


def processed(processor, pictures):
    from PIL import Image

    return processor([Image.open(io.BytesIO(data)) for data in pictures], return_tensors="pt")


def theirs(reference, processor, prompt, more=()):
    """Logits of transformers for every token of the prompt and what follows it, (T, V)."""
    ids = torch.tensor([[*prompt.ids, *more]])
    seen = processed(processor, prompt.images)
    with torch.no_grad():
        return (
            reference(
                input_ids=ids,
                pixel_values=seen["pixel_values"],
                image_grid_thw=seen["image_grid_thw"],
                mm_token_type_ids=(ids == IMAGE_PAD_ID).int(),
            )
            .logits[0]
            .numpy()
        )


def logits(policy, prompts):
    outputs, _ = policy._prefill(prompts, 1)
    return policy.decoder.logits(outputs)


@pytest.mark.parametrize("turns", [1, 2])
@pytest.mark.parametrize("pictures", [1, 2])
def test_logits_are_those_of_transformers(policy, reference, processor, turns, pictures):
    prompt = TokenizedPrompt.of(conversation(0, turns, pictures), sees_images=True)
    assert len(prompt.images) == turns * pictures
    expected = theirs(reference, processor, prompt)[-1]
    np.testing.assert_allclose(logits(policy, [prompt])[0], expected, atol=1e-4)
    blank = replace(prompt, images=(write_png(np.zeros((112, 112, 3), np.uint8)),) * len(prompt.images))
    assert np.abs(logits(policy, [blank])[0] - expected).max() > 0.1


def test_patches_and_tokens_are_those_of_transformers(policy, reference, processor):
    noise = np.random.default_rng(4).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    pictures = [write_png(noise), conversation(1)[0].images[0]]
    seen = processed(processor, pictures)
    patches = extract_patches(pictures)
    frames = seen["pixel_values"].reshape(2, 64, 3, 2, 14 * 14).numpy()
    for frame in (0, 1):
        np.testing.assert_allclose(patches.reshape(2, 64, 3, -1) / 127.5 - 1, frames[:, :, :, frame], atol=1e-6)
    with torch.no_grad():
        expected = reference.model.get_image_features(seen["pixel_values"], seen["image_grid_thw"]).pooler_output
    np.testing.assert_allclose(policy.vision_tower.encode(patches), torch.stack(list(expected)).numpy(), atol=1e-4)


@pytest.mark.parametrize("pictures", [1, 2])
def test_positions_are_those_of_transformers(reference, pictures):
    ids = np.array([TokenizedPrompt.of(conversation(2, 2, pictures), sees_images=True).ids])
    expected, _ = reference.model.get_rope_index(
        torch.from_numpy(ids), torch.from_numpy(ids == IMAGE_PAD_ID).int(), torch.tensor([[1, 8, 8]] * 2 * pictures)
    )
    np.testing.assert_array_equal(mrope_positions(ids), expected.numpy())


def test_the_answer_goes_on_after_the_picture(policy, reference, processor):
    asked = conversation(1, 2)
    prompt = TokenizedPrompt.of(asked, sees_images=True)
    (reply,) = policy.answer([asked], [3], temperature=0.7)
    after = theirs(reference, processor, prompt, reply.token_ids).astype(np.float64)
    grammar = grammar_for(asked)
    for k, (token, logprob) in enumerate(zip(reply.token_ids, reply.logprobs, strict=True)):
        assert token == v.END or token >= len(v.SPECIAL)
        among = after[len(prompt.ids) - 1 + k][grammar.allowed_ids] / 0.7
        expected = among[list(grammar.allowed_ids).index(token)] - np.logaddexp.reduce(among)
        assert logprob == pytest.approx(expected, abs=1e-3)
        grammar.advance(token)


def test_no_answer_can_hold_a_placeholder():
    for asked in (conversation(3), conversation(3, 2)):
        grammar = grammar_for(asked)
        rng = np.random.default_rng(1)
        while not grammar.done:
            assert set(grammar.allowed_ids) & set(range(len(v.SPECIAL))) <= {v.END}
            grammar.advance(int(rng.choice(grammar.allowed_ids)))


def test_a_batch_gives_what_each_conversation_gives_alone(policy):
    asked = [conversation(k, 1 + k % 2, k % 3) for k in range(6)]
    prompts = [TokenizedPrompt.of(c, sees_images=True) for c in asked]
    alone = np.concatenate([logits(policy, [prompt]) for prompt in prompts])
    np.testing.assert_allclose(logits(policy, prompts), alone, atol=1e-5)
    together = policy.answer(asked, range(6))
    assert [reply.text for reply in together] == [policy.answer([c], [seed])[0].text for seed, c in enumerate(asked)]


def test_prompts_that_differ_by_their_pictures_alone_are_told_apart(policy):
    (first,) = conversation(4)
    other = replace(first, images=conversation(5)[0].images)
    asked = [(first,), (other,)]
    one, two = policy.answer(asked, [1, 1])
    assert one.logprobs[3] != pytest.approx(two.logprobs[3], abs=1e-4)
    for reply, alone in zip((one, two), asked, strict=True):
        assert reply.logprobs == pytest.approx(policy.answer([alone], [1])[0].logprobs, abs=1e-4)


def test_the_prompt_is_that_of_the_chat_template(folder):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    asked = conversation(2, 2, 2)
    messages = [
        {"role": m.role, "content": [*({"type": "image"} for _ in m.images), {"type": "text", "text": m.text}]}
        for m in asked
    ]
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    pad = "<|image_pad|>"
    expanded = text.replace(pad, pad * IMAGE_IDS.count(IMAGE_PAD_ID))  # as Qwen2.5-VL's processor does
    assert tuple(tokenizer(expanded)["input_ids"]) == TokenizedPrompt.of(asked, sees_images=True).ids


@pytest.mark.parametrize("metadata", [None, {"pictures": False}, {}])
def test_a_model_that_was_taught_without_pictures_leaves_them_out(folder, tmp_path, metadata):
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).symlink_to(folder / name)
    if metadata is not None:
        (tmp_path / "metaspatial.json").write_text(json.dumps(metadata))
    blind = BuiltinPolicy(tmp_path)
    assert not blind.sees_images
    asked = conversation(0)
    bare = tuple(replace(m, images=()) for m in asked)
    assert blind.answer([asked], [1]) == blind.answer([bare], [1])
    assert BuiltinPolicy(folder).sees_images


@pytest.mark.parametrize(
    ("picture", "expected"),
    [(write_png(np.zeros((64, 112, 3), np.uint8)), "112 x 112 pixels, and one is 112 x 64"), (b"GIF", "PNG")],
)
def test_other_pictures_are_refused_clearly(policy, picture, expected):
    (first,) = conversation(0)
    with pytest.raises(PolicyError, match=expected):
        policy.answer([(replace(first, images=(picture,)),)], [1])


def test_a_text_cannot_pass_for_a_picture(policy):
    (first,) = conversation(0)
    with pytest.raises(PolicyError, match="placeholder"):
        policy.answer([(replace(first, text=first.text + "<|image_pad|>"),)], [1])


def test_a_tower_of_other_patches_is_refused(folder, tmp_path):
    config = json.loads((folder / "config.json").read_text())
    config["vision_config"]["patch_size"] = 16
    (tmp_path / "config.json").write_text(json.dumps(config))
    for name in ("model.safetensors", "metaspatial.json"):
        (tmp_path / name).symlink_to(folder / name)
    with pytest.raises(InputError, match="vision_config"):
        BuiltinPolicy(tmp_path)
