"""Configuration of a training run: TOML read into dataclasses; what is wrong is named before anything loads."""

from __future__ import annotations

import json
import math
import re
import tomllib
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np

from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.task import read_json
from metaspatial_addon.scoring.weights import Weights

from .losses import LossSettings

FAMILIES = ("qwen2_5_vl", "qwen3_vl")
"""Model types whose positions and cache `chat` knows."""
HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+")


@dataclass(frozen=True)
class RolloutConfig:
    """A step plays `tasks` x `group` episodes of up to `turns` turns, at `temperature`.

    `pictures` shows the model pictures, renders of `pixels` where its rendering draws none. An answer has at most
    `answer_tokens`, an episode `context` tokens. Groups from which nothing can be learnt are played again with other
    tasks up to `resample` times (DAPO's dynamic sampling).
    """

    tasks: int = 4
    group: int = 8
    turns: int = 3
    temperature: float = 1.0
    pictures: bool = True
    pixels: int = 384
    answer_tokens: int = 256
    context: int = 2048
    resample: int = 0


@dataclass(frozen=True)
class StageConfig:
    """The terms' weights at a step."""

    step: int = 0
    weights: Weights = field(default_factory=Weights)


@dataclass(frozen=True)
class RewardConfig:
    """`render` measures the view term by renders. `weights` are those of the terms, see `scoring/weights.py`.

    With `stages` they change: from one stage's step to the next's in a straight line, and not before the first or
    after the last. Stages at neighbouring steps make a leap.
    """

    render: bool = True
    weights: Weights = field(default_factory=Weights)
    stages: tuple[StageConfig, ...] = ()

    def weights_at(self, step: int) -> Weights:
        """The weights at a step, counted from 0."""
        if not self.stages:
            return self.weights
        steps = [stage.step for stage in self.stages]
        rows = [asdict(stage.weights) for stage in self.stages]
        return Weights(**{term: float(np.interp(step, steps, [row[term] for row in rows])) for term in rows[0]})


@dataclass(frozen=True)
class CreditConfig:
    """Each turn is worth its discounted return (`credit` "turn") or the episode's ("episode").

    Tokens that tell an item's pose lose `fault_penalty` of reward for a fault that it gets, see `coordinates.py`.
    """

    credit: Literal["turn", "episode"] = "turn"
    discount: float = 0.5
    fault_penalty: float = 0.0


@dataclass(frozen=True)
class LearnerConfig:
    """AdamW on the whole batch, `passes` times a step, in microbatches of up to `microbatch_tokens`.

    The rate rises over `warmup_steps` and falls to 0 over the last `decay` share of all steps. `bf16` computes in it;
    weights stay float32. `shard` spreads weights and optimiser over the processes of torchrun (FSDP) instead of
    keeping them whole in each.
    """

    learning_rate: float = 1e-4
    warmup_steps: int = 5
    decay: float = 0.0
    weight_decay: float = 0.0
    gradient_norm: float = 1.0
    passes: int = 1
    microbatch_tokens: int = 4096
    bf16: bool = False
    shard: bool = False


@dataclass(frozen=True)
class LoraConfig:
    """`rank` of the adapters, 0 for none; their output is scaled by `alpha` / `rank`. `recompute` computes activations
    twice instead of keeping them (activation checkpointing)."""

    rank: int = 0
    alpha: float = 32.0
    recompute: bool = False


@dataclass(frozen=True)
class TrainConfig:
    """`model` is the folder of the model to begin with, or a hub id. With `rendering` "compact" it is the embedded
    model, all of whose weights learn; with "full" a pretrained model, on whose language layers adapters learn.

    Tasks are drawn from the train split by `seed`, which also sets all that is random. The newest `keep` checkpoints
    and the best are kept. After the first step and every `show_every` a group is shown in pictures and a .blend; 0 for
    never.
    """

    model: str = "assets/models/taught"
    rendering: Literal["compact", "full"] = "compact"
    seed: int = 1
    steps: int = 150
    threads: int = 1
    save_every: int = 10
    keep: int = 2
    show_every: int = 50
    rollout: RolloutConfig = field(default_factory=RolloutConfig)
    reward: RewardConfig = field(default_factory=RewardConfig)
    credit: CreditConfig = field(default_factory=CreditConfig)
    loss: LossSettings = field(default_factory=LossSettings)
    learner: LearnerConfig = field(default_factory=LearnerConfig)
    lora: LoraConfig = field(default_factory=LoraConfig)


def read_config(path: str, changes: list[str] | None = None) -> TrainConfig:
    """The configuration of a TOML file with `key=value` changes on top. Raises InputError that names the key."""
    try:
        data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        for change in changes or []:
            _change(data, change, path)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, "", f"a readable text file ({error})") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(path, "", f"TOML ({error})") from error
    config = _filled(TrainConfig, data, path, "")
    _check(config, path)
    return config


def _change(data: dict[str, Any], change: str, path: str) -> None:
    """Set the dotted key of `key=value`. The value is TOML; what is none is a word."""
    key, equals, value = change.partition("=")
    *parents, last = key.strip().split(".")
    if not equals:
        raise InputError("--set", change, "key=value")
    for parent in parents:
        data = data.setdefault(parent, {})
        if not isinstance(data, dict):
            raise InputError(path, key, f"{parent} to be a table")
    try:
        data[last] = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        data[last] = value


def _filled(kind: type, data: Any, source: str, prefix: str) -> Any:
    """A dataclass from a table: known keys alone, each of its own type."""
    if not isinstance(data, dict):
        raise InputError(source, prefix.rstrip("."), "a table", data)
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for key, value in data.items():
        if key not in hints:
            raise InputError(source, prefix + key, f"one of {', '.join(f.name for f in fields(kind))}")
        values[key] = _value(hints[key], value, source, prefix + key)
    try:
        return kind(**values)
    except ValueError as error:  # the terms' weights check themselves
        raise InputError(source, prefix.rstrip("."), f"other values ({error})") from error


def _value(wanted: Any, value: Any, source: str, key: str) -> Any:
    if is_dataclass(wanted):
        return _filled(wanted, value, source, key + ".")
    if get_origin(wanted) is tuple:
        if not isinstance(value, list):
            raise InputError(source, key, "a list of tables", value)
        return tuple(_value(get_args(wanted)[0], entry, source, f"{key}[{k}]") for k, entry in enumerate(value))
    if get_origin(wanted) is Literal:
        if value not in get_args(wanted):
            raise InputError(source, key, f"one of {', '.join(get_args(wanted))}", value)
        return value
    if wanted is float and type(value) is int:
        value = float(value)
    if type(value) is not wanted:
        raise InputError(source, key, f"a value of type {wanted.__name__}", value)
    if wanted in (int, float) and not (math.isfinite(value) and value >= 0):
        raise InputError(source, key, "a number that is not negative", value)
    return value


def _check(config: TrainConfig, source: str) -> None:
    """Refuse what cannot work, alone or together."""
    rollout, loss, learner = config.rollout, config.loss, config.learner
    needed = [
        ("steps", config.steps, 1),
        ("threads", config.threads, 1),
        ("save_every", config.save_every, 1),
        ("keep", config.keep, 1),
        ("rollout.tasks", rollout.tasks, 1),
        ("rollout.turns", rollout.turns, 1),
        ("rollout.pixels", rollout.pixels, 28),
        ("rollout.answer_tokens", rollout.answer_tokens, 2),
        ("loss.longest", loss.longest, 1),
        ("learner.passes", learner.passes, 1),
        ("learner.microbatch_tokens", learner.microbatch_tokens, 1),
    ]
    for key, value, least in needed:
        if value < least:
            raise InputError(source, key, f"at least {least}", value)
    for key, value in (
        ("rollout.temperature", rollout.temperature),
        ("learner.learning_rate", learner.learning_rate),
        ("learner.gradient_norm", learner.gradient_norm),
    ):
        if value == 0:
            raise InputError(source, key, "a number above 0", value)
    if rollout.group < 2:
        raise InputError(source, "rollout.group", "at least 2: episodes are measured by each other", rollout.group)
    if rollout.answer_tokens >= rollout.context:
        raise InputError(
            source, "rollout.answer_tokens", f"less than rollout.context ({rollout.context})", rollout.answer_tokens
        )
    if config.credit.discount > 1:
        raise InputError(source, "credit.discount", "at most 1", config.credit.discount)
    if not 0 < loss.clip_low < 1:
        raise InputError(source, "loss.clip_low", "a number between 0 and 1", loss.clip_low)
    if loss.clip_high < loss.clip_low:
        raise InputError(source, "loss.clip_high", f"at least loss.clip_low ({loss.clip_low})", loss.clip_high)
    if loss.kind == "gspo" and loss.clip_high > 0.05:
        raise InputError(
            source, "loss.clip_high", "some 4e-4 for gspo, whose ratio is a mean over the episode", loss.clip_high
        )
    if loss.kind == "gspo" and config.credit.fault_penalty:
        raise InputError(
            source,
            "credit.fault_penalty",
            "0 for gspo, which has one ratio for all tokens of an answer",
            config.credit.fault_penalty,
        )
    if loss.importance_cap < 1:
        raise InputError(source, "loss.importance_cap", "at least 1", loss.importance_cap)
    if learner.decay > 1:
        raise InputError(source, "learner.decay", "at most 1, a share of all steps", learner.decay)
    begins = [stage.step for stage in config.reward.stages]
    if begins != sorted(set(begins)):
        raise InputError(source, "reward.stages", "each at a later step than the one before", begins)
    if config.rendering == "compact" and config.lora.rank:
        raise InputError(source, "lora.rank", "0 for the compact rendering: all weights learn", config.lora.rank)
    if config.rendering == "compact" and learner.shard:
        raise InputError(source, "learner.shard", "false for the compact rendering: its model is small", True)
    if config.rendering == "full" and not config.lora.rank:
        raise InputError(source, "lora.rank", "at least 1 for the full rendering: adapters learn", config.lora.rank)
    if config.rendering == "full" and rollout.pictures and not config.reward.render:
        raise InputError(source, "reward.render", "true, since the pictures of the full rendering are renders")
    _check_model(config, source)


def _check_model(config: TrainConfig, source: str) -> None:
    """The folder holds a model of the kind that is asked for; what a hub id stands for is not known yet."""
    folder = Path(config.model)
    if config.rendering == "full" and not folder.exists() and HUB_ID.fullmatch(config.model):
        return
    if not (folder / "config.json").is_file():
        raise InputError(source, "model", "a model's folder, with its config.json", config.model)
    if config.rendering == "compact":
        if not (folder / "metaspatial.json").is_file():
            raise InputError(source, "model", "one with a metaspatial.json, as the embedded model", config.model)
        return
    family = read_json(folder / "config.json").get("model_type")
    if family not in FAMILIES:
        raise InputError(source, "model", f"one of {', '.join(FAMILIES)}", family)


def write_config(config: TrainConfig, path: Path) -> None:
    """The whole configuration as a TOML file that `read_config` reads back."""
    lines: list[str] = []
    _write_table(asdict(config), "", lines)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_table(table: dict[str, Any], name: str, lines: list[str]) -> None:
    plain = {key: value for key, value in table.items() if not isinstance(value, (dict, tuple))}
    lines += [f"{key} = {json.dumps(value)}" for key, value in plain.items()]
    for key, value in table.items():
        inner = f"{name}.{key}" if name else key
        if isinstance(value, dict):
            lines += ["", f"[{inner}]"]
            _write_table(value, inner, lines)
        elif isinstance(value, tuple):
            for entry in value:
                lines += ["", f"[[{inner}]]"]
                _write_table(entry, inner, lines)
