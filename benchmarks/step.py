"""The time of a training step of `tiny.toml`, its view by rays, beside that with nothing at once and a rendered view.

    python -m benchmarks.step [STEPS]

*Before*: episodes are played one after the other in the trainer's process, the view is measured by renders, and one
thread learns. *Now*: the defaults and the file, with the view by rays. Both learn from the same tasks, and their steps
alternate, so that a busy machine slows both alike; but what runs on two cores at once gains only where two cores are
idle.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import torch

from benchmarks.run import machine
from headless.rl.config import TrainConfig, read_config
from headless.rl.run import open_accelerator, open_environments, open_policy
from headless.rl.training_step import Trainer, train_step
from headless.train import own_cores

CONFIG = "headless/configs/tiny.toml"
BEFORE, NOW = ("learner.threads=1", "reward.view_method=renders"), ("reward.view_method=rays",)
PHASES = ("prefill", "decode", "physics", "render", "update", "waiting")


def open_trainer(stack: ExitStack, config: TrainConfig, workers: int) -> Trainer:
    logs = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    environments = open_environments(config, workers, logs=logs)
    stack.enter_context(environments)
    return Trainer(config, open_policy(config), environments, open_accelerator(config))


def time_steps(steps: int) -> list[dict[str, float]]:
    """Medians of the seconds by phase over so many steps of each, before and now; a first step of each is not timed."""
    torch.set_num_threads(1)
    with ExitStack() as stack:
        before = open_trainer(stack, read_config(CONFIG, BEFORE), 0)
        now = open_trainer(stack, read_config(CONFIG, NOW), own_cores())
        measured: list[list[dict[str, float]]] = [[], []]
        for number in range(steps + 1):
            for trainer, rows in zip((before, now), measured, strict=True):
                rows.append(train_step(trainer, number))
    names = [*(f"seconds/{phase}" for phase in (*PHASES, "step")), "trajectories_per_second"]
    return [{name: statistics.median(row[name] for row in rows[1:]) for name in names} for rows in measured]


def main(steps: int) -> None:
    """Print both and their ratio. What Blender prints to the standard output is discarded."""
    output = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    print(machine(), file=output)
    before, now = time_steps(steps)
    for name, found in (("before", before), ("now", now)):
        phases = ", ".join(f"{phase} {found[f'seconds/{phase}']:.2f}" for phase in PHASES)
        rate = f"{found['trajectories_per_second']:.1f} trajectories/s"
        print(f"{name}: {found['seconds/step']:.2f} s a step ({phases}), {rate}", file=output)
    print(f"now / before: {now['seconds/step'] / before['seconds/step']:.0%}", file=output, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
    os._exit(0)  # bpy's own clean-up may crash or never end
