"""LoRA adapters merged into the weights while a model samples, so that each layer is one product instead of three."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from peft.tuners.lora import LoraLayer


@contextmanager
def merged_adapters(model: Any) -> Iterator[None]:
    """Merge the active adapters of a `PeftModel` until the end of the block.

    The original weights are kept meanwhile, so that they come back bit by bit: subtracting what was added would round.
    For weights in float32: rounded to bfloat16, merged weights move log-probabilities by some hundredths a token from
    those of adapters beside the weights, which learn.
    """
    originals: list[tuple[torch.nn.Parameter, torch.Tensor]] = []
    try:
        with torch.no_grad():
            layers: list[Any] = [module for module in model.modules() if isinstance(module, LoraLayer)]
            for layer in layers:
                weight = layer.get_base_layer().weight
                originals.append((weight, weight.data))
                added = sum(layer.get_delta_weight(name) for name in layer.active_adapters)
                weight.data = weight.data + added
        with model.disable_adapter():
            yield
    finally:
        for parameter, data in originals:
            parameter.data = data
