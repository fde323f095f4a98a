"""Validation during training: what the model does on rooms that it never learns from."""

from __future__ import annotations

from dataclasses import replace

import torch
from accelerate.utils import gather_object

from .data import Episode
from .logs.metrics import best_score, score_metrics
from .logs.timer import PhaseTimer
from .rollout import run_episodes
from .sharding import unsharded
from .training_step import Trainer, rollout_settings

GREEDY_TEMPERATURE = 1e-4
"""At which the likeliest token is drawn."""
FAULTS = "infra_faults"


def validate(trainer: Trainer, number: int) -> dict[str, float]:
    """Play the validation tasks after `number` steps, greedily, and score each episode's best turn, its view by renders
    as `evaluate.py` has it.

    Returns the means of `score_metrics` as `validation/…`, none where no episode has a result, and the number of
    episodes that a fault of the machine ended. Each of several processes plays its share; all know the result.
    """
    settings, sampling = rollout_settings(trainer.config, number, trainer.policy)
    settings = replace(settings, view_method="renders")
    tasks = trainer.tasks.validation
    episodes = [Episode(tasks[k], k, (k,)) for k in range(trainer.rank, len(tasks), trainer.ranks)]
    greedy = replace(sampling, temperature=GREEDY_TEMPERATURE)
    with torch.no_grad(), unsharded(trainer.module):
        trainer.module(run_episodes, trainer.environments, episodes, settings, greedy, PhaseTimer())
    episodes = sorted(gather_object(episodes), key=lambda episode: episode.group)
    scores = [best_score(episode) for episode in episodes if not episode.fault and episode.scores]
    metrics = score_metrics(scores) if scores else {}
    metrics[FAULTS] = float(sum(bool(episode.fault) for episode in episodes))
    return {f"validation/{name}": value for name, value in metrics.items()}
