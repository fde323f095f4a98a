"""The embedded model's architecture: a small Qwen2.5-VL, built from its configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from headless.config import bounded
from metaspatial_addon.prompts import vocabulary as v


@dataclass(frozen=True)
class ModelShape:
    """Sizes of the text decoder and of the vision tower."""

    hidden: int = bounded(192, at_least=8)
    layers: int = bounded(6, at_least=1)
    heads: int = bounded(6, at_least=1)
    key_value_heads: int = bounded(2, at_least=1)
    feed_forward: int = bounded(512, at_least=1)
    vision_hidden: int = bounded(64, at_least=4)
    vision_layers: int = bounded(2, at_least=1)
    vision_heads: int = bounded(4, at_least=1)

    @property
    def head_dim(self) -> int:
        return self.hidden // self.heads


def build(shape: ModelShape) -> Any:
    """A Qwen2_5_VLForConditionalGeneration with fresh weights (seed torch first)."""
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    half = shape.head_dim // 2
    sections = [half - 2 * (half * 3 // 8), half * 3 // 8, half * 3 // 8]  # time, height, width
    ids = v.TOKEN_IDS
    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(v.TOKENS),
            "hidden_size": shape.hidden,
            "intermediate_size": shape.feed_forward,
            "num_hidden_layers": shape.layers,
            "num_attention_heads": shape.heads,
            "num_key_value_heads": shape.key_value_heads,
            "max_position_embeddings": 8192,
            "use_sliding_window": False,
            "tie_word_embeddings": True,
            "initializer_range": 0.02,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": sections},
            "bos_token_id": None,
            "eos_token_id": v.END,
            "pad_token_id": v.PAD,
        },
        vision_config={
            "depth": shape.vision_layers,
            "hidden_size": shape.vision_hidden,
            "intermediate_size": 2 * shape.vision_hidden,
            "num_heads": shape.vision_heads,
            "patch_size": 14,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            "window_size": 112,
            "out_hidden_size": shape.hidden,
            "fullatt_block_indexes": [shape.vision_layers - 1],
            "in_channels": 3,
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=True,
    )
    return Qwen2_5_VLForConditionalGeneration(config)
