"""What the newest version brought, from CHANGELOG.md, and whether this user has yet to be told of it.

The changelog is read when the add-on registers. The version that was last seen is in a small file of this user's.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import NamedTuple

from .folders import user_folder, write_private

CHANGELOG = Path(__file__).parents[3] / "CHANGELOG.md"
_HEADING = re.compile(r"^## (\S+).*$", re.MULTILINE)


class Entry(NamedTuple):
    """A version of the changelog, and what it brought, a sentence or more for each point."""

    version: str
    points: tuple[str, ...]


newest: Entry | None = None
"""The changelog's newest entry; None where there is no changelog that can be read."""
_seen = ""


def newest_entry(changelog: str) -> Entry | None:
    """The first entry of a changelog: a heading such as `## 1.2.3`, then points that begin with a dash."""
    heading = _HEADING.search(changelog)
    if heading is None:
        return None
    body = changelog[heading.end() :].partition("\n## ")[0]
    points = (" ".join(point.split()).replace("`", "") for point in re.split(r"^- ", body, flags=re.MULTILINE))
    return Entry(heading[1], tuple(point for point in points if point))


def unseen() -> Entry | None:
    """The newest entry, if the add-on was updated and this user has not dismissed the notice yet."""
    return newest if newest is not None and newest.version != _seen else None


def dismiss() -> None:
    """Keep in mind that this user knows of the newest version. Where that cannot be written, for this session alone."""
    global _seen
    if newest is not None:
        _seen = newest.version
        with contextlib.suppress(OSError):
            write_private(_path(), _seen)


def _path() -> Path:
    return user_folder() / "version"


def register() -> None:
    """Read the changelog and the version last seen. After the first installation there is nothing to tell."""
    global newest, _seen
    newest, _seen = None, ""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        newest = newest_entry(CHANGELOG.read_text(encoding="utf-8"))
    try:
        _seen = _path().read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        dismiss()
    except (OSError, UnicodeDecodeError):
        _seen = newest.version if newest is not None else ""


def unregister() -> None:
    global newest, _seen
    newest, _seen = None, ""
