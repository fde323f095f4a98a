"""Batches of examples: made by processes of their own, of like length, padded."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from metaspatial_addon.prompts import vocabulary as v

from .config import PretrainConfig
from .dagger import read_examples
from .examples import TrainingExample, training_examples
from .good_places import NumberSets
from .layouts import LayoutBank
from .shown_marks import shown_kinds, shown_marks

POOL = 512
"""Examples that are sorted by length together, so that little is padding."""


class TokenSets(NamedTuple):
    """Sets of tokens at some places of a batch: `at` (G, 2) are rows and places, `members` (K, 2) pairs of the index of
    such a place with the id of a token of its set."""

    at: torch.Tensor
    members: torch.Tensor

    @classmethod
    def of(cls, sets: Sequence[NumberSets]) -> TokenSets:
        """Of the sets of each row."""
        flat = [(row, place, numbers) for row, of_row in enumerate(sets) for place, numbers in of_row]
        at = torch.tensor([(row, place) for row, place, _ in flat], dtype=torch.long).reshape(-1, 2)
        pairs = [np.stack([np.full(len(numbers), k), numbers], axis=1) for k, (_, _, numbers) in enumerate(flat)]
        return cls(at, torch.from_numpy(np.concatenate([np.zeros((0, 2), np.int64), *pairs])))

    def to(self, device: torch.device) -> TokenSets:
        """The sets with their tensors on a device."""
        return TokenSets(self.at.to(device, non_blocking=True), self.members.to(device, non_blocking=True))

    def loss(self, logits: torch.Tensor) -> torch.Tensor:
        """The mean of minus the log of the probability on the sets, from the logits (G, V) at their places."""
        if not len(self.at):
            return logits.new_zeros(())
        inside = torch.zeros_like(logits, dtype=torch.bool)
        inside[self.members[:, 0], self.members[:, 1]] = True
        return (logits.logsumexp(-1) - logits.masked_fill(~inside, -torch.inf).logsumexp(-1)).mean()


class Batch(NamedTuple):
    """Token ids (B, T), loss weights (B, T), and the patches (P, 64, 588) uint8 of all images in order.

    `good` are the good numbers, at their places in `ids`, where these are known; `shown` (P, 16, MARKS) are the marks
    that the images show, `kinds` the categories of what they show, at the places of their tokens.
    """

    ids: torch.Tensor
    weights: torch.Tensor
    patches: torch.Tensor
    shown: torch.Tensor
    good: TokenSets
    kinds: TokenSets

    def to(self, device: torch.device) -> Batch:
        """The batch with its tensors on a device."""
        ids, weights, patches, shown = (tensor.to(device, non_blocking=True) for tensor in self[:4])
        return Batch(ids, weights, patches, shown, self.good.to(device), self.kinds.to(device))


class Pools(Dataset):
    """Pool k: the examples from number `POOL` * k on, in batches of like length, each of at most `batch_tokens`."""

    def __init__(self, config: PretrainConfig):
        self.config = config
        self.bank = LayoutBank(config.layouts)
        self.dagger = read_examples(config.dagger_file) if config.dagger_file else []

    def __getitem__(self, pool: int) -> list[Batch]:
        config = self.config
        stream = training_examples(
            self.bank,
            config.seed,
            pool * POOL,
            config.repair_fraction,
            config.picture_fraction if config.pictures else 0.0,
            self.dagger,
            config.dagger_fraction,
            config.places_fraction,
        )
        drawn = sorted(itertools.islice(stream, POOL), key=lambda example: len(example.ids))
        groups: list[list[TrainingExample]] = [[]]
        for example in drawn:
            if groups[-1] and (len(groups[-1]) + 1) * len(example.ids) > config.batch_tokens:
                groups.append([])
            groups[-1].append(example)
        order = np.random.default_rng((config.seed, pool)).permutation(len(groups))
        return [collate(groups[k]) for k in order]


def batches(config: PretrainConfig, pool: int, done: int) -> Iterator[tuple[int, int, Batch]]:
    """All batches after the first `done` of a pool, each with its pool and its number in it, counted from 1."""
    sampler = range(pool, 10**9)
    loader = DataLoader(
        Pools(config),
        None,
        sampler=sampler,
        num_workers=config.workers,
        prefetch_factor=2,
        worker_init_fn=_leave_signals_to_parent,
    )
    for number, of_pool in zip(sampler, loader, strict=False):
        for k, batch in enumerate(of_pool[done:], done + 1):
            yield number, k, batch
        done = 0


def _leave_signals_to_parent(_: int) -> None:
    """A terminal sends its signals to all processes: those that make examples are still needed for the step at hand."""
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def collate(examples: list[TrainingExample]) -> Batch:
    """Pad on the right: causal attention never looks at what follows."""
    length = max(len(example.ids) for example in examples)
    ids = torch.full((len(examples), length), v.PAD, dtype=torch.long)
    weights = torch.zeros(len(examples), length)
    for k, example in enumerate(examples):
        ids[k, : len(example.ids)] = torch.from_numpy(example.ids)
        weights[k, : len(example.ids)] = torch.from_numpy(example.weights)
    patches = [example.patches for example in examples]
    shown = [shown_marks(of_one) for of_one in patches]
    return Batch(
        ids,
        weights,
        torch.from_numpy(np.concatenate(patches)),
        torch.from_numpy(np.concatenate(shown)),
        TokenSets.of([example.good for example in examples]),
        TokenSets.of([shown_kinds(example.ids, marks) for example, marks in zip(examples, shown, strict=True)]),
    )
