"""Lay out a task with the embedded model: python examples/generate_layout.py LAYOUT.json"""

import sys
from pathlib import Path

from metaspatial_addon.blender.physics.stage import Stage
from metaspatial_addon.core.task import layout_to_json, read_task, write_json
from metaspatial_addon.episode.env import LayoutEnv
from metaspatial_addon.episode.play import play, prompt_format_of
from metaspatial_addon.episode.turn import Turn
from metaspatial_addon.policy.builtin.policy import BuiltinPolicy

task = read_task(Path(__file__).with_name("bedroom.json"))
policy = BuiltinPolicy()
with Stage() as stage:
    env = LayoutEnv(stage, prompt_format=prompt_format_of(policy), max_turns=3)
    for event in play(env, policy, task, seed=1, samples=8):
        if isinstance(event, Turn):
            print(f"turn {event.number}: {event.status}, reward {event.reward:.3f}")
    if env.best is None or env.best.layout is None:
        sys.exit("no answer could be used")
    write_json(sys.argv[1], layout_to_json(env.best.layout))
