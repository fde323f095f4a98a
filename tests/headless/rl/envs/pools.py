"""Episodes for pools of workers: results must be the same wherever and however often they are played."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from headless.rl.envs.base import Environments, EpisodeSettings, StepResult
from headless.taskgen.make import make_task
from metaspatial_addon.core.task import Pose
from metaspatial_addon.prompts.compact import CompactEncoding

PAIRS = [make_task("train", 4, index) for index in range(3)]
EPISODES = 6
TURNS = 3

History = dict[int, list[StepResult]]


def answers(episode: int) -> list[str]:
    """Everything a bit out of place; one item far out; and where the teacher has that."""
    task, layout = PAIRS[episode % len(PAIRS)]
    compact, first = CompactEncoding(task), next(iter(layout.poses))
    there = layout.poses[first]
    moved = {i: Pose(p.x + 0.1 * (1 + episode), p.y - 0.05, p.z, p.yaw) for i, p in layout.poses.items()}
    far = {first: Pose(there.x + 0.8, there.y, there.z, there.yaw)}
    return [compact.answer_text(poses) for poses in (moved, layout.poses | far, {first: there})]


def drive(
    environments: Environments,
    render: bool = False,
    episodes: int = EPISODES,
    after: Callable[[int], None] = lambda count: None,
) -> History:
    """Play episodes, each going on as soon as it may; `after` is called with the number of results so far."""
    for episode in range(episodes):
        environments.begin(episode, PAIRS[episode % len(PAIRS)][0], EpisodeSettings(TURNS, render=render))
    history: History = {episode: [] for episode in range(episodes)}
    living, count = episodes, 0
    while living:
        for episode, result in environments.collect():
            history[episode].append(replace(result, seconds={}))
            count += 1
            after(count)
            if result.done:
                living -= 1
            else:
                environments.answer(episode, answers(episode)[len(history[episode]) - 1])
    environments.forget()
    return history


def rewards(history: History) -> list[list[float]]:
    return [[result.score.reward for result in episode[1:]] for episode in history.values()]
