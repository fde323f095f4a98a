"""The text decoder of Qwen2.5-VL in numpy, so that the embedded model needs no torch.

Shapes: B rows, C new tokens a row, T tokens in the cache, H hidden, N heads, K key-value heads, D per head, V words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

PREFIX = "model."


@dataclass(frozen=True)
class DecoderConfig:
    """The fields of the model's config.json that the computation needs."""

    layers: int
    heads: int
    key_value_heads: int
    head_dim: int
    rope_theta: float
    rope_sections: tuple[int, ...]
    norm_eps: float

    @classmethod
    def of(cls, text: dict[str, Any]) -> DecoderConfig:
        """From the `text_config` object of a config.json."""
        rope = text.get("rope_parameters") or text.get("rope_scaling") or {}
        head_dim = text.get("head_dim") or text["hidden_size"] // text["num_attention_heads"]
        return cls(
            layers=text["num_hidden_layers"],
            heads=text["num_attention_heads"],
            key_value_heads=text["num_key_value_heads"],
            head_dim=head_dim,
            rope_theta=rope.get("rope_theta", text.get("rope_theta", 1e6)),
            rope_sections=tuple(rope["mrope_section"]),
            norm_eps=text["rms_norm_eps"],
        )


class KVCache:
    """Keys and values of every layer for B rows, (L, B, K, T, D) each, and the number of tokens in each row."""

    def __init__(self, config: DecoderConfig, rows: int, capacity: int):
        shape = (config.layers, rows, config.key_value_heads, capacity, config.head_dim)
        self.keys, self.values = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        self.lengths = np.zeros(rows, int)
        self.positions = np.zeros(rows, int)  # of the next token; an image takes fewer positions than tokens

    def select_rows(self, index: np.ndarray) -> KVCache:
        """A copy whose row k is row `index[k]` of this cache; rows may be repeated or left out."""
        copy = object.__new__(KVCache)
        copy.keys, copy.values = self.keys[:, index], self.values[:, index]
        copy.lengths, copy.positions = self.lengths[index], self.positions[index]
        return copy


class Decoder:
    """The network: embeddings, layers with grouped-query attention, and the output head."""

    def __init__(self, config: DecoderConfig, tensors: dict[str, np.ndarray]):
        self.config = config
        self.embeddings = tensors[PREFIX + "embed_tokens.weight"]  # (V, H), also the output layer when tied
        self.head = tensors.get("lm_head.weight", self.embeddings)
        self.norm = tensors[PREFIX + "norm.weight"]
        self.layers = [_DecoderLayer(tensors, f"{PREFIX}layers.{k}.") for k in range(config.layers)]
        half = config.head_dim // 2
        self.inverse_frequencies = config.rope_theta ** (-np.arange(half, dtype=np.float64) / half)  # (D / 2,)
        # M-RoPE: the position axis (0 time, 1 height, 2 width) of each frequency, (D / 2,).
        self.position_axes = np.repeat(np.arange(3), config.rope_sections)

    def embed(self, ids: np.ndarray) -> np.ndarray:
        """(B, C) token ids to (B, C, H)."""
        return self.embeddings[ids]

    def forward(self, hidden: np.ndarray, positions: np.ndarray, counts: np.ndarray, cache: KVCache) -> np.ndarray:
        """Append up to C tokens a row to the cache and return the last one's normalised output, (B, H).

        `hidden` (B, C, H); `positions` (3, B, C) in time, height, width. The first `counts[b]` tokens of row b are
        real, the last of them text; the rest is padding.
        """
        rows, chunk, _ = hidden.shape
        start = cache.lengths
        total = int((start + counts).max())
        slots = start[:, None] + np.arange(chunk)  # (B, C) where each token goes
        angles = positions[self.position_axes].transpose(1, 2, 0) * self.inverse_frequencies  # (B, C, D / 2)
        cos, sin = (f(angles).astype(np.float32)[:, None] for f in (np.cos, np.sin))  # (B, 1, C, D / 2)
        causal = np.arange(total)[None, None, :] <= slots[:, :, None]  # (B, C, T)
        mask = np.where(causal, np.float32(0), np.float32(-1e30))[:, None, None]  # (B, 1, 1, C, T)
        real = np.nonzero(np.arange(chunk)[None] < counts[:, None])  # rows and columns of tokens that are no padding
        for k, layer in enumerate(self.layers):
            attended = self._attend(layer, k, hidden, cos, sin, mask, cache, real, slots, total)
            hidden = hidden + attended
            hidden = hidden + layer.feed_forward(rms_norm(hidden, layer.after_norm, self.config.norm_eps))
        ends = np.arange(rows), counts - 1
        cache.lengths, cache.positions = start + counts, positions[0][ends] + 1
        return rms_norm(hidden[ends], self.norm, self.config.norm_eps)

    def logits(self, output: np.ndarray) -> np.ndarray:
        """(B, H) to (B, V)."""
        return output @ self.head.T

    def _attend(
        self,
        layer: _DecoderLayer,
        k: int,
        hidden: np.ndarray,
        cos: np.ndarray,
        sin: np.ndarray,
        mask: np.ndarray,
        cache: KVCache,
        real: tuple[np.ndarray, ...],
        slots: np.ndarray,
        total: int,
    ) -> np.ndarray:
        """Attention of layer `k` over the first `total` slots of the cache, into which the new keys and values go."""
        config = self.config
        rows, chunk, _ = hidden.shape
        normed = rms_norm(hidden, layer.before_norm, config.norm_eps)

        def project(weight: np.ndarray, bias: np.ndarray, heads: int) -> np.ndarray:
            return (normed @ weight + bias).reshape(rows, chunk, heads, config.head_dim).transpose(0, 2, 1, 3)

        queries = apply_rope(project(layer.query, layer.query_bias, config.heads), cos, sin)  # (B, N, C, D)
        keys = apply_rope(project(layer.key, layer.key_bias, config.key_value_heads), cos, sin)  # (B, K, C, D)
        values = project(layer.value, layer.value_bias, config.key_value_heads)
        row, column = real
        cache.keys[k][row, :, slots[row, column]] = keys[row, :, column]
        cache.values[k][row, :, slots[row, column]] = values[row, :, column]
        all_keys, all_values = cache.keys[k][:, :, :total], cache.values[k][:, :, :total]  # (B, K, T, D)
        group = config.heads // config.key_value_heads
        queries = queries.reshape(rows, config.key_value_heads, group * chunk, config.head_dim)
        scores = queries @ all_keys.transpose(0, 1, 3, 2) / np.float32(np.sqrt(config.head_dim))
        scores = scores.reshape(rows, config.key_value_heads, group, chunk, total) + mask
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        mixed = scores.reshape(rows, config.key_value_heads, group * chunk, total) @ all_values
        mixed = mixed.reshape(rows, config.heads, chunk, config.head_dim).transpose(0, 2, 1, 3)
        return mixed.reshape(rows, chunk, -1) @ layer.output


class _DecoderLayer:
    """The weights of one layer, transposed once for `x @ w`."""

    def __init__(self, tensors: dict[str, np.ndarray], prefix: str):
        def matrix(name: str) -> np.ndarray:
            return np.ascontiguousarray(tensors[prefix + name + ".weight"].T)

        attention = "self_attn."
        self.query, self.key, self.value = (matrix(f"{attention}{n}_proj") for n in "qkv")
        self.query_bias, self.key_bias, self.value_bias = (tensors[f"{prefix}{attention}{n}_proj.bias"] for n in "qkv")
        self.output = matrix(attention + "o_proj")
        self.gate, self.up, self.down = matrix("mlp.gate_proj"), matrix("mlp.up_proj"), matrix("mlp.down_proj")
        self.before_norm = tensors[prefix + "input_layernorm.weight"]
        self.after_norm = tensors[prefix + "post_attention_layernorm.weight"]

    def feed_forward(self, hidden: np.ndarray) -> np.ndarray:
        """SwiGLU feed-forward network."""
        gate = hidden @ self.gate
        return (gate / (1 + np.exp(-gate)) * (hidden @ self.up)) @ self.down


def rms_norm(hidden: np.ndarray, weight: np.ndarray, eps: float) -> np.ndarray:
    """Root mean square layer normalisation over the last axis."""
    return hidden / np.sqrt(np.mean(hidden * hidden, axis=-1, keepdims=True) + np.float32(eps)) * weight


def apply_rope(heads: np.ndarray, cos: np.ndarray, sin: np.ndarray) -> np.ndarray:
    """Rotary position embedding of heads (…, D): the halves of a head are the two coordinates of D / 2 rotations."""
    half = heads.shape[-1] // 2
    a, b = heads[..., :half], heads[..., half:]
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1)
