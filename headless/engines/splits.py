"""The tasks that engines ask for, by split and number."""

from __future__ import annotations

from headless.evaluation.task_files import read_pairs
from headless.taskgen.generators import GENERATORS
from headless.taskgen.make import SPLITS
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.task import Task

GENERATED = 2**31
"""Number of tasks in a split of a generator."""


class TaskSplits:
    """Tasks by split and index, from 0: those of a generator, "typical" or "wide", in the splits train, validation and
    test, which share none; or those of a file as tasks.py writes it, in the one split "file".

    `seed` is the generator's: with another one all its tasks are others. Raises InputError for a file that cannot be
    read.
    """

    def __init__(self, source: str = "typical", seed: int = 1):
        self._generate, self._seed, self._tasks = GENERATORS.get(source), seed, []
        if self._generate is None:
            self._tasks = [task for task, _ in read_pairs(source)]
        self.names: tuple[str, ...] = SPLITS if self._generate is not None else ("file",)

    def count(self, split: str) -> int:
        """Number of tasks of a split. Raises InputError for one that is not there."""
        if split not in self.names:
            raise InputError("reset", "split", f"one of {', '.join(self.names)}", split)
        return len(self._tasks) if self._generate is None else GENERATED

    def task(self, split: str, index: int) -> Task:
        """The task of a number. Raises InputError for a split, and IndexError for a number, that is not there."""
        count = self.count(split)
        if not 0 <= index < count:
            raise IndexError(f"index: expected a number from 0 to {count - 1}, got {index}")
        return self._tasks[index] if self._generate is None else self._generate(split, self._seed, index)[0]
