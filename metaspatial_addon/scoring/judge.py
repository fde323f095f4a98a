"""A vision-language model as judge of a layout: it grades two renders by an anchored rubric, through any policy.

It is asked only about what moving furniture can change, and is given the room from above and in perspective, the wish,
the room and the items with their sizes. Its score is a term of its own, beside what was measured. A judge that cannot
be reached or understood raises JudgeFault: that is an infra fault, and never a low grade.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ..core.conversation import Conversation, Message
from ..core.errors import BUGS
from ..core.polygon import signed_area
from ..core.task import Task

MIN_GRADE, MAX_GRADE = 1, 5
RUBRIC = {
    "function": (
        "Can the room be used for what it is meant for?",
        "1: main pieces cannot be used (fronts against walls, chairs away from their tables, no way through).",
        "3: everything can be used, but some of it awkwardly (a tight way, a seat turned from what it serves).",
        "5: every piece is ready to use and moving about is easy.",
    ),
    "arrangement": (
        "Do the pieces stand where people would put them, in relation to the walls and to each other?",
        "1: scattered, as if dropped; pieces cross, float or stand outside the room.",
        "3: the large pieces are placed sensibly, several smaller ones are not.",
        "5: every piece has a clear reason to stand where it does and as it is turned.",
    ),
    "balance": (
        "Is the floor used evenly, with aligned pieces and calm free areas?",
        "1: all crammed into one part, or pieces at stray angles.",
        "3: reasonably spread, with one overfull or empty part, or a few pieces out of line.",
        "5: weight is spread well, lines are shared, the free floor is in one generous piece.",
    ),
    "fit": (
        "Does the layout follow the wish?",
        "1: it contradicts the wish.",
        "3: it follows part of the wish, or only its general idea.",
        "5: it follows every part of the wish that placing furniture can follow.",
    ),
}
TAIL = 4000
"""Characters at the end of a reply that are searched for the grades."""

_TRAILING_COMMA = re.compile(r",(\s*[\]}])")


class JudgeFault(RuntimeError):
    """The judge gave no usable grades. The layout is not at fault: an infra fault, never scored."""


class JudgePolicy(Protocol):
    """What a judge needs of a policy."""

    sees_images: bool

    def answer(
        self, conversations: Sequence[Conversation], seeds: Sequence[int], temperature: float | None = None
    ) -> Sequence[JudgeReply]: ...


class JudgeReply(Protocol):
    """What a judge needs of a reply."""

    @property
    def text(self) -> str: ...


@dataclass(frozen=True)
class Judgement:
    """Mean grades over the samples, one for each aspect of the rubric, in [1, 5]; and the replies."""

    grades: dict[str, float]
    replies: tuple[str, ...]

    @property
    def score(self) -> float:
        """The mean grade on a scale of 0 to 1: the `judge` term, and G / 50 of the preset `paper`."""
        return (sum(self.grades.values()) / len(self.grades) - MIN_GRADE) / (MAX_GRADE - MIN_GRADE)


@dataclass(frozen=True)
class Judge:
    """A judge that asks a policy for `samples` replies at temperature 0.

    A reply without grades is asked for again, up to `retries` times. Raises ValueError for a policy without images.
    """

    policy: JudgePolicy
    samples: int = 1
    retries: int = 2

    def __post_init__(self) -> None:
        if self.samples < 1 or self.retries < 0:
            raise ValueError(f"judge: expected samples >= 1 and retries >= 0, got {self.samples} and {self.retries}")
        if not self.policy.sees_images:
            raise ValueError("judge: expected a policy that sees images")

    def grade(self, task: Task, top_view: bytes, room_view: bytes, seed: int = 0) -> Judgement:
        """Grade a layout by PNG of its two views. Sample k has seed `seed` + k. Raises JudgeFault."""
        first = conversation(task, top_view, room_view)
        pending = {k: first for k in range(self.samples)}
        read: dict[int, tuple[dict[str, float], str]] = {}
        problem = ""
        for _ in range(self.retries + 1):
            for k, text in zip(list(pending), self._ask(pending, seed), strict=True):
                try:
                    read[k] = (read_grades(text), text)
                    del pending[k]
                except ValueError as error:
                    problem = str(error)
                    again = f"{problem} Reply with the JSON object of grades alone."
                    pending[k] = (*first, Message("assistant", text), Message("user", again))
            if not pending:
                break
        if pending:
            raise JudgeFault(f"The judge gave no usable grades in {self.retries + 1} attempts. Last: {problem}")
        grades = {aspect: sum(g[aspect] for g, _ in read.values()) / len(read) for aspect in RUBRIC}
        return Judgement(grades, tuple(read[k][1] for k in range(self.samples)))

    def _ask(self, pending: dict[int, Conversation], seed: int) -> list[str]:
        try:
            replies = self.policy.answer(list(pending.values()), [seed + k for k in pending], temperature=0.0)
        except BUGS:
            raise
        except RuntimeError as error:
            raise JudgeFault(f"The judge could not be asked: {error}") from error
        if len(replies) != len(pending):
            raise JudgeFault(f"The judge was asked {len(pending)} times and replied {len(replies)} times.")
        return [reply.text for reply in replies]


def conversation(task: Task, top_view: bytes, room_view: bytes) -> Conversation:
    """The conversation that asks for grades: the rubric, the task in words, and two PNG files."""
    aspects = "\n".join(f"{name}: {' '.join(anchors)}" for name, anchors in RUBRIC.items())
    form = json.dumps(dict.fromkeys(RUBRIC, "grade")).replace('"grade"', "<grade>")
    system = (
        "You grade how furniture is placed in a room. "
        f"Grade each aspect with a number from {MIN_GRADE} to {MAX_GRADE}; the "
        f"anchors describe {MIN_GRADE}, 3 and {MAX_GRADE}, the numbers between them lie between.\n{aspects}\n"
        "Colours, materials, style, lighting and picture quality were not chosen by whoever placed the furniture: "
        "ignore them. Do not ask for furniture that is not on the list. Judge what the pictures show.\n"
        f"Reply with one JSON object and nothing else: {form}"
    )
    room = task.room
    openings = ", ".join(f"{opening.kind} in wall {opening.wall}" for opening in room.openings) or "none"
    items = "\n".join(
        f"- {item.id}: {item.category}, {item.size[0]:.2f} x {item.size[1]:.2f} x {item.size[2]:.2f} m"
        for item in task.items
    )
    user = (
        f"Wish: {json.dumps(task.prompt, ensure_ascii=False)}\n"
        f"Room: {room.type}, {signed_area(room.floor):.1f} square metres, {room.height:.2f} m high. "
        f"Openings: {openings}.\n"
        f"Items (width x depth x height):\n{items}\n"
        "First picture: the room from above, with names, an arrow at each front and ticks in metres. "
        "Second picture: the room in perspective, the walls towards the camera left out."
    )
    return Message("system", system), Message("user", user, (top_view, room_view))


def read_grades(text: str) -> dict[str, float]:
    """Read the grades of a reply: the last JSON object in it that has all aspects, each a number from 1 to 5.

    Words, thoughts and code fences around it, trailing commas and further keys are ignored. Raises ValueError
    with a sentence for the judge.
    """
    tail = _TRAILING_COMMA.sub(r"\1", text[-TAIL:])
    decoder = json.JSONDecoder()
    for start in reversed([match.start() for match in re.finditer(r"\{", tail)]):
        try:
            grades, _ = decoder.raw_decode(tail, start)
        except (ValueError, RecursionError):
            continue
        if isinstance(grades, dict) and RUBRIC.keys() <= grades.keys():
            return {aspect: _grade(aspect, grades[aspect]) for aspect in RUBRIC}
    raise ValueError(f"There was no JSON object with the grades {', '.join(RUBRIC)}.")


def _grade(aspect: str, value: object) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and MIN_GRADE <= value <= MAX_GRADE:
        return float(value)
    raise ValueError(f"{aspect} was {str(value)[:40]}, not a number from {MIN_GRADE} to {MAX_GRADE}.")
