"""The conversation between a policy and an episode."""

from __future__ import annotations

from dataclasses import dataclass, field

from .task import Layout, Task


@dataclass(frozen=True)
class Message:
    """One message of a conversation; `images` are PNG files in memory.

    `task` and `layout` are what a question is about: the task, and the layout that stands (None before the first
    answer). They are for policies that reason with geometry; no model reads them.
    """

    role: str
    text: str
    images: tuple[bytes, ...] = ()
    task: Task | None = field(default=None, compare=False, repr=False)
    layout: Layout | None = field(default=None, compare=False, repr=False)


Conversation = tuple[Message, ...]
