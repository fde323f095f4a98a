"""The generators of tasks by name: a split, a seed and a number give a task and a layout of it."""

from __future__ import annotations

from collections.abc import Callable

from metaspatial_addon.core.task import Layout, Task

from .make import make_task
from .wide import make_wide_task

Generator = Callable[[str, int, int], tuple[Task, Layout]]
GENERATORS: dict[str, Generator] = {"typical": make_task, "wide": make_wide_task}
