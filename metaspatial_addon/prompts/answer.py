"""Parser of a model's answer: `<think>…</think><answer>[{"id", "x", "y", "z", "yaw"}, …]</answer>`.

An answer is used as a whole or not at all. Its grade, the format term of the score, rises with how much of it is right:

| text | grade | status |
|---|---|---|
| no `<answer>` block | 0 | model_fault |
| a block that holds no JSON | 0.1 | model_fault |
| JSON, but not a list of poses of the right items | 0.2 to 0.8, by the share of right ones | model_fault |
| usable | 1 | ok |

Before anything is placed, the answer must list every movable item once. Afterwards it lists any of them, at most once
each, and the others stay where they were. An entry is right when its id is that of a movable item not listed before and
its four numbers are finite and within ±1000 (numbers written as strings are not numbers). Unknown ids, ids of locked
items and repeated ids lower the share. Other keys of an entry are ignored.

Three format errors are tolerated at 5 % of the grade each: a code fence within the block, trailing commas, and a number
of blocks other than one closed block. Of several complete blocks the last counts; a single block without its end tag
ends with the text. Outside training `loose_answer` reads other forms as well.

Takes time linear in the text, which may have LONGEST_ANSWER characters, and raises for no text, since texts come from
models.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any, Literal

from ..core.reading import DEEPEST, MOST_DIGITS
from ..core.task import MOST_METRES, Layout, Pose, Task, wrap_degrees

NO_ANSWER, NOT_JSON, WRONG_LEAST, WRONG_MOST, USABLE = 0.0, 0.1, 0.2, 0.8, 1.0
TOLERATED = 0.95
"""Factor on the grade for each format error that is tolerated."""
LONGEST_ANSWER = 2**21
"""Characters of an answer. One that places a thousand items has some hundred thousand."""
MAX_PROBLEMS = 12

_TAG = re.compile(r"<(/?)answer>", re.IGNORECASE)
_THINK_TAG = re.compile(r"</?think>", re.IGNORECASE)
_FENCE = re.compile(r"```[\w-]*")
# A string (closed or not, so that no second attempt starts within it), a trailing comma, a bracket.
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|,(?=\s*+[\]}])|[\[\]{}]', re.DOTALL)


@dataclass(frozen=True)
class Answer:
    """A parsed answer.

    `grade` in [0, 1] is the format term. `layout` holds every pose (the previous layout with the changes) when the
    status is ok, else it is None. `changed` are the ids whose pose changed. `done` is True for the empty list, which
    ends an episode. `problems` are sentences for the next message. `think` is the text before the answer block.
    """

    status: Literal["ok", "model_fault"]
    grade: float
    layout: Layout | None = None
    changed: tuple[str, ...] = ()
    done: bool = False
    problems: tuple[str, ...] = ()
    think: str = ""


def read_answer(text: str, task: Task, previous: Layout | None = None) -> Answer:
    """Parse an answer to `task`. `previous` is the layout that it changes, None before anything is placed."""
    if len(text) > LONGEST_ANSWER:
        problem = f"The answer is longer than {LONGEST_ANSWER:,} characters."
        return Answer("model_fault", NO_ANSWER, problems=(problem,))
    block, think, errors = _answer_block(text)
    if block is None:
        problem = "There is no <answer>…</answer> block."
        return Answer("model_fault", NO_ANSWER, problems=(problem,), think=think)
    try:
        entries, more_errors = _parse(block)
    except ValueError as error:
        return Answer("model_fault", NOT_JSON, problems=(f"The answer block is not JSON: {error}.",), think=think)
    errors += more_errors
    factor = TOLERATED ** len(errors)
    if not isinstance(entries, list):
        problems = ("The answer must be a list of objects with id, x, y, z and yaw.", *errors)
        return Answer("model_fault", WRONG_LEAST * factor, problems=problems, think=think)

    poses, rejected = _read_entries(entries, task)
    missing = [item.id for item in task.movable if item.id not in poses] if previous is None else []
    unplaced = [item_id for item_id in missing if item_id not in rejected.ids]
    if unplaced:
        rejected.problems.append(f"Not placed: {_listing(unplaced)}.")
    if rejected.problems:
        wanted = len(task.movable) if previous is None else len(poses) + len(rejected.ids)
        share = len(poses) / max(wanted + rejected.unexpected, 1)
        grade = (WRONG_LEAST + (WRONG_MOST - WRONG_LEAST) * share) * factor
        return Answer("model_fault", grade, problems=(*_capped(rejected.problems), *errors), think=think)

    before = {} if previous is None else previous.poses
    placed = {item.id: poses.get(item.id) or before[item.id] for item in task.movable}
    changed = tuple(item_id for item_id, pose in placed.items() if pose != before.get(item_id))
    done = previous is not None and not entries
    return Answer("ok", USABLE * factor, Layout(task.id, placed), changed, done, tuple(errors), think)


def _answer_block(text: str) -> tuple[str | None, str, list[str]]:
    """The text of the block that counts (None without any), the text before it, and its format errors."""
    opened: re.Match[str] | None = None
    complete: list[tuple[re.Match[str], int]] = []
    for tag in _TAG.finditer(text):
        if not tag[1]:
            opened = tag
        elif opened is not None:
            complete.append((opened, tag.start()))
            opened = None
    if complete:
        opened, end = complete[-1]
        errors = ["Write one <answer> block only."] if len(complete) > 1 else []
    elif opened is not None:
        end = len(text)
        errors = ["Close the answer with </answer>."]
    else:
        return None, _THINK_TAG.sub("", text).strip(), []
    return text[opened.end() : end], _THINK_TAG.sub("", text[: opened.start()]).strip(), errors


def _parse(block: str) -> tuple[Any, list[str]]:
    """The block's JSON value and its format errors. Raises ValueError."""
    errors = []
    body = block.strip()
    fence = _FENCE.match(body)
    if fence:
        errors.append("Write the list without a code fence.")
        body = body[fence.end() :].removesuffix("```")
    pieces, depth, copied = [], 0, 0
    for token in _TOKEN.finditer(body):
        first = token[0][0]
        if first == ",":
            pieces.append(body[copied : token.start()])
            copied = token.end()
        elif first in "[{":
            depth += 1
            if depth > DEEPEST:
                raise ValueError(f"it is nested deeper than {DEEPEST} levels")
        elif first in "]}":
            depth -= 1
    if pieces:
        errors.append("Write no comma before a closing bracket.")
        body = "".join((*pieces, body[copied:]))
    return json.loads(body, strict=False, parse_int=parse_number, parse_float=parse_number), errors


def parse_number(digits: str) -> float:
    """A number of JSON as a float, NaN for one of more than MOST_DIGITS characters."""
    return float(digits) if len(digits) <= MOST_DIGITS else math.nan


@dataclass
class _Rejected:
    """Entries that cannot be used: `ids` of items without usable numbers, the count of `unexpected` entries."""

    problems: list[str]
    ids: set[str]
    unexpected: int = 0


def _read_entries(entries: list[Any], task: Task) -> tuple[dict[str, Pose], _Rejected]:
    """The poses of the entries that are right by item id, and the other entries."""
    movable = {item.id for item in task.movable}
    locked = {item.id for item in task.locked}
    poses: dict[str, Pose] = {}
    rejected = _Rejected([], set())
    for entry in entries:
        item_id = entry.get("id") if isinstance(entry, dict) else None
        if not isinstance(item_id, str):
            problem = "An entry has no id."
        elif item_id in locked:
            problem = f"{item_id} is locked and must not be listed."
        elif item_id not in movable:
            problem = f"{_quoted(item_id)} is no item of this task."
        elif item_id in poses or item_id in rejected.ids:
            problem = f"{item_id} is listed more than once."
        else:
            x, y, z, yaw = (entry.get(key) for key in ("x", "y", "z", "yaw"))
            if all(isinstance(value, float) and abs(value) <= MOST_METRES for value in (x, y, z, yaw)):
                poses[item_id] = Pose(x, y, z, wrap_degrees(yaw))
            else:
                rejected.ids.add(item_id)
                rejected.problems.append(
                    f"{item_id} needs x, y, z and yaw as numbers from -{MOST_METRES:g} to {MOST_METRES:g}."
                )
            continue
        rejected.problems.append(problem)
        rejected.unexpected += 1
    return poses, rejected


def _quoted(item_id: str) -> str:
    """An unknown id as a short ASCII string literal."""
    return json.dumps(item_id if len(item_id) <= 40 else item_id[:37] + "...")


def _listing(ids: list[str]) -> str:
    listed = ", ".join(ids[:MAX_PROBLEMS])
    return f"{listed} and {len(ids) - MAX_PROBLEMS} more" if len(ids) > MAX_PROBLEMS else listed


def _capped(problems: list[str]) -> list[str]:
    """Each problem once, the first MAX_PROBLEMS of them."""
    distinct = list(dict.fromkeys(problems))
    if len(distinct) <= MAX_PROBLEMS:
        return distinct
    return [*distinct[:MAX_PROBLEMS], f"And {len(distinct) - MAX_PROBLEMS} more faults like these."]
