"""The grammar that constrains the embedded model's decoding: names, keys and separators are forced, numbers are free.

An answer is a chain of steps. Each step has the token ids that are allowed next; where there is only one, it is forced
and costs no forward pass of its own.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import dataclass, field

import numpy as np

from ...core.conversation import Conversation
from ...prompts import vocabulary as v
from ...prompts.compact import rotated_extents, rounded_up

_ROOM = re.compile(r"^[a-z' ]+: w([\d.]+) d([\d.]+) h([\d.]+)\n")
_ITEM = re.compile(r"^(\w+?)(_\d+)( .*)? w([\d.]+) d([\d.]+) h[\d.]+$", re.MULTILINE)
Steps = Generator[np.ndarray, None, None]
"""The allowed ids of one step after another."""

_YAWS = np.array([v.TOKEN_IDS[f'","yaw":{yaw}'] for yaw in range(0, 360, v.YAW_STEP)])
_OPEN, _NEXT, _CLOSE, _EMPTY = (v.TOKEN_IDS[t] for t in (v.OPEN_ANSWER, v.NEXT_ITEM, v.CLOSE_ANSWER, v.EMPTY_ANSWER))


def _numbers(form: str, most: float, step: float) -> np.ndarray:
    return np.array([v.TOKEN_IDS[form.format(value)] for value in v.steps(0.0, most, step)])


@dataclass(frozen=True)
class ParsedPrompt:
    """What the grammar needs of a compact prompt: the size of the room, width and depth of movable items, in metres."""

    width: float
    depth: float
    height: float
    sizes: dict[str, tuple[float, float]]

    @classmethod
    def of(cls, text: str) -> ParsedPrompt:
        """Parse the text of a user message. Raises ValueError where it describes no room."""
        room = _ROOM.match(text)
        if room is None:
            raise ValueError("no compact prompt")
        sizes = {
            f"{kind}{number}": (float(w), float(d))
            for kind, number, middle, w, d in _ITEM.findall(text)
            if " (fixed)" not in middle
        }
        width, depth, height = (float(group) for group in room.groups())
        return cls(width, depth, height, sizes)


@dataclass
class AnswerGrammar:
    """The constraint of one answer. `allowed_ids` (K,) are the ids that may come next; `done` after the end token."""

    prompt: ParsedPrompt
    first_turn: bool
    allowed_ids: np.ndarray = field(init=False)
    done: bool = False

    def __post_init__(self) -> None:
        self._unplaced = list(self.prompt.sizes)
        self._xs = _numbers(',"x":{}', min(self.prompt.width, v.PLAN_REACH), v.PLAN_STEP)
        self._ys = _numbers(',"y":{}', min(self.prompt.depth, v.PLAN_REACH), v.PLAN_STEP)
        self._zs = _numbers(',"z":{}}}', min(self.prompt.height, v.HEIGHT_REACH), v.HEIGHT_STEP)
        self._steps = self._answer_steps()
        self.allowed_ids = next(self._steps)
        self._last = -1

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
            yield _YAWS
            yaw = int(v.TOKENS[self._last].rsplit(":", 1)[1])
            for key, extent in zip(("ex", "ey"), self._extents(name, yaw), strict=True):
                yield np.array([v.TOKEN_IDS[f',"{key}":{extent}']])
            yield self._xs
            yield self._ys
            yield self._zs
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

    def _extents(self, name: str, yaw: int) -> tuple[str, str]:
        """The extents along x and y as they are written, for a box rotated by `yaw` degrees."""
        ex, ey = rotated_extents(self.prompt.sizes[name], yaw)
        return rounded_up(ex, v.PLAN_STEP, v.EXTENT_REACH), rounded_up(ey, v.PLAN_STEP, v.EXTENT_REACH)


def grammar_for(conversation: Conversation) -> AnswerGrammar:
    """The grammar of the next answer in a compact conversation. Raises ValueError for other conversations."""
    prompts = [message.text for message in conversation if _ROOM.match(message.text)]
    if not prompts:
        raise ValueError("the embedded model reads compact conversations only")
    return AnswerGrammar(ParsedPrompt.of(prompts[-1]), first_turn=conversation[-1].text == prompts[-1])
