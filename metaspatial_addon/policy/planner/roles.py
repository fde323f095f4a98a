"""What the planner knows of an item: its category's row in the table of furniture, or a guess from size and mount."""

from __future__ import annotations

from dataclasses import replace

from ...core.furniture import FURNITURE, UNKNOWN, Category
from ...core.task import Item

HIGH = 1.4
"""Metres from the floor to what hangs on a wall, where nothing is known."""
TOPS = tuple(
    name
    for name, row in FURNITURE.categories.items()
    if row.mount == "floor" and not row.covering and row.class_name in ("table", "storage") and row.height[0] < 1.2
)
"""Categories with a flat top that things may stand on, where nothing dearer is there."""
TABLES = frozenset(name for name, row in FURNITURE.categories.items() if row.class_name == "table")


def category_of(item: Item) -> Category:
    """The row of the item's category; a guess by its size where the table has none, or one of another mount."""
    row = FURNITURE.kind_of(item.category, item.size)
    if row.name != UNKNOWN and row.mount == item.mount:
        return row
    large = max(item.size[:2]) > 0.9
    guess = replace(FURNITURE.categories[UNKNOWN], hang_at=HIGH)
    return replace(guess, rank=3) if large else replace(guess, rank=5, way="corner", needs=())
