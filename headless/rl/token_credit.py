"""Advantages of coordinate tokens, from what an answer does to the item's own faults. Called by `training_step`.

The paper's second version (3D-SPO) multiplies the reward of the coordinate tokens of items that violate physics by a
penalty before the group's baseline is taken. Here the penalty is subtracted, in units of the reward, and the baseline
is that of the same item in the first answers of the group: where an item is sound and others of the group fail with
it, the tokens of its pose gain what theirs lose, whatever the rest of the room does.

Later turns move a few items each, from layouts that differ. What counts there is what moving an item changed in its
faults, and the baseline is that of all that the group moves in that turn: mending gains, moving what was sound loses.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metaspatial_addon.core.faults import ROOM
from metaspatial_addon.scoring.score import Score

from .policies.base import TrainablePolicy
from .rollout import Episode

RELATION = 0.5
"""Half a fault of physics: at the same weight the model mended relations and left collisions."""
OUTSIDE = 1.0
"""Beyond the fault of physics that it is: few items leave the room, and none of them can stay where it is."""
LEAST_DEVIATION = 0.05
"""A group's returns can be next to equal while its items' faults differ. Divided by their deviation alone the credit
has no bound: the gradient's norm once went from 1 to 66."""

_Key = tuple[int, int, str]  # group, turn (from 0), item


def token_advantages(
    actor: TrainablePolicy, episodes: Sequence[Episode], penalty: float, scale: np.ndarray
) -> list[np.ndarray]:
    """For each episode (L,): -penalty x (change - baseline) / max(scale, `LEAST_DEVIATION`) where a token tells an
    item's pose, 0 elsewhere and in answers that could not be used; `scale` (B, T) is what the turn's advantages were
    divided by.

    The change is that of the item's faults in that turn, from none before the first. They are 1 if physics finds fault
    with it, `OUTSIDE` more if it leaves the room, and `RELATION` if a relation that it is the subject of does not hold.
    The paper's physics reward counts both physics and relations.
    """
    found = [np.zeros(len(episode.trajectory), np.float32) for episode in episodes]
    if not penalty:
        return found
    places = [_pose_tokens(actor, episode) for episode in episodes]
    changes: dict[_Key, list[float]] = {}
    for episode, told in zip(episodes, places, strict=True):
        for key in told:
            changes.setdefault(_alike(key), []).append(_change(episode, key))
    for k, (episode, told) in enumerate(zip(episodes, places, strict=True)):
        for key, tokens in told.items():
            excess = _change(episode, key) - float(np.mean(changes[_alike(key)]))
            found[k][tokens] = -penalty * excess / max(scale[k, key[1]], LEAST_DEVIATION)
    return found


def _pose_tokens(actor: TrainablePolicy, episode: Episode) -> dict[_Key, list[int]]:
    """Places of the tokens that tell poses."""
    trajectory, found = episode.trajectory, {}
    turns = np.array(trajectory.turns)
    for turn, score in enumerate(episode.scores):
        if score.status != "ok":  # nothing is known of where things would stand
            continue
        own = np.flatnonzero(turns == turn).tolist()
        for place, item in zip(own, actor.poses([trajectory.ids[k] for k in own], episode.task), strict=True):
            if item is not None:
                found.setdefault((episode.group, turn, item), []).append(place)
    return found


def _alike(key: _Key) -> _Key:
    """What a pose is compared with: the same item's in first answers, any item's later."""
    group, turn, item = key
    return (group, turn, "" if turn else item)


def _change(episode: Episode, key: _Key) -> float:
    _, turn, item = key
    usable = [score for score in episode.scores[:turn] if score.status == "ok"]
    return _faults(episode.scores[turn], item) - (_faults(usable[-1], item) if usable else 0.0)


def _faults(score: Score, item: str) -> float:
    faults = [fault for fault in score.evidence.faults() if item in fault.items]
    physical = any(fault.physical for fault in faults)
    outside = any(ROOM in (fault.colliding_pair or ()) for fault in faults)
    unmet = any(not fault.physical for fault in faults)
    return physical + OUTSIDE * outside + RELATION * unmet
