"""Wishes of a prompt on the command line."""

from __future__ import annotations

from collections.abc import Mapping

from headless import cli
from metaspatial_addon.core.task import Task
from metaspatial_addon.prompts.wishes.task import task_with_prompt_wishes, wish_words


def with_prompt_wishes(task: Task, carried: Mapping[str, tuple[str, str]]) -> Task:
    """The task with what its prompt asks for as relations; says what was read and what was not understood.

    A task that has relations keeps its own alone. `carried`: see `task_with_prompt_wishes`.
    """
    asked, wishes, not_understood = task_with_prompt_wishes(task, carried)
    if wishes:
        cli.progress("wishes: " + "; ".join(map(wish_words, wishes)))
    for words in not_understood:
        cli.progress(f'not understood: "{words.phrase}" ({words.reason})')
    return asked
