"""Checkpoints: a model's folder with the optimiser's state in it.

All random numbers come from the seed and the step, so weights, optimiser, the place in the tasks and the success rates
that they are drawn by are everything that there is to keep.
"""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_optimizer_state_dict,
    set_optimizer_state_dict,
)

from headless import training
from metaspatial_addon.core.reading import LARGEST_JSON, FieldReader, parse_json, read_bytes

from .training_step import Trainer

STATE, OPTIMISER = "training.json", "optimiser.pt"
FULL_STATE = StateDictOptions(full_state_dict=True, cpu_offload=True)


@dataclass(frozen=True)
class TrainingProgress:
    """After `step` steps, with `drawn` tasks drawn; `reward` is the mean of the steps since the last checkpoint,
    `validation` the measure of a run that is validated, and `success` the counts by which its tasks are drawn."""

    step: int = 0
    drawn: int = 0
    reward: float = 0.0
    validation: float | None = None
    success: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def worth(self) -> tuple[bool, float]:
        """What the best checkpoint has most of."""
        return self.validation is not None, self.reward if self.validation is None else self.validation


def save(folder: Path, trainer: Trainer, progress: TrainingProgress) -> None:
    """Write a checkpoint; of the older ones the newest `keep` and the best stay.

    Where several processes learn together, all must call this, and the first writes.
    """
    main = trainer.accelerator.is_main_process
    with training.new_checkpoint(folder, progress.step) if main else nullcontext(folder) as part:
        state = trainer.optimiser.state_dict()
        if trainer.config.learner.fsdp:
            state = get_optimizer_state_dict(trainer.module, trainer.optimiser, options=FULL_STATE)
        trainer.policy.save(part, main)
        if main:
            torch.save(state, part / OPTIMISER)
            (part / STATE).write_text(json.dumps(asdict(progress)) + "\n", encoding="utf-8")
    if main:
        paths = checkpoints(folder)
        best = max(paths, key=lambda path: read_progress(path).worth)
        training.remove_old(paths, trainer.config.keep, best)


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of a run, oldest first."""
    return training.checkpoints(folder, STATE)


def read_progress(checkpoint: Path) -> TrainingProgress:
    """Raises InputError."""
    path = checkpoint / STATE
    read = FieldReader(path)
    required, optional = ("step", "drawn", "reward"), ("validation", "success")
    raw = read.object(parse_json(read_bytes(path, LARGEST_JSON), path, allow_nan=True), "", required, optional)
    step, drawn = (int(read.number(raw[name], name, 0, 2**53)) for name in ("step", "drawn"))
    validation = raw.get("validation")
    if validation is not None:
        validation = read.number(validation, "validation", 0, 1)
    counts = raw.get("success", {})
    if not isinstance(counts, dict):
        raise read.fail("success", "an object with two counts for each kind of task", counts)
    success = {kind: _counts(read, f"success.{kind}", pair) for kind, pair in counts.items()}
    return TrainingProgress(step, drawn, float(raw["reward"]), validation, success)


def _counts(read: FieldReader, name: str, pair: Any) -> tuple[float, float]:
    """Successes and episodes of a kind of tasks."""
    if not isinstance(pair, list) or len(pair) != 2:
        raise read.fail(name, "two counts", pair)
    played = read.number(pair[1], f"{name}[1]", 0, 2**53)
    return read.number(pair[0], f"{name}[0]", 0, played), played


def load_optimiser(checkpoint: Path, trainer: Trainer) -> None:
    """Restore the optimiser's state; the policy's own `load` restores the weights."""
    state = torch.load(checkpoint / OPTIMISER, weights_only=True)
    if trainer.config.learner.fsdp:
        set_optimizer_state_dict(trainer.module, trainer.optimiser, state, options=FULL_STATE)
    else:
        trainer.optimiser.load_state_dict(state)
