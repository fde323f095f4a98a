"""Training examples as token ids: a conversation and, for each of its tokens, the weight of learning it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from random import Random

import numpy as np

from metaspatial_addon.core.conversation import Message
from metaspatial_addon.core.task import Layout, Pose, Task
from metaspatial_addon.policy.builtin.vision import IMAGE_IDS, extract_patches
from metaspatial_addon.prompts import vocabulary as v
from metaspatial_addon.prompts.compact import CompactEncoding
from metaspatial_addon.prompts.plan import compact_top_view

from .good_places import NumberSets, good_places
from .layouts import LayoutBank
from .perturb import box_evidence, perturb

TWO_STEPS, REJECTED = 0.2, 0.15
"""Shares of repairs that take two turns, and that follow an answer which was rejected because it was worse."""
MOST_TOKENS = 1600
"""Longer examples are left out: they are rare, and a batch costs what its longest example costs."""
UNREPORTED = 0.5
"""Share of the repairs with pictures whose report is left out: the picture alone tells what is wrong."""
SEEN = 4.0
"""Weight of which items an answer moves where only the picture tells it; any other choice has 1."""
_USER, _ASSISTANT = v.TOKEN_IDS["<|user|>"], v.TOKEN_IDS["<|assistant|>"]
_CHOICES = (v.EMPTY_ANSWER, v.OPEN_ANSWER, v.NEXT_ITEM, v.CLOSE_ANSWER)
_YAW = '","yaw":'
_PLACE = {axis: tuple(f',"{key}":' for key in keys) for axis, keys in v.PLACE_KEYS.items()}
_IS_CHOICE, _IS_YAW, _IS_Z, _IS_X, _IS_Y, _IS_NAME = (
    np.array([test(token) for token in v.TOKENS])
    for test in (
        lambda t: t in _CHOICES,
        lambda t: t.startswith(_YAW),
        lambda t: t.startswith(',"z":'),
        lambda t: t.startswith(_PLACE["x"]),
        lambda t: t.startswith(_PLACE["y"]),
        lambda t: t in {v.category_token(c) for c in v.CATEGORIES} or t[0] == "_",
    )
)


@dataclass(frozen=True)
class TrainingExample:
    """`ids` (T,) int64 and `weights` (T,) float32: the loss weight of predicting each token from those before it.

    `patches` (P, 64, 588) uint8 are those of the P pictures whose placeholders stand in `ids`, see `extract_patches`.
    `good` are the numbers that would have been as good as those in `ids`, where they are known.
    """

    ids: np.ndarray
    weights: np.ndarray
    patches: np.ndarray
    good: NumberSets = field(default_factory=list)


def free_tokens(completion: np.ndarray, names: bool) -> np.ndarray:
    """Which tokens (T,) of an answer are chosen, not forced by the grammar: the yaw, the first key of each axis, the
    height; with `names` also which item comes next, or that none does."""
    free = _IS_YAW[completion] | _IS_Z[completion]
    for family in (_IS_X[completion], _IS_Y[completion]):
        free |= family & ~np.append(False, family[:-1])
    if names:
        free |= _IS_CHOICE[completion] | _IS_NAME[completion]
    return free


def placement_example(task: Task, layout: Layout, pictures: bool = False) -> TrainingExample:
    """The prompt of a task, and a layout as the answer."""
    compact = CompactEncoding(task)
    images = [compact_top_view(task, Layout(task.id))] if pictures else []
    turns = [(compact.prompt_text(pictures), compact.answer_text(dict(layout.poses)), True)]
    return encode_turns(turns, images, names=0.0)


def repair_example(
    task: Task, layout: Layout, rng: Random, pictures: bool = False, report: bool = True
) -> TrainingExample | None:
    """A perturbed layout, the feedback about its faults, and the poses that repair it; None where perturbing made no
    fault. Some repairs take two turns, some follow an answer that made things worse and was rejected. Without `report`
    the feedback is the picture alone."""
    perturbed, moved = perturb(task, layout, rng)
    evidence = box_evidence(task, perturbed)
    faulty = evidence.faulty_items()
    repair = {item_id: layout.poses[item_id] for item_id in moved if item_id in faulty}
    if not repair:
        return None
    compact = CompactEncoding(task)
    turns = [(compact.prompt_text(pictures), compact.answer_text(dict(perturbed.poses)), False)]
    shown = [(Layout(task.id), set[str]()), (perturbed, faulty)]
    feedback = compact.feedback_text(evidence.to_json()) if report else ""
    kind, standing = rng.random(), perturbed
    if kind < REJECTED:
        worse, misplaced = perturb(task, perturbed, rng)
        turns.append((feedback, _edit(compact, perturbed, {i: worse.poses[i] for i in misplaced}), False))
        feedback = v.WORSE + feedback
        shown.append((perturbed, faulty))
    elif kind < REJECTED + TWO_STEPS and len(repair) > 1:
        first = dict([repair.popitem()])
        turns.append((feedback, _edit(compact, perturbed, first), True))
        standing = Layout(task.id, {**perturbed.poses, **first})
        evidence = box_evidence(task, standing)
        faulty = evidence.faulty_items()
        repair = {item_id: pose for item_id, pose in repair.items() if item_id in faulty}
        feedback = compact.feedback_text(evidence.to_json()) if report else ""
        shown.append((standing, faulty))
    turns.append((feedback, _edit(compact, standing, repair), True))
    images = [compact_top_view(task, seen, marked) for seen, marked in shown] if pictures else []
    return encode_turns(turns, images, names=1.0 if report else SEEN)


def _edit(compact: CompactEncoding, standing: Layout, poses: dict[str, Pose]) -> str:
    return compact.answer_text(poses, dict(standing.poses))


def encode_turns(turns: Sequence[tuple[str, str, bool]], images: Sequence[bytes], *, names: float) -> TrainingExample:
    """The example of a conversation. `turns`: prompt, answer, and whether to learn that answer; `images`: one PNG a
    turn, or none at all; `names`: the weight of which items an answer gives, 0 where the model does not choose them.

    Only tokens that the model chooses are learnt: the grammar forces the others.
    """
    ids: list[int] = []
    weights: list[np.ndarray] = []
    for prompt, answer, learnt in turns:
        prompt_ids = [_USER, *(IMAGE_IDS if images else ()), *v.encode(prompt), _ASSISTANT]
        completion = np.array([*v.encode(answer), v.END])
        weight = np.zeros(len(completion), np.float32)
        if learnt:
            weight[free_tokens(completion, names=True)] = names
            weight[free_tokens(completion, names=False)] = 1.0
        ids += prompt_ids + completion.tolist()
        weights += [np.zeros(len(prompt_ids), np.float32), weight]
    return TrainingExample(np.array(ids), np.concatenate(weights), extract_patches(images))


def with_good_places(example: TrainingExample) -> TrainingExample:
    """The example with the numbers that would have been as good in those of its answers that are learnt."""
    good: NumberSets = []
    conversation: list[Message] = []
    begins = np.flatnonzero(example.ids == _USER).tolist()
    for begin, end in zip(begins, [*begins[1:], len(example.ids)], strict=True):
        ids = example.ids[begin:end].tolist()
        middle = ids.index(_ASSISTANT)
        prompt, answer = [token for token in ids[1:middle] if token not in IMAGE_IDS], ids[middle + 1 : -1]
        conversation.append(Message("user", v.decode(prompt)))
        if example.weights[begin:end].any():
            first = begin + middle + 1
            good += [(first + index, numbers) for index, numbers in good_places(tuple(conversation), answer)]
        conversation.append(Message("assistant", v.decode(answer)))
    return replace(example, good=good)


def training_examples(
    bank: LayoutBank,
    seed: int,
    start: int,
    repair_fraction: float,
    picture_fraction: float = 0.0,
    dagger: Sequence[TrainingExample] = (),
    dagger_fraction: float = 0.0,
    places_fraction: float = 0.0,
) -> Iterator[TrainingExample]:
    """An endless stream from example `start` on. The fraction `repair_fraction` repairs a layout, and of those the
    fraction `dagger_fraction` is drawn from `dagger`; of the others the fraction `picture_fraction` has pictures. Of
    the fraction `places_fraction` of all it is learnt which places are good."""
    index = start
    while True:
        rng = Random(f"example/{seed}/{index}")
        index += 1
        example = None
        repairs = rng.random() < repair_fraction
        if repairs and dagger and rng.random() < dagger_fraction:
            example = dagger[rng.randrange(len(dagger))]
        else:
            task, layout = bank.draw(rng)
            pictures = rng.random() < picture_fraction
            report = not pictures or rng.random() >= UNREPORTED
            if repairs:
                example = repair_example(task, layout, rng, pictures, report)
            example = example or placement_example(task, layout, pictures)
        if len(example.ids) <= MOST_TOKENS:
            yield with_good_places(example) if rng.random() < places_fraction else example
