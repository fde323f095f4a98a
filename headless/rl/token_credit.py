"""Advantages of the tokens of an item's pose, from what an answer does to that item's own faults.

The paper's second version (3D-SPO) multiplies the reward of the coordinate tokens of items that violate physics by a
penalty before the group's baseline is subtracted. Here the penalty is subtracted, in units of the reward, and the
baseline is that of the same item in the first answers of the group: where an item is faultless and others of the group
fail with it, the tokens of its pose gain what theirs lose, whatever the rest of the room does.

Later turns move a few items each, from layouts that differ. There, what moving an item changed in its faults counts,
and the baseline is that of all items that the group moves in that turn: repairing gains, moving what was faultless
loses. Called by `training_step`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metaspatial_addon.core.faults import ROOM
from metaspatial_addon.scoring.score import Score

from .data import Episode
from .policies.base import TrainablePolicy

RELATION_PENALTY = 0.5
"""Of an unmet relation, in faults of physics: at the same weight the model repaired relations and left collisions."""
OUTSIDE_PENALTY = 1.0
"""Of leaving the room, on top of the fault of physics that it is: few items do, and none of them can stay there."""
MIN_DEVIATION = 0.05
"""A group's returns can be almost equal while its items' faults differ. Divided by their deviation alone the advantage
would have no bound: the gradient's norm once went from 1 to 66."""

_Key = tuple[int, int, str]  # group, turn (from 0), item


def item_advantages(
    policy: TrainablePolicy, episodes: Sequence[Episode], penalty: float, scale: np.ndarray
) -> list[np.ndarray]:
    """For each episode (L,): -penalty x (change - baseline) / max(scale, `MIN_DEVIATION`) for tokens of an item's pose,
    0 elsewhere and in answers that could not be used. `scale` (B, T) is what the turns' advantages were divided by.

    The change is that of the item's penalty in that turn, from 0 before the first. The penalty is 1 if physics finds a
    fault of the item, `OUTSIDE_PENALTY` more if it leaves the room, and `RELATION_PENALTY` if a relation that it is the
    subject of does not hold. (The paper's physics reward counts both physics and relations.)
    """
    advantages = [np.zeros(len(episode.trajectory), np.float32) for episode in episodes]
    if not penalty:
        return advantages
    tokens = [_pose_tokens(policy, episode) for episode in episodes]
    changes: dict[_Key, list[float]] = {}
    for episode, of_items in zip(episodes, tokens, strict=True):
        for key in of_items:
            changes.setdefault(_baseline_key(key), []).append(_change(episode, key))
    for k, (episode, of_items) in enumerate(zip(episodes, tokens, strict=True)):
        for key, places in of_items.items():
            excess = _change(episode, key) - float(np.mean(changes[_baseline_key(key)]))
            advantages[k][places] = -penalty * excess / max(scale[k, key[1]], MIN_DEVIATION)
    return advantages


def _pose_tokens(policy: TrainablePolicy, episode: Episode) -> dict[_Key, list[int]]:
    """Places of the tokens of each pose, from usable answers."""
    trajectory = episode.trajectory
    tokens: dict[_Key, list[int]] = {}
    turns = np.array(trajectory.turns)
    for turn, score in enumerate(episode.scores):
        if score.status != "ok":  # its layout is unknown
            continue
        own = np.flatnonzero(turns == turn).tolist()
        items = policy.pose_items([trajectory.ids[k] for k in own], episode.task)
        for place, item in zip(own, items, strict=True):
            if item is not None:
                tokens.setdefault((episode.group, turn, item), []).append(place)
    return tokens


def _baseline_key(key: _Key) -> _Key:
    """What a pose is compared with: the same item's in first answers, any item's later."""
    group, turn, item = key
    return (group, turn, "" if turn else item)


def _change(episode: Episode, key: _Key) -> float:
    """What the turn changed in the penalty of the item, from the layout that it edits: the best before it."""
    _, turn, item = key
    usable = [score for score in episode.scores[:turn] if score.status == "ok"]
    standing = max(usable, key=lambda score: score.reward or 0.0, default=None)
    return _penalty(episode.scores[turn], item) - (_penalty(standing, item) if standing is not None else 0.0)


def _penalty(score: Score, item: str) -> float:
    faults = [fault for fault in score.evidence.faults() if item in fault.items]
    physical = any(fault.physical for fault in faults)
    outside = any(ROOM in (fault.colliding_pair or ()) for fault in faults)
    unmet = any(not fault.physical for fault in faults)
    return physical + OUTSIDE_PENALTY * outside + RELATION_PENALTY * unmet
