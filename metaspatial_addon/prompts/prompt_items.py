"""Which items a question tells: all that move, and not more of the locked ones than a model can take in.

An artist's scene may hold hundreds of objects that stay. All of them count in physics and show in the pictures.
"""

from __future__ import annotations

from ..core.task import Item, Task

MAX_LOCKED_IN_PROMPT = 24
"""Locked items that a question tells at most."""


def prompt_items(task: Task) -> tuple[Item, ...]:
    """The items in the task's order: locked ones that a relation names first, then what stands on the floor, the
    largest footprints first, then what stands on other items or hangs, then coverings."""
    locked = task.locked
    if len(locked) <= MAX_LOCKED_IN_PROMPT:
        return task.items
    related = {item_id for relation in task.relations for item_id in (relation.subject, relation.object)}

    def rank(item: Item) -> tuple[bool, bool, bool, float]:
        return item.id not in related, item.covering, item.mount != "floor", -item.size[0] * item.size[1]

    kept = {item.id for item in sorted(locked, key=rank)[:MAX_LOCKED_IN_PROMPT]}
    return tuple(item for item in task.items if not item.locked or item.id in kept)
