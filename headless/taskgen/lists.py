"""What stands in which room: draws the items of a task from the table of furniture and the library's catalog."""

from __future__ import annotations

import functools
from random import Random
from typing import Any

from metaspatial_addon.core.furniture import FURNITURE, Category
from metaspatial_addon.core.reading import read_json
from metaspatial_addon.core.shipped import ASSETS
from metaspatial_addon.core.task import Item

CATALOG = ASSETS / "furniture" / "catalog.json"
ODD_CHANCE = 0.06
"""Share of the rooms in which one item is of a category that fits anywhere and has no asset."""


@functools.cache
def catalog() -> dict[str, list[dict[str, Any]]]:
    """The entries of the library's catalog by category."""
    by_category: dict[str, list[dict[str, Any]]] = {}
    for asset in read_json(CATALOG)["assets"]:
        by_category.setdefault(asset["category"], []).append(asset)
    return by_category


@functools.cache
def carriers() -> frozenset[str]:
    """Names of the assets with a flat top, on which others may stand."""
    return frozenset(asset["name"] for assets in catalog().values() for asset in assets if asset["carries"])


def draw_items(room_type: str, rng: Random, least: int = 4, most: int = 16) -> list[Item]:
    """Between `least` and `most` items for a room of that type, in placing order."""
    uses = FURNITURE.used_in(room_type)
    drawn: list[str] = []
    for category, use in uses:
        if rng.random() < use.chance:
            drawn += [category.name] * rng.randint(1, use.most)
    target = min(most, max(least, round(rng.gauss(8.0, 3.0))))
    while len(drawn) > target:
        # Items that make the room what it is go last: the later in the list, the likelier to go.
        drawn.pop(max(rng.randrange(len(drawn)) for _ in range(2)))
    spare = [category.name for category, use in uses for _ in range(use.most - drawn.count(category.name))]
    if len(drawn) < target:
        drawn += rng.sample(spare, min(target - len(drawn), len(spare)))
    assets = {name: rng.choice(catalog()[name]) for name in dict.fromkeys(drawn) if name in catalog()}
    if rng.random() < ODD_CHANCE:
        drawn[-1] = rng.choice(sorted(name for name, row in FURNITURE.categories.items() if row.anywhere))
    numbers: dict[str, int] = {}
    items = []
    for name in sorted(drawn, key=list(FURNITURE.categories).index):
        numbers[name] = numbers.get(name, 0) + 1
        items.append(_new_item(FURNITURE.categories[name], assets.get(name), numbers[name]))
    return items


def _new_item(category: Category, asset: dict[str, Any] | None, number: int) -> Item:
    """The `number`-th item of a category; without an asset it is a box of the category's usual size."""
    return Item(
        id=f"{category.name.replace(' ', '_')}_{number}",
        category=category.name,
        size=category.usual_size if asset is None else tuple(asset["size"]),
        mount=category.mount,
        asset=None if asset is None else asset["name"],
        covering=category.covering,
    )
