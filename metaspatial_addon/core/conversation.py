"""The conversation between a policy and an episode."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .task import Layout, Task


@dataclass(frozen=True)
class Message:
    """One message of a conversation; `images` are PNG files in memory.

    `task`, `layout` and `score` are what a question is about: the task, the layout that stands (None before the first
    answer) and the JSON of its score. They are for policies that reason with geometry; no model reads them.
    """

    role: str
    text: str
    images: tuple[bytes, ...] = ()
    task: Task | None = field(default=None, compare=False, repr=False)
    layout: Layout | None = field(default=None, compare=False, repr=False)
    score: dict[str, Any] | None = field(default=None, compare=False, repr=False)


Conversation = tuple[Message, ...]
