"""Terms of the reward that a user adds to the built-in ones: functions of a task, its layout and the evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..core.errors import InputError
from ..core.evidence import Evidence
from ..core.task import Layout, Task

TermFunction = Callable[[Task, Layout, Evidence], float]
"""Returns a number from 0 to 1, 1 at best."""


@dataclass(frozen=True)
class UserTerm:
    """A term with its weight among those of `Weights`. `source` says where the function is from, for errors."""

    name: str
    weight: float
    function: TermFunction
    source: str

    def of(self, task: Task, layout: Layout, evidence: Evidence) -> float:
        """The term's value. Raises InputError where the function fails, or returns something else than a number from
        0 to 1."""
        try:
            value = float(self.function(task, layout, evidence))
        except Exception as error:
            raise InputError(
                self.source, self.name, f"a function that returns a number, for {task.id} too ({_named(error)})"
            ) from error
        if not 0.0 <= value <= 1.0:
            raise InputError(self.source, self.name, f"a number from 0 to 1 for {task.id}", value)
        return value


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
