"""Reads the folder of an embedded model, and checks that its files are whole and fit together.

Whoever copies a model by hand or over a network may end up with damaged files: they are refused here, with the file's
name, since the arithmetic itself would answer wrongly without a word.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...core.reading import read_json
from ..base import PolicyError
from . import decoder, vision
from .safetensors import read_safetensors

CONFIG, WEIGHTS, METADATA = "config.json", "model.safetensors", "metaspatial.json"
CHECKSUM = "weights_sha256"
"""Key of METADATA: the SHA-256 of WEIGHTS in hexadecimal digits. Folders of earlier versions have none."""

_COUNTS = {
    "text_config": (
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
    ),
    "vision_config": (
        "hidden_size",
        "intermediate_size",
        "depth",
        "num_heads",
        "patch_size",
        "spatial_merge_size",
        "temporal_patch_size",
        "window_size",
    ),
}
LARGEST_COUNT = 2**20
"""The largest number that a configuration may hold in one of _COUNTS."""

_HEAD = "lm_head.weight"
"""The output layer, which a model without it shares with the embeddings."""

Shapes = Iterator[tuple[str, tuple[int, ...]]]


@dataclass(frozen=True)
class ModelFiles:
    """What a folder holds: the text decoder's configuration, `vision_config` of config.json, the weights as float32 by
    name, their file's SHA-256 in hexadecimal digits, and whether the model was trained with pictures."""

    decoder: decoder.DecoderConfig
    vision: dict[str, Any]
    tensors: dict[str, np.ndarray]
    sha256: str
    pictures: bool


def read_model_files(folder: Path) -> ModelFiles:
    """Read a model's folder. Raises InputError for files that cannot be read, PolicyError for any that are damaged."""
    config = _object(folder / CONFIG)
    text, tower = (_table(folder / CONFIG, config, name) for name in _COUNTS)
    text_config = _decoder_config(folder / CONFIG, text)
    if tower["hidden_size"] % (4 * tower["num_heads"]):
        expected = f"a multiple of 4 for each of {tower['num_heads']} heads"
        raise _damaged(folder / CONFIG, "vision_config.hidden_size", expected)
    metadata = _object(folder / METADATA) if (folder / METADATA).exists() else {}
    tensors, sha256 = read_safetensors(folder / WEIGHTS)
    if metadata.get(CHECKSUM, sha256) != sha256:
        raise PolicyError(
            f"{folder / WEIGHTS} is damaged or of another model: its SHA-256 is not the one in {METADATA}: "
            "copy the model's folder again."
        )
    words = len(tensors.get(decoder.PREFIX + "embed_tokens.weight", ()))  # another vocabulary has an error of its own
    for name, shape in _shapes(text, tower, text_config, words):
        found = tensors[name].shape if name in tensors else None
        if found != shape and not (found is None and name == _HEAD):
            state = f"has no tensor {name}" if found is None else f"has {name} of shape {found}"
            raise PolicyError(
                f"{folder / WEIGHTS} {state}, where {CONFIG} asks for {shape}: copy the model's folder again."
            )
    return ModelFiles(text_config, tower, tensors, sha256, metadata.get("pictures") is True)


def _object(path: Path) -> dict[str, Any]:
    """The JSON object of a file. Raises InputError or PolicyError."""
    data = read_json(path)
    if not isinstance(data, dict):
        raise PolicyError(f"{path} holds no JSON object: copy the model's folder again.")
    return data


def _damaged(path: Path, key: str, expected: str) -> PolicyError:
    return PolicyError(f"{path}: {key}: expected {expected}: copy the model's folder again.")


def _table(path: Path, config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A table of config.json in which the keys of _COUNTS are whole numbers above 0. Raises PolicyError."""
    table = config.get(name)
    if not isinstance(table, dict):
        raise _damaged(path, name, "the configuration of an embedded model, a small Qwen2.5-VL")
    for key in _COUNTS[name]:
        if type(table.get(key)) is not int or not 1 <= table[key] <= LARGEST_COUNT:
            raise _damaged(path, f"{name}.{key}", f"a whole number from 1 to {LARGEST_COUNT}")
    rope = table.get("rope_parameters")
    if rope is not None and not isinstance(rope, dict):
        raise _damaged(path, f"{name}.rope_parameters", "an object")
    theta = (rope or {}).get("rope_theta", 1.0)
    if not _is_number(theta) or theta <= 0:
        raise _damaged(path, f"{name}.rope_parameters.rope_theta", "a number above 0")
    return table


def _decoder_config(path: Path, text: dict[str, Any]) -> decoder.DecoderConfig:
    """The text decoder's configuration. Raises PolicyError."""
    try:
        config = decoder.DecoderConfig.of(text)
    except (KeyError, TypeError, AttributeError) as error:
        raise _damaged(
            path, "text_config", f"rms_norm_eps and the rope_parameters of a Qwen2.5-VL ({error})"
        ) from error
    if not _is_number(config.norm_eps) or not 0 < config.norm_eps < 1:
        raise _damaged(path, "text_config.rms_norm_eps", "a number above 0 and below 1")
    if type(config.head_dim) is not int or not 1 <= config.head_dim <= LARGEST_COUNT:
        raise _damaged(path, "text_config.head_dim", f"a whole number from 1 to {LARGEST_COUNT}")
    if config.heads % config.key_value_heads:
        raise _damaged(path, "text_config.num_attention_heads", f"a multiple of {config.key_value_heads}")
    sections = config.rope_sections
    whole = all(type(section) is int and section >= 0 for section in sections)
    if not whole or len(sections) != 3 or 2 * sum(sections) != config.head_dim:
        expected = f"three whole numbers whose sum is half of {config.head_dim}"
        raise _damaged(path, "text_config.rope_parameters.mrope_section", expected)
    if not _is_number(config.rope_theta) or config.rope_theta <= 0:
        raise _damaged(path, "text_config.rope_theta", "a number above 0")
    return config


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]


def _shapes(text: Mapping[str, Any], tower: Mapping[str, Any], config: decoder.DecoderConfig, words: int) -> Shapes:
    """Names and shapes of all tensors that the computation takes."""
    hidden, inner = text["hidden_size"], text["intermediate_size"]
    queries, keys = config.heads * config.head_dim, config.key_value_heads * config.head_dim
    yield decoder.PREFIX + "embed_tokens.weight", (words, hidden)
    yield _HEAD, (words, hidden)
    yield decoder.PREFIX + "norm.weight", (hidden,)
    for k in range(config.layers):
        layer = f"{decoder.PREFIX}layers.{k}."
        for name, width in (("q", queries), ("k", keys), ("v", keys)):
            yield from _linear(f"{layer}self_attn.{name}_proj", width, hidden)
        yield f"{layer}self_attn.o_proj.weight", (hidden, queries)
        yield f"{layer}mlp.gate_proj.weight", (inner, hidden)
        yield f"{layer}mlp.up_proj.weight", (inner, hidden)
        yield f"{layer}mlp.down_proj.weight", (hidden, inner)
        yield f"{layer}input_layernorm.weight", (hidden,)
        yield f"{layer}post_attention_layernorm.weight", (hidden,)
    width, inner = tower["hidden_size"], tower["intermediate_size"]
    patch, frames = vision.PATCH_SIZE, vision.TEMPORAL_PATCH_SIZE  # `VisionTower` refuses others
    yield vision.PREFIX + "patch_embed.proj.weight", (width, 3, frames, patch, patch)
    for k in range(tower["depth"]):
        block = f"{vision.PREFIX}blocks.{k}."
        yield from _linear(f"{block}attn.qkv", 3 * width, width)
        yield from _linear(f"{block}attn.proj", width, width)
        yield from _linear(f"{block}mlp.gate_proj", inner, width)
        yield from _linear(f"{block}mlp.up_proj", inner, width)
        yield from _linear(f"{block}mlp.down_proj", width, inner)
        yield f"{block}norm1.weight", (width,)
        yield f"{block}norm2.weight", (width,)
    merged = width * vision.MERGE_SIZE**2
    yield vision.PREFIX + "merger.ln_q.weight", (width,)
    yield from _linear(vision.PREFIX + "merger.mlp.0", merged, merged)
    yield from _linear(vision.PREFIX + "merger.mlp.2", hidden, merged)


def _linear(name: str, outputs: int, inputs: int) -> Shapes:
    yield name + ".weight", (outputs, inputs)
    yield name + ".bias", (outputs,)
