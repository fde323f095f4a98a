"""Files of tasks: lines of tasks and layouts as tasks.py writes them, what artists made of layouts, and the files of
other projects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.feedback import Feedback, feedback_from_json
from metaspatial_addon.core.reading import parse_json, read_lines
from metaspatial_addon.core.task import Layout, Task, layout_from_json, task_from_json

from .public import public_tasks


def read_pairs(path: str) -> list[tuple[Task, Layout]]:
    """Read the tasks of a file with their known layouts, those of a public file with empty ones.

    Raises InputError that names the line.
    """
    if Path(path).suffix in (".json", ".csv"):
        return [(task, Layout(task.id)) for task in public_tasks(Path(path))]
    pairs: dict[str, tuple[Task, Layout]] = {}
    for source, data in _parsed_lines(path):
        if not isinstance(data, dict) or not {"task", "layout"} <= data.keys():
            raise InputError(source, "", "an object with task and layout")
        task = task_from_json(data["task"], f"{source}: task")
        if task.id in pairs:
            raise InputError(source, "task.id", "an id used once", task.id)
        pairs[task.id] = task, layout_from_json(data["layout"], f"{source}: layout")
    return list(pairs.values())


def read_feedback(path: str) -> list[Feedback]:
    """Read what artists made of layouts. Raises InputError that names the line."""
    return [feedback_from_json(data, source) for source, data in _parsed_lines(path)]


def _parsed_lines(path: str) -> list[tuple[str, Any]]:
    """The parsed lines of a file, each with its name for messages. Raises InputError, for a file without lines too."""
    try:
        with open(path, "rb") as file:
            lines = [(f"{path}, line {number}", line) for number, line in read_lines(file, path)]
    except OSError as error:
        raise InputError(path, "", f"a readable file ({error.strerror})") from error
    if not lines:
        raise InputError(path, "", "at least one line")
    return [(source, parse_json(line, source)) for source, line in lines]
