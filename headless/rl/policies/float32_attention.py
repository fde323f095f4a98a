"""Attention in float32 within bfloat16 arithmetic, so that sampler and learner agree.

Attention over a cache and over a whole sequence sum in different orders. In bfloat16 their results differ by a digit
here and there, which every later layer carries on: log-probabilities of one token then differ by some thousandths.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "sdpa_float32"


def _attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """PyTorch's attention of (b, heads, C, D) in float32, whatever autocast says: (b, C, heads, D)."""
    query, key, value = query.float(), key.float(), value.float()
    with torch.autocast(query.device.type, enabled=False):
        if attention_mask is None:
            return sdpa_attention_forward(module, query, key, value, None, **options)
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
    return output.reshape(batch, heads, count, size).transpose(1, 2), None


def use_float32_attention(model: Any) -> None:
    """Let the language layers of a model of transformers attend in float32."""
    AttentionInterface.register(NAME, _attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    model.set_attn_implementation({"text_config": NAME})
