"""Wishes of a prompt on the command line."""

from __future__ import annotations

from headless import cli
from metaspatial_addon.core.task import Task
from metaspatial_addon.prompts.wishes.task import task_with_prompt_wishes, wish_words


def with_prompt_wishes(task: Task) -> Task:
    """The task with what its prompt asks for as relations; says what was read and what was not understood.

    A task that has relations keeps its own alone.
    """
    asked, wishes, not_understood = task_with_prompt_wishes(task)
    if wishes:
        cli.progress("wishes: " + "; ".join(map(wish_words, wishes)))
    for words in not_understood:
        cli.progress(f'not understood: "{words.phrase}" ({words.reason})')
    return asked
