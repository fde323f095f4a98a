"""A key-value cache that is kept from turn to turn, so that no token of a conversation is run twice.

Shapes: B rows (episodes), b of them at once, C new tokens a row, S cached tokens, K key-value heads, D per head.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

GROWTH = 256
"""Tokens by which the cache grows."""


class SlotCache:
    """Keys and values (B, K, S, D) of every layer; each row is filled from slot 0 up to its own length.

    It takes the place of a cache of transformers, of which attention calls `update` alone.
    """

    def __init__(self, rows: int):
        self.lengths = np.zeros(rows, int)
        self._keys: list[torch.Tensor] = []
        self._values: list[torch.Tensor] = []
        self._rows = self._slots = torch.empty(0)
        self._total = 0

    def prepare(self, rows: np.ndarray, width: int, device: torch.device) -> torch.Tensor:
        """Let the next run write `width` tokens behind each of `rows`; returns its attention mask (b, 1, C, S).

        Padding is written as well: it lies behind the row's end, masked until it is overwritten.
        """
        slots = self.lengths[rows][:, None] + np.arange(width)  # (b, C)
        self._total = int(slots.max()) + 1
        self._rows, self._slots = torch.from_numpy(rows).to(device), torch.from_numpy(slots).to(device)
        return (torch.arange(self._total, device=device) <= self._slots[:, :, None])[:, None]

    def update(self, keys: torch.Tensor, values: torch.Tensor, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the new keys and values (b, K, C, D) of a layer; returns all of the rows' keys and values up to S."""
        if layer == len(self._keys):
            shape = len(self.lengths), keys.shape[1], 0, keys.shape[3]
            self._keys.append(keys.new_zeros(shape))
            self._values.append(values.new_zeros(shape))  # in bfloat16, where keys are rotated in float32
        both = []
        for cached, new in ((self._keys, keys), (self._values, values)):
            cached[layer] = _with_slots(cached[layer], self._total)
            stored = cached[layer]
            stored[self._rows[:, None], :, self._slots] = new.transpose(1, 2)
            every_row = len(self._rows) == len(stored)
            both.append(stored[:, :, : self._total] if every_row else stored[self._rows, :, : self._total])
        return both[0], both[1]

    def fixed(self, tokens: int, device: torch.device) -> FixedSlots:
        """The same keys and values, with room for so many more tokens a row."""
        slots = int(self.lengths.max()) + tokens
        for cached in (self._keys, self._values):
            cached[:] = [_with_slots(stored, slots) for stored in cached]
        return FixedSlots(self._keys, self._values, torch.from_numpy(self.lengths).to(device, copy=True))

    def copy(self, source: int, targets: Sequence[int]) -> None:
        """Overwrite rows with another one."""
        for cached in (*self._keys, *self._values):
            cached[list(targets)] = cached[source].clone()
        self.lengths[list(targets)] = self.lengths[source]

    def keep(self, rows: np.ndarray) -> None:
        """Drop all rows but these, and put these in the order given."""
        self.lengths = self.lengths[rows]
        self._keys = [cached[rows] for cached in self._keys]
        self._values = [cached[rows] for cached in self._values]


class FixedSlots:
    """Keys and values of a `SlotCache` in shapes that stay the same: a run writes one token behind each row's end,
    which `lengths` (B,) has on the device."""

    def __init__(self, keys: list[torch.Tensor], values: list[torch.Tensor], lengths: torch.Tensor):
        self._keys, self._values, self.lengths = keys, values, lengths
        self._rows = torch.arange(len(lengths), device=lengths.device)
        self._slots = torch.arange(keys[0].shape[2], device=lengths.device)

    def attention_mask(self) -> torch.Tensor:
        """(B, 1, 1, S) what the next token of each row attends to: itself and those before it."""
        return (self._slots <= self.lengths[:, None])[:, None, None]

    def update(self, keys: torch.Tensor, values: torch.Tensor, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the new keys and values (B, K, 1, D) of a layer; returns those of all slots."""
        for stored, new in ((self._keys[layer], keys), (self._values[layer], values)):
            stored[self._rows, :, self.lengths] = new[:, :, 0]
        return self._keys[layer], self._values[layer]


def _with_slots(stored: torch.Tensor, slots: int) -> torch.Tensor:
    """Keys or values (B, K, S, D) with at least so many slots, copied where they have fewer."""
    missing = slots - stored.shape[2]
    return torch.nn.functional.pad(stored, (0, 0, 0, -(-missing // GROWTH) * GROWTH)) if missing > 0 else stored
