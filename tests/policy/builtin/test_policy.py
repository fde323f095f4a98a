"""The embedded model in numpy, beside transformers on the same weights."""

from __future__ import annotations

import numpy as np
import pytest

from headless.taskgen.make import make_task
from metaspatial_addon.core.conversation import Message
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.task import Item, Room, Task
from metaspatial_addon.episode.play import prompt_format_of
from metaspatial_addon.policy.base import PolicyError
from metaspatial_addon.policy.builtin.grammar import grammar_for
from metaspatial_addon.policy.builtin.policy import MOST_ITEMS, BuiltinPolicy, TokenizedPrompt
from metaspatial_addon.policy.builtin.safetensors import read_safetensors
from metaspatial_addon.prompts import vocabulary as v
from metaspatial_addon.prompts.compact import CompactEncoding, CompactFormat

torch = pytest.importorskip("torch")
FORMAT = CompactFormat()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model of the embedded one's class with random weights, far from uniform so that mistakes show."""
    from headless.pretraining.export import write_model
    from headless.pretraining.model import ModelShape, build

    torch.manual_seed(5)
    model = build(ModelShape(hidden=96, layers=3, heads=3, key_value_heads=1, feed_forward=160))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    path = tmp_path_factory.mktemp("tiny")
    write_model(model, path)
    return path


@pytest.fixture(scope="module")
def policy(folder):
    return BuiltinPolicy(folder)


@pytest.fixture(scope="module")
def reference(folder):
    from transformers import Qwen2_5_VLForConditionalGeneration

    return Qwen2_5_VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()


def conversation(index: int, mending: bool = False):
    task, layout = make_task("test", 8, index)
    first = FORMAT.first(task)
    if not mending:
        return task, first
    answer = Message("assistant", CompactEncoding(task).answer_text(dict(layout.poses)))
    name = next(iter(CompactEncoding(task).model_task.movable)).id
    return task, (*first, answer, Message("user", f"{name} outside m0.10\n"))


@pytest.mark.parametrize("mending", [False, True])
def test_logits_are_those_of_transformers(policy, reference, mending):
    _, asked = conversation(0, mending)
    ids = TokenizedPrompt.of(asked).ids
    with torch.no_grad():
        expected = reference(input_ids=torch.tensor([ids])).logits[0, -1].numpy()
    outputs, _ = policy._prefill([TokenizedPrompt.of(asked)], 1)
    np.testing.assert_allclose(policy.decoder.logits(outputs)[0], expected, atol=1e-4)


def test_log_probabilities_are_renormalised_over_what_is_allowed(policy, reference):
    _, asked = conversation(1)
    ids = TokenizedPrompt.of(asked).ids
    (reply,) = policy.answer([asked], [3], temperature=0.7)
    with torch.no_grad():
        logits = reference(input_ids=torch.tensor([[*ids, *reply.token_ids]])).logits[0].double().numpy()
    grammar = grammar_for(asked)
    for k, (token, logprob) in enumerate(zip(reply.token_ids, reply.logprobs, strict=True)):
        among = logits[len(ids) - 1 + k][grammar.allowed_ids] / 0.7
        expected = among[list(grammar.allowed_ids).index(token)] - np.logaddexp.reduce(among)
        assert logprob == pytest.approx(expected, abs=1e-3)
        grammar.advance(token)
    assert grammar.done


def test_the_tokenizer_of_the_folder_reads_as_the_vocabulary_does(folder):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    _, asked = conversation(2, mending=True)
    messages = [{"role": m.role, "content": m.text} for m in asked]
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    assert tuple(tokenizer(text)["input_ids"]) == TokenizedPrompt.of(asked).ids
    answer = asked[1].text
    assert tokenizer.decode(v.encode(answer)) == answer


@pytest.mark.parametrize("mending", [False, True])
def test_even_random_weights_answer_usably(policy, mending):
    for index in range(4):
        task, asked = conversation(index, mending)
        previous = FORMAT.read(asked[1].text, task).layout if mending else None
        for reply in policy.answer([asked] * 3, [1, 2, 3], temperature=1.5):
            answer = FORMAT.read(reply.text, task, previous)
            assert answer.status == "ok" and answer.grade == 1.0, answer.problems
            assert reply.token_ids[-1] == v.END


def test_a_batch_gives_what_each_conversation_gives_alone(policy):
    asked = [conversation(k, mending=k % 2 == 1)[1] for k in range(5)]
    together = policy.answer(asked, range(5))
    assert [reply.text for reply in together] == [policy.answer([c], [seed])[0].text for seed, c in enumerate(asked)]


def test_a_seed_decides_and_greedy_needs_none(policy):
    _, asked = conversation(3)
    first, second, other = policy.answer([asked] * 3, [7, 7, 8])
    assert first == second != other
    greedy = policy.answer([asked] * 2, [1, 2], temperature=0.0)
    assert greedy[0] == greedy[1]


def test_nothing_asked_is_nothing_answered(policy):
    assert policy.answer([], []) == []


def test_it_reads_compact_conversations_only(policy):
    with pytest.raises(PolicyError, match="compact conversations only"):
        policy.answer([(Message("user", "Hello there"),)], [1])
    assert isinstance(prompt_format_of(policy), CompactFormat)


def test_more_items_than_it_can_place_are_refused_with_what_to_do(policy):
    room = Room("office", ((0, 0), (8, 0), (8, 8), (0, 8)), 2.7)

    def asked(count):
        task = Task("many", "", room, tuple(Item(f"chair{k}", "chair", (0.5, 0.5, 0.9)) for k in range(count)))
        return CompactFormat().first(task)

    assert policy.answer([asked(MOST_ITEMS)], [1])[0].text
    with pytest.raises(PolicyError, match="at most 120 items at once, and here are 121: select fewer") as refused:
        policy.answer([asked(2), asked(MOST_ITEMS + 1)], [1, 2])
    assert len(str(refused.value)) <= 200


def test_a_missing_model_names_its_file(tmp_path):
    with pytest.raises(InputError, match="config.json"):
        BuiltinPolicy(tmp_path / "nowhere")


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_weights_of_each_type_are_read(tmp_path, dtype):
    from safetensors.torch import save_file

    tensor = torch.linspace(-2, 2, 12).reshape(3, 4).to(getattr(torch, dtype))
    save_file({"a": tensor}, tmp_path / "w.safetensors")
    np.testing.assert_array_equal(read_safetensors(tmp_path / "w.safetensors")[0]["a"], tensor.float().numpy())


def test_a_broken_weights_file_is_one_clear_error(tmp_path):
    (tmp_path / "w.safetensors").write_bytes(b"not a model at all")
    with pytest.raises(PolicyError, match="safetensors file"):
        read_safetensors(tmp_path / "w.safetensors")
