"""The artist's wishes: read from the prompt into the scene's list, where they are ticked, changed and added by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from bpy.types import Object, PropertyGroup

from ...core.relation_words import relation_phrase
from ...prompts.wishes.reading import Wish, read_wishes
from ...prompts.wishes.walls import PLACES
from .item_cache import ListedItems


def read_prompt(settings: PropertyGroup, items: ListedItems) -> None:
    """Read the prompt of a scene's settings again, about these items.

    What was read before and is read again keeps its tick and what the artist made of it; what is by hand stays.
    """
    reading = read_wishes(settings.prompt, items.categories)
    read = {_key(wish): wish for wish in reading.wishes}
    for k in reversed(range(len(settings.wishes))):
        key = settings.wishes[k].read
        if key and key not in read:
            settings.wishes.remove(k)
        else:
            read.pop(key, None)
    for key, wish in read.items():
        entry = add(settings, wish.subject, wish.predicate, wish.object)
        entry.negated, entry.phrase, entry.read = wish.negated, wish.phrase, key
    left = [f"{words.phrase}: {words.reason}" for words in reading.not_understood] if items.roots else []
    settings.not_understood = "\n".join(left)
    settings.wish_index = min(settings.wish_index, max(len(settings.wishes) - 1, 0))


def _key(wish: Wish) -> str:
    """What tells a wish from others that were read."""
    return "|".join((wish.subject, wish.predicate, wish.object, str(wish.negated)))


def add(settings: PropertyGroup, subject: str, predicate: str, other: str) -> Any:
    """A new entry of the list."""
    entry = settings.wishes.add()
    entry.subject, entry.predicate, entry.object = subject, predicate, other
    return entry


def remove(settings: PropertyGroup, index: int) -> None:
    """Take a wish from the list. One that was read from the prompt is not read again as long as that says the same."""
    entry = settings.wishes[index]
    if entry.read:
        entry.removed = True
    else:
        settings.wishes.remove(index)
    settings.wish_index = max(index - 1, 0)


def shown(settings: PropertyGroup) -> list[Any]:
    """The entries that the artist sees."""
    return [entry for entry in settings.wishes if not entry.removed]


def words(entry: Any) -> str:
    """A wish in a few words."""
    return relation_phrase(entry.subject or "?", entry.predicate, entry.object or "?", entry.negated)


def is_complete(entry: Any, names: Iterable[str]) -> bool:
    """Whether a wish is about things that there are, given the items' names."""
    known = set(names)
    return entry.subject in known and entry.object in PLACES.get(entry.predicate, known - {entry.subject})


def requested(settings: PropertyGroup, roots: Sequence[Object]) -> list[dict[str, Any]]:
    """The ticked wishes about these items, as a request to the worker has them."""
    names = [root.name for root in roots]
    return [
        {
            "subject": entry.subject,
            "predicate": entry.predicate,
            "object": entry.object,
            "negated": entry.negated,
            "phrase": entry.phrase,
        }
        for entry in shown(settings)
        if entry.ticked and is_complete(entry, names)
    ]
