"""`train.py --check`: before a long run, load everything, play and learn from one episode, and print a step's cost."""

from __future__ import annotations

import numpy as np
import torch

from headless import cli
from metaspatial_addon.core.temporary import TemporaryFolder
from metaspatial_addon.worker.memory import resident_mb

from .config import TrainConfig
from .data import Episode
from .learner import Row
from .logs.timer import PhaseTimer
from .rollout import run_episodes
from .run import LARGE_GAP, open_accelerator, open_environments, open_policy
from .training_step import Trainer, rollout_settings, update_policy


def check(config: TrainConfig, workers: int = 0, ray: str = "") -> None:
    """Print what a step will take. The model on disk stays as it is. `workers` and `ray` as in `run.train`.

    Raises CommandError.
    """
    accelerator = open_accelerator(config)
    if accelerator.num_processes > 1:
        raise cli.CommandError("--check: start it in one process")
    torch.set_num_threads(config.threads)
    rollout = config.rollout
    policy = open_policy(config)
    with TemporaryFolder() as logs, open_environments(config, workers, ray, logs) as environments:
        trainer = Trainer(config, policy, environments, accelerator)
        for _ in range(2):  # the first time furniture is loaded and memory laid out
            timer = PhaseTimer()
            episode = Episode(trainer.tasks(0), 0, (config.seed, 0))
            run_episodes(policy, environments, [episode], *rollout_settings(config, 0, policy), timer)
            if episode.fault or not episode.scores:
                raise cli.CommandError(
                    f"the episode has no result: {episode.fault or 'rollout.max_sequence_tokens is too short'}"
                )
            if not any(score.status == "ok" for score in episode.scores):
                raise cli.CommandError(
                    f"no answer of the model could be used; the last was {episode.conversation[-1].text[:200]!r}"
                )
            trajectory = episode.trajectory
            row = Row(trajectory, torch.ones(rollout.turns), np.zeros(len(trajectory), np.float32))
            with timer("update"):
                lessons = trainer.feedback.draw(0) if trainer.feedback else []
                statistics, norm, _ = update_policy(trainer, [row], lessons, 0)
    count = sum(p.numel() for p in policy.model.parameters() if p.requires_grad)
    seconds = timer.seconds
    # Sampling is shared by the whole batch, which takes little longer than one episode; the rest is by episode.
    each = (seconds["physics"] + seconds["render"]) / max(workers, 1) + seconds["update"]
    step = seconds["prefill"] + seconds["decode"] + each * rollout.tasks_per_step * rollout.num_generations
    gap = statistics.metrics()["logprob_gap/mean"]
    cli.progress(
        f"{count / 1e6:.1f} M weights learn; an episode of {len(episode.scores)} turns has {len(trajectory)} tokens, "
        f"of which {int(trajectory.chosen().sum())} are chosen; reward {episode.scores[-1].reward:.3f}, gradient "
        f"{norm:.3g}, sampler and learner differ by {gap:.1e} a token, "
        f"{statistics.max_gap:.1e} at most"
    )
    if gap > LARGE_GAP:
        cli.progress(
            "sampler and learner differ by so much that importance weights act on every token: see learner.bf16"
        )
    cli.progress(", ".join(f"{phase} {value:.2f} s" for phase, value in seconds.items()))
    cli.progress(
        f"about {step:.0f} s a step, {step * config.steps / 3600:.1f} hours for {config.steps} steps; "
        f"{resident_mb():.0f} MB of memory in use"
    )
