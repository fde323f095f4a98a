"""Sampling and learning of a pretrained class on one card, beside TRL's GRPOTrainer with transformers' generation.

    python -m benchmarks.cards [--model FOLDER] [--batches 8 32 64] [--tokens 400] [--pixels 384] [--config TOML]

Each batch consists of groups of 8 answers to the same prompt, a room of the task generator in the full format with a
picture, and all answers have the same length. *Plain* samples as CPUs do, *captured* as cards do; TRL's trainer, if it
is installed, answers the same prompts and learns from as many tokens with adapters of the same rank. Without `--model`
a small one with random weights is made, and with `--random 3b` one of the shape of Qwen2.5-VL-3B, whose answers mean
nothing and take as long. The device is a card where there is one.
"""

from __future__ import annotations

import argparse
import gc
import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
import transformers
from accelerate import Accelerator
from PIL import Image

from headless.rl.config import TrainConfig, read_config
from headless.rl.data import PromptTokens, Trajectory
from headless.rl.learner import Row
from headless.rl.logs.timer import PhaseTimer
from headless.rl.policies.base import Unconstrained
from headless.rl.policies.chat import ChatPolicy
from headless.rl.sampler import Sampler
from headless.rl.training_step import Trainer, update_policy
from headless.taskgen.make import make_task
from metaspatial_addon.core.conversation import Conversation
from metaspatial_addon.policy.model_loading import load_processor
from metaspatial_addon.prompts.full import FullFormat
from metaspatial_addon.prompts.png import write_png
from tests.policy.models import build

GROUP = 8
TEXT_3B: dict[str, Any] = {
    "hidden_size": 2048,
    "intermediate_size": 11008,
    "num_hidden_layers": 36,
    "num_attention_heads": 16,
    "num_key_value_heads": 2,
    "vocab_size": 151936,
    "max_position_embeddings": 32768,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24]},
}
VISION_3B: dict[str, Any] = {
    "depth": 32,
    "hidden_size": 1280,
    "intermediate_size": 3420,
    "num_heads": 16,
    "out_hidden_size": 2048,
    "window_size": 112,
    "fullatt_block_indexes": [7, 15, 23, 31],
}


def random_model(folder: Path, size: str) -> Path:
    """A Qwen2.5-VL with random weights and a tokenizer of bytes: a `small` one, or in bfloat16 one of `3b`."""
    build("qwen2_5_vl", folder)
    if size == "3b":
        config: Any = transformers.AutoConfig.from_pretrained(folder)
        for part, values in ((config.text_config, TEXT_3B), (config.vision_config, VISION_3B)):
            for name, value in {**values, "initializer_range": 0.02}.items():
                setattr(part, name, value)
        config.text_config.layer_types = ["full_attention"] * TEXT_3B["num_hidden_layers"]
        model = transformers.AutoModelForImageTextToText.from_config(config, dtype=torch.bfloat16)
        model.save_pretrained(folder)
    return folder


def conversations(count: int, pixels: int) -> list[Conversation]:
    """The first messages of so many rooms, each with a picture of noise, none for 0 pixels."""
    rng, made = np.random.default_rng(1), []
    for number in range(count):
        noise = rng.integers(0, 255, (pixels, pixels, 3), dtype=np.uint8)
        made.append(FullFormat().first(make_task("train", 1, number)[0], (write_png(noise),) if pixels else ()))
    return made


def peak_memory(device: torch.device) -> str:
    """The most memory of the card in use since the last call; nothing is known of CPUs."""
    if device.type != "cuda":
        return "-"
    peak = torch.cuda.max_memory_allocated(device) / 2**30
    torch.cuda.reset_peak_memory_stats(device)
    return f"{peak:.1f} GiB"


def seconds(device: torch.device, call: Callable[[], Any]) -> tuple[float, Any]:
    """How long a call takes until the device has done it, and what it returns."""
    began = time.perf_counter()
    result = call()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began, result


def our_row(config: TrainConfig, policy: ChatPolicy, batch: int, tokens: int, pixels: int, captured: bool) -> list[str]:
    """A step of our own trainer on one turn of `batch` episodes, after one that is not timed."""
    environments: Any = SimpleNamespace()  # none are needed: nothing is scored
    trainer = Trainer(config, policy, environments, Accelerator(cpu=policy.device.type == "cpu"))
    prompts = [policy.tokenize(messages) for messages in conversations(batch // GROUP, pixels) for _ in range(GROUP)]
    for _ in range(2):
        timer = PhaseTimer()
        peak_memory(policy.device)
        trajectories = sampled(policy, prompts, tokens, captured, config.learner.bf16, timer)
        rows = [Row(t, torch.tensor([k % 2 - 0.5]), np.zeros(len(t), np.float32)) for k, t in enumerate(trajectories)]
        spent, (statistics, _, _) = seconds(policy.device, partial(update_policy, trainer, rows, [], 0))
    trainer.close()
    gap = statistics.metrics()["logprob_gap/mean"]
    decode = timer.seconds["decode"]
    name, rate = "ours, captured" if captured else "ours, plain", f"{batch * tokens / decode:.0f}"
    phases = [f"{timer.seconds['prefill']:.2f}", f"{decode:.2f}", f"{spent:.2f}"]
    return [name, str(batch), rate, *phases, peak_memory(policy.device), f"{gap:.1e}"]


def sampled(
    policy: ChatPolicy, prompts: Sequence[PromptTokens], tokens: int, captured: bool, bf16: bool, timer: PhaseTimer
) -> list[Trajectory]:
    """One turn: answers of exactly so many tokens."""
    free = np.setdiff1d(policy.constraint((), 2).tokens, policy.ends)
    sampler = Sampler(policy, len(prompts), 1.0, captured)
    made = [Trajectory() for _ in prompts]
    with (
        policy.merged_adapters() if captured and not bf16 else nullcontext(),
        torch.autocast(policy.device.type, torch.bfloat16, enabled=bf16),
    ):
        timer.add("prefill", seconds(policy.device, lambda: sampler.prefill(prompts))[0])
        constraints = [Unconstrained(free, policy.ends, tokens) for _ in prompts]
        seeds = [(1, row) for row in range(len(prompts))]
        spent, completions = seconds(policy.device, lambda: sampler.generate(constraints, seeds))
        timer.add("decode", spent)
    for trajectory, prompt, completion in zip(made, prompts, completions, strict=True):
        trajectory.append_prompt(prompt)
        trajectory.append_completion(completion, 0)
    return made


def trl_row(config: TrainConfig, folder: Path, batch: int, tokens: int, pixels: int, device: torch.device) -> list[str]:
    """A step of TRL's trainer on the same prompts, after one that is not timed. Generation includes the prompts."""
    import peft
    import trl
    from datasets import Dataset

    from headless.rl.policies.chat import LANGUAGE_LAYERS

    class Timed(trl.GRPOTrainer):
        """Notes when generation begins and ends."""

        generation = 0.0

        def _generate_single_turn(self, *arguments, **options):
            self.generation, result = seconds(
                device, lambda: super(Timed, self)._generate_single_turn(*arguments, **options)
            )
            return result

    rows = [trl_prompt(messages) for messages in conversations(batch // GROUP, pixels)]
    alpha: Any = config.lora.alpha  # peft divides it by the rank: it need not be whole
    rng, ends = np.random.default_rng(1), []
    with tempfile.TemporaryDirectory() as out:
        micro = max(1, config.learner.microbatch_tokens // 4096)
        options = trl.GRPOConfig(
            out,
            max_steps=2,
            per_device_train_batch_size=micro,
            gradient_accumulation_steps=batch // micro,
            num_generations=GROUP,
            max_completion_length=tokens,
            generation_kwargs={"min_new_tokens": tokens},
            model_init_kwargs={"dtype": "auto"},
            bf16=config.learner.bf16 and device.type == "cuda",
            use_cpu=device.type == "cpu",
            gradient_checkpointing=config.lora.gradient_checkpointing,
            report_to="none",
            save_strategy="no",
            disable_tqdm=True,
        )
        trainer = Timed(
            str(folder),
            args=options,
            reward_funcs=lambda completions, **_: rng.random(len(completions)).tolist(),
            train_dataset=Dataset.from_list(rows * 2),
            processing_class=load_processor(str(folder)),
            peft_config=peft.LoraConfig(r=config.lora.rank, lora_alpha=alpha, target_modules=LANGUAGE_LAYERS),
        )

        class Clock(transformers.TrainerCallback):
            def on_step_end(self, *arguments, **options):
                seconds(device, lambda: None)
                ends.append(time.perf_counter())
                if len(ends) == 1:
                    peak_memory(device)

        trainer.add_callback(Clock())
        trainer.train()
    decode = trainer.generation
    phases = ["with decode", f"{decode:.2f}", f"{ends[1] - ends[0] - decode:.2f}"]
    return ["TRL, transformers", str(batch), f"{batch * tokens / decode:.0f}", *phases, peak_memory(device), "-"]


def trl_prompt(messages: Conversation) -> dict[str, Any]:
    """A row of a data set as TRL takes pictures."""
    prompt = [{"role": message.role, "content": message.text} for message in messages]
    images = [Image.open(io.BytesIO(png)).convert("RGB") for message in messages for png in message.images]
    return {"prompt": prompt, "images": images} if images else {"prompt": prompt}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--random", choices=("small", "3b"), default="small")
    parser.add_argument("--batches", type=int, nargs="+", default=[8, 32, 64], help=f"multiples of {GROUP}")
    parser.add_argument("--tokens", type=int, default=400)
    parser.add_argument("--pixels", type=int, default=384)
    parser.add_argument("--config", default="headless/configs/qwen2_5_vl_3b_lora.toml")
    options = parser.parse_args()
    if any(batch < 1 or batch % GROUP for batch in options.batches):
        parser.error(f"--batches: expected multiples of {GROUP}, got {' '.join(map(str, options.batches))}")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    card = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{os.cpu_count()} CPU cores, no card"
    with tempfile.TemporaryDirectory() as made:
        folder = options.model or random_model(Path(made), options.random)
        config = read_config(options.config, [f"model={folder}"])
        sizes = options.tokens, options.pixels
        policy: Any = ChatPolicy(folder, config.lora)
        table = [
            our_row(config, policy, batch, *sizes, captured) for batch in options.batches for captured in (False, True)
        ]
        del policy
        gc.collect()
        try:
            import trl  # noqa: F401
        except ImportError:
            print("TRL is not installed here: its rows are left out", file=sys.stderr)
        else:
            table += [trl_row(config, folder, batch, *sizes, device) for batch in options.batches]
        name = json.loads((folder / "config.json").read_text())["model_type"]
    print(f"{card}; torch {torch.__version__}; {options.model or options.random} ({name}), {options.tokens} tokens.\n")
    heads = ("engine", "batch", "tokens/s", "prefill s", "decode s", "update s", "peak memory", "log-probability gap")
    for cells in (heads, ("---",) * len(heads), *table):
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
