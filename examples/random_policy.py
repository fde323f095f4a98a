"""Step the environment with random answers, as any gymnasium.Env: python examples/random_policy.py"""

from pathlib import Path

from headless.evaluation.baselines import random_layout
from metaspatial_addon.blender.physics.stage import Stage
from metaspatial_addon.core.task import read_task
from metaspatial_addon.episode.env import LayoutEnv

task = read_task(Path(__file__).with_name("bedroom.json"))
with Stage() as stage:
    env = LayoutEnv(stage, max_turns=3)
    observation, info = env.reset(task, seed=0)
    terminated = truncated = False
    while not (terminated or truncated):
        completion = env.prompt_format.answer_text(task, random_layout(task, seed=len(env.turns)))
        observation, reward, terminated, truncated, info = env.step(completion)
        print(f"reward {reward:.3f}, terminated {terminated}, truncated {truncated}")
