"""Where the names of a top view go: on their items where they fit, beside them where not, never on each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .canvas import Colour, text_width


@dataclass(frozen=True)
class Label:
    """A text for the shape of `corners` (4, 2), in pixels."""

    text: str
    corners: np.ndarray
    colour: Colour


@dataclass(frozen=True)
class Spot:
    """A placed label: its middle, and a line to its item where it lies apart from it."""

    label: Label
    middle: tuple[float, float]
    leader: tuple[tuple[float, float], tuple[float, float]] | None


_ROUNDS = 3


def place_labels(labels: Sequence[Label], arrows: np.ndarray, height: float, bounds: np.ndarray) -> list[Spot]:
    """A spot for every label, in the order given.

    Each label has some ninety candidate spots around its item and takes the cheapest; overlapping another label
    costs most, then an arrow, other items, and distance. A few rounds settle it. `arrows` (K, 4) are the boxes of front
    arrows; `height` is the text's; no label leaves `bounds` (4,). Boxes are low and high corners, in pixels.
    """
    if not labels:
        return []
    sizes = np.array([(text_width(label.text, height) + 3.0, 1.1 * height) for label in labels])  # (N, 2)
    shapes = np.array([np.concatenate([label.corners.min(axis=0), label.corners.max(axis=0)]) for label in labels])
    candidates = [_candidates(shape, size, bounds) for shape, size in zip(shapes, sizes, strict=True)]
    standing = [_standing_cost(spots, sizes[k], k, shapes, arrows) for k, spots in enumerate(candidates)]
    chosen = np.array([spots[np.argmin(cost)] for spots, cost in zip(candidates, standing, strict=True)])  # (N, 2)
    for _ in range(_ROUNDS):
        # Small items first: large ones have more places to give way to.
        for k in np.argsort((shapes[:, 2] - shapes[:, 0]) * (shapes[:, 3] - shapes[:, 1]), kind="stable")[::-1]:
            others = np.delete(np.arange(len(labels)), k)
            taken = np.concatenate([chosen[others] - sizes[others] / 2, chosen[others] + sizes[others] / 2], axis=1)
            boxes = np.concatenate([candidates[k] - sizes[k] / 2, candidates[k] + sizes[k] / 2], axis=1)
            cost = standing[k] + 40.0 * _overlaps(boxes, taken).sum(axis=1) / sizes[k].prod()
            chosen[k] = candidates[k][np.argmin(cost)]
    return [
        Spot(label, (float(middle[0]), float(middle[1])), _leader(middle, size, shape))
        for label, middle, size, shape in zip(labels, chosen, sizes, shapes, strict=True)
    ]


def _candidates(shape: np.ndarray, size: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """(C, 2) middles on and around a box, kept inside the bounds."""
    low, high = shape[:2], shape[2:]
    centre, half = 0.5 * (low + high), 0.5 * (high - low)
    spots = [centre]
    for v in (-0.6, -0.3, 0.3, 0.6):
        spots.append(centre + (0, v * half[1]))
    for gap in (1.0, 9.0, 20.0, 34.0):
        reach = half + size / 2 + gap
        for t in (-1.0, -0.6, -0.25, 0.0, 0.25, 0.6, 1.0):
            spots += [centre + (t * reach[0], reach[1]), centre + (t * reach[0], -reach[1])]
            spots += [centre + (reach[0], t * reach[1]), centre + (-reach[0], t * reach[1])]
    return np.clip(np.array(spots), bounds[:2] + size / 2 + 1, bounds[2:] - size / 2 - 1)


def _standing_cost(spots: np.ndarray, size: np.ndarray, own: int, shapes: np.ndarray, arrows: np.ndarray) -> np.ndarray:
    """(C,) what each spot costs whatever the other labels do."""
    boxes = np.concatenate([spots - size / 2, spots + size / 2], axis=1)
    area = size.prod()
    shape = shapes[own]
    off = np.maximum(np.maximum(shape[:2] - boxes[:, 2:], boxes[:, :2] - shape[2:]), 0).max(axis=1)
    outside = 1 - _overlaps(boxes, shape[None])[:, 0] / area
    # Items that lie on this one or carry it count little: their labels sort that out.
    others = np.delete(shapes, own, axis=0)
    small = np.prod(others[:, 2:] - others[:, :2], axis=1) < 0.5 * np.prod(shape[2:] - shape[:2])
    cover = _overlaps(boxes, others) / area * np.where(small, 2.0, 1.0)
    pointing = (_overlaps(boxes, arrows) / np.prod(arrows[:, 2:] - arrows[:, :2], axis=1)).sum(axis=1)
    away = np.abs(spots - 0.5 * (shape[:2] + shape[2:])).max(axis=1)
    return 0.7 * outside + 0.12 * off + cover.sum(axis=1) + 2.5 * pointing + 0.01 * away


def _overlaps(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(A, B) areas that boxes (A, 4) and (B, 4), each low and high corner, have in common."""
    shared = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    return np.prod(np.maximum(shared, 0), axis=2)


def _leader(
    middle: np.ndarray, size: np.ndarray, shape: np.ndarray
) -> tuple[tuple[float, float], tuple[float, float]] | None:
    low, high = middle - size / 2, middle + size / 2
    if np.all(np.maximum(shape[:2] - high, low - shape[2:]) <= 4):
        return None
    centre = 0.5 * (shape[:2] + shape[2:])
    start, end = np.clip(centre, low, high), np.clip(middle, shape[:2], shape[2:])
    end = end + 0.25 * (centre - end)
    return (float(start[0]), float(start[1])), (float(end[0]), float(end[1]))
