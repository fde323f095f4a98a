"""Configuration of a pretraining run: its keys, their bounds, and what settings exclude each other.

docs/training.md describes every key with its unit and where it comes from.
"""

from __future__ import annotations

import glob
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from headless.config import Check, bounded, read_dataclass
from metaspatial_addon.core.errors import InputError

from .model import ModelShape

LARGEST_SEED = 2**31 - 1


@dataclass(frozen=True)
class PretrainConfig:
    """`shape` is the model's; the rest is the run's.

    `layouts`: the files of layouts to learn from, a pattern such as out/layouts/*.jsonl; `workers`: processes that make
    examples of them; `batch_tokens`: the most tokens of a batch, padding included;
    `average_steps`: steps of whose weights a checkpoint has the mean;
    `start`: a model folder to go on from, "" for fresh weights; `pictures`: teach the vision tower as well, by the
    fraction `picture_fraction` of the examples, which have small top views;
    `dagger_file`: examples of the model's own mistakes, from which the fraction `dagger_fraction` of the repair
    examples comes; `repair_fraction`: the fraction of examples that repair a layout instead of laying one out;
    `places_fraction`: the fraction of examples of which it is learnt which places are good, at `places_weight`;
    `wandb`: a project of Weights & Biases that metrics are logged to as well.
    """

    seed: int = bounded(1, at_most=LARGEST_SEED)
    steps: int = bounded(10_000, at_least=1)
    warmup_steps: int = 100
    decay_steps: int = 3_000
    layouts: str = ""
    batch_tokens: int = bounded(4096, at_least=2048)
    average_steps: int = bounded(1000, at_least=1)
    learning_rate: float = bounded(2e-3, above=0)
    repair_fraction: float = bounded(0.35, at_most=1)
    places_fraction: float = bounded(0.5, at_most=1)
    places_weight: float = 2.0
    dagger_file: str = ""
    dagger_fraction: float = bounded(0.5, at_most=1)
    pictures: bool = False
    picture_fraction: float = bounded(1.0, above=0, at_most=1)
    start: str = ""
    bf16: bool = True
    threads: int = bounded(1, at_least=1)
    workers: int = bounded(1, at_least=1)
    log_every: int = bounded(50, at_least=1)
    save_every: int = bounded(500, at_least=1)
    wandb: str = ""
    shape: ModelShape = field(default_factory=ModelShape)


RENAMED = {"mending": "repair_fraction", "own": "dagger_file", "own_share": "dagger_fraction"}
"""Keys of former versions, and their names today."""

CHECKS = (
    Check(
        lambda c: not c.shape.hidden % (2 * c.shape.heads),
        "shape.heads",
        "a divisor of shape.hidden ({c.shape.hidden}) that leaves an even size of a head",
    ),
    Check(
        lambda c: not c.shape.heads % c.shape.key_value_heads,
        "shape.key_value_heads",
        "a divisor of shape.heads ({c.shape.heads})",
    ),
    Check(
        lambda c: not c.shape.vision_hidden % (4 * c.shape.vision_heads),
        "shape.vision_heads",
        "a divisor of shape.vision_hidden ({c.shape.vision_hidden}) that leaves a multiple of 4 as the size of a head",
    ),
)
"""What settings must fulfil together; the first that does not hold is reported."""


def read_config(path: str, changes: Sequence[str] = ()) -> PretrainConfig:
    """The configuration of a TOML file with `key=value` changes on top. Raises InputError that names the key."""
    config = read_dataclass(PretrainConfig, path, changes, RENAMED, CHECKS)
    if not glob.glob(config.layouts):
        raise InputError(path, "layouts", "files that headless/tasks.py wrote, a pattern", config.layouts)
    if config.start and not (Path(config.start) / "config.json").is_file():
        raise InputError(path, "start", "a model's folder, with its config.json", config.start)
    return config
