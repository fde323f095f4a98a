"""The vision tower of Qwen2.5-VL in numpy: images of 112 x 112 pixels, as `prompts/plan.py` draws them, to 16 tokens.

An image is exactly one attention window, so that windowed and full attention are the same here.

Shapes: P images, 64 patches each in the processor's order (blocks of 2 x 2, row by row), H hidden, N heads, D per
head, T the text's hidden size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.errors import InputError
from ...prompts import vocabulary as v
from ...prompts.png import read_png
from .decoder import apply_rope, rms_norm

IMAGE_SIZE, PATCH_SIZE, MERGE_SIZE, TEMPORAL_PATCH_SIZE = 112, 14, 2, 2
TOKENS_PER_SIDE = IMAGE_SIZE // (PATCH_SIZE * MERGE_SIZE)  # of an image
TOKENS_PER_IMAGE = TOKENS_PER_SIDE * TOKENS_PER_SIDE
IMAGE_PAD_ID = v.TOKEN_IDS["<|image_pad|>"]
IMAGE_IDS = (v.TOKEN_IDS["<|vision_start|>"], *[IMAGE_PAD_ID] * TOKENS_PER_IMAGE, v.TOKEN_IDS["<|vision_end|>"])
PREFIX = "visual."
_EPS = 1e-6


def extract_patches(images: Sequence[bytes]) -> np.ndarray:
    """PNG images to uint8 patches (P, 64, 588), each patch by channel, row, column.

    Raises ValueError for data that is no PNG of 112 x 112 pixels.
    """
    pixels = np.empty((len(images), IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
    for k, data in enumerate(images):
        image = read_png(data)
        height, width, _ = image.shape
        if (height, width) != (IMAGE_SIZE, IMAGE_SIZE):
            raise ValueError(f"its pictures are {IMAGE_SIZE} x {IMAGE_SIZE} pixels, and one is {width} x {height}")
        pixels[k] = image
    blocks = pixels.reshape(
        -1, TOKENS_PER_SIDE, MERGE_SIZE, PATCH_SIZE, TOKENS_PER_SIDE, MERGE_SIZE, PATCH_SIZE, 3
    ).transpose(0, 1, 4, 2, 5, 7, 3, 6)
    return blocks.reshape(len(images), TOKENS_PER_IMAGE * MERGE_SIZE**2, 3 * PATCH_SIZE**2)


def mrope_positions(ids: np.ndarray) -> np.ndarray:
    """M-RoPE positions in time, height and width, (3, B, C), of token ids (B, C) with 16 placeholders for each image.

    The tokens of an image share one time and have its rows and columns; the text goes on after its longer side.
    """
    is_image = ids == IMAGE_PAD_ID
    index = np.where(is_image, (np.cumsum(is_image, axis=1) - 1) % TOKENS_PER_IMAGE, 0)
    advance = ~is_image | (index < TOKENS_PER_SIDE)
    start = np.cumsum(advance, axis=1) - advance - np.minimum(index, TOKENS_PER_SIDE)
    return np.stack([start, start + index // TOKENS_PER_SIDE, start + index % TOKENS_PER_SIDE])


class VisionTower:
    """Encodes patches as tokens of the text decoder."""

    def __init__(self, config: dict[str, Any], tensors: dict[str, np.ndarray]):
        """`config` is the `vision_config` of a config.json. Raises InputError for other patches or smaller windows."""
        required = {
            "patch_size": PATCH_SIZE,
            "spatial_merge_size": MERGE_SIZE,
            "temporal_patch_size": TEMPORAL_PATCH_SIZE,
        }
        if any(config[key] != value for key, value in required.items()) or config["window_size"] < IMAGE_SIZE:
            raise InputError(
                "config.json", "vision_config", f"{required} and a window_size of at least {IMAGE_SIZE}", config
            )
        kernel = tensors[PREFIX + "patch_embed.proj.weight"]  # (H, 3, 2, 14, 14)
        # A still image is the same frame twice: the kernels of both frames act on it as their sum.
        self.embedding = kernel.sum(axis=2).reshape(len(kernel), -1).T  # (588, H)
        self.heads = config["num_heads"]
        self.blocks = [_Block(tensors, f"{PREFIX}blocks.{k}.") for k in range(config["depth"])]
        merger = PREFIX + "merger."
        self.merge_norm = tensors[merger + "ln_q.weight"]
        (self.merge_in, self.merge_in_bias), (self.merge_out, self.merge_out_bias) = (
            _linear(tensors, f"{merger}mlp.{k}") for k in (0, 2)
        )
        quarter = len(kernel) // self.heads // 4
        theta = (config.get("rope_parameters") or {}).get("rope_theta", 10000.0)
        frequencies = theta ** (-np.arange(quarter, dtype=np.float64) / quarter)
        angles = _grid()[:, :, None] * frequencies  # (2, 64, D / 4)
        angles = np.concatenate(list(angles), axis=-1)  # (64, D / 2): the row's angles, then the column's
        self.cos, self.sin = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)

    def encode(self, patches: np.ndarray) -> np.ndarray:
        """Patches (P, 64, 588) of `extract_patches` to tokens (P, 16, T)."""
        hidden = (patches.astype(np.float32) / np.float32(127.5) - 1) @ self.embedding  # mean and deviation 0.5
        for block in self.blocks:
            hidden = hidden + self._attend(block, rms_norm(hidden, block.before_norm, _EPS))
            hidden = hidden + block.feed_forward(rms_norm(hidden, block.after_norm, _EPS))
        merged = rms_norm(hidden, self.merge_norm, _EPS).reshape(len(patches), TOKENS_PER_IMAGE, -1)
        return _gelu(merged @ self.merge_in + self.merge_in_bias) @ self.merge_out + self.merge_out_bias

    def _attend(self, block: _Block, normed: np.ndarray) -> np.ndarray:
        count, length, width = normed.shape
        qkv = (normed @ block.qkv + block.qkv_bias).reshape(count, length, 3, self.heads, -1)
        queries, keys, values = qkv.transpose(2, 0, 3, 1, 4)  # (P, N, 64, D) each
        queries, keys = apply_rope(queries, self.cos, self.sin), apply_rope(keys, self.cos, self.sin)
        scores = queries @ keys.transpose(0, 1, 3, 2) / np.float32(np.sqrt(queries.shape[-1]))
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        attended = (scores @ values).transpose(0, 2, 1, 3).reshape(count, length, width)
        return attended @ block.output + block.output_bias


class _Block:
    """The weights of one block, transposed once for `x @ w`."""

    def __init__(self, tensors: dict[str, np.ndarray], prefix: str):
        self.qkv, self.qkv_bias = _linear(tensors, prefix + "attn.qkv")
        self.output, self.output_bias = _linear(tensors, prefix + "attn.proj")
        self.gate, self.gate_bias = _linear(tensors, prefix + "mlp.gate_proj")
        self.up, self.up_bias = _linear(tensors, prefix + "mlp.up_proj")
        self.down, self.down_bias = _linear(tensors, prefix + "mlp.down_proj")
        self.before_norm = tensors[prefix + "norm1.weight"]
        self.after_norm = tensors[prefix + "norm2.weight"]

    def feed_forward(self, hidden: np.ndarray) -> np.ndarray:
        """SwiGLU feed-forward network."""
        gate = hidden @ self.gate + self.gate_bias
        return (gate / (1 + np.exp(-gate)) * (hidden @ self.up + self.up_bias)) @ self.down + self.down_bias


def _linear(tensors: dict[str, np.ndarray], name: str) -> tuple[np.ndarray, np.ndarray]:
    return np.ascontiguousarray(tensors[name + ".weight"].T), tensors[name + ".bias"]


def _grid() -> np.ndarray:
    """Row and column of each patch, (2, 64), in the processor's order."""
    rows, columns = np.indices((TOKENS_PER_SIDE * MERGE_SIZE, TOKENS_PER_SIDE * MERGE_SIZE))
    ordered = (
        np.stack([rows, columns])
        .reshape(2, TOKENS_PER_SIDE, MERGE_SIZE, TOKENS_PER_SIDE, MERGE_SIZE)
        .transpose(0, 1, 3, 2, 4)
    )
    return ordered.reshape(2, -1)


def _gelu(x: np.ndarray) -> np.ndarray:
    """The exact GELU; numpy has no erf, so Abramowitz and Stegun 7.1.26, whose error is at most 1.5e-7."""
    z = np.abs(x) / np.float32(np.sqrt(2))
    t = 1 / (1 + np.float32(0.3275911) * z)
    series = np.zeros_like(t)
    for factor in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series = (series + np.float32(factor)) * t
    return x * np.where(x < 0, series * np.exp(-z * z), 2 - series * np.exp(-z * z)) / 2
