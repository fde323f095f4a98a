"""The tools without TRL, on paper; and TRL's own trainer on them, with real physics."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest

from headless.engines.splits import TaskSplits
from headless.engines.trl_env import LayoutTools, layout_tools, prompts
from headless.rl.envs.base import EpisodeSettings
from headless.rl.envs.sessions import Sessions
from metaspatial_addon.prompts.full import FullFormat
from tests.headless.rl.paper import PaperEnvironments
from tests.test_examples import run as run_example

SPLITS = TaskSplits("typical", 4)
TASK = SPLITS.task("train", 3)


def worth(task, answer, turn):
    """Of a turn: how many items were placed, and how far right the first one stands."""
    placed = 0 if answer.layout is None else len(answer.layout.poses)
    return (placed + next(iter(answer.layout.poses.values())).x / 100) / 100 if placed else 0.0


@pytest.fixture
def tools():
    with Sessions(PaperEnvironments(worth, prompt_format=FullFormat())) as sessions:
        tools = LayoutTools(sessions, SPLITS, EpisodeSettings(2, pictures=False))
        assert TASK.movable[0].category in tools.reset(**prompts(1, first=3)[0])
        yield tools


def place_all(tools):
    return [tools.place(item.id, 1, 2, 90) for item in TASK.movable]


def test_a_layout_is_placed_judged_and_moved(tools):
    said = place_all(tools)
    assert f"{len(TASK.movable) - 1} to go" in said[0] and "call done" in said[-1]
    assert tools.done().startswith("Score: 0.")
    first = tools.get_reward()
    tools.move(TASK.movable[0].id, x=3, y=2, yaw=450, z=0)
    assert "That was the last turn." in tools.done()
    assert tools.get_reward() == pytest.approx(first + 2 / 100 / 100)
    with pytest.raises(ValueError, match="the last turn is over"):
        tools.done()


def test_what_was_not_handed_in_is_judged_at_the_end(tools):
    place_all(tools)
    assert tools.get_reward() == pytest.approx((len(TASK.movable) + 0.01) / 100)
    assert tools.get_reward() == tools.get_reward()


def test_an_empty_rollout_has_a_reward(tools):
    assert tools.get_reward() == 0.0


def test_a_call_that_cannot_be_meant_is_refused(tools):
    name = TASK.movable[0].id
    with pytest.raises(ValueError, match=f"throne_9: expected one of {name}"):
        tools.place("throne_9", 1, 1, 0)
    with pytest.raises(ValueError, match="use place"):
        tools.move(name, 1, 1, 0)
    tools.place(name, 1, 1, 0)
    with pytest.raises(ValueError, match="use move"):
        tools.place(name, 1, 1, 0)
    with pytest.raises(ValueError, match="not placed yet"):
        tools.done()


def test_a_failure_of_the_machine_has_no_reward():
    with Sessions(PaperEnvironments(worth, broken={0: 1}, prompt_format=FullFormat())) as sessions:
        tools = LayoutTools(sessions, SPLITS, EpisodeSettings(2, pictures=False))
        tools.reset("train", 3)
        place_all(tools)
        with pytest.raises(RuntimeError, match="could not be judged"):
            tools.done()
        assert tools.get_reward() is None
        tools.reset("train", 3)  # the next rollout is another episode
        place_all(tools)
        assert tools.get_reward() > 0


CALL = '<tool_call>\n{"name": "%s", "arguments": %s}\n</tool_call>'


def scripted_reply(text: str, rng: random.Random) -> str:
    """What a model would write: it places every item that the prompt lists, and moves one when it is told of faults."""
    items = re.findall(r"^- (\w+): .* m, ", text.partition("Items to place:")[2].partition("<tool_response>")[0], re.M)
    told = text.rpartition("<tool_response>")[2]

    def pose(item):
        return json.dumps({"item": item, "x": rng.uniform(0.5, 3), "y": rng.uniform(0.5, 3), "yaw": 90, "z": 0})

    if "<tool_response>" not in text:
        calls = [CALL % ("place", pose(item)) for item in items]
    elif "call done again" in told:
        calls = [CALL % ("move", pose(items[0]))]
    else:
        return "Finished."
    return "\n".join((*calls, CALL % ("done", "{}")))


@pytest.fixture(scope="module")
def tokenizer():
    """Byte pairs of our prompts, in the chat template of a model that calls tools."""
    trl = pytest.importorskip("trl", reason="TRL has an environment of its own: make test-trl")
    pytest.importorskip("bpy", reason="bpy is not installed here")
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    pairs = Tokenizer(models.BPE())
    pairs.pre_tokenizer, pairs.decoder = pre_tokenizers.ByteLevel(False), decoders.ByteLevel()
    special, letters = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], pre_tokenizers.ByteLevel.alphabet()
    pairs.train_from_iterator(
        [prompts(1)[0]["prompt"][0]["content"]] * 2,
        trainers.BpeTrainer(vocab_size=900, special_tokens=special, initial_alphabet=letters),
    )
    template = (Path(trl.__file__).parent / "chat_templates" / "qwen3.jinja").read_text()
    return PreTrainedTokenizerFast(
        tokenizer_object=pairs, eos_token="<|im_end|>", pad_token="<|endoftext|>", chat_template=template
    )


def small_model(tokenizer, model_class):
    """One with random weights."""
    import torch
    from transformers import Qwen3Config

    torch.manual_seed(1)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "head_dim": 16}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 16384}
    return model_class(Qwen3Config(vocab_size=len(tokenizer), **sizes, **heads))


@pytest.mark.slow
def test_trls_own_trainer_makes_two_steps_on_it(tokenizer, tmp_path):
    import torch
    import trl
    from datasets import Dataset
    from transformers import Qwen3ForCausalLM

    rng = random.Random(1)

    class Scripted(Qwen3ForCausalLM):
        """Its answers are written here, since random weights never call a tool."""

        def generate(self, input_ids, attention_mask, **_):
            texts = [tokenizer.decode(ids[mask.bool()]) for ids, mask in zip(input_ids, attention_mask, strict=True)]
            replies = [tokenizer.encode(scripted_reply(text, rng) + "<|im_end|>") for text in texts]
            longest = max(map(len, replies))
            padded = [reply + [tokenizer.pad_token_id] * (longest - len(reply)) for reply in replies]
            return torch.cat((input_ids, torch.tensor(padded, device=input_ids.device)), dim=1)

    model = small_model(tokenizer, Scripted)
    before = model.get_input_embeddings().weight.detach().clone()
    options = trl.GRPOConfig(
        str(tmp_path),
        max_steps=2,
        per_device_train_batch_size=4,
        num_generations=4,
        max_completion_length=4096,
        learning_rate=1e-2,
        logging_steps=1,
        report_to="none",
        save_strategy="no",
        use_cpu=True,
        bf16=False,
    )
    made = []
    with layout_tools(seed=4, turns=2, render=False, workers=1) as factory:

        def kept():
            made.append(factory())
            return made[-1]

        trainer = trl.GRPOTrainer(
            model,
            args=options,
            train_dataset=Dataset.from_list(prompts(2)),
            processing_class=tokenizer,
            environment_factory=kept,
        )
        trainer.train()
        rewards = [environment.get_reward() for environment in made]
    logged = [entry for entry in trainer.state.log_history if "reward" in entry]
    assert len(logged) == 2 and len(made) == 4
    assert logged[-1]["reward"] == pytest.approx(sum(rewards) / 4) and logged[-1]["reward_std"] > 0
    assert all(entry["tools/call_frequency"] > 4 and entry["tools/failure_frequency"] == 0 for entry in logged)
    assert not torch.equal(before, model.get_input_embeddings().weight)


@pytest.mark.slow
def test_the_example_trains_a_model_in_a_folder(tokenizer, tmp_path):
    from transformers import Qwen3ForCausalLM

    model = small_model(tokenizer, Qwen3ForCausalLM)
    model.generation_config.eos_token_id = list(range(len(tokenizer)))  # an answer is one token long
    model.save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    said = run_example("trl_grpo.py", tmp_path / "model", tmp_path / "out", 1)
    assert "'train_loss'" in said and (tmp_path / "out" / "checkpoint-1").is_dir()
