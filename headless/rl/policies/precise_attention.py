"""Attention that is more precise than the arithmetic around it, so that sampler and learner agree in bfloat16.

Attention over a cache and over a whole sequence sum in different orders. In bfloat16 their results differ by a digit
here and there, which every later layer carries on: log-probabilities of one token then differ by some thousandths.
Float32 does that to fewer digits. On CPUs, where products of bfloat16 matrices are the same whatever the number of
rows, attention is all that differs: in float64 both give the same float32, but for one in a hundred million.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "sdpa_precise"


def _attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """PyTorch's attention of (b, heads, C, D) as float32 (b, C, heads, D); within autocast on a CPU, in float64."""
    device = query.device.type
    dtype = torch.float64 if device == "cpu" and torch.is_autocast_enabled(device) else torch.float32
    query, key, value = query.to(dtype), key.to(dtype), value.to(dtype)
    with torch.autocast(device, enabled=False):
        if attention_mask is None:
            output, _ = sdpa_attention_forward(module, query, key, value, None, **options)
            return output.float(), None
        # Over a cache: the heads that share keys become one with as many queries. Transformers copies the cached keys
        # for each of them, which takes longer than the attention of a few tokens itself.
        batch, heads, count, size = query.shape
        sharing = heads // key.shape[1]
        output = torch.nn.functional.scaled_dot_product_attention(
            query.reshape(batch, key.shape[1], sharing * count, size),
            key,
            value,
            attention_mask.repeat(1, 1, sharing, 1),
            scale=options["scaling"],
        )
    return output.reshape(batch, heads, count, size).transpose(1, 2).float(), None


def use_precise_attention(model: Any) -> None:
    """Let the language layers of a model of transformers attend in float32, or float64 as above."""
    AttentionInterface.register(NAME, _attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    model.set_attn_implementation({"text_config": NAME})
