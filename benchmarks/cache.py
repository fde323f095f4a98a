"""Sampling with the key-value cache kept from turn to turn against reading each episode anew in every turn.

Run alone by `python -m benchmarks.cache`. The rollout is that of a training step of `tiny.toml` with 4 turns: 4 tasks x
8 episodes by the embedded model, images included. The first rollout records the feedback that physics gives; the timed
ones repeat it, so that sampling alone is timed. Both ways use the same random numbers and must give the same tokens.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import torch

from benchmarks.common import ROOT, furnished_rooms, side_by_side
from headless.rl.data import PromptTokens, Trajectory
from headless.rl.policies.compact import CompactPolicy
from headless.rl.sampler import Sampler
from metaspatial_addon.blender.physics.stage import Stage
from metaspatial_addon.core.conversation import Conversation, Message
from metaspatial_addon.core.task import Layout, Task
from metaspatial_addon.episode.scorer import Scorer
from metaspatial_addon.prompts.compact import CompactFormat

TASKS, GROUP, TURNS = 4, 8, 4
FORMAT = CompactFormat()


@dataclass
class ScriptedEpisode:
    """An episode that always has all its turns, and the messages before each of them."""

    task: Task
    messages: list[Conversation] = field(default_factory=list)


def sample(
    policy: CompactPolicy, episodes: list[ScriptedEpisode], keep: bool, scorer: Scorer | None = None
) -> list[list[int]]:
    """Play all turns of the episodes: the token ids of each.

    With `keep` the cache of the turn before is continued. A scorer scores each answer and appends the feedback to the
    episodes' messages; without one the messages must be there.
    """
    rows = range(len(episodes))
    trajectories = [Trajectory() for _ in rows]
    conversations: list[Conversation] = [()] * len(episodes)
    layouts: list[Layout | None] = [None] * len(episodes)
    for turn in range(TURNS):
        prompts = [policy.tokenize(episode.messages[turn]) for episode in episodes]
        for row in rows:
            trajectories[row].append_prompt(prompts[row])
            conversations[row] += episodes[row].messages[turn]
        if turn == 0 or not keep:
            sampler = Sampler(policy, len(episodes), 1.0)
            prompts = [PromptTokens(tuple(t.ids), tuple(t.images)) for t in trajectories]
        sampler.prefill(prompts)
        constraints = [policy.constraint(conversation, 256) for conversation in conversations]
        for row, completion in enumerate(sampler.generate(constraints, [(turn, row) for row in rows])):
            trajectories[row].append_completion(completion, turn)
            text, task = policy.decode(completion.ids), episodes[row].task
            conversations[row] += (Message("assistant", text),)
            if scorer is not None and turn + 1 < TURNS:
                answer = FORMAT.read(text, task, layouts[row])
                assert answer.layout is not None, "the grammar allows nothing else"
                scorer.open(task)
                score = scorer.score(task, answer.layout, answer.grade, scorer.physics(task, answer.layout))
                images = FORMAT.draw_images(task, answer.layout)
                episodes[row].messages.append((FORMAT.feedback(task, answer.layout, score.to_json(), images),))
                layouts[row] = answer.layout
    return [trajectory.ids for trajectory in trajectories]


@dataclass(frozen=True)
class Times:
    """Seconds of a rollout's sampling with the cache kept and with everything read again; tokens of an episode."""

    kept: float
    again: float
    tokens: float


def time_cache(rounds: int = 5) -> Times:
    """Medians of both ways. Raises AssertionError where their tokens differ."""
    torch.set_num_threads(1)
    policy, episodes = CompactPolicy(ROOT / "assets/models/tiny"), []
    for task, _ in furnished_rooms(TASKS):
        first = FORMAT.first(task, FORMAT.draw_images(task, Layout(task.id)))
        episodes += [ScriptedEpisode(task, [first]) for _ in range(GROUP)]
    with Stage() as stage:
        kept = sample(policy, episodes, True, Scorer(stage))
    assert kept == sample(policy, episodes, False), "both ways must write the same tokens"
    kept_seconds, again_seconds = side_by_side(
        [lambda: sample(policy, episodes, True), lambda: sample(policy, episodes, False)], rounds
    )
    return Times(kept_seconds, again_seconds, sum(map(len, kept)) / len(kept))


if __name__ == "__main__":
    times = time_cache()
    print(f"{TASKS * GROUP} episodes of {TURNS} turns, {times.tokens:.0f} tokens each, the same both ways")
    print(f"cache kept {times.kept:.2f} s, read again {times.again:.2f} s: {times.again / times.kept:.2f} x")
    os._exit(0)  # bpy's own clean-up may crash or never end
