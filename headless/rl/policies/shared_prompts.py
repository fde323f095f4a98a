"""The learner's pass over episodes that begin with the same prompt, which the embedded model then reads once.

A group's episodes share their first prompt, some 40 % of their tokens. It is run as a row of its own, and the others
attend to its keys and values, through which gradients flow back; their sum is that of running it in every row.

Shapes: b rows, L tokens, of which P are the prompt's at most and C follow it; g different prompts; H hidden.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice

import numpy as np
import torch

from metaspatial_addon.policy.builtin.vision import IMAGE_PAD_ID, TOKENS_PER_IMAGE
from metaspatial_addon.prompts import vocabulary as v

RunLayers = Callable[[torch.Tensor, Sequence[bytes], torch.Tensor, "PromptCache", torch.Tensor], torch.Tensor]
"""(b, L, H) outputs for ids (b, L), images of all rows in order and positions (3, b, L), with a cache and what each
token attends to in it (b, 1, L, S)."""


class PromptCache:
    """Keys and values (g, K, P, D) of the prompts by layer, as the first run leaves them. Once `prompt_of` (b,) says
    which prompt each row follows, they stand before the row's own. It takes the place of a cache of transformers."""

    def __init__(self) -> None:
        self._layers: list[tuple[torch.Tensor, torch.Tensor]] = []
        self.prompt_of: torch.Tensor | None = None

    def update(self, keys: torch.Tensor, values: torch.Tensor, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
        if self.prompt_of is None:
            self._layers.append((keys, values))
            return keys, values
        prompt_keys, prompt_values = (part[self.prompt_of] for part in self._layers[layer])
        return torch.cat([prompt_keys, keys], dim=2), torch.cat([prompt_values, values], dim=2)


def outputs(run: RunLayers, ids: torch.Tensor, images: Sequence[bytes], positions: torch.Tensor) -> torch.Tensor:
    """(b, L, H) outputs for rows ids (b, L), padded on the right, with their images in order; those of padding mean
    nothing. Equal to running every row by itself, but for rounding."""
    table = ids.numpy()
    count, width = table.shape
    prompt_ends = (table == v.TOKEN_IDS["<|assistant|>"]).argmax(axis=1) + 1  # (b,)
    own_lengths = width - (table[:, ::-1] != v.PAD).argmax(axis=1) - prompt_ends
    in_order = iter(images)
    of_rows = [tuple(islice(in_order, _images(row))) for row in table]
    of_prompt = [mine[: _images(row[:end])] for row, end, mine in zip(table, prompt_ends, of_rows, strict=True)]
    keys = [(row[:end].tobytes(), shown) for row, end, shown in zip(table, prompt_ends, of_prompt, strict=True)]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    prompt_of = torch.tensor([numbers[key] for key in keys])
    first = [keys.index(key) for key in numbers]  # a row that begins with each

    # The prompts, each once.
    cache, lengths = PromptCache(), torch.from_numpy(prompt_ends)[:, None]
    longest = int(lengths.max())
    places = torch.arange(longest)
    prompts = ids[first, :longest].masked_fill(places >= lengths[first], v.PAD)
    shown = [image for row in first for image in of_prompt[row]]
    of_prompts = run(prompts, shown, positions[:, first, :longest], cache, _causal(len(first), longest))  # (g, P, H)

    # What follows them, row by row.
    cache.prompt_of = prompt_of
    own = torch.arange(int(own_lengths.max()))
    index = (lengths + own).clamp(max=width - 1)  # (b, C)
    rest = ids.gather(1, index).masked_fill(own >= torch.from_numpy(own_lengths)[:, None], v.PAD)
    to_prompt = (places < lengths)[:, None, None].expand(-1, 1, len(own), -1)
    mask = torch.cat([to_prompt, _causal(count, len(own))], dim=3)  # (b, 1, C, P + C)
    shown = [image for mine, before in zip(of_rows, of_prompt, strict=True) for image in mine[len(before) :]]
    of_rest = run(rest, shown, positions.gather(2, index.expand(3, -1, -1)), cache, mask)  # (b, C, H)

    # Both at the places of the rows' tokens.
    every = torch.cat([of_prompts.flatten(0, 1), of_rest.flatten(0, 1)])
    column, row = torch.arange(width), torch.arange(count)[:, None]
    in_prompts = prompt_of[:, None] * longest + column.clamp(max=longest - 1)
    in_rest = len(first) * longest + row * len(own) + (column - lengths).clamp(0, len(own) - 1)
    return every[torch.where(column < lengths, in_prompts, in_rest)]


def _images(ids: np.ndarray) -> int:
    """How many images have their placeholders among the ids (L,) of a row."""
    return int((ids == IMAGE_PAD_ID).sum()) // TOKENS_PER_IMAGE


def _causal(rows: int, length: int) -> torch.Tensor:
    """(rows, 1, length, length) bool: each token attends to itself and to those before it."""
    return torch.ones(length, length, dtype=torch.bool).tril().expand(rows, 1, -1, -1)
