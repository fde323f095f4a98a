"""The grammar that constrains the embedded model's decoding: names, keys and separators are forced, numbers are chosen.

An answer is a chain of steps. Each step has the token ids that are allowed next; where there is only one, it is forced
and costs no forward pass of its own. With free places the numbers that are allowed are those at which the item is
inside the room, clear and carried; without them all that the vocabulary can write.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from ...core.conversation import Conversation
from ...prompts import vocabulary as v
from ...prompts.model_frame import place_text
from .free_places import FreePlaces
from .prompt_room import ROOM_LINE, PromptItem, PromptRoom, Standing

Steps = Generator[np.ndarray, None, None]
"""The allowed ids of one step after another."""

_OPEN, _NEXT, _CLOSE, _EMPTY = (v.TOKEN_IDS[t] for t in (v.OPEN_ANSWER, v.NEXT_ITEM, v.CLOSE_ANSWER, v.EMPTY_ANSWER))
_YAW_IDS = {yaw: v.TOKEN_IDS[f'","yaw":{yaw}'] for yaw in range(0, 360, v.YAW_STEP)}
_YAW_OF = {token: yaw for yaw, token in _YAW_IDS.items()}
_PLACE_IDS = {
    key: np.array([v.TOKEN_IDS[f',"{key}":{p}'] for p in v.PLACES]) for k in v.PLACE_KEYS.values() for key in k
}
_PLACE_OF = {int(token): (key, k) for key, ids in _PLACE_IDS.items() for k, token in enumerate(ids)}
_Z_IDS = {height: v.TOKEN_IDS[f',"z":{height}}}'] for height in v.HEIGHTS}
_Z_OF = {token: height for height, token in _Z_IDS.items()}


@dataclass
class AnswerGrammar:
    """The constraint of one answer. `allowed_ids` (K,) are the ids that may come next; `done` after the end token.

    `standing` is where items stand before the answer, by name; `places` offers free places, None offers all.
    """

    room: PromptRoom
    first_turn: bool
    standing: dict[str, Standing] = field(default_factory=dict)
    places: FreePlaces | None = None
    allowed_ids: np.ndarray = field(init=False)
    done: bool = False

    def __post_init__(self) -> None:
        self._unplaced = list(self.room.items)
        self.standing = dict(self.standing)
        self._steps = self._answer_steps()
        self.allowed_ids = next(self._steps)
        self._last = -1

    @property
    def max_tokens(self) -> int:
        """Tokens of the longest answer that it allows."""
        return 14 * len(self.room.items) + 3

    def advance(self, token: int) -> None:
        """Take `token` as the next one of the answer."""
        self._last = token
        following = next(self._steps, None)
        self.done = following is None
        if following is not None:
            self.allowed_ids = following

    def _answer_steps(self) -> Steps:
        yield np.array([_OPEN] if self.first_turn else [_OPEN, _EMPTY])
        if self._last == _OPEN:
            yield from self._item_steps()
        yield np.array([v.END])

    def _item_steps(self) -> Steps:
        """Name, yaw, extents and position of one item after the other, until one closes the answer."""
        while True:
            name = yield from self._name_steps()
            self._unplaced.remove(name)
            yield from self._pose_steps(self.room.items[name])
            if self.first_turn:
                yield np.array([_NEXT if self._unplaced else _CLOSE])
            else:
                yield np.array([_NEXT, _CLOSE] if self._unplaced else [_CLOSE])
            if self._last == _CLOSE:
                return

    def _name_steps(self) -> Generator[np.ndarray, None, str]:
        """The name of an item: the next one in turn 1, afterwards any that the answer has not moved yet."""
        names = self._unplaced[:1] if self.first_turn else self._unplaced
        kinds = {v.TOKEN_IDS[name.rsplit("_", 1)[0]] for name in names}
        yield np.array(sorted(kinds))
        kind = v.TOKENS[self._last]
        numbers = [name.rsplit("_", 1)[1] for name in names if name.rsplit("_", 1)[0] == kind]
        yield np.array(sorted(v.TOKEN_IDS[f"_{number}"] for number in numbers))
        return kind + v.TOKENS[self._last]

    def _pose_steps(self, item: PromptItem) -> Steps:
        offer = self.places.offer(item, self.standing) if self.places else None
        yaws = offer.yaws if offer else []
        yield np.array([_YAW_IDS[yaw] for yaw in yaws or _YAW_IDS])
        yaw = _YAW_OF[self._last]
        extents = item.extents(yaw)
        for key, extent in zip(("ex", "ey"), extents, strict=True):
            yield np.array([v.TOKEN_IDS[f',"{key}":{extent:.2f}']])
        mask = self.places.mask(offer, yaw) if self.places and offer and yaws else None
        columns = mask.any(axis=1) if mask is not None else np.zeros(1, bool)
        column = yield from self._axis_steps("x", columns, extents[0], self.room.width)
        rows = mask[column] if mask is not None and column < len(mask) else np.zeros(1, bool)
        row = yield from self._axis_steps("y", rows, extents[1], self.room.depth)
        x, y = column * v.POSE_STEP, row * v.POSE_STEP
        heights = self.places.heights(item, yaw, x, y, self.standing) if self.places else []
        top = min(self.room.height, v.HEIGHT_REACH)
        yield np.array([_Z_IDS[z] for z in heights or v.HEIGHTS if heights or float(z) <= top + 1e-6])
        z = float(_Z_OF[self._last])
        self.standing[item.name] = Standing(item.name, item.box(yaw, x, y, z), item.covering, yaw)

    def _axis_steps(self, axis: str, free: np.ndarray, extent: float, span: float) -> Generator[np.ndarray, None, int]:
        """The three keys of an axis; returns the place of the centre on the grid. `free` (N,) are the centres that are
        offered; where there is none, all are whose edges can be written and that are not beyond the room."""
        half = round(extent / v.POSE_STEP / 2)
        centres = np.nonzero(free)[0]
        if not len(centres):
            last = min(math.floor(span / v.POSE_STEP + 1e-6), len(v.PLACES) - 1 - half)
            centres = np.arange(half, max(last, half) + 1)
        centres = centres[(centres >= half) & (centres + half < len(v.PLACES))]
        low, high, middle = v.PLACE_KEYS[axis]
        shifts = {low: -half, high: half, middle: 0}
        yield np.concatenate([_PLACE_IDS[key][centres + shift] for key, shift in shifts.items()])
        key, place = _PLACE_OF[self._last]
        centre = place - shifts[key]
        values = [(centre + shift) * v.POSE_STEP for shift in shifts.values()]
        text = place_text(axis, list(shifts).index(key), values)
        for token in v.encode(text)[1:]:
            yield np.array([token])
        return centre


@lru_cache(maxsize=64)
def _free_places(text: str) -> FreePlaces:
    return FreePlaces(PromptRoom.of(text))


def grammar_for(conversation: Conversation, free_places: bool = True) -> AnswerGrammar:
    """The grammar of the next answer in a compact conversation. Raises ValueError for other conversations."""
    found = [k for k, message in enumerate(conversation) if ROOM_LINE.match(message.text)]
    if not found:
        raise ValueError("the embedded model reads compact conversations only")
    first = found[-1]
    places = _free_places(conversation[first].text)
    following: Sequence = conversation[first + 1 :]
    standing = places.room.standing(following)
    return AnswerGrammar(places.room, not following, standing, places if free_places else None)
