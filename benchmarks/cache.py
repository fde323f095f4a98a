"""Keys and values kept from turn to turn against reading the whole episode again: `python benchmarks/cache.py`.

Sampling of a training step of `tiny.toml` with 4 turns: 4 tasks x 8 episodes by the embedded model, pictures included.
Physics judges the first rollout; what it told is then told again, so that reading and writing alone are timed. Both
ways draw with the same random numbers, and the tokens that come out must be the same.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import torch
from common import ROOT, clean_rooms, side_by_side

from headless.rl.data import Prompt, Trajectory
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
class Told:
    """An episode that goes on to the last turn, whatever is right already: what it hears before each turn."""

    task: Task
    messages: list[Conversation] = field(default_factory=list)


def sample(actor: CompactPolicy, episodes: list[Told], keep: bool, scorer: Scorer | None = None) -> list[list[int]]:
    """The ids of every episode. `keep` goes on from the cache of the turn before; a scorer judges, and is told to
    the episodes."""
    rows = range(len(episodes))
    trajectories = [Trajectory() for _ in rows]
    conversations: list[Conversation] = [()] * len(episodes)
    layouts: list[Layout | None] = [None] * len(episodes)
    for turn in range(TURNS):
        prompts = [actor.prompt(episode.messages[turn]) for episode in episodes]
        for row in rows:
            trajectories[row].hear(prompts[row])
            conversations[row] += episodes[row].messages[turn]
        if turn == 0 or not keep:
            sampler = Sampler(actor, len(episodes), 1.0)
            prompts = [Prompt(tuple(t.ids), tuple(t.pictures)) for t in trajectories]
        sampler.read(prompts)
        choices = [actor.choices(conversation, 256) for conversation in conversations]
        for row, said in enumerate(sampler.write(choices, [(turn, row) for row in rows])):
            trajectories[row].say(said, turn)
            text, task = actor.text(said.ids), episodes[row].task
            conversations[row] += (Message("assistant", text),)
            if scorer is not None and turn + 1 < TURNS:
                answer = FORMAT.read(text, task, layouts[row])
                assert answer.layout is not None, "the grammar lets it say nothing else"
                scorer.open(task)
                score = scorer.score(task, answer.grade, scorer.physics(task, answer.layout))
                shown = FORMAT.draw_images(task, answer.layout)
                episodes[row].messages.append((FORMAT.feedback(task, answer.layout, score.to_json(), shown),))
                layouts[row] = answer.layout
    return [trajectory.ids for trajectory in trajectories]


@dataclass(frozen=True)
class Times:
    """Seconds of a rollout's sampling, with the cache kept and with everything read again; `tokens` an episode."""

    kept: float
    again: float
    tokens: float


def time_cache(rounds: int = 5) -> Times:
    """Medians of both ways, in turns. Raises AssertionError where they do not write the same tokens."""
    torch.set_num_threads(1)
    actor, episodes = CompactPolicy(ROOT / "assets/models/tiny"), []
    for task, _ in clean_rooms(TASKS):
        first = FORMAT.first(task, FORMAT.draw_images(task, Layout(task.id)))
        episodes += [Told(task, [first]) for _ in range(GROUP)]
    with Stage() as stage:
        kept = sample(actor, episodes, True, Scorer(stage))
    assert kept == sample(actor, episodes, False), "both ways must write the same tokens"
    ours, other = side_by_side([lambda: sample(actor, episodes, True), lambda: sample(actor, episodes, False)], rounds)
    return Times(ours, other, sum(map(len, kept)) / len(kept))


if __name__ == "__main__":
    times = time_cache()
    print(f"{TASKS * GROUP} episodes of {TURNS} turns, {times.tokens:.0f} tokens each, the same both ways")
    print(f"cache kept {times.kept:.2f} s, read again {times.again:.2f} s: {times.again / times.kept:.2f} x")
    os._exit(0)  # bpy's own clean-up may crash or never end
