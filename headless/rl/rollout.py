"""Runs episodes: the model answers a whole batch of them together, environments score, the model reads on.

A batch is a set of episodes that take their turns together and share one sampler; none waits for another batch.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch

from metaspatial_addon.core.conversation import Message

from .data import Episode
from .envs.base import Environments, EpisodeSettings, StepResult
from .logs.timer import PhaseTimer
from .policies.base import TrainablePolicy
from .sampler import Sampler


@dataclass(frozen=True)
class SamplingParams:
    """How answers are sampled: at most `max_completion_tokens` a turn, and `max_sequence_tokens` in an episode; in the
    learner's arithmetic, `bf16` or not. With `captured`, for cards, steps of free text are captured, and in float32
    adapters are merged meanwhile: merged weights rounded to bfloat16 would not be those that learn."""

    temperature: float = 1.0
    max_completion_tokens: int = 512
    max_sequence_tokens: int = 4096
    bf16: bool = False
    captured: bool = False


def run_episodes(
    policy: TrainablePolicy,
    environments: Environments,
    episodes: Sequence[Episode],
    settings: EpisodeSettings,
    sampling: SamplingParams,
    timer: PhaseTimer,
) -> None:
    """Run new episodes to their ends; results are written into them.

    Where environments work apart from this process, the groups are dealt out to two batches: while the environments of
    one work, the other's tokens are sampled. More would be smaller, and a token takes almost as long for few episodes
    as for many. Otherwise all are one batch.
    """
    batches: dict[int, list[int]] = {}
    places = {group: place for place, group in enumerate(dict.fromkeys(episode.group for episode in episodes))}
    for number, episode in enumerate(episodes):
        environments.begin(number, episode.task, settings)
        half = places[episode.group] % 2 if environments.asynchronous else 0
        batches.setdefault(half, []).append(number)
    running = [_run_batch(policy, environments, episodes, batch, sampling, timer) for batch in batches.values()]
    awaited = {batch: next(batch) for batch in running}
    results: dict[int, StepResult] = {}
    with policy.merged_adapters() if sampling.captured and not sampling.bf16 else nullcontext():
        while awaited:
            results |= _collect(environments, timer)
            for batch in [batch for batch, numbers in awaited.items() if results.keys() >= numbers]:
                try:
                    awaited[batch] = batch.send({number: results.pop(number) for number in awaited[batch]})
                except StopIteration:
                    del awaited[batch]
    environments.forget()


def _run_batch(
    policy: TrainablePolicy,
    environments: Environments,
    episodes: Sequence[Episode],
    numbers: Sequence[int],
    sampling: SamplingParams,
    timer: PhaseTimer,
) -> Generator[set[int], dict[int, StepResult], None]:
    """Run the episodes of these numbers, which have begun, together.

    Yields the numbers of those whose step results it waits for, and is sent the results.
    """
    results = yield set(numbers)
    live = [number for number in numbers if _goes_on(episodes[number], results[number])]
    sampler = Sampler(policy, len(live), sampling.temperature, sampling.captured)
    while live:
        # Read what is new, unless the answer to it might not fit.
        fitting = []
        for row, number in enumerate(live):
            episode, prompt = episodes[number], policy.tokenize(results[number].messages)
            length = len(episode.trajectory) + len(prompt.ids) + sampling.max_completion_tokens
            if length > sampling.max_sequence_tokens:
                episode.truncated = True  # neither the tokens nor the images come in
                continue
            episode.conversation += results[number].messages
            episode.trajectory.append_prompt(prompt)
            fitting.append((row, number, prompt))
        live = [number for _, number, _ in fitting]
        sampler.keep([row for row, _, _ in fitting])
        if not live:
            break
        arithmetic = torch.autocast(policy.device.type, torch.bfloat16, enabled=sampling.bf16)
        with arithmetic, timer("prefill"):
            sampler.prefill([prompt for _, _, prompt in fitting])

        # Answer.
        with arithmetic, timer("decode"):
            turns = [len(episodes[number].scores) for number in live]
            completions = sampler.generate(
                [policy.constraint(episodes[number].conversation, sampling.max_completion_tokens) for number in live],
                [(*episodes[number].seed, turn) for number, turn in zip(live, turns, strict=True)],
            )
        for number, completion, turn in zip(live, completions, turns, strict=True):
            episode, text = episodes[number], policy.decode(completion.ids)
            episode.trajectory.append_completion(completion, turn)
            episode.truncated |= len(completion.ids) >= sampling.max_completion_tokens
            episode.conversation += (Message("assistant", text),)
            environments.answer(number, text)

        # Wait for the scores.
        results = yield set(live)
        rows = [row for row, number in enumerate(live) if _goes_on(episodes[number], results[number])]
        live = [live[row] for row in rows]
        sampler.keep(rows)


def _collect(environments: Environments, timer: PhaseTimer) -> dict[int, StepResult]:
    """The results that are ready, by episode number. Where environments work in this process, the time of waiting is
    theirs."""
    with timer("waiting"):
        results = dict(environments.collect())
    for result in results.values():
        for phase, seconds in result.seconds.items():
            timer.add(phase, seconds)
            if not environments.asynchronous:
                timer.add("waiting", -seconds)
    return results


def _goes_on(episode: Episode, result: StepResult) -> bool:
    """Write a step's result into its episode; whether the model is to answer."""
    episode.fault = result.fault
    episode.truncated |= result.truncated
    if result.score is not None:
        episode.scores.append(result.score)
        episode.timings.append(result.seconds)
    return not result.done
