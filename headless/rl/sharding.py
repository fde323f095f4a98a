"""Shards a model's weights over the processes that learn together (FSDP2), where one cannot hold them all beside what
learning needs. Frozen weights, too, are gathered only while they are used.

accelerate shards on graphics cards alone; torch's own `fully_shard`, which it calls, also works between processes on
CPUs, so that the same code is tested there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor


def shard(module: torch.nn.Module, device: torch.device, processes: int) -> None:
    """Shard in place: each layer of each stack of layers by itself, and what is left with the root."""
    mesh = init_device_mesh(device.type, (processes,))
    stacks = [part for part in module.modules() if isinstance(part, torch.nn.ModuleList)]
    for layer in (layer for stack in stacks for layer in stack):
        fully_shard(layer, mesh=mesh)
    sharded: Any = fully_shard(module, mesh=mesh)
    with torch.no_grad():
        sharded(lambda policy: None)  # the first module that runs becomes the root: later, parts run by themselves
    sharded.reshard()


@contextmanager
def unsharded(module: torch.nn.Module) -> Iterator[None]:
    """Gather all weights in every process, for sampling: each process samples as long as its answers are, so that none
    can wait for a layer of the others. Changes nothing for a model that is not sharded."""
    parts = [part for part in module.modules() if isinstance(part, FSDPModule)]
    for part in parts:
        part.set_reshard_after_forward(False, recurse=False)
        part.unshard()
    try:
        yield
    finally:
        for part in parts:
            part.set_reshard_after_forward(True, recurse=False)
            part.reshard()


def gathered(tensor: torch.Tensor) -> torch.Tensor:
    """The whole tensor. Where it is sharded, every process must call this."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
