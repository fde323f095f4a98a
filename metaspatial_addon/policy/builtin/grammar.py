"""What the embedded model may say next: names, keys and separators are forced, numbers and choices are free.

An answer is a chain of steps. Each step offers the token ids allowed next; where there is only one it is
forced, and costs the model no decision.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from ...core.conversation import Conversation
from ...prompts import vocabulary as v
from ...prompts.compact import rotated_extents, rounded_up

_ROOM = re.compile(r"^[a-z' ]+: w([\d.]+) d([\d.]+) h([\d.]+)\n")
_ITEM = re.compile(r"^(\w+?)(_\d+)( .*)? w([\d.]+) d([\d.]+) h[\d.]+$", re.MULTILINE)
_YAWS = np.array([v.TOKEN_IDS[f'","yaw":{yaw}'] for yaw in range(0, 360, v.YAW_STEP)])
_OPEN, _NEXT, _CLOSE, _EMPTY = (v.TOKEN_IDS[t] for t in (v.OPEN_ANSWER, v.NEXT_ITEM, v.CLOSE_ANSWER, v.EMPTY_ANSWER))


def _numbers(form: str, most: float, step: float) -> np.ndarray:
    return np.array([v.TOKEN_IDS[form.format(value)] for value in v.steps(0.0, most, step)])


@dataclass(frozen=True)
class Asked:
    """What a compact question says that the grammar needs: the room's size and the movable items' sizes."""

    width: float
    depth: float
    height: float
    sizes: dict[str, tuple[float, float]]

    @classmethod
    def of(cls, question: str) -> Asked:
        """Raises ValueError for a text that is no compact question."""
        room = _ROOM.match(question)
        if room is None:
            raise ValueError("no compact question")
        sizes = {
            f"{kind}{number}": (float(w), float(d))
            for kind, number, middle, w, d in _ITEM.findall(question)
            if " (fixed)" not in middle
        }
        width, depth, height = (float(group) for group in room.groups())
        return cls(width, depth, height, sizes)


@dataclass
class AnswerGrammar:
    """Walks one answer. `allowed_ids` are the ids that may come next; `advance` takes the one that came."""

    asked: Asked
    first_turn: bool
    allowed_ids: np.ndarray = field(init=False)
    done: bool = False

    def __post_init__(self) -> None:
        self._left = list(self.asked.sizes)
        self._xs = _numbers(',"x":{}', min(self.asked.width, v.PLAN_REACH), v.PLAN_STEP)
        self._ys = _numbers(',"y":{}', min(self.asked.depth, v.PLAN_REACH), v.PLAN_STEP)
        self._zs = _numbers(',"z":{}}}', min(self.asked.height, v.HEIGHT_REACH), v.HEIGHT_STEP)
        self._steps = self._walk()
        self.allowed_ids = next(self._steps)
        self._taken = -1

    def advance(self, token: int) -> None:
        """Go on to the step after `token`."""
        self._taken = token
        following = next(self._steps, None)
        self.done = following is None
        if following is not None:
            self.allowed_ids = following

    def _walk(self):
        yield np.array([_OPEN] if self.first_turn else [_OPEN, _EMPTY])
        if self._taken == _OPEN:
            yield from self._items()
        yield np.array([v.END])

    def _items(self):
        while True:
            name = yield from self._name()
            self._left.remove(name)
            yield _YAWS
            yaw = int(v.TOKENS[self._taken].rsplit(":", 1)[1])
            for key, extent in zip(("ex", "ey"), self._extents(name, yaw), strict=True):
                yield np.array([v.TOKEN_IDS[f',"{key}":{extent}']])
            yield self._xs
            yield self._ys
            yield self._zs
            if self.first_turn:
                yield np.array([_NEXT if self._left else _CLOSE])
            else:
                yield np.array([_NEXT, _CLOSE] if self._left else [_CLOSE])
            if self._taken == _CLOSE:
                return

    def _name(self):
        """The next item in turn 1; any that has not been named yet afterwards."""
        names = self._left[:1] if self.first_turn else self._left
        kinds = {v.TOKEN_IDS[name.rsplit("_", 1)[0]] for name in names}
        yield np.array(sorted(kinds))
        kind = v.TOKENS[self._taken]
        numbers = [name.rsplit("_", 1)[1] for name in names if name.rsplit("_", 1)[0] == kind]
        yield np.array(sorted(v.TOKEN_IDS[f"_{number}"] for number in numbers))
        return kind + v.TOKENS[self._taken]

    def _extents(self, name: str, yaw: int) -> tuple[str, str]:
        """The extents along x and y as they are written, for a box turned by `yaw` degrees."""
        ex, ey = rotated_extents(self.asked.sizes[name], yaw)
        return rounded_up(ex, v.PLAN_STEP, v.EXTENT_REACH), rounded_up(ey, v.PLAN_STEP, v.EXTENT_REACH)


def grammar_for(conversation: Conversation) -> AnswerGrammar:
    """The grammar of the answer that a compact conversation asks for. Raises ValueError."""
    questions = [message.text for message in conversation if _ROOM.match(message.text)]
    if not questions:
        raise ValueError("the embedded model reads compact conversations only")
    return AnswerGrammar(Asked.of(questions[-1]), first_turn=conversation[-1].text == questions[-1])
