"""Training examples as token ids: a conversation and, for each of its tokens, the weight of learning it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np

from headless.taskgen.make import make_task
from metaspatial_addon.core.task import Layout
from metaspatial_addon.policy.builtin.vision import IMAGE_IDS, extract_patches
from metaspatial_addon.prompts import vocabulary as v
from metaspatial_addon.prompts.compact import CompactEncoding
from metaspatial_addon.prompts.plan import compact_top_view

from .perturb import box_evidence, perturb

FORCED_WEIGHT = 0.1
"""Loss weight of tokens that the grammar forces when the model is used: names, separators, extents."""
_USER, _ASSISTANT = v.TOKEN_IDS["<|user|>"], v.TOKEN_IDS["<|assistant|>"]
_CHOICES = (v.EMPTY_ANSWER, v.OPEN_ANSWER, v.NEXT_ITEM, v.CLOSE_ANSWER)
FREE = np.array([t.startswith(('","yaw":', ',"x":', ',"y":', ',"z":')) or t in _CHOICES for t in v.TOKENS])
NAMES = np.array([t in {v.category_token(c) for c in v.CATEGORIES} or t[0] == "_" for t in v.TOKENS])


@dataclass(frozen=True)
class TrainingExample:
    """`ids` (T,) int64 and `weights` (T,) float32: the loss weight of predicting each token from those before it.

    `patches` (P, 64, 588) uint8 are those of the P pictures whose placeholders stand in `ids`, see `extract_patches`.
    """

    ids: np.ndarray
    weights: np.ndarray
    patches: np.ndarray


def placement_example(seed: int, index: int, pictures: bool = False) -> TrainingExample:
    """The prompt of a generated task, and the teacher's layout as the answer."""
    task, layout = make_task("train", seed, index)
    compact = CompactEncoding(task)
    images = [compact_top_view(task, Layout(task.id))] if pictures else []
    turns = [(compact.prompt_text(), compact.answer_text(dict(layout.poses)), True)]
    return encode_turns(turns, images, chosen_names=False)


def repair_example(seed: int, index: int, pictures: bool = False) -> TrainingExample | None:
    """A perturbed layout, the feedback about its faults, and the poses that repair it; None where perturbing made no
    fault."""
    task, layout = make_task("train", seed, index)
    perturbed, moved = perturb(task, layout, Random(f"perturb/{seed}/{index}"))
    evidence = box_evidence(task, perturbed)
    faulty = evidence.faulty_items()
    repair = {item_id: layout.poses[item_id] for item_id in moved if item_id in faulty}
    if not repair:
        return None
    compact = CompactEncoding(task)
    images = [compact_top_view(task, seen) for seen in (Layout(task.id), perturbed)] if pictures else []
    turns = [
        (compact.prompt_text(), compact.answer_text(dict(perturbed.poses)), False),
        (compact.feedback_text(evidence.to_json()), compact.answer_text(repair), True),
    ]
    return encode_turns(turns, images, chosen_names=True)


def encode_turns(
    turns: Sequence[tuple[str, str, bool]], images: Sequence[bytes], *, chosen_names: bool
) -> TrainingExample:
    """The example of a conversation. `turns`: prompt, answer, and whether to learn that answer; `images`: one PNG a
    turn, or none at all; `chosen_names`: the model chooses the items of its answer, so that their names count in full.
    """
    ids: list[int] = []
    weights: list[np.ndarray] = []
    for prompt, answer, learnt in turns:
        prompt_ids = [_USER, *(IMAGE_IDS if images else ()), *v.encode(prompt), _ASSISTANT]
        completion = np.array([*v.encode(answer), v.END])
        weight = np.zeros(len(completion), np.float32)
        if learnt:
            free = FREE[completion] | NAMES[completion] if chosen_names else FREE[completion]
            weight = np.where(free, 1.0, FORCED_WEIGHT).astype(np.float32)
        ids += prompt_ids + completion.tolist()
        weights += [np.zeros(len(prompt_ids), np.float32), weight]
    return TrainingExample(np.array(ids), np.concatenate(weights), extract_patches(images))


def training_examples(
    seed: int,
    start: int,
    repair_fraction: float,
    pictures: bool = False,
    dagger: Sequence[TrainingExample] = (),
    dagger_fraction: float = 0.0,
) -> Iterator[TrainingExample]:
    """An endless stream from example `start` on. The fraction `repair_fraction` repairs a layout, and of those the
    fraction `dagger_fraction` is drawn from `dagger`."""
    index = start
    while True:
        rng = Random(f"kind/{seed}/{index}")
        example = None
        if rng.random() < repair_fraction:
            if dagger and rng.random() < dagger_fraction:
                example = dagger[rng.randrange(len(dagger))]
            else:
                example = repair_example(seed, index, pictures)
        yield example or placement_example(seed, index, pictures)
        index += 1
