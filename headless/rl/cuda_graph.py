"""Replays a step of fixed shapes as one CUDA graph: its kernels are launched at once, not one by one by Python."""

from __future__ import annotations

from collections.abc import Callable

import torch


class CapturedStep:
    """Calls `step`, which reads and writes the same tensors each time and never waits for the device.

    On a card its first call is an ordinary one, in which libraries lay out their memory; the second captures the graph,
    and all from then on replay it. Elsewhere every call is an ordinary one.
    """

    def __init__(self, step: Callable[[], None], device: torch.device):
        self._step, self._on_card, self._warm = step, device.type == "cuda", False
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self) -> None:
        if not self._on_card or not self._warm:
            self._step()
            self._warm = True
            return
        if self._graph is None:
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
                self._step()  # is recorded, and not run
        self._graph.replay()
