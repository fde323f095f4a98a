"""Rows of the embedding for tokens that are numbers: a free row each, and sines and cosines of the number's value.

All lengths share one projection of the same waves, so that the width of a bed, the place of a wall and the edge of an
item differ by what family they are of and agree in what is equal about them. To copy a length from one family to
another is then linear, and a number that is rarely seen is learnt from its neighbours. Source of the idea: FoNE, Zhou
et al. 2025 (arXiv 2502.09741).
"""

from __future__ import annotations

import numpy as np
import torch

from metaspatial_addon.prompts import vocabulary as v

WAVES = 20
SHORTEST, LONGEST = 0.05, 51.2
"""Metres: wavelengths, the others in equal ratios between."""


def waves() -> torch.Tensor:
    """Sines and cosines (V, 2 * WAVES) of the values of all tokens, rows of zeros for those that are no number."""
    lengths = np.geomspace(SHORTEST, LONGEST, WAVES)
    rows = np.zeros((len(v.TOKENS), 2 * WAVES), np.float32)
    for token, value in v.NUMBER_VALUES.items():
        angles = 2 * np.pi * value / lengths
        rows[token] = np.concatenate([np.sin(angles), np.cos(angles)])
    return torch.from_numpy(rows)


class NumberRows(torch.nn.Module):
    """Adds the projected waves to an embedding's weight."""

    def __init__(self, hidden: int):
        super().__init__()
        self.waves: torch.Tensor
        self.register_buffer("waves", waves(), persistent=False)
        self.projection = torch.nn.Parameter(torch.randn(2 * WAVES, hidden) * 0.02 / WAVES**0.5)

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """The rows (V, H) that a model uses, from the free rows (V, H)."""
        return weight + self.waves @ self.projection
