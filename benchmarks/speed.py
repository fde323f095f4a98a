"""The embedded model beside transformers with the same weights and prompt, and the task generator."""

from __future__ import annotations

import functools
import importlib.util
import itertools
import statistics
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.common import seconds, side_by_side
from headless.taskgen.make import make_task
from metaspatial_addon.core.conversation import Conversation
from metaspatial_addon.episode.play import prompt_format_of
from metaspatial_addon.policy.builtin.policy import DEFAULT_MODEL, BuiltinPolicy, TokenizedPrompt

SEED = 9
ROUNDS = 5


@dataclass(frozen=True)
class Rates:
    """Tokens of an answer, and tokens a second, prompt included; `reference` is None without transformers."""

    tokens: int
    ours: float
    reference: float | None


def time_model(items: int) -> Rates:
    """Time a greedy answer to the first turn of a task with that many items, one conversation at a time."""
    policy = BuiltinPolicy()
    task = next(task for k in itertools.count() if len((task := make_task("test", SEED, k)[0]).items) == items)
    conversation = prompt_format_of(policy).first(task, ())

    def ours() -> int:
        return len(policy.answer([conversation], [SEED], 0.0)[0].token_ids or ())

    tokens = ours()
    calls: list[Callable[[], object]] = [ours]
    if importlib.util.find_spec("torch") and importlib.util.find_spec("transformers"):
        calls.append(_reference(conversation, tokens))
        calls[1]()
    taken = side_by_side(calls, ROUNDS)
    return Rates(tokens, tokens / taken[0], tokens / taken[1] if len(taken) > 1 else None)


def _reference(conversation: Conversation, tokens: int) -> Callable[[], object]:
    """A call that generates as many greedy tokens with transformers for the same prompt, on one thread."""
    import torch
    from transformers import Qwen2_5_VLForConditionalGeneration

    torch.set_num_threads(1)
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(DEFAULT_MODEL, dtype=torch.float32).eval()
    ids = torch.tensor([TokenizedPrompt.of(conversation).ids])

    def generate() -> None:
        with torch.inference_mode():
            made = model.generate(ids, do_sample=False, min_new_tokens=tokens, max_new_tokens=tokens)
        if made.shape[1] != ids.shape[1] + tokens:
            raise RuntimeError("transformers wrote another number of tokens")

    return generate


def time_tasks(count: int = 60) -> float:
    """Tasks a second, each with its layout without faults: the median of three runs of `count` different tasks."""

    def run(number: int) -> None:
        for index in range(number * count, (number + 1) * count):
            make_task("test", SEED, index)

    run(0)
    return count / statistics.median(seconds(functools.partial(run, number)) for number in (1, 2, 3))
