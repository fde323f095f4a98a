"""Lessons as token ids: a conversation and, for each of its tokens, how much the model is to learn it."""

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

from .perturb import faults, faulty_ids, spoil

FORCED_WEIGHT = 0.1  # of tokens that the grammar forces when the model is used: names, separators, extents
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


def placing_lesson(seed: int, index: int, pictures: bool = False) -> TrainingExample:
    """A room to furnish, and the teacher's layout."""
    task, layout = make_task("train", seed, index)
    compact = CompactEncoding(task)
    shown = [compact_top_view(task, Layout(task.id))] if pictures else []
    return lesson_of(
        [(compact.prompt_text(), compact.answer_text(dict(layout.poses)), True)], shown, chosen_names=False
    )


def mending_lesson(seed: int, index: int, pictures: bool = False) -> TrainingExample | None:
    """A spoilt layout and its report, and the edit that mends it; None if the spoiling did no harm."""
    task, layout = make_task("train", seed, index)
    rng = Random(f"spoil/{seed}/{index}")
    spoilt, moved = spoil(task, layout, rng)
    evidence = faults(task, spoilt)
    named = faulty_ids(evidence)
    edit = {i: layout.poses[i] for i in moved if i in named}
    if not edit:
        return None
    compact = CompactEncoding(task)
    told = compact.feedback_text(evidence)
    shown = [compact_top_view(task, seen) for seen in (Layout(task.id), spoilt)] if pictures else []
    return lesson_of(
        [
            (compact.prompt_text(), compact.answer_text(dict(spoilt.poses)), False),
            (told, compact.answer_text(edit), True),
        ],
        shown,
        chosen_names=True,
    )


def lesson_of(turns: list[tuple[str, str, bool]], shown: list[bytes], *, chosen_names: bool) -> TrainingExample:
    """`turns` are a question, its answer and whether to learn it; `shown` is one picture a turn, or none at all."""
    ids: list[int] = []
    weights: list[np.ndarray] = []
    for question, answer, learnt in turns:
        asked = [_USER, *(IMAGE_IDS if shown else ()), *v.encode(question), _ASSISTANT]
        said = np.array([*v.encode(answer), v.END])
        weight = np.zeros(len(said), np.float32)
        if learnt:
            free = FREE[said] | NAMES[said] if chosen_names else FREE[said]
            weight = np.where(free, 1.0, FORCED_WEIGHT).astype(np.float32)
        ids += asked + said.tolist()
        weights += [np.zeros(len(asked), np.float32), weight]
    return TrainingExample(np.array(ids), np.concatenate(weights), extract_patches(shown))


def lessons(
    seed: int,
    start: int,
    mending: float,
    pictures: bool = False,
    own: Sequence[TrainingExample] = (),
    own_share: float = 0.0,
) -> Iterator[TrainingExample]:
    """An endless stream from lesson `start` on; the share `mending` of them mends, `own_share` of those from `own`."""
    index = start
    while True:
        rng = Random(f"kind/{seed}/{index}")
        lesson = None
        if rng.random() < mending:
            if own and rng.random() < own_share:
                lesson = own[rng.randrange(len(own))]
            else:
                lesson = mending_lesson(seed, index, pictures)
        yield lesson or placing_lesson(seed, index, pictures)
        index += 1
