"""Answers in the forms that models give unasked, read where their meaning is plain. Not for training.

What `answer.read_answer` cannot use is searched for a list of placements: without answer tags, behind a thought that is
not closed, in a code fence, within another object, with units in its numbers, comments or single quotes. The last list
counts, since those before it are drafts; without any list, single placements do, the last of each item. Each form that
was not asked for costs as much as a format error that `read_answer` tolerates.

Takes time linear in the text and raises for no text.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from ..core.reading import DEEPEST
from ..core.task import Layout, Task
from .answer import LONGEST_ANSWER, TOLERATED, Answer, parse_number, read_answer

SCANS = 4
"""Times that the length of a text is looked through at most, where lists in it begin and never end."""

_START = re.compile(r"""\[\s*+[{\]]|\{\s*+["']id["']""")
_TOKEN = re.compile(
    r"""(?P<string>"[^"\\]*+(?:\\.[^"\\]*+)*+"?)"""
    r"""|(?P<quoted>'[^'"\n]*+')"""
    r"""|(?P<comment>//[^\n]*+)"""
    r"""|(?P<measure>[-+]?\d++(?:\.\d++)?\s*+(?:°|[a-z]++))"""
    r"""|(?P<number>\d++(?:[.eE+-]++\d++)*+)"""
    r"""|(?P<comma>,(?=\s*+(?://[^\n]*+\s*+)*+[\]}]))"""
    r"""|(?P<bracket>[\[\]{}])""",
    re.DOTALL,
)
_MEASURE = re.compile(r"\s*([-+]?\d{1,9}(?:[.,]\d{0,9})?)\s*(°|[a-z]*)\.?\s*", re.IGNORECASE)
_METRES = {"": 1.0, "m": 1.0, "meter": 1.0, "meters": 1.0, "metre": 1.0, "metres": 1.0, "cm": 0.01, "mm": 0.001}
_DEGREES = {"": 1.0, "°": 1.0, "deg": 1.0, "degree": 1.0, "degrees": 1.0}
_THINK_TAG = re.compile(r"<(/?)think>", re.IGNORECASE)
_ANSWER_TAG = re.compile(r"<answer>", re.IGNORECASE)
_NO_THOUGHT = re.compile(r"</?(?:think|answer)>|```\w*\s*$", re.IGNORECASE)

NO_TAGS = "Write the list between <answer> and </answer>."
UNCLOSED = "Close the thought with </think>."
FENCE = "Write the list without a code fence."
NO_LIST = "Write all placements in one list."
UNITS = "Write numbers without units."
_SYNTAX = {
    "comma": "Write no comma before a closing bracket.",
    "comment": "Write no comments into the list.",
    "quoted": "Write texts in double quotes.",
    "measure": UNITS,
}


def read_loosely(text: str, task: Task, previous: Layout | None = None) -> Answer:
    """Parse an answer as `read_answer` does; one that it cannot use also in other forms. The better grade counts."""
    asked = read_answer(text, task, previous)
    if asked.status == "ok" or len(text) > LONGEST_ANSWER:
        return asked
    found = _find_placements(text)
    if found is None:
        return asked
    start, placements, errors = found
    errors += _form_errors(text, start)
    loose = read_answer(f"<answer>{json.dumps(placements)}</answer>", task, previous)
    grade = loose.grade * TOLERATED ** len(errors)
    if loose.status != "ok" and grade <= asked.grade:
        return asked
    think = _NO_THOUGHT.sub("", text[:start]).strip()
    return replace(loose, grade=grade, problems=(*loose.problems, *errors), think=think)


def _form_errors(text: str, start: int) -> list[str]:
    """What is wrong with the text around a list that begins at `start`."""
    before = text[:start]
    thoughts = _THINK_TAG.findall(before)
    return [
        *([NO_TAGS] if not _ANSWER_TAG.search(before) else []),
        *([UNCLOSED] if thoughts and not thoughts[-1] else []),
        *([FENCE] if before.count("```") % 2 else []),
    ]


def _find_placements(text: str) -> tuple[int, list[Any], list[str]] | None:
    """Where the list of placements that counts begins in the text, the list, and its format errors."""
    listed: tuple[int, list[Any], list[str]] | None = None
    single: dict[str, Any] = {}
    first, single_errors = -1, [NO_LIST]
    at, left = 0, SCANS * len(text)
    while left > 0 and (begin := _START.search(text, at)):
        end, value, errors = _value(text, begin.start())
        left -= end - begin.start()
        at = begin.start() + 1
        if isinstance(value, list) and _are_placements(value):
            if value or listed is None:
                listed = begin.start(), value, errors
            at = end
        elif isinstance(value, dict):
            first = begin.start() if first < 0 else first
            single[str(value.get("id"))] = value
            single_errors += [error for error in errors if error not in single_errors]
            at = end
    if listed is not None and (listed[1] or not single):
        return listed
    return (first, list(single.values()), single_errors) if single else None


def _are_placements(value: list[Any]) -> bool:
    return all(isinstance(entry, dict) and isinstance(entry.get("id"), str) for entry in value)


def _value(text: str, start: int) -> tuple[int, Any, list[str]]:
    """The JSON value that begins at `start`, with syntax errors repaired: where it ends, the value (None where it is
    none), and the errors."""
    pieces, errors, depth, copied = [], dict[str, None](), 0, start
    for token in _TOKEN.finditer(text, start):
        kind, end = str(token.lastgroup), token.end()
        if kind in _SYNTAX:
            errors[_SYNTAX[kind]] = None
            written = json.dumps(token[0].strip("'")) if kind in ("quoted", "measure") else ""
            pieces += [text[copied : token.start()], written]
            copied = end
        elif kind == "bracket":
            depth += 1 if token[0] in "[{" else -1
            if depth > DEEPEST:
                break
            if depth == 0:
                value = _parsed("".join((*pieces, text[copied:end])))
                for entry in value if isinstance(value, list) else [value]:
                    if isinstance(entry, dict) and _without_units(entry):
                        errors[UNITS] = None
                return end, value, list(errors)
    else:
        end = len(text)
    return end, None, []


def _parsed(body: str) -> Any:
    try:
        return json.loads(body, strict=False, parse_int=parse_number, parse_float=parse_number)
    except ValueError:
        return None


def _without_units(entry: dict[str, Any]) -> bool:
    """Replace texts such as "1.2 m" by numbers, in metres and degrees. Returns whether there were any."""
    changed = False
    for key, units in (("x", _METRES), ("y", _METRES), ("z", _METRES), ("yaw", _DEGREES)):
        value = entry.get(key)
        match = _MEASURE.fullmatch(value) if isinstance(value, str) else None
        if match is not None and match[2].lower() in units:
            entry[key] = float(match[1].replace(",", ".")) * units[match[2].lower()]
            changed = True
    return changed
