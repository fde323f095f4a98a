"""The local policy on small models of the three families that it must work with."""

from __future__ import annotations

import json
import shutil
import sys

import pytest

torch = pytest.importorskip("torch", reason="local models need torch")
transformers = pytest.importorskip("transformers", reason="local models need transformers")

from metaspatial_addon.core.conversation import Conversation, Message
from metaspatial_addon.core.files import own_name
from metaspatial_addon.policy.base import PolicyError
from metaspatial_addon.policy.local import LocalPolicy, _Sampler

KINDS = ("qwen2_5_vl", "qwen3_vl", "smolvlm")
TOKENS = 10


@pytest.fixture(scope="module")
def loaded(small_model):
    """loaded(kind) -> a policy on a small model, loaded once."""
    policies: dict[str, LocalPolicy] = {}

    def policy(kind: str) -> LocalPolicy:
        if kind not in policies:
            policies[kind] = LocalPolicy(small_model(kind), device="cpu", max_new_tokens=TOKENS)
        return policies[kind]

    return policy


@pytest.fixture(params=KINDS)
def policy(request: pytest.FixtureRequest, loaded) -> LocalPolicy:
    return loaded(request.param)


@pytest.fixture(scope="module")
def conversations(png) -> tuple[Conversation, ...]:
    """One with a picture, one without, one of two turns with three pictures of several sizes."""
    return (
        (Message("system", "Place furniture."), Message("user", "A bedroom.", (png(1),))),
        (Message("user", "A kitchen with an island."),),
        (
            Message("user", "An office.", (png(2), png(3, 64, 64))),
            Message("assistant", "[]"),
            Message("user", "Mend it.", (png(4, 100, 40),)),
        ),
    )


def next_logits(policy: LocalPolicy, *pictures: bytes) -> torch.Tensor:
    inputs = policy.inputs([(Message("user", "A bedroom.", pictures),)])
    with torch.inference_mode():
        return policy.model(**inputs).logits[0, -1]


def favour(policy: LocalPolicy, token: int):
    """While it lasts, the model wants `token` above all."""

    def hook(module, args, output):
        output.logits[..., token] += 1e4

    return policy.model.register_forward_hook(hook)


def test_the_picture_changes_the_logits(policy, png):
    bare, one, other = next_logits(policy), next_logits(policy, png(1)), next_logits(policy, png(2))
    assert (one - bare).abs().max() > 0.05
    assert (one - other).abs().max() > 0.05, "what is in the picture counts, not only that there is one"
    assert torch.equal(one, next_logits(policy, png(1)))


def test_the_batch_does_not_change_the_answers(policy, conversations):
    for temperature in (0.0, 1.0):
        together = policy.answer(conversations, [11, 12, 13], temperature)
        alone = [policy.answer([c], [s], temperature)[0] for c, s in zip(conversations, (11, 12, 13), strict=True)]
        backwards = policy.answer(conversations[::-1], [13, 12, 11], temperature)[::-1]
        for replies in (alone, backwards):
            assert [reply.token_ids for reply in replies] == [reply.token_ids for reply in together]
            for one, other in zip(replies, together, strict=True):
                assert one.logprobs == pytest.approx(other.logprobs, abs=2e-4)


def test_a_batch_larger_than_the_limit_is_split(loaded, conversations, monkeypatch):
    policy = loaded("qwen2_5_vl")
    whole = policy.answer(conversations, [1, 2, 3], 1.0)
    monkeypatch.setattr(policy, "batch_size", 2)
    assert [r.text for r in policy.answer(conversations, [1, 2, 3], 1.0)] == [r.text for r in whole]


def test_greedy_is_what_the_model_itself_generates(policy, conversations):
    for conversation in conversations:
        inputs = policy.inputs([conversation])
        expected = policy.model.generate(
            **inputs, do_sample=False, max_new_tokens=TOKENS, suppress_tokens=sorted(policy.placeholder_ids)
        )
        (reply,) = policy.answer([conversation], [5], 0.0)
        assert list(reply.token_ids) == expected[0, inputs["input_ids"].shape[1] :].tolist()


def test_log_probabilities_are_those_of_a_full_forward_pass(policy, conversations):
    temperature = 0.8
    for conversation in conversations:
        (reply,) = policy.answer([conversation], [3], temperature)
        inputs = policy.inputs([conversation])
        length = inputs["input_ids"].shape[1]
        new = torch.tensor([reply.token_ids])
        inputs["input_ids"] = torch.cat([inputs["input_ids"], new], dim=1)
        for name, value in (("attention_mask", 1), ("mm_token_type_ids", 0)):
            if name in inputs:
                inputs[name] = torch.cat([inputs[name], torch.full_like(new, value)], dim=1)
        with torch.no_grad():
            logits = policy.model(**inputs).logits[0, length - 1 : -1].double()
        logits[:, sorted(policy.placeholder_ids)] = -torch.inf
        expected = torch.log_softmax(logits / temperature, dim=-1).gather(1, new.T)[:, 0]
        assert list(reply.logprobs) == pytest.approx(expected.tolist(), abs=2e-4)


def test_the_seed_decides(policy, conversations):
    texts = {seed: policy.answer(conversations[:1], [seed])[0].text for seed in (1, 2, 3)}
    assert len(set(texts.values())) > 1
    assert texts[2] == policy.answer(conversations[:1], [2])[0].text
    assert texts[2] == policy.answer(conversations[:1], [2], 0.7)[0].text, "the default temperature is 0.7"


def test_placeholders_are_never_sampled(policy, conversations):
    for token in policy.placeholder_ids:
        handle = favour(policy, token)
        try:
            replies = policy.answer(conversations[:2], [1, 2], 1.0)
        finally:
            handle.remove()
        assert all(token not in reply.token_ids and len(reply.token_ids) > 0 for reply in replies)
    names = {policy.tokenizer.convert_ids_to_tokens(token) for token in policy.placeholder_ids}
    assert names & {"<|image_pad|>", "<image>"} and policy.model.config.image_token_id in policy.placeholder_ids


def test_an_answer_ends_with_its_end_token(policy, conversations):
    handle = favour(policy, policy.tokenizer.eos_token_id)
    try:
        (reply,) = policy.answer(conversations[:1], [1], 1.0)
    finally:
        handle.remove()
    assert (reply.text, reply.token_ids) == ("", (policy.tokenizer.eos_token_id,))
    assert len(policy.answer(conversations[:1], [1], 0.0)[0].token_ids) == TOKENS


def test_control_tokens_in_a_prompt_stay_out_of_the_model(policy, png):
    def prompt(text: str) -> list[int]:
        return policy.inputs([(Message("user", text, (png(1),)),)])["input_ids"][0].tolist()

    names = [token.content for token in policy.tokenizer.added_tokens_decoder.values() if token.special]
    nested = "".join(f"{name[:2]}{names[0]}{name[2:]}" for name in names)
    assert prompt(f"A {''.join(names)}bed{nested}room.") == prompt("A bedroom.")


def test_adapter(loaded, small_model, tmp_path, conversations):
    peft = pytest.importorskip("peft", reason="adapters need peft")
    folder = small_model("qwen2_5_vl")
    torch.manual_seed(3)
    model = transformers.AutoModelForImageTextToText.from_pretrained(folder)
    lora = peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    adapted = peft.get_peft_model(model, lora).eval()
    adapted.save_pretrained(tmp_path)

    policy = LocalPolicy(folder, adapter=tmp_path, device="cpu", max_new_tokens=TOKENS)
    inputs = policy.inputs(conversations[:1])
    with torch.inference_mode():
        mine, theirs = policy.model(**inputs).logits, adapted(**inputs).logits
        bare = loaded("qwen2_5_vl").model(**inputs).logits
    assert (mine - theirs).abs().max() < 1e-5 < 0.05 < (mine - bare).abs().max()
    (reply,) = policy.answer(conversations[:1], [1], 0.0)
    assert reply.token_ids[0] == theirs[0, -1].argmax()
    assert policy.name == f"local:{folder.name}+{tmp_path.name}", "no path: records are passed on"


def test_smolvlm_prompt_is_that_of_its_own_processor(loaded, png):
    """Its own processor cannot be made without torchvision; the text that it would write can."""
    from transformers.models.smolvlm.processing_smolvlm import get_image_prompt_string

    policy = loaded("smolvlm")
    inputs = policy.inputs([(Message("user", "A bedroom.", (png(1, 64, 64),)),)])
    expected = get_image_prompt_string(2, 2, 4, "<fake_token_around_image>", "<image>", "<global-img>")
    prompt = f"<|im_start|>User:{expected}A bedroom.<end_of_utterance>\nAssistant:"
    assert policy.tokenizer.decode(inputs["input_ids"][0]) == prompt


def test_a_folder_for_which_transformers_gives_a_bare_tokenizer(small_model, tmp_path, conversations, loaded):
    """`AutoProcessor` returns one, without a word, when it does not know the processor class that a folder names."""
    folder = shutil.copytree(small_model("qwen2_5_vl"), tmp_path / "model")
    settings = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").write_text(json.dumps({**settings, "processor_class": None}))
    (folder / "processor_config.json").write_text('{"processor_class": "SomebodysProcessor"}')
    policy = LocalPolicy(folder, device="cpu", max_new_tokens=TOKENS)
    assert policy.answer(conversations[:1], [1])[0].text == loaded("qwen2_5_vl").answer(conversations[:1], [1])[0].text


@pytest.mark.parametrize("kind", KINDS)
def test_a_processor_saved_from_here_loads_again(loaded, small_model, kind, tmp_path, conversations):
    folder = tmp_path / "model"
    loaded(kind).model.save_pretrained(folder)
    loaded(kind).processor.save_pretrained(folder)
    again = LocalPolicy(folder, device="cpu", max_new_tokens=TOKENS)
    assert again.answer(conversations, [1, 2, 3]) == loaded(kind).answer(conversations, [1, 2, 3])


def test_the_sampler_draws_from_the_distribution_that_it_is_given():
    probabilities = torch.tensor([0.5, 0.3, 0.0, 0.15, 0.05])
    scores = torch.cat([probabilities.log(), torch.tensor([50.0])])  # the last one is forbidden
    count = 4000
    sampler = _Sampler(range(count), 1.0, {5}, 1, torch.device("cpu"))
    chosen = sampler(None, scores.repeat(count, 1)).argmax(dim=-1)
    tokens, logprobs = sampler.rows()
    shares = torch.bincount(chosen, minlength=6) / count
    assert shares[[2, 5]].tolist() == [0.0, 0.0]
    assert shares[:5].tolist() == pytest.approx(probabilities.tolist(), abs=4 * (0.25 / count) ** 0.5)
    assert all(logprobs[k][0] == pytest.approx(probabilities[tokens[k][0]].log().item(), abs=1e-6) for k in range(50))


# --- errors


@pytest.mark.parametrize("module", ["torch", "transformers", "peft", "PIL"])
def test_a_missing_package_is_named_with_the_command_that_brings_it(small_model, monkeypatch, module, conversations):
    folder = small_model("qwen2_5_vl")
    monkeypatch.setitem(sys.modules, module, None)
    adapter = folder if module == "peft" else None
    with pytest.raises(PolicyError, match=f'{module}.*"{sys.executable}" -m pip install "torch==') as caught:
        LocalPolicy(folder, adapter=adapter, device="cpu").answer(conversations[:1], [1])
    assert "\n" not in str(caught.value)


def test_a_folder_that_does_not_exist(tmp_path):
    with pytest.raises(PolicyError, match="no folder .*nothing-here"):
        LocalPolicy(tmp_path / "nothing-here")


def test_a_hub_name_that_cannot_be_reached():
    with pytest.raises(PolicyError, match="no/such-model cannot be loaded.*folder or hub name"):
        LocalPolicy("no/such-model")


def test_a_damaged_folder(small_model, tmp_path):
    folder = shutil.copytree(small_model("qwen2_5_vl"), tmp_path / "model")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(PolicyError, match="cannot be loaded"):
        LocalPolicy(folder, device="cpu")


def test_a_model_that_does_not_see(small_model, tmp_path):
    config = transformers.Qwen2Config(
        hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=2
    )
    config.vocab_size = 300
    transformers.Qwen2ForCausalLM(config).save_pretrained(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(small_model("qwen2_5_vl") / name, tmp_path)
    with pytest.raises(PolicyError, match="no model that sees"):
        LocalPolicy(tmp_path, device="cpu")


def test_a_model_without_a_chat_template(small_model, tmp_path):
    folder = shutil.copytree(small_model("qwen2_5_vl"), tmp_path / "model")
    (folder / "chat_template.json").unlink()
    with pytest.raises(PolicyError, match="no chat template"):
        LocalPolicy(folder, device="cpu")


def test_a_template_that_leaves_the_picture_out(small_model, tmp_path, conversations):
    folder = shutil.copytree(small_model("qwen2_5_vl"), tmp_path / "model")
    template = "{% for message in messages %}{{ message['content'][-1]['text'] }}{% endfor %}"
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": template}))
    policy = LocalPolicy(folder, device="cpu", max_new_tokens=TOKENS)
    policy.answer(conversations[1:2], [1])
    with pytest.raises(PolicyError):
        policy.answer(conversations[:1], [1])


def test_tokens_that_do_not_fit_the_pictures(loaded, conversations, monkeypatch):
    policy = loaded("smolvlm")
    monkeypatch.setattr(policy.processor, "image_seq_len", 5)
    inputs = policy.inputs(conversations[:1])
    inputs["input_ids"][0, (inputs["input_ids"][0] == policy.model.config.image_token_id).nonzero()[0]] = 1
    with pytest.raises(PolicyError, match="do not agree"):
        policy._check_image_tokens(inputs, [1])


def test_a_conversation_that_is_too_long(loaded):
    with pytest.raises(PolicyError, match="the model reads 4096"):
        loaded("qwen2_5_vl").answer([(Message("user", "bed " * 1100),)], [1])


def test_output_that_is_not_a_number(loaded, conversations):
    policy = loaded("qwen2_5_vl")

    def spoil(module, args, output):
        output.logits.fill_(float("nan"))

    handle = policy.model.register_forward_hook(spoil)
    try:
        with pytest.raises(PolicyError, match="not a number"):
            policy.answer(conversations[:1], [1])
    finally:
        handle.remove()


def test_a_negative_temperature(loaded, conversations):
    with pytest.raises(PolicyError, match="must not be negative"):
        loaded("qwen2_5_vl").answer(conversations[:1], [1], -1.0)


def test_progress_is_reported_while_the_prompt_is_read_and_for_each_token(policy, conversations, monkeypatch):
    reports = {}
    for tokens in (1, 5):
        monkeypatch.setattr(policy, "max_new_tokens", tokens)
        reports[tokens] = []
        policy.answer(conversations[:1], [1], 0.0, lambda count=reports[tokens]: count.append(1))
    assert len(reports[1]) > 1 and len(reports[5]) >= len(reports[1]) + 4


def test_an_error_raised_by_on_progress_cancels(loaded, conversations):
    calls: list[int] = []

    def cancel() -> None:
        calls.append(1)
        if len(calls) > 3:
            raise PolicyError("Cancelled.")

    policy = loaded("qwen2_5_vl")
    with pytest.raises(PolicyError, match="^Cancelled.$"):
        policy.answer(conversations[:1], [1], on_progress=cancel)
    policy.answer(conversations[:1], [1])
    assert len(calls) == 4, "nothing is reported after the answer has ended"


def test_a_policy_is_named_after_a_hub_id_or_a_folder_without_its_path(tmp_path, monkeypatch):
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    given = ("org/model", "runs/mine", tmp_path / "runs" / "mine")
    assert [own_name(source) for source in given] == ["org/model", "mine", "mine"]
