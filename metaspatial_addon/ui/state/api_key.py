"""The key of a model server. It lives in the environment or in a file of its own that only this user may read.

Blender writes every other preference, passwords too, in clear to a file that anybody on the machine may read.
"""

from __future__ import annotations

import os
from pathlib import Path

from .folders import user_folder, write_private

VARIABLE = "METASPATIAL_API_KEY"
"""Environment variable that wins over the file; the worker gets the key by it as well."""

_stored = ""


def _path() -> Path:
    return user_folder() / "key"


def from_environment() -> bool:
    """Whether the key comes from the environment."""
    return bool(os.environ.get(VARIABLE))


def read_key() -> str:
    """The key that is used: the environment's, else the one in the file; "" where there is none.

    Reads the file anew: another Blender may have changed it.
    """
    load()
    return os.environ.get(VARIABLE) or _stored


def stored_key() -> str:
    """The key in the file, as it was last read or written; panels ask for it while they draw."""
    return _stored


def load() -> None:
    """Read the file. Where there is none, or it cannot be read, there is no key."""
    global _stored
    try:
        _stored = _path().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        _stored = ""


def store_key(key: str) -> None:
    """Keep a key; the empty one removes the file. Raises OSError."""
    global _stored
    key = key.strip()
    if key:
        write_private(_path(), key)
    else:
        _path().unlink(missing_ok=True)
    _stored = key


register = load


def unregister() -> None:
    global _stored
    _stored = ""
