"""Weights of the terms and the total reward. Training stages differ in their weights alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Weights:
    """A weight for each term; only their ratios matter, and the defaults sum to 1.

    Raises ValueError for a weight that is negative or not finite, and when those of the terms that every usable
    answer has (all but `view` and `judge`) are all 0.
    """

    format: float = 0.06
    collision: float = 0.25
    bounds: float = 0.15
    support: float = 0.10
    access: float = 0.10
    function: float = 0.08
    relations: float = 0.15
    view: float = 0.05
    judge: float = 0.06

    def __post_init__(self) -> None:
        for name, weight in asdict(self).items():
            if not (math.isfinite(weight) and weight >= 0):
                raise ValueError(f"weights.{name}: expected a finite number of at least 0, got {weight!r}")
        always = (self.format, self.collision, self.bounds, self.support, self.access, self.function, self.relations)
        if sum(always) <= 0:
            raise ValueError("weights: expected at least one above 0 besides view and judge")


DEFAULT = Weights()
NO_WEIGHTS: Mapping[str, float] = MappingProxyType({})


def total(
    terms: Mapping[str, float], weights: Weights = DEFAULT, user_weights: Mapping[str, float] = NO_WEIGHTS
) -> float:
    """The weighted mean of the terms that are there, in [0, 1].

    A term that was not measured (`view` without a render, `judge` without a judge) is left out and the others share
    its weight, so rewards with and without it are on one scale: 1 is a faultless answer in both. `user_weights` are
    those of terms that a user added. Raises KeyError for a term that has no weight.
    """
    shares = {**asdict(weights), **user_weights}
    present = sum(shares[name] for name in terms)
    return sum(shares[name] * value for name, value in terms.items()) / present


def total_of_unusable(
    grade: float, weights: Weights = DEFAULT, user_weights: Mapping[str, float] = NO_WEIGHTS
) -> float:
    """The reward of an answer that gives no layout: its grade times the normalised format weight.

    At most that of a usable answer of the same or a better grade.
    """
    return weights.format * grade / (sum(asdict(weights).values()) + sum(user_weights.values()))
