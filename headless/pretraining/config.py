"""Configuration of a pretraining run: TOML read into a flat dataclass."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from metaspatial_addon.core.errors import InputError

from .model import ModelShape


@dataclass(frozen=True)
class PretrainConfig:
    """`shape` is the model's; the rest is the run's.

    `start`: a model folder to go on from, "" for fresh weights; `pictures`: teach with the small top views;
    `own`: a file of the model's own mistakes, from which the share `own_share` of the mending lessons comes.
    """

    seed: int = 1
    steps: int = 10_000
    warmup_steps: int = 100
    decay_steps: int = 3_000
    batch: int = 16
    learning_rate: float = 2e-3
    mending: float = 0.35
    own: str = ""
    own_share: float = 0.5
    pictures: bool = False
    start: str = ""
    bf16: bool = True
    threads: int = 1
    log_every: int = 50
    save_every: int = 500
    shape: ModelShape = field(default_factory=ModelShape)


def read_config(path: str, changes: list[str] | None = None) -> PretrainConfig:
    """The configuration of a TOML file with `key=value` changes on top. Raises InputError naming the key."""
    try:
        data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        for change in changes or []:
            key, _, value = change.partition("=")
            table = data
            *parents, last = key.strip().split(".")
            for parent in parents:
                table = table.setdefault(parent, {})
            table[last] = tomllib.loads(f"value = {value}")["value"]
    except OSError as error:
        raise InputError(path, "", f"a readable file ({error.strerror})") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(path, "", f"TOML ({error})") from error
    sizes = data.pop("shape", {})
    if not isinstance(sizes, dict):
        raise InputError(path, "shape", "a table", sizes)
    config = _filled(PretrainConfig(), data, path, "")
    config = replace(config, shape=_filled(ModelShape(), sizes, path, "shape."))
    shape = config.shape
    if config.own and config.pictures:
        raise InputError(path, "own", "no file where pictures are taught: its lessons have none", config.own)
    if shape.hidden % shape.heads or shape.heads % shape.key_value_heads:
        raise InputError(path, "shape.heads", "a divisor of hidden and a multiple of key_value_heads", shape.heads)
    return config


def _filled(default: Any, data: dict[str, Any], source: str, prefix: str) -> Any:
    known = {f.name: getattr(default, f.name) for f in fields(default) if f.name != "shape"}
    for key, value in data.items():
        if key not in known:
            raise InputError(source, prefix + key, f"one of {', '.join(known)}")
        wanted = type(known[key])
        whole_for_float = wanted is float and type(value) is int
        if type(value) is not wanted and not whole_for_float:
            raise InputError(source, prefix + key, f"a value of type {wanted.__name__}", value)
        if wanted in (int, float) and value < 0:
            raise InputError(source, prefix + key, "a number that is not negative", value)
    return replace(default, **data)
