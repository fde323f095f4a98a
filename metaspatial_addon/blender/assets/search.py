"""From Library: the assets that a prompt asks for, in our furniture library and in those of the artist.

Runs in the worker, which opens every .blend of those libraries only to read the names of its assets.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ...core.furniture import FURNITURE
from ...core.lexicon.lexicon import split_tokens
from ...prompts.names import base_name
from .library import LIBRARY_FOLDER, Asset, AssetLibrary
from .words import AssetWords, Wish, usual_items

OURS = "MetaSpatial"
"""The name of our furniture library in results."""

_OTHERS = 2
"""Assets of other libraries that are offered, unticked, beside the one that fits best."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LibraryAsset:
    """An asset of some library: `file` is empty for ours, `kind` is mesh, object or collection."""

    name: str
    library: str
    file: str
    kind: str


def find_assets(
    prompt: str, libraries: Iterable[Mapping[str, str]], progress: Callable[[float], None]
) -> list[dict[str, Any]]:
    """What a prompt asks for, as {category, count, name, library, file, kind, ticked}, in the prompt's order.

    `libraries`: the artist's asset libraries as {name, folder}. Of each thing the asset that fits best is ticked; those
    that other libraries have of it follow unticked. A prompt that names a room and no furniture gets the room's usual
    items; where it names both, they come last and unticked. What stands on another piece brings one, ticked, where
    none is wished for, with `reason` ("for the tv"). `progress` is called with the share done, in [0, 1].
    A library or file that cannot be read is left out with a line in the log.
    """
    catalog = list(AssetLibrary().assets.values())
    words = AssetWords(catalog)
    others = _read_libraries(libraries, progress)
    for asset in others:
        words.learn(asset.name)
    ours = [LibraryAsset(asset.name, OURS, "", "mesh") for asset in catalog]
    known = [(asset, words.meanings(asset.name)) for asset in [*ours, *others]]
    wishes = words.read(prompt)
    traits = frozenset(token.text for token in split_tokens(prompt))
    usual = usual_items(catalog, wishes.room) if wishes.room else []
    named = {wish.category for wish in wishes.items}
    rest = [wish for wish in usual if wish.category not in named | wishes.refused]
    categories = {asset.name: asset for asset in catalog}
    offers = []
    hosts = _missing_hosts(wishes.items if named else rest, wishes.refused)
    offered = [wish for wish in (*wishes.items, *rest) if wish.category not in hosts]
    for wish in (*offered, *(Wish(host, 1) for host in hosts)):
        ticked = not named or wish.category in named or wish.category in hosts
        for place, asset in enumerate(_matches(wish, known, categories, traits)[: 1 + _OTHERS]):
            offers.append(
                {
                    "category": wish.category,
                    "count": wish.count,
                    "name": asset.name,
                    "library": asset.library,
                    "file": asset.file,
                    "kind": asset.kind,
                    "ticked": ticked and place == 0,
                    **({"reason": f"for the {hosts[wish.category]}"} if wish.category in hosts else {}),
                }
            )
    return offers


def _missing_hosts(wishes: Iterable[Wish], refused: Container[str]) -> dict[str, str]:
    """What the wished things that stand on others lack to stand on, with the thing that needs it, by category."""
    wished = {wish.category for wish in wishes}
    missing: dict[str, str] = {}
    for category in sorted(wished):
        row = FURNITURE.categories.get(category)
        if row is None or row.mount != "surface":
            continue
        hosts = [host for host in row.hosts if host not in refused]
        if hosts and not (wished | missing.keys()) & set(row.hosts):
            missing[hosts[0]] = category
    return missing


def _read_libraries(libraries: Iterable[Mapping[str, str]], progress: Callable[[float], None]) -> list[LibraryAsset]:
    """The objects and collections that are assets in the artist's libraries; ours is not read again."""
    files = []
    for library in libraries:
        folder = Path(library["folder"])
        if not library["folder"] or not folder.is_dir():
            _log.warning("The folder of the asset library %s is missing", library["name"])
        elif folder.resolve() != LIBRARY_FOLDER.resolve():
            files += [(library["name"], path) for path in sorted(folder.rglob("*.blend")) if path.is_file()]
    assets = []
    for number, (name, path) in enumerate(files):
        progress(number / len(files))
        try:
            with bpy.data.libraries.load(str(path), assets_only=True) as (held, _):
                assets += [LibraryAsset(asset, name, str(path), "collection") for asset in held.collections]
                assets += [LibraryAsset(asset, name, str(path), "object") for asset in held.objects]
        except (OSError, RuntimeError, UnicodeError) as error:
            _log.warning("%s of the asset library %s cannot be read: %s", path.name, name, error)
    progress(1.0)
    return assets


def _matches(
    wish: Wish,
    known: Iterable[tuple[LibraryAsset, tuple[str, ...]]],
    catalog: Mapping[str, Asset],
    traits: frozenset[str],
) -> list[LibraryAsset]:
    """The best asset of each library that is what is wished for, the best of all first.

    What its name means first comes before what it may mean as well, then what has the traits that the prompt names; of
    equals, the artist's own, of those the plainest name, then the first.
    """
    best: dict[str, tuple[tuple[float, ...], LibraryAsset]] = {}
    for place, (asset, meanings) in enumerate(known):
        own = catalog.get(asset.name) if not asset.file else None
        if wish.category not in (meanings if own is None else (own.category,)):
            continue
        close = own is not None or meanings[0] == wish.category
        words = base_name(asset.name).split()
        own_traits = set(words) - set(wish.category.split())
        plainness = -own.weight if own is not None else len(words)
        rank = (not close, -len(own_traits & wish.traits), -len(own_traits & traits), not asset.file, plainness, place)
        if asset.library not in best or rank < best[asset.library][0]:
            best[asset.library] = rank, asset
    return [asset for _, asset in sorted(best.values(), key=lambda entry: entry[0])]
