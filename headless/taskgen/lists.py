"""What stands in which room: draws the list of items for a task from the furniture catalogue."""

from __future__ import annotations

import functools
from pathlib import Path
from random import Random
from typing import Any

from metaspatial_addon.core.task import Item, read_json
from metaspatial_addon.prompts.vocabulary import CATEGORIES

CATALOG = Path(__file__).resolve().parents[2] / "assets" / "furniture" / "catalog.json"

# (category, chance, most of them). The first ones make the room what it is.
WANTED: dict[str, tuple[tuple[str, float, int], ...]] = {
    "bedroom": (
        ("double bed", 0.75, 1),
        ("single bed", 0.3, 1),
        ("nightstand", 0.85, 2),
        ("wardrobe", 0.75, 2),
        ("dresser", 0.45, 1),
        ("desk", 0.35, 1),
        ("office chair", 0.3, 1),
        ("vanity table", 0.15, 1),
        ("armchair", 0.2, 1),
        ("bench", 0.15, 1),
        ("floor mirror", 0.25, 1),
        ("bookcase", 0.2, 1),
        ("tv stand", 0.12, 1),
        ("tv", 0.12, 1),
        ("rug", 0.4, 1),
        ("plant", 0.35, 1),
        ("table lamp", 0.5, 2),
        ("laptop", 0.15, 1),
        ("books", 0.2, 1),
        ("vase", 0.1, 1),
        ("picture", 0.4, 2),
        ("wall shelf", 0.12, 1),
        ("ceiling lamp", 0.4, 1),
    ),
    "living room": (
        ("sofa", 0.9, 1),
        ("loveseat", 0.25, 1),
        ("armchair", 0.5, 2),
        ("coffee table", 0.75, 1),
        ("tv stand", 0.65, 1),
        ("tv", 0.6, 1),
        ("bookcase", 0.5, 2),
        ("sideboard", 0.3, 1),
        ("side table", 0.35, 2),
        ("floor lamp", 0.45, 1),
        ("ottoman", 0.2, 1),
        ("desk", 0.12, 1),
        ("office chair", 0.12, 1),
        ("rug", 0.5, 1),
        ("round rug", 0.1, 1),
        ("plant", 0.5, 2),
        ("potted plant", 0.2, 1),
        ("table lamp", 0.2, 1),
        ("vase", 0.3, 1),
        ("books", 0.3, 1),
        ("picture", 0.45, 2),
        ("clock", 0.2, 1),
        ("wall shelf", 0.12, 1),
        ("ceiling lamp", 0.35, 1),
    ),
    "dining room": (
        ("dining table", 1.0, 1),
        ("dining chair", 0.97, 6),
        ("sideboard", 0.5, 1),
        ("china cabinet", 0.45, 1),
        ("bar cart", 0.3, 1),
        ("console table", 0.15, 1),
        ("plant", 0.4, 2),
        ("rug", 0.25, 1),
        ("vase", 0.4, 1),
        ("fruit bowl", 0.35, 1),
        ("table lamp", 0.12, 1),
        ("picture", 0.4, 2),
        ("mirror", 0.1, 1),
        ("clock", 0.2, 1),
        ("pendant lamp", 0.5, 1),
    ),
    "kitchen": (
        ("fridge", 0.85, 1),
        ("sink unit", 0.9, 1),
        ("stove", 0.85, 1),
        ("dishwasher", 0.4, 1),
        ("kitchen counter", 0.8, 3),
        ("kitchen island", 0.25, 1),
        ("bar stool", 0.25, 2),
        ("dining table", 0.25, 1),
        ("dining chair", 0.25, 4),
        ("trash bin", 0.45, 1),
        ("microwave", 0.4, 1),
        ("coffee machine", 0.35, 1),
        ("fruit bowl", 0.25, 1),
        ("potted plant", 0.15, 1),
        ("range hood", 0.4, 1),
        ("wall cabinet", 0.4, 2),
        ("clock", 0.25, 1),
        ("ceiling lamp", 0.3, 1),
        ("pendant lamp", 0.12, 1),
    ),
    "bathroom": (
        ("bathtub", 0.5, 1),
        ("shower cabin", 0.5, 1),
        ("toilet", 0.95, 1),
        ("washbasin", 0.95, 1),
        ("washing machine", 0.4, 1),
        ("laundry basket", 0.45, 1),
        ("plant", 0.2, 1),
        ("rug", 0.2, 1),
        ("mirror", 0.6, 1),
        ("bathroom cabinet", 0.35, 1),
        ("towel rack", 0.4, 1),
        ("trash bin", 0.25, 1),
        ("ceiling lamp", 0.4, 1),
    ),
    "office": (
        ("desk", 1.0, 2),
        ("office chair", 0.95, 2),
        ("bookcase", 0.65, 2),
        ("filing cabinet", 0.5, 2),
        ("sofa", 0.12, 1),
        ("armchair", 0.2, 1),
        ("side table", 0.15, 1),
        ("floor lamp", 0.25, 1),
        ("monitor", 0.6, 2),
        ("laptop", 0.35, 1),
        ("printer", 0.35, 1),
        ("table lamp", 0.25, 1),
        ("books", 0.25, 1),
        ("plant", 0.45, 2),
        ("potted plant", 0.2, 1),
        ("rug", 0.25, 1),
        ("whiteboard", 0.35, 1),
        ("picture", 0.25, 1),
        ("clock", 0.25, 1),
        ("wall shelf", 0.2, 1),
        ("trash bin", 0.3, 1),
        ("ceiling lamp", 0.3, 1),
    ),
    "children's room": (
        ("bunk bed", 0.35, 1),
        ("single bed", 0.5, 1),
        ("crib", 0.25, 1),
        ("nightstand", 0.3, 1),
        ("wardrobe", 0.5, 1),
        ("dresser", 0.3, 1),
        ("desk", 0.3, 1),
        ("office chair", 0.25, 1),
        ("play table", 0.4, 1),
        ("kids chair", 0.4, 2),
        ("toy box", 0.6, 2),
        ("rocking horse", 0.3, 1),
        ("bookcase", 0.4, 1),
        ("round rug", 0.35, 1),
        ("rug", 0.2, 1),
        ("table lamp", 0.3, 1),
        ("books", 0.25, 1),
        ("picture", 0.35, 2),
        ("wall shelf", 0.2, 1),
        ("ceiling lamp", 0.35, 1),
    ),
    "hallway": (
        ("console table", 0.6, 1),
        ("shoe rack", 0.7, 1),
        ("wardrobe", 0.4, 1),
        ("bench", 0.4, 1),
        ("coat rack", 0.5, 1),
        ("umbrella stand", 0.45, 1),
        ("floor mirror", 0.3, 1),
        ("plant", 0.35, 1),
        ("rug", 0.4, 1),
        ("vase", 0.3, 1),
        ("table lamp", 0.25, 1),
        ("mirror", 0.4, 1),
        ("picture", 0.4, 2),
        ("clock", 0.2, 1),
        ("ceiling lamp", 0.4, 1),
    ),
}
# Things that no catalogue knows: boxes of these widths, depths and heights.
ODD_THINGS = {
    "aquarium": (1.0, 0.4, 1.2),
    "treadmill": (0.8, 1.7, 1.3),
    "easel": (0.7, 0.6, 1.6),
    "drum kit": (1.5, 1.2, 1.1),
    "moving crate": (0.6, 0.4, 0.4),
    "sewing machine": (0.9, 0.5, 0.8),
    "dog crate": (0.9, 0.6, 0.65),
    "piano": (1.45, 0.6, 1.2),
    "air purifier": (0.35, 0.35, 0.6),
    "suitcase": (0.5, 0.3, 0.75),
    "safe": (0.5, 0.5, 0.6),
    "radiator": (1.0, 0.15, 0.6),
    "exercise bike": (0.55, 1.1, 1.2),
    "bird cage": (0.5, 0.5, 1.4),
}
ODD_CHANCE = 0.06
PLACING_ORDER = {category: rank for rank, category in enumerate(CATEGORIES)}


@functools.cache
def catalog() -> dict[str, list[dict[str, Any]]]:
    """The catalogue's assets by category."""
    by_category: dict[str, list[dict[str, Any]]] = {}
    for asset in read_json(CATALOG)["assets"]:
        by_category.setdefault(asset["category"], []).append(asset)
    return by_category


def new_item(asset: dict[str, Any], number: int) -> Item:
    """The `number`-th item of an asset's category."""
    return Item(
        id=f"{asset['category'].replace(' ', '_')}_{number}",
        category=asset["category"],
        size=tuple(asset["size"]),
        mount=asset["mount"],
        asset=asset["name"],
        covering=asset["covering"],
    )


def draw_items(room_type: str, rng: Random, least: int = 4, most: int = 16) -> list[Item]:
    """Between `least` and `most` items for a room of that type, in placing order."""
    drawn: list[str] = []
    for category, chance, count in WANTED[room_type]:
        if rng.random() < chance:
            drawn += [category] * rng.randint(1, count)
    target = min(most, max(least, round(rng.gauss(8.0, 3.0))))
    while len(drawn) > target:
        # Pieces that make the room what it is go last: the later in the list, the likelier to go.
        drawn.pop(max(rng.randrange(len(drawn)) for _ in range(2)))
    spare = [c for c, _, count in WANTED[room_type] for _ in range(count - drawn.count(c))]
    if len(drawn) < target:
        drawn += rng.sample(spare, min(target - len(drawn), len(spare)))
    variants = {category: rng.choice(catalog()[category]) for category in dict.fromkeys(drawn)}
    if rng.random() < ODD_CHANCE:
        name, size = rng.choice(sorted(ODD_THINGS.items()))
        variants[name] = {"category": name, "size": size, "mount": "floor", "name": None, "covering": False}
        drawn[-1] = name
    numbers: dict[str, int] = {}
    items = []
    for category in sorted(drawn, key=lambda c: PLACING_ORDER.get(c, PLACING_ORDER["thing"])):
        numbers[category] = numbers.get(category, 0) + 1
        items.append(new_item(variants[category], numbers[category]))
    return items


@functools.cache
def carriers() -> frozenset[str]:
    """Names of the assets with a flat top."""
    return frozenset(asset["name"] for assets in catalog().values() for asset in assets if asset.get("carries"))
