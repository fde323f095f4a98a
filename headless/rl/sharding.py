"""Spreads a model's weights over the processes that learn together (FSDP2), where one cannot hold them all beside what
learning needs: frozen weights, too, are whole only while they are used.

accelerate shards on graphics cards alone; torch's own `fully_shard`, which it calls, also works between processes on
CPUs, so that the same code is tested there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor


def shard(learning: torch.nn.Module, device: torch.device, processes: int) -> None:
    """Shard in place: each layer of each stack by itself, and what is left with the root."""
    mesh = init_device_mesh(device.type, (processes,))
    stacks = [module for module in learning.modules() if isinstance(module, torch.nn.ModuleList)]
    for layer in (layer for stack in stacks for layer in stack):
        fully_shard(layer, mesh=mesh)
    learning = fully_shard(learning, mesh=mesh)
    with torch.no_grad():
        learning(lambda actor: None)  # the first module that runs becomes the root: later, parts run by themselves
    learning.reshard()


@contextmanager
def whole(learning: torch.nn.Module) -> Iterator[None]:
    """All weights are in every process, for sampling: each process samples as long as its answers are, so that none
    can wait for a layer of the others. Changes nothing for a model that is not sharded."""
    parts = [module for module in learning.modules() if isinstance(module, FSDPModule)]
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
    """The tensor, put together where it is sharded: then every process must ask for it."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
