"""The tasks that a run plays and those that it is validated on: of a generator, or of a file."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from random import Random

from headless.evaluation.task_files import read_pairs
from headless.taskgen.generators import GENERATORS
from metaspatial_addon.core.errors import InputError
from metaspatial_addon.core.task import Task

from .config import TrainConfig
from .success import SuccessRates

FURTHER = 2**32
"""Added to the number of a generated task that is not played, for which another one is drawn."""
MOST_CANDIDATES = 10
"""Tasks of which one is played, with success rates: the last whatever its chance."""


class TaskSource:
    """The tasks of a run, by number: `source(k)`. `validation` are tasks that it never plays.

    Those of a file come in another order each time around; the validation's are drawn from it by the seed. Raises
    InputError for a file that cannot be read or has too few tasks.
    """

    def __init__(self, config: TrainConfig):
        self._source = config.tasks
        self._seed, kept = config.seed, config.validation.tasks if config.validation.every else 0
        self._generate = GENERATORS.get(config.tasks)
        self._tasks: list[Task] = []
        self.validation: list[Task] = []
        if self._generate is not None:
            self.validation = [self._generate("validation", config.seed, k)[0] for k in range(kept)]
            return
        tasks = [task for task, _ in read_pairs(config.tasks)]
        if len(tasks) <= kept:
            raise InputError(config.tasks, "", f"more than the {kept} tasks that validation.tasks keeps", len(tasks))
        Random(self._seed).shuffle(tasks)
        self.validation, self._tasks = tasks[:kept], tasks[kept:]

    def __call__(self, number: int, most_items: float = math.inf, success: SuccessRates | None = None) -> Task:
        """The task of a number, with at most so many items to place. With `success` each task is passed over, for
        another one, but for its kind's chance. Raises InputError where a file has none such."""
        candidates = self._candidates(number, most_items)
        if success is None:
            return next(candidates)
        draw = Random(f"{self._seed}/{number}/success")
        for task in itertools.islice(candidates, MOST_CANDIDATES - 1):
            if draw.random() < success.chance(task):
                return task
        return next(candidates)

    def _candidates(self, number: int, most_items: float) -> Iterator[Task]:
        """Tasks without end, the first that of the number, and others that may take its place."""
        if self._generate is not None:
            for k in itertools.count(number, FURTHER):
                task = self._generate("train", self._seed, k)[0]
                if len(task.movable) <= most_items:
                    yield task
        fitting = [task for task in self._tasks if len(task.movable) <= most_items]
        if not fitting:
            raise InputError(self._source, "items", f"a task with at most {most_items} items, as curriculum asks for")
        times, place = divmod(number, len(fitting))
        order = list(range(len(fitting)))
        Random(f"{self._seed}/{times}").shuffle(order)
        yield fitting[order[place]]
        others = Random(f"{self._seed}/{number}/others")
        while True:
            yield others.choice(fitting)
