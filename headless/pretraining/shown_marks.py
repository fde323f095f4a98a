"""What is taught of pictures beside the words: which marks each token of a picture shows, and of which items those are.

A conversation has few words that only its picture explains, too few to learn looking from. So two things are asked of
each token of a picture. As the tower gives it, it is compared with the rows of the marks, as the decoder's output is
with those of all tokens: it is to be nearest to the marks whose colours are in its part of the picture, and to the
picture's placeholder where there is none. And as the decoder gives it, it is to name what it shows.
"""

from __future__ import annotations

import numpy as np
import torch

from metaspatial_addon.policy.builtin.vision import IMAGE_PAD_ID, MERGE_SIZE, PATCH_SIZE, TOKENS_PER_IMAGE
from metaspatial_addon.prompts import vocabulary as v
from metaspatial_addon.prompts.plan import MARK_COLOURS

from .good_places import NumberSets

LEAST_PIXELS = 3
"""Pixels of a mark's colour in a token's part of the picture from which the token shows it."""
MARK_IDS = tuple(v.TOKEN_IDS[v.mark_token(k)] for k in range(v.MARKS))
_ENDS_A_LINE = np.array([token.endswith("\n") for token in v.TOKENS])


def shown_marks(patches: np.ndarray) -> np.ndarray:
    """Which marks each token of P pictures shows, (P, 16, MARKS) bool, from their patches (P, 64, 588) uint8."""
    pixels = patches.reshape(len(patches), TOKENS_PER_IMAGE, MERGE_SIZE**2, 3, PATCH_SIZE**2)
    red, green, blue = (pixels[:, :, :, k] for k in range(3))
    found = np.empty((len(patches), TOKENS_PER_IMAGE, v.MARKS), bool)
    for mark, colour in enumerate(MARK_COLOURS):
        alike = (red == colour[0]) & (green == colour[1]) & (blue == colour[2])
        found[:, :, mark] = alike.sum(axis=(-2, -1)) >= LEAST_PIXELS
    return found


def shown_kinds(ids: np.ndarray, shown: np.ndarray) -> NumberSets:
    """At each token of a conversation (token ids (T,)) that shows something in one of its P pictures, the tokens of the
    categories of what it shows; `shown` (P, 16, MARKS) as `shown_marks` finds it."""
    kinds: list[set[int]] = [set() for _ in range(v.MARKS)]
    ends = np.flatnonzero(_ENDS_A_LINE[ids])
    for at in np.flatnonzero(np.isin(ids, MARK_IDS)):
        line = ends[np.searchsorted(ends, at) - 1] + 1
        kinds[MARK_IDS.index(ids[at])].add(int(ids[line]))
    found = []
    for place, marks in zip(np.flatnonzero(ids == IMAGE_PAD_ID), shown.reshape(-1, v.MARKS), strict=True):
        named = set().union(*(kinds[mark] for mark in np.flatnonzero(marks)))
        if named:
            found.append((int(place), np.array(sorted(named))))
    return found


def shown_loss(features: torch.Tensor, shown: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of the tower's tokens (P * 16, H) with the marks that they show (P, 16, MARKS), all alike where
    they are several. `rows` (V, H) are those of the vocabulary."""
    marks = shown.reshape(len(features), -1)
    targets = torch.cat([~marks.any(dim=-1, keepdim=True), marks], dim=-1).float()
    targets /= targets.sum(dim=-1, keepdim=True)
    logits = (features @ rows[[IMAGE_PAD_ID, *MARK_IDS]].T).float()
    return torch.nn.functional.cross_entropy(logits, targets)
