"""Checkpoints: a model's folder with the optimiser's state in it, written beside its name and renamed.

A run that was killed at any moment goes on from the last whole one. All random numbers come from the seed and the step,
so weights, optimiser and the place in the tasks are everything there is to keep.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_optimizer_state_dict,
    set_optimizer_state_dict,
)

from .training_step import Trainer

STATE, OPTIMISER = "training.json", "optimiser.pt"
WHOLE = StateDictOptions(full_state_dict=True, cpu_offload=True)


@dataclass(frozen=True)
class Progress:
    """After `step` steps, with `drawn` tasks drawn; `reward` is the mean of the steps since the last checkpoint."""

    step: int = 0
    drawn: int = 0
    reward: float = 0.0


def save(folder: Path, trainer: Trainer, progress: Progress) -> None:
    """Write a checkpoint; of the older ones the newest `keep` and the one of the highest reward stay.

    Where several processes learn together, all must call this, and the first writes.
    """
    beside, final = folder / "checkpoint.part", folder / f"checkpoint-{progress.step:06d}"
    main = trainer.accelerator.is_main_process
    if main:
        shutil.rmtree(beside, ignore_errors=True)
    state = trainer.optimiser.state_dict()
    if trainer.config.learner.fsdp:
        state = get_optimizer_state_dict(trainer.learning, trainer.optimiser, options=WHOLE)
    trainer.actor.save(beside, main)
    if not main:
        return
    torch.save(state, beside / OPTIMISER)
    (beside / STATE).write_text(json.dumps(asdict(progress)) + "\n", encoding="utf-8")
    shutil.rmtree(final, ignore_errors=True)
    os.replace(beside, final)
    whole = checkpoints(folder)
    best = max(whole, key=lambda path: read_progress(path).reward)
    for old in whole[: -trainer.config.keep]:
        if old != best:
            shutil.rmtree(old)


def checkpoints(folder: Path) -> list[Path]:
    """The whole checkpoints of a run, oldest first."""
    return sorted(path for path in folder.glob("checkpoint-*") if (path / STATE).is_file())


def read_progress(checkpoint: Path) -> Progress:
    return Progress(**json.loads((checkpoint / STATE).read_text(encoding="utf-8")))


def load_optimiser(checkpoint: Path, trainer: Trainer) -> None:
    """Put the optimiser back as it was; the actor's own `load` does so with the weights."""
    state = torch.load(checkpoint / OPTIMISER, weights_only=True)
    if trainer.config.learner.fsdp:
        set_optimizer_state_dict(trainer.learning, trainer.optimiser, state, options=WHOLE)
    else:
        trainer.optimiser.load_state_dict(state)
