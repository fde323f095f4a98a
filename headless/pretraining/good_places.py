"""Which numbers of a lesson's answer are good places: what the model is taught to keep its probability on.

The teacher's number is one of many that would do as well. To learn that alone says of a place inside another item and
of a free one the same: that it was not chosen. The good places of a step are found by the grammar of the answer with
the geometry of free places: the item is inside the room, clear and carried, and misses as few wishes as it can.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from metaspatial_addon.core.conversation import Conversation
from metaspatial_addon.policy.builtin.free_places import FreePlaces, Offer
from metaspatial_addon.policy.builtin.grammar import AnswerGrammar
from metaspatial_addon.policy.builtin.place_faults import PlaceFaults
from metaspatial_addon.policy.builtin.prompt_room import PromptItem, PromptRoom, Standing
from metaspatial_addon.prompts import vocabulary as v

YAWS = list(range(0, 360, v.YAW_STEP))
NumberSets = list[tuple[int, np.ndarray]]
"""Of some tokens of an answer: the token's index, and the ids (K,) that are as good as it."""


class _GoodPlaces(FreePlaces):
    """Free places at any yaw, of which an item misses the fewest wishes; its other faults are not looked at."""

    def offer(self, item: PromptItem, standing: Mapping[str, Standing]) -> Offer:
        others = [other for other in (*self.room.fixed, *standing.values()) if other.name != item.name]
        return Offer(YAWS, {}, PlaceFaults(self._habits, self._walls, item, others), True)

    def mask(self, offer: Offer, yaw: int) -> np.ndarray:
        faults = offer.faults
        free = self.free(faults.item, yaw, faults.others)
        missed = faults.missed(yaw, self.grid)
        return free & (missed == missed.min(where=free, initial=np.inf))


def good_places(conversation: Conversation, answer: list[int]) -> NumberSets:
    """The good numbers at each place and height of an answer (token ids), to a task or to the feedback that ends a
    conversation.

    Left out are steps at which the answer's own number is none of them, as where a chair is pushed under its table.
    """
    room = PromptRoom.of(conversation[0].text)
    standing = room.standing(conversation[1:])
    grammar = AnswerGrammar(room, len(conversation) == 1, standing, _GoodPlaces(room))
    found = []
    for index, token in enumerate(answer):
        allowed = grammar.allowed_ids
        if len(allowed) > 1 and v.TOKENS[token][0] == "," and token in allowed:
            found.append((index, allowed))
        grammar.advance(token)
    return found
