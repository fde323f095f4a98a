"""The order in which the embedded model places items."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.furniture import FURNITURE, UNKNOWN, Category
from ..core.task import Item
from . import vocabulary as v


def placing_order(items: Sequence[Item]) -> list[tuple[Item, Category]]:
    """Items in the order in which the model places them, each with its row: on the floor what belongs to nothing by
    its rank, each kind followed by the kinds that belong to it; then coverings, tops, walls, ceiling. Of a kind the
    largest come first."""
    found = {item.id: FURNITURE.kind_of(item.category, item.size) for item in items}
    kinds = {item_id: row if row.known else FURNITURE.categories[UNKNOWN] for item_id, row in found.items()}
    standing = {kinds[item.id].name for item in items if item.mount == "floor" and not item.covering}
    rows = sorted((FURNITURE.categories[name] for name in standing), key=lambda r: (r.rank, v.CATEGORIES.index(r.name)))
    children: dict[str, list[str]] = {}
    for row in rows:
        host = None if row.way == "run" else next((name for name in row.hosts if name in standing), None)
        children.setdefault("" if host in (None, row.name) else str(host), []).append(row.name)
    order: dict[str, int] = {}

    def visit(name: str) -> None:
        for child in children.get(name, ()):
            if child not in order:
                order[child] = len(order)
                visit(child)

    visit("")
    for row in rows:  # those of a circle of hosts
        order.setdefault(row.name, len(order))

    def key(item: Item) -> tuple[int, int, float]:
        layer = 1 if item.covering else ("floor", "", "surface", "wall", "ceiling").index(item.mount)
        name = kinds[item.id].name
        return layer, order[name] if layer == 0 else v.CATEGORIES.index(name), -item.size[0] * item.size[1]

    return [(item, kinds[item.id]) for item in sorted(items, key=key)]
