"""Credit for coordinates: an item's own faults, told to the tokens of its own pose. Called by `step`.

The paper's second version (3D-SPO) multiplies the reward of the coordinate tokens of items that violate physics by a
penalty before the group's baseline is taken. Here the penalty is subtracted, in units of the reward, and the baseline
is that of the same item in the same turn: where an item is sound and others of the group fail with it, the tokens of
its pose gain what theirs lose, whatever the rest of the room does. Like the turn's advantages it is divided by the
deviation of the group's returns, which does not bound it: groups of nearly equal returns weigh most, and what keeps
them in check is the clip of the gradient.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .actor import Actor
from .metrics import at_fault
from .rollouts import Episode

RELATION = 0.5
"""Half a fault of physics: at the same weight the model mended relations and left collisions."""


def coordinate_advantages(
    actor: Actor, episodes: Sequence[Episode], penalty: float, scale: np.ndarray
) -> list[np.ndarray]:
    """For each episode (L,): -penalty x (faults - the group's mean faults) / scale where a token tells an item's pose,
    0 elsewhere and in answers that could not be used; `scale` (B, T) is what the turn's advantages were divided by.

    An item's faults after that turn: 1 if physics finds fault with it, and `RELATION` if a relation that it is the
    subject of does not hold. The paper's physics reward counts both.
    """
    found = [np.zeros(len(episode.trajectory), np.float32) for episode in episodes]
    if not penalty:
        return found
    places = [_pose_tokens(actor, episode) for episode in episodes]
    faults: dict[tuple[int, int, str], list[float]] = {}
    for episode, told in zip(episodes, places, strict=True):
        for key in told:
            faults.setdefault(key, []).append(_faults(episode, key))
    for k, (episode, told) in enumerate(zip(episodes, places, strict=True)):
        for key, tokens in told.items():
            excess = _faults(episode, key) - float(np.mean(faults[key]))
            found[k][tokens] = -penalty * excess / scale[k, key[1]]
    return found


def _pose_tokens(actor: Actor, episode: Episode) -> dict[tuple[int, int, str], list[int]]:
    """Places of the tokens that tell poses, by group, turn (from 0) and item."""
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


def _faults(episode: Episode, key: tuple[int, int, str]) -> float:
    _, turn, item = key
    evidence = episode.scores[turn].evidence
    fails = any(relation.subject == item for relation in evidence.unsatisfied)
    return (item in at_fault(evidence)) + RELATION * fails
