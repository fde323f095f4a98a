"""Plays episodes: the model answers a whole flight of them together, environments judge, the model reads on.

A flight is a set of episodes that take their turns together and share one sampler; none waits for another flight.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

import numpy as np

from metaspatial_addon.core.conversation import Conversation, Message
from metaspatial_addon.core.task import Task
from metaspatial_addon.scoring.score import Score

from .data import Trajectory
from .envs.base import Environments, EpisodeSettings, StepResult
from .logs.clock import Clock
from .policies.base import TrainablePolicy
from .sampler import Sampler


@dataclass(frozen=True)
class Sampling:
    """How answers are sampled: at most `answer` tokens a turn, and `context` tokens in an episode."""

    temperature: float = 1.0
    answer: int = 512
    context: int = 4096


@dataclass
class Episode:
    """One episode of a group. `seed` are the numbers that set its random choices apart from all others of the run.

    `scores` and `timings` (the environment's seconds by phase) are by turn. `fault` says what failed, for an episode
    without a result; `truncated` that an answer or the episode was longer than it may be.
    """

    task: Task
    group: int
    seed: tuple[int, ...]
    trajectory: Trajectory = field(default_factory=Trajectory)
    scores: list[Score] = field(default_factory=list)
    timings: list[dict[str, float]] = field(default_factory=list)
    conversation: Conversation = ()
    fault: str = ""
    truncated: bool = False


def play(
    actor: TrainablePolicy,
    environments: Environments,
    episodes: Sequence[Episode],
    settings: EpisodeSettings,
    sampling: Sampling,
    clock: Clock,
) -> None:
    """Play new episodes to their ends; the results stand in them.

    Where environments work apart from this process, each group is a flight of its own: while the environments of one
    work, another's tokens are sampled. Otherwise all are one flight.
    """
    flights: dict[int, list[int]] = {}
    for number, episode in enumerate(episodes):
        environments.begin(number, episode.task, settings)
        flights.setdefault(episode.group if environments.asynchronous else 0, []).append(number)
    games = [_fly(actor, environments, episodes, numbers, sampling, clock) for numbers in flights.values()]
    awaited = {game: next(game) for game in games}
    told: dict[int, StepResult] = {}
    while awaited:
        told |= _collect(environments, clock)
        for game in [game for game, numbers in awaited.items() if told.keys() >= numbers]:
            try:
                awaited[game] = game.send({number: told.pop(number) for number in awaited[game]})
            except StopIteration:
                del awaited[game]
    environments.forget()


def _fly(
    actor: TrainablePolicy,
    environments: Environments,
    episodes: Sequence[Episode],
    numbers: Sequence[int],
    sampling: Sampling,
    clock: Clock,
) -> Generator[set[int], dict[int, StepResult], None]:
    """Play the episodes of these numbers, which have begun, together. Yields the numbers of those that it waits for."""
    told = yield set(numbers)
    live = [number for number in numbers if _goes_on(episodes[number], told[number])]
    sampler = Sampler(actor, len(live), sampling.temperature)
    while live:
        going = []
        for row, number in enumerate(live):
            episode, prompt = episodes[number], actor.prompt(told[number].messages)
            if len(episode.trajectory) + len(prompt.ids) + sampling.answer > sampling.context:
                episode.truncated = True  # neither the tokens nor the pictures come in
                continue
            episode.conversation += told[number].messages
            episode.trajectory.hear(prompt)
            going.append((row, number, prompt))
        live = [number for _, number, _ in going]
        sampler.keep([row for row, _, _ in going])
        if not live:
            break
        with clock("prefill"):
            sampler.read([prompt for _, _, prompt in going])
        with clock("decode"):
            turns = [len(episodes[number].scores) for number in live]
            answers = sampler.write(
                [actor.choices(episodes[number].conversation, sampling.answer) for number in live],
                [(*episodes[number].seed, turn) for number, turn in zip(live, turns, strict=True)],
            )
        for number, said, turn in zip(live, answers, turns, strict=True):
            episode, text = episodes[number], actor.text(said.ids)
            episode.trajectory.say(said, turn)
            episode.truncated |= len(said.ids) >= sampling.answer
            episode.conversation += (Message("assistant", text),)
            environments.answer(number, text)
        told = yield set(live)
        rows = [row for row, number in enumerate(live) if _goes_on(episodes[number], told[number])]
        live = [live[row] for row in rows]
        sampler.keep(rows)


def _collect(environments: Environments, clock: Clock) -> dict[int, StepResult]:
    """What has been told since, by numbers. Where environments work in this process, the time of waiting is theirs."""
    with clock("waiting"):
        told = dict(environments.collect())
    for one in told.values():
        for phase, seconds in one.seconds.items():
            clock.add(phase, seconds)
            if not environments.asynchronous:
                clock.add("waiting", -seconds)
    return told


def _goes_on(episode: Episode, told: StepResult) -> bool:
    """Take down what was told; whether the model is to answer."""
    episode.fault = told.fault
    episode.truncated |= told.truncated
    if told.score is not None:
        episode.scores.append(told.score)
        episode.timings.append(told.seconds)
    return not told.done


def chosen_tokens(episode: Episode) -> np.ndarray:
    """(T,) how many tokens the model chose in each turn."""
    turns = np.array(episode.trajectory.turns)[episode.trajectory.chosen()]
    return np.bincount(turns, minlength=len(episode.scores))
