"""Converters of public inputs, which are kept outside the repository, into tasks of ours."""

from __future__ import annotations

import csv
from pathlib import Path

from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.reading import read_json
from metaspatial_addon.core.task import Task, task_from_json, task_to_json

from .layoutgpt import layoutgpt_tasks
from .r3l import r3l_task
from .sceneeval import sceneeval_tasks


def public_tasks(path: Path) -> list[Task]:
    """The tasks of a public file, told by its form: lists that LayoutGPT laid out (.json), a problem of R3L (.json), or
    rows of SceneEval (.csv). Raises InputError."""
    try:
        tasks = _converted(path)
    except InputError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, csv.Error) as error:
        raise InputError(path, "", f"the fields of such a file ({type(error).__name__}: {error})") from error
    return [task_from_json(task_to_json(task), f"{path}: {task.id}") for task in tasks]  # within the limits of a task


def _converted(path: Path) -> list[Task]:
    if path.suffix == ".csv":
        return sceneeval_tasks(path)
    data = read_json(path)
    if isinstance(data, dict) and "constr_json" in data:
        return [r3l_task(path)]
    if isinstance(data, list) and data and isinstance(data[0], dict) and "object_list" in data[0]:
        return layoutgpt_tasks(path)
    raise InputError(path, "", "lists of LayoutGPT, a problem of R3L or rows of SceneEval")
