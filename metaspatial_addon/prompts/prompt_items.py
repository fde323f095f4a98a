"""The items that a prompt lists: all that are not locked, and a limited number of locked ones.

A scene may hold hundreds of locked objects. All of them count in physics and are visible in the images.
"""

from __future__ import annotations

from ..core.task import Item, Task

MAX_LOCKED_IN_PROMPT = 24
"""Most locked items that a prompt lists."""


def prompt_items(task: Task) -> tuple[Item, ...]:
    """The listed items in the task's order.

    Of more locked items than MAX_LOCKED_IN_PROMPT those are listed that a relation names, then those on the floor with
    the largest footprints, then items on other items, walls or the ceiling, then coverings.
    """
    locked = task.locked
    if len(locked) <= MAX_LOCKED_IN_PROMPT:
        return task.items
    related = {item_id for relation in task.relations for item_id in (relation.subject, relation.object)}

    def rank(item: Item) -> tuple[bool, bool, bool, float]:
        return item.id not in related, item.covering, item.mount != "floor", -item.size[0] * item.size[1]

    kept = {item.id for item in sorted(locked, key=rank)[:MAX_LOCKED_IN_PROMPT]}
    return tuple(item for item in task.items if not item.locked or item.id in kept)
